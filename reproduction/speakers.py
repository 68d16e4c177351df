"""Table 3's new speakers: what each is given of its listener, and how well it does with all."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor, nn

from paperlib import metrics
from paperlib.agents import maddpg, populations, word_speakers
from paperlib.agents.networks import StackedMLP
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import Split
from paperlib.streams import Stream, make_generator
from reproduction.comparisons import METHODS

SPEAKERS = ("no embedding", "zeros", "random", "oracle", *METHODS)
SWAPPED = "Emb-Hyb, swapped"  # is given another listener's embedding in the evaluation
CONSTANT = "best constant message"  # of each listener and target
NUM_VECTORS = 64  # embeddings of each listener and count in the evaluation


@dataclasses.dataclass(frozen=True)
class Task:
    """The listeners of one seed, and what its speakers are given of each: their contexts.

    Attributes:
        seed: draws which episodes are averaged, noise, and the episodes of the evaluation.
        population: whose listeners the speakers play with.
        split: speakers learn with the listeners of its training part.
        dataset: Table 2's episodes: those that the encoders learned from are among them.
        new_dataset: other episodes on the same edges.
        encoders: of each of `METHODS`.
        episode_counts: numbers of episodes that one embedding averages over.
    """

    seed: int
    population: populations.Population
    split: Split
    dataset: InteractionDataset
    new_dataset: InteractionDataset
    encoders: Mapping[str, PolicyEmbedder]
    episode_counts: Sequence[int]

    @property
    def dynamics(self) -> str:
        return self.population.provenance["dynamics"]

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
        train = self.dataset.on_edges(self.split.train)
        embedded = {method: self.encoders[method].embed(train) for method in METHODS}
        return {method: (e.mean(0), e.std(0).mean()) for method, e in embedded.items()}

    def averages(
        self, method: str, data: InteractionDataset, *, num_averages: int
    ) -> Float[Tensor, "listener count average embedding"]:
        """Means of standardised embeddings, over each of the ``episode_counts``.

        Args:
            method: of the encoder.
            data: episodes of the listeners.
            num_averages: means of each listener and count.
        """
        mean, scale = self._scales[method]
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
        self, part: str, *, num_averages: int, new_episodes: bool = False
    ) -> Float[Tensor, "speaker listener count average context"]:
        """What each of the `SPEAKERS` is given with each listener of a part; the oracle knows
        training listeners only, and is given zeros with others.

        Args:
            part: "train" or "test".
            num_averages: contexts for each listener and count.
            new_episodes: whether embeddings are of the new episodes.
        """
        data = (self.new_dataset if new_episodes else self.dataset).on_edges(
            getattr(self.split, part)
        )
        known = [self.averages(method, data, num_averages=num_averages) for method in METHODS]
        padding = max(0, self.population.num_pairs - known[0].shape[-1])  # for a one-hot identity
        known = [nn.functional.pad(embedded, (0, padding)) for embedded in known]
        zeros = torch.zeros_like(known[0])
        generator = make_generator(self.seed, Stream.TABLE_3_NOISE, num_averages)
        noise = torch.randn(zeros.shape[1:], generator=generator)  # the same for all listeners
        oracle = zeros.clone()
        if part == "train":
            rows = torch.arange(len(oracle))
            oracle[rows, :, :, rows] = 1.0
        return torch.stack([zeros, zeros, noise.expand_as(zeros), oracle, *known])

    def training(
        self,
        *,
        settings: maddpg.Settings,
        averages_per_count: int,
        checkpoint: Path,
        device: str,
    ) -> dict[str, Any]:
        """Arguments of `trainings.train_speakers`."""
        contexts = self.contexts("train", num_averages=averages_per_count)
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

    def evaluate(
        self, networks: Mapping[str, NDArray], part: str, *, num_episodes: int
    ) -> dict[str, list[float]]:
        """Mean return of each of the `SPEAKERS` with all listeners of a part, for each of the
        ``episode_counts``; that of Emb-Hyb's speaker where it is given its listener's neighbour's
        embedding, under `SWAPPED`; and that of the best constant messages, a single one.

        Args:
            networks: of the speakers, in their order, as `trainings.train_speakers` returns them.
            part: "train", where embeddings are of new episodes, or "test".
            num_episodes: of each speaker with each listener.
        """
        hybrid, listeners = SPEAKERS.index("Emb-Hyb"), self.listeners(part)
        stack = StackedMLP.from_tensors({n: torch.from_numpy(a) for n, a in networks.items()})
        stack = stack.rows([*range(len(SPEAKERS)), hybrid])
        contexts = self.contexts(part, num_averages=NUM_VECTORS, new_episodes=part == "train")
        contexts = torch.cat([contexts, contexts[[hybrid]].roll(1, dims=1)])
        names = [*SPEAKERS, SWAPPED]
        found: dict[str, list[float]] = {name: [] for name in names}
        for index in range(len(self.episode_counts)):
            returns = populations.cross_play(
                stack,
                listeners,
                generators=make_generator(self.seed, Stream.TABLE_3_EVALUATION, index),
                num_episodes=num_episodes,
                contexts=contexts[:, :, index],
                dynamics=self.dynamics,
            )
            for name, value in zip(names, returns.mean((1, 2)).tolist(), strict=True):
                found[name].append(value)
        tables = word_speakers.word_returns(
            listeners,
            message_size=self.population.message_size,
            num_episodes=num_episodes,
            generator=make_generator(self.seed, Stream.TABLE_3_CONSTANT_MESSAGES),
            dynamics=self.dynamics,
        )
        constant = word_speakers.best_constant_returns(tables)
        return found | {CONSTANT: [constant.mean().item()]}


def returns_by_count(
    measured: Mapping[str, Sequence[Sequence[float]]], episode_counts: Sequence[int]
) -> dict[str, list[float]]:
    """Returns of all seeds under "NAME, k = COUNT".

    Args:
        measured: of each name the returns (seeds, counts). Those of a speaker without embedding do
            not depend on the count: they are averaged over it.
        episode_counts: k.
    """
    found = {}
    for name, returns in measured.items():
        numbers = np.array(returns)
        for index, count in enumerate(episode_counts):
            column = numbers[:, index] if "Emb" in name else numbers.mean(1)
            found[f"{name}, k = {count}"] = column.tolist()
    return found
