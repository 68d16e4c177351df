"""Wrestlers and their trainings: what they see, what they are paid, and that they resume."""

import dataclasses

import mujoco
import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from paperlib.agents import ppo
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler, egocentric, rotation
from paperlib.agents.selfplay import Recipe, Training
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_bodies import reflected_joints
from paperlib.environments.robosumo_observations import observation_fields
from paperlib.environments.robosumo_rules import ACTION_TIME
from paperlib.streams import make_generator

FLIPS = [(1, 1), (-1, 1), (1, -1), (-1, -1)]
TINY = Recipe(
    num_iterations=3, num_rollouts=1, num_envs=16, rollout_length=24, opponent_pool_size=2
)


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
    env_ids = [0, 1, 3, 4]  # x and y of both
    rest = [k for k in range(before.shape[1]) if k not in env_ids]
    assert torch.allclose(before[:, rest], after[:, rest], atol=1e-5)
    assert not torch.allclose(before[:, env_ids], after[:, env_ids], atol=0.1)


def test_sees_its_opponent_from_its_own_frame():
    fields, observation = observation_fields("ant"), torch.zeros(1, 120)
    half = np.pi / 4  # turned by a quarter to the left: its x-axis points along the world's y
    observation[0, fields["orientation"]] = torch.tensor([np.cos(half), 0, 0, np.sin(half)]).float()
    observation[0, fields["opponent_orientation"]] = torch.tensor([1.0, 0, 0, 0])
    observation[0, fields["opponent_position"]] = torch.tensor([0.0, 2.0, 0.0])
    seen = egocentric(observation, "ant")[0, 9:12]
    assert seen.tolist() == pytest.approx([2, 0, 0], abs=1e-6)


@pytest.mark.parametrize("robot", ["ant", "bug", "spider"])
def test_wrestlers_of_every_robot_act(robot):
    env = RoboSumo(range(2), robots=(robot, robot))
    wrestler = Wrestler(robot, generator=make_generator(0))
    actions, memory = wrestler.act(torch.from_numpy(env.reset()[0]), generator=make_generator(1))
    assert actions.shape == (2, env.action_sizes[0]) and memory is None


def mirrored_state(env_ids, speeds, robot, flips):
    """A match in a mirror: qpos (but for the signs of quaternions) and qvel."""
    images, mirror = (env_ids.copy(), speeds.copy()), np.diag([*flips, 1.0])
    joints, signs = reflected_joints(robot, flips)
    for at, moving in ((0, 0), (7 + len(joints), 6 + len(joints))):
        images[0][at : at + 3] = mirror @ env_ids[at : at + 3]
        own = Rotation.from_quat(env_ids[at + 3 : at + 7], scalar_first=True).as_matrix()
        turn = Rotation.from_matrix(mirror @ own @ mirror)
        images[0][at + 3 : at + 7] = turn.as_quat(scalar_first=True)
        images[1][moving : moving + 3] = mirror @ speeds[moving : moving + 3]
        angular_velocity = mirror @ speeds[moving + 3 : moving + 6]
        images[1][moving + 3 : moving + 6] = np.prod(flips) * angular_velocity
        for image, original, start in zip(
            images, (env_ids, speeds), (at + 7, moving + 6), strict=True
        ):
            image[start:][: len(joints)] = original[start:][joints] * signs
    return images


