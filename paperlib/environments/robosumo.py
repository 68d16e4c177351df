"""RoboSumo: two robots wrestle on a tatami, many matches at once.

The game of Al-Shedivat et al. 2018 (arXiv 1710.03641), for robots with J joints and B bodies.

| agent      | observation, 26 + 2 J + 6 B numbers              | action, J numbers in [-1, 1]  |
|------------|--------------------------------------------------|-------------------------------|
| each robot | own position, orientation, joint angles,         | torques of hip and ankle of   |
|            | velocity, angular velocity, joint velocities,    | each leg in turn, as          |
|            | contact forces; the opponent's position,         | fractions of the maximum      |
|            | orientation, contact                             |                               |

`robosumo_observations` says what each field holds, `robosumo_rules` when a match ends and what the
rewards are; `robosumo_models` builds the bodies, and `robosumo_physics` steps them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral

import mujoco
import numpy as np
from numpy.typing import ArrayLike, NDArray

from paperlib import _checks
from paperlib.environments import robosumo_models, robosumo_rules
from paperlib.environments.robosumo_bodies import ROBOTS, TATAMI_SIZE
from paperlib.environments.robosumo_observations import (
    Floats,
    Observer,
    observation_fields,
    observation_size,
)
from paperlib.environments.robosumo_physics import Simulations
from paperlib.environments.robosumo_rules import GOING_ON, MAX_CYCLES, NO_ONE


@dataclass(frozen=True)
class Step:
    """The result of one step of N matches; index 0 is the first robot, 1 the second.

    Attributes:
        observations: each robot's observations, (N, O); where a new match began, its first one.
        ended: indices of the matches that ended, (E,).
        last_observations: each robot's last observations in the matches that ended, (E, O).
        rewards: sums of the terms, (N, 2).
        reward_terms: terms of the rewards by name, see `robosumo_rules`, (N, 2) each.
        terminated: whether a robot has lost, (N,).
        truncated: whether the match ended without a loser, (N,).
        lost: which robots have lost in this step, (N, 2).
        winner: 0 or 1 where exactly one robot has lost in this step, else `NO_ONE`, (N,).
        reasons: why the match ended, an index into `REASONS`, (N,).
        lengths: steps since each match began, this one included, (N,).
    """

    observations: tuple[Floats, Floats]
    ended: NDArray[np.int64]
    last_observations: tuple[Floats, Floats]
    rewards: NDArray[np.float64]
    reward_terms: dict[str, NDArray[np.float64]]
    terminated: NDArray[np.bool_]
    truncated: NDArray[np.bool_]
    lost: NDArray[np.bool_]
    winner: NDArray[np.int64]
    reasons: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @property
    def final_observations(self) -> tuple[Floats, Floats]:
        """Each robot's observations, (N, O); where a match ended, its last one."""
        final = tuple(part.copy() for part in self.observations)
        for part, last in zip(final, self.last_observations, strict=True):
            part[self.ended] = last
        return final

    @property
    def done(self) -> NDArray[np.bool_]:
        """Which matches ended, (N,)."""
        return self.terminated | self.truncated


