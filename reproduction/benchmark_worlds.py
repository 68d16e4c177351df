"""The worlds of the benchmark: what encoders learn from, and which agents they identify."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from paperlib import graphs, metrics
from paperlib.agents import populations, word_speakers
from paperlib.batches import steps_before
from paperlib.datasets import InteractionDataset
from paperlib.encoders import RunningNormalizer
from paperlib.graphs import InteractionGraph, Split
from paperlib.streams import make_generator
from reproduction import (
    identification,
    languages,
    poker,
    results,
    roshambo,
    wrestler_measures,
    wrestlers,
)
from reproduction.benchmark_tasks import (
    Sizes,
    Task,
    both_views,
    label,
    thin_out,
    with_score_distances,
)
from reproduction.streams import Stream

# Kinds of split by world. All poker agents to identify are unseen, as published.
WORLDS = {
    "Kuhn": ("strong",),
    "Leduc": ("strong",),
    "ParticleWorld": ("weak", "strong"),
    "RoboSumo": ("weak", "strong"),
    "RoShamBo": ("weak", "strong"),
}
GAMES = {"Kuhn": "kuhn_poker", "Leduc": "leduc_poker"}
TINY = Sizes(
    num_agents=4,
    num_episodes={"Kuhn": 7, "Leduc": 7},
    num_steps=12,
    num_throws=12,
    episodes_per_edge=2,
    num_matches=1,
    step_stride=50,
    num_labelled=1,
    num_asked=1,
)


class Case(NamedTuple):
    """Arguments of `make_task`."""

    world: str
    kind: str
    seed: int
    part: str = "test"


def make_task(
    world: str, kind: str, seed: int, part: str, *, sizes: Sizes, folders: Mapping[str, Path]
) -> Task:
    """Makes the task of one world, kind of split and seed.

    Args:
        world: one of `WORLDS`.
        kind: kind of split.
        seed: seed of agents, episodes and splits.
        part: "test"; "validation", for choosing settings: the split's validation part, in poker
            separate agents, four fifths of them to learn from; or "trial", tiny.
        sizes: numbers of agents, episodes and steps.
        folders: results of the notebooks ``population`` under "ParticleWorld" and ``wrestlers``
            under "wrestlers", and the encoders' folder of ``table_1`` under "RoboSumo".

    Raises:
        ValueError: if files are damaged, or OpenSpiel, which RoShamBo needs, is not installed.
        FileNotFoundError: if files are missing.
    """
    sizes = TINY if part == "trial" else sizes
    generators = [
        make_generator(seed, Stream.BENCHMARK, list(WORLDS).index(world), number)
        for number in range(4)
    ]
    if world in GAMES:
        return _poker_task(world, part, sizes, generators)
    collect = {"ParticleWorld": _listeners, "RoboSumo": _wrestlers, "RoShamBo": _bots}[world]
    dataset, split, more = collect(kind, seed, sizes, folders, generators)
    held = dataset.rows_on_edges(split.test if part == "test" else split.validation)
    chosen = label(dataset.agents[held], sizes=sizes, generator=generators[3])
    labelled, queries = (dataset.select(held[rows]) for rows in chosen)
    statistics = metrics.summary_statistics(InteractionDataset.concatenate([labelled, queries]))
    parts = tuple(statistics.split([len(labelled), len(queries)]))
    task = Task(
        learning=dataset.on_edges(split.train),
        labelled=labelled,
        queries=queries,
        differences=np.zeros((0, 0)),
        references={"summary statistics": parts},
        ceilings={},
        few_steps=world == "RoShamBo",
    )
    return more(task, held[chosen[1]])


def _poker_task(world: str, part: str, sizes: Sizes, generators: list[torch.Generator]) -> Task:
    num_agents = [sizes.num_agents] * 2
    if part == "validation":
        num_agents = [sizes.num_agents * 4 // 5, sizes.num_agents // 5]
    protocol = poker.make_protocol(
        GAMES[world],
        num_pretraining_agents=num_agents[0],
        num_evaluation_agents=num_agents[1],
        num_episodes=sizes.num_episodes[world],
        num_train_episodes=sizes.num_labelled,
        num_test_episodes=sizes.num_labelled,
        num_steps=sizes.num_steps,
        generator=generators[part == "validation"],
    )
    legal = protocol.game.legal_actions
    own = (legal & (protocol.game.state_players == 0)[:, None]).flatten()
    parts = protocol.pretraining, protocol.train, protocol.test
    counts = [poker.action_counts(protocol, part) for part in parts]
    shares = [part.flatten(1)[:, own] / sizes.num_steps for part in counts]
    agents = protocol.pretraining.dataset.agents
    fitted = identification.discriminants(shares[0], agents, generator=generators[3])
    labelled, queries = protocol.train.dataset, protocol.test.dataset
    both = InteractionDataset.concatenate([labelled, queries])
    features = {
        "summary statistics": metrics.summary_statistics(both),
        "action frequencies": identification.action_frequencies(torch.cat(counts[1:])),
        "discriminants of counts": torch.cat([fitted(shares[1]), fitted(shares[2])]),
    }
    found = poker.likelihood_ceilings(protocol)
    return Task(
        learning=poker.with_replies(protocol, protocol.pretraining),
        labelled=labelled,
        queries=queries,
        differences=poker.policy_distances(protocol).numpy(),
        references={n: tuple(f.split([len(labelled), len(queries)])) for n, f in features.items()},
        ceilings={"true policies": found["true"], "pooled counts": found["pooled"]},
        few_steps=True,
    )


# All episodes, their split, and a function that adds differences and ceilings to a task, given the
# rows of the episodes to identify
Collected = tuple[InteractionDataset, Split, Callable[[Task, Tensor], Task]]
Folders = Mapping[str, Path]


def input_file(world: str, seed: int, folder: Path | None) -> Path | None:
    """The file that a world's agents or episodes come from; None if they are drawn anew.

    Raises:
        FileNotFoundError: if a notebook that writes it has not run.
        ValueError: if there are matches of several runs.
    """
    if world == "ParticleWorld":
        count = len(list(folder.glob("population_*.safetensors")))
        return folder / f"population_{seed % max(count, 1)}.safetensors"
    if world != "RoboSumo":
        return None
    paths = sorted(folder.glob("episodes_*.safetensors"))
    if not paths:
        raise FileNotFoundError(
            f"{results.shorten(folder)} holds no matches; run the notebook table_1 first, or leave "
            "RoboSumo out of worlds"
        )
    if len(paths) > 1:
        raise ValueError(
            f"{results.shorten(folder)} must hold the matches of one run of table_1, got "
            f"{', '.join(path.name for path in paths)}; move the others away"
        )
    return paths[0]


def _listeners(
    kind: str, seed: int, sizes: Sizes, folders: Folders, generators: list[torch.Generator]
) -> Collected:
    """Listeners of population seed mod P from the notebook ``population``."""
    path = input_file("ParticleWorld", seed, folders["ParticleWorld"])
    population = populations.Population.load(path)
    num_pairs = population.num_pairs
    graph = InteractionGraph.bipartite(num_pairs, num_pairs)
    dataset = populations.collect(
        population,
        graph,
        num_episodes=sizes.episodes_per_edge,
        generator=generators[0],
        with_speakers=True,
    )
    agents = range(num_pairs, 2 * num_pairs)
    split = graphs.leave_edges_out(graph, agents, generator=generators[1])
    if kind == "strong":
        held = max(2, num_pairs // 4)
        split = graphs.strong_split(
            graph,
            num_validation=held,
            num_test=held,
            sides=[range(num_pairs), agents],
            generator=generators[2],
        )

    def more(task: Task, rows: Tensor) -> Task:
        numbers = task.labelled.agents.unique() - num_pairs
        tables = word_speakers.word_returns(
            population.listeners,
            num_episodes=sizes.num_word_episodes,
            dynamics=population.dynamics,
            generator=generators[3],
        ).mean(0)
        codes = languages.speaker_codes(population.speakers)
        losses = languages.language_distances(codes, tables.numpy())
        own = population.listeners.rows(numbers.tolist())
        seen = task.queries.observations.flatten(0, 1).expand(len(numbers), -1, -1)
        with torch.no_grad():
            log_probs = own(seen).log_softmax(-1).unflatten(1, task.queries.actions.shape)
        acted = task.queries.actions.long().expand(len(numbers), -1, -1).unsqueeze(-1)
        likely = log_probs.gather(-1, acted).sum((-1, -2)).T
        right = identification.most_likely_accuracy(likely, task.queries.agents)
        chosen = np.ix_(numbers, numbers)
        return task._replace(differences=losses[chosen], ceilings={"true policies": right})

    return dataset, split, more


def _wrestlers(
    kind: str, seed: int, sizes: Sizes, folders: Folders, generators: list[torch.Generator]
) -> Collected:
    """Matches of the notebook ``table_1``, thinned out, with normalised observations."""
    matches = InteractionDataset.load(input_file("RoboSumo", seed, folders["RoboSumo"]))
    seen = thin_out(matches, sizes.step_stride)
    dataset = both_views(seen)
    split = _split(kind, dataset, generators)
    rows = dataset.rows_on_edges(split.train)
    normalizer = RunningNormalizer(dataset.observation_size)
    within = steps_before(dataset.lengths, dataset.observations.shape[1])
    normalizer.update(dataset.observations[rows][within[rows]])
    scaled = normalizer(dataset.observations) * within.unsqueeze(-1)
    dataset = dataclasses.replace(dataset, observations=scaled)

    def more(task: Task, rows: Tensor) -> Task:
        population = list(wrestlers.load_population(folders["wrestlers"]).values())
        own = [population[number] for number in task.labelled.agents.unique().tolist()]
        likely = wrestler_measures.log_likelihoods(own, seen.select(rows))
        right = identification.most_likely_accuracy(likely, task.queries.agents)
        task = with_score_distances(dataset, dataset.outcomes.double(), task)
        return task._replace(ceilings={"true policies": right})

    return dataset, split, more


def _bots(
    kind: str, seed: int, sizes: Sizes, folders: Folders, generators: list[torch.Generator]
) -> Collected:
    """Matches of OpenSpiel's bots, each of which meets every other."""
    dataset = roshambo.round_robin(
        num_matches=sizes.num_matches, num_steps=sizes.num_throws, generator=generators[0]
    )
    dataset = both_views(dataset)
    split = _split(kind, dataset, generators)

    def more(task: Task, rows: Tensor) -> Task:
        task = with_score_distances(dataset, dataset.returns.double(), task)
        pooled = roshambo.pooled_accuracy(task.labelled, task.queries)
        return task._replace(ceilings={"pooled counts": pooled})

    return dataset, split, more


def _split(kind: str, dataset: InteractionDataset, generators: list[torch.Generator]) -> Split:
    graph = InteractionGraph.complete(len(dataset.agents.unique()))
    if kind == "weak":
        return graphs.weak_split(graph, generator=generators[1])
    held = max(3, graph.num_agents // 5)
    return graphs.strong_split(graph, num_validation=held, num_test=held, generator=generators[2])
