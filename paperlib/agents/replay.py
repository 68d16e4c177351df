"""A replay buffer of the latest episodes of stacked learners."""

from __future__ import annotations

import torch
from torch import Tensor

from paperlib.agents.populations import Episodes
from paperlib.environments.particleworld import EPISODE_LENGTH


class Replay:
    """The episodes of every learner in the latest iterations.

    Args:
        capacity: number of iterations that are kept.

    Attributes:
        num_iterations: iterations added so far.
        tensors: episodes by name, (K, N, capacity, ...).
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.num_iterations = 0
        self.tensors: dict[str, Tensor] = {}

    def add(self, episodes: Episodes) -> None:
        """Adds the episodes of an iteration, overwriting the oldest ones when full."""
        new = {
            "inputs": torch.cat([episodes.colour, episodes.context], dim=-1),
            "listener": episodes.listener,
            "actions": torch.cat([episodes.messages, episodes.forces], dim=-1).to(torch.uint8),
            "rewards": episodes.rewards,
        }
        place = self.num_iterations % self.capacity
        for name, tensor in new.items():  # (K, N, ...) into (K, N, capacity, ...)
            if name not in self.tensors:
                shape = (*tensor.shape[:2], self.capacity, *tensor.shape[2:])
                self.tensors[name] = tensor.new_zeros(shape)
            self.tensors[name][:, :, place] = tensor
        self.num_iterations += 1

    def sample(self, numbers: Tensor, num_groups: int) -> tuple[Tensor, ...]:
        """Draws B transitions of each of K learners.

        The N episodes of an iteration are divided between groups, one for each listener; row b of B
        is drawn from group b // (B / num_groups).

        Args:
            numbers: uniform in [0, 1), choose episode, iteration and step, (K, B, 3).
            num_groups: number of listeners; divides N and B.

        Returns:
            The speaker's inputs, (K, B, 3 + C); the listener's observation and its next one,
            (K, B, 8 + M); message and force, (K, B, M + 5); rewards, (K, B).
        """
        num_learners, batch_size, _ = numbers.shape
        group_size = self.tensors["rewards"].shape[1] // num_groups
        filled = min(self.num_iterations, self.capacity)
        sizes = torch.tensor([group_size, filled, EPISODE_LENGTH], device=numbers.device)
        number, iteration, step = (numbers * sizes).long().minimum(sizes - 1).unbind(-1)  # (K, B)
        group = torch.arange(batch_size, device=numbers.device) // (batch_size // num_groups)
        learner = torch.arange(num_learners, device=numbers.device)[:, None]
        num_episodes, capacity = self.tensors["rewards"].shape[1:3]
        number = learner * num_episodes + number + group * group_size
        episode = number * capacity + iteration  # (K, B)
        moment, seen = episode * EPISODE_LENGTH + step, episode * (EPISODE_LENGTH + 1) + step
        return (
            self._rows("inputs", episode, 3),
            self._rows("listener", seen, 4),
            self._rows("listener", seen + 1, 4),
            self._rows("actions", moment, 4).float(),
            self._rows("rewards", moment, 4),
        )

    def _rows(self, name: str, index: Tensor, num_axes: int) -> Tensor:
        # One index into the flattened axes: several times as fast as one for each of them.
        flat = self.tensors[name].flatten(0, num_axes - 1)
        return flat.index_select(0, index.flatten()).unflatten(0, index.shape)
