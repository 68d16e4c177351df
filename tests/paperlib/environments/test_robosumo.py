"""RoboSumo against a plain loop of MuJoCo's steps, and by its rules."""

import copy
import itertools

import mujoco
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_models import make_spec
from paperlib.environments.robosumo_rules import NO_ONE, REASONS

JOINTS = {"ant": 8, "bug": 12, "spider": 16}
BODIES = {"ant": 13, "bug": 19, "spider": 25}
SIZES = {"ant": 120, "bug": 164, "spider": 208}
MASSES = {"ant": 2.368, "bug": 2.310, "spider": 2.829}  # kg
PAIRS = list(itertools.product(JOINTS, repeat=2))
FELL, LEFT, TIME, DIVERGED = REASONS[1:]


def make(seeds=(0, 1, 2), **arguments):
    env = RoboSumo(seeds, **arguments)
    env.reset()
    return env


def make_twins(seeds=(0, 1, 2), **arguments):
    return make(seeds, **arguments), make(seeds, **arguments)


def random_actions(env, rng, bound=1.0):
    return [rng.uniform(-bound, bound, (env.num_envs, size)) for size in env.action_sizes]


def no_actions(env):
    return [np.zeros((env.num_envs, size)) for size in env.action_sizes]


def numbers_of(step):
    """All that a step brought, side by side, (N, K)."""
    return np.column_stack(
        [
            *(*step.observations, *step.final_observations, step.rewards),
            *(*step.reward_terms.values(), step.terminated, step.truncated, step.lost),
            *(step.winner, step.reasons, step.lengths),
        ]
    )


def torso(env, slot):
    """The live position and quaternion of a torso in all matches, (N, 7)."""
    start = slot * (7 + JOINTS[env.robots[0]])
    return env.physics.positions[:, start : start + 7]


def put_outside(env, match, slot):
    torso(env, slot)[match, :3] = 2.3, 0, 1.25


def throw_down(env, match, slot):
    """Puts a robot on its back, with its torso half a radius above the ground."""
    torso(env, slot)[match, 2:] = 0.7, 0, 1, 0, 0


class ByHand:
    """One match on a model without sensors, as one would write it without threads."""

    def __init__(self, robots, integrator, state):
        spec = make_spec(robots, integrator=integrator)
        for sensor in list(spec.sensors):
            spec.delete(sensor)
        self.robots, self.steps = robots, 0
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        self.data.qpos[:], self.data.qvel[:] = np.split(state, [self.model.nq])
        mujoco.mj_forward(self.model, self.data)
        mujoco.mj_rnePostConstraint(self.model, self.data)
        self.forces = self.data.cfrc_ext.copy()

    def parts(self, slot):
        """A robot's qpos, qvel and forces on its bodies."""
        joints, bodies = ([sizes[robot] for robot in self.robots] for sizes in (JOINTS, BODIES))
        q, v, b = slot * (7 + joints[0]), slot * (6 + joints[0]), 1 + slot * bodies[0]
        return (
            self.data.qpos[q : q + 7 + joints[slot]],
            self.data.qvel[v : v + 6 + joints[slot]],
            np.abs(np.clip(self.forces[b : b + bodies[slot]], -100, 100)),
        )

    def observe(self, slot):
        (positions, velocities, forces), (opponent, _, pressed) = map(self.parts, (slot, 1 - slot))
        numbers = [positions, velocities, forces.ravel(), opponent[:7], pressed[0]]
        seen = np.concatenate(numbers).astype("f4")
        for height in (2, len(seen) - 6 - 7 + 2):
            seen[height] -= np.float32(0.5)
        return seen

    def simulate(self, actions):
        self.data.ctrl[:] = np.clip(np.concatenate(actions), -1, 1)
        for _ in range(5):
            looked_at = copy.copy(self.data)
            mujoco.mj_step(self.model, self.data)
        if self.model.opt.integrator == mujoco.mjtIntegrator.mjINT_RK4:
            # its stages leave no forces of a moment behind: those at the last step's start
            mujoco.mj_forward(self.model, looked_at)
        else:
            looked_at = self.data
        mujoco.mj_rnePostConstraint(self.model, looked_at)
        self.forces = looked_at.cfrc_ext.copy()

    def step(self, actions, max_cycles):
        """Terms of the rewards, who has lost, whether time is up, and why it ended."""
        before = [self.parts(slot)[0][:2].copy() for slot in (0, 1)]
        self.simulate(actions)
        self.steps += 1
        after = [self.parts(slot)[0][:3] for slot in (0, 1)]
        fell = [position[2] - 0.5 < 0.29 for position in after]
        out = [abs(position[0]) >= 2.1 or abs(position[1]) >= 2.1 for position in after]
        lost = [fell[slot] or out[slot] for slot in (0, 1)]
        time_is_up = self.steps >= max_cycles and not any(lost)
        terms = []
        for own, other in ((0, 1), (1, 0)):
            towards = after[other][:2] - before[own]
            speed = (after[own][:2] - before[own]) / 0.05 @ towards / np.linalg.norm(towards)
            outcome = 2000 * lost[other] - 2000 * lost[own] - 1000 * time_is_up
            effort = -0.1 * (np.clip(actions[own], -1, 1) ** 2).sum()
            push = -10 * np.exp(-np.hypot(*after[other][:2]))
            terms.append([outcome, effort, 0.1 * max(0, speed), push])
        reason = FELL if any(fell) else LEFT if any(out) else TIME if time_is_up else ""
        return np.array(terms), lost, time_is_up, reason


