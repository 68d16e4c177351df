"""RoboSumo: two robots wrestle on a tatami, many matches at once.

The game of Al-Shedivat et al. 2018 (arXiv 1710.03641). `robosumo_models` builds its bodies;
MuJoCo's own threads step the matches.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import ArrayLike, NDArray

from paperlib.environments import robosumo_models
from paperlib.environments.robosumo_models import (
    COLOURS,
    ROBOTS,
    TATAMI_SIZE,
    TATAMI_TOP,
    TIME_STEP,
)

PHYSICS_STEPS = 5  # of 0.01 s, for each action
ACTION_TIME = PHYSICS_STEPS * TIME_STEP  # seconds
MAX_CYCLES = 501  # a match of more than 500 steps is a draw
START_RADIUS, START_HEIGHT, START_NOISE = 1.15, 1.25, 0.1
FALLEN_HEIGHT = 0.29  # of the torso above the tatami
OUTSIDE_MARGIN = 0.1  # beyond the border
CONTACT_LIMIT = 100.0
WIN_REWARD, TIME_REWARD = 2000.0, -1000.0
CONTROL_WEIGHT, APPROACH_WEIGHT, PUSH_WEIGHT = 0.1, 0.1, 10.0

REWARD_TERMS = ("outcome", "control", "approach", "push")
GOING_ON, FELL, LEFT_THE_RING, TIME_IS_UP, DIVERGED = range(5)
REASONS = ("", "a torso fell", "a torso left the ring", "time is up", "the physics diverged")
NO_ONE = -1  # has won
UNSTABLE = [
    getattr(mujoco.mjtWarning, f"mjWARN_BAD{name}").value for name in ("QPOS", "QVEL", "QACC")
]

Floats = NDArray[np.float32]


def observation_fields(robot: str) -> dict[str, slice]:
    """Where each field of a robot's observation stands: slices by name, in their order.

    `parallel_envs.RoboSumoEnv` says what each field is; the names are

    position, orientation, joint_angles, velocity, angular_velocity, joint_velocities, contact_forces,
    opponent_position, opponent_orientation, opponent_contact.

    Args:
        robot: "ant", "bug" or "spider", whoever its opponent is.

    Raises:
        ValueError: if there is no such robot.
    """
    if robot not in ROBOTS:
        raise ValueError(f"robot must be one of {', '.join(ROBOTS)}; got {robot!r}")
    joints, bodies = ROBOTS[robot].num_joints, ROBOTS[robot].num_bodies
    sizes = {
        "position": 3,
        "orientation": 4,
        "joint_angles": joints,
        "velocity": 3,
        "angular_velocity": 3,
        "joint_velocities": joints,
        "contact_forces": 6 * bodies,
        "opponent_position": 3,
        "opponent_orientation": 4,
        "opponent_contact": 6,
    }
    ends = dict(zip(sizes, itertools.accumulate(sizes.values()), strict=True))
    return {name: slice(end - sizes[name], end) for name, end in ends.items()}


def observation_size(robot: str) -> int:
    """How many numbers a robot observes.

    Raises:
        ValueError: if there is no such robot.
    """
    return max(field.stop for field in observation_fields(robot).values())


@dataclass(frozen=True)
class Step:
    """What a step of N matches brought; index 0 is the first robot, 1 the second.

    Attributes:
        observations: of each robot, (N, O); where a match ended and the next began, its first.
        ended: numbers of the matches that ended, (E,).
        last_observations: of each robot in these, (E, O).
        rewards: sum of the terms, (N, 2).
        reward_terms: each of `REWARD_TERMS`, (N, 2).
        terminated: whether a robot has lost, (N,).
        truncated: whether the match ended without a loser, (N,).
        lost: which robots have lost in this step, (N, 2).
        winner: 0 or 1 where exactly one has lost in this step, else `NO_ONE`, (N,).
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
        """The observations, but of a match that ended its last, (N, O) each."""
        final = tuple(part.copy() for part in self.observations)
        for part, last in zip(final, self.last_observations, strict=True):
            part[self.ended] = last
        return final

    @property
    def done(self) -> NDArray[np.bool_]:
        return self.terminated | self.truncated


