"""What a robot sees of a match, in its own frame."""

import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from paperlib.agents.robosumo_features import egocentric, rotation
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import observation_fields

FIELDS = observation_fields("ant")


def first_observations(num_envs=3):
    return torch.from_numpy(RoboSumo(range(num_envs)).reset()[0])


def turned(observations, angle):
    """The same moment, the world turned about the vertical."""
    fields, turn = observation_fields("ant"), torch.tensor(angle)
    c, s, half = turn.cos(), turn.sin(), turn / 2
    matrix = torch.tensor([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    result = observations.clone()
    for name in ("position", "opponent_position", "velocity"):
        result[:, fields[name]] = observations[:, fields[name]] @ matrix.T
    for name in ("orientation", "opponent_orientation"):
        w, x, y, z = observations[:, fields[name]].unbind(-1)
        a, b = half.cos(), half.sin()
        quaternion = [a * w - b * z, a * x - b * y, a * y + b * x, a * z + b * w]
        result[:, fields[name]] = torch.stack(quaternion, dim=-1)
    return result


def test_rotation_is_that_of_mujoco():
    env = RoboSumo(range(3))
    seen = torch.from_numpy(env.reset()[0])[:, observation_fields("ant")["orientation"]]
    for match in range(3):
        data = env.data(match)
        mujoco.mj_forward(env.physics.batch.model, data)
        expected = data.body("0/torso").xmat.reshape(3, 3)
        assert rotation(seen)[match].numpy() == pytest.approx(expected, abs=1e-6)


def test_quarter_turns_change_only_places():
    observations = first_observations()
    before = egocentric(observations, "ant")
    after = egocentric(turned(observations, np.pi / 2), "ant")
    positions = [0, 1, 3, 4]  # x and y of both
    rest = [k for k in range(before.shape[1]) if k not in positions]
    assert torch.allclose(before[:, rest], after[:, rest], atol=1e-5)
    assert not torch.allclose(before[:, positions], after[:, positions], atol=0.1)


def test_sees_its_opponent_from_its_own_frame():
    fields, observation = observation_fields("ant"), torch.zeros(1, 120)
    half = np.pi / 4  # turned by a quarter to the left: its x-axis points along the world's y
    observation[0, fields["orientation"]] = torch.tensor([np.cos(half), 0, 0, np.sin(half)]).float()
    observation[0, fields["opponent_orientation"]] = torch.tensor([1.0, 0, 0, 0])
    observation[0, fields["opponent_position"]] = torch.tensor([0.0, 2.0, 0.0])
    seen = egocentric(observation, "ant")[0, 9:12]
    assert seen.tolist() == pytest.approx([2, 0, 0], abs=1e-6)


def observe_random_matches():
    """Observations of first ants after 20 steps of random actions, (6, 120)."""
    env, rng = RoboSumo(range(6)), np.random.default_rng(0)
    env.reset()
    for _ in range(20):
        step = env.step([rng.uniform(-1, 1, (6, 8)) for _ in (0, 1)])
    return step.observations[0]


def features_by_hand(seen):
    """One observation's features, in plain NumPy."""
    field = {name: seen[at].astype(float) for name, at in FIELDS.items()}
    own, other = (
        Rotation.from_quat(field[name], scalar_first=True)
        for name in ("orientation", "opponent_orientation")
    )
    position, opponent = field["position"], field["opponent_position"]
    relative = (own.inv() * other).as_matrix()
    return np.concatenate(
        [
            position,
            opponent,
            [2.0 - max(abs(position[0]), abs(position[1]))],  # to the border
            [2.0 - max(abs(opponent[0]), abs(opponent[1]))],
            [np.hypot(*(opponent - position)[:2])],
            own.inv().apply(opponent - position),
            own.inv().apply([-position[0], -position[1], 0.0]),
            own.inv().apply(field["velocity"]),
            field["angular_velocity"],
            own.inv().apply([0.0, 0.0, 1.0]),
            np.stack([relative[:, 0], relative[:, 2]], axis=1).ravel(),
            field["joint_angles"],
            field["joint_velocities"],
            field["contact_forces"],
            field["opponent_contact"],
        ]
    )


def test_egocentric_features_by_hand():
    seen = observe_random_matches()
    found = egocentric(torch.from_numpy(seen), "ant").numpy()
    expected = np.stack([features_by_hand(row) for row in seen])
    # rotations of numbers up to 10 in float32
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_distance_to_the_border_of_both_robots():
    seen = torch.from_numpy(observe_random_matches())
    seen[:, FIELDS["position"]] = torch.tensor([0.5, -1.75, 0.6])
    seen[:, FIELDS["opponent_position"]] = torch.tensor([-2.25, 1.0, 0.6])
    own, other = egocentric(seen, "ant")[:, 6:8].unbind(1)
    assert own.tolist() == [0.25] * 6 and other.tolist() == [-0.25] * 6
