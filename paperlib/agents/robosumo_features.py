"""Features of RoboSumo observations in the robot's own frame."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib.environments.robosumo_bodies import TATAMI_SIZE, Matrix, mapped_joints
from paperlib.environments.robosumo_observations import observation_fields, observation_size

TO_OPPONENT = slice(9, 11)  # x and y of the opponent in the features of `egocentric`


def rotation(quaternion: Float[Tensor, "*batch 4"]) -> Float[Tensor, "*batch 3 3"]:
    """Matrices whose columns are a body's axes in the world; quaternions of any length, w first."""
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True).clamp(min=1e-8)).unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=-1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=-1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def egocentric(observations: Float[Tensor, "batch obs"], robot: str) -> Tensor:
    """Features of observations in the robot's own frame, (B, F).

    F = 36 + 2 × joints + 6 × bodies: 130 for an ant, 174 for a bug and 218 for a spider. Only the
    two positions and the distances to the border depend on how the match is rotated about the
    vertical, so that a gait learned in one direction works in all of them. The border is that of
    the default ring, whatever the `tatami_size` of the match.

    Args:
        observations: see `robosumo_observations`, (B, O).
        robot: "ant", "bug" or "spider".

    Raises:
        ValueError: if there is no such robot, or its observations have another size.
    """
    size = observation_size(robot)
    if observations.ndim != 2 or observations.shape[1] != size:
        raise ValueError(
            f"observations of robot {robot!r} must be (B, {size}), got {tuple(observations.shape)}"
        )
    field = {name: observations[:, at] for name, at in observation_fields(robot).items()}
    own, other = rotation(torch.stack([field["orientation"], field["opponent_orientation"]]))
    to_own = own.transpose(1, 2)
    position, opponent = field["position"], field["opponent_position"]
    to_centre = torch.cat([-position[:, :2], torch.zeros_like(position[:, :1])], dim=-1)
    to_opponent = opponent - position
    to_border = [TATAMI_SIZE - p[:, :2].abs().amax(-1, keepdim=True) for p in (position, opponent)]
    parts = [
        position,
        opponent,
        *to_border,
        to_opponent[:, :2].norm(dim=-1, keepdim=True),
        _turned(to_opponent, to_own),
        _turned(to_centre, to_own),
        _turned(field["velocity"], to_own),
        field["angular_velocity"],
        to_own[:, :, 2],  # the vertical
        (to_own @ other)[:, :, [0, 2]].flatten(1),  # the opponent's axes
        field["joint_angles"],
        field["joint_velocities"],
        field["contact_forces"],
        field["opponent_contact"],
    ]
    return torch.cat(parts, dim=-1)


def _turned(vectors: Tensor, matrices: Tensor) -> Tensor:
    return (matrices @ vectors.unsqueeze(-1)).squeeze(-1)


def num_features(robot: str) -> int:
    """F, the number of features of `egocentric`."""
    return egocentric(torch.ones(1, observation_size(robot)), robot).shape[1]


def mapped_features(
    robot: str, *, ring: tuple[int, int], own: Matrix
) -> tuple[Int[Tensor, " feature"], Float[Tensor, " feature"]]:
    """For each feature of `egocentric`, the index of the feature that a symmetry maps onto it, and
    the sign; both (F,).

    Args:
        robot: "ant", "bug" or "spider".
        ring: factors of x and y, in the ring and in the opponent's own axes: 1 or -1.
        own: the map's action on the robot's own axes, see `robosumo_bodies.mapped_joints`.
    """
    joints, joint_signs = mapped_joints(robot, own)
    (a, b), (c, d) = own
    places, factors = [0 if a else 1, 0 if c else 1, 2], [float(a + b), float(c + d), 1.0]
    across = [float(a * d - b * c) * factor for factor in factors]
    flip = [*map(float, ring), 1.0]
    axes = [2 * place + column for place in places for column in (0, 1)]
    bodies = [0] + [1 + 3 * (joint // 2) + part for joint in joints[::2] for part in range(3)]
    forces = [6 * body + number for body in bodies for number in range(6)]
    origins: list[int] = []
    signs: list[float] = []
    for block, block_signs in (
        *[(range(3), flip)] * 2,  # position, opponent
        (range(3), [1.0] * 3),  # distances to the border and between them
        *[(places, factors)] * 3,  # to_opponent, to_centre, velocity
        (places, across),  # angular_velocity, a pseudovector
        (places, factors),  # the vertical
        (axes, [factor * sign for factor in factors for sign in (flip[0], flip[2])]),
        *[(joints, joint_signs)] * 2,  # joint_angles, joint_velocities
        (forces, [1.0] * len(forces)),
        (range(6), [1.0] * 6),  # opponent_contact
    ):
        origins += [len(origins) + place for place in block]
        signs += block_signs
    return torch.tensor(origins), torch.tensor(signs)
