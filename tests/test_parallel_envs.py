"""The PettingZoo view: its API, and that it is the batched world and mpe2's."""

from types import SimpleNamespace

import numpy as np
import pytest
from mpe2 import simple_speaker_listener_v4
from pettingzoo.test import max_cycles_test, parallel_api_test, parallel_seed_test
from pettingzoo.utils.conversions import parallel_to_aec

from paperlib.parallel_envs import LISTENER, SPEAKER, ParticleWorldEnv


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


def test_picture():
    env = ParticleWorldEnv(render_mode="rgb_array")
    with pytest.raises(ValueError, match="call reset"):
        env.render()
    env.reset(seed=0)
    picture = env.render()
    assert picture.shape == (320, 320, 3) and picture.dtype == np.uint8
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


@pytest.mark.parametrize(
    "arguments", [{"message_size": 17}, {"dynamics": "x"}, {"max_cycles": 0}, {"render_mode": "x"}]
)
def test_bad_arguments_are_named(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        ParticleWorldEnv(**arguments)
