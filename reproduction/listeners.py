"""Runs of ParticleWorld's tables: a population, its episodes and splits, and measures of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor

from paperlib import graphs, metrics
from paperlib.agents import populations
from paperlib.agents.populations import Population
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph, Split
from paperlib.streams import make_generator
from paperlib.training import Progress
from reproduction import comparison_files, measures, results
from reproduction.comparisons import REFERENCES, Comparison
from reproduction.jobs import run_jobs
from reproduction.streams import Stream


@dataclasses.dataclass(frozen=True)
class ListenerRun:
    """The random draws of one run of a table.

    Attributes:
        population: population whose pairs play.
        dataset: the episodes of every speaker with every listener, seen from the listener.
        splits: splits by kind: "weak", "strong" and "known"; see `make_run`.
    """

    population: Population
    dataset: InteractionDataset
    splits: dict[str, Split]

    @property
    def names(self) -> list[str]:
        """Names of the agents, by number."""
        pairs = range(self.population.num_pairs)
        return [f"{side} {pair}" for side in ("speaker", "listener") for pair in pairs]


def load_populations(folder: Path, count: int) -> list[Population]:
    """The first populations that the notebook ``population`` left in its folder.

    Raises:
        FileNotFoundError: if it left none.
        ValueError: if it left fewer, or a file is damaged.
    """
    paths = [folder / f"population_{number}.safetensors" for number in range(count)]
    for number, path in enumerate(paths):
        if paths[0].exists() and not path.exists():
            raise ValueError(
                f"num_populations: {results.shorten(folder)} holds no population {number}; run "
                "the notebook population with more of them"
            )
    return [Population.load(path) for path in paths]


def make_run(
    seed: int,
    *,
    population: Population,
    episodes_per_edge: int,
    num_validation: int,
    num_test: int,
) -> ListenerRun:
    """Draws the episodes and splits of one run.

    The weak split keeps one edge of every listener for test and one for validation; the strong one
    divides the pairs into three parts and uses only edges within a part. "known" has the strong
    split's validation and test graphs, and a training graph of the same size that includes the test
    listeners, with the training speakers.

    Args:
        seed: seed of the run.
        population: population whose pairs play.
        episodes_per_edge: episodes of every speaker with every listener.
        num_validation, num_test: pairs in those parts of the strong split.
    """
    count = population.num_pairs
    graph = InteractionGraph.bipartite(count, count)
    dataset = populations.collect(
        population,
        graph,
        num_episodes=episodes_per_edge,
        generator=make_generator(seed, Stream.TABLE_2_EPISODES),
    )
    weak = graphs.leave_edges_out(
        graph, range(count, 2 * count), generator=make_generator(seed, Stream.TABLE_2_WEAK_SPLIT)
    )
    strong = strong_split(seed, count, num_validation=num_validation, num_test=num_test)
    own = [agent for agent in strong.train.agents if agent >= count]
    tested = [agent for agent in strong.test.agents if agent >= count]
    partners = [agent for agent in strong.train.agents if agent < count]
    learned = (tested + own)[: len(own)]
    known = graph.with_edges([(speaker, agent) for speaker in partners for agent in learned])
    splits = {"weak": weak, "strong": strong}
    splits["known"] = dataclasses.replace(strong, kind="edges", train=known)
    return ListenerRun(population, dataset, splits)


def strong_split(seed: int, num_pairs: int, *, num_validation: int, num_test: int) -> Split:
    """The strong split of a run: pairs are divided, and only edges within a part are used."""
    return graphs.strong_split(
        InteractionGraph.bipartite(num_pairs, num_pairs),
        num_validation=num_validation,
        num_test=num_test,
        sides=[range(num_pairs), range(num_pairs, 2 * num_pairs)],
        generator=make_generator(seed, Stream.TABLE_2_STRONG_SPLIT),
    )


def quality(
    embedded: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    seed: int,
    max_per_agent: int,
) -> dict[str, float]:
    """`measures.averaged_quality` of at most ``max_per_agent`` random episodes of each agent."""
    generator = make_generator(seed, Stream.TABLE_2_SUBSET)
    rows = measures.draw_of_each(agents, max_per_agent=max_per_agent, generator=generator)
    return measures.averaged_quality(
        embedded[rows],
        agents[rows],
        num_episodes=num_episodes,
        generator=make_generator(seed, Stream.TABLE_2_AVERAGES),
    )


def single_ratio(
    embedded: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    max_per_agent: int,
) -> float:
    """IICR of single episodes, of at most ``max_per_agent`` of each agent."""
    generator = make_generator(0, Stream.TABLE_2_SUBSET)
    rows = measures.draw_of_each(agents, max_per_agent=max_per_agent, generator=generator)
    return metrics.intra_inter_clustering_ratio(embedded[rows], agents[rows])


def measure_all(
    comparison: Comparison,
    cases: Sequence[tuple[str, str]],
    *,
    episode_counts: Sequence[int],
    max_per_agent: int,
    num_workers: int,
) -> dict[str, list[float]]:
    """Measures test episodes, side by side.

    Args:
        comparison: comparison whose encoders were learned.
        cases: kinds of split and methods.
        episode_counts: numbers of episodes that one embedding averages over.
        max_per_agent: see `quality`.
        num_workers: number of processes.

    Returns:
        The measures of `metrics.embedding_quality` of all seeds, under "KIND METHOD MEASURE COUNT".
    """
    jobs = []
    for kind, method in cases:
        for seed in comparison.seeds:
            path = comparison_files.encoder_path(comparison.folder, kind, method, seed)
            untrained = comparison.untrained(kind, seed) if method == "untrained" else None
            jobs.append(
                {
                    "episodes": comparison.episodes[seed],
                    "edges": comparison.splits[kind, seed].test,
                    "model": untrained if method in REFERENCES else path,
                    "seed": seed,
                    "episode_counts": episode_counts,
                    "max_per_agent": max_per_agent,
                }
            )
    found = run_jobs(measure, jobs, num_workers=num_workers, units=len(jobs), name="measures")
    measured: dict[str, list[float]] = {}
    names = [f"{kind} {method}" for kind, method in cases for _ in comparison.seeds]
    for name, numbers in zip(names, found, strict=True):
        for measure_name, number in numbers.items():
            measured.setdefault(f"{name} {measure_name}", []).append(number)
    return measured


def measure(
    *,
    episodes: Path,
    edges: InteractionGraph,
    model: PolicyEmbedder | Path | None,
    seed: int,
    episode_counts: Sequence[int],
    max_per_agent: int,
    progress: Progress,
) -> dict[str, float]:
    """A job of `measure_all`: measures an encoder, or its file, or summary statistics."""
    dataset, _ = comparison_files.load_episodes(episodes)
    tested = dataset.select(dataset.rows_on_edges(edges))
    if model is None:
        embedded = metrics.summary_statistics(tested)
    else:
        loaded = PolicyEmbedder.load(model) if isinstance(model, Path) else model
        embedded = loaded.embed(tested)
    found = {}
    for count in episode_counts:
        options = {"num_episodes": count, "seed": seed, "max_per_agent": max_per_agent}
        numbers = quality(embedded, tested.agents, **options)
        found |= {f"{name} {count}": number for name, number in numbers.items()}
    progress(1)
    return found


def effect_of_length(rows: Sequence[Mapping[str, Any]], kind: str, method: str, seed: int) -> float:
    """The lowest validation ratio with the most updates minus that with the fewest.

    Args:
        rows: rows on candidates, see `Comparison.choose`.
        kind, method, seed: whose candidates are compared.
    """
    best: dict[int, float] = {}
    for row in rows:
        if (row["kind"], row["method"], row["seed"]) == (kind, method, seed):
            count = row["num_updates"]
            best[count] = min(best.get(count, math.inf), row["validation_ratio"])
    return best[max(best)] - best[min(best)]
