"""Populations of speakers and listeners, and the episodes that they play."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from paperlib import files, streams
from paperlib.agents.networks import StackedMLP, sample_bits, sample_one_hot
from paperlib.datasets import InteractionDataset
from paperlib.environments import particleworld, particleworld_rollouts
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    MESSAGE,
    ParticleWorld,
    State,
)
from paperlib.graphs import InteractionGraph

Policies = Callable[[Tensor], Tensor]  # inputs (K, N, I) -> logits (K, N, A), row k by policy k
Channel = Callable[[Tensor], Tensor]  # messages (..., M) -> what is heard of them (..., M)


class Episodes(NamedTuple):
    """N whole episodes of each of K speakers.

    Attributes:
        colour: the speaker's observation, constant in an episode, (K, N, 3).
        context: the speaker's further inputs, (K, N, C); C is 0 for a plain speaker.
        listener: the listener's observations, (K, N, 26, 8 + M), the last one after the last step.
        messages: bits that the speaker sent, (K, N, 25, M).
        forces: one-hot actions of the listener, (K, N, 25, 5).
        rewards: minus the squared distance to the target, (K, N, 25).
    """

    colour: Tensor
    context: Tensor
    listener: Tensor
    messages: Tensor
    forces: Tensor
    rewards: Tensor


@torch.no_grad()
def play(
    speakers: Policies,
    listeners: Policies,
    world: ParticleWorld,
    *,
    context: Tensor | None = None,
    channel: Channel | None = None,
    start: State | None = None,
) -> Episodes:
    """Plays a new episode in each of the (K, N) worlds of ``world``.

    Both agents draw their actions from their policies: each bit of the message from its Bernoulli,
    the force, one of five unit vectors, from its categorical distribution.

    Args:
        speakers: map (K, N, 3 + C) to the logits of each bit, (K, N, M).
        listeners: map (K, N, 8 + M) to the logits of each force, (K, N, 5).
        world: a `ParticleWorld`; its generator makes all draws.
        context: appended to the speaker's observation, (K, N, C).
        channel: maps messages to what listeners hear, (K, N, M); the record holds the messages. It
            does not apply to the silent first step. By default listeners hear the messages.
        start: starting states of the (K, N) episodes; drawn by default. A message in it is heard in
            the first step.
    """
    colour, batch = world.reset(start).speaker, world.batch_shape
    context = colour.new_zeros(*batch, 0) if context is None else context
    message_logits = speakers(torch.cat([colour, context], dim=-1))
    size = world.message_size
    noise = streams.uniform(world.generator, *batch, EPISODE_LENGTH, size + FORCE_SIZE)
    messages, forces = [], []

    def act(step: int, seen: Tensor) -> tuple[Tensor, Tensor]:
        messages.append(sample_bits(message_logits, noise[:, :, step, :size]))
        if channel is not None and step > 0:
            seen = seen.clone()
            seen[..., MESSAGE] = channel(seen[..., MESSAGE])
        forces.append(sample_one_hot(listeners(seen), noise[:, :, step, size:]))
        return messages[-1], forces[-1]

    record = particleworld_rollouts.play(world, act)
    listener, rewards = (part.movedim(0, 2).contiguous() for part in record)
    actions = (torch.stack(parts, dim=2) for parts in (messages, forces))
    return Episodes(colour, context, listener, *actions, rewards)


def against_each(listeners: StackedMLP) -> Policies:
    """Listeners as partners of every speaker: listener n // (N / L) plays episode n of N."""
    num_listeners = listeners.num_networks

    def logits(observations: Tensor) -> Tensor:
        num_speakers = observations.shape[0]
        grouped = observations.unflatten(1, (num_listeners, -1)).transpose(0, 1)  # (L, K, m, O)
        forces = listeners(grouped.flatten(1, 2))  # (L, K * m, 5)
        return forces.unflatten(1, (num_speakers, -1)).transpose(0, 1).flatten(1, 2)

    return logits


def cross_play(
    speakers: StackedMLP,
    listeners: StackedMLP,
    *,
    generators: streams.Generators,
    num_episodes: int,
    contexts: Tensor | None = None,
    dynamics: str = "mpe2",
) -> Tensor:
    """Returns of every speaker with every listener.

    Args:
        speakers: a stack of K networks.
        listeners: a stack of L networks.
        generators: one for all speakers, or one for each.
        num_episodes: episodes of each pair, at least 1.
        contexts: inputs for the speakers, (K, L, P, C): episode n of a pair gets number n mod P.

    Returns:
        The return (sum of 25 rewards) of each episode, (K, L, num_episodes).
    """
    num_speakers, num_listeners = speakers.num_networks, listeners.num_networks
    world = ParticleWorld(
        (num_speakers, num_listeners * num_episodes),
        generator=generators,
        message_size=speakers.biases[-1].shape[-1],
        dynamics=dynamics,
    )
    context = None
    if contexts is not None:
        index = torch.arange(num_episodes, device=contexts.device) % contexts.shape[2]
        context = contexts[:, :, index].flatten(1, 2)
    episodes = play(speakers, against_each(listeners), world, context=context)
    return episodes.rewards.sum(-1).unflatten(1, (num_listeners, num_episodes))


