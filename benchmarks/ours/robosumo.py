"""Steps of RoboSumo, and the physical limit: bare stepping of the same states and actions.

All forms step one recording of matches in progress, again and again from its first states. Where a
match began anew, RoboSumo finds that out and draws new states itself, as it always does; the forms
that only step are handed the recorded ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import mujoco
import numpy as np
from mujoco.batch import Batch
from numpy.typing import NDArray
from protocol import Case, serve

from ours.robosumo_recordings import Recording, bare_model, record, without_history
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_rules import PHYSICS_STEPS

STATE = mujoco.mjtState.mjSTATE_INTEGRATION
NUM_STEPS = 25  # steps in a block
ENDLESS = 10**9  # time must not be up because a recording is played often


class Matches:
    """The batched form, with observations, rewards and automatic resets."""

    def __init__(
        self, recording: Recording, *, threads: int, integrator: str = "implicitfast"
    ) -> None:
        self.env = RoboSumo(
            range(len(recording.states)),
            integrator=integrator,
            max_cycles=ENDLESS,
            num_threads=threads,
        )
        self.env.reset()
        self._recording = recording
        self._batch = self.env.physics.batch
        self._actions = [
            np.split(chosen, [self.env.action_sizes[0]], axis=1) for chosen in recording.actions
        ]

    @property
    def state(self) -> NDArray[np.float64]:
        return without_history(self._batch.state, self._batch.model)

    def play(self) -> NDArray[np.float64]:
        self._batch.state[:] = self._recording.sensed
        return np.stack([self.env.step(actions).rewards for actions in self._actions])


class BareBatch:
    """MuJoCo's own threads, each with one MjData."""

    def __init__(self, recording: Recording, model: mujoco.MjModel, *, threads: int) -> None:
        self._recording = recording
        self._batch = Batch(model, len(recording.states), threads)
        self._controls = self._batch.bind("ctrl")
        self.state = self._batch.state

    def play(self) -> None:
        self.state[:] = self._recording.states
        for actions, (rows, states) in zip(
            self._recording.actions, self._recording.begun, strict=True
        ):
            self._controls[:] = actions
            self._batch.step(nstep=PHYSICS_STEPS)
            self.state[rows] = states


class BareThreads:
    """`mj_step` on Python's threads, which it does not block; one MjData for each match."""

    def __init__(self, recording: Recording, model: mujoco.MjModel, *, threads: int) -> None:
        self._recording, self._model, self._threads = recording, model, threads
        self._simulations = [mujoco.MjData(model) for _ in recording.states]
        self._executor = ThreadPoolExecutor(max(1, threads - 1))

    @property
    def state(self) -> NDArray[np.float64]:
        states = np.empty_like(self._recording.states)
        for data, state in zip(self._simulations, states, strict=True):
            mujoco.mj_getState(self._model, data, state, STATE)
        return states

    def play(self) -> None:
        self._load(range(len(self._simulations)), self._recording.states)
        for actions, (rows, states) in zip(
            self._recording.actions, self._recording.begun, strict=True
        ):
            numbers = itertools.count()  # a free thread takes the next match
            others = [
                self._executor.submit(self._step, numbers, actions)
                for _ in range(self._threads - 1)
            ]
            self._step(numbers, actions)
            for other in others:
                other.result()
            self._load(rows, states)

    def _step(self, numbers: itertools.count, actions: NDArray[np.float32]) -> None:
        while (number := next(numbers)) < len(self._simulations):
            data = self._simulations[number]
            data.ctrl[:] = actions[number]
            mujoco.mj_step(self._model, data, nstep=PHYSICS_STEPS)

    def _load(self, rows: range | NDArray[np.int64], states: NDArray[np.float64]) -> None:
        for row, state in zip(rows, states, strict=True):
            mujoco.mj_setState(self._model, self._simulations[row], state, STATE)


def require_same_states(contender: Matches | BareBatch | BareThreads, recording: Recording) -> None:
    """Checks that matches which did not begin anew end bit for bit as recorded."""
    contender.play()
    begun = np.concatenate([rows for rows, _ in recording.begun])
    kept = np.setdiff1d(np.arange(len(recording.states)), begun)
    found, wanted = contender.state[kept], recording.last[kept]
    if not np.array_equal(found, wanted):
        raise SystemExit(f"states differ from the recorded ones by {abs(found - wanted).max()}")


def require_sumo(rewards: NDArray[np.float64]) -> None:
    """Checks that rewards, (K, N, 2), are finite and differ."""
    if not np.isfinite(rewards).all() or rewards.min() == rewards.max():
        raise SystemExit("rewards must be finite and differ: the matches do not step")


def make_case(
    form: str,
    num_envs: int,
    threads: int,
    policies: str | None = None,
    integrator: str = "implicitfast",
) -> Case:
    """A unit is a step of one match, with an action of each robot.

    Args:
        form: "matches", "threads" or "batch".
        num_envs: number of matches that are stepped together.
        threads: number of threads that step them.
        policies: see `record`.
        integrator: integrator of the form "matches".
    """
    recording = record(num_envs, NUM_STEPS, threads=threads, policies=policies)
    if form == "matches":
        matches = Matches(recording, threads=threads, integrator=integrator)
        require_sumo(matches.play())
        if integrator == "implicitfast":
            require_same_states(matches, recording)
        return matches.play, recording.units
    kinds: dict[str, Callable[..., BareThreads | BareBatch]] = {
        "threads": BareThreads,
        "batch": BareBatch,
    }
    bare = kinds[form](recording, bare_model(), threads=threads)
    require_same_states(bare, recording)
    return bare.play, recording.units


if __name__ == "__main__":
    serve(make_case, packages=("mujoco",))
