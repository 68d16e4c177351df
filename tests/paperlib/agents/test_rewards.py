"""Rewards of wrestlers, step by step."""

import dataclasses

import numpy as np
import pytest

from paperlib.agents.rewards import RewardWeights
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_rules import ACTION_TIME


def test_rewards_are_differences_of_potentials():
    env, draw = RoboSumo(range(4)), np.random.default_rng(0)
    before, total = env.reset(), 0.0
    positions = [part[:, env.fields[k]["position"]].astype(float) for k, part in enumerate(before)]
    weights = dataclasses.replace(RewardWeights(), win=0.0, loss=0.0, draw=0.0, control_penalty=0.0)
    for _ in range(10):
        step = env.step([draw.uniform(-1, 1, (4, size)) for size in env.action_sizes])
        total = total + weights.rewards(before, step, env.fields)
        before = step.observations
    ends = [part[:, env.fields[k]["position"]].astype(float) for k, part in enumerate(before)]

    def potential(own, other):
        apart = np.linalg.norm(own[:, :2] - other[:, :2], axis=1)
        own_out, other_out = (np.abs(p[:, :2]).max(axis=1) for p in (own, other))
        result = (
            -weights.approach * apart + weights.push * other_out - weights.outward_penalty * own_out
        )
        return result - weights.toppling_bonus * other[:, 2] + weights.rising_bonus * own[:, 2]

    gained = potential(*ends) - potential(*positions)
    assert total[:, 0] == pytest.approx(gained, abs=1e-5)


@pytest.mark.parametrize(
    ("name", "amount"), [("time_penalty", -ACTION_TIME), ("win", 0.0), ("draw", 0.0)]
)
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


def test_circling_pays_for_the_angle_around_the_opponent():
    nothing = {field.name: 0.0 for field in dataclasses.fields(RewardWeights)}
    env = RoboSumo(range(2))
    before = env.reset()
    step = env.step([np.zeros((2, 8))] * 2)
    for robot, (old, new) in enumerate([((1, 0), (0, 0.5)), ((0, 0), (0, 0))]):
        at = env.fields[robot]["position"]
        before[robot][0, at][:2], step.observations[robot][0, at][:2] = old, new
    rewards = RewardWeights(**{**nothing, "circling_bonus": 2.0})
    paid = rewards.rewards(before, step, env.fields)
    assert paid[0] == pytest.approx([np.pi, np.pi])  # a quarter turn; both see it alike
    assert np.abs(paid[1]).max() < 0.1


def test_edge_bonus_pays_for_the_distance_from_the_centre():
    nothing = {field.name: 0.0 for field in dataclasses.fields(RewardWeights)}
    env = RoboSumo([0])
    before = env.reset()
    step = env.step([np.zeros((1, 8))] * 2)
    step.observations[0][0, env.fields[0]["position"]] = 0.5, -2.0, 0.3
    paid = RewardWeights(**{**nothing, "edge_bonus": 3.0}).rewards(before, step, env.fields)
    assert paid[0, 0] == pytest.approx(6 * ACTION_TIME)
