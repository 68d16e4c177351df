"""Records the states and actions of real matches, for other forms to step again."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from paperlib.agents import published_policies
from paperlib.agents.players import Player, UniformlyRandom
from paperlib.environments import robosumo_models
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_bodies import ROBOTS
from paperlib.streams import make_generator

ANTS = ("ant", "ant")
WARM_UP = 200  # steps, after which matches are at different stages

torch.set_num_threads(1)  # a policy is too small for more, whose waiting would disturb the physics


@dataclasses.dataclass(frozen=True)
class Recording:
    """K steps of N matches in progress, including new ones that began meanwhile.

    Attributes:
        states: first states, (N, S), each as mjSTATE_INTEGRATION of a model without sensors.
        sensed: the same states as RoboSumo's own model has them: with the history of sensors.
        actions: both robots' actions side by side, (K, N, A).
        begun: for each step, the matches that began anew after it, and their states, K pairs.
        last: states after the last step, (N, S).
    """

    states: NDArray[np.float64]
    sensed: NDArray[np.float64]
    actions: NDArray[np.float32]
    begun: list[tuple[NDArray[np.int64], NDArray[np.float64]]]
    last: NDArray[np.float64]

    @property
    def units(self) -> int:
        return self.actions.shape[0] * self.actions.shape[1]


def record(
    num_envs: int, num_steps: int, *, threads: int, policies: str | None = None
) -> Recording:
    """Plays matches until they are at different stages, then records them.

    Args:
        num_envs: N.
        num_steps: K.
        threads: number of threads to play on.
        policies: folder of published policies; see `player`.
    """
    matches = RoboSumo(range(num_envs), robots=ANTS, num_threads=threads)
    batch = matches.physics.batch
    players = [player(name, policies) for name in ANTS]
    draws = make_generator(0)
    observations = matches.reset()
    actions, begun = [], []
    for number in range(WARM_UP + num_steps):
        if number == WARM_UP:
            sensed = batch.state.copy()
        seen = map(torch.from_numpy, observations)
        pairs = zip(players, seen, strict=True)
        chosen = [one.act(part, generator=draws)[0].clip(-1, 1).numpy() for one, part in pairs]
        step = matches.step(chosen)
        observations = step.observations
        if number >= WARM_UP:
            rows = np.flatnonzero(step.done)
            actions.append(np.concatenate(chosen, axis=1))
            begun.append((rows, without_history(batch.state[rows], batch.model)))
    states, last = (without_history(part, batch.model) for part in (sensed, batch.state))
    return Recording(states, sensed, np.stack(actions), begun, last)


def player(robot: str, policies: str | None) -> Player:
    """The robot's published policy "mlp-v1" if it is available, else a random one."""
    path = published_policies.find(robot, "mlp", folder=policies)
    if path is None:
        return UniformlyRandom(ROBOTS[robot].num_joints)
    return published_policies.load(path, robot=robot, kind="mlp")


def without_history(states: NDArray[np.float64], model: mujoco.MjModel) -> NDArray[np.float64]:
    """The states as the same model without sensors has them.

    Args:
        states: states as mjSTATE_INTEGRATION has them, (N, S).
        model: the matches' model.
    """
    part = mujoco.mjtState
    before = part.mjSTATE_TIME | part.mjSTATE_QPOS | part.mjSTATE_QVEL | part.mjSTATE_ACT
    start = mujoco.mj_stateSize(model, before)
    return np.delete(states, np.s_[start : start + model.nhistory], axis=1)


def bare_model() -> mujoco.MjModel:
    """The bodies alone, without what observations need."""
    spec = robosumo_models.make_spec(ANTS)
    for part in (*spec.sensors, *spec.sites):
        spec.delete(part)
    return spec.compile()
