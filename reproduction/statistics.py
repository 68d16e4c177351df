"""Means over runs with their confidence intervals, and how much groups differ."""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats


class Estimate(NamedTuple):
    """A mean over independent runs with its 95 % interval; the bounds are NaN for a single run."""

    mean: float
    low: float
    high: float
    num_runs: int

    def __str__(self) -> str:
        return f"{self.mean:.2f} [{self.low:.2f}, {self.high:.2f}]"


def t_half_width(values: ArrayLike) -> NDArray[np.float64]:
    """Half the width of 95 % intervals of means over runs, by Student's t; NaN for a single run.

    Args:
        values: numbers of each run, (runs, ...).
    """
    values = np.asarray(values, dtype=float)
    if len(values) == 1:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(_t_quantile(len(values) - 1) * stats.sem(values, axis=0))


@functools.cache
def _t_quantile(degrees: int) -> float:
    """The 97.5 % quantile of Student's t, cached because SciPy takes a millisecond for it."""
    return float(stats.t.ppf(0.975, degrees))


def t_interval(values: ArrayLike) -> Estimate:
    """Mean over runs (S,) with its 95 % interval by Student's t, which holds from two runs on if
    the values are about normal.

    Raises:
        ValueError: if there is no value, or one is not finite.
    """
    values = np.asarray(values, dtype=float)
    if values.ndim != 1 or len(values) == 0 or not np.isfinite(values).all():
        raise ValueError(f"values must be at least one finite number, got {values}")
    mean, half = float(values.mean()), float(t_half_width(values))
    return Estimate(mean, mean - half, mean + half, len(values))


def widened(estimate: Estimate, standard_error: float) -> Estimate:
    """The estimate with an interval for a further, independent error of its mean, such as that of a
    number which is the same in all runs. Approximate: half-widths add as standard errors do.

    Args:
        estimate: mean over runs with a symmetric interval.
        standard_error: standard error of the further error, which is about normal.
    """
    half = math.hypot(estimate.high - estimate.mean, stats.norm.ppf(0.975) * standard_error)
    return estimate._replace(low=estimate.mean - half, high=estimate.mean + half)


def p_value_of_splits(values: ArrayLike, *, test_to_training: float) -> float:
    """Two-sided p-value of a zero mean over random splits of the same data, for data like these.

    Splits share data, so that their mean varies more between data sets than between draws of the
    splits: t = mean / sqrt((1/S + n_test / n_training) s²), S - 1 degrees of freedom (Nadeau and
    Bengio 2003).

    Args:
        values: one number per split, (S,), S ≥ 2.
        test_to_training: n_test / n_training; 0 gives Student's t test.
    """
    values = np.asarray(values, dtype=float)
    error = np.sqrt((1 / len(values) + test_to_training) * values.var(ddof=1))
    return float(2 * stats.t.sf(abs(values.mean()) / error, len(values) - 1))


def cluster_means(values: ArrayLike, clusters: ArrayLike | None) -> NDArray[np.float64]:
    """The mean of each cluster, (C,), in ascending order; without clusters, the values themselves.

    Runs of one cluster share something, such as a population, and are not independent: intervals
    are for the means of clusters.

    Args:
        values: one number per run, (S,).
        clusters: what each run shares with others: integers, (S,).

    Raises:
        ValueError: if there is not one cluster per run.
    """
    values = np.asarray(values, dtype=float)
    if clusters is None:
        return values
    if np.shape(clusters) != values.shape:
        raise ValueError(f"clusters must be {len(values)}, one a run; got {np.shape(clusters)}")
    _, index = np.unique(np.asarray(clusters), return_inverse=True)
    return np.bincount(index, values) / np.bincount(index)


def wilson_interval(successes: ArrayLike) -> Estimate:
    """A proportion with its 95 % Wilson score interval.

    Args:
        successes: outcomes of independent trials, (S,).
    """
    successes = np.asarray(successes, dtype=bool)
    test = stats.binomtest(int(successes.sum()), len(successes))
    interval = test.proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(float(successes.mean()), interval.low, interval.high, len(successes))


def icc(values: ArrayLike) -> float:
    """Intraclass correlation ICC(1), the share of the variance that lies between groups (Shrout and
    Fleiss 1979): (MSB - MSW) / (MSB + (k - 1) MSW); 1 where all measurements of a group agree.

    Args:
        values: k measurements of each of n groups, (n, k).
    """
    values = np.asarray(values, dtype=float)
    count = values.shape[1]
    between = count * values.mean(axis=1).var(ddof=1)
    within = values.var(axis=1, ddof=1).mean()
    return float((between - within) / (between + (count - 1) * within))
