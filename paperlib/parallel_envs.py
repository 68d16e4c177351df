"""ParticleWorld as a PettingZoo `ParallelEnv`: one episode, NumPy in and out."""

from __future__ import annotations

from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray
from pettingzoo import ParallelEnv

from paperlib import plots
from paperlib.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    SPEAKER_SIZE,
    TIME_STEP,
    ParticleWorld,
    listener_size,
)

SPEAKER, LISTENER = "speaker_0", "listener_0"
Array = NDArray[np.float32]


class ParticleWorldEnv(ParallelEnv):
    """The speaker-listener game of `paperlib.particleworld`, one episode at a time.

    | agent        | observation (size)                   | action (size), each in [0, 1]      |
    |--------------|--------------------------------------|------------------------------------|
    | `speaker_0`  | colour of the target (3)             | message (M)                        |
    | `listener_0` | velocity, landmarks, message (8 + M) | nothing, left, right, down, up (5) |

    Args:
        message_size: M, 1 to 16; 3 in mpe2.
        dynamics: "mpe2" or "2018".
        max_cycles: steps until the episode is truncated.
        render_mode: None or "rgb_array".

    Raises:
        ValueError: if an argument is out of range.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "particleworld_v0",
        "render_modes": ["rgb_array"],
        "render_fps": round(1 / TIME_STEP),
        "is_parallelizable": True,
    }

    def __init__(
        self,
        *,
        message_size: int = 3,
        dynamics: str = "mpe2",
        max_cycles: int = EPISODE_LENGTH,
        render_mode: str | None = None,
    ) -> None:
        if max_cycles < 1:
            raise ValueError(f"max_cycles must be at least 1, got {max_cycles}")
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(f"render_mode must be None or 'rgb_array', got {render_mode!r}")
        self.max_cycles = max_cycles
        self.render_mode = render_mode
        self.possible_agents = [SPEAKER, LISTENER]
        self.agents: list[str] = []
        self._generator = torch.Generator()
        self._generator.seed()
        self._world = ParticleWorld(
            1, generator=self._generator, message_size=message_size, dynamics=dynamics
        )
        self._steps = 0
        unbounded = {"low": -np.inf, "high": np.inf, "dtype": np.float32}
        self.observation_spaces = {
            SPEAKER: Box(shape=(SPEAKER_SIZE,), **unbounded),
            LISTENER: Box(shape=(listener_size(message_size),), **unbounded),
        }
        self.action_spaces = {
            SPEAKER: Box(0.0, 1.0, (message_size,)),
            LISTENER: Box(0.0, 1.0, (FORCE_SIZE,)),
        }
        size = SPEAKER_SIZE + listener_size(message_size)
        self.state_space = Box(shape=(size,), **unbounded)

    def observation_space(self, agent: str) -> Box:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        return self.action_spaces[agent]

    def reset(
        self, seed: int | None = None, options: dict | None = None
    ) -> tuple[dict[str, Array], dict[str, dict]]:
        """Starts an episode; with a seed, always the same one."""
        if seed is not None:
            self._generator.manual_seed(seed)
        self._world.reset()
        self._steps = 0
        self.agents = self.possible_agents[:]
        return self._observe(), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, ArrayLike]
    ) -> tuple[dict, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict]]:
        """One step. Actions beyond [0, 1] are cut to it, with a warning, as in mpe2.

        Raises:
            ValueError: if the episode is over, an action is missing, of a wrong shape or not
                finite; the episode goes on with a right one.
        """
        if not self.agents:
            raise ValueError("step: the episode is over; call reset() first")
        message, force = (self._checked(agent, actions) for agent in self.possible_agents)
        _, reward = self._world.step(message, force)
        self._steps += 1
        over = self._steps >= self.max_cycles
        agents, observations = self.agents, self._observe()
        self.agents = [] if over else agents
        return (
            observations,
            {agent: reward.item() for agent in agents},
            {agent: False for agent in agents},
            {agent: over for agent in agents},
            {agent: {} for agent in agents},
        )

    def state(self) -> Array:
        """Both agents' observations side by side, (11 + M,)."""
        return np.concatenate(list(self._observe().values()))

    def render(self) -> NDArray[np.uint8] | None:
        """The picture of this moment, (H, W, 3), where the render mode is "rgb_array"."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs render_mode='rgb_array'")
            return None
        if self._world.state is None:
            raise ValueError("render: no episode was started; call reset() first")
        return plots.picture_of_state(self._world.state)

    def close(self) -> None:
        """Nothing is held open."""

    def _observe(self) -> dict[str, Array]:
        observations = self._world.observe()
        return {
            SPEAKER: observations.speaker[0].numpy().copy(),
            LISTENER: observations.listener[0].numpy().copy(),
        }

    def _checked(self, agent: str, actions: dict[str, ArrayLike]) -> torch.Tensor:
        shape = self.action_spaces[agent].shape
        if agent not in actions:
            raise ValueError(f"actions: that of {agent} is missing; an array {shape} would do")
        action = np.asarray(actions[agent], dtype=np.float32)
        if action.shape != shape or not np.isfinite(action).all():
            raise ValueError(f"actions: {agent}'s must be finite, of shape {shape}; got {action}")
        if action.min() < 0 or action.max() > 1:
            gymnasium.logger.warn(f"{agent}'s action {action} was cut to [0, 1]")
        return torch.from_numpy(action.clip(0, 1)).unsqueeze(0)
