"""RoboSumo policies: what they see, their reflections, and the files that hold them."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from paperlib import files
from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.robosumo_symmetries import all_symmetries, reflection
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import observation_fields
from paperlib.streams import make_generator

FIELDS = observation_fields("ant")
FLIPS = [(1, 1), (-1, 1), (1, -1), (-1, -1)]


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
    """A wrestler whose actions depend on every input."""
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


@pytest.mark.parametrize("film", [False, True])
def test_new_inputs_change_nothing_and_outlive_a_file(film, tmp_path):
    wrestler, seen = wild_wrestler("ant", 0), torch.rand(5, 120, generator=make_generator(3))
    wider = wrestler.with_context(
        3, memory_size=4, film=film, critic_size=2, generator=make_generator(4)
    )
    context = torch.randn(5, 3, generator=make_generator(5))
    plain, _ = wrestler.act(seen, generator=make_generator(6))
    found, (memory,) = wider.act(seen, generator=make_generator(6), context=context)
    torch.testing.assert_close(found, plain)
    torch.nn.init.normal_(wider.network.policy[0].weight, generator=make_generator(7))
    robosumo_policies.save(tmp_path / "w.safetensors", {"x": wider}, {})
    again = robosumo_policies.load(tmp_path / "w.safetensors")[0]["x"]
    sizes = again.context_size, again.memory_size, again.critic_size, again.network.film_size
    assert sizes == (3, 4, 2, 7 * film)
    options = {"memory": (memory,), "context": context}
    one, other = (w.act(seen, generator=make_generator(8), **options)[0] for w in (wider, again))
    assert torch.equal(one, other)
    sizes = "context_size 3, memory_size 4, critic_size 2"
    with pytest.raises(ValueError, match=f"has further inputs already: {sizes}$"):
        again.with_context(1)


def test_a_memory_alone_is_no_context():
    wrestler = Wrestler(generator=make_generator(0), memory_size=4)
    with pytest.raises(ValueError, match=r"further inputs already: memory_size 4$"):
        wrestler.with_context(3)


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


def test_what_one_file_cannot_hold(tmp_path):
    ant, bug = (Wrestler(robot, generator=make_generator(0)) for robot in ("ant", "bug"))
    for wrestlers in ({}, {"a": ant, "b": bug}, {"a/b": ant}):
        with pytest.raises(ValueError, match="wrestlers: one file holds at least one"):
            robosumo_policies.save(tmp_path / "w.safetensors", wrestlers, {})
    assert not (tmp_path / "w.safetensors").exists()


def test_what_a_wrestler_needs():
    with pytest.raises(ValueError, match=r"robot must be one of .*; got 'wasp'"):
        Wrestler("wasp", generator=make_generator(0))
    wrestler = Wrestler(generator=make_generator(0), context_size=4)
    with pytest.raises(ValueError, match="context: this wrestler needs one of 4 numbers"):
        wrestler.act(torch.zeros(2, 120), generator=make_generator(0))


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("action_std", 0.0, "positive"),
        ("hidden_size", 0, "an integer of at least 1"),
        ("context_size", -1, "an integer of at least 0"),
        ("memory_size", -1, "an integer of at least 0"),
        ("critic_size", -1, "an integer of at least 0"),
    ],
)
def test_sizes_out_of_range(name, value, kind):
    with pytest.raises(ValueError, match=f"^{name} must be {kind}.*, got {value}$"):
        Wrestler(generator=make_generator(0), **{name: value})


def test_a_wrestler_sees_its_own_robot():
    wrestler, generator = Wrestler("ant", generator=make_generator(0)), make_generator(1)
    with pytest.raises(
        ValueError, match=r"^observations of robot 'ant' must be \(B, 120\), got .*4"
    ):
        wrestler.act(torch.zeros(2, 164), generator=generator)


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


@pytest.mark.parametrize("sizes", [{}, {"memory_size": 3}, {"film": True}, {"critic_size": 4}])
def test_a_playing_state_acts_the_same_without_a_value_function(tmp_path, sizes):
    wrestler = Wrestler(generator=make_generator(0)).with_context(
        2, **sizes, generator=make_generator(1)
    )
    for parameter in wrestler.parameters():
        torch.nn.init.normal_(parameter, std=0.1, generator=make_generator(parameter.numel()))
    wrestler.network.normalizer.update(
        torch.randn(50, wrestler.network.normalizer.mean.numel(), generator=make_generator(2))
    )
    path, whole = tmp_path / "play.safetensors", tmp_path / "whole.safetensors"
    robosumo_policies.save(path, {"a": wrestler}, {}, to_play=True)
    robosumo_policies.save(whole, {"a": wrestler}, {})
    assert path.stat().st_size < 0.6 * whole.stat().st_size
    player = robosumo_policies.load(path)[0]["a"]
    assert player.critic_size == 0 and player.context_size == 2
    seen = torch.rand(5, 120, generator=make_generator(3))
    context = torch.randn(5, 2, generator=make_generator(4))
    one, other = (
        each.act(seen, generator=make_generator(5), context=context)[0]
        for each in (wrestler, player)
    )
    assert torch.equal(one, other)
