"""Both worlds as PettingZoo `ParallelEnv`s: one episode, NumPy in and out."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import ArrayLike, NDArray
from pettingzoo import ParallelEnv

from paperlib.environments import rendering
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    SPEAKER_SIZE,
    TIME_STEP,
    ParticleWorld,
    listener_size,
)
from paperlib.environments.robosumo import ACTION_TIME, MAX_CYCLES, NO_ONE, REASONS, RoboSumo
from paperlib.environments.robosumo_models import COLOURS, TATAMI_SIZE
from reproduction import plots

SPEAKER, LISTENER = "speaker_0", "listener_0"
WRESTLERS = ("wrestler_0", "wrestler_1")
Array = NDArray[np.float32]


class _FixedSpacesEnv(ParallelEnv):
    """An environment whose agents have the same spaces in every episode."""

    observation_spaces: dict[str, Box]
    action_spaces: dict[str, Box]

    def observation_space(self, agent: str) -> Box:
        return self.observation_spaces[agent]

    def action_space(self, agent: str) -> Box:
        return self.action_spaces[agent]

    def _checked(self, agent: str, actions: dict[str, ArrayLike]) -> Array:
        shape = self.action_spaces[agent].shape
        if agent not in actions:
            raise ValueError(f"actions: that of {agent} is missing; an array {shape} would do")
        action = np.asarray(actions[agent], dtype=np.float32)
        if action.shape != shape or not np.isfinite(action).all():
            raise ValueError(f"actions: {agent}'s must be finite, of shape {shape}; got {action}")
        return action


class ParticleWorldEnv(_FixedSpacesEnv):
    """The speaker-listener game of `paperlib.environments.particleworld`, one episode at a time.

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
        message, force = (self._bounded(agent, actions) for agent in self.possible_agents)
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

    def _bounded(self, agent: str, actions: dict[str, ArrayLike]) -> torch.Tensor:
        action = self._checked(agent, actions)
        if action.min() < 0 or action.max() > 1:
            gymnasium.logger.warn(f"{agent}'s action {action} was cut to [0, 1]")
        return torch.from_numpy(action.clip(0, 1)).unsqueeze(0)


