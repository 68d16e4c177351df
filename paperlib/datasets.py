"""Episodes of many agents, from any environment or from a user's own arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Float32, Int, Int8, Int64, Shaped
from numpy.typing import ArrayLike
from torch import Tensor, nn

from paperlib import _checks, files
from paperlib.graphs import InteractionGraph

WIN, DRAW, LOSS = 1, 0, -1


class EpisodeBatch(NamedTuple):
    """Episodes as networks take them.

    Attributes:
        observations: (..., T, O).
        actions: (..., T, A); one-hot where actions are categorical.
        step_weights: how many steps of the episode each one stands for, (..., T): 1.0, and 0.0 for
            padding; where steps are drawn at random, weights whose sum is the episode's length.
    """

    observations: Float[Tensor, "... time obs"]
    actions: Float[Tensor, "... time act"]
    step_weights: Float[Tensor, "... time"]


def join_episodes(batch: EpisodeBatch) -> EpisodeBatch:
    """The k episodes of the last leading axis as one, one after the other along time: shapes
    (..., k, T, ·) become (..., k·T, ·). Padding stays where it is, with weight 0.
    """
    observations, actions, step_weights = batch
    joined = observations.flatten(-3, -2), actions.flatten(-3, -2), step_weights.flatten(-2)
    return EpisodeBatch(*joined)


class AgentEpisodes(NamedTuple):
    """Where each agent's episodes are.

    Attributes:
        order: indices of the episodes, sorted by agent, (E,).
        starts: where each agent's begin in ``order``, (N,).
        counts: how many each agent has, (N,).
    """

    order: Int[Tensor, " episode"]
    starts: Int[Tensor, " agent"]
    counts: Int[Tensor, " agent"]


@dataclasses.dataclass(frozen=True)
class InteractionDataset:
    """Episodes, each seen from one agent. `from_arrays` builds and checks one.

    Attributes:
        observations: of the agent, (E, T, O); zero in the padding.
        actions: of the agent: categorical (E, T), uint8; or continuous (E, T, A), float32.
        lengths: number of steps of each episode, 1 to T, (E,).
        agents: whose view it is, (E,), non-negative.
        partners: with whom, (E,); -1 where not known.
        returns: sum of rewards, (E,); NaN where not known.
        outcomes: +1 win, 0 draw, -1 loss of the agent, (E,); -128 where there is none.
        num_actions: number of categorical actions; 0 where actions are continuous.
    """

    observations: Float32[Tensor, "episode time obs"]
    actions: Shaped[Tensor, "episode time *act"]
    lengths: Int64[Tensor, " episode"]
    agents: Int64[Tensor, " episode"]
    partners: Int64[Tensor, " episode"]
    returns: Float32[Tensor, " episode"]
    outcomes: Int8[Tensor, " episode"]
    num_actions: int

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
    ) -> InteractionDataset:
        """A dataset from anybody's episodes.

        Args:
            observations: (E, T, O), or E arrays (T_e, O) of different lengths.
            actions: integers (E, T) for categorical or floats (E, T, A) for continuous actions, or
                E such arrays without the first axis, each as long as its observations.
            agents: whose view each episode is: E non-negative integers.
            partners: with whom it was played.
            returns: sums of rewards.
            outcomes: +1, 0 or -1.
            num_actions: of categorical actions; by default the largest one + 1.

        Raises:
            ValueError: if shapes do not fit, a number is not finite, or an id is negative. The
                message names the argument.
        """
        rows = _checks.observations(observations)
        lengths, count = [len(row) for row in rows], len(rows)
        acts, num_actions = _checks.actions(actions, lengths=lengths, num_actions=num_actions)
        return cls(
            observations=_pad(rows),
            actions=_pad(acts),
            lengths=torch.tensor(lengths),
            agents=_checks.ids("agents", agents, count=count),
            partners=_checks.ids("partners", partners, count=count, unknown=-1),
            returns=_checks.returns(returns, count=count),
            outcomes=_checks.outcomes(outcomes, count=count),
            num_actions=num_actions,
        )

    def __len__(self) -> int:
        return len(self.agents)

    @property
    def observation_size(self) -> int:
        return self.observations.shape[-1]

    @property
    def action_size(self) -> int:
        """Numbers in an action as networks take it: one-hot where it is categorical."""
        return self.num_actions or self.actions.shape[-1]

    def batch(self, episodes: Int[Tensor, ...]) -> EpisodeBatch:
        """The episodes at these indices, any shape of them, as networks take them."""
        observations, actions = self.observations[episodes], self.actions[episodes]
        if self.num_actions:
            kinds = torch.arange(self.num_actions, device=actions.device, dtype=torch.uint8)
            actions = actions.unsqueeze(-1) == kinds
        within = _steps_before(self.lengths[episodes], observations.shape[-2])
        step_weights = within.to(observations)
        actions = actions.to(observations) * step_weights.unsqueeze(-1)
        return EpisodeBatch(observations, actions, step_weights)

    def draw_steps(
        self, episodes: Int[Tensor, ...], num_time_steps: int, *, generator: torch.Generator
    ) -> EpisodeBatch:
        """Random steps, with replacement, of the episodes at these indices: replaces `batch` when
        training on long episodes. Means over an episode's steps, and sums weighted by
        ``step_weights``, keep their expectations.

        Args:
            episodes: any shape of indices.
            num_time_steps: T, from each.
            generator: draws them.
        """
        lengths = self.lengths[episodes].unsqueeze(-1)
        shape = (*episodes.shape, num_time_steps)
        noise = torch.rand(shape, generator=generator, device=generator.device)
        steps = (noise * lengths).long().clamp_(max=lengths - 1)
        episodes = episodes.unsqueeze(-1)
        observations, actions = self.observations[episodes, steps], self.actions[episodes, steps]
        if self.num_actions:
            actions = nn.functional.one_hot(actions.long(), self.num_actions)
        step_weights = (lengths / num_time_steps).to(observations).expand(shape)
        return EpisodeBatch(observations, actions.to(observations), step_weights)

    def first_steps(self, num_time_steps: int) -> InteractionDataset:
        """The same episodes, cut to so many steps."""
        num_time_steps = _checks.integer("num_time_steps", num_time_steps, minimum=1)
        return dataclasses.replace(
            self,
            observations=self.observations[:, :num_time_steps],
            actions=self.actions[:, :num_time_steps],
            lengths=self.lengths.clamp(max=num_time_steps),
        )

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

    def to(self, device: torch.device | str) -> InteractionDataset:
        """The dataset on another device."""
        return self._map(lambda tensor: tensor.to(device))

    def episodes_of_agents(self, rows: Int[Tensor, " row"] | None = None) -> AgentEpisodes:
        """Where each agent's episodes are, in ascending order of agents.

        Args:
            rows: indices of the episodes that count; all of them by default.
        """
        rows = torch.arange(len(self), device=self.agents.device) if rows is None else rows
        agents = self.agents[rows]
        _, counts = agents.unique(return_counts=True)
        order = rows[torch.argsort(agents, stable=True)]
        return AgentEpisodes(order, counts.cumsum(0) - counts, counts)

    def _tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if name != "num_actions"}

    def _map(self, function: Callable[[Tensor], Tensor]) -> InteractionDataset:
        mapped = {name: function(tensor) for name, tensor in self._tensors().items()}
        return dataclasses.replace(self, **mapped)

    def checksum(self) -> str:
        """SHA-256 of the content."""
        return files.tensor_checksum(self._tensors(), str(self.num_actions))

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file with a checksum; padding takes no room in it."""
        tensors = self._tensors()
        within = _steps_before(self.lengths, self.observations.shape[1])
        for name in ("observations", "actions"):
            tensors[name] = tensors[name][within]
        metadata = {"num_actions": self.num_actions, "num_time_steps": self.observations.shape[1]}
        files.save_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: str | Path) -> InteractionDataset:
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is damaged or holds no dataset.
        """
        tensors, metadata = files.load_tensors(path)
        expected = {field.name for field in dataclasses.fields(cls)} - {"num_actions"}
        if set(tensors) != expected or set(metadata) != {"num_actions", "num_time_steps"}:
            raise ValueError(f"{path} holds no interaction dataset")
        within = _steps_before(tensors["lengths"], metadata["num_time_steps"])
        for name in ("observations", "actions"):
            tensors[name] = _fill(tensors[name], within)
        return cls(**tensors, num_actions=metadata["num_actions"])

    @classmethod
    def concatenate(cls, datasets: Iterable[InteractionDataset]) -> InteractionDataset:
        """One dataset of several that have the same shapes."""
        datasets = list(datasets)
        if len({data.num_actions for data in datasets}) != 1:
            raise ValueError("datasets must have one kind of actions")
        parts = [data._tensors() for data in datasets]
        joined = {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
        return cls(**joined, num_actions=datasets[0].num_actions)


def _steps_before(lengths: Tensor, num_time_steps: int) -> Tensor:
    """Which of the first steps are within episodes of these lengths, (..., num_time_steps)."""
    return torch.arange(num_time_steps, device=lengths.device) < lengths.unsqueeze(-1)


def _pad(episodes: Iterable[np.ndarray]) -> Tensor:
    """Episodes (T_e, ...) as one tensor (E, T, ...), with zeros after the shorter ones."""
    return nn.utils.rnn.pad_sequence([torch.from_numpy(e) for e in episodes], batch_first=True)


def _fill(steps: Tensor, within: Tensor) -> Tensor:
    """Steps of all episodes, one after the other, put in their places; zeros elsewhere."""
    # Memory that NumPy's zeros never touch is never taken: padding costs nothing.
    padded = np.zeros((*within.shape, *steps.shape[1:]), dtype=steps.numpy().dtype)
    padded[within.numpy()] = steps.numpy()
    return torch.from_numpy(padded)
