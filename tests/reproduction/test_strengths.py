"""What strengths explain, on tournaments whose truth is known."""

import numpy as np
import pytest

from paperlib import metrics
from reproduction import strengths

NUM_PLAYERS = 12


def play(scores, *, num_matches, draws=0.0, seed=0):
    """Games between all pairs with these expected scores of rows, and their counts."""
    rng = np.random.default_rng(seed)
    counts = {how: np.zeros((len(scores),) * 2, dtype=int) for how in ("won", "lost", "drawn")}
    games = []
    for first, second in zip(*np.triu_indices(len(scores), k=1), strict=True):
        p = scores[first, second]
        draw = min(draws, 2 * min(p, 1 - p))
        outcome = rng.choice([1, 0, -1], size=num_matches, p=[p - draw / 2, draw, 1 - p - draw / 2])
        for how, number in (("won", 1), ("drawn", 0), ("lost", -1)):
            counts[how][first, second] = (outcome == number).sum()
        games += [(first, second, number) for number in outcome]
    return np.array(games), counts


def fit(scores, **options):
    games, counts = play(scores, **options)
    ratings = metrics.ratings(games[:, :2], 0.5 + 0.5 * games[:, 2], num_players=len(scores))
    return strengths.goodness_of_fit(counts, ratings)


def spread_ratings(spread=120):
    return np.random.default_rng(3).normal(scale=spread, size=NUM_PLAYERS)


def test_expected_scores_by_hand():
    found = strengths.expected_scores(np.array([0.0, 400.0]))
    np.testing.assert_allclose(found, [[0.5, 1 / 11], [10 / 11, 0.5]])


@pytest.mark.parametrize("draws", [0.0, 0.3])
def test_pure_strength_leaves_a_ratio_of_one(draws):
    scores = strengths.expected_scores(spread_ratings())
    found = [fit(scores, num_matches=60, draws=draws, seed=seed) for seed in range(40)]
    assert np.mean([one.ratio for one in found]) == pytest.approx(1, abs=0.1)
    assert found[0].degrees_of_freedom == NUM_PLAYERS * (NUM_PLAYERS - 1) // 2 - (NUM_PLAYERS - 1)
    assert np.mean([one.p_value < 0.05 for one in found]) <= 0.2


def test_rock_paper_scissors_does_not_fit():
    kinds = np.arange(NUM_PLAYERS) % 3
    beats = (kinds[:, None] - kinds[None, :]) % 3
    scores = np.array([0.5, 0.65, 0.35])[beats]
    found = fit(scores, num_matches=60)
    assert found.ratio > 2 and found.p_value < 1e-6


@pytest.mark.parametrize(("interaction", "tolerance"), [(0.0, 0.015), (0.08, 0.008)])
def test_interactions_are_found_where_there_are_some(interaction, tolerance):
    strong = strengths.expected_scores(spread_ratings(100))
    found = []
    for seed in range(40):
        noise = np.triu(np.random.default_rng(seed).normal(scale=interaction, size=strong.shape), 1)
        scores = np.clip(strong + noise, 0.02, 0.98)
        found.append(fit(scores, num_matches=100, draws=0.1, seed=seed))
    estimates = np.array([one.interaction for one in found])
    inside = (estimates[:, 1] <= interaction) & (interaction <= estimates[:, 2])
    assert inside.mean() >= 0.85
    assert np.sqrt((estimates[:, 0] ** 2).mean()) == pytest.approx(interaction, abs=tolerance)
    rows, columns = np.triu_indices(NUM_PLAYERS, k=1)
    spread = np.sqrt(np.mean((strong[rows, columns] - 0.5) ** 2))
    assert np.mean([one.strength for one in found]) == pytest.approx(spread, abs=0.02)


def test_accuracy_is_what_the_true_strengths_would_reach():
    scores = strengths.expected_scores(spread_ratings(300))
    known, _ = play(scores, num_matches=100, draws=0.2, seed=1)
    games, _ = play(scores, num_matches=100, draws=0.2, seed=2)
    rows, columns = np.triu_indices(NUM_PLAYERS, k=1)
    p = scores[rows, columns]
    draw = np.minimum(0.2, 2 * np.minimum(p, 1 - p))
    best = np.maximum(np.maximum(p - draw / 2, 1 - p - draw / 2), draw).mean()
    found = strengths.accuracy_from_strengths(known, games, num_players=NUM_PLAYERS)
    assert found == pytest.approx(best, abs=0.02)


def test_too_few_pairs_are_refused():
    counts = {how: np.zeros((3, 3), dtype=int) for how in ("won", "lost", "drawn")}
    counts["won"][0, 1] = 5
    with pytest.raises(ValueError, match="counts: 1 pairs met, which says nothing beyond 3"):
        strengths.goodness_of_fit(counts, np.zeros(3))
