"""Both environments as PettingZoo `ParallelEnv`s: one episode at a time, NumPy in and out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import gymnasium
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from paperlib import _checks
from paperlib.environments import rendering
from paperlib.environments.parallel_env import Array, FixedSpacesEnv, StepResult
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    SPEAKER_SIZE,
    TIME_STEP,
    ParticleWorld,
    listener_size,
)
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_bodies import TATAMI_SIZE
from paperlib.environments.robosumo_rules import ACTION_TIME, MAX_CYCLES, NO_ONE, REASONS

SPEAKER, LISTENER = "speaker_0", "listener_0"
WRESTLERS = ("wrestler_0", "wrestler_1")


class ParticleWorldEnv(FixedSpacesEnv):
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
        self.max_cycles = _checks.integer("max_cycles", max_cycles, minimum=1)
        self._generator = torch.Generator()
        self._generator.seed()
        self._world = ParticleWorld(
            1, generator=self._generator, message_size=message_size, dynamics=dynamics
        )
        self._steps = 0
        message_size = self._world.message_size
        sizes = {SPEAKER: SPEAKER_SIZE, LISTENER: listener_size(message_size)}
        super().__init__(
            sizes,
            {SPEAKER: message_size, LISTENER: FORCE_SIZE},
            lowest_action=0.0,
            state_size=sum(sizes.values()),
            render_mode=render_mode,
        )

    def reset(
        self, seed: int | None = None, options: dict | None = None
    ) -> tuple[dict[str, Array], dict[str, dict]]:
        """Starts an episode; with a seed (≥ 0, else a ValueError), always the same one."""
        if seed is not None:
            self._generator.manual_seed(_checks.integer("seed", seed, minimum=0))
        self._world.reset()
        self._steps = 0
        self.agents = self.possible_agents[:]
        return self._observe(), {agent: {} for agent in self.agents}

    def step(self, actions: dict[str, ArrayLike]) -> StepResult:
        """One step. Actions outside [0, 1] are clipped, with a warning, as in mpe2.

        Raises:
            ValueError: if the episode is over, an action is missing, of a wrong shape or not
                finite; the episode can go on with a valid one.
        """
        if not self.agents:
            raise ValueError("step: the episode is over; call reset() first")
        message, force = (self._clip_action(agent, actions) for agent in self.possible_agents)
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
        """A picture of the current state, (H, W, 3), if the render mode is "rgb_array"."""
        if self.render_mode is None:
            gymnasium.logger.warn("render() needs render_mode='rgb_array'")
            return None
        if self._world.state is None:
            raise ValueError("render: no episode was started; call reset() first")
        return rendering.picture_of_state(self._world.state)

    def close(self) -> None:
        """Does nothing: there is nothing to close."""

    def _observe(self) -> dict[str, Array]:
        observations = self._world.observe()
        return {
            SPEAKER: observations.speaker[0].numpy().copy(),
            LISTENER: observations.listener[0].numpy().copy(),
        }

    def _clip_action(self, agent: str, actions: dict[str, ArrayLike]) -> torch.Tensor:
        action = self.check_action(agent, actions)
        if action.min() < 0 or action.max() > 1:
            gymnasium.logger.warn(f"{agent}'s action {action} was cut to [0, 1]")
        return torch.from_numpy(action.clip(0, 1)).unsqueeze(0)


class RoboSumoEnv(FixedSpacesEnv):
    """A match of `paperlib.environments.robosumo` between two robots.

    | agent        | observation (size)                          | action (size), each in [-1, 1] |
    |--------------|---------------------------------------------|--------------------------------|
    | `wrestler_0` | the first robot's, `robosumo_observations`: | torques of hip and ankle of    |
    |              | an ant's (120), bug's (164), spider's (208) | each leg in turn (8, 12, 16)   |
    | `wrestler_1` | the second robot's, likewise                | likewise                       |

    A match is terminated when a robot has lost, truncated when time is up or the physics
    diverged. `infos` hold, for each agent, "reward_terms", the parts of its reward, and "winner":
    the agent that won, or None; "reason" says why the match ended, and is empty until then.

    Args:
        robots: the two robots, each "ant", "bug" or "spider".
        render_mode: None, "rgb_array", or "human" for a window.
        width: picture width in pixels, at most 1920.
        height: picture height in pixels, at most 1080.
        integrator, tatami_size, max_cycles, contact_forces: as `RoboSumo` takes them.

    Raises:
        ValueError: if an argument is out of range.
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
        max_cycles: int = MAX_CYCLES,
        contact_forces: bool = True,
    ) -> None:
        self._match = RoboSumo(
            [int(np.random.SeedSequence().generate_state(1)[0])],
            robots=robots,
            integrator=integrator,
            tatami_size=tatami_size,
            max_cycles=max_cycles,
            contact_forces=contact_forces,
            auto_reset=False,
            num_threads=1,
        )
        self._model = self._match.physics.batch.model
        self._picture_size = {"width": width, "height": height}
        if render_mode == "rgb_array":
            rendering.check_size(self._model, **self._picture_size)
        self._began = False
        self._renderer: rendering.Renderer | None = None
        self._window: rendering.Window | None = None
        super().__init__(
            dict(zip(WRESTLERS, self._match.observation_sizes, strict=True)),
            dict(zip(WRESTLERS, self._match.action_sizes, strict=True)),
            lowest_action=-1.0,
            state_size=self._match.state().shape[1],
            render_mode=render_mode,
        )

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

    def step(self, actions: dict[str, ArrayLike]) -> StepResult:
        """One step of 0.05 s. Actions are clipped to [-1, 1].

        Raises:
            ValueError: if the match is over, an action is missing, of a wrong shape or not finite;
                the match can go on with a valid one.
        """
        if not self.agents:
            raise ValueError("step: the match is over; call reset() first")
        checked = [self.check_action(agent, actions)[None] for agent in WRESTLERS]
        step, agents = self._match.step(checked), self.agents
        if step.done[0]:
            self.agents = []
        if self.render_mode == "human":
            self.render()
        winner, reason = step.winner[0], REASONS[step.reasons[0]]
        infos = {
            agent: {
                "reward_terms": {n: term[0, robot].item() for n, term in step.reward_terms.items()},
                "winner": None if winner == NO_ONE else WRESTLERS[winner],
                "reason": reason,
            }
            for robot, agent in enumerate(agents)
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
        """A picture of the current state, (H, W, 3), if the render mode is "rgb_array".

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
        data = self._match.data(0)
        if self.render_mode == "human":
            if self._window is None:
                self._window = rendering.Window(self._model, self._match.data(0))
            self._window.show(data)
            return None
        if self._renderer is None:
            self._renderer = rendering.Renderer(self._model, **self._picture_size)
        return self._renderer.draw(data)

    def close(self) -> None:
        """Closes the window and frees the renderer's memory."""
        for part in (self._renderer, self._window):
            if part is not None:
                part.close()
        self._renderer = self._window = None

    def _by_agent(self, observations: tuple[Array, Array]) -> dict[str, Array]:
        return {agent: part[0] for agent, part in zip(WRESTLERS, observations, strict=True)}
