"""RoboSumo policies: what they see, their reflections, and the files that hold them."""

import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from paperlib import files
from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_features import egocentric, rotation
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.robosumo_symmetries import all_symmetries, reflection
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import observation_fields
from paperlib.streams import make_generator

FIELDS = observation_fields("ant")
FLIPS = [(1, 1), (-1, 1), (1, -1), (-1, -1)]


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


@pytest.mark.parametrize("robot", ["ant", "bug", "spider"])
def test_wrestlers_of_every_robot_act(robot):
    env = RoboSumo(range(2), robots=(robot, robot))
    wrestler = Wrestler(robot, generator=make_generator(0))
    actions, memory = wrestler.act(torch.from_numpy(env.reset()[0]), generator=make_generator(1))
    assert actions.shape == (2, env.action_sizes[0]) and memory is None


def reflected_state(qpos, qvel, robot, flips):
    """The reflection of a match: qpos (but for the signs of quaternions) and qvel."""
    images, mirror = (qpos.copy(), qvel.copy()), np.diag([*flips, 1.0])
    symmetry = reflection(robot, flips)
    joints, signs = symmetry.action_origins.tolist(), symmetry.action_signs.tolist()
    for at, moving in ((0, 0), (7 + len(joints), 6 + len(joints))):
        images[0][at : at + 3] = mirror @ qpos[at : at + 3]
        own = Rotation.from_quat(qpos[at + 3 : at + 7], scalar_first=True).as_matrix()
        turn = Rotation.from_matrix(mirror @ own @ mirror)
        images[0][at + 3 : at + 7] = turn.as_quat(scalar_first=True)
        images[1][moving : moving + 3] = mirror @ qvel[moving : moving + 3]
        angular_velocity = mirror @ qvel[moving + 3 : moving + 6]
        images[1][moving + 3 : moving + 6] = np.prod(flips) * angular_velocity
        for image, original, start in zip(images, (qpos, qvel), (at + 7, moving + 6), strict=True):
            image[start:][: len(joints)] = original[start:][joints] * signs
    return images


def wild_wrestler(robot, number):
    """One whose actions depend on every input."""
    wrestler = Wrestler(robot, generator=make_generator(9, number))
    wrestler.network.policy[4].weight.data *= 30
    wrestler.network.policy[4].bias.data.normal_(std=0.3, generator=make_generator(8))
    size = len(wrestler.network.normalizer.mean)
    wrestler.network.normalizer.update(torch.rand(50, size, generator=make_generator(7)))
    return wrestler


@pytest.mark.parametrize(
    ("robot", "flips"),
    [*((robot, flips) for robot in ("ant", "bug") for flips in FLIPS), ("spider", (-1, 1))],
)
def test_a_reflected_policy_plays_the_reflection_of_a_match(robot, flips):
    players = [wild_wrestler(robot, number) for number in (0, 1)]
    allowed = FLIPS[:2] if robot == "spider" else FLIPS
    augmented = all_symmetries(robot)[allowed.index(flips)]
    env = RoboSumo([3, 3], robots=(robot, robot))
    env.reset()
    for _ in range(15):
        state = env.physics.positions, env.physics.velocities
        original, image = ([part[match] for part in state] for match in (0, 1))
        expected = reflected_state(*original, robot, flips)
        if env._lengths[0] == 0:
            image[0][:], image[1][:] = expected
        for seat in (0, 1):  # quaternions may differ in sign: the torsos' positions, and all joints
            at = seat * len(image[0]) // 2
            assert image[0][at : at + 3] == pytest.approx(expected[0][at : at + 3], abs=1e-3)
            joints = slice(at + 7, at + len(image[0]) // 2)
            assert image[0][joints] == pytest.approx(expected[0][joints], abs=2e-3)
        seen = [torch.from_numpy(part) for part in env._observe()]
        means, values = [], []
        for player, part in zip(players, seen, strict=True):
            given, turns = player.inputs(part)
            image = given[1][augmented.feature_origins] * augmented.feature_signs
            inputs = player.network.normalizer(torch.stack([given[0], image]))
            mean, other = player.network.policy(inputs).detach()
            other = other[augmented.action_origins] * augmented.action_signs
            means.append(player.front.torques(torch.stack([mean, other]), turns).numpy())
            values.append(player.network.value(inputs)[:, 0].tolist())
        assert all(one == pytest.approx(other, abs=1e-2) for one, other in values)
        env.step(means)
    assert env.state()[0][2] < 1.2  # on the ground, where legs meet it


def test_another_standard_deviation_of_actions():
    wrestler = wild_wrestler("ant", 0)
    found = wrestler.with_action_std(0.25)
    assert found.network.log_std.exp().tolist() == pytest.approx([0.25] * 8)
    assert (wrestler.network.log_std != found.network.log_std).all()
    assert torch.equal(wrestler.network.policy[0].weight, found.network.policy[0].weight)
    with pytest.raises(ValueError, match="action_std must be"):
        wrestler.with_action_std(0.0)


def same(one, other):
    return all(torch.equal(one[k][n], other[k][n]) for k in one for n in one[k])


def two():
    return {name: Wrestler(generator=make_generator(k)) for k, name in enumerate(("x", "y"))}


def test_wrestlers_come_back_as_they_were(tmp_path):
    saved = two()
    robosumo_policies.save(tmp_path / "w.safetensors", saved, {"from": "a test"})
    found, provenance = robosumo_policies.load(tmp_path / "w.safetensors")
    assert list(found) == ["x", "y"] and provenance == {"from": "a test"}
    states = [{k: w.state_dict() for k, w in part.items()} for part in (saved, found)]
    assert same(*states)


def test_damaged_wrestlers_are_noticed(tmp_path):
    path = tmp_path / "w.safetensors"
    robosumo_policies.save(path, two(), {})
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        robosumo_policies.load(path)


def test_wrestlers_of_another_robot(tmp_path):
    bug = {"x": Wrestler("bug", generator=make_generator(0))}
    robosumo_policies.save(tmp_path / "w.safetensors", bug, {})
    with pytest.raises(ValueError, match="holds wrestlers of robot 'bug', not 'ant'"):
        robosumo_policies.load(tmp_path / "w.safetensors")
    assert robosumo_policies.load(tmp_path / "w.safetensors", robot="bug")[0]["x"].robot == "bug"


def test_wrestlers_of_another_shape():
    state = dict(Wrestler(generator=make_generator(0)).state_dict())
    state["network.policy.4.weight"] = torch.zeros(9, 64)
    with pytest.raises(
        ValueError, match=r"policy.4.weight should have the shape \(8, 64\), and has"
    ):
        Wrestler.from_state(state)
    with pytest.raises(ValueError, match="is no wrestler"):
        Wrestler.from_state({})
    wide = Wrestler(generator=make_generator(0), hidden_size=16)
    assert Wrestler.from_state(wide.state_dict()).network.policy[0].out_features == 16


def test_other_files_are_no_wrestlers(tmp_path):
    files.save_tensors(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, {"a": 1})
    with pytest.raises(ValueError, match="holds no wrestlers"):
        robosumo_policies.load(tmp_path / "w.safetensors")