def wild_wrestler(robot, number):
    """One for whom every input counts."""
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
def test_mirror_images_play_the_mirror_image_of_a_match(robot, flips):
    players = [wild_wrestler(robot, number) for number in (0, 1)]
    images = [player.reflected(flips) for player in players]
    env = RoboSumo([3, 3], robots=(robot, robot))
    env.reset()
    for _ in range(15):
        state = env.physics.positions, env.physics.velocities
        original, image = ([part[match] for part in state] for match in (0, 1))
        expected = mirrored_state(*original, robot, flips)
        if env._lengths[0] == 0:
            image[0][:], image[1][:] = expected
        for seat in (0, 1):  # quaternions may differ in sign: the torsos' env_ids, and all joints
            at = seat * len(image[0]) // 2
            assert image[0][at : at + 3] == pytest.approx(expected[0][at : at + 3], abs=1e-3)
            joints = slice(at + 7, at + len(image[0]) // 2)
            assert image[0][joints] == pytest.approx(expected[0][joints], abs=2e-3)
        seen = [torch.from_numpy(part) for part in env._observe()]
        means, values = [], []
        for player, mirrored, part in zip(players, images, seen, strict=True):
            inputs = [w.network.normalizer(w.features(part)) for w in (player, mirrored)]
            both = [w.network.policy(x) for w, x in zip((player, mirrored), inputs, strict=True)]
            means.append(torch.stack([both[0][0], both[1][1]]).detach().numpy())
            both = [w.network.value(x) for w, x in zip((player, mirrored), inputs, strict=True)]
            values.append((both[0][0].item(), both[1][1].item()))
        assert all(one == pytest.approx(other, abs=1e-2) for one, other in values)
        env.step(means)
    assert env.state()[0][2] < 1.2  # on the ground, where legs meet it


def test_mirrored_twice_is_oneself_and_needs_legs_that_allow_it():
    wrestler = wild_wrestler("ant", 0).with_context(3)
    wrestler.network.policy[0].weight.data[:, -3:] = 1.0
    state = wrestler.state_dict()
    assert all(map(torch.equal, state.values(), wrestler.reflected((1, 1)).state_dict().values()))
    for flips in FLIPS[1:]:
        once = wrestler.reflected(flips)
        back = once.reflected(flips).state_dict()
        assert all(torch.equal(back[name], tensor) for name, tensor in state.items())
        assert not torch.equal(once.network.policy[0].weight, wrestler.network.policy[0].weight)
    with pytest.raises(ValueError, match="flips: the legs of 'spider' have no symmetry"):
        wild_wrestler("spider", 0).reflected((1, -1))
    with pytest.raises(ValueError, match="flips must be two numbers"):
        wrestler.reflected((0, 1))


def test_rewards_are_differences_of_potentials():
    env, draw = RoboSumo(range(4)), np.random.default_rng(0)
    before, total = env.reset(), 0.0
    env_ids = [part[:, env.fields[k]["position"]].astype(float) for k, part in enumerate(before)]
    weights = dataclasses.replace(RewardWeights(), win=0.0, loss=0.0, draw=0.0, control=0.0)
    for _ in range(10):
        step = env.step([draw.uniform(-1, 1, (4, size)) for size in env.action_sizes])
        total = total + weights.rewards(before, step, env.fields)
        before = step.observations
    ends = [part[:, env.fields[k]["position"]].astype(float) for k, part in enumerate(before)]

    def potential(own, other):
        apart = np.linalg.norm(own[:, :2] - other[:, :2], axis=1)
        own_out, other_out = (np.abs(p[:, :2]).max(axis=1) for p in (own, other))
        result = -weights.approach * apart + weights.push * other_out - weights.stay * own_out
        return result - weights.topple * other[:, 2] + weights.height * own[:, 2]

    gained = potential(*ends) - potential(*env_ids)
    assert total[:, 0] == pytest.approx(gained, abs=1e-5)


@pytest.mark.parametrize(("name", "amount"), [("time", -ACTION_TIME), ("win", 0.0), ("draw", 0.0)])
def test_what_a_quiet_step_pays(name, amount):
    nothing = {field.name: 0.0 for field in dataclasses.fields(RewardWeights)}
    env = RoboSumo([0])
    before = env.reset()
    step = env.step([np.zeros((1, 8))] * 2)
    rewards = RewardWeights(**{**nothing, name: 1.0}).rewards(before, step, env.fields)
    assert rewards == pytest.approx(np.full((1, 2), amount))


def test_outcomes_pay():
    nothing = {field.name: 0.0 for field in dataclasses.fields(RewardWeights)}
    weights = RewardWeights(**{**nothing, "win": 3.0, "loss": 2.0, "draw": 1.0})
    env = RoboSumo(range(3), max_cycles=1)
    before = env.reset()
    env.physics.positions[0, 0] = 2.5  # the first robot of match 0 is outside
    env.physics.positions[1, [0, 15]] = 2.5, -2.5  # both of match 1
    step = env.step([np.zeros((3, 8))] * 2)
    assert weights.rewards(before, step, env.fields).tolist() == [[-2, 3], [-2, -2], [-1, -1]]


@pytest.mark.parametrize("num_learners", [1, 2])
def test_interrupted_training_ends_as_the_whole_one(tmp_path, num_learners):
    whole = Training((1,), TINY, num_learners=num_learners)
    for _ in range(3):
        whole.train_iteration()
    broken = Training((1,), TINY, num_learners=num_learners)
    broken.train_iteration()
    broken.save(tmp_path / "broken.safetensors")
    resumed = Training((1,), TINY, num_learners=num_learners)
    assert resumed.load(tmp_path / "broken.safetensors")
    for _ in range(2):
        resumed.train_iteration()
    assert whole.history == resumed.history and len(whole.history) == 3
    assert len(resumed.seconds) == 3 and min(resumed.seconds) > 0
    for a, b in zip(whole.learners, resumed.learners, strict=True):
        assert all(torch.equal(a.state_dict()[n], t) for n, t in b.state_dict().items())


def test_learners_of_a_pair_differ_and_change():
    training = Training((1,), TINY, num_learners=2)
    before = [w.network.policy[0].weight.clone() for w in training.learners]
    training.train_iteration()
    after = [w.network.policy[0].weight for w in training.learners]
    assert not torch.equal(before[0], before[1])
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_children_start_from_their_parents():
    parent = Wrestler(generator=make_generator(9)).state_dict()
    child = Training((2,), TINY, parents=[parent]).learners[0].state_dict()
    assert all(torch.equal(parent[name], child[name]) for name in parent)


def test_checkpoint_of_another_training_is_left_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    Training((1,), TINY).save(path)
    other = dataclasses.replace(TINY, rewards=RewardWeights(win=2.0))
    assert Training((1,), TINY).load(path)
    assert not Training((2,), TINY).load(path)
    assert not Training((1,), other).load(path)


def test_damaged_checkpoint_is_noticed(tmp_path):
    path = tmp_path / "a.safetensors"
    Training((1,), TINY).save(path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ValueError, match="damaged"):
        Training((1,), TINY).load(path)


def test_opponents_are_drawn_by_their_shares():
    recipe = dataclasses.replace(
        TINY,
        num_envs=2000,
        self_play_fraction=0.0,
        zero_action_fraction=0.3,
        random_fraction=0.2,
        fixed_opponent_fraction=0.4,
    )
    fixed_opponent = Wrestler(generator=make_generator(5)).state_dict()
    training = Training((1,), recipe, fixed_opponents=[fixed_opponent, fixed_opponent])
    training.earlier[0].append(training.learners[0])
    training.opponents = np.zeros(2000, dtype=np.int64)
    training._draw_opponents(np.arange(2000), make_generator(0))
    shares = np.bincount(training.opponents, minlength=5) / 2000
    assert shares == pytest.approx([0.3, 0.2, 0.2, 0.2, 0.1], abs=0.04)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_rollouts": 0},
        {"self_play_fraction": 1.5},
        {"zero_action_fraction": 0.8, "random_fraction": 0.3},
        {"lr_decay": 1.5},
        {"action_std": 0.1, "min_action_std": 0.2},
    ],
)
def test_recipes_refuse_nonsense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(TINY, **wrong)


def test_parents_must_be_one_each():
    with pytest.raises(ValueError, match="parents"):
        Training((1,), TINY, num_learners=2, parents=[{}])


def test_learning_rate_falls():
    training = Training((1,), TINY)
    rates = []
    for _ in range(3):
        training.train_iteration()
        rates.append(training.optimisers[0].param_groups[0]["lr"])
    assert rates == pytest.approx([ppo.Settings().learning_rate * x for x in (1, 0.7, 0.4)])