def compare(env, step, match, theirs, actions):
    """One match of a step with the same by hand, bit for bit but for the rewards' roundings."""
    terms, lost, time_is_up, reason = theirs.step([part[match] for part in actions], env.max_cycles)
    state = np.concatenate([theirs.data.qpos, theirs.data.qvel])
    np.testing.assert_array_equal(env.state()[match], state)
    for slot in (0, 1):
        np.testing.assert_array_equal(step.observations[slot][match], theirs.observe(slot))
    ours = np.array([step.reward_terms[n][match] for n in ("outcome", "control", "approach")])
    np.testing.assert_allclose(ours.T, terms[:, :3], rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(step.reward_terms["push"][match], terms[:, 3], rtol=1e-12)
    np.testing.assert_allclose(step.rewards[match], terms.sum(axis=1), rtol=1e-12)
    assert step.lost[match].tolist() == lost and step.terminated[match] == any(lost)
    assert step.winner[match] == (lost.index(False) if sum(lost) == 1 else NO_ONE)
    assert step.truncated[match] == time_is_up and REASONS[step.reasons[match]] == reason
    return reason


@pytest.mark.parametrize("integrator", ["implicitfast", "RK4"])
@pytest.mark.parametrize("robots", [("ant", "ant"), ("bug", "spider"), ("spider", "bug")])
def test_equals_a_plain_loop_over_whole_matches(robots, integrator):
    arguments = {"robots": robots, "integrator": integrator, "max_cycles": 45}
    env, rng = RoboSumo(range(4), auto_reset=False, **arguments), np.random.default_rng(0)
    observations = env.reset()
    matches, reasons = [ByHand(robots, integrator, state) for state in env.state()], []
    for match, theirs in enumerate(matches):
        for slot in (0, 1):
            np.testing.assert_array_equal(observations[slot][match], theirs.observe(slot))
    while env.playing.any():
        playing, actions = np.flatnonzero(env.playing), random_actions(env, rng, 1.5)
        step = env.step(actions)
        reasons += [compare(env, step, match, matches[match], actions) for match in playing]
    assert len(reasons) > 80 and len(set(reasons)) > 1 and max(step.lengths) <= 45


@pytest.mark.parametrize("robot", ["ant", "bug"])
def test_the_ground_carries_a_standing_robot(robot):
    env = make(range(6), robots=(robot, robot))
    for _ in range(100):
        step = env.step(no_actions(env))
    weight = []
    for seen, fields in zip(step.observations, env.fields, strict=True):
        forces = seen[:, fields["contact_forces"]].reshape(6, BODIES[robot], 6)
        weight += forces[..., 5].sum(axis=1).tolist()  # the last of torque and force points up
    # one of twelve may still sway or lean on the other
    assert np.median(weight) == pytest.approx(9.81 * MASSES[robot], rel=2e-3)


def test_legs_that_touch_at_the_start_are_felt():
    env = RoboSumo(range(60))
    observations = env.reset()
    fields = env.fields[0]["contact_forces"]
    touching = np.flatnonzero(observations[0][:, fields].any(axis=1))
    assert len(touching) > 0
    for match in touching:
        theirs = ByHand(env.robots, "implicitfast", env.state()[match])
        for slot in (0, 1):
            np.testing.assert_array_equal(observations[slot][match], theirs.observe(slot))


def play(seeds, *, num_threads, steps=30):
    """Matches whose actions depend on their seeds alone, (steps, N, K); all end several times."""
    env = RoboSumo(seeds, robots=("ant", "spider"), max_cycles=9, num_threads=num_threads)
    actions = [np.random.default_rng(seed).uniform(-1, 1, (steps, 24)) for seed in seeds]
    observations, trace = env.reset(), []
    for step in np.stack(actions, axis=1):
        trace.append(numbers_of(env.step([step[:, :8], step[:, 8:]])))
    return np.column_stack(observations), np.stack(trace)


@pytest.mark.parametrize(
    ("seeds", "num_threads"), [((5,), 1), ((3, 5, 4), 2), (range(9), 1), (range(9), 2)]
)
def test_a_match_depends_on_its_seed_alone(seeds, num_threads):
    whole, part = play(range(8), num_threads=2), play(seeds, num_threads=num_threads)
    for ours, theirs in zip(part, whole, strict=True):
        for row, seed in enumerate(seeds):
            if seed < 8:
                np.testing.assert_array_equal(ours[..., row, :], theirs[..., seed, :])
    lengths = whole[1][..., -1]
    assert (lengths == 9).sum() > 8 and len(np.unique(whole[0], axis=0)) == 8


def test_other_seeds_give_other_matches():
    first = make(seeds=[1]).state()
    assert not np.array_equal(first, make(seeds=[2]).state())
    np.testing.assert_array_equal(first, make(seeds=[1]).state())


def test_automatic_reset_keeps_the_final_observation():
    env, twin = make(max_cycles=4), make(max_cycles=4, auto_reset=False)
    for length in range(1, 5):
        step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
        np.testing.assert_equal(step.final_observations, expected.final_observations)
        assert (step.lengths == length).all()
    assert step.done.all() and env.playing.all() and not twin.playing.any()
    np.testing.assert_equal(step.observations, twin.reset())
    assert (env.step(no_actions(env)).lengths == 1).all()


def test_automatic_reset_restarts_only_what_has_ended():
    env, twin = make_twins()
    put_outside(env, 1, 0)
    step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
    np.testing.assert_array_equal(numbers_of(step)[[0, 2]], numbers_of(expected)[[0, 2]])
    assert step.done.tolist() == [False, True, False]
    step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
    np.testing.assert_array_equal(numbers_of(step)[[0, 2]], numbers_of(expected)[[0, 2]])
    assert step.lengths.tolist() == [2, 1, 2]


def test_without_automatic_reset_a_finished_match_stands_still():
    env, rng = make(auto_reset=False, max_cycles=6), np.random.default_rng(0)
    throw_down(env, 1, 0)
    last = env.step(random_actions(env, rng))
    state = env.state()[1]
    while env.playing.any():
        step = env.step(random_actions(env, rng))
        np.testing.assert_array_equal(env.state()[1], state)
        for seen, before in zip(step.observations, last.observations, strict=True):
            np.testing.assert_array_equal(seen[1], before[1])
        assert not step.rewards[1].any() and not step.done[1] and not step.lost[1].any()
        assert step.winner[1] == NO_ONE and step.reasons[1] == 0 and step.lengths[1] == 1
    assert step.truncated.tolist() == [True, False, True] and (step.lengths == [6, 1, 6]).all()


def test_stepping_when_all_is_over_is_refused_until_a_reset():
    env, twin = make(auto_reset=False, max_cycles=1), make(auto_reset=False, max_cycles=1)
    env.step(no_actions(env)), twin.step(no_actions(twin))
    with pytest.raises(ValueError, match="every match is over; call reset"):
        env.step(no_actions(env))
    np.testing.assert_equal(env.reset(), twin.reset())
    np.testing.assert_equal(vars(env.step(no_actions(env))), vars(twin.step(no_actions(twin))))
    with pytest.raises(ValueError, match=r"call reset\(\) first"):
        RoboSumo([0, 1, 2]).step(no_actions(env))  # no match has begun


def test_time_is_up_after_max_cycles():
    env = make(max_cycles=3)
    for length in (1, 2, 3):
        step = env.step(no_actions(env))
        assert (step.truncated == (length == 3)).all() and not step.terminated.any()
    np.testing.assert_array_equal(step.reward_terms["outcome"], -1000)
    assert (step.winner == NO_ONE).all() and {REASONS[r] for r in step.reasons} == {TIME}


def test_motionless_ants_draw_after_501_steps():
    env = make([0], auto_reset=False, num_threads=1)
    while env.playing.any():
        step = env.step(no_actions(env))
    assert step.lengths == 501 and step.truncated and not step.terminated


@pytest.mark.parametrize(("defeat", "reason"), [(put_outside, LEFT), (throw_down, FELL)])
def test_who_loses_and_who_wins(defeat, reason):
    env = make(range(4), auto_reset=False)
    for match, losers in enumerate([(), (0,), (1,), (0, 1)]):
        for slot in losers:
            defeat(env, match, slot)
    step = env.step(no_actions(env))
    assert step.lost.tolist() == [[False] * 2, [True, False], [False, True], [True] * 2]
    assert step.terminated.tolist() == [False, True, True, True] and not step.truncated.any()
    assert step.winner.tolist() == [NO_ONE, 1, 0, NO_ONE]
    outcome = [[0, 0], [-2000, 2000], [2000, -2000], [0, 0]]
    np.testing.assert_array_equal(step.reward_terms["outcome"], outcome)
    assert [REASONS[number] for number in step.reasons] == ["", reason, reason, reason]


def test_a_loser_in_the_last_step_has_lost():
    env = make([0], max_cycles=1)
    put_outside(env, 0, 1)
    step = env.step(no_actions(env))
    assert step.terminated and not step.truncated and step.winner == 0
    np.testing.assert_array_equal(step.reward_terms["outcome"], [[2000, -2000]])


def test_a_fall_is_a_torso_lower_than_29_centimetres():
    env = make(range(300), auto_reset=False)
    for match, height in enumerate(np.linspace(0.55, 0.85, 300)):
        throw_down(env, match, 0)
        torso(env, 0)[match, 2] = height
    step, height = env.step(no_actions(env)), torso(env, 0)[:, 2] - 0.5
    np.testing.assert_array_equal(step.lost[:, 0], height < 0.29)
    assert np.abs(height[height < 0.29] - 0.29).min() < 1e-3
    assert np.abs(height[height >= 0.29] - 0.29).min() < 1e-3


@pytest.mark.parametrize("size", [2.0, 3.0])
@pytest.mark.parametrize(("axis", "sign"), [(0, 1), (0, -1), (1, 1), (1, -1)])
def test_the_ring_is_a_square_ten_centimetres_beyond_the_border(axis, sign, size):
    env = make(range(100), auto_reset=False, tatami_size=size)
    torso(env, 1)[:, axis] = sign * np.linspace(size + 0.05, size + 0.15, 100)
    torso(env, 1)[:, 1 - axis] = size - 0.1  # near a corner
    env.physics.velocities[:] = 0
    step, reached = env.step(no_actions(env)), np.abs(torso(env, 1)[:, axis])
    np.testing.assert_array_equal(step.lost[:, 1], reached >= size + 0.1)
    inside = reached < size + 0.1
    assert reached[inside].max() > size + 0.097 and reached[~inside].min() < size + 0.103


def test_without_contact_forces_their_two_fields_are_zero():
    env, twin = make(), make(contact_forces=False)
    rng = np.random.default_rng(0)
    for _ in range(15):
        actions = random_actions(env, rng)
        step, blind = env.step(actions), twin.step(actions)
    for slot, fields in enumerate(env.fields):
        seen = step.observations[slot].copy()
        assert seen[:, fields["contact_forces"]].any()
        for name in ("contact_forces", "opponent_contact"):
            seen[:, fields[name]] = 0
        np.testing.assert_array_equal(blind.observations[slot], seen)


def test_the_contact_of_a_torso_is_the_same_to_both():
    env = make(range(40))
    for match, height in enumerate(np.linspace(0.65, 0.8, 40)):
        throw_down(env, match, 0)
        torso(env, 0)[match, 2] = height
    one, other = env.step(no_actions(env)).final_observations
    pressed = one[:, env.fields[0]["contact_forces"]][:, :6]
    np.testing.assert_array_equal(other[:, env.fields[1]["opponent_contact"]], pressed)
    assert (pressed[:, 5] > 1).any()


def test_actions_beyond_the_bounds_act_and_cost_as_the_bounds():
    env, twin = make_twins()
    rng = np.random.default_rng(0)
    for _ in range(10):
        actions = random_actions(env, rng, 3.0)
        step, expected = env.step(actions), twin.step([part.clip(-1, 1) for part in actions])
        np.testing.assert_equal(vars(step), vars(expected))


BAD_ACTIONS = {
    "too few matches": lambda: [np.zeros((2, 8)), np.zeros((2, 8))],
    "too many joints": lambda: [np.zeros((3, 8)), np.zeros((3, 9))],
    "one robot's": lambda: [np.zeros((3, 8))],
    "flat": lambda: [np.zeros(8), np.zeros(8)],
    "NaN": lambda: [np.zeros((3, 8)), np.full((3, 8), np.nan)],
    "inf": lambda: [np.where(np.eye(3, 8), -np.inf, 0.0), np.zeros((3, 8))],
}


@pytest.mark.parametrize("case", BAD_ACTIONS)
def test_bad_actions_are_named_and_do_no_harm(case):
    env, twin = make_twins(auto_reset=False)
    with pytest.raises(ValueError, match=r"^actions.*(of shapes|robot [01] in match 0)"):
        env.step(BAD_ACTIONS[case]())
    for _ in range(3):
        step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
        np.testing.assert_equal(vars(step), vars(expected))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("env_ids", {"env_ids": [3]}),
        ("env_ids", {"env_ids": [-1]}),
        ("env_ids", {"env_ids": [0.5]}),
        ("env_ids", {"env_ids": [1, 1]}),
        ("env_ids", {"env_ids": [True, False]}),  # a mask is no list of numbers
        ("seeds", {"seeds": [1, 2]}),
        ("seeds", {"seeds": [1, 2, -3]}),
        ("seeds", {"seeds": [], "env_ids": [0]}),
    ],
)
def test_bad_resets_are_named_and_do_no_harm(name, wrong):
    env, twin = make_twins(max_cycles=2)
    with pytest.raises(ValueError, match=f"^{name}"):
        env.reset(**wrong)
    for _ in range(3):
        np.testing.assert_equal(vars(env.step(no_actions(env))), vars(twin.step(no_actions(twin))))


