"""The PettingZoo views: their API, and that they are the batched worlds and mpe2's."""

import itertools
import os
import shutil
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from drawing import needs_opengl
from mpe2 import simple_speaker_listener_v4
from pettingzoo.test import (
    max_cycles_test,
    parallel_api_test,
    parallel_seed_test,
    render_test,
)
from pettingzoo.utils.conversions import parallel_to_aec

from paperlib.environments.pettingzoo import (
    LISTENER,
    SPEAKER,
    WRESTLERS,
    ParticleWorldEnv,
    RoboSumoEnv,
)
from paperlib.environments.robosumo import RoboSumo


def random_actions(env, rng):
    return {a: rng.uniform(0, 1, env.action_space(a).shape).astype("f4") for a in env.agents}


def play(seed):
    env, rng = ParticleWorldEnv(), np.random.default_rng(seed)
    observations, _ = env.reset(seed=seed)
    trace = [observations]
    while env.agents:
        observations, rewards, *_ = env.step(random_actions(env, rng))
        trace += [observations, rewards]
    return trace


@pytest.mark.parametrize("message_size", [1, 3, 16])
def test_pettingzoo_api(message_size):
    parallel_api_test(ParticleWorldEnv(message_size=message_size), num_cycles=60)


def test_pettingzoo_seed_and_cycles():
    parallel_seed_test(ParticleWorldEnv)
    module = SimpleNamespace(
        parallel_env=ParticleWorldEnv,
        env=lambda **arguments: parallel_to_aec(ParticleWorldEnv(**arguments)),
    )
    max_cycles_test(module)


def test_whole_episodes_repeat_by_seed():
    for one, other in zip(play(3), play(3), strict=True):
        np.testing.assert_equal(one, other)
    assert len(play(3)) == 1 + 2 * 25
    assert not np.array_equal(play(3)[0][LISTENER], play(4)[0][LISTENER])


def test_spaces_are_those_of_mpe2():
    ours, theirs = (
        ParticleWorldEnv(),
        simple_speaker_listener_v4.parallel_env(continuous_actions=True),
    )
    assert ours.possible_agents == theirs.possible_agents
    for agent in ours.possible_agents:
        assert ours.observation_space(agent) == theirs.observation_space(agent)
        assert ours.action_space(agent) == theirs.action_space(agent)
    assert ours.state_space.shape == theirs.state_space.shape


def test_truncation_and_state():
    env = ParticleWorldEnv(max_cycles=2)
    env.reset(seed=0)
    rng = np.random.default_rng(0)
    observations, _, terminations, truncations, _ = env.step(random_actions(env, rng))
    assert not any(truncations.values())
    np.testing.assert_array_equal(env.state(), np.concatenate(list(observations.values())))
    *_, terminations, truncations, _ = env.step(random_actions(env, rng))
    assert all(truncations.values()) and not any(terminations.values())
    with pytest.raises(ValueError, match="the episode is over"):
        env.step({})


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({}, "speaker_0 is missing"),
        ({SPEAKER: np.zeros(4), LISTENER: np.zeros(5)}, "speaker_0's must be finite, of shape"),
        ({SPEAKER: np.zeros(3), LISTENER: np.full(5, np.nan)}, "listener_0's must be finite"),
    ],
)
def test_bad_actions_are_named_and_do_no_harm(bad, message):
    env, twin = ParticleWorldEnv(), ParticleWorldEnv()
    env.reset(seed=1), twin.reset(seed=1)
    with pytest.raises(ValueError, match=message):
        env.step(bad)
    good = {SPEAKER: np.ones(3, "f4"), LISTENER: np.ones(5, "f4")}
    np.testing.assert_equal(env.step(good), twin.step(good))


