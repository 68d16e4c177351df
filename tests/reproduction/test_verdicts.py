"""Verdicts: values by hand, and how often they are wrong where there is no effect."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from reproduction import statistics, verdicts
from reproduction.verdicts import Part, holm, judge, judge_parts, required_num_runs

SOON = np.array([0.9, 1.1, 1.0, 0.8, 1.2, 1.0, 0.95, 1.05, 1.1, 0.9])


def one(differences, smallest_effect=0.5, **options):
    (found,) = judge_parts([Part("a", differences, smallest_effect, **options)])
    return found


@pytest.mark.parametrize(
    ("shift", "expected", "verdict"),
    [
        (0.0, "greater", "reproduced"),
        (0.0, "less", "contradicted"),
        (0.0, "equal", "contradicted"),
        (-1.0, "greater", "equivalent"),
        (-0.9, "less", "equivalent"),  # significant, and too small to matter
        (-1.0, "equal", "reproduced"),
        (-0.5, "equal", "undecided"),  # on the border of Δ
        (-2.0, "less", "reproduced"),
    ],
)
def test_verdicts(shift, expected, verdict):
    assert one(SOON + shift, expected=expected).verdict == verdict


def test_wide_intervals_decide_nothing():
    found = one([3.0, -2.0, 1.5, -1.0, 2.0, -0.5])
    assert found.verdict == "undecided" and found.low < 0 < found.high


def test_p_values_are_those_of_scipy():
    found = one(SOON - 0.97, smallest_effect=0.1)
    against_zero = stats.ttest_1samp(SOON - 0.97, 0).pvalue
    below = stats.ttest_1samp(SOON - 0.97, 0.1, alternative="less").pvalue
    above = stats.ttest_1samp(SOON - 0.97, -0.1, alternative="greater").pvalue
    assert found.difference_p == pytest.approx(against_zero)
    assert found.equivalence_p == pytest.approx(max(below, above))
    interval = statistics.t_interval(SOON - 0.97)
    assert (found.mean, found.low, found.high) == pytest.approx(interval[:3])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.5]) == pytest.approx([1.0, 1.0])


def test_many_parts_need_more_evidence():
    weak = SOON * 10 - 9.1  # p = 0.04 alone
    assert one(weak).verdict == "reproduced"
    found = judge_parts([Part(name, weak, 0.5) for name in "ab"])
    assert [part.verdict for part in found] == ["undecided"] * 2


def test_runs_of_one_cluster_count_as_one():
    clusters = np.arange(10) % 5
    part = Part("a", SOON, 0.5, clusters=clusters)
    assert part.units == pytest.approx([0.95, 1.025, 1.025, 0.95, 1.05])
    spread = np.repeat([2.0, -1.0, 0.5, -0.2, 1.5], 20)  # one value for each cluster
    assert one(spread).verdict == "reproduced"
    assert one(spread, clusters=np.arange(100) // 20).verdict == "undecided"


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([0, 0], "reproduced"),
        ([0, -1], "equivalent"),
        ([0, -2], "contradicted"),
        ([-1, -1], "equivalent"),
    ],
)
def test_a_claim_follows_from_its_parts(parts, verdict):
    assert judge([Part(str(shift), SOON + shift, 0.5) for shift in parts])[0] == verdict


def test_an_undecided_part_leaves_a_claim_undecided_unless_another_contradicts():
    wide = Part("wide", [3.0, -2.0, 1.5, -1.0, 2.0, -0.5], 0.5)
    assert judge([wide, Part("holds", SOON, 0.5)])[0] == "undecided"
    assert judge([wide, Part("fails", SOON - 2, 0.5)])[0] == "contradicted"


def test_required_runs_would_decide():
    rng = np.random.default_rng(0)
    part = Part("a", stats.zscore(rng.normal(size=10), ddof=1) + 0.4, 0.5)
    assert one(part.differences).verdict == "undecided"
    count = required_num_runs(part)
    for number, decided in ((count, True), (count - 1, False)):
        more = stats.zscore(rng.normal(size=number), ddof=1) + 0.4  # mean and spread as before
        assert (one(more).verdict != "undecided") == decided
    assert required_num_runs(part, num_parts=4) > count
    assert required_num_runs(Part("a", part.differences - 0.4, 1e-4)) is None


def test_equal_differences_are_certain():
    assert one([1.0] * 6).verdict == "reproduced"
    assert one([0.0] * 6).verdict == "equivalent"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"differences": [1.0, np.nan, 2.0, 1.0, 1.0]}, "differences of 'a' must be finite"),
        ({"differences": [1.0] * 4}, "at least 5 independent runs or clusters, got 4"),
        ({"smallest_effect": 0.0}, "smallest_effect of 'a' must be positive and finite, got 0"),
        ({"smallest_effect": float("nan")}, "smallest_effect of 'a' must be positive"),
        ({"expected": "better"}, "expected must be one of greater, less, equal; got 'better'"),
        ({"clusters": [0, 1]}, "clusters of 'a' must be 10, one a run"),
        ({"clusters": [0] * 10}, "at least 5 independent runs or clusters, got 1"),
    ],
)
def test_bad_parts_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Part("a", SOON, 0.5), **change)


def test_a_claim_without_parts_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        judge([])


def draws(kind, rng, *, num_runs, num_parts):
    """Differences without effect, (parts, runs): methods whose labels could be exchanged."""
    if kind == "populations":  # runs s and s + 5 share one, whose effect has the noise's spread
        shared = rng.normal(size=(num_parts, 5))
        return shared[:, np.arange(num_runs) % 5] + rng.normal(size=(num_parts, num_runs))
    one, other = (
        {
            "normal": rng.normal,
            "skewed": lambda size: rng.exponential(size=size),
            "win rates": lambda size: rng.binomial(50, 0.4, size=size) / 50,
        }[kind](size=(num_parts, num_runs))
        for _ in range(2)
    )
    return one - other


@pytest.mark.slow
@pytest.mark.parametrize("num_parts", [1, 4])
@pytest.mark.parametrize(
    ("kind", "num_runs"),
    [("normal", 5), ("normal", 10), ("skewed", 10), ("win rates", 5), ("populations", 10)],
)
def test_without_an_effect_at_most_six_percent_are_decided_wrongly(kind, num_runs, num_parts):
    """In 2,000 claims a true rate of 5 % has a standard error of 0.5 %."""
    rng, wrong = np.random.default_rng(7), 0
    clusters = np.arange(num_runs) % 5 if kind == "populations" else None
    for _ in range(2000):
        data = draws(kind, rng, num_runs=num_runs, num_parts=num_parts)
        # Δ is so small that nothing is equivalent
        found = judge_parts([Part("a", row, 1e-9, clusters=clusters) for row in data])
        wrong += any(part.verdict in ("reproduced", "contradicted") for part in found)
    assert wrong / 2000 <= 0.06


@pytest.mark.slow
def test_effects_on_the_border_are_called_equivalent_in_at_most_six_percent():
    rng = np.random.default_rng(8)
    data = 1.0 + rng.normal(size=(2000, 10)) * 0.7
    found = [one(row, smallest_effect=1.0, expected="equal").verdict for row in data]
    assert found.count("reproduced") / 2000 <= 0.06
    assert found.count("contradicted") / 2000 <= 0.06


@pytest.mark.slow
def test_a_rule_by_bootstrap_intervals_is_wrong_more_often():
    """Why the rule is not "the bootstrap interval of five runs leaves zero out"."""
    rng, wrong = np.random.default_rng(9), 0
    for row in draws("normal", rng, num_runs=5, num_parts=300):
        found = statistics.bootstrap_interval(row, generator=rng)
        wrong += found.low > 0 or found.high < 0
    assert wrong / 300 > 0.08


def test_verdicts_are_named():
    assert {one(SOON + shift).verdict for shift in (0, -1, -2)} < set(verdicts.VERDICTS)
