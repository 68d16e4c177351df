"""Agents with fixed spaces: bounds, sizes, and actions that are refused."""

from typing import ClassVar

import numpy as np
import pytest

from paperlib.environments.parallel_env import FixedSpacesEnv


class Two(FixedSpacesEnv):
    metadata: ClassVar[dict] = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode=None):
        super().__init__(
            {"a": 3, "b": 2},
            {"a": 1, "b": 4},
            lowest_action=-1.0,
            state_size=5,
            render_mode=render_mode,
        )


def test_spaces():
    env = Two("rgb_array")
    assert env.possible_agents == ["a", "b"] and env.agents == []
    assert env.observation_space("a").shape == (3,) and env.observation_space("b").shape == (2,)
    assert env.action_space("a").shape == (1,) and env.state_space.shape == (5,)
    assert (env.action_space("b").low == -1).all() and (env.action_space("b").high == 1).all()
    assert not env.observation_space("a").is_bounded()


def test_actions_become_arrays():
    found = Two().check_action("b", {"b": [0, 1, 2, 3]})
    assert found.dtype == np.float32 and found.tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("wrong", [[0.0], [0.0, 0.0, 0.0, np.inf], np.zeros((1, 4))])
def test_bad_actions_are_named(wrong):
    with pytest.raises(ValueError, match=r"^actions: b's must be finite, of shape \(4,\); got"):
        Two().check_action("b", {"b": wrong})
    with pytest.raises(ValueError, match=r"^actions: that of a is missing; expected shape \(1,\)"):
        Two().check_action("a", {"b": wrong})


def test_unknown_render_modes_are_named():
    with pytest.raises(ValueError, match=r"^render_mode must be one of None, rgb_array; got"):
        Two("human")