def test_reset_of_some_leaves_the_others_alone():
    env, twin = make_twins()
    for each in (env, twin):
        each.step(no_actions(each))
    observations = env.reset([2, 0], seeds=[7, 8])  # in the order that they came in
    fresh = RoboSumo([8, 7]).reset()
    for seen, new in zip(observations, fresh, strict=True):
        np.testing.assert_array_equal(seen[[0, 2]], new)
    step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
    np.testing.assert_array_equal(numbers_of(step)[1], numbers_of(expected)[1])
    assert step.lengths.tolist() == [1, 2, 1]


def test_reset_of_none_changes_nothing():
    env, twin = make_twins()
    env.reset(np.flatnonzero([False] * 3))
    np.testing.assert_equal(vars(env.step(no_actions(env))), vars(twin.step(no_actions(twin))))


@pytest.mark.parametrize(
    "wrong",
    [
        {"seeds": []},
        {"seeds": [3, -1]},
        {"seeds": 3},
        {"seeds": 0},
        {"seeds": [0, 1.0]},
        {"seeds": [True]},
        {"seeds": "12"},
        {"max_cycles": 0},
        {"max_cycles": 10.5},
        {"max_cycles": True},
        {"num_threads": -1},
        {"num_threads": 1.5},
        {"robots": ("ant", "snake")},
        {"integrator": "Euler"},
        {"tatami_size": 0.0},
        {"tatami_size": "2"},
    ],
)
def test_bad_arguments_are_named(wrong, unchecked):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be .* got"):
        RoboSumo(**{"seeds": [0], **wrong})


