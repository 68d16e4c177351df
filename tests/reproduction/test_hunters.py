"""Hunters: a return by hand, and couples that learn in a game of one step."""

import numpy as np
import pytest

from reproduction.hunters import returns, train

RNG = np.random.default_rng(0)  # which `play` leaves alone


def play(couple, rng, start=None):
    """One step: the hunter's velocity is its first action's weights for position; the prey likes
    large weights."""
    seen = np.zeros((1, 8))
    seen[0, :2], seen[0, 4:6] = np.tanh(couple[0][:2, 0]), (3.0, 4.0)
    return seen, np.zeros(1), float(np.tanh(couple[1]).sum())


def test_a_return_by_hand():
    couple = np.zeros((2, 5, 9))
    couple[0, :2, 0] = np.arctanh([0.5, 0.0])
    left = np.array([[0, -1], [1, 0]])  # turns (0.6, 0.8) to (-0.8, 0.6)
    assert returns(play, couple, left, RNG) == pytest.approx((-0.4, 0.0))


def test_both_learn():
    sizes = {"num_generations": 8, "num_candidates": 16, "num_elites": 4}
    one, same = (train(play, np.eye(2), np.random.default_rng(0), **sizes) for _ in range(2))
    hunter, prey = returns(play, one, np.eye(2), RNG)
    assert (one == same).all() and hunter > 0.7 and prey > 5  # at most 1.4 and 45; untrained 0, 0