class Population(nn.Module):
    """K pairs of a speaker and a listener, trained together: pair k is row k of both stacks.

    Args:
        speakers: stack of K networks, 3 -> M.
        listeners: stack of K networks, 8 + M -> 5.
        provenance: how it was made; saved with it.
    """

    def __init__(
        self, speakers: StackedMLP, listeners: StackedMLP, *, provenance: dict[str, Any]
    ) -> None:
        super().__init__()
        self.speakers = speakers
        self.listeners = listeners
        self.provenance = provenance

    @property
    def num_pairs(self) -> int:
        return self.speakers.num_networks

    @property
    def message_size(self) -> int:
        return self.speakers.biases[-1].shape[-1]

    @property
    def dynamics(self) -> str:
        """Dynamics of the ParticleWorld it was trained in, "mpe2" if its provenance names none."""
        return self.provenance.get("dynamics", "mpe2")

    def save(self, path: str | Path) -> None:
        """Writes the population to one safetensors file with a checksum."""
        files.save_tensors(path, self.state_dict(), self.provenance)

    @classmethod
    def load(cls, path: str | Path) -> Population:
        """Reads a population.

        Raises:
            ValueError: if the file is damaged or holds no population.
        """
        tensors, provenance = files.load_tensors(path)
        try:
            return cls.from_tensors(tensors, provenance=provenance)
        except ValueError as error:
            raise ValueError(f"{path} holds no population: {error}") from None

    @classmethod
    def from_tensors(
        cls, tensors: Mapping[str, Tensor], *, provenance: dict[str, Any]
    ) -> Population:
        """The population whose `state_dict` is ``tensors``.

        Raises:
            ValueError: if the networks do not fit ParticleWorld.
        """
        speakers = StackedMLP.from_tensors(tensors, prefix="speakers.")
        listeners = StackedMLP.from_tensors(tensors, prefix="listeners.")
        sizes = speakers.sizes[0], listeners.sizes[0] - speakers.sizes[-1], listeners.sizes[-1]
        expected = particleworld.SPEAKER_SIZE, particleworld.listener_size(0), FORCE_SIZE
        if sizes != expected:
            raise ValueError(f"sizes of the networks must be {expected}, got {sizes}")
        counts = speakers.num_networks, listeners.num_networks
        if counts[0] != counts[1]:
            raise ValueError(f"{counts[0]} speakers, but {counts[1]} listeners")
        return cls(speakers, listeners, provenance=provenance)


def collect(
    population: Population,
    graph: InteractionGraph,
    *,
    num_episodes: int,
    generator: torch.Generator,
    channel: Channel | None = None,
    with_speakers: bool = False,
) -> InteractionDataset:
    """Plays episodes on every edge of ``graph`` and returns them as seen by the listeners.

    Args:
        population: speaker k is agent k, listener k is agent num_pairs + k.
        graph: bipartite, edges (speaker, listener).
        num_episodes: episodes on each edge.
        generator: draws the episodes.
        channel: maps messages to what listeners hear, see `play`.
        with_speakers: whether to keep, as the partners' steps, the speakers' colours and the bits
            that they send.

    Raises:
        ValueError: if an edge does not join a speaker and a listener of the population.
    """
    count = population.num_pairs
    parts = []
    for speaker in sorted({edge[0] for edge in graph.edges}):
        partners = sorted(edge[1] - count for edge in graph.edges if edge[0] == speaker)
        if speaker >= count or partners[0] < 0 or partners[-1] >= count:
            raise ValueError(f"graph: speaker {speaker} has edges that the population lacks")
        world = ParticleWorld(
            (1, len(partners) * num_episodes),
            generator=generator,
            message_size=population.message_size,
            dynamics=population.dynamics,
        )
        listeners = against_each(population.listeners.rows(partners))
        episodes = play(population.speakers.rows([speaker]), listeners, world, channel=channel)
        size = len(partners) * num_episodes
        spoken = {}
        if with_speakers:
            seen = episodes.colour[0].unsqueeze(1).expand(-1, EPISODE_LENGTH, -1)
            spoken = {"partner_observations": seen.contiguous().cpu()}
            spoken["partner_actions"] = episodes.messages[0].float().cpu()
        parts.append(
            InteractionDataset(
                observations=episodes.listener[0, :, :-1].cpu(),
                actions=episodes.forces[0].argmax(-1).to(torch.uint8).cpu(),
                lengths=torch.full((size,), EPISODE_LENGTH),
                agents=count + torch.tensor(partners).repeat_interleave(num_episodes),
                partners=torch.full((size,), speaker),
                returns=episodes.rewards[0].sum(-1).cpu(),
                outcomes=torch.full((size,), -128, dtype=torch.int8),
                num_actions=FORCE_SIZE,
                **spoken,
            )
        )
    return InteractionDataset.concatenate(parts)