@pytest.fixture
def in_folder(tmp_path, monkeypatch):
    """MuJoCo writes its log into the working folder."""
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize("auto_reset", [True, False])
@pytest.mark.parametrize("integrator", ["implicitfast", "RK4"])
@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("positions", np.nan),
        ("positions", np.inf),
        ("velocities", 1e12),
        ("velocities", np.nan),
    ],
)
def test_a_diverged_match_is_a_draw_and_harms_no_other(part, value, integrator, auto_reset):
    env, twin = make_twins(range(4), integrator=integrator, auto_reset=auto_reset)
    before = env.step(no_actions(env))
    twin.step(no_actions(twin))
    getattr(env.physics, part)[2, 12] = value
    with pytest.warns(RuntimeWarning, match="the physics of 1 of 4 matches diverged"):
        step = env.step(no_actions(env))
    assert step.truncated.tolist() == [False, False, True, False] and not step.terminated.any()
    assert REASONS[step.reasons[2]] == DIVERGED and step.winner[2] == NO_ONE
    assert not any(term[2].any() for term in step.reward_terms.values())
    for final, last in zip(step.final_observations, before.observations, strict=True):
        np.testing.assert_array_equal(final[2], last[2])  # the last finite one
    others, expected = [0, 1, 3], twin.step(no_actions(twin))
    np.testing.assert_array_equal(numbers_of(step)[others], numbers_of(expected)[others])
    for length in range(1, 6):
        step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
        np.testing.assert_array_equal(numbers_of(step)[others], numbers_of(expected)[others])
        assert np.isfinite(numbers_of(step)).all() and np.isfinite(env.state()).all()
        assert step.lengths[2] == (length if auto_reset else 2)
        stood_still = np.array_equal(step.observations[0][2], before.observations[0][2])
        assert stood_still != auto_reset


