"""Means and intervals: by hand, against scipy, and how often they cover the truth."""

import numpy as np
import pytest
from scipy import stats

from reproduction.statistics import (
    Estimate,
    bootstrap_interval,
    cluster_interval,
    cluster_means,
    t_half_width,
    t_interval,
    wilson_interval,
)


def interval(values, seed=0, **options):
    return bootstrap_interval(values, generator=np.random.default_rng(seed), **options)


def test_interval_of_many_values_is_the_normal_one():
    values = np.arange(100.0)
    error = values.std() / 10  # of the mean
    estimate = interval(values)
    assert estimate.mean == 49.5 and estimate.num_runs == 100
    # a quantile of 9999 resamples has a standard error of 0.027 error
    assert estimate.low == pytest.approx(49.5 - 1.96 * error, abs=0.15 * error)
    assert estimate.high == pytest.approx(49.5 + 1.96 * error, abs=0.15 * error)
    narrow = interval(values, confidence=0.5)
    assert narrow.high - narrow.low == pytest.approx(2 * 0.674 * error, abs=0.15 * error)


def test_interval_is_determined_by_its_generator():
    values = np.random.default_rng(3).standard_normal(20)
    assert interval(values) == interval(values)
    assert interval(values)[:1] == interval(values, seed=1)[:1]
    assert interval(values) != interval(values, seed=1)


def test_interval_covers_about_what_it_says():
    rng = np.random.default_rng(0)
    hits = [
        estimate.low <= 0 <= estimate.high
        for estimate in (interval(rng.standard_normal(20), seed) for seed in range(60))
    ]
    # 20 values: about 93 % of 60 intervals, with a standard error of 3 %
    assert 0.8 < np.mean(hits) < 1


@pytest.mark.parametrize("values", [[2.0] * 5, [0.1] * 3, [1.0, 1.0, 1.0, 1.0, 1.0 + 3e-16]])
def test_interval_of_constant_values(values):
    estimate = interval(values)
    assert estimate == (pytest.approx(values[0]),) * 3 + (len(values),)


def test_one_run_tells_no_interval():
    estimate = interval([3.0])
    assert estimate.mean == 3 and np.isnan(estimate.low) and np.isnan(estimate.high)
    assert estimate.num_runs == 1


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [np.inf, 1.0], [[1.0, 2.0]]])
def test_interval_of_nothing(values):
    with pytest.raises(ValueError, match="values must be"):
        interval(values)


def test_estimates_read_well():
    assert str(Estimate(1.234, 1.0, 1.5, 5)) == "1.23 [1.00, 1.50]"


def test_t_interval_is_that_of_scipy():
    values = [0.1, 0.4, 0.25]
    test = stats.ttest_1samp(values, 0).confidence_interval()
    found = t_interval(values)
    assert found == pytest.approx((0.25, test.low, test.high, 3))
    assert np.isnan(t_interval([0.3]).low) and t_interval([0.3]).mean == 0.3
    assert np.isnan(t_half_width([[1.0, 2.0]])).tolist() == [True, True]


def test_interval_over_clusters_is_that_of_their_means():
    values, clusters = [1.0, 2.0, 3.0, 7.0, 5.0], [4, 2, 4, 9, 4]
    assert cluster_means(values, clusters).tolist() == [2.0, 3.0, 7.0]
    assert cluster_interval(values, clusters) == t_interval([2.0, 3.0, 7.0])
    assert cluster_interval(values) == t_interval(values)
    with pytest.raises(ValueError, match=r"clusters must be 5, one a run; got \(2,\)"):
        cluster_interval(values, [0, 1])


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0, 2.0]]])
def test_t_interval_of_nothing(values):
    with pytest.raises(ValueError, match="values must be"):
        t_interval(values)


def test_intervals_over_clusters_cover_what_they_say():
    rng, clusters = np.random.default_rng(0), np.arange(10) % 5
    hits = np.empty((400, 2))
    for hit in hits:
        values = rng.normal(size=5)[clusters] + 0.5 * rng.normal(size=10)
        found = cluster_interval(values, clusters), cluster_interval(values)
        hit[:] = [estimate.low <= 0 <= estimate.high for estimate in found]
    # 95 % of 400, with a standard error of 1.1 %; over runs, as if independent, some 83 %
    assert abs(hits.mean(0)[0] - 0.95) < 0.035 and hits.mean(0)[1] < 0.9


def test_wilson_interval_by_hand():
    found = wilson_interval([True] * 8 + [False] * 2)
    z = stats.norm.ppf(0.975)
    middle = (8 + z**2 / 2) / (10 + z**2)
    half = z / (10 + z**2) * np.sqrt(8 * 2 / 10 + z**2 / 4)
    assert found == pytest.approx((0.8, middle - half, middle + half, 10))
