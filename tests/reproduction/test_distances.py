"""Two kinds of distance between the same agents: against plain versions, and by their levels."""

import numpy as np
import pytest
from scipy import stats

from reproduction import distances


def cloud(seed, num_agents=12, num_features=3):
    return np.random.default_rng(seed).normal(size=(num_agents, num_features))


def unrelated(seed):
    return distances.between(cloud(2 * seed)), distances.between(cloud(2 * seed + 1))


def upper(matrix):
    return matrix[np.triu_indices(len(matrix), 1)]


def test_distances_by_hand():
    assert distances.between(np.array([[0.0, 0.0], [3.0, 4.0]])).tolist() == [[0, 5], [5, 0]]


def test_rank_correlation_is_spearmans():
    one, other = unrelated(0)
    expected = stats.spearmanr(upper(one), upper(other)).statistic
    assert distances.rank_correlation(one, other) == pytest.approx(expected)
    assert distances.rank_correlation(one, one**3) == pytest.approx(1)
    assert np.isnan(distances.rank_correlation(one, np.ones_like(one)))


def test_jackknife_by_its_formula():
    one, other = unrelated(1)
    without = []
    for agent in range(12):
        kept = [k for k in range(12) if k != agent]
        parts = (upper(matrix[kept][:, kept]) for matrix in (one, other))
        without.append(stats.spearmanr(*parts).statistic)
    error = np.sqrt(11 / 12 * np.sum((np.array(without) - np.mean(without)) ** 2))
    found = distances.jackknife_interval([one], [other])
    assert found.high - found.mean == pytest.approx(1.96 * error)
    assert found.mean == pytest.approx(distances.rank_correlation(one, other))
    two = distances.jackknife_interval([one, one], [other, other])
    assert two.high - two.mean == pytest.approx(1.96 * error / np.sqrt(2))
    assert two.num_runs == 24


def test_intervals_hold_zero_where_nothing_is_related():
    """In 95 of 100 cases here; intervals that take pairs as independent do so in 79."""
    found = [distances.jackknife_interval(*([m] for m in unrelated(k))) for k in range(100)]
    assert np.mean([estimate.low < 0 < estimate.high for estimate in found]) >= 0.85


def test_mantel_finds_what_is_related_and_nothing_else():
    options = {"num_permutations": 99, "generator": np.random.default_rng(0)}
    near = cloud(0) + 0.3 * cloud(1)
    groups = [distances.between(cloud(0))] * 2, [distances.between(near)] * 2
    assert distances.mantel_test(*groups, **options) == pytest.approx(0.01)
    p_values = [
        distances.mantel_test(*([matrix] for matrix in unrelated(k)), **options) for k in range(100)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_a_comparison_holds_everything():
    ours, theirs = zip(unrelated(0), unrelated(1), unrelated(2), strict=True)
    options = {"num_permutations": 20, "generator": np.random.default_rng(0)}
    found = distances.compare(ours, theirs, **options)
    assert found.over_groups.num_runs == 3 and found.over_agents.num_runs == 36
    assert found.over_groups.mean == pytest.approx(found.over_agents.mean)
    assert found.over_groups.mean == pytest.approx(np.mean(found.runs))
    assert 1 / 21 <= found.p_value <= 1


def test_a_map_of_a_plane_is_exact():
    wanted = distances.between(cloud(0, num_features=2))
    places, stress = distances.planar_map(wanted)
    np.testing.assert_allclose(distances.between(places), wanted, atol=1e-6)
    assert stress < 1e-6


def test_a_map_is_better_than_its_start_and_always_the_same(monkeypatch):
    wanted = distances.between(cloud(0, num_features=6))
    places, stress = distances.planar_map(wanted)
    np.testing.assert_array_equal(distances.planar_map(wanted)[0], places)
    monkeypatch.setattr(distances, "NUM_ITERATIONS", 0)
    start, worse = distances.planar_map(wanted)
    assert 0 < stress < worse and start.shape == (12, 2)


def test_distances_below_zero_count_as_zero():
    zero, negative = (distances.between(cloud(0, num_features=6)) for _ in range(2))
    zero[0, 1] = zero[1, 0] = 0.0
    negative[0, 1] = negative[1, 0] = -1.0
    places, stress = distances.planar_map(negative)
    np.testing.assert_array_equal(places, distances.planar_map(zero)[0])
    assert stress == distances.planar_map(zero)[1] and negative[0, 1] == -1