@pytest.mark.usefixtures("in_folder")
def test_matches_that_all_diverge_begin_anew():
    env, twin = make_twins(range(2))
    env.physics.positions[:] = np.nan
    with pytest.warns(RuntimeWarning, match="2 of 2 matches diverged"):
        step = env.step(no_actions(env))
    assert step.truncated.all() and {REASONS[number] for number in step.reasons} == {DIVERGED}
    np.testing.assert_equal(step.observations, twin.reset())
    np.testing.assert_equal(vars(env.step(no_actions(env))), vars(twin.step(no_actions(twin))))


@pytest.mark.parametrize("arguments", [{}, {"contact_forces": False, "auto_reset": False}])
def test_what_came_is_the_callers_own(arguments):
    env, twin = make_twins(max_cycles=3, **arguments)
    put_outside(env, 1, 0), put_outside(twin, 1, 0)
    for _ in range(2):
        step, expected = env.step(no_actions(env)), twin.step(no_actions(twin))
        np.testing.assert_equal(vars(step), vars(expected))
        for part in (*step.observations, *step.last_observations, env.state(), env.playing):
            part[:] = 1


def test_what_came_stays_as_it_was():
    env = RoboSumo([0, 1, 2])
    first = env.reset()
    begun = copy.deepcopy(first)
    step = env.step(no_actions(env))
    kept = begun, copy.deepcopy(vars(step))
    env.reset([1])
    env.step(no_actions(env))
    np.testing.assert_equal((first, vars(step)), kept)


