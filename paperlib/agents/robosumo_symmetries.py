"""Symmetries of a robot in its ring, which multiply what a wrestler learns from each step.

A reflection of the ring along x or y makes another match of the same rules. And a robot whose legs
stand in a square, such as the ant, has no front: turned by 90 degrees about its own vertical, with
its legs renamed, it is in the same physical state. A wrestler's inputs and actions change with a
symmetry by a permutation and signs alone.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib.agents.robosumo_policies import num_features, reflected_features
from paperlib.environments.robosumo_bodies import ROBOTS, reflected_joints

FLIPS = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # of x and y; both turn the match by 180 degrees


class Symmetry(NamedTuple):
    """Number k of what is transformed is number ``origins[k]`` of the original, times a sign.

    Attributes:
        feature_origins, feature_signs: of `robosumo_policies.egocentric`, (F,).
        action_origins, action_signs: of the torques, (A,).
    """

    feature_origins: Int[Tensor, " feature"]
    feature_signs: Float[Tensor, " feature"]
    action_origins: Int[Tensor, " action"]
    action_signs: Float[Tensor, " action"]

    def then(self, other: Symmetry) -> Symmetry:
        """This symmetry, followed by another one."""
        return Symmetry(
            self.feature_origins[other.feature_origins],
            other.feature_signs * self.feature_signs[other.feature_origins],
            self.action_origins[other.action_origins],
            other.action_signs * self.action_signs[other.action_origins],
        )


def reflection(robot: str, flips: tuple[int, int]) -> Symmetry:
    """The reflected match; see `robosumo_bodies.reflected_joints`."""
    joints, signs = reflected_joints(robot, flips)
    features = reflected_features(robot, flips)
    return Symmetry(*features, torch.tensor(joints), torch.tensor(signs))


def quarter_turn(robot: str) -> Symmetry:
    """The same state of the match, the legs renamed as if the robot were turned by 90 degrees:
    its own x axis is where its y axis was.

    Raises:
        ValueError: if the robot's legs do not stand in a square.
    """
    joints, signs = _turned_joints(robot)
    turned, turned_signs = [1, 0, 2], [1.0, -1.0, 1.0]  # (x, y, z) becomes (y, -x, z)
    origins, factors = list(range(9)), [1.0] * 9  # in the ring's own coordinates, and distances

    def add(block: list[int], block_signs: list[float]) -> None:
        first = len(origins)
        origins.extend(first + place for place in block)
        factors.extend(block_signs)

    for _ in range(5):  # to the opponent and the centre, velocity, angular velocity, vertical
        add(turned, turned_signs)
    axes = [2 * row + column for row in turned for column in (0, 1)]  # of the opponent
    add(axes, [sign for sign in turned_signs for _ in (0, 1)])
    for _ in range(2):  # angles and their velocities
        add(joints, signs)
    bodies = [0, *(1 + 3 * (joint // 2) + part for joint in joints[::2] for part in range(3))]
    add([6 * body + number for body in bodies for number in range(6)], [1.0] * 6 * len(bodies))
    add(list(range(6)), [1.0] * 6)  # the opponent's contact forces
    features = torch.tensor(origins), torch.tensor(factors)
    return Symmetry(*features, torch.tensor(joints), torch.tensor(signs))


def _turned_joints(robot: str) -> tuple[list[int], list[float]]:
    joints, signs = [], []
    legs = ROBOTS[robot].legs
    for leg in legs:
        own = np.array([leg.coxa, leg.femur, leg.tibia])
        for number, other in enumerate(legs):
            image = np.array([other.coxa, other.femur, other.tibia])[:, [1, 0, 2]] * [1, -1, 1]
            axis = np.array(other.ankle_axis)[[1, 0]] * [1, -1]
            sign = next((s for s in (1.0, -1.0) if np.allclose(s * axis, leg.ankle_axis[:2])), None)
            if np.allclose(image, own) and sign:
                joints += [2 * number, 2 * number + 1]
                signs += [1.0, sign]
    if len(joints) < 2 * len(legs):
        raise ValueError(f"robot: the legs of {robot!r} do not stand in a square")
    return joints, signs


def all_symmetries(robot: str) -> list[Symmetry]:
    """All reflections that the legs allow, and for an ant each with all quarter turns, 16; the
    identity first."""
    found = []
    for flips in FLIPS:
        try:
            found.append(reflection(robot, flips))
        except ValueError:  # the legs have no such symmetry
            continue
    try:
        turn = quarter_turn(robot)
    except ValueError:
        return found
    turns = list(itertools.accumulate([turn] * 3, Symmetry.then, initial=found[0]))
    return [one.then(other) for one in found for other in turns]


class Augmentation:
    """Draws a symmetry for each sample, uniformly.

    Args:
        robot: "ant", "bug" or "spider".
    """

    def __init__(self, robot: str) -> None:
        parts = zip(*all_symmetries(robot), strict=True)
        self._tables = [torch.stack(part) for part in parts]
        self.num_features = num_features(robot)

    def __call__(
        self,
        inputs: Float[Tensor, "sample in"],
        actions: Float[Tensor, "sample action"],
        *,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "sample in"], Float[Tensor, "sample action"]]:
        """Transformed samples; inputs beyond the features, such as a context, stay as they are."""
        origins, signs, joints, joint_signs = self._tables
        drawn = torch.randint(len(origins), (len(inputs),), generator=generator)
        features, rest = inputs.tensor_split([self.num_features], dim=1)
        turned = features.gather(1, origins[drawn]) * signs[drawn]
        return torch.cat([turned, rest], dim=1), actions.gather(1, joints[drawn]) * joint_signs[
            drawn
        ]
