"""Table 1's measures of embeddings of wrestlers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering
from sklearn.preprocessing import StandardScaler
from torch import Tensor
from torch.nn import functional

from paperlib import graphs, metrics
from paperlib.agents.robosumo_features import egocentric
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.batches import in_parts, steps_before
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph, Split
from paperlib.streams import make_generator
from paperlib.training import Progress
from reproduction import comparison_files, measures, strengths
from reproduction.comparisons import Comparison
from reproduction.jobs import run_jobs
from reproduction.streams import Stream

OTHER_WEIGHTS = "untrained, other weights"  # exchangeable with "untrained": a negative control
SUMMARY_STATISTICS = "summary statistics"


def strong_split(seed: int, num_wrestlers: int, *, num_validation: int, num_test: int) -> Split:
    """Table 1's strong split of a seed: only edges within a part of the wrestlers are used."""
    return graphs.strong_split(
        InteractionGraph.complete(num_wrestlers),
        num_validation=num_validation,
        num_test=num_test,
        generator=make_generator(seed, Stream.TABLE_1_STRONG_SPLIT),
    )


def make_splits(
    seeds: Sequence[int],
    graph: InteractionGraph,
    *,
    train_fraction: float,
    num_validation: int,
    num_test: int,
) -> dict[tuple[str, int], Split]:
    """A "weak" and a "strong" split of each seed.

    Args:
        seeds: seeds of the splits.
        graph: all wrestlers, each connected to every other.
        train_fraction: training share of the edges in the weak split; the rest is halved.
        num_validation, num_test: wrestlers in these parts of the strong split.
    """
    found = {}
    for seed in seeds:
        draw = make_generator(seed, Stream.TABLE_1_WEAK_SPLIT)
        found["weak", seed] = graphs.weak_split(
            graph, train_fraction=train_fraction, generator=draw
        )
        found["strong", seed] = strong_split(
            seed, len(graph.agents), num_validation=num_validation, num_test=num_test
        )
    return found


def seen_by_robots(dataset: InteractionDataset) -> InteractionDataset:
    """The same episodes with `robosumo_features.egocentric` features as observations."""
    features = [
        egocentric(part.flatten(0, 1), "ant").unflatten(0, part.shape[:2])
        for part in in_parts(dataset.observations, dataset.observations.shape[1])
    ]
    return dataclasses.replace(dataset, observations=torch.cat(features))


def similar_wrestlers(
    styles: Mapping[str, Sequence[Sequence[float]]], *, num_groups: int
) -> Int[Tensor, " wrestler"]:
    """Groups of wrestlers with similar styles: Ward clusters (1963) of standardised statistics.

    Args:
        styles: values of each statistic, by name, (tournaments, wrestlers).
        num_groups: number of groups.
    """
    means = np.stack([np.mean(values, axis=0) for values in styles.values()], axis=1)
    scaled = StandardScaler().fit_transform(means)
    return torch.from_numpy(AgglomerativeClustering(num_groups).fit_predict(scaled))


def games_of_counts(counts: Mapping[str, Sequence[Sequence[int]]]) -> NDArray[np.int64]:
    """Games with these counts of how rows fared against columns: first player, second player,
    outcome (1, 0, -1), (M, 3)."""
    outcomes = {"won": 1, "drawn": 0, "lost": -1}
    games = [
        (first, second, outcome)
        for how, outcome in outcomes.items()
        for (first, second), number in np.ndenumerate(np.triu(counts[how], k=1))
        for _ in range(number)
    ]
    return np.array(games, dtype=np.int64).reshape(-1, 3)


@dataclasses.dataclass(frozen=True)
class Protocol:
    """How embeddings of wrestlers are measured.

    Attributes:
        groups: group of each wrestler, see `similar_wrestlers`.
        step_counts: how many first steps of a test episode an encoder sees; the last is the whole
            episode.
        episode_counts: how many episodes an embedding averages over.
        num_labels: embeddings of each agent that a probe is trained on.
    """

    groups: Int[Tensor, " wrestler"]
    step_counts: Sequence[int]
    episode_counts: Sequence[int]
    num_labels: int


def measure_all(
    comparison: Comparison,
    methods: Sequence[str],
    protocol: Protocol,
    *,
    seeds: Sequence[int],
    num_workers: int,
) -> dict[str, list[float]]:
    """Measures test episodes of all kinds of split, side by side.

    Args:
        comparison: comparison whose encoders were learned.
        methods: methods and references to measure.
        protocol: how they are measured.
        seeds: seeds to measure.
        num_workers: number of processes.

    Returns:
        The numbers of `measure` of all seeds, under "KIND METHOD NAME".
    """
    cases = list(product(comparison.kinds, methods, seeds))
    jobs = [
        {
            "episodes": comparison.episodes[seed],
            "split": comparison.splits[kind, seed],
            "model": _model(comparison, kind, method, seed),
            "protocol": protocol,
            "seed": seed,
        }
        for kind, method, seed in cases
    ]
    found = run_jobs(measure, jobs, num_workers=num_workers, units=len(jobs), name="measures")
    measured: dict[str, list[float]] = {}
    for (kind, method, _), numbers in zip(cases, found, strict=True):
        for name, number in numbers.items():
            measured.setdefault(f"{kind} {method} {name}", []).append(number)
    return measured


