"""A PettingZoo `ParallelEnv` whose agents have the same spaces in every episode."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray
from pettingzoo import ParallelEnv

from paperlib import _checks

Array = NDArray[np.float32]
StepResult = tuple[
    dict[str, Array], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict]
]


class FixedSpacesEnv(ParallelEnv):
    """Holds agents and their spaces and checks actions; observations and states are unbounded.

    Args:
        observation_sizes: size of each agent's observation.
        action_sizes: size of each agent's action.
        lowest_action: the lower bound of every action; the upper one is 1.
        state_size: size of the environment's state.
        render_mode: None or one of the render modes in the environment's metadata.

    Raises:
        ValueError: if there is no such render mode.
    """

    def __init__(
        self,
        observation_sizes: Mapping[str, int],
        action_sizes: Mapping[str, int],
        *,
        lowest_action: float,
        state_size: int,
        render_mode: str | None,
    ) -> None:
        _checks.one_of("render_mode", render_mode, (None, *self.metadata["render_modes"]))
        self.render_mode = render_mode
        self.possible_agents = list(observation_sizes)
        self.agents: list[str] = []
        self.observation_spaces = {
            agent: Box(-np.inf, np.inf, (size,)) for agent, size in observation_sizes.items()
        }
        self.action_spaces = {
            agent: Box(lowest_action, 1.0, (size,)) for agent, size in action_sizes.items()
        }
        self.state_space = Box(-np.inf, np.inf, (state_size,))

    def observation_space(self, agent: str) -> Box:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        return self.action_spaces[agent]

    def check_action(self, agent: str, actions: Mapping[str, ArrayLike]) -> Array:
        """The agent's action as a float32 array, (A,).

        Raises:
            ValueError: if it is missing, of a wrong shape or not finite.
        """
        shape = self.action_spaces[agent].shape
        if agent not in actions:
            raise ValueError(f"actions: that of {agent} is missing; expected shape {shape}")
        action = np.asarray(actions[agent], dtype=np.float32)
        if action.shape != shape or not np.isfinite(action).all():
            raise ValueError(f"actions: {agent}'s must be finite, of shape {shape}; got {action}")
        return action
