"""Rewards of wrestlers in training: the outcome, and shaping that makes it easier to find."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from paperlib.environments.robosumo import Step
from paperlib.environments.robosumo_rules import ACTION_TIME, CONTROL_WEIGHT


@dataclasses.dataclass(frozen=True)
class RewardWeights:
    """What a wrestler in training is rewarded for.

    Attributes:
        win: for a match won.
        loss: taken off for a match lost.
        draw: taken off when time is up.
        approach: for each metre that the distance to the opponent shrinks.
        push: for each metre that the opponent moves away from the centre.
        outward_penalty: taken off for each metre that it moves away from the centre itself.
        toppling_bonus: for each metre that the opponent's torso sinks.
        rising_bonus: for each metre that its own torso rises.
        height_bonus: for each metre of its torso's height, each second.
        distance_penalty: taken off for each metre between the two, each second.
        time_penalty: taken off for each second.
        control_penalty: taken off for each unit of squared actions.
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
    time_penalty: float = 0.0
    control_penalty: float = 0.0003

    def rewards(
        self,
        before: tuple[NDArray[np.float32], NDArray[np.float32]],
        step: Step,
        fields: Sequence[Mapping[str, slice]],
    ) -> NDArray[np.float32]:
        """Of both robots, (N, 2): outcome, differences of potentials, what lasts, effort."""
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
                + ACTION_TIME * (lasting + self.height_bonus * high[own][1])
                + self.control_penalty / CONTROL_WEIGHT * step.reward_terms["control"][:, own]
            )
        return result
