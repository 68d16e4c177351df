"""The dimensions of RoboSumo's robots and ring, and the symmetries of the robots.

All dimensions are the original's (Al-Shedivat et al. 2018, arXiv 1710.03641): lengths in metres,
angles in degrees, densities in kg/m³.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

TATAMI_SIZE = 2.0  # distance of the ring's border from the centre
TATAMI_TOP = 0.5  # height of the ground that the robots fight on
TATAMI_MARGIN = 0.3  # how far the ground reaches beyond the border

Vector = tuple[float, float, float]
Range = tuple[float, float]
Matrix = tuple[tuple[int, int], tuple[int, int]]


class Leg(NamedTuple):
    """Three capsules in a chain, each given by the vector from its start to its end."""

    name: str
    coxa: Vector  # fixed to the torso, from its centre to the hip
    femur: Vector  # from the hip to the ankle
    tibia: Vector  # from the ankle to the foot
    ankle_axis: Vector
    ankle_range: Range


@dataclass(frozen=True)
class Robot:
    """A torso with legs; each leg turns at its hip, about the vertical, and at its ankle."""

    legs: tuple[Leg, ...]
    density: float
    hip_range: Range = (-30.0, 30.0)
    leg_radius: float = 0.08
    leg_density: float | None = None  # None: the torso's density
    torso_radius: float = 0.25
    gear: float = 150.0

    @property
    def num_joints(self) -> int:
        return 2 * len(self.legs)

    @property
    def num_bodies(self) -> int:
        return 1 + 3 * len(self.legs)


def _ant_leg(name: str, x: int, y: int, ankle_axis: Vector, ankle_range: Range) -> Leg:
    upper, lower = (0.2 * x, 0.2 * y, 0.0), (0.4 * x, 0.4 * y, 0.0)
    return Leg(name, upper, upper, lower, ankle_axis, ankle_range)


def _bug_corner_leg(name: str, x: int, y: int, ankle_axis: Vector, ankle_range: Range) -> Leg:
    upper, lower = (0.18 * x, 0.215 * y, 0.0), (0.324 * x, 0.387 * y, 0.0)
    return Leg(name, upper, upper, lower, ankle_axis, ankle_range)


def _bug_middle_leg(name: str, x: int, ankle_range: Range) -> Leg:
    coxa, femur, tibia = (0.2 * x, 0.0, 0.0), (0.275 * x, 0.0, 0.0), (0.55 * x, 0.0, 0.0)
    return Leg(name, coxa, femur, tibia, (0.0, 1.0, 0.0), ankle_range)


# x and y of a spider's coxa, femur and tibia, for each of four directions
_SPIDER_PLANE = {
    "steep": ((0.056, 0.209), (0.05, 0.188), (0.112, 0.418)),
    "middle": ((0.188, 0.108), (0.17, 0.097), (0.376, 0.216)),
    "flat": ((0.209, 0.056), (0.188, 0.05), (0.418, 0.112)),
    "front": ((0.108, 0.188), (0.097, 0.17), (0.216, 0.376)),
}


def _spider_leg(
    name: str, direction: str, x: int, y: int, ankle_axis: Range, ankle_range: Range
) -> Leg:
    coxa, femur, tibia = ((x * a, y * b) for a, b in _SPIDER_PLANE[direction])
    axis = (*ankle_axis, 0.0)
    return Leg(name, (*coxa, 0.125), (*femur, 0.113), (*tibia, -0.6), axis, ankle_range)


ROBOTS = {
    "ant": Robot(
        density=13.0,
        legs=(
            _ant_leg("front_left_leg", -1, 1, (1.0, 1.0, 0.0), (-70.0, -30.0)),
            _ant_leg("front_right_leg", 1, 1, (-1.0, 1.0, 0.0), (30.0, 70.0)),
            _ant_leg("back_left_leg", -1, -1, (-1.0, 1.0, 0.0), (-70.0, -30.0)),
            _ant_leg("back_right_leg", 1, -1, (1.0, 1.0, 0.0), (30.0, 70.0)),
        ),
    ),
    "bug": Robot(
        density=10.0,
        legs=(
            _bug_corner_leg("back_left_leg", 1, 1, (-1.0, 1.0, 0.0), (30.0, 70.0)),
            _bug_corner_leg("back_right_leg", -1, 1, (1.0, 1.0, 0.0), (-70.0, -30.0)),
            _bug_middle_leg("middle_right_leg", -1, (-70.0, -30.0)),
            _bug_middle_leg("middle_left_leg", 1, (30.0, 70.0)),
            _bug_corner_leg("front_right_leg", -1, -1, (-1.0, 1.0, 0.0), (-70.0, -30.0)),
            _bug_corner_leg("front_left_leg", 1, -1, (1.0, 1.0, 0.0), (30.0, 70.0)),
        ),
    ),
    "spider": Robot(
        density=39.0,
        leg_density=5.0,
        leg_radius=0.04,
        hip_range=(-20.0, 20.0),
        legs=(
            _spider_leg("back_right_leg", "steep", -1, 1, (0.97, 0.26), (-35.0, 45.0)),
            _spider_leg("back_left_leg", "steep", 1, 1, (-0.97, 0.26), (-45.0, 35.0)),
            _spider_leg("middle_back_right_leg", "middle", -1, 1, (0.5, 0.87), (-35.0, 45.0)),
            _spider_leg("middle_back_left_leg", "middle", 1, 1, (-0.5, 0.87), (-45.0, 35.0)),
            _spider_leg("middle_front_right_leg", "flat", -1, -1, (-0.26, 0.97), (-35.0, 45.0)),
            _spider_leg("middle_front_left_leg", "flat", 1, -1, (0.26, 0.97), (-45.0, 35.0)),
            _spider_leg("front_right_leg", "front", -1, -1, (-0.87, 0.5), (-35.0, 45.0)),
            _spider_leg("front_left_leg", "front", 1, -1, (0.87, 0.5), (-45.0, 35.0)),
        ),
    ),
}


def mapped_joints(robot: str, matrix: Matrix) -> tuple[list[int], list[float]]:
    """For each joint of a robot, the joint that a reflection or a rotation about the vertical maps
    onto it, and the angle's sign.

    Args:
        robot: "ant", "bug" or "spider".
        matrix: the map's action on (x, y), row by row; entries 0, 1 and -1.

    Returns:
        Numbers of joints, and signs, for hip and ankle of each leg in turn: afterwards, joint k has
        the angle that joint ``numbers[k]`` had before, times ``signs[k]``.

    Raises:
        ValueError: if the legs do not have this symmetry.
    """
    (a, b), (c, d) = matrix
    handedness = a * d - b * c  # -1: a reflection

    def image(vector: Vector) -> Vector:
        x, y, z = vector
        return a * x + b * y, c * x + d * y, z

    legs = ROBOTS[robot].legs
    joints: list[int] = []
    signs: list[float] = []
    for leg in legs:
        own = leg.coxa, leg.femur, leg.tibia
        for number, other in enumerate(legs):
            # An axis of rotation is an axial vector: it also changes sign in a reflection.
            axis = tuple(handedness * part for part in image(other.ankle_axis)[:2])
            sign = {leg.ankle_axis[:2]: 1.0, tuple(-a for a in leg.ankle_axis[:2]): -1.0}.get(axis)
            if tuple(map(image, (other.coxa, other.femur, other.tibia))) == own and sign:
                joints += [2 * number, 2 * number + 1]
                signs += [float(handedness), sign]
    if len(joints) < 2 * len(legs):
        raise ValueError(f"matrix: the legs of {robot!r} have no symmetry {matrix}")
    return joints, signs
