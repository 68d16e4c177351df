"""Table 3's new speakers, their contexts, and their returns with all listeners."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import metrics
from paperlib.agents import maddpg, populations, word_speakers
from paperlib.agents.networks import StackedMLP
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.environments.particleworld import ParticleWorld
from paperlib.graphs import Split
from paperlib.streams import make_generator
from paperlib.training import Progress
from reproduction.comparison_files import METHODS, load_encoders
from reproduction.listeners import ListenerRun
from reproduction.streams import Stream

SPEAKERS = ("no embedding", "zeros", "random", "oracle", *METHODS)
BY_MADDPG = ("no embedding", "Emb-Hyb")  # speakers that MADDPG trains, too
SWAPPED = "Emb-Hyb, swapped"  # gets another listener's embedding in the evaluation
CONSTANT, CODE = "best constant message", "best single code"  # for each listener, for all of them
NUM_VECTORS = 64  # embeddings for each listener and count in the evaluation


@dataclasses.dataclass(frozen=True)
class Task:
    """The listeners of one run, and the contexts that its speakers get with each.

    Attributes:
        seed: draws which episodes are averaged, noise, weights, and the tables of returns.
        population: population whose listeners the speakers play with.
        split: speakers learn with the listeners of its training part.
        episodes: "train" and "test" episodes on its edges, and "new" ones on the training edges;
            encoders learned from those of "train".
        encoders: an encoder for each of `METHODS`.
        episode_counts: numbers of episodes that one embedding averages over.
    """

    seed: int
    population: populations.Population
    split: Split
    episodes: Mapping[str, InteractionDataset]
    encoders: Mapping[str, PolicyEmbedder]
    episode_counts: Sequence[int]

    @property
    def dynamics(self) -> str:
        return self.population.dynamics

    def listeners(self, part: str) -> StackedMLP:
        """The listeners of a part of the split, "train" or "test"."""
        agents, first = getattr(self.split, part).agents, self.population.num_pairs
        return self.population.listeners.rows([agent - first for agent in agents if agent >= first])

    @property
    def num_training_listeners(self) -> int:
        return sum(agent >= self.population.num_pairs for agent in self.split.train.agents)

    @functools.cached_property
    def _scales(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Mean and scale of each method's embeddings of training episodes."""
        embedded = {m: self.encoders[m].embed(self.episodes["train"]) for m in METHODS}
        return {method: (e.mean(0), e.std(0).mean()) for method, e in embedded.items()}

    def averages(
        self, method: str, episodes: str, *, num_averages: int
    ) -> Float[Tensor, "listener count average embedding"]:
        """Means of standardised embeddings, over each of the ``episode_counts``.

        Args:
            method: method of the encoder.
            episodes: "train", "new" or "test".
            num_averages: number of means for each listener and count.
        """
        mean, scale = self._scales[method]
        data = self.episodes[episodes]
        embedded = (self.encoders[method].embed(data) - mean) / scale
        parts = [
            metrics.average_episodes(
                embedded,
                data.agents,
                num_episodes=count,
                num_averages=num_averages,
                generator=make_generator(self.seed, Stream.TABLE_3_AVERAGES, count),
            )
            for count in self.episode_counts
        ]
        return torch.stack(parts, dim=1)

    def contexts(
        self, episodes: str, *, num_averages: int
    ) -> Float[Tensor, "speaker listener count average context"]:
        """Contexts of each of the `SPEAKERS` with each listener; the oracle knows training
        listeners only, and is given zeros with others.

        Args:
            episodes: "train", "new" or "test".
            num_averages: number of contexts for each listener and count.
        """
        known = [self.averages(method, episodes, num_averages=num_averages) for method in METHODS]
        padding = max(0, self.population.num_pairs - known[0].shape[-1])  # for a one-hot identity
        known = [nn.functional.pad(embedded, (0, padding)) for embedded in known]
        zeros = torch.zeros_like(known[0])
        generator = make_generator(self.seed, Stream.TABLE_3_NOISE, num_averages)
        noise = torch.randn(zeros.shape[1:], generator=generator)  # the same for all listeners
        oracle = zeros.clone()
        if episodes != "test":
            rows = torch.arange(len(oracle))
            oracle[rows, :, :, rows] = 1.0
        return torch.stack([zeros, zeros, noise.expand_as(zeros), oracle, *known])

    def by_maddpg(
        self, *, settings: maddpg.Settings, averages_per_count: int, checkpoint: Path, device: str
    ) -> dict[str, Any]:
        """Arguments of `trainings.train_speakers`, for the speakers of `BY_MADDPG`."""
        contexts = self.contexts("train", num_averages=averages_per_count)
        contexts = contexts[[SPEAKERS.index(name) for name in BY_MADDPG]]
        return {
            "key": (self.seed, Stream.TABLE_3_SPEAKERS),
            "settings": settings,
            "listeners": self.listeners("train"),
            "contexts": contexts.flatten(2, 3),
            "message_size": self.population.message_size,
            "dynamics": self.dynamics,
            "checkpoint": checkpoint,
            "device": device,
        }

    def evaluate_maddpg(
        self, networks: Mapping[str, Any], part: str, *, num_episodes: int
    ) -> dict[str, list[float]]:
        """Mean returns of real episodes of the speakers of `BY_MADDPG` with all listeners of a
        part, for each count, under "NAME, MADDPG"."""
        stack = StackedMLP.from_tensors({n: torch.from_numpy(a) for n, a in networks.items()})
        contexts = self.contexts("new" if part == "train" else part, num_averages=NUM_VECTORS)
        contexts = contexts[[SPEAKERS.index(name) for name in BY_MADDPG]]
        found: dict[str, list[float]] = {f"{name}, MADDPG": [] for name in BY_MADDPG}
        for index in range(len(self.episode_counts)):
            returns = populations.cross_play(
                stack,
                self.listeners(part),
                generators=make_generator(self.seed, Stream.TABLE_3_EVALUATION, index),
                num_episodes=num_episodes,
                contexts=contexts[:, :, index],
                dynamics=self.dynamics,
            )
            for name, value in zip(found, returns.mean((1, 2)).tolist(), strict=True):
                found[name].append(value)
        return found


