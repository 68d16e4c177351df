"""Listeners to learn from: pairs of one or several populations, and the episodes they play."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib.agents import word_speakers
from paperlib.agents.populations import Population
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph
from reproduction.channel_symmetries import ChannelSymmetry, channel_symmetries, collect_images

EPISODES_PER_IMAGE = 56  # approximate number for each listener behind each channel


@dataclasses.dataclass(frozen=True)
class Source:
    """Some pairs of a population: their speakers talk to their listeners."""

    population: Population
    pairs: Sequence[int]

    @property
    def listeners(self) -> list[int]:
        """The listeners' numbers as agents."""
        return [self.population.num_pairs + pair for pair in self.pairs]

    def collect(
        self, channels: Sequence[ChannelSymmetry], *, num_episodes: int, generator: torch.Generator
    ) -> InteractionDataset:
        """Episodes of every speaker with every listener behind every channel; listener n behind
        channel s is agent n + s·N of N listeners."""
        count = self.population.num_pairs
        graph = InteractionGraph.bipartite(count, count).with_edges(
            [(speaker, listener) for speaker in self.pairs for listener in self.listeners]
        )
        found = collect_images(
            self.population,
            graph,
            symmetries=channels,
            num_episodes=num_episodes,
            generator=generator,
        )
        place = torch.zeros(count, dtype=torch.long)
        place[list(self.pairs)] = torch.arange(len(self.pairs))
        agents = place[found.agents % count] + len(self.pairs) * (found.agents // count - 1)
        return dataclasses.replace(found, agents=agents)

    def word_returns(
        self, *, num_episodes: int, generator: torch.Generator
    ) -> Float[Tensor, "2 listener target word"]:
        """Returns of every word with these listeners, see `word_speakers.word_returns`."""
        return word_speakers.word_returns(
            self.population.listeners.rows(list(self.pairs)),
            num_episodes=num_episodes,
            generator=generator,
            dynamics=self.population.dynamics,
        )


def collect(
    sources: Sequence[Source], *, symmetric: bool, generator: torch.Generator
) -> InteractionDataset:
    """About `EPISODES_PER_IMAGE` episodes of each listener of all sources behind every channel, or
    four times as many behind the plain one; agents are numbered source after source."""
    channels = channels_of(sources[0], symmetric=symmetric)
    parts, first = [], 0
    for source in sources:
        num_episodes = -(-EPISODES_PER_IMAGE // len(source.pairs))
        if not symmetric:
            num_episodes *= 4
        part = source.collect(channels, num_episodes=num_episodes, generator=generator)
        parts.append(dataclasses.replace(part, agents=part.agents + first))
        first += len(channels) * len(source.pairs)
    return InteractionDataset.concatenate(parts)


def channels_of(source: Source, *, symmetric: bool) -> list[ChannelSymmetry]:
    """All channels of a population's messages, or the plain one alone."""
    found = channel_symmetries(source.population.message_size)
    return found if symmetric else found[:1]


def contexts(
    model: PolicyEmbedder,
    dataset: InteractionDataset,
    *,
    agents: Int[Tensor, " agent"],
    num_episodes: int,
    num_contexts: int,
    generator: torch.Generator,
) -> Float[Tensor, "agent context embedding"]:
    """Embeddings of ``num_contexts`` draws of ``num_episodes`` different episodes of each of these
    agents. The dataset's agents must be numbered without gaps."""
    order, starts, counts = dataset.episodes_of_agents()
    rows = []
    for start, count in zip(starts[agents].tolist(), counts[agents].tolist(), strict=True):
        drawn = torch.rand((num_contexts, count), generator=generator).argsort(-1)
        rows.append(order[start + drawn[:, :num_episodes]])
    chosen = torch.stack(rows)  # (N, P, k)
    return model.embed(dataset, chosen.flatten(0, 1)).unflatten(0, chosen.shape[:2])
