"""Tasks of the benchmark: episodes to learn from, and episodes whose agents to identify."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib.datasets import InteractionDataset
from reproduction import distances, measures

Features = tuple[Tensor, Tensor]  # features of labelled episodes, and of those to identify


class Task(NamedTuple):
    """What a cell learns from, and what it is measured on.

    Attributes:
        learning: episodes to learn from, with the partners' steps.
        labelled: episodes whose agents are known, as many of each agent, one agent after the other.
        queries: episodes of the same agents, to identify.
        differences: how differently these agents play, in ascending order of agents, (N, N).
        references: features of ``labelled`` and ``queries`` that no encoder made, by name.
        ceilings: accuracies that likelihoods reach, 0 to 1, by name.
        few_steps: whether many steps of an episode are equal.
    """

    learning: InteractionDataset
    labelled: InteractionDataset
    queries: InteractionDataset
    differences: Float[np.ndarray, "agent agent"]
    references: dict[str, Features]
    ceilings: dict[str, float]
    few_steps: bool = False


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Numbers of agents, episodes and steps.

    Attributes:
        num_agents: poker agents to learn from, and as many to identify.
        num_episodes: episodes of each poker agent to learn from, by world; published: 50 in both.
        num_steps: steps of an episode of poker.
        num_throws: throws in a match of bots.
        episodes_per_edge: episodes of each speaker with each listener.
        num_matches: matches of each pair of bots.
        step_stride: stride at which steps of RoboSumo are kept.
        num_labelled: labelled episodes of each agent.
        num_asked: maximum number of episodes of each agent to identify; in poker `num_labelled`, as
            published.
        num_word_episodes: episodes of each word with each listener, for regrets of cross-play.
    """

    num_agents: int = 500
    num_episodes: Mapping[str, int] = dataclasses.field(
        default_factory=lambda: {"Kuhn": 50, "Leduc": 50}
    )
    num_steps: int = 200
    num_throws: int = 100
    episodes_per_edge: int = 25
    num_matches: int = 2
    step_stride: int = 10
    num_labelled: int = 5
    num_asked: int = 20
    num_word_episodes: int = 300


def label(
    agents: Int[Tensor, " episode"], *, sizes: Sizes, generator: torch.Generator
) -> tuple[Int[Tensor, " labelled"], Int[Tensor, " query"]]:
    """Indices of random episodes of each agent: ``num_labelled``, and up to ``num_asked`` others.
    Agents without any others are left out.

    Args:
        agents: agent of each episode.
        sizes: how many episodes to draw.
        generator: draws them.

    Raises:
        ValueError: if fewer than two agents are left.
    """
    most = sizes.num_labelled + sizes.num_asked
    rows = measures.draw_of_each(agents, max_per_agent=most, generator=generator)
    counts = agents[rows].unique(return_counts=True)[1]
    ranks = torch.cat([torch.arange(int(count)) for count in counts])
    enough = (counts > sizes.num_labelled).repeat_interleave(counts)
    if (counts > sizes.num_labelled).sum() < 2:
        raise ValueError(
            f"num_labelled: {sizes.num_labelled} labelled episodes leave another one of fewer than "
            f"two agents; the most have {int(counts.max())}"
        )
    labelled = ranks < sizes.num_labelled
    return rows[enough & labelled], rows[enough & ~labelled]


def with_score_distances(dataset: InteractionDataset, scores: Tensor, task: Task) -> Task:
    """The task with differences: the Euclidean distances between agents' mean scores against
    everybody. Against itself an agent scores 0, as it can expect in a symmetric zero-sum game.

    Args:
        dataset: episodes of all pairs of agents.
        scores: the agent's score in each episode, (E,).
        task: task without differences.
    """
    count = int(dataset.agents.max()) + 1
    cells = dataset.agents * count + dataset.partners
    totals = torch.bincount(cells, weights=scores, minlength=count**2)
    means = totals / torch.bincount(cells, minlength=count**2).clamp(min=1)
    own = means.view(count, count)[task.labelled.agents.unique()]
    return task._replace(differences=distances.between(own.numpy()))


def both_views(dataset: InteractionDataset) -> InteractionDataset:
    """Adds the partners' steps: episodes 2m and 2m + 1 are the two views of one match."""
    return dataclasses.replace(
        dataset,
        partner_observations=measures.other_view(dataset.observations),
        partner_actions=measures.other_view(dataset.actions),
        num_partner_actions=dataset.num_actions,
    )


def thin_out(dataset: InteractionDataset, stride: int) -> InteractionDataset:
    """Every ``stride``-th step of each episode, beginning with the first."""
    return dataclasses.replace(
        dataset,
        observations=dataset.observations[:, ::stride].contiguous(),
        actions=dataset.actions[:, ::stride].contiguous(),
        lengths=(dataset.lengths + stride - 1) // stride,
    )
