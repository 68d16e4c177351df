"""The tables' measures of embeddings, run by run, and their intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, Shaped
from numpy.typing import NDArray
from torch import Tensor

from paperlib import metrics
from reproduction import claims, statistics
from reproduction.statistics import Estimate
from reproduction.verdicts import Clusters, Part


def window_means(curve: Float[Tensor, " update"], *, num_windows: int) -> list[float]:
    """Means over equal parts of a learning curve, or the curve itself if it is shorter."""
    return [part.mean().item() for part in curve.tensor_split(num_windows) if len(part)]


def rise(curve: Sequence[float]) -> float:
    """Mean of the second half of a learning curve minus that of the first: about 0 if it is flat.

    Raises:
        ValueError: if there are fewer than two points.
    """
    half = len(curve) // 2
    if half == 0:
        raise ValueError(f"a curve of {len(curve)} points neither rises nor falls")
    return float(np.mean(curve[-half:]) - np.mean(curve[:half]))


def draw_of_each(
    agents: Int[Tensor, " episode"], *, max_per_agent: int, generator: torch.Generator
) -> Int[Tensor, " drawn"]:
    """Rows of at most ``max_per_agent`` random episodes of each agent."""
    order = torch.randperm(len(agents), generator=generator)
    own = [order[agents[order] == agent] for agent in agents.unique()]
    return torch.cat([rows[:max_per_agent] for rows in own])


def choose_episodes(
    agents: Int[Tensor, " episode"],
    *,
    num_agents: int,
    num_episodes: int,
    generator: torch.Generator,
) -> Int[Tensor, " chosen"]:
    """Draws some agents, and some episodes of each.

    Args:
        agents: the agent of each episode.
        num_agents: the most agents to draw.
        num_episodes: the most episodes to draw of each.
        generator: draws them.

    Returns:
        Indices into ``agents``, agent by agent.
    """
    ids = agents.unique()
    chosen = []
    for agent in ids[torch.randperm(len(ids), generator=generator)[:num_agents]].sort().values:
        own = (agents == agent).nonzero()[:, 0]
        chosen.append(own[torch.randperm(len(own), generator=generator)[:num_episodes]])
    return torch.cat(chosen)


def averaged_quality(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    generator: torch.Generator,
    num_labels: int | None = None,
) -> dict[str, float]:
    """`metrics.embedding_quality` of means over disjoint groups of an agent's episodes.

    Groups hold ``num_episodes``. Agents with fewer than two groups, or no more than ``num_labels``,
    are left out.

    Raises:
        ValueError: if fewer than two agents are left.
    """
    fewest = 1 + (num_labels or 1)  # groups
    enough = agents.bincount()[agents] >= fewest * num_episodes
    if len(agents[enough].unique()) < 2:
        raise ValueError(
            f"num_episodes: fewer than two agents have the {fewest} * {num_episodes} episodes that "
            f"{fewest} disjoint means take; the most is {agents.bincount().max()}"
        )
    groups = metrics.disjoint_averages(
        embeddings[enough], agents[enough], num_episodes=num_episodes, generator=generator
    )
    return metrics.embedding_quality(*groups, num_labels=num_labels)


def ratio_within(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    groups: Int[Tensor, " agent"],
) -> float:
    """IICR within each group of agents, averaged over groups with at least two agents; NaN if there
    is none.

    Args:
        embeddings: embeddings of episodes.
        agents: agent of each episode.
        groups: group of each agent, by its number.
    """
    ratios = []
    for group in groups[agents].unique():
        own = groups[agents] == group
        if len(agents[own].unique()) > 1:
            ratios.append(metrics.intra_inter_clustering_ratio(embeddings[own], agents[own]))
    return float(np.mean(ratios)) if ratios else float("nan")


def other_view(values: Shaped[Tensor, "episode ..."]) -> Shaped[Tensor, "episode ..."]:
    """The values of the opponent's view of each episode, where rows 2m and 2m + 1 are both views of
    one."""
    return values.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


def outcome_features(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> Float[Tensor, "episode both"]:
    """Features from which the outcome of each episode is predicted: mean embeddings of both of its
    agents, own and opponent, from other episodes.

    Args:
        embeddings: rows 2m and 2m + 1 are both views of one episode.
        agents: the agent whose view each row is.
        num_episodes: number of episodes in one mean.
        generator: draws them.
    """
    own = metrics.average_others(embeddings, agents, num_episodes=num_episodes, generator=generator)
    return torch.cat([own, other_view(own)], dim=-1)


def outcome_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Shares of test outcomes that a linear classifier and the most frequent training outcome
    predict.

    Args:
        train: features, (E, F), and outcomes, (E,).
        test: the same for test episodes.
    """
    features, outcomes = (part.numpy() for part in train)
    asked, truth = (part.numpy() for part in test)
    most = np.bincount(1 + outcomes).argmax() - 1
    return {
        "outcome": metrics.classifier_accuracy(features, outcomes, asked, truth),
        "majority": float((truth == most).mean()),
    }


