"""Episodes of many agents, from any environment or from a user's own arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Int, Int8, Int64, Shaped
from numpy.typing import ArrayLike
from torch import Tensor, nn

from paperlib import _checks, _dataset_checks
from paperlib._storage import BY_STEP, StoredEpisodes
from paperlib.batches import EpisodeBatch, PartnerSteps, as_numbers, steps_before
from paperlib.graphs import InteractionGraph

WIN, DRAW, LOSS = 1, 0, -1


class AgentEpisodes(NamedTuple):
    """The indices of each agent's episodes.

    Attributes:
        order: indices of the episodes, sorted by agent, (E,).
        starts: where each agent's episodes begin in ``order``, (N,).
        counts: number of each agent's episodes, (N,).
    """

    order: Int[Tensor, " episode"]
    starts: Int[Tensor, " agent"]
    counts: Int[Tensor, " agent"]


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single truth value
class InteractionDataset(StoredEpisodes):
    """Episodes, each from one agent's view. `from_arrays` builds and checks one.

    Attributes:
        observations: what the agent observed, (E, T, O); zero in the padding.
        actions: what it did: categorical (E, T), uint8; or continuous (E, T, A), float32.
        lengths: number of steps of each episode, 1 to T, (E,).
        agents: the agent of each episode, (E,), non-negative.
        partners: the other agent of each episode, (E,); -1 where not known.
        returns: sum of rewards, (E,); NaN where not known.
        outcomes: +1 win, 0 draw, -1 loss of the agent, (E,); -128 where there is none.
        num_actions: number of categorical actions; 0 where actions are continuous.
        partner_observations: the partner's view of the same steps, (E, T, O'); None if unknown.
        partner_actions: the partner's actions, like ``actions``; None if unknown.
        num_partner_actions: like ``num_actions``, for the partner.
        step_counts: number of equal steps that each step stands for, (E, T), if they were merged
            by `merge_steps`; else None.
    """

    observations: Float32[Tensor, "episode time obs"]
    actions: Shaped[Tensor, "episode time *act"]
    lengths: Int64[Tensor, " episode"]
    agents: Int64[Tensor, " episode"]
    partners: Int64[Tensor, " episode"]
    returns: Float32[Tensor, " episode"]
    outcomes: Int8[Tensor, " episode"]
    num_actions: int
    partner_observations: Float32[Tensor, "episode time partner_obs"] | None = None
    partner_actions: Shaped[Tensor, "episode time *partner_act"] | None = None
    num_partner_actions: int = 0
    step_counts: Float32[Tensor, "episode time"] | None = None

    @classmethod
    def from_arrays(
        cls,
        observations: ArrayLike | Sequence[ArrayLike],
        actions: ArrayLike | Sequence[ArrayLike],
        agents: ArrayLike,
        *,
        partners: ArrayLike | None = None,
        returns: ArrayLike | None = None,
        outcomes: ArrayLike | None = None,
        num_actions: int | None = None,
        partner_observations: ArrayLike | Sequence[ArrayLike] | None = None,
        partner_actions: ArrayLike | Sequence[ArrayLike] | None = None,
        num_partner_actions: int | None = None,
    ) -> InteractionDataset:
        """Builds a dataset from arrays, and checks them.

        Args:
            observations: (E, T, O), or E arrays (T_e, O) of different lengths.
            actions: integers (E, T) for categorical or floats (E, T, A) for continuous actions, or
                E such arrays without the first axis, each as long as its observations.
            agents: the agent of each episode: E non-negative integers.
            partners: the other agent of each episode: E non-negative integers.
            returns: sums of rewards, (E,).
            outcomes: +1 (win), 0 (draw) or -1 (loss), (E,).
            num_actions: number of categorical actions, at most 255; by default the largest one + 1.
            partner_observations: like ``observations``, for the partner in the same steps; only
                some objectives need them. Both sizes may differ from the agent's.
            partner_actions: like ``actions``, for the partner; steps in which it does not act need
                an action that stands for none.
            num_partner_actions: like ``num_actions``, for the partner.

        Raises:
            ValueError: if shapes do not fit, a partner's observations come without its actions, a
                number is not finite, or an id is negative. The message names the argument.
        """
        rows = _dataset_checks.observations(observations)
        lengths, count = [len(row) for row in rows], len(rows)
        acts, num_actions = _dataset_checks.actions(
            actions, lengths=lengths, num_actions=num_actions
        )
        seen, done, num_partner_actions = _dataset_checks.partner(
            partner_observations, partner_actions, lengths=lengths, num_actions=num_partner_actions
        )
        return cls(
            observations=_pad(rows),
            actions=_pad(acts),
            lengths=torch.tensor(lengths),
            agents=_dataset_checks.ids("agents", agents, count=count),
            partners=_dataset_checks.ids("partners", partners, count=count, unknown=-1),
            returns=_dataset_checks.returns(returns, count=count),
            outcomes=_dataset_checks.outcomes(outcomes, count=count),
            num_actions=num_actions,
            partner_observations=None if seen is None else _pad(seen),
            partner_actions=None if done is None else _pad(done),
            num_partner_actions=num_partner_actions,
        )

    def __len__(self) -> int:
        return len(self.agents)

    @property
    def has_partner_steps(self) -> bool:
        """Whether it holds the partners' observations and actions."""
        return self.partner_observations is not None

    @property
    def observation_size(self) -> int:
        return self.observations.shape[-1]

    @property
    def action_size(self) -> int:
        """A, the size of an action as networks take it: one-hot if it is categorical."""
        return self.num_actions or self.actions.shape[-1]

    def batch(self, episodes: Int[Tensor, ...]) -> EpisodeBatch:
        """The episodes at these indices, of any shape, as networks take them."""
        within = steps_before(self.lengths[episodes], self.observations.shape[1])
        counts = 1.0 if self.step_counts is None else self.step_counts[episodes]
        return self._steps(episodes, within.to(self.observations) * counts)

    def draw_steps(
        self, episodes: Int[Tensor, ...], num_time_steps: int, *, generator: torch.Generator
    ) -> EpisodeBatch:
        """Random steps, with replacement, of the episodes at these indices: replaces `batch` when
        training on long episodes. Means over an episode's steps, and sums weighted by
        ``step_weights``, keep their expectations.

        Args:
            episodes: indices, of any shape.
            num_time_steps: number of steps to draw from each episode.
            generator: draws the steps.

        Raises:
            ValueError: if equal steps were merged.
        """
        self.require_single_steps()
        lengths = self.lengths[episodes].unsqueeze(-1)
        shape = (*episodes.shape, num_time_steps)
        noise = torch.rand(shape, generator=generator, device=generator.device)
        steps = (noise * lengths).long().clamp_(max=lengths - 1)
        step_weights = (lengths / num_time_steps).to(self.observations).expand(shape)
        return self._steps((episodes.unsqueeze(-1), steps), step_weights)

    def _steps(self, index: Any, step_weights: Tensor) -> EpisodeBatch:
        """The batch at an index of episodes and steps, with these weights."""
        actions = _without_padding(self.actions[index], self.num_actions, step_weights)
        batch = EpisodeBatch(self.observations[index], actions, step_weights)
        if self.partner_observations is None:
            return batch
        partner = self.partner_actions[index]
        actions = _without_padding(partner, self.num_partner_actions, step_weights)
        return batch.with_partner(PartnerSteps(self.partner_observations[index], actions))

    def first_steps(self, num_time_steps: int) -> InteractionDataset:
        """The same episodes, truncated to their first ``num_time_steps`` steps.

        Raises:
            ValueError: if equal steps were merged, and some would be left out.
        """
        num_time_steps = _checks.integer("num_time_steps", num_time_steps, minimum=1)
        if num_time_steps < self.lengths.max():
            self.require_single_steps()
        steps = {n: t[:, :num_time_steps] for n, t in self._tensors().items() if n in BY_STEP}
        return dataclasses.replace(self, lengths=self.lengths.clamp(max=num_time_steps), **steps)

    def require_single_steps(self) -> None:
        """Raises a ValueError if equal steps were merged."""
        if self.step_counts is not None:
            raise ValueError("dataset: equal steps were merged; pass the dataset before merging")

    def select(self, episodes: Shaped[Tensor, " selected"]) -> InteractionDataset:
        """The dataset of the episodes at these indices, or where this mask is true."""
        return self._map(lambda tensor: tensor[episodes])

    def rows_on_edges(self, graph: InteractionGraph) -> Int[Tensor, " row"]:
        """Indices of the episodes that were played on edges of ``graph``, from either side.

        Raises:
            ValueError: if an edge of the graph has no episode.
        """
        return graph.holds(self.agents, self.partners).nonzero()[:, 0]

    def on_edges(self, graph: InteractionGraph) -> InteractionDataset:
        """The dataset of the episodes at `rows_on_edges`."""
        return self.select(self.rows_on_edges(graph))

    def episodes_of_agents(self, rows: Int[Tensor, " row"] | None = None) -> AgentEpisodes:
        """The indices of each agent's episodes, in ascending order of agents.

        Args:
            rows: indices of the episodes to consider; all of them by default.
        """
        rows = torch.arange(len(self), device=self.agents.device) if rows is None else rows
        agents = self.agents[rows]
        _, counts = agents.unique(return_counts=True)
        order = rows[torch.argsort(agents, stable=True)]
        return AgentEpisodes(order, counts.cumsum(0) - counts, counts)


def _without_padding(actions: Tensor, num_actions: int, step_weights: Tensor) -> Tensor:
    """Actions as numbers, (*batch, A), and zeros where a step has no weight."""
    outside = (step_weights == 0).unsqueeze(-1)
    return as_numbers(actions, num_actions).to(step_weights).masked_fill(outside, 0)


def _pad(episodes: Iterable[np.ndarray]) -> Tensor:
    """Episodes (T_e, ...) as one tensor (E, T, ...), with zeros after the shorter ones."""
    return nn.utils.rnn.pad_sequence([torch.from_numpy(e) for e in episodes], batch_first=True)
