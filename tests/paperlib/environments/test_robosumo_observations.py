"""Fields of RoboSumo's observations: where they stand, and what fills them."""

import itertools
import re

import numpy as np
import pytest

from paperlib.environments import robosumo_observations
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import (
    Observer,
    observation_fields,
    observation_size,
)

JOINTS = {"ant": 8, "bug": 12, "spider": 16}
SIZES = {"ant": 120, "bug": 164, "spider": 208}
PAIRS = list(itertools.product(JOINTS, repeat=2))


@pytest.mark.parametrize("robot", JOINTS)
def test_fields_cover_the_observation_without_gap_or_overlap(robot):
    fields = observation_fields(robot)
    numbers = np.concatenate([np.arange(field.start, field.stop) for field in fields.values()])
    np.testing.assert_array_equal(numbers, np.arange(SIZES[robot]))
    assert observation_size(robot) == SIZES[robot]


def test_the_table_names_the_fields_in_their_order():
    named = re.findall(r"^\| `(\w+)`", robosumo_observations.__doc__, flags=re.MULTILINE)
    assert named == list(observation_fields("ant"))


@pytest.mark.parametrize("robots", PAIRS)
def test_fields_of_every_pair_hold_what_they_say(robots):
    env = RoboSumo([0, 1], robots=robots)
    observations = env.reset()
    sizes = [7 + JOINTS[name] for name in robots] + [6 + JOINTS[robots[0]]]
    *positions, first, second = np.split(env.state(), np.cumsum(sizes), axis=1)
    for slot, seen in enumerate(observations):
        assert seen.shape == (2, SIZES[robots[slot]]) and seen.dtype == np.float32
        own, opponent = positions[slot].copy(), positions[1 - slot].copy()
        velocities = (first, second)[slot]
        assert own.shape == (2, 7 + JOINTS[robots[slot]])
        own[:, 2] -= 0.5
        opponent[:, 2] -= 0.5
        parts = {
            "position": own[:, :3],
            "orientation": own[:, 3:7],
            "joint_angles": own[:, 7:],
            "velocity": velocities[:, :3],
            "angular_velocity": velocities[:, 3:6],
            "joint_velocities": velocities[:, 6:],
            "opponent_position": opponent[:, :3],
            "opponent_orientation": opponent[:, 3:7],
        }
        for name, part in parts.items():
            np.testing.assert_allclose(seen[:, env.fields[slot][name]], part, atol=1e-7, rtol=1e-6)


def numbered_arrays():
    """Positions, velocities and forces of an ant (J = 8, B = 13) and a bug (12, 19), all different;
    forces of both signs, some beyond 100."""
    positions, velocities = 1000.0 + np.arange(34), 2000.0 + np.arange(32)
    forces = np.linspace(-150, 150, 33 * 6).reshape(33, 6)  # the world's come first
    return positions[None], velocities[None], forces[None]


def test_observations_by_hand():
    positions, velocities, forces = numbered_arrays()
    ant, bug = Observer(("ant", "bug")).observe(positions, velocities, forces=forces)
    felt = np.minimum(np.abs(forces[0]), 100)
    first, second = positions[0, :15].copy(), positions[0, 15:].copy()
    first[2] -= 0.5
    second[2] -= 0.5
    expected = (
        [first, velocities[0, :14], felt[1:14].ravel(), second[:7], felt[14]],
        [second, velocities[0, 14:], felt[14:].ravel(), first[:7], felt[1]],
    )
    for seen, parts in zip((ant, bug), expected, strict=True):
        np.testing.assert_array_equal(seen[0], np.concatenate(parts).astype("f4"))


def test_without_contact_forces_zeros_stand_in_their_places():
    robots, (positions, velocities, forces) = ("ant", "bug"), numbered_arrays()
    felt, blind = (
        Observer(robots, contact_forces=on).observe(positions, velocities, forces=forces)
        for on in (True, False)
    )
    for seen, without, robot in zip(felt, blind, robots, strict=True):
        for name in ("contact_forces", "opponent_contact"):
            assert seen[:, observation_fields(robot)[name]].any()
            seen[:, observation_fields(robot)[name]] = 0
        np.testing.assert_array_equal(without, seen)


def test_unknown_robots_have_no_fields():
    with pytest.raises(ValueError, match="robot must be one of ant, bug, spider; got 'snake'"):
        observation_fields("snake")
