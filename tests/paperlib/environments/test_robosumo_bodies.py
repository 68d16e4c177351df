"""RoboSumo's robots: their counts, and the reflections that map them onto themselves."""

import itertools

import numpy as np
import pytest

from paperlib.environments.robosumo_bodies import ROBOTS, mapped_joints

FLIPS = list(itertools.product((-1, 1), repeat=2))


def reflected_joints(robot, flips):
    x, y = flips
    return mapped_joints(robot, ((x, 0), (0, y)))


SYMMETRIES = {"ant": FLIPS, "bug": FLIPS, "spider": [(1, 1), (-1, 1)]}


def test_joints_and_bodies():
    counts = {name: (robot.num_joints, robot.num_bodies) for name, robot in ROBOTS.items()}
    assert counts == {"ant": (8, 13), "bug": (12, 19), "spider": (16, 25)}


@pytest.mark.parametrize(("robot", "flips"), [(r, f) for r in SYMMETRIES for f in SYMMETRIES[r]])
def test_reflected_legs_lie_where_legs_lie(robot, flips):
    joints, signs = reflected_joints(robot, flips)
    legs, mirror = ROBOTS[robot].legs, np.array([*flips, 1])
    assert sorted(joints) == list(range(2 * len(legs)))
    for number, leg in enumerate(legs):
        other = legs[joints[2 * number] // 2]
        assert joints[2 * number + 1] == joints[2 * number] + 1  # an ankle follows its hip
        for part in ("coxa", "femur", "tibia"):
            np.testing.assert_array_equal(mirror * getattr(other, part), getattr(leg, part))
        # hips turn about the vertical; an ankle's bounds are those of its image
        assert signs[2 * number] == np.prod(flips)
        bounds = sorted(signs[2 * number + 1] * bound for bound in other.ankle_range)
        assert bounds == sorted(leg.ankle_range)


@pytest.mark.parametrize(("robot", "flips"), [(r, f) for r in SYMMETRIES for f in SYMMETRIES[r]])
def test_two_reflections_are_none(robot, flips):
    joints, signs = map(np.array, reflected_joints(robot, flips))
    np.testing.assert_array_equal(joints[joints], np.arange(len(joints)))
    np.testing.assert_array_equal(signs * signs[joints], 1)


@pytest.mark.parametrize("flips", [(1, -1), (-1, -1)])
def test_a_spider_has_one_plane_of_symmetry(flips):
    with pytest.raises(ValueError, match="the legs of 'spider' have no symmetry"):
        reflected_joints("spider", flips)