class RoboSumoEnv(_FixedSpacesEnv):
    """A match of `paperlib.environments.robosumo` between two robots.

    Observations of a robot with J hinges and B bodies, in this order, float32 (an ant has 8 and
    13, 120 numbers; a bug 12 and 19, 164; a spider 16 and 25, 208):

    | field                  | size | unit                                                |
    |------------------------|------|-----------------------------------------------------|
    | `position`             | 3    | m, the height from the tatami's top                 |
    | `orientation`          | 4    | quaternion, w first                                 |
    | `joint_angles`         | J    | rad, hip and ankle of each leg in turn              |
    | `velocity`             | 3    | m/s                                                 |
    | `angular_velocity`                 | 3    | rad/s, about the torso's own axes                   |
    | `joint_velocities`         | J    | rad/s                                               |
    | `contact_forces`       | 6 B  | on each body, torso first, then leg by leg: torque  |
    |                        |      | (N m) and force (N), without sign, at most 100      |
    | `opponent_position`    | 3    | m, the height from the tatami's top                 |
    | `opponent_orientation` | 4    | quaternion                                          |
    | `opponent_contact`     | 6    | torque and force on the opponent's torso            |

    `robosumo.observation_fields` says where each stands. An action is J torques in
    [-1, 1], hip and ankle of each leg in turn.

    A match is terminated when a robot has lost, truncated when time is up or the physics
    diverged. `infos` hold, for each agent, "reward_terms", the parts of its reward, and "winner":
    the agent that won, or None; "reason" says why the match ended and is empty before.

    Args:
        robots: "ant", "bug" or "spider" each.
        render_mode: None, "rgb_array", or "human" for a window.
        width: of a picture, in pixels.
        height: of a picture, in pixels.
        integrator, tatami_size, colours, max_cycles, contact_forces: as `RoboSumo` takes them.

    Raises:
        ValueError: if an argument is none of these.
    """

    metadata: ClassVar[dict[str, Any]] = {
        "name": "robosumo_v0",
        "render_modes": ["rgb_array", "human"],
        "render_fps": round(1 / ACTION_TIME),
        "is_parallelizable": True,
    }

    def __init__(
        self,
        *,
        robots: Sequence[str] = ("ant", "ant"),
        render_mode: str | None = None,
        width: int = 640,
        height: int = 480,
        integrator: str = "implicitfast",
        tatami_size: float = TATAMI_SIZE,
        colours: Sequence[Sequence[float]] = COLOURS,
        max_cycles: int = MAX_CYCLES,
        contact_forces: bool = True,
    ) -> None:
        if render_mode not in (None, *self.metadata["render_modes"]):
            raise ValueError(
                f"render_mode must be None, 'rgb_array' or 'human', got {render_mode!r}"
            )
        self.render_mode = render_mode
        self.possible_agents = list(WRESTLERS)
        self.agents: list[str] = []
        self._match = RoboSumo(
            [int(np.random.SeedSequence().generate_state(1)[0])],
            robots=robots,
            integrator=integrator,
            tatami_size=tatami_size,
            colours=colours,
            max_cycles=max_cycles,
            contact_forces=contact_forces,
            auto_reset=False,
            num_threads=1,
        )
        self._picture_size = {"width": width, "height": height}
        if render_mode == "rgb_array":
            rendering.check_size(self._match.batch.model, **self._picture_size)
        self._began = False
        self._renderer: rendering.Renderer | None = None
        self._window: Any = None
        self._painters: set[threading.Thread] = set()
        unbounded = {"low": -np.inf, "high": np.inf, "dtype": np.float32}
        self.observation_spaces = {
            agent: Box(shape=(size,), **unbounded)
            for agent, size in zip(WRESTLERS, self._match.observation_sizes, strict=True)
        }
        self.action_spaces = {
            agent: Box(-1.0, 1.0, (size,))
            for agent, size in zip(WRESTLERS, self._match.action_sizes, strict=True)
        }
        self.state_space = Box(shape=(self._match.state().shape[1],), **unbounded)

    def reset(
        self, seed: int | None = None, options: dict | None = None
    ) -> tuple[dict[str, Array], dict[str, dict]]:
        """Starts a match; with a seed, always the same one. There are no options.

        Raises:
            ValueError: if the seed is negative.
        """
        observations = self._match.reset(seeds=None if seed is None else [seed])
        self.agents, self._began = self.possible_agents[:], True
        if self.render_mode == "human":
            self.render()
        return self._by_agent(observations), {agent: {} for agent in self.agents}

    def step(
        self, actions: dict[str, ArrayLike]
    ) -> tuple[dict, dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict]]:
        """One step of 0.05 s. Actions beyond [-1, 1] act, and cost, as the nearest bound.

        Raises:
            ValueError: if the match is over, an action is missing, of a wrong shape or not finite;
                the match goes on with a right one.
        """
        if not self.agents:
            raise ValueError("step: the match is over; call reset() first")
        checked = [self._checked(agent, actions)[None] for agent in WRESTLERS]
        step, agents = self._match.step(checked), self.agents
        if step.done[0]:
            self.agents = []
        if self.render_mode == "human":
            self.render()
        winner, reason = step.winner[0], REASONS[step.reasons[0]]
        infos = {
            agent: {
                "reward_terms": {n: term[0, seat].item() for n, term in step.reward_terms.items()},
                "winner": None if winner == NO_ONE else WRESTLERS[winner],
                "reason": reason,
            }
            for seat, agent in enumerate(agents)
        }
        return (
            self._by_agent(step.final_observations),
            dict(zip(agents, step.rewards[0].tolist(), strict=True)),
            {agent: bool(step.terminated[0]) for agent in agents},
            {agent: bool(step.truncated[0]) for agent in agents},
            infos,
        )

    def state(self) -> Array:
        """Positions and velocities of both robots as MuJoCo holds them, (nq + nv,)."""
        return self._match.state()[0].astype(np.float32)

    def render(self) -> NDArray[np.uint8] | None:
        """The picture of this moment, (H, W, 3), where the render mode is "rgb_array".

        Raises:
            ValueError: if no match was started.
            RuntimeError: if there is no OpenGL to draw with, or no display for a window; the
                message says what to install, and the match goes on.
        """
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs render_mode='rgb_array' or 'human'")
            return None
        if not self._began:
            raise ValueError("render: no match was started; call reset() first")
        if self.render_mode == "human":
            self._show()
            return None
        if self._renderer is None:
            self._renderer = rendering.Renderer(self._match.batch.model, **self._picture_size)
        return self._renderer.draw(self._match.data(0))

    def close(self) -> None:
        """Gives back the window and the memory of the pictures."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
        if self._window is not None:
            self._window.close()
            for thread in self._painters:  # Python must not end before they have
                thread.join(timeout=10)
            self._window = None
            atexit.unregister(self.close)

    def _show(self) -> None:
        model, data = self._match.batch.model, self._match.data(0)
        if self._window is None:
            if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
                raise RuntimeError(
                    "render_mode 'human' opens a window, and there is no display (DISPLAY is not "
                    "set); render_mode 'rgb_array' works without one"
                )
            from mujoco import viewer  # needs a display's libraries

            self._shown = data
            others = set(threading.enumerate())
            self._window = viewer.launch_passive(
                model, data, show_left_ui=False, show_right_ui=False
            )
            self._painters = set(threading.enumerate()) - others
            atexit.register(self.close)
        with self._window.lock():
            self._shown.qpos[:], self._shown.qvel[:] = data.qpos, data.qvel
            mujoco.mj_forward(model, self._shown)
        self._window.sync()

    def _by_agent(self, observations: tuple[Array, Array]) -> dict[str, Array]:
        return {agent: part[0] for agent, part in zip(WRESTLERS, observations, strict=True)}
