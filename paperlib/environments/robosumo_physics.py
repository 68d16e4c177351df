"""RoboSumo's physics: simulations of many matches, stepped together by MuJoCo's own threads."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from paperlib import _checks
from paperlib.environments.robosumo_bodies import TATAMI_TOP
from paperlib.environments.robosumo_rules import PHYSICS_STEPS

START_RADIUS, START_HEIGHT, START_NOISE = 1.15, 1.25, 0.1
UNSTABLE = [
    getattr(mujoco.mjtWarning, f"mjWARN_BAD{name}").value for name in ("QPOS", "QVEL", "QACC")
]


class Simulations:
    """N simulations of a match between two robots; row n of each array is match n.

    Args:
        model: what `robosumo_models.make_spec(...).compile()` returns.
        num_envs: N.
        num_threads: threads that step them; 0 for the number of CPUs.

    Raises:
        ValueError: if a number is out of range.
        RuntimeError: by `start` and `step` in a fork of the process, which has no such threads.

    Attributes:
        batch: MuJoCo's batch of simulations.
        positions: live view of MuJoCo's qpos, (N, nq).
        velocities: live view of MuJoCo's qvel, (N, nv).
        forces: live view of MuJoCo's cfrc_ext, torque and force on each body, (N, nbody, 6).
    """

    def __init__(self, model: mujoco.MjModel, num_envs: int, *, num_threads: int = 0) -> None:
        num_envs = _checks.integer("num_envs", num_envs, minimum=1)
        num_threads = _checks.integer("num_threads", num_threads, minimum=0)
        self._owner = None if num_threads == 1 else os.getpid()  # the process with the threads
        self.batch = Batch(model, num_envs, num_threads)
        self.positions, self.velocities = self.batch.bind("qpos"), self.batch.bind("qvel")
        self.forces = self.batch.bind("cfrc_ext")
        num_motors = sum(model.actuator(motor).name.startswith("0/") for motor in range(model.nu))
        self._controls = np.split(self.batch.bind("ctrl"), [num_motors], axis=1)
        self._first_state = self.batch.state[0].copy()
        roots = [model.joint(f"{robot}/root").qposadr[0] for robot in (0, 1)]
        self._torsos = np.concatenate([root + np.arange(3) for root in roots])

    def start(self, rows: NDArray[np.int64], generators: Sequence[np.random.Generator]) -> None:
        """Puts the robots of these matches on opposite sides of the ring, with noise.

        Args:
            rows: the matches, (M,).
            generators: one for each of the N matches, which draws its start.
        """
        self._require_threads()
        if self.batch.warning[rows].any():
            self.batch.reset(rows, stage=mujoco.mjtStage.mjSTAGE_NONE)
        self.batch.state[rows] = self._first_state
        positions, velocities = self.positions, self.velocities
        for row in rows.tolist():
            generator = generators[row]
            angle = generator.uniform(0.0, 2.0 * np.pi)
            x, y = START_RADIUS * np.cos(angle), START_RADIUS * np.sin(angle)
            positions[row, self._torsos] = x, y, START_HEIGHT, -x, -y, START_HEIGHT
            positions[row] += generator.uniform(-START_NOISE, START_NOISE, positions.shape[1])
            velocities[row] = START_NOISE * generator.standard_normal(velocities.shape[1])
        self.batch.forward(rows)

    def step(
        self, actions: Sequence[NDArray[np.float64]], rows: NDArray[np.int64] | None
    ) -> NDArray[np.bool_]:
        """Steps these matches by one action of 0.05 s.

        Args:
            actions: each robot's actions, (N, A), in [-1, 1].
            rows: the matches, (M,); None for all of them.

        Returns:
            Whether the physics diverged in each match, (N,).
        """
        self._require_threads()
        for control, action in zip(self._controls, actions, strict=True):
            control[:] = action
        failed = np.zeros(len(self.positions), dtype=bool)
        try:
            self.batch.step(rows, nstep=PHYSICS_STEPS)
        except SimulationError as error:
            failed[error.ids] = True
        if self.batch.warning.any() or not self._is_finite():
            # MuJoCo resets a simulation whose state is huge or not finite, and counts a warning.
            failed |= self.batch.warning[:, UNSTABLE, 1].any(axis=1)
            failed |= ~np.isfinite(self.state()).all(axis=1)
        return failed

    def _require_threads(self) -> None:
        if self._owner not in (None, os.getpid()):
            raise RuntimeError(
                "this RoboSumo was made before the process was forked; make it in the fork, or "
                "with num_threads=1"
            )

    def _is_finite(self) -> bool:
        return math.isfinite(self.positions.sum() + self.velocities.sum())

    def torsos(self) -> NDArray[np.float64]:
        """Positions of both torsos, with the height above the tatami, (N, 2, 3)."""
        torsos = self.positions[:, self._torsos].reshape(-1, 2, 3)
        torsos[..., 2] -= TATAMI_TOP
        return torsos

    def state(self) -> NDArray[np.float64]:
        """Positions, then velocities, (N, nq + nv)."""
        return np.concatenate([self.positions, self.velocities], axis=1)