def estimate(
    measured: Mapping[str, Sequence[float]],
    key: str,
    minus: str | None = None,
    *,
    clusters: Clusters | None = None,
) -> Estimate:
    """Mean over runs, or mean of a paired difference, with its 95 % interval by Student's t.

    Runs without a finite value are left out: a split may hold no group of two agents.

    Args:
        measured: numbers of all runs, by name.
        key: what to estimate.
        minus: what is subtracted, run by run.
        clusters: cluster of each run, see `statistics.cluster_means`.
    """
    numbers = _differences(measured, key, minus)
    finite = np.isfinite(numbers)
    kept = None if clusters is None else np.asarray(clusters)[finite]
    return statistics.t_interval(statistics.cluster_means(numbers[finite], kept))


def part(
    measured: Mapping[str, Sequence[float]],
    name: str,
    key: str,
    minus: str,
    expected: str = "greater",
    *,
    smallest_effect: str,
    clusters: Clusters | None = None,
) -> Part:
    """A part of a claim: the paired difference of two measures.

    Args:
        measured: numbers of all runs, by name.
        name: name of the part.
        key, minus: see `estimate`.
        expected: what the claim says of the difference: "greater" than zero, "less", or "equal".
        smallest_effect: a key of `claims.SMALLEST_EFFECTS`.
        clusters: cluster of each run.
    """
    delta = claims.smallest_effect(smallest_effect)
    return Part(name, _differences(measured, key, minus), delta, expected, clusters)


def _differences(
    measured: Mapping[str, Sequence[float]], key: str, minus: str | None
) -> NDArray[np.float64]:
    return np.array(measured[key]) - (0 if minus is None else np.array(measured[minus]))


def as_runs(
    measured: Mapping[str, Sequence[float]],
    seeds: Sequence[int],
    populations: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """Rows for `tables.save_runs`: one for each run and quantity.

    Args:
        measured: numbers of all runs, by name.
        seeds: seeds of the runs.
        populations: populations of the runs, if there are several.
    """
    runs = [{"seed": seed} for seed in seeds]
    if populations is not None:
        runs = [run | {"population": p} for run, p in zip(runs, populations, strict=True)]
    return [
        {**run, "quantity": name, "value": value}
        for name, values in measured.items()
        for run, value in zip(runs, values, strict=True)
    ]


def restored(saved: Any) -> Any:
    """Estimates as they were before they went through a results file, where each is a list and NaN
    is null: a single one, or objects and lists of them."""
    if isinstance(saved, Mapping):
        return {name: restored(item) for name, item in saved.items()}
    if any(isinstance(item, list) for item in saved):
        return [restored(item) for item in saved]
    return Estimate(*(np.nan if number is None else number for number in saved))
