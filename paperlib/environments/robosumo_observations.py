"""What RoboSumo's robots observe: the fields in their order, and how MuJoCo's arrays fill them.

A robot with J joints and B bodies observes, in this order (an ant has 8 and 13, which makes 120
numbers; a bug 12 and 19, 164; a spider 16 and 25, 208):

| field                  | size | unit                                                           |
|------------------------|------|----------------------------------------------------------------|
| `position`             | 3    | m, the height above the tatami                                 |
| `orientation`          | 4    | quaternion, w first                                            |
| `joint_angles`         | J    | rad, hip and ankle of each leg in turn                         |
| `velocity`             | 3    | m/s                                                            |
| `angular_velocity`     | 3    | rad/s, about the torso's own axes                              |
| `joint_velocities`     | J    | rad/s, hip and ankle of each leg in turn                       |
| `contact_forces`       | 6 B  | torque (N m) and force (N) on each body, torso first, then leg |
|                        |      | by leg: absolute values, at most 100                           |
| `opponent_position`    | 3    | m, the height above the tatami                                 |
| `opponent_orientation` | 4    | quaternion, w first                                            |
| `opponent_contact`     | 6    | torque and force on the opponent's torso, likewise             |
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from paperlib import _checks
from paperlib.environments.robosumo_bodies import ROBOTS, TATAMI_TOP

CONTACT_LIMIT = 100.0  # N m or N

Floats = NDArray[np.float32]


def observation_fields(robot: str) -> dict[str, slice]:
    """Slices of the fields of a robot's observation, by name, in the order of the module's table.

    Args:
        robot: "ant", "bug" or "spider"; the opponent's kind makes no difference.

    Raises:
        ValueError: if there is no such robot.
    """
    _checks.one_of("robot", robot, ROBOTS)
    joints, bodies = ROBOTS[robot].num_joints, ROBOTS[robot].num_bodies
    sizes = {
        "position": 3,
        "orientation": 4,
        "joint_angles": joints,
        "velocity": 3,
        "angular_velocity": 3,
        "joint_velocities": joints,
        "contact_forces": 6 * bodies,
        "opponent_position": 3,
        "opponent_orientation": 4,
        "opponent_contact": 6,
    }
    ends = dict(zip(sizes, itertools.accumulate(sizes.values()), strict=True))
    return {name: slice(end - sizes[name], end) for name, end in ends.items()}


def observation_size(robot: str) -> int:
    """The size of a robot's observation.

    Raises:
        ValueError: if there is no such robot.
    """
    return max(field.stop for field in observation_fields(robot).values())


class Observer:
    """Assembles the observations of both robots from MuJoCo's arrays.

    Args:
        robots: the two robots.
        contact_forces: whether to observe them; False replaces them with zeros.
    """

    def __init__(self, robots: Sequence[str], *, contact_forces: bool = True) -> None:
        self.contact_forces = contact_forces
        joints = [ROBOTS[name].num_joints for name in robots]
        bodies = [ROBOTS[name].num_bodies for name in robots]
        num_positions, num_velocities = 14 + sum(joints), 12 + sum(joints)
        own = []  # columns of positions, velocities and forces side by side
        for robot in (0, 1):
            positions = robot * (7 + joints[0]) + np.arange(7 + joints[robot])
            velocities = robot * (6 + joints[0]) + np.arange(6 + joints[robot])
            forces = 6 * (1 + robot * bodies[0]) + np.arange(6 * bodies[robot])  # after the world's
            own.append(
                (positions, num_positions + velocities, num_positions + num_velocities + forces)
            )
        self._columns = [
            np.concatenate([*own[robot], own[1 - robot][0][:7], own[1 - robot][2][:6]])
            for robot in (0, 1)
        ]
        self._heights = np.array([own[robot][0][2] for robot in (0, 1)])

    def observe(
        self,
        positions: NDArray[np.float64],
        velocities: NDArray[np.float64],
        *,
        forces: NDArray[np.float64],
    ) -> tuple[Floats, Floats]:
        """The observations of each robot in M matches, (M, O), in new arrays.

        Args:
            positions: MuJoCo's qpos, (M, nq).
            velocities: MuJoCo's qvel, (M, nv).
            forces: MuJoCo's cfrc_ext, torque and force on each body, (M, nbody, 6).
        """
        sizes = positions.shape[1], velocities.shape[1], 6 * forces.shape[1]
        seen = np.zeros((len(positions), sum(sizes)), dtype=np.float32)
        seen[:, : sizes[0]] = positions
        seen[:, self._heights] -= TATAMI_TOP
        seen[:, sizes[0] : -sizes[2]] = velocities
        if self.contact_forces:
            pressed = seen[:, -sizes[2] :]
            np.abs(forces.reshape(pressed.shape), out=pressed, casting="same_kind")
            np.minimum(pressed, CONTACT_LIMIT, out=pressed)
        first, second = (seen.take(columns, axis=1) for columns in self._columns)
        return first, second
