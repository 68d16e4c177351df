"""RoboSumo's simulations: how matches start, what steps, and what fails."""

import multiprocessing

import mujoco
import numpy as np
import pytest
from scipy import stats

from paperlib.environments.robosumo_models import make_spec
from paperlib.environments.robosumo_physics import Simulations

JOINTS = {"ant": 8, "bug": 12, "spider": 16}


def started(num_envs, robots=("ant", "ant"), seed=0):
    """Simulations at the start, match n from the seed ``seed + n``."""
    physics = Simulations(make_spec(robots).compile(), num_envs, num_threads=1)
    generators = [np.random.default_rng(seed + row) for row in range(num_envs)]
    physics.start(np.arange(num_envs), generators)
    return physics


def test_torsos_start_opposite_each_other():
    one, other = np.moveaxis(started(2000).torsos()[..., :2], 1, 0)
    # side + (noise - noise') / 2 : a mean of 1.15 + 0.0007, a standard error of 0.0009
    distance = np.hypot(*(one - other).T / 2)
    assert distance.mean() == pytest.approx(1.15, abs=0.005) and abs(distance - 1.15).max() < 0.15
    angles = np.arctan2(*(one - other).T[::-1])
    assert stats.kstest(angles, "uniform", args=(-np.pi, 2 * np.pi)).pvalue > 1e-3
    middle = one + other  # twice uniform noise
    assert np.abs(middle).max() < 0.2 and middle.std() == pytest.approx(0.0816, rel=0.05)


@pytest.mark.parametrize("robots", [("ant", "ant"), ("spider", "bug")])
def test_everything_else_starts_with_noise(robots):
    physics = started(1000, robots)
    noise, velocities = physics.positions.copy(), physics.velocities
    half = 7 + JOINTS[robots[0]]
    for start in (0, half):
        noise[:, start + 2 : start + 4] -= 1.25, 1
    noise = np.delete(noise, [0, 1, half, half + 1], axis=1)
    assert np.abs(noise).max() <= 0.1
    # the seeds are fixed: among 70 columns a p-value below 1e-4 comes by chance once in 140 times
    assert stats.kstest(noise, "uniform", args=(-0.1, 0.2), axis=0).pvalue.min() > 1e-4
    assert stats.kstest(velocities / 0.1, "norm", axis=0).pvalue.min() > 1e-4
    both = np.concatenate([noise, velocities], axis=1)
    correlation = np.corrcoef(both.T) - np.eye(both.shape[1])
    assert np.abs(correlation).max() < 0.17  # 5 standard errors


def actions_of(physics, value=0.0):
    joints = physics.batch.model.nu // 2
    return [np.full((len(physics.positions), joints), value) for _ in (0, 1)]


def test_torsos_are_measured_from_the_tatami():
    physics = started(2, ("bug", "ant"))
    torsos, state = physics.torsos(), physics.state()
    np.testing.assert_array_equal(torsos[:, 0], state[:, :3] - [0, 0, 0.5])
    np.testing.assert_array_equal(torsos[:, 1], state[:, 19:22] - [0, 0, 0.5])
    assert state.shape == (2, 34 + 32)


def test_a_step_is_five_steps_of_mujoco():
    physics = started(3)
    data = physics.batch.get_data(1)
    assert not physics.step(actions_of(physics, 0.5), None).any()
    data.ctrl[:] = 0.5
    mujoco.mj_step(physics.batch.model, data, nstep=5)
    np.testing.assert_array_equal(physics.state()[1], np.concatenate([data.qpos, data.qvel]))


def test_actions_drive_their_own_robot():
    physics, still = started(1, ("ant", "bug")), started(1, ("ant", "bug"))
    still.step([np.zeros((1, 8)), np.zeros((1, 12))], None)
    physics.step([np.zeros((1, 8)), np.ones((1, 12))], None)
    moved = physics.positions[0] != still.positions[0]
    assert moved[15 + 7 :].all() and not moved[7:15].any()


def test_only_the_chosen_matches_step_and_start():
    physics = started(3)
    before = physics.state()
    physics.step(actions_of(physics), np.array([2]))
    assert (physics.state() == before).all(axis=1).tolist() == [True, True, False]
    stepped = physics.state()
    physics.start(np.array([1]), [np.random.default_rng(row) for row in (7, 8, 9)])
    assert (physics.state() == stepped).all(axis=1).tolist() == [True, False, True]
    np.testing.assert_array_equal(physics.state()[1], started(1, seed=8).state()[0])


@pytest.mark.parametrize(("part", "value"), [("positions", np.nan), ("velocities", 1e12)])
def test_matches_without_a_finite_state_are_named(tmp_path, monkeypatch, part, value):
    monkeypatch.chdir(tmp_path)  # MuJoCo writes its log there
    physics = started(3)
    getattr(physics, part)[1, 12] = value
    assert physics.step(actions_of(physics), None).tolist() == [False, True, False]
    physics.start(np.array([1]), [np.random.default_rng(row) for row in range(3)])
    assert not physics.step(actions_of(physics), None).any()


@pytest.mark.parametrize("wrong", [{"num_envs": 0}, {"num_envs": 1.5}, {"num_threads": -1}])
def test_bad_numbers_are_named(unchecked, wrong):
    ((name, value),) = wrong.items()
    with pytest.raises(ValueError, match=f"^{name} must be an integer .* got {value}$"):
        Simulations(make_spec().compile(), wrong.pop("num_envs", 1), **wrong)


def start_in_a_fork(num_threads):
    """What starting a match in a fork of this process raises, or None; or "hung"."""
    physics = Simulations(make_spec(("ant", "ant")).compile(), 1, num_threads=num_threads)
    context = multiprocessing.get_context("fork")
    answers = context.SimpleQueue()

    def start():
        try:
            physics.start(np.arange(1), [np.random.default_rng(0)])
            answers.put(None)
        except RuntimeError as error:
            answers.put(str(error))

    process = context.Process(target=start)
    process.start()
    process.join(20)
    if process.is_alive():
        process.kill()
        return "hung"
    return answers.get()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_needs_simulations_of_its_own():
    assert "make it in the fork, or with num_threads=1" in start_in_a_fork(2)
    assert start_in_a_fork(1) is None