class RoboSumo:
    """N matches between two robots, stepped together on T threads.

    A match depends on its seed and its actions alone: not on N, T or its index.

    Args:
        seeds: a non-negative integer for each match; automatic resets draw from its generator.
        robots: the two robots, each "ant", "bug" or "spider".
        integrator: "implicitfast" or "RK4" (the original's). Published policies win nearly as
            often with the former (`notebooks/fidelity.py`), which is several times as fast.
        tatami_size: distance of the ring's border from the centre, in m, at least 1.5.
        max_cycles: steps until a match is a draw.
        contact_forces: False replaces them with zeros, as ports to MuJoCo 2 and later did.
        auto_reset: whether a new match begins in the same step in which one ends. Otherwise the
            match stands still, with rewards of zero, until `reset`.
        num_threads: T; 0 for the number of CPUs.

    Attributes:
        num_envs: N.
        fields: slices of each robot's observation, by name.
        observation_sizes, action_sizes: O and A of each robot.
        physics: the simulations.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        *,
        robots: Sequence[str] = ("ant", "ant"),
        integrator: str = "implicitfast",
        tatami_size: float = TATAMI_SIZE,
        max_cycles: int = MAX_CYCLES,
        contact_forces: bool = True,
        auto_reset: bool = True,
        num_threads: int = 0,
    ) -> None:
        self.max_cycles = _checks.integer("max_cycles", max_cycles, minimum=1)
        self._generators = _make_generators(seeds)
        spec = robosumo_models.make_spec(robots, integrator=integrator, tatami_size=tatami_size)
        self.robots = tuple(robots)
        self.tatami_size = tatami_size
        self.auto_reset = auto_reset
        self.fields = tuple(observation_fields(name) for name in self.robots)
        self.observation_sizes = tuple(observation_size(name) for name in self.robots)
        self.action_sizes = tuple(ROBOTS[name].num_joints for name in self.robots)
        self.num_envs = len(self._generators)
        self.physics = Simulations(spec.compile(), self.num_envs, num_threads=num_threads)
        self.observer = Observer(self.robots, contact_forces=contact_forces)
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._playing = np.zeros(self.num_envs, dtype=bool)
        self._observations = tuple(
            np.zeros((self.num_envs, size), dtype=np.float32) for size in self.observation_sizes
        )

    @property
    def playing(self) -> NDArray[np.bool_]:
        """Which matches have begun and not ended, (N,)."""
        return self._playing.copy()

    def reset(
        self, env_ids: ArrayLike | None = None, *, seeds: Sequence[int] | None = None
    ) -> tuple[Floats, Floats]:
        """Starts new matches, in all N places by default.

        Args:
            env_ids: distinct indices from 0 to N - 1, possibly none.
            seeds: one for each of these matches; by default their generators continue.

        Returns:
            The observations of each robot in all matches, (N, O).

        Raises:
            ValueError: if there is no such match, or the number of seeds differs.
        """
        everything = np.arange(self.num_envs)
        chosen = everything if env_ids is None else np.atleast_1d(env_ids)
        rows = np.intersect1d(chosen, everything)
        if chosen.dtype == bool or chosen.shape != rows.shape:
            raise ValueError(
                f"env_ids must be different numbers from 0 to {self.num_envs - 1}, got {env_ids}"
            )
        if seeds is not None:
            generators = _make_generators(seeds)
            if len(generators) != len(rows):
                raise ValueError(f"seeds: got {len(generators)} for {len(rows)} matches")
            for row, generator in zip(chosen.astype(int), generators, strict=True):
                self._generators[row] = generator
        self._begin(rows.astype(np.int64))
        return tuple(part.copy() for part in self._observations)

    def step(self, actions: Sequence[ArrayLike]) -> Step:
        """One action of every robot, 0.05 s.

        Args:
            actions: each robot's actions, (N, A): torques as fractions of the maximum, clipped to
                [-1, 1] before they act and are penalised.

        Raises:
            ValueError: if an action is not finite or of a wrong shape, or every match is over; the
                matches stay as they are.
        """
        actions = _check_actions(actions, [(self.num_envs, size) for size in self.action_sizes])
        if not self._playing.any():
            raise ValueError("step: every match is over; call reset() first")
        playing, before = self._playing.copy(), self.physics.torsos()
        failed = self.physics.step(actions, None if playing.all() else np.flatnonzero(playing))
        failed &= playing
        self._lengths += playing
        after = self.physics.torsos()
        fell = robosumo_rules.is_fallen(after)
        left = robosumo_rules.is_outside(after, self.tatami_size)
        lost = (fell | left) & (playing & ~failed)[:, None]
        terminated = lost.any(axis=1)
        truncated = playing & ~terminated & (failed | (self._lengths >= self.max_cycles))
        terms = robosumo_rules.reward_terms(
            before, after, actions=actions, lost=lost, truncated=truncated
        )
        if playing.all() and not failed.any():
            self._observations = self._observe()
        else:
            for term in terms.values():
                term[failed | ~playing] = 0.0
            self._update_observations(np.flatnonzero(playing & ~failed))
        if failed.any():
            warnings.warn(
                f"the physics of {failed.sum()} of {self.num_envs} matches diverged; "
                "they end as draws",
                RuntimeWarning,
                stacklevel=2,
            )
        lengths = self._lengths.copy()
        winner = np.full(self.num_envs, NO_ONE)
        reasons = np.full(self.num_envs, GOING_ON)
        ended = np.flatnonzero(terminated | truncated)
        last = tuple(part[ended] for part in self._observations)
        if len(ended):
            winner = robosumo_rules.find_winners(lost)
            reasons = robosumo_rules.find_reasons(
                fell=fell & lost, terminated=terminated, truncated=truncated, diverged=failed
            )
            self._playing[ended] = False
            if self.auto_reset:
                self._begin(ended)
        return Step(
            observations=tuple(part.copy() for part in self._observations),
            ended=ended,
            last_observations=last,
            rewards=terms["outcome"] + terms["control"] + terms["approach"] + terms["push"],
            reward_terms=terms,
            terminated=terminated,
            truncated=truncated,
            lost=lost,
            winner=winner,
            reasons=reasons,
            lengths=lengths,
        )

    def state(self) -> NDArray[np.float64]:
        """Positions, then velocities of all matches as MuJoCo holds them, (N, nq + nv)."""
        return self.physics.state()

    def data(self, env_id: int) -> mujoco.MjData:
        """A copy of a match's simulation, for instance to draw it."""
        return self.physics.batch.get_data(env_id)

    def _begin(self, rows: NDArray[np.int64]) -> None:
        self.physics.start(rows, self._generators)
        self._lengths[rows] = 0
        self._playing[rows] = True
        self._update_observations(rows)

    def _observe(self, rows: slice | NDArray[np.int64] = slice(None)) -> tuple[Floats, Floats]:
        physics = self.physics
        return self.observer.observe(
            physics.positions[rows], physics.velocities[rows], forces=physics.forces[rows]
        )

    def _update_observations(self, rows: NDArray[np.int64]) -> None:
        for part, new in zip(self._observations, self._observe(rows), strict=True):
            part[rows] = new


def _make_generators(seeds: Sequence[int]) -> list[np.random.Generator]:
    found = list(seeds) if isinstance(seeds, Iterable) else []
    if not found or any(
        isinstance(seed, bool) or not isinstance(seed, Integral) or seed < 0 for seed in found
    ):
        raise ValueError(f"seeds must be one or more non-negative integers, got {seeds}")
    return [np.random.default_rng(seed) for seed in found]


def _check_actions(
    actions: Sequence[ArrayLike], shapes: list[tuple[int, int]]
) -> list[NDArray[np.float64]]:
    """Each robot's actions as an array, clipped to [-1, 1]."""
    arrays = [np.asarray(part, dtype=np.float64) for part in actions]
    if [array.shape for array in arrays] != shapes:
        raise ValueError(
            f"actions must be of shapes {shapes}, got {[array.shape for array in arrays]}"
        )
    for robot, array in enumerate(arrays):
        if not (math.isfinite(array.sum()) or np.isfinite(array).all()):
            row = np.isfinite(array).all(axis=1).argmin()
            raise ValueError(
                f"actions: those of robot {robot} in match {row} are not finite: {array[row]}"
            )
    return [array.clip(-1.0, 1.0) for array in arrays]
