"""Means, intervals and shares of variance: by hand, against scipy, and how often they hold."""

import numpy as np
import pytest
from scipy import stats

from reproduction.statistics import (
    Estimate,
    cluster_means,
    icc,
    p_value_of_splits,
    t_half_width,
    t_interval,
    widened,
    wilson_interval,
)


def test_estimates_read_well():
    assert str(Estimate(1.234, 1.0, 1.5, 5)) == "1.23 [1.00, 1.50]"


def test_p_values_of_splits():
    values = np.random.default_rng(0).normal(0.5, 1, 10)
    found = p_value_of_splits(values, test_to_training=0.0)
    assert found == pytest.approx(stats.ttest_1samp(values, 0).pvalue)
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(400):  # means of random quarters of 40 numbers, of which the true mean is zero
        data = rng.normal(size=40)
        means = [rng.choice(data, 10, replace=False).mean() for _ in range(10)]
        wrong += p_value_of_splits(np.array(means), test_to_training=1 / 3) < 0.05
    assert wrong / 400 < 0.08  # without the correction, it is 0.3


def test_t_interval_is_that_of_scipy():
    values = [0.1, 0.4, 0.25]
    test = stats.ttest_1samp(values, 0).confidence_interval()
    found = t_interval(values)
    assert found == pytest.approx((0.25, test.low, test.high, 3))
    assert np.isnan(t_interval([0.3]).low) and t_interval([0.3]).mean == 0.3
    assert np.isnan(t_half_width([[1.0, 2.0]])).tolist() == [True, True]


def test_a_further_error_widens_an_interval():
    found = widened(Estimate(0.5, 0.2, 0.8, 4), 0.4 / 1.959964)
    assert found == pytest.approx((0.5, 0.0, 1.0, 4), abs=1e-6)
    assert widened(found, 0.0) == pytest.approx(found)


def test_means_of_clusters_by_hand():
    values, clusters = [1.0, 2.0, 3.0, 7.0, 5.0], [4, 2, 4, 9, 4]
    assert cluster_means(values, clusters).tolist() == [2.0, 3.0, 7.0]
    assert cluster_means(values, None).tolist() == values
    with pytest.raises(ValueError, match=r"clusters must be 5, one a run; got \(2,\)"):
        cluster_means(values, [0, 1])


@pytest.mark.parametrize("values", [[], [1.0, np.nan], [[1.0, 2.0]]])
def test_t_interval_of_nothing(values):
    with pytest.raises(ValueError, match="values must be"):
        t_interval(values)


def test_intervals_over_clusters_cover_what_they_say():
    rng, clusters = np.random.default_rng(0), np.arange(10) % 5
    hits = np.empty((400, 2))
    for hit in hits:
        values = rng.normal(size=5)[clusters] + 0.5 * rng.normal(size=10)
        found = t_interval(cluster_means(values, clusters)), t_interval(values)
        hit[:] = [estimate.low <= 0 <= estimate.high for estimate in found]
    # 95 % of 400, with a standard error of 1.1 %; over runs, as if independent, some 83 %
    assert abs(hits.mean(0)[0] - 0.95) < 0.035 and hits.mean(0)[1] < 0.9


def test_wilson_interval_by_hand():
    found = wilson_interval([True] * 8 + [False] * 2)
    z = stats.norm.ppf(0.975)
    middle = (8 + z**2 / 2) / (10 + z**2)
    half = z / (10 + z**2) * np.sqrt(8 * 2 / 10 + z**2 / 4)
    assert found == pytest.approx((0.8, middle - half, middle + half, 10))


def test_share_between_by_hand():
    # MSB = 2 · var(1, 4, 9) = 32.67, MSW = mean(0.5, 0.5, 0.5): (32.67 − 0.5) / (32.67 + 0.5)
    values = [[0.5, 1.5], [3.5, 4.5], [8.5, 9.5]]
    between = 2 * np.var([1, 4, 9], ddof=1)
    assert icc(values) == pytest.approx((between - 0.5) / (between + 0.5))
    assert icc([[1.0, 1.0], [2.0, 2.0]]) == 1.0
    noise = np.random.default_rng(0).normal(size=(2000, 2))
    assert icc(noise) == pytest.approx(0, abs=0.05)
