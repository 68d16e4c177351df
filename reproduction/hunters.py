"""Hunters with tastes of their own, and their prey, trained by the cross-entropy method."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

VELOCITY, TO_PREY = slice(0, 2), slice(4, 6)  # fields of a hunter's observation in simple_tag
NUM_ACTIONS, OBSERVATION_SIZE = 5, 8  # for a hunter; a prey sees less

# play(couple, rng, start) -> the hunter's observations, its actions, and the prey's return
Play = Callable[..., tuple[NDArray, NDArray, float]]


def returns(
    play: Play, couple: NDArray, taste: NDArray, rng: np.random.Generator, start: int | None = None
) -> tuple[float, float]:
    """Returns of a hunter and its prey in one episode: Σ_t v_t^T R d_t / ‖d_t‖, and the game's.

    Args:
        play: plays an episode of a couple.
        couple: both policies, (2, 5, 9).
        taste: the rotation R, (2, 2).
        rng: draws the actions, and the start where none is given.
        start: seed of the episode's beginning.
    """
    seen, _, prey_return = play(couple, rng, start)
    velocity, to_prey = seen[:, VELOCITY], seen[:, TO_PREY]
    wanted = to_prey / np.linalg.norm(to_prey, axis=1, keepdims=True) @ taste.T  # R d / |d|
    return np.sum(velocity * wanted), prey_return


def train(
    play: Play,
    taste: NDArray,
    rng: np.random.Generator,
    *,
    num_generations: int,
    num_candidates: int,
    num_elites: int,
) -> NDArray[np.float64]:
    """A hunter and its prey that learned against each other, (2, 5, 9).

    Args:
        play: plays an episode of a couple.
        taste: the hunter's taste, see `returns`.
        rng: draws candidates, starts and actions.
        num_generations: how often the normal distribution of candidates is refitted.
        num_candidates: candidates for each role in a generation.
        num_elites: the best candidates, to which the next generation's distribution is fitted.
    """
    mean, spread = np.zeros((2, NUM_ACTIONS, OBSERVATION_SIZE + 1)), 1.0
    for _ in range(num_generations):
        tried = rng.normal(mean, spread, (num_candidates, *mean.shape))
        start = int(rng.integers(2**31))  # one for all, so that none is lucky
        scores = [returns(play, couple, taste, rng, start) for couple in tried]  # (candidates, 2)
        order = np.argsort(-np.array(scores), axis=0)[:num_elites, :, None, None]
        best = np.take_along_axis(tried, order, axis=0)  # (elites, 2, 5, 9)
        mean, spread = best.mean(0), best.std(0) + 0.1
    return mean
