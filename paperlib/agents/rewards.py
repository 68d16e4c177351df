"""Rewards of wrestlers in training: the outcome of a match, and shaping terms."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from paperlib.environments.robosumo import Step
from paperlib.environments.robosumo_rules import ACTION_TIME, CONTROL_WEIGHT


@dataclasses.dataclass(frozen=True)
class RewardWeights:
    """Weights of a wrestler's rewards.

    Distances from the centre are max(|x|, |y|), since the ring is square.

    Attributes:
        win: added for a match won.
        loss: subtracted for a match lost, also if both robots lose.
        draw: subtracted when a match ends without a loser.
        approach: added for each metre that the distance to the opponent shrinks.
        push: added for each metre that the opponent moves away from the centre.
        outward_penalty: subtracted for each metre that the wrestler moves away from the centre.
        toppling_bonus: added for each metre that the opponent's torso sinks.
        rising_bonus: added for each metre that the wrestler's torso rises.
        height_bonus: added for each metre of the torso's height, per second.
        distance_penalty: subtracted for each metre between the two, per second.
        edge_bonus: added for each metre that the wrestler is away from the centre, per second.
        circling_bonus: added for each radian that the wrestler moves counterclockwise around its
            opponent, seen from above; a negative weight rewards moving clockwise.
        time_penalty: subtracted per second.
        control_penalty: subtracted for each unit of squared actions.
    """

    win: float = 1.0
    loss: float = 1.0
    draw: float = 0.5
    approach: float = 0.3
    push: float = 0.5
    outward_penalty: float = 0.2
    toppling_bonus: float = 0.5
    rising_bonus: float = 0.2
    height_bonus: float = 0.0
    distance_penalty: float = 0.0
    edge_bonus: float = 0.0
    circling_bonus: float = 0.0
    time_penalty: float = 0.0
    control_penalty: float = 0.0003

    def rewards(
        self,
        before: tuple[NDArray[np.float32], NDArray[np.float32]],
        step: Step,
        fields: Sequence[Mapping[str, slice]],
    ) -> NDArray[np.float32]:
        """Rewards of both robots for one step, (N, 2).

        Args:
            before: observations of both robots before the step, (N, O).
            step: what the step returned.
            fields: slices of the observations by name, for both robots.
        """
        result = np.empty((len(step.lost), 2), dtype=np.float32)
        moved = [
            [part[:, at["position"]] for part in (old, new)]
            for old, new, at in zip(before, step.final_observations, fields, strict=True)
        ]
        apart = [np.linalg.norm(moved[0][k][:, :2] - moved[1][k][:, :2], axis=1) for k in (0, 1)]
        out, high = (
            [[measure(places) for places in robot] for robot in moved]
            for measure in (lambda p: np.abs(p[:, :2]).max(axis=1), lambda p: p[:, 2])
        )
        lasting = -self.time_penalty - self.distance_penalty * apart[1]
        around = _angle(moved[0][0] - moved[1][0], moved[0][1] - moved[1][1])
        gain_out, gain_high = ([after - old for old, after in pair] for pair in (out, high))
        for own, other in ((0, 1), (1, 0)):
            won, lost = step.lost[:, other], step.lost[:, own]
            result[:, own] = (
                self.win * (won & ~lost)
                - self.loss * lost
                - self.draw * step.truncated
                + self.approach * (apart[0] - apart[1])
                + self.push * gain_out[other]
                - self.outward_penalty * gain_out[own]
                - self.toppling_bonus * gain_high[other]
                + self.rising_bonus * gain_high[own]
                + self.circling_bonus * around
                + ACTION_TIME
                * (lasting + self.height_bonus * high[own][1] + self.edge_bonus * out[own][1])
                + self.control_penalty / CONTROL_WEIGHT * step.reward_terms["control"][:, own]
            )
        return result


def _angle(before: NDArray[np.float32], after: NDArray[np.float32]) -> NDArray[np.float32]:
    """Angle from one horizontal direction to another, in radians, counterclockwise, (N,)."""
    (x, y), (new_x, new_y) = before[:, :2].T, after[:, :2].T
    return np.arctan2(x * new_y - y * new_x, x * new_x + y * new_y)