def make_task(
    seed: int,
    run: ListenerRun,
    *,
    encoders: Path,
    num_new_episodes: int,
    episode_counts: Sequence[int],
) -> Task:
    """The task of a run of Table 2, by its strong split.

    Args:
        seed, run: a run of Table 2, and its seed.
        encoders: folder where table_2.py left them.
        num_new_episodes: "new" episodes on each training edge.
        episode_counts: see `Task`.

    Raises:
        ValueError: if an encoder learned from other edges than this run's training edges.
    """
    split = run.splits["strong"]
    models = load_encoders(encoders, "strong", seed, graph=split.train, notebook="table_2")
    new = populations.collect(
        run.population,
        split.train,
        num_episodes=num_new_episodes,
        generator=make_generator(seed, Stream.TABLE_3_NEW_EPISODES),
    )
    episodes = {"train": run.dataset.on_edges(split.train), "new": new}
    episodes["test"] = run.dataset.on_edges(split.test)
    return Task(seed, run.population, split, episodes, models, episode_counts)


def train_exactly(
    *,
    task: Task,
    averages_per_count: int,
    num_updates: int,
    num_word_episodes: int,
    num_without: int,
    num_check_episodes: int,
    progress: Progress,
) -> dict[str, list[float]]:
    """A job for `run_jobs`: trains exact speakers (`word_speakers`), the `SPEAKERS` for each count.

    Args:
        task: task of the run.
        averages_per_count: contexts of each listener and count to learn from.
        num_updates: Adam updates of each speaker.
        num_word_episodes: episodes of each word with each listener, for the tables of returns.
        num_without: training runs without an embedding, whose returns are averaged.
        num_check_episodes: real episodes of Emb-Hyb's last speaker with each unseen listener.

    Returns:
        Under "PART NAME" ("train" or "test") expected returns for each count; those of `SWAPPED`,
        and of `CONSTANT` and `CODE`, which have one number; and under "check" by how much the mean
        return of real episodes exceeds that from the table.
    """
    counts = task.episode_counts
    tables, found = {}, {}
    for number, part in enumerate(("train", "test")):
        tables[part] = word_speakers.word_returns(
            task.listeners(part),
            num_episodes=num_word_episodes,
            generator=make_generator(task.seed, Stream.TABLE_3_CONSTANT_MESSAGES, number),
            dynamics=task.dynamics,
        )
        found[f"{part} {CONSTANT}"] = [
            word_speakers.best_constant_returns(tables[part]).mean().item()
        ]
        found[f"{part} {CODE}"] = [word_speakers.best_code_returns(tables[part]).mean().item()]
    returns = {part: table.mean(0) for part, table in tables.items()}
    given = task.contexts("train", num_averages=averages_per_count)
    asked = {p: task.contexts(p, num_averages=NUM_VECTORS) for p in ("new", "test")}
    key, hybrid = (task.seed, Stream.TABLE_3_SPEAKERS, 1), SPEAKERS.index("Emb-Hyb")
    train = functools.partial(
        word_speakers.train_speakers, returns=returns["train"], num_updates=num_updates
    )
    for place, count in enumerate(counts):
        speakers, _ = train(
            given[:, :, place],
            generators=[make_generator(*key, count, row) for row in range(len(SPEAKERS))],
            contexts_per_update=8,
        )
        for part, contexts in (("train", asked["new"]), ("test", asked["test"])):
            own = contexts[:, :, place]
            expected = word_speakers.expected_returns(speakers, own, returns[part]).mean(1)
            swapped = word_speakers.expected_returns(
                speakers.rows([hybrid]), own[[hybrid]].roll(1, dims=1), returns[part]
            )
            names = (*SPEAKERS, SWAPPED)
            for name, value in zip(names, [*expected.tolist(), swapped.mean().item()], strict=True):
                found.setdefault(f"{part} {name}", []).append(value)
        progress(1)
    without, _ = train(
        torch.zeros(num_without, len(returns["train"]), 1, 0),
        generators=[make_generator(*key, 0, row) for row in range(num_without)],
    )
    for part in ("train", "test"):
        nothing = torch.zeros(num_without, len(returns[part]), 1, 0)
        expected = word_speakers.expected_returns(without, nothing, returns[part])
        found[f"{part} no embedding"] = [expected.mean().item()] * len(counts)
    played = _play_words(
        task, speakers.rows([hybrid]), asked["test"][[hybrid], :, -1], num_check_episodes
    )
    found["check"] = [played - found["test Emb-Hyb"][-1]]
    return found


