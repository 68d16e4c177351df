"""Two kinds of distance between the same agents: their rank correlation, and planar maps.

The N (N - 1) / 2 distances between N agents are not independent, since each agent is part of N - 1
of them. Intervals and tests here count agents, or groups of them such as populations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats
from scipy.spatial import distance

from reproduction.statistics import Estimate, t_interval

Distances = Float[np.ndarray, "agent agent"]
NUM_ITERATIONS = 300  # iterations of SMACOF


def between(points: Float[np.ndarray, "agent feature"]) -> Distances:
    """Euclidean distances between the agents' vectors."""
    return distance.squareform(distance.pdist(points))


def rank_correlation(ours: Distances, theirs: Distances) -> float:
    """Spearman's rank correlation over all pairs of different agents; NaN where all distances of
    one kind are equal."""
    pairs = np.triu_indices(len(ours), 1)
    return _pearson(*(stats.rankdata(matrix[pairs]) for matrix in (ours, theirs)))


def _pearson(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    spread = np.linalg.norm(x) * np.linalg.norm(y)
    return float(x @ y / spread) if spread else np.nan


def jackknife_interval(ours: Sequence[Distances], theirs: Sequence[Distances]) -> Estimate:
    """Mean `rank_correlation` of several groups of agents, with the 95 % jackknife interval,
    which leaves out one agent at a time, in each group by itself (normal, ± 1.96 standard errors).

    Var = 1/P² Σ_p (N_p - 1)/N_p Σ_i (ρ_p,-i - mean_i ρ_p,-i)².

    Args:
        ours: distances within each of P groups of at least four agents.
        theirs: the other kind of distance within the same groups.
    """
    correlations, variance = [], 0.0
    for one, other in zip(ours, theirs, strict=True):
        correlations.append(rank_correlation(one, other))
        without = []
        for agent in range(len(one)):
            kept = np.delete(np.arange(len(one)), agent)
            without.append(rank_correlation(one[np.ix_(kept, kept)], other[np.ix_(kept, kept)]))
        variance += (len(one) - 1) * np.var(without)  # (N - 1)/N Σ (·)²
    mean, half = float(np.mean(correlations)), 1.96 * float(np.sqrt(variance)) / len(correlations)
    return Estimate(mean, mean - half, mean + half, sum(map(len, ours)))


def mantel_test(
    ours: Sequence[Distances],
    theirs: Sequence[Distances],
    *,
    num_permutations: int,
    generator: np.random.Generator,
) -> float:
    """Mantel's test (1967): two-sided p-value of the mean rank correlation against permutations of
    the agents of one of the matrices, within each group.

    Args:
        ours: distances within each of P groups.
        theirs: the other kind of distance within the same groups.
        num_permutations: S; p-values are at least 1 / (S + 1).
        generator: draws the permutations.
    """
    total, found = 0.0, np.zeros(num_permutations)
    for one, other in zip(ours, theirs, strict=True):
        pairs = np.triu_indices(len(one), 1)
        first, second = (stats.rankdata(matrix[pairs]) for matrix in (one, other))
        total += _pearson(first, second)
        ranks = np.zeros(other.shape)
        ranks[pairs] = second
        ranks += ranks.T
        for index in range(num_permutations):
            order = generator.permutation(len(one))
            found[index] += _pearson(first, ranks[np.ix_(order, order)][pairs])
    extreme = np.abs(found) >= abs(total) - 1e-12
    return float((1 + extreme.sum()) / (1 + num_permutations))


class Agreement(NamedTuple):
    """How well two kinds of distance agree in several groups of agents.

    Attributes:
        runs: `rank_correlation` of each group.
        over_groups: their mean with its 95 % interval by Student's t.
        over_agents: the same by `jackknife_interval`.
        p_value: p-value of `mantel_test`.
    """

    runs: list[float]
    over_groups: Estimate
    over_agents: Estimate
    p_value: float


def compare(
    ours: Sequence[Distances],
    theirs: Sequence[Distances],
    *,
    num_permutations: int,
    generator: np.random.Generator,
) -> Agreement:
    """Rank correlation of two kinds of distance, with its intervals and its test.

    Args:
        ours: distances within each of P groups of at least four agents.
        theirs: the other kind of distance within the same groups.
        num_permutations: see `mantel_test`.
        generator: draws the permutations.
    """
    runs = [rank_correlation(*both) for both in zip(ours, theirs, strict=True)]
    p_value = mantel_test(ours, theirs, num_permutations=num_permutations, generator=generator)
    return Agreement(runs, t_interval(runs), jackknife_interval(ours, theirs), p_value)


def planar_map(distances: Distances) -> tuple[Float[np.ndarray, "agent 2"], float]:
    """Places in a plane whose distances are close to the given ones: metric multidimensional
    scaling by SMACOF (de Leeuw 1977), started from the classical solution. Deterministic.

    Args:
        distances: symmetric; negative ones count as zero.

    Returns:
        The places, and the stress of the map, sqrt(Σ (d - δ)² / Σ δ²).
    """
    wanted = np.clip(distances, 0, None)
    np.fill_diagonal(wanted, 0)
    size = len(wanted)
    centring = np.eye(size) - 1 / size
    values, vectors = np.linalg.eigh(-0.5 * centring @ wanted**2 @ centring)
    places = vectors[:, :-3:-1] * np.sqrt(np.clip(values[:-3:-1], 1e-12, None))
    places *= np.where(
        places[np.abs(places).argmax(0), [0, 1]] < 0, -1, 1
    )  # eigh leaves signs open
    for _ in range(NUM_ITERATIONS):
        ratio = -wanted / np.maximum(between(places), 1e-12)
        np.fill_diagonal(ratio, 0)
        np.fill_diagonal(ratio, -ratio.sum(1))
        places = ratio @ places / size  # the Guttman transform
    stress = np.sqrt(((between(places) - wanted) ** 2).sum() / (wanted**2).sum())
    return places, float(stress)
