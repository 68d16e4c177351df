"""Table 3's new speakers: what each is given of its listener, and how well it does with all."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import pooling
from paperlib.agents import populations
from paperlib.agents.networks import StackedMLP
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph, Split
from paperlib.streams import Stream, make_generator
from reproduction.comparisons import METHODS

SPEAKERS = ("no embedding", "zeros", "random", "oracle", *METHODS)
SWAPPED = "Emb-Hyb, swapped"  # is given another listener's embedding in the evaluation


def listeners_of(population: populations.Population, graph: InteractionGraph) -> StackedMLP:
    """The listeners among the agents of a graph, in its order."""
    first = population.num_pairs
    return population.listeners.rows([agent - first for agent in graph.agents if agent >= first])


@dataclasses.dataclass(frozen=True)
class Contexts:
    """What the speakers of one seed are given of each listener.

    Attributes:
        seed: draws which episodes are averaged, and noise.
        split: whose training episodes the encoders learned from.
        dataset: the episodes that they are among.
        encoders: of each of `METHODS`.
        episode_counts: numbers of episodes that one embedding averages over.
        num_identities: listeners of the population: the least size of a context, so that a one-hot
            identity fits in.
    """

    seed: int
    split: Split
    dataset: InteractionDataset
    encoders: Mapping[str, PolicyEmbedder]
    episode_counts: Sequence[int]
    num_identities: int

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
            pooling.average_episodes(
                embedded,
                data.agents,
                num_episodes=count,
                num_averages=num_averages,
                generator=make_generator(self.seed, Stream.TABLE_3_AVERAGES, count),
            )
            for count in self.episode_counts
        ]
        return torch.stack(parts, dim=1)

    def draw(
        self, data: InteractionDataset, *, num_averages: int, identities: bool
    ) -> Float[Tensor, "speaker listener count average context"]:
        """Contexts of all `SPEAKERS`, in their order.

        Args:
            data: episodes of the listeners.
            num_averages: contexts for each listener and count.
            identities: whether the oracle is given the listener's identity; it knows training
                listeners only, and is given zeros with others.
        """
        known = [self.averages(method, data, num_averages=num_averages) for method in METHODS]
        padding = (0, max(0, self.num_identities - known[0].shape[-1]))
        known = [nn.functional.pad(part, padding) for part in known]
        zeros = torch.zeros_like(known[0])
        generator = make_generator(self.seed, Stream.TABLE_3_NOISE, num_averages)
        noise = torch.randn(zeros.shape[1:], generator=generator)  # the same for all listeners
        oracle = zeros.clone()
        if identities:
            rows = torch.arange(len(oracle))
            oracle[rows, :, :, rows] = 1.0
        return torch.stack([zeros, zeros, noise.expand_as(zeros), oracle, *known])


def evaluate(
    speakers: StackedMLP,
    listeners: StackedMLP,
    contexts: Float[Tensor, "speaker listener count average context"],
    *,
    seed: int,
    num_episodes: int,
    dynamics: str,
) -> dict[str, list[float]]:
    """Mean return of each of the `SPEAKERS` with all listeners, for each number of episodes; and of
    Emb-Hyb's speaker where it is given its listener's neighbour's embedding, under `SWAPPED`.

    Args:
        speakers: a stack in the order of `SPEAKERS`.
        listeners: a stack of L.
        contexts: from `Contexts.draw`, for these listeners.
        seed: of the episodes.
        num_episodes: of each speaker with each listener.
        dynamics: of ParticleWorld.
    """
    hybrid = SPEAKERS.index("Emb-Hyb")
    names = [*SPEAKERS, SWAPPED]
    speakers = speakers.rows([*range(len(SPEAKERS)), hybrid])
    swapped = contexts[hybrid : hybrid + 1].roll(1, dims=1)
    contexts = torch.cat([contexts, swapped])
    found: dict[str, list[float]] = {name: [] for name in names}
    for index in range(contexts.shape[2]):
        returns = populations.cross_play(
            speakers,
            listeners,
            generators=make_generator(seed, Stream.TABLE_3_EVALUATION, index),
            num_episodes=num_episodes,
            contexts=contexts[:, :, index],
            dynamics=dynamics,
        )
        for name, value in zip(names, returns.mean((1, 2)).tolist(), strict=True):
            found[name].append(value)
    return found


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