def test_actions_beyond_the_bounds_act_as_the_bounds_with_a_warning():
    env, twin = ParticleWorldEnv(), ParticleWorldEnv()
    env.reset(seed=1), twin.reset(seed=1)
    beyond = {SPEAKER: np.array([-1.0, 0.5, 7.0]), LISTENER: np.array([0.0, -3.0, 4.0, 0.5, 1.5])}
    bounds = {agent: action.clip(0, 1) for agent, action in beyond.items()}
    with pytest.warns(UserWarning, match=r"_0's action .* was cut to \[0, 1\]") as warned:
        found = env.step(beyond)
    assert [agent in str(one.message) for agent, one in zip(beyond, warned, strict=True)] == [
        True
    ] * 2
    np.testing.assert_equal(found, twin.step(bounds))


def test_picture():
    env = ParticleWorldEnv(render_mode="rgb_array")
    with pytest.raises(ValueError, match="call reset"):
        env.render()
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (320, 320, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize(
    "arguments",
    [
        {"message_size": 17},
        {"message_size": 2.5},
        {"dynamics": "x"},
        {"max_cycles": 0},
        {"max_cycles": 10.5},
        {"max_cycles": True},
        {"render_mode": "x"},
    ],
)
def test_bad_arguments_are_named(arguments, unchecked):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))} must be .* got "):
        ParticleWorldEnv(**arguments)


def test_seeds_of_numpy_will_do_and_others_are_named(unchecked):
    env = ParticleWorldEnv()
    first, again = (env.reset(seed=seed)[0] for seed in (3, np.int64(3)))
    assert all(np.array_equal(first[agent], again[agent]) for agent in first)
    with pytest.raises(ValueError, match="seed must be an integer of at least 0, got -1"):
        env.reset(seed=-1)


PAIRS = [*itertools.product(("ant", "bug", "spider"), repeat=2)]


def as_module(**settings):
    """What PettingZoo's tests want of an environment's module."""

    def parallel_env(**arguments):
        return RoboSumoEnv(**settings, **arguments)

    return SimpleNamespace(
        parallel_env=parallel_env,
        env=lambda **arguments: parallel_to_aec(parallel_env(**arguments)),
    )


def forces(env, rng, bound=1.0):
    shapes = {agent: env.action_space(agent).shape for agent in env.agents}
    return {a: rng.uniform(-bound, bound, shape).astype("f4") for a, shape in shapes.items()}


def wrestle(seed, **arguments):
    """Everything that a match returns, to its end."""
    env, rng = RoboSumoEnv(**arguments), np.random.default_rng(0)
    trace = [(*env.reset(seed=seed), env.state())]
    while env.agents:
        trace.append((*env.step(forces(env, rng)), env.state()))
    return trace


@pytest.mark.parametrize("robots", PAIRS)
def test_pettingzoo_api_of_wrestlers(robots):
    parallel_api_test(RoboSumoEnv(robots=robots), num_cycles=70)


def test_pettingzoo_seed_and_cycles_of_wrestlers():
    parallel_seed_test(RoboSumoEnv, num_cycles=50)
    max_cycles_test(as_module())


@needs_opengl
def test_pettingzoo_rendering_without_a_display():
    class Shown(RoboSumoEnv):
        metadata = RoboSumoEnv.metadata | {"render_modes": ["rgb_array"]}

    def make(render_mode):
        return parallel_to_aec(Shown(render_mode="rgb_array", width=80, height=60))

    assert RoboSumoEnv.metadata["render_modes"] == ["rgb_array", "human"]
    render_test(make)


SHOW = """
import warnings
from pettingzoo.test import render_test
from pettingzoo.utils.conversions import parallel_to_aec
from paperlib.environments.pettingzoo import RoboSumoEnv
warnings.simplefilter("error")
render_test(lambda **arguments: parallel_to_aec(RoboSumoEnv(**arguments)))
env = RoboSumoEnv(render_mode="human")  # is left open
env.reset(seed=0)
"""


