"""Symmetries of a robot in its ring, which multiply what a wrestler learns from each step.

A reflection of the ring along x or y gives another match with the same rules. And a robot whose
legs stand in a square, such as the ant, has no front: turned by 90 degrees about its own vertical,
with its legs renamed, it is in the same physical state. Each symmetry acts on a wrestler's inputs
and actions as a signed permutation.
"""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib import _checks
from paperlib.agents.robosumo_features import TO_OPPONENT, mapped_features, num_features
from paperlib.environments.robosumo_bodies import Matrix, mapped_joints

KINDS = ("all", "rotations")
FLIPS = ((1, 1), (-1, 1), (1, -1), (-1, -1))  # signs of x and y; two flips make a half turn


class Symmetry(NamedTuple):
    """A signed permutation: number k of the result is number ``origins[k]`` of the original, times
    ``signs[k]``.

    Attributes:
        feature_origins, feature_signs: these numbers for `robosumo_features.egocentric`, (F,).
        action_origins, action_signs: these numbers for the torques, (A,).
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
    """The symmetry that reflects the match.

    Args:
        robot: "ant", "bug" or "spider".
        flips: factors of x and y, 1 or -1.

    Raises:
        ValueError: if the robot's legs have no such symmetry.
    """
    x, y = flips
    return _symmetry(robot, ring=flips, own=((x, 0), (0, y)))


def quarter_turn(robot: str) -> Symmetry:
    """The same state of the match, the legs renamed as if the robot were turned by 90 degrees:
    its own x axis is where its y axis was.

    Raises:
        ValueError: if the robot's legs do not stand in a square.
    """
    try:
        return _symmetry(robot, ring=(1, 1), own=((0, 1), (-1, 0)))
    except ValueError:
        raise ValueError(f"robot: the legs of {robot!r} do not stand in a square") from None


def _symmetry(robot: str, *, ring: tuple[int, int], own: Matrix) -> Symmetry:
    joints, signs = mapped_joints(robot, own)
    features = mapped_features(robot, ring=ring, own=own)
    return Symmetry(*features, torch.tensor(joints), torch.tensor(signs))


class Front:
    """Makes the side nearest to the opponent a robot's front, if all four sides are alike.

    Args:
        robot: "ant", "bug" or "spider"; only an ant's sides are alike.

    Attributes:
        num_turns: 4 for an ant, 1 for others.
    """

    def __init__(self, robot: str) -> None:
        found = [reflection(robot, FLIPS[0])]
        try:
            turn = quarter_turn(robot)
        except ValueError:  # its sides differ
            pass
        else:
            found = list(itertools.accumulate([turn] * 3, Symmetry.then, initial=found[0]))
        self.num_turns = len(found)
        self._tables = [torch.stack(part) for part in zip(*found, strict=True)]

    def turns(self, features: Float[Tensor, "sample feature"]) -> Int[Tensor, " sample"]:
        """How many quarter turns make the opponent's side the front, 0 to 3.

        Args:
            features: what `robosumo_features.egocentric` returns.
        """
        x, y = features[:, TO_OPPONENT].unbind(1)
        sides = torch.atan2(y, x) / (math.pi / 2)
        return sides.round().long() % self.num_turns

    def turned(
        self, features: Float[Tensor, "sample feature"], turns: Int[Tensor, " sample"]
    ) -> Float[Tensor, "sample feature"]:
        """The same state, seen from another front."""
        origins, signs, *_ = self._tables
        return features.gather(1, origins[turns]) * signs[turns]

    def torques(
        self, actions: Float[Tensor, "sample action"], turns: Int[Tensor, " sample"]
    ) -> Float[Tensor, "sample action"]:
        """Torques of the robot's own joints, from those in the rotated frame."""
        *_, origins, signs = self._tables
        back = -turns % self.num_turns
        return actions.gather(1, origins[back]) * signs[back]


def all_symmetries(robot: str, *, kind: str = "all") -> list[Symmetry]:
    """Reflections and half turns of the match that the legs allow, which leave a robot's front
    where it is; the identity first.

    Args:
        robot: "ant", "bug" or "spider".
        kind: "all", 4 for an ant or a bug and 2 for a spider; or "rotations", the half turn alone,
            without mirror images.

    Raises:
        ValueError: if the kind is unknown.
    """
    _checks.one_of("kind", kind, KINDS)
    found = []
    for flips in FLIPS:
        if kind == "rotations" and flips[0] != flips[1]:
            continue
        try:
            symmetry = reflection(robot, flips)
        except ValueError:  # the legs have no such symmetry
            continue
        if flips[0] == -1 and Front(robot).num_turns == 4:  # the front is now at the back
            turn = quarter_turn(robot)
            symmetry = symmetry.then(turn.then(turn))
        found.append(symmetry)
    return found


class Augmentation:
    """Draws a symmetry for each sample, uniformly.

    Args:
        robot: "ant", "bug" or "spider".
        kind: which symmetries, see `all_symmetries`.

    Raises:
        ValueError: if the kind is unknown.
    """

    def __init__(self, robot: str, *, kind: str = "all") -> None:
        parts = zip(*all_symmetries(robot, kind=kind), strict=True)
        self._tables = [torch.stack(part) for part in parts]
        self.num_features = num_features(robot)

    def __call__(
        self,
        inputs: Float[Tensor, "sample in"],
        actions: Float[Tensor, "sample action"],
        *,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "sample in"], Float[Tensor, "sample action"]]:
        """Transformed samples; inputs beyond the features, such as a context, are unchanged."""
        origins, signs, joints, joint_signs = self._tables
        drawn = torch.randint(len(origins), (len(inputs),), generator=generator)
        features, rest = inputs.tensor_split([self.num_features], dim=1)
        turned = features.gather(1, origins[drawn]) * signs[drawn]
        return torch.cat([turned, rest], dim=1), actions.gather(1, joints[drawn]) * joint_signs[
            drawn
        ]
