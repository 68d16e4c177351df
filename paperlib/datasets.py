"""Episodes of many agents, held compactly: from ParticleWorld or from a user's own arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from torch import Tensor, nn

from paperlib import files
from paperlib.graphs import InteractionGraph

WIN, DRAW, LOSS = 1, 0, -1


class EpisodeBatch(NamedTuple):
    """Episodes as networks take them.

    Attributes:
        observations: (..., T, O).
        actions: (..., T, A); one-hot where actions are categorical.
        step_weights: how many steps of the episode each stands for, (..., T): 1.0, and 0.0 for padding;
            where steps are drawn at random, so much that the sum is the episode's length.
    """

    observations: Float[Tensor, "... time obs"]
    actions: Float[Tensor, "... time act"]
    step_weights: Float[Tensor, "... time"]


@dataclasses.dataclass(frozen=True)
class InteractionDataset:
    """Episodes, each seen from one agent. `from_arrays` builds and checks one.

    Attributes:
        observations: of the agent, (E, T, O), float32; zero in the padding.
        actions: of the agent: categorical (E, T), uint8; or continuous (E, T, A), float32.
        lengths: number of steps of each episode, 1 to T, (E,), int64.
        agents: whose view it is, (E,), int64, non-negative.
        partners: with whom, (E,), int64; -1 where not known.
        returns: sum of rewards, (E,), float32; NaN where not known.
        outcomes: +1 win, 0 draw, -1 loss of the agent, (E,), int8; -128 where there is none.
        num_actions: number of categorical actions; 0 where actions are continuous.
    """

    observations: Tensor
    actions: Tensor
    lengths: Tensor
    agents: Tensor
    partners: Tensor
    returns: Tensor
    outcomes: Tensor
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
        rows = _episodes("observations", observations, np.floating)
        if not rows or any(row.ndim != 2 or row.shape[1:] != rows[0].shape[1:] for row in rows):
            raise ValueError("observations must be (E, T, O), or E arrays (T_e, O) with one O")
        acts = _episodes("actions", actions, np.number)
        if len(acts) != len(rows):
            raise ValueError(f"actions: {len(acts)} episodes came for {len(rows)} of observations")
        agents = _integers("agents", agents, len(rows))
        categorical = all(np.issubdtype(row.dtype, np.integer) for row in acts)
        size = () if categorical else acts[0].shape[1:]
        for index, (row, act) in enumerate(zip(rows, acts, strict=True)):
            if len(row) == 0 or act.shape != (len(row), *size) or len(size) != (not categorical):
                raise ValueError(
                    f"actions: episode {index} has the shape {act.shape} and its observations "
                    f"{row.shape}; integers (T,) or floats (T, A) with T >= 1 would do"
                )
        if categorical:
            low, high = min(int(a.min()) for a in acts), max(int(a.max()) for a in acts)
            num_actions = high + 1 if num_actions is None else num_actions
            if low < 0 or high >= num_actions or num_actions > 255:
                raise ValueError(
                    f"actions must lie in 0 to num_actions - 1 = {num_actions - 1} (at most 254), "
                    f"got {low} to {high}"
                )
        lengths = [len(row) for row in rows]
        count, longest = len(rows), max(lengths)
        padded = torch.zeros(count, longest, rows[0].shape[1])
        done = torch.zeros(count, longest, *size, dtype=torch.uint8 if categorical else None)
        for index, (row, act) in enumerate(zip(rows, acts, strict=True)):
            padded[index, : len(row)] = torch.from_numpy(row)
            done[index, : len(act)] = torch.from_numpy(act).to(done.dtype)
        results = np.full(count, np.nan) if returns is None else np.asarray(returns, np.float32)
        if results.shape != (count,) or (returns is not None and not np.isfinite(results).all()):
            raise ValueError(f"returns must be {count} finite numbers, got shape {results.shape}")
        if outcomes is not None and not np.isin(outcomes, (WIN, DRAW, LOSS)).all():
            raise ValueError("outcomes must be +1 (win), 0 (draw) or -1 (loss)")
        met = np.full(count, -1) if partners is None else _integers("partners", partners, count)
        ends = np.full(count, -128) if outcomes is None else np.asarray(outcomes)
        if ends.shape != (count,):
            raise ValueError(f"outcomes must be {count} numbers, got shape {ends.shape}")
        return cls(
            padded,
            done,
            torch.tensor(lengths),
            torch.from_numpy(agents),
            torch.from_numpy(met.astype(np.int64)),
            torch.from_numpy(results.astype(np.float32)),
            torch.from_numpy(ends.astype(np.int8)),
            num_actions if categorical else 0,
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

    @property
    def agent_ids(self) -> list[int]:
        """The agents whose views the dataset holds, ascending."""
        return self.agents.unique().tolist()

    def batch(self, episodes: Int[Tensor, ...]) -> EpisodeBatch:
        """The episodes at these indices, any shape of them, as networks take them."""
        observations = self.observations[episodes]
        actions = self.actions[episodes]
        if self.num_actions:
            kinds = torch.arange(self.num_actions, device=actions.device, dtype=torch.uint8)
            actions = actions.unsqueeze(-1) == kinds
        step_weights = _steps_before(self.lengths[episodes], observations.shape[-2]).to(
            observations
        )
        return EpisodeBatch(
            observations, actions.to(observations) * step_weights.unsqueeze(-1), step_weights
        )

    def draw_steps(
        self, episodes: Int[Tensor, ...], num_time_steps: int, *, generator: torch.Generator
    ) -> EpisodeBatch:
        """Steps drawn at random, with replacement, from the episodes at these indices: what takes
        the place of `batch` in training on long episodes. Means over an episode's steps, and sums
        weighted by the step_weights, keep their expectations.

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
        """What was seen of every episode after so many steps."""
        if num_time_steps < 1:
            raise ValueError(f"num_time_steps must be at least 1, got {num_time_steps}")
        return dataclasses.replace(
            self,
            observations=self.observations[:, :num_time_steps],
            actions=self.actions[:, :num_time_steps],
            lengths=self.lengths.clamp(max=num_time_steps),
        )

    def select(self, episodes: Tensor) -> InteractionDataset:
        """The dataset of the episodes at these indices, or where this step_weights is true."""
        return self._map(lambda tensor: tensor[episodes])

    def rows_on_edges(self, graph: InteractionGraph) -> Tensor:
        """Indices of the episodes that were played on edges of ``graph``, from either side.

        Raises:
            ValueError: if an edge of the graph has no episode.
        """
        pairs = torch.stack([self.agents, self.partners], dim=-1).sort(dim=-1).values
        met, index = pairs.unique(dim=0, return_inverse=True)
        wanted = {tuple(sorted(edge)) for edge in graph.edges}
        missing = wanted - set(map(tuple, met.tolist()))
        if missing:
            raise ValueError(f"the dataset has no episode on edge {min(missing)} of the graph")
        on_edge = torch.tensor(
            [tuple(pair) in wanted for pair in met.tolist()], device=index.device
        )
        return on_edge[index].nonzero()[:, 0]

    def on_edges(self, graph: InteractionGraph) -> InteractionDataset:
        """The dataset of the episodes at `rows_on_edges`."""
        return self.select(self.rows_on_edges(graph))

    def to(self, device: torch.device | str) -> InteractionDataset:
        """The dataset on another device."""
        return self._map(lambda tensor: tensor.to(device))

    def _map(self, function) -> InteractionDataset:
        mapped = {name: function(tensor) for name, tensor in self._tensors().items()}
        return InteractionDataset(**mapped, num_actions=self.num_actions)

    def episodes_of_agents(self, rows: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Where each agent's episodes stand.

        Args:
            rows: indices of the episodes that count; all of them by default.

        Returns:
            order: these indices, sorted by agent, (E,).
            starts: where each agent's begin in ``order``, (agents,).
            counts: how many each agent has, (agents,).
        """
        rows = torch.arange(len(self), device=self.agents.device) if rows is None else rows
        agents = self.agents[rows]
        order = rows[torch.argsort(agents, stable=True)]
        _, counts = agents.unique(return_counts=True)
        return order, counts.cumsum(0) - counts, counts

    def require_episodes(self, count: int, rows: Tensor | None = None) -> None:
        """Checks that every agent has at least ``count`` episodes (among those at ``rows``).

        Raises:
            ValueError: that names the agent with the fewest.
        """
        agents = self.agents if rows is None else self.agents[rows]
        ids, counts = agents.unique(return_counts=True)
        fewest = counts.argmin()
        if counts[fewest] < count:
            raise ValueError(
                f"agent {ids[fewest]} has {counts[fewest]} episode(s) in the dataset; "
                f"{count} are needed of every agent"
            )

    def _tensors(self) -> dict[str, Tensor]:
        return {
            f.name: getattr(self, f.name)
            for f in dataclasses.fields(self)
            if f.name != "num_actions"
        }

    def checksum(self) -> str:
        """SHA-256 of the content."""
        return files.tensor_checksum(self._tensors(), str(self.num_actions))

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file with a checksum; padding takes no room in it."""
        tensors = self._tensors()
        real = _steps_before(self.lengths, self.observations.shape[1])
        for name in ("observations", "actions"):
            tensors[name] = tensors[name][real]
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
        shape = len(tensors["lengths"]), metadata["num_time_steps"]
        real = _steps_before(tensors["lengths"], shape[1])
        for name in ("observations", "actions"):
            steps = tensors[name]
            # Memory that NumPy's zeros never touch is never taken: padding costs nothing.
            padded = np.zeros((*shape, *steps.shape[1:]), dtype=steps.numpy().dtype)
            padded[real.numpy()] = steps.numpy()
            tensors[name] = torch.from_numpy(padded)
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


def _episodes(name: str, values: Iterable[ArrayLike], kind: type[np.number]) -> list[np.ndarray]:
    """Each episode as an array: float32, or integers where ``kind`` lets them be."""
    arrays = []
    for index, value in enumerate(values):
        try:
            array = np.asarray(value)
            if kind is np.floating or not np.issubdtype(array.dtype, np.integer):
                with np.errstate(over="ignore"):
                    array = array.astype(np.float32)
        except ValueError:
            raise ValueError(f"{name}: episode {index} is no array of numbers") from None
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: episode {index} holds NaN or infinity (in float32)")
        arrays.append(array)
    return arrays


def _integers(name: str, values: ArrayLike, count: int) -> np.ndarray:
    array = np.asarray(values)
    if array.shape != (count,) or not np.issubdtype(array.dtype, np.integer) or (array < 0).any():
        raise ValueError(
            f"{name} must be {count} non-negative integers, one for each episode; "
            f"got {array.dtype} of shape {array.shape}"
        )
    return array.astype(np.int64)