def _model(
    comparison: Comparison, kind: str, method: str, seed: int
) -> PolicyEmbedder | Path | None:
    if method == SUMMARY_STATISTICS:
        return None
    if method in ("untrained", OTHER_WEIGHTS):
        if method == OTHER_WEIGHTS:
            comparison = dataclasses.replace(comparison, untrained_stream=Stream.TABLE_1_CONTROL)
        return comparison.untrained(kind, seed)
    return comparison_files.encoder_path(comparison.folder, kind, method, seed)


def measure(
    *,
    episodes: Path,
    split: Split,
    model: PolicyEmbedder | Path | None,
    protocol: Protocol,
    seed: int,
    progress: Progress,
) -> dict[str, float]:
    """A job of `measure_all`: measures an encoder, or its file, or summary statistics.

    Returns:
        Under "MEASURE, S steps" `metrics.embedding_quality` of the first steps of one episode;
        under "MEASURE, E episodes" that of means over whole episodes, and the accuracy of predicted
        outcomes (`measures.outcome_accuracy`); under "outcome, same match" that accuracy
        from the embeddings of the match itself, a leak; and under "ratio within
        groups" IICR within groups of similar wrestlers.
    """
    dataset, _ = comparison_files.load_episodes(episodes)
    train, test = (dataset.rows_on_edges(part) for part in (split.train, split.test))
    agents, outcomes = dataset.agents, dataset.outcomes
    if model is None:  # all whole episodes: training and test matches have one scale
        whole = metrics.summary_statistics(dataset)
        learned, embedded = whole[train], whole[test]
    else:
        model = PolicyEmbedder.load(model) if isinstance(model, Path) else model
        learned, embedded = model.embed(dataset, train), model.embed(dataset, test)

    def quality(vectors: Tensor, count: int) -> dict[str, float]:
        return measures.averaged_quality(
            vectors,
            agents[test],
            num_episodes=count,
            generator=make_generator(seed, Stream.TABLE_1_AVERAGES),
            num_labels=protocol.num_labels,
        )

    def before_matches(vectors: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
        generator = make_generator(seed, Stream.TABLE_1_OTHER_EPISODES)
        options = {"num_episodes": count, "generator": generator}
        return measures.outcome_features(vectors, agents[rows], **options), outcomes[rows]

    found: dict[str, float] = {}
    for steps in protocol.step_counts[:-1]:
        seen = dataset.first_steps(steps)
        first = (
            metrics.summary_statistics(seen.select(test))
            if model is None
            else model.embed(seen, test)
        )
        found |= {f"{name}, {steps} steps": x for name, x in quality(first, 1).items()}
    last = protocol.step_counts[-1]
    found |= {f"{name}, {last} steps": x for name, x in quality(embedded, 1).items()}
    for count in protocol.episode_counts:
        numbers = quality(embedded, count) | measures.outcome_accuracy(
            before_matches(learned, train, count), before_matches(embedded, test, count)
        )
        found |= {f"{name}, {count} episodes": x for name, x in numbers.items()}
    both = (
        (torch.cat([v, measures.other_view(v)], dim=1), outcomes[rows])
        for v, rows in ((learned, train), (embedded, test))
    )
    found["outcome, same match"] = measures.outcome_accuracy(*both)["outcome"]
    found["ratio within groups"] = measures.ratio_within(embedded, agents[test], protocol.groups)
    progress(1)
    return found


def ceilings(
    comparison: Comparison, games: NDArray[np.int64], seeds: Sequence[int]
) -> dict[str, list[float]]:
    """Accuracy of test outcomes predicted from strengths, under "KIND strengths", of all seeds.

    Args:
        comparison: comparison whose test matches are predicted.
        games: games of the same wrestlers, from which their strengths come.
        seeds: seeds to measure.
    """
    found: dict[str, list[float]] = {}
    for kind, seed in product(comparison.kinds, seeds):
        dataset = comparison.datasets[seed]
        rows = dataset.rows_on_edges(comparison.splits[kind, seed].test)[::2]  # one view each
        columns = dataset.agents, dataset.partners, dataset.outcomes
        tested = np.stack([column[rows].numpy() for column in columns], axis=1)
        accuracy = strengths.accuracy_from_strengths(
            games, tested, num_players=1 + int(games[:, :2].max())
        )
        found.setdefault(f"{kind} strengths", []).append(accuracy)
    return found


@torch.no_grad()
def log_likelihoods(
    wrestlers: Sequence[Wrestler], dataset: InteractionDataset
) -> Float[Tensor, "episode wrestler"]:
    """How likely each wrestler's policy makes the actions of each episode: logarithms, (E, P).

    Actions were clipped to [-1, 1], so that a limit stands for all that lies beyond it.

    Args:
        wrestlers: reactive wrestlers.
        dataset: matches, with observations as the environment returns them.
    """
    within = steps_before(dataset.lengths, dataset.observations.shape[1])
    seen, actions = dataset.observations[within], dataset.actions[within].clamp(-1, 1)
    columns = []
    for wrestler in wrestlers:
        inputs, turns = wrestler.inputs(seen)
        network = wrestler.network
        normalized = network.normalizer(functional.pad(inputs, (0, wrestler.critic_size)))
        means = wrestler.front.torques(network.means(normalized), turns)
        stds = wrestler.front.torques(network.log_std.exp().expand_as(means), turns).abs()
        density = -((actions - means) / stds).square() / 2 - stds.log() - math.log(2 * math.pi) / 2
        beyond = torch.special.log_ndtr((actions * means - 1) / stds)
        steps = torch.zeros(within.shape)
        steps[within] = torch.where(actions.abs() < 1, density, beyond).sum(-1)
        columns.append(steps.sum(-1))
    return torch.stack(columns, dim=-1)
