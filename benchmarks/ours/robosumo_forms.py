"""RoboSumo's three forms with random actions: many matches at once, one at a time, one per process.

Matches go on from block to block and begin anew where they end. A unit is a step of one match on
one core.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from gymnasium.vector import AsyncVectorEnv, AutoresetMode
from numpy.typing import NDArray
from protocol import Case, serve

from ours.robosumo import require_sumo
from paperlib.environments.pettingzoo import RoboSumoEnv
from paperlib.environments.robosumo import RoboSumo

NUM_STEPS = 50  # steps in a block
WARM_UP = 150  # steps, after which matches are at different stages

Play = Callable[[], NDArray[np.float64]]  # a block of steps; its rewards, (K, N, 2)


class Match(gymnasium.Env):
    """A match as a Gymnasium environment: both robots' observations and actions are concatenated.

    Gymnasium has one reward. The second robot's is appended to the observations, which pass
    between processes through shared memory, the quickest way there is.
    """

    def __init__(self) -> None:
        self._match = RoboSumoEnv()
        agents = self._match.possible_agents
        sizes = [self._match.observation_space(agent).shape[0] for agent in agents]
        self.observation_space = Box(-np.inf, np.inf, (sum(sizes) + 1,), np.float32)
        self._ends = np.cumsum([self._match.action_space(agent).shape[0] for agent in agents])
        self.action_space = Box(-1.0, 1.0, (self._ends[-1],), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict | None = None
    ) -> tuple[NDArray[np.float32], dict]:
        observations, _ = self._match.reset(seed=seed)
        return np.concatenate([*observations.values(), [0.0]], dtype=np.float32), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        first, second = self._match.agents
        actions = {first: action[: self._ends[0]], second: action[self._ends[0] :]}
        observations, rewards, terminated, truncated, _ = self._match.step(actions)
        numbers = np.concatenate([*observations.values(), [rewards[second]]], dtype=np.float32)
        return numbers, rewards[first], terminated[first], truncated[first], {}


def play_together(num_envs: int, threads: int) -> Play:
    matches = RoboSumo(range(num_envs), num_threads=threads)
    matches.reset()
    actions = _draw(NUM_STEPS, num_envs, sum(matches.action_sizes))
    pairs = [np.split(chosen, [matches.action_sizes[0]], axis=1) for chosen in actions]
    return lambda: np.stack([matches.step(pair).rewards for pair in pairs])


def play_alone() -> Play:
    match = RoboSumoEnv()
    match.reset(seed=0)
    sizes = [match.action_space(agent).shape[0] for agent in match.possible_agents]
    draws = np.split(_draw(NUM_STEPS, sum(sizes)), [sizes[0]], axis=1)
    actions = [
        dict(zip(match.possible_agents, pair, strict=True)) for pair in zip(*draws, strict=True)
    ]

    def play() -> NDArray[np.float64]:
        rewards = []
        for pair in actions:
            rewards.append(list(match.step(pair)[1].values()))
            if not match.agents:
                match.reset()
        return np.array(rewards)[:, None]

    return play


def play_in_processes(num_envs: int) -> Play:
    envs = AsyncVectorEnv(
        [Match] * num_envs, context="fork", autoreset_mode=AutoresetMode.SAME_STEP
    )
    envs.reset(seed=0)
    actions = _draw(NUM_STEPS, num_envs, envs.single_action_space.shape[0])

    def play() -> NDArray[np.float64]:
        rewards = np.empty((NUM_STEPS, num_envs, 2))
        for found, chosen in zip(rewards, actions, strict=True):
            observations, found[:, 0], *_ = envs.step(chosen)
            found[:, 1] = observations[:, -1]
        return rewards

    return play


def _draw(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(0).uniform(-1.0, 1.0, shape).astype(np.float32)


def make_case(form: str, threads: int, num_envs: int = 1) -> Case:
    """A unit is a step of one match on one core: a block's steps over the cores that it keeps busy.

    Args:
        form: "together", "alone" (on one core) or "processes".
        threads: number of cores.
        num_envs: number of matches at once.
    """
    forms: dict[str, tuple[Callable[[], Play], int]] = {
        "together": (partial(play_together, num_envs, threads), threads),
        "alone": (play_alone, 1),
        "processes": (partial(play_in_processes, num_envs), min(num_envs, threads)),
    }
    make, cores = forms[form]
    play = make()
    require_sumo(np.concatenate([play() for _ in range(WARM_UP // NUM_STEPS)]))
    return play, NUM_STEPS * num_envs / cores


if __name__ == "__main__":
    serve(make_case, packages=("mujoco", "gymnasium"))
