"""RoboSumo's rules: who has lost, why a match ends, and the reward of a step.

A robot has lost when its torso is less than 0.29 m above the tatami, or 0.1 m beyond the square
ring's border. Time is up after 501 steps of 0.05 s. A match whose physics diverges ends as a draw
with rewards of zero; its last observation is the last finite one.

| reward term | each robot, each step                                                          |
|-------------|--------------------------------------------------------------------------------|
| `outcome`   | -2000 if it has lost, +2000 if its opponent has, both if both have; -1000 when |
|             | time is up                                                                     |
| `control`   | -0.1 Σ action²                                                                 |
| `approach`  | +0.1 max(0, v · u) in the plane, in m/s: v is its velocity over the step, u    |
|             | the unit vector from where it was to where its opponent now is                 |
| `push`      | -10 exp(-d), d being its opponent's distance from the centre in m              |
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TIME_STEP = 0.01  # duration of a physics step, in seconds
PHYSICS_STEPS = 5  # for each action
ACTION_TIME = PHYSICS_STEPS * TIME_STEP  # seconds
MAX_CYCLES = 501  # the original allowed 500 steps, and ended the match in the next one
FALLEN_HEIGHT = 0.29  # torso height above the tatami, in metres
OUTSIDE_MARGIN = 0.1  # torso distance beyond the border, in metres
WIN_REWARD, TIME_REWARD = 2000.0, -1000.0
CONTROL_WEIGHT, APPROACH_WEIGHT, PUSH_WEIGHT = 0.1, 0.1, 10.0

GOING_ON, FELL, LEFT_THE_RING, TIME_IS_UP, DIVERGED = range(5)
REASONS = ("", "a torso fell", "a torso left the ring", "time is up", "the physics diverged")
NO_ONE = -1  # in place of a winner, in draws and while a match goes on


def is_fallen(torsos: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which torsos are too low, (N, 2); their heights are above the tatami, (N, 2, 3)."""
    return torsos[..., 2] < FALLEN_HEIGHT


def is_outside(torsos: NDArray[np.float64], tatami_size: float) -> NDArray[np.bool_]:
    """Which torsos, (N, 2, 3), have left the ring, (N, 2)."""
    return np.abs(torsos[..., :2]).max(axis=-1) >= tatami_size + OUTSIDE_MARGIN


def find_winners(lost: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The winner where exactly one robot has lost, else `NO_ONE`, (N,).

    Args:
        lost: which robots have lost, (N, 2).
    """
    winner = np.full(len(lost), NO_ONE)
    decided = lost.sum(axis=1) == 1
    winner[decided] = lost.argmin(axis=1)[decided]
    return winner


def find_reasons(
    *,
    fell: NDArray[np.bool_],
    terminated: NDArray[np.bool_],
    truncated: NDArray[np.bool_],
    diverged: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """Why each match ends, an index into `REASONS`, (N,).

    Args:
        fell: which robots have lost because they fell, (N, 2).
        terminated: whether a robot has lost, (N,).
        truncated: whether a match ended without a loser, (N,).
        diverged: whether the physics diverged, (N,).
    """
    return np.select(
        [diverged, fell.any(axis=1), terminated, truncated],
        [DIVERGED, FELL, LEFT_THE_RING, TIME_IS_UP],
        GOING_ON,
    )


def reward_terms(
    before: NDArray[np.float64],
    after: NDArray[np.float64],
    *,
    actions: Sequence[NDArray[np.float64]],
    lost: NDArray[np.bool_],
    truncated: NDArray[np.bool_],
) -> dict[str, NDArray[np.float64]]:
    """The terms of both robots' rewards, (N, 2) each.

    Args:
        before: the torsos' positions before the step, (N, 2, 3).
        after: the torsos' positions after it, (N, 2, 3).
        actions: each robot's actions, (N, A).
        lost: which robots have lost, (N, 2).
        truncated: which matches ended without a loser, (N,).
    """
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


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.einsum("...x,...x->...", vectors, vectors))
