"""What listeners do: before they hear anything, on each word, and in whole episodes.

Pushes are in units of the full force: 1 for an action that points exactly at a landmark.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib import metrics, streams
from paperlib.agents.networks import sample_bits
from paperlib.agents.populations import Policies, Population, play
from paperlib.agents.word_speakers import word_numbers
from paperlib.datasets import InteractionDataset
from paperlib.environments.particleworld import LANDMARKS, MESSAGE, ParticleWorld
from reproduction import distances

OPENINGS = ("silence", "spoken", "still")


@torch.no_grad()
def silent_pushes(
    population: Population, *, num_episodes: int, generator: torch.Generator
) -> Float[np.ndarray, "listener landmark"]:
    """Mean push of each listener towards each landmark before it hears anything, in full forces.

    Args:
        population: population whose listeners are measured.
        num_episodes: number of episode starts for each listener.
        generator: draws them.
    """
    seen = _world(population, num_episodes, generator).reset().listener
    return pushes(population.listeners(seen).softmax(-1), seen).mean(1).double().numpy()


@torch.no_grad()
def opening_returns(
    population: Population, *, num_episodes: int, generator: torch.Generator
) -> dict[str, Float[np.ndarray, " pair"]]:
    """Mean returns of all pairs in the same episodes with three openings (`OPENINGS`).

    "silence": the usual game, the first message arrives after one step; "spoken": a message is
    there from the start; "still": the usual game, but the listener does nothing in the first step.

    Args:
        population: population of K pairs.
        num_episodes: episodes of each pair and opening.
        generator: draws worlds and noise, the same for all openings.
    """
    state, found = generator.get_state(), {}
    for opening in OPENINGS:
        generator.set_state(state)
        world = _world(population, num_episodes, generator)
        logits = population.speakers(world.reset().speaker)
        message = sample_bits(logits, streams.uniform(generator, *logits.shape))
        start, listeners = world.state, population.listeners
        if opening == "spoken":
            start = start._replace(message=message)
        elif opening == "still":
            listeners = _still_at_first(listeners)
        episodes = play(population.speakers, listeners, world, start=start)
        found[opening] = episodes.rewards.sum(-1).mean(-1).double().numpy()
    return found


def _world(population: Population, num_episodes: int, generator: torch.Generator) -> ParticleWorld:
    return ParticleWorld(
        (population.num_pairs, num_episodes),
        generator=generator,
        message_size=population.message_size,
        dynamics=population.dynamics,
    )


def _still_at_first(listeners: Policies) -> Policies:
    """The same listeners, except that they do nothing in the first step of an episode."""
    steps = itertools.count()

    def logits(observations: Tensor) -> Tensor:
        forces = listeners(observations)
        if next(steps) == 0:
            forces[..., 0] += 1e6
        return forces

    return logits


def word_statistics(dataset: InteractionDataset) -> Float[Tensor, "agent feature"]:
    """What each listener does on hearing each word, without learning: its mean push towards each
    landmark, in full forces, (N, 2^M · 3), agents in ascending order; 0 for words never heard.

    The silent first step does not count.

    Args:
        dataset: episodes of listeners, from `populations.collect`.
    """
    seen = dataset.observations[:, 1:]
    message = seen[..., MESSAGE]
    words = torch.nn.functional.one_hot(word_numbers(message), 2 ** message.shape[-1]).to(seen)
    actions = torch.nn.functional.one_hot(dataset.actions[:, 1:].long(), dataset.num_actions)
    towards = pushes(actions.to(seen), seen)
    sums = torch.einsum("etw,etk->ewk", words, towards).flatten(1)
    counts = words.sum(1)
    index = dataset.agents.unique(return_inverse=True)[1]
    member = torch.nn.functional.one_hot(index).to(seen)  # (E, N)
    table = (member.T @ sums).unflatten(1, (words.shape[-1], -1))  # (N, W, 3)
    return (table / (member.T @ counts).clamp(min=1).unsqueeze(-1)).flatten(1)


def pushes(forces: Tensor, observations: Tensor) -> Float[Tensor, "*batch 3"]:
    """Push towards each landmark: forces (..., 5), along unit vectors to the landmarks."""
    push = forces[..., 2::2] - forces[..., 1::2]  # (..., 2): right - left, up - down
    landmarks = observations[..., LANDMARKS].unflatten(-1, (-1, 2))
    directions = torch.nn.functional.normalize(landmarks, dim=-1)
    return (directions * push.unsqueeze(-2)).sum(-1)


def idle_share(dataset: InteractionDataset) -> Float[Tensor, "episode 1"]:
    """Share of the steps of each episode in which the listener does nothing."""
    return (dataset.actions == 0).float().mean(1, keepdim=True)


def whitened(
    vectors: Float[Tensor, "episode feature"], agents: Int[Tensor, " episode"]
) -> Float[Tensor, "episode kept"]:
    """Vectors whitened by their covariance within agents, so that no direction counts for more only
    because of its scale; directions without variance are left out.

    Args:
        vectors: vectors of E episodes.
        agents: agent of each episode.
    """
    vectors = vectors.double()
    index, counts = agents.unique(return_inverse=True, return_counts=True)[1:]
    sums = vectors.new_zeros(len(counts), vectors.shape[1]).index_add_(0, index, vectors)
    within = vectors - (sums / counts[:, None])[index]
    values, directions = torch.linalg.eigh(within.T @ within / len(vectors))
    kept = values > 1e-10 * values.max()
    return vectors @ directions[:, kept] / values[kept].sqrt()


def embedding_distances(
    dataset: InteractionDataset, embed: Callable[[InteractionDataset], Tensor]
) -> Float[np.ndarray, "agent agent"]:
    """Euclidean distances between the agents' mean vectors, agents in ascending order.

    Args:
        dataset: episodes of all agents.
        embed: function from E episodes to vectors (E, D), such as `PolicyEmbedder.embed`.
    """
    vectors = embed(dataset).double()
    means = [vectors[dataset.agents == agent].mean(0) for agent in dataset.agents.unique()]
    return distances.between(torch.stack(means).numpy())


def all_distances(
    dataset: InteractionDataset, embed: Callable[[InteractionDataset], Tensor]
) -> dict[str, Float[np.ndarray, "agent agent"]]:
    """Distances between listeners by an encoder, and by features that need no learning.

    Args:
        dataset: episodes of all listeners.
        embed: the encoder, a function from E episodes to vectors (E, D).

    Returns:
        By name: "Emb-Im", the same "whitened", "summary statistics", "idle steps" and "pushes on
        each word".
    """
    found = {
        "Emb-Im": embed,
        "Emb-Im, whitened": lambda data: whitened(embed(data), data.agents),
        "summary statistics": metrics.summary_statistics,
        "idle steps": idle_share,
    }
    found = {name: embedding_distances(dataset, each) for name, each in found.items()}
    return found | {"pushes on each word": distances.between(word_statistics(dataset).numpy())}