def _play_words(task: Task, speaker: StackedMLP, contexts: Tensor, num_episodes: int) -> float:
    """Mean return of real episodes of a speaker of one word with all unseen listeners."""
    listeners = task.listeners("test")
    key = task.seed, Stream.TABLE_3_CHECK
    world = ParticleWorld(
        (1, listeners.num_networks * num_episodes),
        generator=make_generator(*key, 1),
        message_size=task.population.message_size,
        dynamics=task.dynamics,
    )
    given = contexts[:, :, torch.arange(num_episodes) % contexts.shape[2]].flatten(1, 2)
    policy = word_speakers.as_policies(speaker, generator=make_generator(*key))
    played = populations.play(policy, populations.against_each(listeners), world, context=given)
    return played.rewards.sum(-1).mean().item()


def returns_by_count(
    measured: Mapping[str, Sequence[Sequence[float]]], episode_counts: Sequence[int]
) -> dict[str, list[float]]:
    """Returns of all runs under "NAME, k = COUNT".

    Args:
        measured: returns by name, (runs, counts), or (runs, 1) where they do not depend on the
            count.
        episode_counts: numbers of episodes k.
    """
    return {
        f"{name}, k = {count}": [row[place if len(row) > 1 else 0] for row in returns]
        for name, returns in measured.items()
        for place, count in enumerate(episode_counts)
    }