@needs_opengl
@pytest.mark.skipif(not shutil.which("xvfb-run"), reason="needs xvfb-run")
def test_pettingzoo_rendering_in_a_window():
    shown = subprocess.run(
        ["xvfb-run", "-a", sys.executable, "-c", SHOW],
        env={name: text for name, text in os.environ.items() if name != "MUJOCO_GL"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize("arguments", [{}, {"robots": ("bug", "spider"), "integrator": "RK4"}])
def test_whole_matches_repeat_by_seed(arguments):
    one, other, different = (wrestle(seed, **arguments) for seed in (3, 3, 4))
    np.testing.assert_equal(one, other)
    assert len(one) > 10 and one[-1][-2][WRESTLERS[0]]["reason"]
    assert all(not np.array_equal(a[-1], b[-1]) for a, b in zip(one, different, strict=False))


def test_without_a_seed_matches_differ_and_the_generator_goes_on():
    env = RoboSumoEnv()
    starts = [env.reset(seed=seed)[0][WRESTLERS[0]][0] for seed in (1, None, None, 1, None)]
    assert len(set(starts[:3])) == 3 and starts[3:] == starts[:2]
    assert RoboSumoEnv().reset()[0][WRESTLERS[0]][0] != RoboSumoEnv().reset()[0][WRESTLERS[0]][0]


@pytest.mark.parametrize("robots", [("ant", "ant"), ("spider", "bug")])
def test_a_match_is_one_of_the_batch(robots):
    batch, rng = RoboSumo([5, 6], robots=robots, auto_reset=False), np.random.default_rng(0)
    theirs, env = batch.reset(), RoboSumoEnv(robots=robots)
    ours, infos = env.reset(seed=6)
    assert infos == {agent: {} for agent in WRESTLERS}
    while env.agents:
        for agent, seen in zip(WRESTLERS, theirs, strict=True):
            np.testing.assert_array_equal(ours[agent], seen[1])
        actions = forces(env, rng)
        ours, rewards, terminations, truncations, _ = env.step(actions)
        step = batch.step([np.stack([0 * part, part]) for part in actions.values()])
        theirs = step.final_observations
        assert list(rewards.values()) == step.rewards[1].tolist()
        assert list(terminations.values()) == [step.terminated[1]] * 2
        assert list(truncations.values()) == [step.truncated[1]] * 2
    np.testing.assert_array_equal(env.state(), batch.state()[1].astype("f4"))


@pytest.mark.parametrize("robots", PAIRS)
def test_spaces_of_wrestlers_contain_what_comes(robots):
    sizes, joints = {"ant": 120, "bug": 164, "spider": 208}, {"ant": 8, "bug": 12, "spider": 16}
    env = RoboSumoEnv(robots=robots)
    observations, _ = env.reset(seed=0)
    for _ in range(2):
        for agent, robot in zip(WRESTLERS, robots, strict=True):
            assert env.observation_space(agent).shape == (sizes[robot],)
            assert env.observation_space(agent).contains(observations[agent])
            assert env.action_space(agent).shape == (joints[robot],)
            assert env.action_space(agent) is env.action_space(agent)
        assert env.state_space.contains(env.state())
        observations, *_ = env.step({a: env.action_space(a).sample() for a in env.agents})


def test_the_actions_of_wrestlers_lie_within_one():
    space = RoboSumoEnv().action_space(WRESTLERS[0])
    assert (space.low == -1).all() and (space.high == 1).all() and space.dtype == np.float32


def put_outside(env, slot):
    env._match.physics.positions[0, 15 * slot : 15 * slot + 3] = 2.3, 0, 1.25


@pytest.mark.parametrize(("losers", "winner"), [((0,), 1), ((1,), 0), ((0, 1), None)])
def test_a_defeat_terminates_and_names_the_winner(losers, winner):
    env = RoboSumoEnv(max_cycles=1)
    env.reset(seed=0)
    for slot in losers:
        put_outside(env, slot)
    _, rewards, terminations, truncations, infos = env.step(forces(env, np.random.default_rng(0)))
    assert list(terminations.values()) == [True] * 2 and not any(truncations.values())
    for slot, agent in enumerate(WRESTLERS):
        terms = infos[agent]["reward_terms"]
        assert infos[agent]["reason"] == "a torso left the ring" and env.agents == []
        assert infos[agent]["winner"] == (None if winner is None else WRESTLERS[winner])
        assert terms["outcome"] == (0 if winner is None else 2000 if winner == slot else -2000)
        assert rewards[agent] == pytest.approx(sum(terms.values()))


def test_time_truncates():
    env, rng = RoboSumoEnv(max_cycles=2), np.random.default_rng(0)
    env.reset(seed=0)
    for last in (False, True):
        _, rewards, terminations, truncations, infos = env.step(forces(env, rng))
        assert list(truncations.values()) == [last] * 2 and not any(terminations.values())
        for agent, info in infos.items():
            assert set(info["reward_terms"]) == {"outcome", "control", "approach", "push"}
            assert sum(info["reward_terms"].values()) == pytest.approx(rewards[agent])
            assert info["winner"] is None and info["reason"] == ("time is up" if last else "")
            assert info["reward_terms"]["outcome"] == (-1000 if last else 0)
    assert env.agents == []


def test_state_of_wrestlers_is_mujocos():
    env = RoboSumoEnv(robots=("ant", "spider"))
    observations, _ = env.reset(seed=0)
    state = env.state()
    assert state.shape == (7 + 8 + 7 + 16 + 6 + 8 + 6 + 16,) and state.dtype == np.float32
    assert state[2] == pytest.approx(observations[WRESTLERS[0]][2] + 0.5)
    np.testing.assert_array_equal(state[3:15], observations[WRESTLERS[0]][3:15])
    np.testing.assert_array_equal(state[38:52], observations[WRESTLERS[0]][15:29])


def test_metadata_of_wrestlers():
    assert RoboSumoEnv.metadata["render_fps"] == 20
    assert RoboSumoEnv.metadata["name"] == "robosumo_v0"


@needs_opengl
@pytest.mark.parametrize("size", [(96, 64), (200, 100)])
def test_picture_of_wrestlers(size):
    env = RoboSumoEnv(render_mode="rgb_array", width=size[0], height=size[1])
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (size[1], size[0], 3) and picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 100
    np.testing.assert_array_equal(env.render(), picture)
    env.step(forces(env, np.random.default_rng(0)))
    assert not np.array_equal(env.render(), picture)
    env.close(), env.close()


@needs_opengl
def test_looking_changes_nothing():
    env, twin = RoboSumoEnv(render_mode="rgb_array", width=64, height=48), RoboSumoEnv()
    np.testing.assert_equal(env.reset(seed=0), twin.reset(seed=0))
    rng, same = np.random.default_rng(0), np.random.default_rng(0)
    for _ in range(5):
        env.render()
        np.testing.assert_equal(env.step(forces(env, rng)), twin.step(forces(twin, same)))


GOOD = {agent: np.full(8, 0.5, "f4") for agent in WRESTLERS}
FINITE = r"must be finite, of shape \(8,\)"


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({}, r"actions: that of wrestler_0 is missing; expected shape \(8,\)"),
        ({"wrestler_0": np.zeros(8)}, "actions: that of wrestler_1 is missing"),
        (GOOD | {"wrestler_0": np.zeros(7)}, f"actions: wrestler_0's {FINITE}"),
        (GOOD | {"wrestler_1": np.zeros((1, 8))}, f"actions: wrestler_1's {FINITE}"),
        (GOOD | {"wrestler_1": np.full(8, np.nan)}, f"actions: wrestler_1's {FINITE}"),
        (GOOD | {"wrestler_0": np.full(8, -np.inf)}, f"actions: wrestler_0's {FINITE}"),
    ],
)
def test_bad_actions_of_wrestlers_are_named_and_do_no_harm(bad, message):
    env, twin = RoboSumoEnv(), RoboSumoEnv()
    env.reset(seed=1), twin.reset(seed=1)
    with pytest.raises(ValueError, match=f"^{message}"):
        env.step(bad)
    for _ in range(2):
        np.testing.assert_equal(env.step(GOOD), twin.step(GOOD))


