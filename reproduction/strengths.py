"""Ratings, and how much of a tournament they explain: goodness of fit, and predicted outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression

from paperlib import _checks
from reproduction.statistics import Estimate


class Fit(NamedTuple):
    """How well ratings explain who beats whom.

    Attributes:
        chi_square: Σ over pairs of (score - expected score)² / variance.
        degrees_of_freedom: pairs that met, less the ratings that were fitted, P - 1.
        p_value: probability of a larger chi-square if strength were all there is.
        strength: root mean square over pairs of the expected score minus ½.
        interaction: the same for what ratings leave unexplained in pairs' true scores, if its
            variance is in proportion to that of chance (overdispersion): by moments, with a 95 %
            interval from the quantiles of chi-square; 0 if chance explains it all.
    """

    chi_square: float
    degrees_of_freedom: int
    p_value: float
    strength: float
    interaction: Estimate

    @property
    def ratio(self) -> float:
        """χ² per degree of freedom: about 1 if strength is all there is."""
        return self.chi_square / self.degrees_of_freedom


def fit_ratings(pairs: ArrayLike, scores: ArrayLike, *, num_players: int) -> NDArray[np.float64]:
    """Bradley-Terry ratings of players (1952), on the Elo scale of chess, with mean zero.

    P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)), a draw counting as half a win for each; by
    maximum likelihood with a weak L2 penalty, which keeps ratings finite for players who won every
    match. (choix has no draws, and its optimiser converges to slightly different numbers.)

    Args:
        pairs: the two players of each match, 0 to P - 1, (M, 2).
        scores: score of the first player: 1 for a win, 0.5 for a draw, 0 for a loss, (M,).
        num_players: P.

    Returns:
        Ratings, (P,).

    Raises:
        ValueError: if a score is not in [0, 1], or a pair is not two different players.
    """
    pairs, scores = np.asarray(pairs), np.asarray(scores, dtype=float)
    valid = (scores >= 0) & (scores <= 1)
    _checks.all_valid(scores, valid, "scores must be 1 for a win, 0.5 for a draw, 0 for a loss")
    valid = ((pairs >= 0) & (pairs < num_players)).all(1) & (pairs[:, 0] != pairs[:, 1])
    _checks.all_valid(pairs, valid, f"pairs must be two different players, 0 to {num_players - 1}")
    signs = np.zeros((len(pairs), num_players))
    signs[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    signs[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    # Every match is a win of weight s and a loss of weight 1 - s.
    won = np.repeat([True, False], len(pairs))
    model = LogisticRegression(C=10.0, fit_intercept=False, tol=1e-8, max_iter=1000)
    model.fit(np.concatenate([signs, signs]), won, np.concatenate([scores, 1 - scores]))
    strengths = 400 / np.log(10) * model.coef_[0]
    return strengths - strengths.mean()


def expected_scores(ratings: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected scores of rows against columns by the model of Bradley and Terry (1952), (P, P); a
    draw is half a win.

    Args:
        ratings: ratings on the Elo scale of chess, (P,).
    """
    return 1 / (1 + 10 ** ((ratings[None, :] - ratings[:, None]) / 400))


def goodness_of_fit(counts: Mapping[str, NDArray[np.int64]], ratings: NDArray[np.float64]) -> Fit:
    """Tests whether who beats whom depends on more than strength.

    A match's score s is 1, ½ or 0, so that its variance is p - d/4 - p² at an expected score p and
    a probability d of a draw: that of the pair, shrunk towards that of all pairs with the weight of
    ten matches.

    Args:
        counts: how often rows "won", "lost" and "drawn" against columns, (P, P) each.
        ratings: ratings fitted to these counts, (P,).

    Raises:
        ValueError: if too few pairs met for a test.
    """
    rows, columns = np.triu_indices(len(ratings), k=1)
    won, lost, drawn = (counts[how][rows, columns] for how in ("won", "lost", "drawn"))
    number = won + lost + drawn
    met = number > 0
    degrees_of_freedom = int(met.sum()) - (len(ratings) - 1)
    if degrees_of_freedom < 1:
        raise ValueError(
            f"counts: {met.sum()} pairs met, which says nothing beyond {len(ratings)} ratings"
        )
    draws = (drawn + 10 * drawn.sum() / number.sum()) / (number + 10)
    expected = expected_scores(ratings)[rows, columns]
    draws = np.minimum(draws, 2 * np.minimum(expected, 1 - expected))  # what p allows
    variance = np.maximum(number * (expected - draws / 4 - expected**2), 1e-9)
    residuals = won + drawn / 2 - number * expected
    chi_square = float((residuals**2 / variance)[met].sum())
    p_value = float(stats.chi2.sf(chi_square, degrees_of_freedom))
    chance = float((variance[met] / number[met] ** 2).mean())  # the variance of a pair's mean score
    denominators = [degrees_of_freedom, *stats.chi2.ppf([0.975, 0.025], degrees_of_freedom)]
    excess = chi_square / np.array(denominators) - 1
    deviations = np.sqrt(np.maximum(excess, 0) * chance).tolist()
    strength = float(np.sqrt(np.mean((expected[met] - 0.5) ** 2)))
    interaction = Estimate(*deviations, int(met.sum()))
    return Fit(chi_square, degrees_of_freedom, p_value, strength, interaction)


def accuracy_from_strengths(
    known: NDArray[np.int64], games: NDArray[np.int64], *, num_players: int
) -> float:
    """Share of outcomes (win, draw, loss) that strengths predict: a ceiling for whatever knows no
    more of two players than how strong they are.

    Ratings, and a logistic regression of outcomes on their differences, are fitted to other games.

    Args:
        known: games to learn from: first player, second player, outcome (1, 0, -1), (M, 3).
        games: games to predict, (G, 3).
        num_players: P.
    """
    ratings = fit_ratings(known[:, :2], 0.5 + 0.5 * known[:, 2], num_players=num_players)

    def features(of: NDArray[np.int64]) -> NDArray[np.float64]:
        difference = (ratings[of[:, 0]] - ratings[of[:, 1]]) / 100
        return np.stack([difference, np.abs(difference)], axis=1)

    model = LogisticRegression(max_iter=1000).fit(features(known), known[:, 2])
    return float(model.score(features(games), games[:, 2]))
