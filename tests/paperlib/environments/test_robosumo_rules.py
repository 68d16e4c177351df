"""RoboSumo's rules, by hand."""

import numpy as np
import pytest

from paperlib.environments import robosumo_rules as rules
from paperlib.environments.robosumo_rules import NO_ONE, REASONS


def torsos(*positions):
    """Positions of the torsos in one match, (1, 2, 3)."""
    return np.array([positions], dtype=float)


@pytest.mark.parametrize(("height", "fallen"), [(0.2899, True), (0.29, False), (0.3, False)])
def test_a_torso_lower_than_29_centimetres_has_fallen(height, fallen):
    found = rules.is_fallen(torsos((0, 0, height), (3, 3, 1)))
    assert found.tolist() == [[fallen, False]]


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("sign", [-1, 1])
def test_the_ring_is_a_square_ten_centimetres_beyond_the_border(axis, sign):
    inside, outside = np.zeros(3), np.zeros(3)
    inside[axis], outside[axis] = 2.0999 * sign, 2.1 * sign
    inside[1 - axis] = outside[1 - axis] = 2.0  # near a corner
    found = rules.is_outside(torsos(inside, outside), 2.0)
    assert found.tolist() == [[False, True]]
    assert not rules.is_outside(torsos(inside, outside), 2.1).any()
    assert not rules.is_outside(torsos((0, 0, 9), (0, 0, -9)), 2.0).any()  # height does not count


def test_the_winner_is_the_opponent_of_the_only_loser():
    lost = np.array([[False, False], [True, False], [False, True], [True, True]])
    assert rules.find_winners(lost).tolist() == [NO_ONE, 1, 0, NO_ONE]


def test_reasons_in_the_order_in_which_they_count():
    no, yes = False, True
    cases = {  # fell, terminated, truncated, diverged
        "": ([no, no], no, no, no),
        "a torso fell": ([no, yes], yes, no, no),
        "a torso left the ring": ([no, no], yes, no, no),
        "time is up": ([no, no], no, yes, no),
        "the physics diverged": ([no, no], no, yes, yes),
    }
    fell, terminated, truncated, diverged = map(np.array, zip(*cases.values(), strict=True))
    found = rules.find_reasons(
        fell=fell, terminated=terminated, truncated=truncated, diverged=diverged
    )
    assert [REASONS[reason] for reason in found] == list(cases) == list(REASONS)


def terms_of(before, after, *, actions=((0.0,), (0.0,)), lost=(False, False), truncated=False):
    """Terms of one match's rewards, of both robots."""
    found = rules.reward_terms(
        torsos(*before),
        torsos(*after),
        actions=[np.array([part]) for part in actions],
        lost=np.array([lost]),
        truncated=np.array([truncated]),
    )
    return {name: term[0] for name, term in found.items()}


STILL = ((-1.0, 0.0, 0.5), (1.0, 0.0, 0.5))


@pytest.mark.parametrize(
    ("lost", "truncated", "outcome"),
    [
        ((False, False), False, [0, 0]),
        ((True, False), False, [-2000, 2000]),
        ((False, True), False, [2000, -2000]),
        ((True, True), False, [0, 0]),
        ((False, False), True, [-1000, -1000]),
    ],
)
def test_outcomes(lost, truncated, outcome):
    found = terms_of(STILL, STILL, lost=lost, truncated=truncated)
    assert found["outcome"].tolist() == outcome


def test_torques_cost_their_squares():
    found = terms_of(STILL, STILL, actions=((1.0, 0.5), (0.0, -1.0, 1.0)))
    assert found["control"] == pytest.approx([-0.125, -0.2])


def test_approach_is_the_velocity_towards_where_the_opponent_now_is():
    # The first robot goes 0.1 m to the right and 0.1 m up; the second goes from x = 1 to x = 2.
    before = ((-1.0, 0.0, 0.5), (1.0, 0.0, 0.5))
    after = ((-0.9, 0.1, 0.9), (2.0, 0.0, 0.5))
    found = terms_of(before, after)["approach"]
    # v = (2, 2) m/s, u = (1, 0): 0.1 · 2; the second one's velocity is away from the first
    assert found == pytest.approx([0.2, 0.0])


def test_approach_is_zero_on_the_same_spot():
    spot = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.9))
    assert terms_of(spot, spot)["approach"].tolist() == [0, 0]


def test_push_is_the_opponents_distance_from_the_centre():
    found = terms_of(STILL, ((0.0, 0.0, 0.5), (0.6, -0.8, 0.5)))["push"]
    assert found == pytest.approx([-10 * np.exp(-1), -10])
