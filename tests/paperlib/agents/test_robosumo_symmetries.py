"""Symmetries of a robot, held against the physics."""

import mujoco
import numpy as np
import pytest
import torch

from paperlib.agents import robosumo_symmetries
from paperlib.agents.robosumo_features import TO_OPPONENT, egocentric, num_features
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.robosumo_symmetries import Augmentation, Front, all_symmetries, quarter_turn
from paperlib.environments import robosumo_models
from paperlib.environments.robosumo_observations import Observer
from paperlib.streams import make_generator


def apply(symmetry, features, actions):
    return (
        features[..., symmetry.feature_origins] * symmetry.feature_signs,
        actions[..., symmetry.action_origins] * symmetry.action_signs,
    )


@pytest.fixture(scope="module")
def model():
    return robosumo_models.make_spec(("ant", "ant")).compile()


def random_state(model, seed):
    """Ants in the air, at random angles and velocities, with torques of the first."""
    rng, data = np.random.default_rng(seed), mujoco.MjData(model)
    qpos, qvel = data.qpos.copy(), rng.normal(size=model.nv)
    qpos += rng.normal(scale=0.2, size=model.nq)
    for first in (3, 18):
        qpos[first : first + 4] = rng.normal(size=4)
        qpos[first : first + 4] /= np.linalg.norm(qpos[first : first + 4])
    qpos[2], qpos[17] = 2.0, 2.5
    return qpos, qvel, rng.uniform(-1, 1, 8)


def advance(model, qpos, qvel, actions):
    data = mujoco.MjData(model)
    data.qpos[:], data.qvel[:] = qpos, qvel
    data.ctrl[:8] = actions
    for _ in range(5):
        mujoco.mj_step(model, data)
    return data.qpos.copy(), data.qvel.copy()


def features(model, qpos, qvel):
    forces = np.zeros((1, model.nbody, 6))
    seen, _ = Observer(("ant", "ant")).observe(qpos[None], qvel[None], forces=forces)
    return egocentric(torch.from_numpy(seen), "ant")[0]


def test_renamed_legs_move_as_they_did(model):
    """A quarter turn of the ant's own frame changes names alone, before and after five steps."""
    qpos, qvel, actions = random_state(model, 3)
    turn = quarter_turn("ant")
    joints, signs = turn.action_origins.numpy(), turn.action_signs.numpy()
    other_qpos, other_qvel = qpos.copy(), qvel.copy()
    quarter = np.array([np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)])
    mujoco.mju_mulQuat(other_qpos[3:7], qpos[3:7], quarter)
    other_qpos[7:15], other_qvel[6:14] = qpos[7:15][joints] * signs, qvel[6:14][joints] * signs
    other_qvel[3:6] = qvel[4], -qvel[3], qvel[5]
    start = features(model, qpos, qvel), torch.from_numpy(actions)
    turned, torques = apply(turn, *start)
    torch.testing.assert_close(features(model, other_qpos, other_qvel), turned, atol=1e-5, rtol=0)
    after = features(model, *advance(model, qpos, qvel, actions))
    found = features(model, *advance(model, other_qpos, other_qvel, torques.numpy()))
    torch.testing.assert_close(found, apply(turn, after, start[1])[0], atol=1e-4, rtol=0)
    assert (found - after).abs().max() > 0.5


def numbered(symmetry, robot="ant"):
    numbers = torch.arange(1.0, 1 + num_features(robot)), torch.arange(1.0, 9)
    return tuple(torch.cat(apply(symmetry, *numbers)).tolist())


def test_an_ants_symmetries_are_a_group():
    group = all_symmetries("ant")
    images = {numbered(symmetry) for symmetry in group}
    assert len(group) == len(images) == 4
    assert numbered(group[0]) == (*range(1, 1 + num_features("ant")), *range(1, 9))
    assert {numbered(one.then(other)) for one in group for other in group} == images


def test_an_ants_symmetries_leave_its_front_where_it_is():
    seen = torch.randn((200, num_features("ant")), generator=make_generator(5))
    front = Front("ant")
    seen = front.turned(seen, front.turns(seen))
    for symmetry in all_symmetries("ant"):
        assert (front.turns(apply(symmetry, seen, torch.zeros(8))[0]) == 0).all()


@pytest.mark.parametrize(("robot", "count"), [("bug", 4), ("spider", 2)])
def test_other_robots_have_one_front_and_reflections(robot, count):
    assert len(all_symmetries(robot)) == count and Front(robot).num_turns == 1
    features = torch.randn((3, num_features(robot)), generator=make_generator(1))
    turns = Front(robot).turns(features)
    assert (turns == 0).all() and torch.equal(Front(robot).turned(features, turns), features)
    with pytest.raises(ValueError, match=f"robot: the legs of '{robot}' do not stand in a square"):
        quarter_turn(robot)