def test_actions_of_wrestlers_beyond_the_bounds_act_as_the_bounds():
    env, twin = RoboSumoEnv(), RoboSumoEnv()
    env.reset(seed=1), twin.reset(seed=1)
    most, more = ({agent: np.full(8, bound) for agent in WRESTLERS} for bound in (1.0, 1e30))
    np.testing.assert_equal(env.step(more), twin.step(most))


def test_a_finished_match_wants_a_reset():
    env, twin = RoboSumoEnv(max_cycles=1), RoboSumoEnv(max_cycles=1)
    with pytest.raises(ValueError, match=r"step: .* call reset\(\) first"):
        env.step(GOOD)
    env.reset(seed=1)
    env.step(GOOD)
    with pytest.raises(ValueError, match=r"step: the match is over; call reset\(\) first"):
        env.step(GOOD)
    np.testing.assert_equal(env.reset(seed=2), twin.reset(seed=2))
    np.testing.assert_equal(env.step(GOOD), twin.step(GOOD))


def test_a_bad_seed_is_named_and_does_no_harm():
    env, twin = RoboSumoEnv(), RoboSumoEnv()
    env.reset(seed=1), twin.reset(seed=1)
    with pytest.raises(ValueError, match=r"seeds must be .* got .*-1"):
        env.reset(seed=-1)
    np.testing.assert_equal(env.step(GOOD), twin.step(GOOD))


