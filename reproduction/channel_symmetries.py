"""Relabelled channels: a listener that hears T(m) for every message m is a valid listener, too.

The M bits of a message may be permuted and inverted: M!·2^M symmetries T, 48 for M = 3. To predict
the actions of a listener's *image* under T, one has to learn another language, so that few
listeners become many. Hu et al. (2020, "Other-Play") apply the same symmetries to both
players at once.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from paperlib import _checks
from paperlib.agents import populations
from paperlib.agents.populations import Population
from paperlib.agents.word_speakers import word_numbers, words
from paperlib.datasets import InteractionDataset
from paperlib.environments.particleworld import MESSAGE
from paperlib.graphs import InteractionGraph


@dataclasses.dataclass(frozen=True)
class ChannelSymmetry:
    """T: bit j of T(m) is bit order_j of m, inverted where flips_j is 1.

    Attributes:
        order: a permutation of 0 to M - 1.
        flips: 0 or 1 for each bit.

    Raises:
        ValueError: if ``order`` is not a permutation, or ``flips`` not as many zeros and ones.
    """

    order: tuple[int, ...]
    flips: tuple[int, ...]

    def __post_init__(self) -> None:
        if not self.order or sorted(self.order) != list(range(len(self.order))):
            raise ValueError(f"order must be a permutation of 0 to M - 1, got {self.order}")
        if len(self.flips) != len(self.order) or not set(self.flips) <= {0, 1}:
            raise ValueError(f"flips must be {len(self.order)} zeros and ones, got {self.flips}")

    def __call__(self, messages: Float[Tensor, "... bit"]) -> Float[Tensor, "... bit"]:
        """T(m) of messages in [0, 1].

        Raises:
            ValueError: if they do not have M numbers.
        """
        if messages.shape[-1] != len(self.order):
            raise ValueError(
                f"symmetry: it is one of {len(self.order)} bits, messages have {messages.shape[-1]}"
            )
        return (messages[..., list(self.order)] - messages.new_tensor(self.flips)).abs()


def channel_symmetries(message_size: int) -> list[ChannelSymmetry]:
    """All M!·2^M symmetries of M bits, the identity first.

    Raises:
        ValueError: if M is not an integer from 1 to 5: beyond, there are more than 3,840.
    """
    size = _checks.integer("message_size", message_size, minimum=1)
    if size > 5:
        raise ValueError(f"message_size must be at most 5 to list all symmetries, got {size}")
    orders, flips = itertools.permutations(range(size)), itertools.product((0, 1), repeat=size)
    return [ChannelSymmetry(*parts) for parts in itertools.product(orders, flips)]


def collect_images(
    population: Population,
    graph: InteractionGraph,
    *,
    symmetries: Iterable[ChannelSymmetry],
    num_episodes: int,
    generator: torch.Generator,
) -> InteractionDataset:
    """Episodes on every edge of ``graph``, behind every channel, as seen by the listeners.

    Speakers send their usual messages m, and the record holds these; listeners hear T(m), except
    for the silence of the first step. Every image is an agent of its own: a listener behind channel
    s has a number s·num_pairs higher than in `populations.collect`.
    Images of one listener are not independent: intervals should count base listeners.

    Args:
        population: speaker k is agent k, listener k is agent num_pairs + k.
        graph: bipartite graph with edges (speaker, listener).
        symmetries: channels s = 0, 1, ...; `channel_symmetries` lists all.
        num_episodes: episodes on each edge, behind each channel.
        generator: draws the episodes.

    Raises:
        ValueError: if there is no symmetry, one has another number of bits than the population's
            messages, or an edge does not join a speaker and a listener of the population.
    """
    parts = []
    for number, symmetry in enumerate(symmetries):
        options = {"num_episodes": num_episodes, "generator": generator, "channel": symmetry}
        part = populations.collect(population, graph, **options)
        agents = part.agents + number * population.num_pairs
        parts.append(dataclasses.replace(part, agents=agents))
    if not parts:
        raise ValueError("symmetries must hold at least one, got none")
    return InteractionDataset.concatenate(parts)


def relabelled_returns(
    returns: Float[Tensor, "listener target word"], symmetries: Iterable[ChannelSymmetry]
) -> Float[Tensor, "image target word"]:
    """Returns of every word with the images of L listeners, from those with the listeners: R[l,
    target, T(w)]. Images are in the order of the agents of `collect_images`, (S·L, 3, W).

    Args:
        returns: as `word_speakers.word_returns` measures them.
        symmetries: S channels.
    """
    message_size = (returns.shape[-1] - 1).bit_length()
    bits = words(message_size).double()
    return torch.cat([returns[..., word_numbers(symmetry(bits))] for symmetry in symmetries])


def by_message(dataset: InteractionDataset) -> InteractionDataset:
    """The same episodes, with every agent split by the message that it mostly heard.

    The episodes of one new agent share a meaning, so that what an agent does on one message can be
    learned before what it does on each: training on them first, and then on ``dataset``, takes
    gated pooling past its plateau.

    Returns:
        The dataset; agent a on message w is agent 2^M a + w. The majority is taken bit by bit.

    Raises:
        ValueError: if observations hold no messages, or equal steps were merged.
    """
    _require_messages(dataset)
    messages, said = dataset.observations[..., MESSAGE], _said(dataset)
    share = (messages * said).sum(1) / said.sum(1).clamp(min=1)  # (E, M)
    agents = 2 ** messages.shape[-1] * dataset.agents + word_numbers(share)
    return dataclasses.replace(dataset, agents=agents)


def _said(dataset: InteractionDataset) -> Bool[Tensor, "episode time 1"]:
    """The steps with a message: neither the silence of the first one nor padding."""
    steps = torch.arange(dataset.observations.shape[1], device=dataset.lengths.device)
    return ((steps > 0) & (steps < dataset.lengths.unsqueeze(-1))).unsqueeze(-1)


def _require_messages(dataset: InteractionDataset) -> None:
    dataset.require_single_steps()
    if dataset.observation_size <= MESSAGE.start:
        raise ValueError(
            f"dataset: messages follow {MESSAGE.start} other numbers in observations of listeners; "
            f"these have {dataset.observation_size}"
        )