class RoboSumo:
    """N matches between two robots, stepped together on T threads.

    A match depends on its seed and its actions alone: not on N, T or its place among the others.

    Reward of a robot at each step, in terms:
      - outcome: -2000 if it has lost, +2000 if its opponent has (both if both have); -1000 when
        time is up.
      - control: -0.1 Σ action².
      - approach: +0.1 max(0, velocity · unit vector from where it was to where its opponent now
        is), in the plane, in m/s.
      - push: -10 exp(-distance of its opponent from the centre).

    A robot has lost when its torso is less than 0.29 m above the tatami, or 0.1 m beyond the
    square ring's border. A match whose physics diverges ends as a draw, with a warning and
    rewards of zero; its last observation is the last finite one.

    Args:
        seeds: one non-negative integer for each match; automatic resets draw from the same
            generator.
        robots: "ant", "bug" or "spider" each.
        integrator: "implicitfast" or "RK4" (the original's). Published policies win nearly as
            often with the former (`notebooks/fidelity.py`), which is some 3.5 times as fast.
        tatami_size: distance of the ring's border from the centre, in metres.
        colours: red, green and blue in [0, 1] of each robot.
        max_cycles: steps until a match is a draw; the original allowed 500 and ended the next.
        contact_forces: False leaves zeros in their places, as ports to MuJoCo 2 and later had.
        auto_reset: whether a match that ended begins anew in the same step. Without it, it stands
            still, with rewards of zero, until `reset`.
        num_threads: T; as many as there are CPUs where 0.

    Raises:
        ValueError: if an argument is none of these.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        *,
        robots: Sequence[str] = ("ant", "ant"),
        integrator: str = "implicitfast",
        tatami_size: float = TATAMI_SIZE,
        colours: Sequence[Sequence[float]] = COLOURS,
        max_cycles: int = MAX_CYCLES,
        contact_forces: bool = True,
        auto_reset: bool = True,
        num_threads: int = 0,
    ) -> None:
        if max_cycles < 1:
            raise ValueError(f"max_cycles must be at least 1, got {max_cycles}")
        if num_threads < 0:
            raise ValueError(f"num_threads must be 0 (all CPUs) or more, got {num_threads}")
        self._generators = _generators(seeds)
        spec = robosumo_models.make_spec(
            robots, integrator=integrator, tatami_size=tatami_size, colours=colours
        )
        self.robots = tuple(robots)
        self.tatami_size = tatami_size
        self.max_cycles = max_cycles
        self.contact_forces = contact_forces
        self.auto_reset = auto_reset
        self.fields = tuple(observation_fields(name) for name in self.robots)
        self.observation_sizes = tuple(observation_size(name) for name in self.robots)
        self.action_sizes = tuple(ROBOTS[name].num_joints for name in self.robots)
        self.num_envs = len(self._generators)
        self.batch = Batch(spec.compile(), self.num_envs, num_threads)
        self._bind()
        self._lengths = np.zeros(self.num_envs, dtype=np.int64)
        self._playing = np.zeros(self.num_envs, dtype=bool)
        self._observations = tuple(
            np.zeros((self.num_envs, size), dtype=np.float32) for size in self.observation_sizes
        )

    def _bind(self) -> None:
        """Live arrays over all simulations, row n being match n, and where each robot is in them.

        Observations are columns of one array of positions, velocities and forces of both robots.
        """
        model, bind = self.batch.model, self.batch.bind
        self._state, self._forces = (bind("qpos"), bind("qvel")), bind("cfrc_ext")
        self._controls = np.split(bind("ctrl"), [self.action_sizes[0]], axis=1)
        self._flags = self.batch.expand("opt.disableflags")
        self._sensing = int(model.opt.disableflags)
        self._first_state = self.batch.state[0].copy()
        roots = [model.joint(f"{number}/root") for number in (0, 1)]
        torsos = [model.body(f"{number}/torso").id for number in (0, 1)]
        own = []
        for root, torso, name in zip(roots, torsos, self.robots, strict=True):
            joints, bodies = ROBOTS[name].num_joints, ROBOTS[name].num_bodies
            places = root.qposadr[0] + np.arange(7 + joints)
            speeds = model.nq + root.dofadr[0] + np.arange(6 + joints)
            forces = model.nq + model.nv + 6 * torso + np.arange(6 * bodies)
            own.append((places, speeds, forces))
        self._columns = [
            np.concatenate([*own[one], own[other][0][:7], own[other][2][:6]])
            for one, other in ((0, 1), (1, 0))
        ]
        self._torsos = np.concatenate([places[:3] for places, _, _ in own])

    @property
    def playing(self) -> NDArray[np.bool_]:
        """Which matches have begun and not ended, (N,)."""
        return self._playing.copy()

    def reset(
        self, matches: ArrayLike | None = None, *, seeds: Sequence[int] | None = None
    ) -> tuple[Floats, Floats]:
        """Begins matches anew, all of them or those whose numbers are given.

        Args:
            matches: different numbers from 0 to N - 1; there may be none.
            seeds: one for each of these matches; their generators go on where None.

        Returns:
            The observations of each robot in all matches, (N, O).

        Raises:
            ValueError: if there is no such match, or the number of seeds differs.
        """
        numbers = np.arange(self.num_envs)
        chosen = numbers if matches is None else np.atleast_1d(matches)
        rows = np.intersect1d(chosen, numbers)
        if chosen.dtype == bool or chosen.shape != rows.shape:
            raise ValueError(
                f"matches must be different numbers from 0 to {self.num_envs - 1}, got {matches}"
            )
        if seeds is not None:
            generators = _generators(seeds)
            if len(generators) != len(rows):
                raise ValueError(f"seeds: {len(generators)} came for {len(rows)} matches")
            for row, generator in zip(chosen.astype(int), generators, strict=True):
                self._generators[row] = generator
        self._begin(rows.astype(np.int64))
        return tuple(part.copy() for part in self._observations)

    def step(self, actions: Sequence[ArrayLike]) -> Step:
        """One action of every robot, 0.05 s.

        Args:
            actions: of each robot, (N, A): torques of hip and ankle of each leg in turn, as
                shares of the strongest. Beyond [-1, 1] they act, and cost, as the nearest bound.

        Raises:
            ValueError: if an action is not finite or of a wrong shape, or no match goes on; the
                matches stay as they are.
        """
        actions = self._checked(actions)
        if not self._playing.any():
            raise ValueError("step: every match is over; call reset() first")
        playing, before = self._playing.copy(), self._places()
        failed = self._simulate(actions, None if playing.all() else np.flatnonzero(playing))
        self._lengths += playing
        after = self._places()
        fell = after[..., 2] < FALLEN_HEIGHT
        left = np.abs(after[..., :2]).max(axis=-1) >= self.tatami_size + OUTSIDE_MARGIN
        lost = (fell | left) & (playing & ~failed)[:, None]
        terminated = lost.any(axis=1)
        truncated = playing & ~terminated & (failed | (self._lengths >= self.max_cycles))
        terms = self._reward_terms(actions, before, after, lost, truncated)
        undisturbed = playing.all() and not failed.any()
        if not undisturbed:
            for term in terms.values():
                term[failed | ~playing] = 0.0
        if failed.any():
            warnings.warn(
                f"the physics of {failed.sum()} of {self.num_envs} matches diverged; "
                "they end as draws",
                RuntimeWarning,
                stacklevel=2,
            )
        if undisturbed:
            self._observations = self._observe()
        else:
            self._look(np.flatnonzero(playing & ~failed))
        lengths = self._lengths.copy()
        winner = np.full(self.num_envs, NO_ONE)
        reasons = np.full(self.num_envs, GOING_ON)
        ended = np.flatnonzero(terminated | truncated)
        last = tuple(part[ended] for part in self._observations)
        if len(ended):
            winner[lost.sum(axis=1) == 1] = lost.argmin(axis=1)[lost.sum(axis=1) == 1]
            reasons = np.select(
                [failed, (fell & lost).any(axis=1), terminated, truncated],
                [DIVERGED, FELL, LEFT_THE_RING, TIME_IS_UP],
                GOING_ON,
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
        return np.concatenate(self._state, axis=1)

    def data(self, match: int) -> mujoco.MjData:
        """A copy of a match's simulation, to look at or to draw."""
        return self.batch.get_data(match)

    def _checked(self, actions: Sequence[ArrayLike]) -> list[NDArray[np.float64]]:
        shapes = [(self.num_envs, size) for size in self.action_sizes]
        arrays = [np.asarray(part, dtype=np.float64) for part in actions]
        if [array.shape for array in arrays] != shapes:
            raise ValueError(
                f"actions must be of shapes {shapes}, got {[array.shape for array in arrays]}"
            )
        for number, array in enumerate(arrays):
            if not (math.isfinite(array.sum()) or np.isfinite(array).all()):
                match = np.isfinite(array).all(axis=1).argmin()
                raise ValueError(
                    f"actions: those of robot {number} in match {match} are not finite: "
                    f"{array[match]}"
                )
        return [array.clip(-1.0, 1.0) for array in arrays]

    def _begin(self, rows: NDArray[np.int64]) -> None:
        """Puts both robots on opposite sides, with noise, and looks around."""
        if self.batch.warning[rows].any():
            self.batch.reset(rows, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self.batch.state[rows] = self._first_state
        positions, speeds = self._state
        for row in rows.tolist():
            generator = self._generators[row]
            angle = generator.uniform(0.0, 2.0 * np.pi)
            x, y = START_RADIUS * np.cos(angle), START_RADIUS * np.sin(angle)
            positions[row, self._torsos] = x, y, START_HEIGHT, -x, -y, START_HEIGHT
            positions[row] += generator.uniform(-START_NOISE, START_NOISE, positions.shape[1])
            speeds[row] = START_NOISE * generator.standard_normal(speeds.shape[1])
        self.batch.forward(rows)
        self._lengths[rows] = 0
        self._playing[rows] = True
        self._look(rows)

    def _simulate(
        self, actions: Sequence[NDArray[np.float64]], rows: NDArray[np.int64] | None
    ) -> NDArray[np.bool_]:
        """Steps the physics; which matches it could not step to a finite state."""
        for control, action in zip(self._controls, actions, strict=True):
            control[:] = action
        failed = np.zeros(self.num_envs, dtype=bool)
        # cfrc_ext is what sensors of force need; of the five steps only the last one's is read.
        no_sensors = self._sensing | mujoco.mjtDisableBit.mjDSBL_SENSOR
        for flags, num_steps in ((no_sensors, PHYSICS_STEPS - 1), (self._sensing, 1)):
            self._flags[:] = flags
            try:
                self.batch.step(rows, nstep=num_steps)
            except SimulationError as error:
                failed[error.ids] = True
        positions, speeds = self._state  # a sum is finite where all its parts are
        if self.batch.warning.any() or not math.isfinite(positions.sum() + speeds.sum()):
            # MuJoCo counts states that are not finite or huge, and begins anew from its first one.
            failed |= self.batch.warning[:, UNSTABLE, 1].any(axis=1)
            failed |= ~np.isfinite(self.state()).all(axis=1)
        return failed & self._playing

    def _places(self) -> NDArray[np.float64]:
        """Where the torsos are, the height from the tatami's top, (N, 2, 3)."""
        places = self._state[0][:, self._torsos].reshape(-1, 2, 3)
        places[..., 2] -= TATAMI_TOP
        return places

    def _reward_terms(
        self,
        actions: Sequence[NDArray[np.float64]],
        before: NDArray[np.float64],
        after: NDArray[np.float64],
        lost: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> dict[str, NDArray[np.float64]]:
        own, new, other = before[..., :2], after[..., :2], after[:, ::-1, :2]
        outcome = WIN_REWARD * (lost[:, ::-1].astype(float) - lost)
        outcome[truncated] = TIME_REWARD
        effort = np.stack([np.square(part).sum(axis=1) for part in actions], axis=1)
        # 0.1 max(0, v · (x_other(t+1) − x_own(t)) / ‖x_other(t+1) − x_own(t)‖)
        towards = other - own
        distance = np.maximum(_length(towards), 1e-8)
        approach = np.einsum("nrx,nrx->nr", new - own, towards) / (ACTION_TIME * distance)
        return {
            "outcome": outcome,
            "control": -CONTROL_WEIGHT * effort,
            "approach": APPROACH_WEIGHT * np.maximum(0.0, approach),
            "push": -PUSH_WEIGHT * np.exp(-_length(other)),
        }

    def _observe(self, rows: slice | NDArray[np.int64] = slice(None)) -> tuple[Floats, Floats]:
        """What each robot sees in these matches, in new arrays."""
        positions, speeds, forces = (part[rows] for part in (*self._state, self._forces))
        sizes = positions.shape[1], speeds.shape[1], 6 * forces.shape[1]
        seen = np.zeros((len(positions), sum(sizes)), dtype=np.float32)
        seen[:, : sizes[0]] = positions
        seen[:, self._torsos[[2, 5]]] -= TATAMI_TOP
        seen[:, sizes[0] : -sizes[2]] = speeds
        if self.contact_forces:
            pressed = seen[:, -sizes[2] :]
            np.abs(forces.reshape(pressed.shape), out=pressed, casting="same_kind")
            np.minimum(pressed, CONTACT_LIMIT, out=pressed)
        return tuple(seen.take(columns, axis=1) for columns in self._columns)

    def _look(self, rows: NDArray[np.int64]) -> None:
        """Brings the observations of these matches up to date."""
        for part, new in zip(self._observations, self._observe(rows), strict=True):
            part[rows] = new


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.einsum("...x,...x->...", vectors, vectors))


def _generators(seeds: Sequence[int]) -> list[np.random.Generator]:
    seeds = list(seeds)
    if not seeds or any(
        not isinstance(seed, (int, np.integer)) or isinstance(seed, bool) or seed < 0
        for seed in seeds
    ):
        raise ValueError(f"seeds must be one or more non-negative integers, got {seeds}")
    return [np.random.default_rng(seed) for seed in seeds]
