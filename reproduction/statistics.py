"""Means over runs with their confidence intervals: pure functions of arrays."""

from __future__ import annotations

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


def bootstrap_interval(
    values: ArrayLike, *, generator: np.random.Generator, confidence: float = 0.95
) -> Estimate:
    """Mean over runs with its bootstrap interval (`scipy.stats.bootstrap`, bias-corrected).

    If all values are equal, both bounds are that value. With few runs the interval is too narrow:
    report how many there were.

    Args:
        values: one number per run, (S,).
        generator: draws the resamples.
        confidence: level of the two-sided interval.

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


def t_half_width(values: ArrayLike) -> NDArray[np.float64]:
    """Half the width of 95 % intervals of means over runs, by Student's t; NaN for a single run.

    Args:
        values: (runs, ...).
    """
    values = np.asarray(values, dtype=float)
    if len(values) == 1:
        return np.full(values.shape[1:], np.nan)
    return np.asarray(stats.t.ppf(0.975, len(values) - 1) * stats.sem(values, axis=0))


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


def cluster_means(values: ArrayLike, clusters: ArrayLike | None) -> NDArray[np.float64]:
    """The mean of each cluster, (C,), in ascending order; without clusters, the values themselves.

    Args:
        values: one number per run, (S,).
        clusters: what each run shares with others, such as its population: integers, (S,).

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


def cluster_interval(values: ArrayLike, clusters: ArrayLike | None = None) -> Estimate:
    """Mean over clusters of runs with its 95 % interval by Student's t on their means.

    Runs of one cluster share something, such as a population, and are not independent: the number
    of runs of the estimate is that of clusters.

    Args:
        values: one number per run, (S,).
        clusters: of each run, (S,); by default each run is its own.
    """
    return t_interval(cluster_means(values, clusters))


def wilson_interval(successes: ArrayLike) -> Estimate:
    """A proportion with its 95 % Wilson score interval.

    Args:
        successes: outcomes of independent trials, (S,).
    """
    successes = np.asarray(successes, dtype=bool)
    test = stats.binomtest(int(successes.sum()), len(successes))
    interval = test.proportion_ci(confidence_level=0.95, method="wilson")
    return Estimate(float(successes.mean()), interval.low, interval.high, len(successes))