LARGE = float(np.finfo(np.float32).max)
EXTREMES = [0.0, -0.0, 1.0, -1.0, 1e-45, 1e30, -1e30, LARGE, -LARGE]
FORCES = st.sampled_from(EXTREMES) | st.floats(allow_nan=False, allow_infinity=False, width=32)


@settings(max_examples=60)
@given(
    seeds=st.lists(st.integers(0, 2**64), min_size=1, max_size=3),
    robots=st.sampled_from(PAIRS),
    actions=arrays(np.float32, (8, 32), elements=FORCES),
    auto_reset=st.booleans(),
)
def test_extreme_actions_leave_everything_finite(seeds, robots, actions, auto_reset):
    env = make(seeds, robots=robots, auto_reset=auto_reset, max_cycles=6, num_threads=1)
    lengths = np.zeros(len(seeds))
    for action in actions:
        if not env.playing.any():
            break
        playing = env.playing
        given = [np.tile(action[-size:], (len(seeds), 1)) for size in env.action_sizes]
        step = env.step(given)
        lengths = np.where(playing, lengths + 1, lengths)
        check_step(env, step, playing, lengths)
        lengths[step.done & auto_reset] = 0
    assert auto_reset or not env.playing.any()


def check_step(env, step, playing, lengths):
    """What holds for every step, whatever was done."""
    assert np.isfinite(numbers_of(step)).all() and (np.abs(step.rewards) < 1e4).all()
    for seen, fields in zip(step.final_observations, env.fields, strict=True):
        for name in ("contact_forces", "opponent_contact"):
            assert seen[:, fields[name]].min() >= 0 and seen[:, fields[name]].max() <= 100
    np.testing.assert_array_equal(step.rewards, sum(step.reward_terms.values()))
    np.testing.assert_array_equal(step.terminated, step.lost.any(axis=1))
    assert not (step.terminated & step.truncated).any() and not (step.done & ~playing).any()
    np.testing.assert_array_equal(step.done, step.reasons > 0)
    np.testing.assert_array_equal(step.winner != NO_ONE, step.lost.sum(axis=1) == 1)
    np.testing.assert_array_equal(step.lengths, lengths)
    np.testing.assert_array_equal(step.truncated, (lengths == env.max_cycles) & ~step.terminated)
    np.testing.assert_array_equal(env.playing, playing & ~step.done | env.auto_reset)