def test_the_opponent_is_before_the_front():
    seen = torch.randn((500, num_features("ant")), generator=make_generator(6))
    front = Front("ant")
    x, y = front.turned(seen, front.turns(seen))[:, TO_OPPONENT].unbind(1)
    assert (x >= y.abs() - 1e-6).all()
    assert front.turns(seen).unique().tolist() == [0, 1, 2, 3]


def test_torques_are_turned_back():
    turns, front = torch.arange(4), Front("ant")
    torques = torch.randn((4, 8), generator=make_generator(7))
    *_, origins, signs = front._tables
    turned = torques.gather(1, origins[turns]) * signs[turns]
    assert torch.equal(front.torques(turned, turns), torques)


def test_a_wrestler_treats_its_four_sides_alike(model):
    """With its legs renamed, an ant does the same with its body."""
    qpos, qvel, _ = random_state(model, 3)
    turn, wrestler = quarter_turn("ant"), Wrestler(generator=make_generator(0))
    wrestler.network.policy[4].weight.data *= 100
    origins, signs = turn.action_origins, turn.action_signs
    other_qpos, other_qvel = qpos.copy(), qvel.copy()
    quarter = np.array([np.cos(np.pi / 4), 0, 0, np.sin(np.pi / 4)])
    mujoco.mju_mulQuat(other_qpos[3:7], qpos[3:7], quarter)
    joints = origins.numpy()
    other_qpos[7:15] = qpos[7:15][joints] * signs.numpy()
    other_qvel[6:14] = qvel[6:14][joints] * signs.numpy()
    other_qvel[3:6] = qvel[4], -qvel[3], qvel[5]
    forces = np.zeros((1, model.nbody, 6))
    seen = [
        torch.from_numpy(Observer(("ant", "ant")).observe(q[None], v[None], forces=forces)[0])
        for q, v in ((qpos, qvel), (other_qpos, other_qvel))
    ]
    one, other = (wrestler.act(part, generator=make_generator(1))[0] for part in seen)
    means = []
    for part in seen:
        inputs, turns = wrestler.inputs(part)
        with torch.no_grad():
            mean = wrestler.network.policy(wrestler.network.normalizer(inputs))
        means.append(wrestler.front.torques(mean, turns)[0])
    torch.testing.assert_close(means[1], means[0][origins] * signs, atol=1e-4, rtol=0)
    assert means[0].abs().max() > 0.1 and not torch.equal(one, other)


def test_two_symmetries_one_after_the_other():
    one, other = all_symmetries("ant")[1], quarter_turn("ant")
    generator = make_generator(1)
    sample = torch.randn(num_features("ant"), generator=generator), torch.randn(8)
    for found, expected in zip(
        apply(one.then(other), *sample), apply(other, *apply(one, *sample)), strict=True
    ):
        assert torch.equal(found, expected)


def test_every_sample_is_transformed_by_a_symmetry_of_its_own():
    size = num_features("ant")
    inputs = torch.randn((400, size + 2), generator=make_generator(2))
    actions = torch.randn((400, 8), generator=make_generator(3))
    found, torques = Augmentation("ant")(inputs, actions, generator=make_generator(4))
    assert torch.equal(found[:, size:], inputs[:, size:])  # a context
    images = [apply(symmetry, inputs[:, :size], actions) for symmetry in all_symmetries("ant")]
    matches = torch.stack(
        [(a == found[:, :size]).all(1) & (b == torques).all(1) for a, b in images]
    )
    assert (matches.sum(0) >= 1).all()
    assert (matches.sum(1) > 5).all()  # all sixteen, some 25 times each
    again = Augmentation("ant")(inputs, actions, generator=make_generator(5))
    assert not torch.equal(again[0], found)
    assert robosumo_symmetries.FLIPS[0] == (1, 1)


def test_only_reflections_change_the_sense_in_which_an_ant_turns():
    seen = torch.zeros(1, num_features("ant"))
    turning = 20  # what `egocentric` returns of the angular velocity about the vertical
    seen[:, turning] = 1.0
    kinds = {"rotations": [1.0] * 2, "all": [1.0] * 2 + [-1.0] * 2}
    for kind, signs in kinds.items():
        group = all_symmetries("ant", kind=kind)
        found = [apply(s, seen[0], torch.zeros(8))[0][turning].item() for s in group]
        assert sorted(found, reverse=True) == signs
    with pytest.raises(ValueError, match=r"kind must be one of all, rotations; got"):
        Augmentation("ant", kind="mirrors")


def test_an_augmentation_by_rotations_draws_them_alone():
    inputs = torch.ones(200, num_features("ant"))
    found, _ = Augmentation("ant", kind="rotations")(
        inputs, torch.zeros(200, 8), generator=make_generator(4)
    )
    assert (found[:, 20] == 1).all()
