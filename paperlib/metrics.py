"""How good embeddings are: pure functions of arrays."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

EXACT = "donot_use_mm_for_euclid_dist"  # the faster form of cdist loses digits


def intra_inter_clustering_ratio(
    embeddings: Float[Tensor, "episode embedding"], agents: Int[Tensor, " episode"]
) -> float:
    """IICR: mean distance within agents over mean distance between agents; lower is better.

    (1/N Σ_i mean_{e≠e'} ‖r_i,e - r_i,e'‖) / (1/(N(N-1)) Σ_{i≠j} mean_{e,e'} ‖r_i,e - r_j,e'‖),
    the formula of Section 5.1 as recalled.

    Raises:
        ValueError: if there are fewer than two agents, one of them has a single episode, or all
            embeddings are the same.
    """
    ids, index, counts = agents.unique(return_inverse=True, return_counts=True)
    if len(ids) < 2:
        raise ValueError(f"agents: a ratio takes two agents, got {len(ids)}")
    if counts.min() < 2:
        raise ValueError(f"agents: agent {ids[counts.argmin()]} has a single episode; two are due")
    member = torch.nn.functional.one_hot(index).double()  # (episodes, agents)
    distances = torch.cdist(embeddings.double(), embeddings.double(), compute_mode=EXACT)
    sums = member.T @ distances @ member
    intra = (sums.diagonal() / (counts * (counts - 1))).mean()
    means = sums / (counts[:, None] * counts)
    inter = (means.sum() - means.diagonal().sum()) / (len(ids) * (len(ids) - 1))
    if inter == 0:
        raise ValueError("embeddings are all the same: the ratio is undefined")
    return (intra / inter).item()


def classifier_accuracy(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    *,
    method: str = "linear",
) -> float:
    """Share of test labels that a classifier on frozen embeddings gets right, 0 to 1.

    For agent identification, labels are agents; for outcome prediction, features are the two
    agents' embeddings side by side and labels win, draw and loss.

    Args:
        train_features: (E, F).
        train_labels: (E,).
        test_features: (E', F).
        test_labels: (E',).
        method: "linear" (multinomial logistic regression on standardised features) or "nearest"
            (one nearest neighbour).
    """
    if method == "linear":
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    elif method == "nearest":
        model = KNeighborsClassifier(n_neighbors=1)
    else:
        raise ValueError(f"method must be 'linear' or 'nearest', got {method!r}")
    model.fit(np.asarray(train_features), np.asarray(train_labels))
    return float(model.score(np.asarray(test_features), np.asarray(test_labels)))


def embedding_quality(
    embeddings: Float[Tensor, "episode embedding"], agents: Int[Tensor, " episode"]
) -> dict[str, float]:
    """How well embeddings tell agents apart.

    Returns:
        ``ratio``, the `intra_inter_clustering_ratio`; ``nearest`` and ``linear``, the accuracy with
        which a classifier that knows every second embedding of each agent names the agent of the
        others; ``chance``, one over the number of agents.
    """
    rank = torch.zeros_like(agents)
    for agent in agents.unique():
        own = agents == agent
        rank[own] = torch.arange(int(own.sum()), device=agents.device)
    known, asked = rank % 2 == 0, rank % 2 == 1
    halves = embeddings[known], agents[known], embeddings[asked], agents[asked]
    halves = [half.cpu().numpy() for half in halves]
    return {
        "ratio": intra_inter_clustering_ratio(embeddings, agents),
        "nearest": classifier_accuracy(*halves, method="nearest"),
        "linear": classifier_accuracy(*halves, method="linear"),
        "chance": 1 / len(agents.unique()),
    }


class Estimate(NamedTuple):
    """A mean over independent runs with its 95 % interval; NaN bounds where one run tells none."""

    mean: float
    low: float
    high: float
    num_runs: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def bootstrap_interval(
    values: ArrayLike, *, generator: np.random.Generator, confidence: float = 0.95
) -> Estimate:
    """Mean over seeds with its bootstrap interval (`scipy.stats.bootstrap`, bias-corrected).

    Where all values are the same, the interval is that value. It speaks of the spread over what
    the runs vary, and with few runs it is rather too narrow: say how many there were.

    Args:
        values: one number a run, (S,).
        generator: draws the resamples.
        confidence: of the two-sided interval.

    Raises:
        ValueError: if there is no value, or one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"values must be at least one finite number, got {values}")
    mean = float(values.mean())
    if len(values) == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    if np.ptp(values) <= 1e-12 * np.abs(mean):  # the correction for bias divides by the spread
        return Estimate(mean, mean, mean, len(values))
    interval = stats.bootstrap(
        (values,), np.mean, confidence_level=confidence, rng=generator, n_resamples=9999
    ).confidence_interval
    return Estimate(mean, float(interval.low), float(interval.high), len(values))


def t_reach(values: ArrayLike) -> NDArray[np.float64]:
    """Half the width of 95 % intervals of means over runs (runs, ...), by Student's t; infinite of
    a single run."""
    values = np.asarray(values, dtype=float)
    if len(values) == 1:
        return np.full(values.shape[1:], np.inf)
    return np.asarray(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values, axis=0))


def t_interval(values: ArrayLike) -> Estimate:
    """Mean over runs (S,) with its 95 % interval by Student's t, which is right for three runs,
    too, if they are about normal."""
    values = np.asarray(values, dtype=float)
    mean, reach = float(values.mean()), float(t_reach(values))
    if len(values) == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    return Estimate(mean, mean - reach, mean + reach, len(values))


def wilson_interval(successes: ArrayLike) -> Estimate:
    """A share with its 95 % Wilson score interval.

    Args:
        successes: whether it was so, for each of independent trials.
    """
    successes = np.asarray(successes, dtype=bool)
    test = stats.binomtest(int(successes.sum()), len(successes))
    interval = test.proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(float(successes.mean()), interval.low, interval.high, len(successes))


def ratings(pairs: ArrayLike, scores: ArrayLike, *, num_players: int) -> NDArray[np.float64]:
    """Strengths of players after Bradley and Terry (1952), on the scale of chess, mean zero.

    P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)), a draw counting as half a win for each; by
    maximum likelihood with a weak penalty, which keeps who won every match from infinity.

    Args:
        pairs: numbers of the players of each match, (M, 2).
        scores: of the first player: 1 for a win, 0.5 for a draw, 0 for a loss, (M,).
        num_players: P.

    Returns:
        Ratings, (P,).
    """
    pairs, scores = np.asarray(pairs), np.asarray(scores, dtype=float)
    signs = np.zeros((len(pairs), num_players))
    signs[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    signs[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    # Every match counts as a win with the score as weight, and a loss with what is left of it.
    won = np.repeat([True, False], len(pairs))
    model = LogisticRegression(C=10.0, fit_intercept=False, max_iter=1000)
    model.fit(np.concatenate([signs, signs]), won, np.concatenate([scores, 1 - scores]))
    strengths = 400 / np.log(10) * model.coef_[0]
    return strengths - strengths.mean()


def share_between(values: ArrayLike) -> float:
    """Share of the variance that lies between groups: the intraclass correlation ICC(1) (Shrout
    and Fleiss 1979), (MSB - MSW) / (MSB + (k - 1) MSW); 1 where all measurements of a group agree.

    Args:
        values: k measurements of each of n groups, (n, k).
    """
    values = np.asarray(values, dtype=float)
    count = values.shape[1]
    between = count * values.mean(axis=1).var(ddof=1)
    within = values.var(axis=1, ddof=1).mean()
    return float((between - within) / (between + (count - 1) * within))


def interquartile_mean(scores: ArrayLike) -> float:
    """Mean of the middle half of all scores (Agarwal et al. 2021), runs and tasks together."""
    return float(stats.trim_mean(np.asarray(scores, dtype=float), 0.25, axis=None))


def probability_of_improvement(scores: ArrayLike, others: ArrayLike) -> float:
    """P(X > Y) + P(X = Y) / 2 for runs of two methods, averaged over tasks (Agarwal et al. 2021).

    Args:
        scores: of one method, (runs, tasks).
        others: of the other one, (runs', tasks).
    """
    scores, others = np.asarray(scores, dtype=float), np.asarray(others, dtype=float)
    difference = np.sign(scores[:, None] - others[None])  # (runs, runs', tasks)
    return float((0.5 + 0.5 * difference).mean())


def stratified_bootstrap(
    statistic: Callable[..., float],
    *scores: ArrayLike,
    generator: np.random.Generator,
    num_resamples: int = 2000,
) -> Estimate:
    """A statistic with its 95 % percentile interval over runs, tasks being strata: each stays in.

    A run is one policy that met all tasks, so that its scores depend on each other: whole runs are
    drawn anew, where Agarwal et al. (2021), with a training for each run and task, draw within each
    task. Runs of several methods are drawn apart. With few runs the interval is too narrow.

    Args:
        statistic: of as many arrays as are given.
        scores: (runs, tasks) each; a single run has no interval.
        generator: draws the resamples.
        num_resamples: how many.
    """
    arrays = [np.asarray(part, dtype=float) for part in scores]
    if min(map(len, arrays)) == 1:
        return Estimate(statistic(*arrays), np.nan, np.nan, 1)
    found = []
    for _ in range(num_resamples):
        again = [part[generator.integers(len(part), size=len(part))] for part in arrays]
        found.append(statistic(*again))
    low, high = np.quantile(found, [0.025, 0.975])
    return Estimate(statistic(*arrays), float(low), float(high), len(arrays[0]))


def runs_to_decide(difference: Estimate, *, student: bool = False, min_runs: int = 2) -> int | None:
    """How many runs it would take, about, for the 95 % interval of a mean difference to leave zero
    out, if the mean and the spread stay what they are; None where that says nothing.

    Args:
        difference: with its interval.
        student: whether that is Student's t, whose quantile falls with the number of runs; others
            are taken to shrink with its root alone.
        min_runs: that are needed whatever the interval.
    """
    num_runs, half = difference.num_runs, (difference.high - difference.low) / 2
    if not np.isfinite(half) or difference.mean == 0 or num_runs < 2:
        return None
    if not student:
        needed = num_runs * (half / difference.mean) ** 2
        return max(num_runs, min_runs, math.ceil(needed - 1e-9))
    spread = half * math.sqrt(num_runs) / stats.t.ppf(0.975, num_runs - 1)
    needed = max(num_runs, min_runs, math.floor((1.96 * spread / difference.mean) ** 2))
    while stats.t.ppf(0.975, needed - 1) * spread / math.sqrt(needed) > abs(difference.mean):
        needed += 1
    return needed
