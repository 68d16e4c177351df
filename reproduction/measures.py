"""What the tables measure of embeddings, run by run, and the intervals of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib import metrics
from reproduction import claims, verdicts
from reproduction.statistics import Estimate, cluster_means, t_interval


def draw_of_each(
    agents: Int[Tensor, " episode"], *, max_per_agent: int, generator: torch.Generator
) -> Int[Tensor, " drawn"]:
    """Rows of at most ``max_per_agent`` random episodes of each agent."""
    order = torch.randperm(len(agents), generator=generator)
    own = [order[agents[order] == agent] for agent in agents.unique()]
    return torch.cat([rows[:max_per_agent] for rows in own])


def averaged_quality(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> dict[str, float]:
    """`metrics.embedding_quality` of means over disjoint groups of ``num_episodes`` of one agent.

    Agents with fewer than two groups are left out.

    Raises:
        ValueError: if fewer than two agents are left.
    """
    enough = agents.bincount()[agents] >= 2 * num_episodes
    if len(agents[enough].unique()) < 2:
        raise ValueError(
            f"num_episodes: fewer than two agents have the 2 * {num_episodes} episodes that two "
            f"disjoint means take; the most is {agents.bincount().max()}"
        )
    groups = metrics.disjoint_averages(
        embeddings[enough], agents[enough], num_episodes=num_episodes, generator=generator
    )
    return metrics.embedding_quality(*groups)


def ratio_within(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    families: Int[Tensor, " agent"],
) -> float:
    """IICR within each family of agents, averaged over families with at least two agents; NaN if
    there is none.

    Args:
        embeddings: of episodes.
        agents: whose they are.
        families: of each agent, by its number.
    """
    ratios = []
    for family in families[agents].unique():
        own = families[agents] == family
        if len(agents[own].unique()) > 1:
            ratios.append(metrics.intra_inter_clustering_ratio(embeddings[own], agents[own]))
    return float(np.mean(ratios)) if ratios else float("nan")


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
        agents: whose view each row is.
        num_episodes: that one mean is taken over.
        generator: draws them.
    """
    own = metrics.average_others(embeddings, agents, num_episodes=num_episodes, generator=generator)
    opponent = own.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
    return torch.cat([own, opponent], dim=-1)


def outcome_accuracy(train: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Share of test outcomes that a linear classifier predicts, and that the most frequent training
    outcome does.

    Args:
        train: features, (E, F), and outcomes, (E,).
        test: the same of test episodes.
    """
    features, outcomes = (part.numpy() for part in train)
    asked, truth = (part.numpy() for part in test)
    most = np.bincount(1 + outcomes).argmax() - 1
    return {
        "outcome": metrics.classifier_accuracy(features, outcomes, asked, truth),
        "majority": float((truth == most).mean()),
    }


def over_seeds(
    measure: Callable[[str, str, int], Mapping[str, float]],
    *,
    kinds: Iterable[str],
    methods: Sequence[str],
    seeds: Sequence[int],
) -> dict[str, list[float]]:
    """Measures every kind of split, method and seed.

    Args:
        measure: of a kind, a method and a seed: numbers by name.

    Returns:
        The numbers of all seeds under "KIND METHOD NAME".
    """
    measured = {}
    for kind in kinds:
        for method in methods:
            found = [measure(kind, method, seed) for seed in seeds]
            for name in found[0]:
                measured[f"{kind} {method} {name}"] = [numbers[name] for numbers in found]
    return measured


def estimate(
    measured: Mapping[str, Sequence[float]],
    key: str,
    *,
    clusters: Sequence[int] | None = None,
) -> Estimate:
    """Mean over runs with its interval by Student's t.

    Runs without a finite value are left out: a split may hold no family of two agents.

    Args:
        measured: numbers of all runs, by name.
        key: what to estimate.
        clusters: of each run, see `statistics.cluster_means`.
    """
    numbers = np.array(measured[key], dtype=float)
    finite = np.isfinite(numbers)
    chosen = None if clusters is None else np.array(clusters)[finite]
    return t_interval(cluster_means(numbers[finite], chosen))


def part(
    measured: Mapping[str, Sequence[float]],
    name: str,
    *,
    key: str,
    minus: str,
    quantity: str,
    expected: str = "greater",
    clusters: Sequence[int] | None = None,
) -> verdicts.Part:
    """The part of a claim that compares two measures run by run.

    Args:
        measured: numbers of all runs, by name.
        name: of the part.
        key, minus: what is compared.
        quantity: one of `claims.SMALLEST_EFFECTS`.
        expected: by the claim, see `verdicts.Part`.
        clusters: of each run.
    """
    differences = np.subtract(measured[key], measured[minus])
    smallest_effect = claims.smallest_effect(quantity)
    return verdicts.Part(name, differences, smallest_effect, expected, clusters)


def as_runs(
    measured: Mapping[str, Sequence[float]], **columns: Sequence[Any]
) -> list[dict[str, Any]]:
    """Every number with its run, for `tables.save_runs`.

    Args:
        measured: numbers of all runs, by name.
        columns: what is known of each run, such as ``seed``.
    """
    return [
        {**{name: values[run] for name, values in columns.items()}, "measure": key, "value": number}
        for key, numbers in measured.items()
        for run, number in enumerate(numbers)
    ]


def restored(saved: Any) -> Any:
    """Estimates as they were before they went through a results file, where each is a list and NaN
    is null: a single one, or objects and lists of them."""
    if isinstance(saved, Mapping):
        return {name: restored(item) for name, item in saved.items()}
    if any(isinstance(item, list) for item in saved):
        return [restored(item) for item in saved]
    return Estimate(*(np.nan if number is None else number for number in saved))
