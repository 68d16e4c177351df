"""What RoboSumo's policies are given: an observation in the robot's own frame, by hand."""

import numpy as np
import torch
from scipy.spatial.transform import Rotation

from paperlib.agents.robosumo_policies import egocentric
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import observation_fields

FIELDS = observation_fields("ant")


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
