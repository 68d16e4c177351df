"""What strengths explain, on tournaments whose truth is known."""

import itertools

import numpy as np
import pytest

from reproduction import strengths
from reproduction.strengths import fit_ratings

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
    ratings = fit_ratings(games[:, :2], 0.5 + 0.5 * games[:, 2], num_players=len(scores))
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


def test_ratings_of_two_players_are_their_odds():
    # three wins of four: odds of 3 to 1 are 400 log10 3 = 190.8 points apart
    pairs = np.array([[0, 1], [1, 0]] * 2000)
    scores = np.array([1.0, 0.0, 1.0, 1.0] * 1000)
    found = fit_ratings(pairs, scores, num_players=2)
    assert found == pytest.approx([95.4, -95.4], abs=0.5)


def test_a_draw_is_half_a_win():
    drawn = fit_ratings([[0, 1]] * 10, [0.5] * 10, num_players=2)
    assert drawn == pytest.approx([0, 0], abs=1e-3)
    mixed = fit_ratings([[0, 1]] * 4, [1.0, 0.5, 0.5, 0.0], num_players=2)
    assert mixed == pytest.approx([0, 0], abs=1e-3)


def test_ratings_of_who_never_lost_are_finite():
    found = fit_ratings([[0, 1], [1, 2], [0, 2]], [1.0, 1.0, 1.0], num_players=3)
    assert np.isfinite(found).all() and found[0] > found[1] > found[2]
    assert found.sum() == pytest.approx(0, abs=1e-6)


def test_ratings_maximise_the_likelihood():
    rng = np.random.default_rng(0)
    pairs = np.array([*itertools.combinations(range(40), 2)] * 3)
    truth = 150 * rng.normal(size=40)
    chances = 1 / (1 + 10 ** ((truth[pairs[:, 1]] - truth[pairs[:, 0]]) / 400))
    scores = (rng.random(len(pairs)) < chances).astype(float)
    found = fit_ratings(pairs, scores, num_players=40) * np.log(10) / 400
    expected = 1 / (1 + np.exp(found[pairs[:, 1]] - found[pairs[:, 0]]))
    residuals = np.zeros(40)  # scores minus expected ones are zero in the sum, but for the penalty
    np.add.at(residuals, pairs[:, 0], scores - expected)
    np.add.at(residuals, pairs[:, 1], expected - scores)
    assert residuals == pytest.approx(found / 10, abs=1e-4)


@pytest.mark.parametrize(
    ("pair", "score", "message"),
    [
        ((0, 1), -1, "scores must be 1 for a win, .* got -1.0 at index 1"),
        ((0, 1), np.nan, "scores must be 1 for a win, .* got nan at index 1"),
        ((0, 0), 1, r"pairs must be two different players, 0 to 1, got \[0, 0\] at index 1"),
        ((0, 2), 1, r"pairs must be two different players, 0 to 1, got \[0, 2\] at index 1"),
        ((-1, 0), 1, r"pairs must be two different players, 0 to 1, got \[-1, 0\] at index 1"),
    ],
)
def test_what_is_no_match(pair, score, message):
    with pytest.raises(ValueError, match=message):
        fit_ratings([(0, 1), pair, pair], [1, score, score], num_players=2)