def test_a_diverged_match_is_truncated(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its log there
    env = RoboSumoEnv()
    before, _ = env.reset(seed=0)
    env._match.physics.positions[0, 9] = np.nan
    with pytest.warns(RuntimeWarning, match="physics of 1 of 1 matches diverged"):
        observations, rewards, terminations, truncations, infos = env.step(GOOD)
    np.testing.assert_equal(observations, before)
    assert list(truncations.values()) == [True] * 2 and not any(terminations.values())
    assert list(rewards.values()) == [0, 0] and np.isfinite(env.state()).all()
    assert infos[WRESTLERS[0]]["reason"] == "the physics diverged" and not env.agents
    np.testing.assert_equal(env.reset(seed=3), RoboSumoEnv().reset(seed=3))


@pytest.mark.parametrize(
    "arguments",
    [
        {"robots": ("ant", "snake")},
        {"robots": ("ant",)},
        {"render_mode": "ansi"},
        {"max_cycles": 0},
        {"max_cycles": 10.5},
        {"integrator": "Euler"},
        {"tatami_size": 0.5},
    ],
)
def test_bad_arguments_of_wrestlers_are_named(arguments, unchecked):
    with pytest.raises(ValueError, match=f"^{next(iter(arguments))} must be .* got "):
        RoboSumoEnv(**arguments)


@pytest.mark.parametrize("size", [(5000, 480), (640, 0), (640.5, 480), (640, True)])
def test_pictures_that_cannot_be_drawn_are_refused_at_once(size, unchecked):
    with pytest.raises(ValueError, match=r"^width and height .* 1 to \(1920, 1080\), got "):
        RoboSumoEnv(render_mode="rgb_array", width=size[0], height=size[1])
    with pytest.raises(ValueError, match=r"^render: no match was started; call reset"):
        RoboSumoEnv(render_mode="rgb_array").render()


@pytest.mark.skipif(sys.platform != "linux", reason="others always have a display")
def test_a_window_without_a_display_is_refused_and_the_match_goes_on(monkeypatch):
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    env, twin = RoboSumoEnv(render_mode="human"), RoboSumoEnv()
    with pytest.raises(RuntimeError, match=r"there is no display .* 'rgb_array' works"):
        env.reset(seed=0)
    env.render_mode = None
    twin.reset(seed=0)
    np.testing.assert_equal(env.step(GOOD), twin.step(GOOD))


def test_render_without_a_mode_warns():
    env = RoboSumoEnv()
    env.reset(seed=0)
    with pytest.warns(UserWarning, match=r"render\(\) needs render_mode='rgb_array' or 'human'"):
        assert env.render() is None
