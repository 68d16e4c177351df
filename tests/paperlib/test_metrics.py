"""Metrics: by hand, against naive loops, and their invariances."""

import itertools

import numpy as np
import pytest
import torch
from scipy import stats

from paperlib import metrics
from paperlib.datasets import InteractionDataset
from paperlib.metrics import (
    average_episodes,
    average_others,
    classifier_accuracy,
    disjoint_averages,
    icc,
    intra_inter_clustering_ratio,
    ratings,
)
from reproduction.statistics import (
    Estimate,
    bootstrap_interval,
    interquartile_mean,
    probability_of_improvement,
    required_num_runs,
    stratified_bootstrap,
    t_half_width,
    t_interval,
)

AGENTS = torch.tensor([5, 5, 5, 2, 2, 8, 8, 8, 8])


def draw_embeddings(generator):
    return torch.randn(9, 3, generator=generator, dtype=torch.float64) + AGENTS[:, None]


def test_iicr_by_hand():
    # within: 1 and 3, mean 2; between: 4, 7, 3, 6, mean 5
    ratio = intra_inter_clustering_ratio(
        torch.tensor([[0.0], [1.0], [4.0], [7.0]]), torch.tensor([0, 0, 1, 1])
    )
    assert ratio == pytest.approx(2 / 5)


def test_iicr_equals_a_naive_double_loop(generator):
    embeddings = draw_embeddings(generator)
    episodes = {agent: embeddings[agent == AGENTS].numpy() for agent in AGENTS.unique()}

    def mean_distance(pairs):
        return np.mean([np.sqrt(((one - other) ** 2).sum()) for one, other in pairs])

    intra = [mean_distance(itertools.combinations(own, 2)) for own in episodes.values()]
    inter = [
        mean_distance(itertools.product(own, others))
        for own, others in itertools.permutations(episodes.values(), 2)
    ]
    ratio = intra_inter_clustering_ratio(embeddings, AGENTS)
    assert ratio == pytest.approx(np.mean(intra) / np.mean(inter), rel=1e-12)


def test_iicr_does_not_depend_on_the_frame(generator):
    embeddings = draw_embeddings(generator)
    ratio = intra_inter_clustering_ratio(embeddings, AGENTS)
    rotation, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator, dtype=torch.float64))
    order = torch.randperm(9, generator=generator)
    for other, agents in (
        (embeddings @ rotation, AGENTS),
        (embeddings + 100, AGENTS),
        (embeddings * 7, AGENTS),
        (embeddings[order], AGENTS[order]),
        (embeddings, 10 - AGENTS),
    ):
        # float64, with four digits lost to the shift
        assert intra_inter_clustering_ratio(other, agents) == pytest.approx(ratio, rel=1e-10)
    assert intra_inter_clustering_ratio(embeddings[order], AGENTS) != pytest.approx(ratio, rel=0.1)


def test_iicr_at_both_ends(generator):
    noise = torch.randn(60, 4, generator=generator)
    agents = torch.arange(60) % 3
    assert intra_inter_clustering_ratio(agents[:, None].float(), agents) == 0
    # 30 pairs of noise tell nothing apart: the ratio's spread over seeds is below 0.02
    assert intra_inter_clustering_ratio(noise, agents) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize(
    ("agents", "message"),
    [([3, 3, 3, 3], "two agents, got 1"), ([3, 3, 3, 7], "agent 7 has a single episode")],
)
def test_iicr_of_too_few(agents, message):
    with pytest.raises(ValueError, match=f"agents: .*{message}"):
        intra_inter_clustering_ratio(torch.rand(4, 2), torch.tensor(agents))


def test_iicr_of_one_point():
    with pytest.raises(ValueError, match="all the same"):
        intra_inter_clustering_ratio(torch.ones(4, 2), torch.tensor([0, 0, 1, 1]))


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf")])
def test_iicr_of_what_is_not_finite(wrong):
    embeddings = torch.rand(4, 2)
    embeddings[2, 1] = wrong
    with pytest.raises(ValueError, match=r"^embeddings must be finite"):
        intra_inter_clustering_ratio(embeddings, torch.tensor([0, 0, 1, 1]))


def test_summary_statistics_by_hand():
    data = InteractionDataset.from_arrays(
        [[[0.0], [4.0]], [[1.0], [1.0], [4.0]]], [[0, 1], [0, 0, 0]], [0, 1]
    )
    features = metrics.summary_statistics(data)
    raw = torch.tensor([[2.0, 0.5, 0.5, 2.0, 0.5, 0.5], [2.0, 1.0, 0.0, 2**0.5, 0.0, 0.0]])
    spread = raw.std(0).clamp(min=torch.finfo(torch.float32).eps)
    assert features.shape == (2, 6)
    torch.testing.assert_close(features, raw / spread)


def test_averages_of_all_episodes_are_means(generator):
    r, agents = torch.randn(6, 2, generator=generator), torch.tensor([3, 1, 3, 1, 3, 1])
    means = average_episodes(r, agents, num_episodes=3, num_averages=2, generator=generator)
    expected = torch.stack([r[agents == 1].mean(0), r[agents == 3].mean(0)])
    torch.testing.assert_close(means, expected[:, None].expand(2, 2, 2))


def test_averages_are_over_different_episodes(generator):
    r, agents = 2.0 ** torch.arange(8)[:, None], torch.tensor([0] * 4 + [1] * 4)
    options = {"num_episodes": 2, "num_averages": 300, "generator": generator}
    sums = 2 * average_episodes(r, agents, **options)[..., 0]
    pairs = {2.0**i + 2.0**j for i in range(4) for j in range(i)}
    # a pair of six is missed in 300 draws once in 10^23
    assert set(sums[0].tolist()) == pairs and set(sums[1].tolist()) == {16 * p for p in pairs}


def test_too_few_episodes_to_average(generator):
    options = {"num_episodes": 2, "num_averages": 1, "generator": generator}
    with pytest.raises(ValueError, match="agent 5 has 1 episodes, num_episodes=2"):
        average_episodes(torch.zeros(3, 2), torch.tensor([5, 0, 0]), **options)


def test_disjoint_averages_share_no_episode(generator):
    agents = torch.tensor([3] * 7 + [5] * 4)
    one_hot = torch.eye(11)
    means, owners = disjoint_averages(one_hot, agents, num_episodes=2, generator=generator)
    assert owners.tolist() == [3, 3, 3, 5, 5]
    assert ((means > 0).sum(0) <= 1).all() and ((means == 0.5).sum(1) == 2).all()
    assert (one_hot[agents == 5].sum(0) * means[:3]).sum() == 0


def test_disjoint_averages_need_two_groups(generator):
    agents = torch.tensor([0] * 6 + [1] * 5)
    with pytest.raises(ValueError, match="agent 1 has 5 episodes; two groups"):
        disjoint_averages(torch.zeros(11, 2), agents, num_episodes=3, generator=generator)


def test_averages_of_others_leave_the_episode_out(generator):
    one_hot, agents = torch.eye(7), torch.tensor([2, 5, 2, 5, 2, 5, 2])
    means = average_others(one_hot, agents, num_episodes=2, generator=generator)
    assert means.diagonal().tolist() == [0.0] * 7
    assert ((means == 0.5).sum(1) == 2).all()
    same = agents[:, None] == agents
    assert (means[~same] == 0).all()


def test_averages_of_all_others(generator):
    r, agents = torch.randn(6, 2, generator=generator), torch.tensor([1, 0, 1, 0, 1, 0])
    means = average_others(r, agents, num_episodes=2, generator=generator)
    torch.testing.assert_close(means[0], (r[2] + r[4]) / 2)
    torch.testing.assert_close(means[3], (r[1] + r[5]) / 2)
    more = average_others(r, agents, num_episodes=9, generator=generator)
    torch.testing.assert_close(more, means)


def test_an_agent_without_other_episodes(generator):
    with pytest.raises(ValueError, match="agent 4 has a single episode"):
        average_others(
            torch.zeros(3, 2), torch.tensor([4, 0, 0]), num_episodes=1, generator=generator
        )


def draw_classes(seed):
    """Features of three classes, 10 standard deviations apart, with labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(300) % 3
    return rng.standard_normal((300, 2)) + 10 * np.eye(3)[labels][:, :2] * [1, -1], labels


@pytest.mark.parametrize("method", ["linear", "nearest"])
def test_accuracy_at_both_ends(method):
    (x, labels), (new_x, new_labels) = draw_classes(0), draw_classes(1)
    assert classifier_accuracy(x, labels, new_x, new_labels, method=method) > 0.99
    shuffled = np.random.default_rng(2).permutation((labels, new_labels), axis=1)
    chance = classifier_accuracy(x, shuffled[0], new_x, shuffled[1], method=method)
    assert chance == pytest.approx(1 / 3, abs=0.14)  # 5 standard errors of 300 predictions
    assert classifier_accuracy(x, labels, new_x, (new_labels + 1) % 3, method=method) < 0.01


def test_accuracy_takes_tensors_and_names():
    x, labels = draw_classes(0)
    names = np.array(["loss", "draw", "win"])[labels]
    assert classifier_accuracy(torch.tensor(x), names, torch.tensor(x), names) > 0.99


def test_accuracy_of_an_unknown_classifier():
    with pytest.raises(ValueError, match=r"method must be .* 'forest'"):
        classifier_accuracy([[0.0]], [0], [[0.0]], [0], method="forest")


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


def test_embedding_quality_at_both_ends(generator):
    agents = torch.arange(5).repeat_interleave(40)
    clear = torch.eye(5)[agents] + 0.01 * torch.randn(200, 5, generator=generator)
    noise = torch.randn(200, 5, generator=generator)
    told, nothing = (
        metrics.embedding_quality(clear, agents),
        metrics.embedding_quality(noise, agents),
    )
    assert told["nearest"] == told["linear"] == 1.0 and told["ratio"] < 0.05
    assert told["chance"] == 0.2
    # 100 guesses at 1 in 5 have a standard error of 0.04
    assert nothing["nearest"] < 0.36 and nothing["linear"] < 0.36 and nothing["ratio"] > 0.95


def test_ratings_of_two_players_are_their_odds():
    # three wins of four: odds of 3 to 1 are 400 log10 3 = 190.8 points apart
    pairs = np.array([[0, 1], [1, 0]] * 2000)
    scores = np.array([1.0, 0.0, 1.0, 1.0] * 1000)
    found = ratings(pairs, scores, num_players=2)
    assert found == pytest.approx([95.4, -95.4], abs=0.5)


def test_a_draw_is_half_a_win():
    drawn = ratings([[0, 1]] * 10, [0.5] * 10, num_players=2)
    assert drawn == pytest.approx([0, 0], abs=1e-3)
    mixed = ratings([[0, 1]] * 4, [1.0, 0.5, 0.5, 0.0], num_players=2)
    assert mixed == pytest.approx([0, 0], abs=1e-3)


def test_ratings_of_who_never_lost_are_finite():
    found = ratings([[0, 1], [1, 2], [0, 2]], [1.0, 1.0, 1.0], num_players=3)
    assert np.isfinite(found).all() and found[0] > found[1] > found[2]
    assert found.sum() == pytest.approx(0, abs=1e-6)


def test_share_between_by_hand():
    # MSB = 2 · var(1, 4, 9) = 32.67, MSW = mean(0.5, 0.5, 0.5): (32.67 − 0.5) / (32.67 + 0.5)
    values = [[0.5, 1.5], [3.5, 4.5], [8.5, 9.5]]
    between = 2 * np.var([1, 4, 9], ddof=1)
    assert icc(values) == pytest.approx((between - 0.5) / (between + 0.5))
    assert icc([[1.0, 1.0], [2.0, 2.0]]) == 1.0
    noise = np.random.default_rng(0).normal(size=(2000, 2))
    assert icc(noise) == pytest.approx(0, abs=0.05)


def test_interquartile_mean_by_hand():
    assert interquartile_mean([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 700.0]]) == 3.5


def test_probability_of_improvement_by_hand():
    # first task: 1 > 0, 1 < 2, 3 > 0, 3 > 2: 3 of 4; second: all the same: half
    assert probability_of_improvement([[1, 5], [3, 5]], [[0, 5], [2, 5]]) == 0.625


def test_stratified_bootstrap_keeps_tasks_apart():
    scores = np.array([[0.0, 100.0]] * 4)  # runs agree within a task
    found = stratified_bootstrap(np.mean, scores, generator=np.random.default_rng(0))
    assert found == Estimate(50.0, 50.0, 50.0, 4)


def test_stratified_bootstrap_draws_whole_runs():
    draw = np.random.default_rng(0)
    of_a_run = draw.normal(size=(400, 1))
    many = stratified_bootstrap(np.mean, np.repeat(of_a_run, 25, axis=1), generator=draw)
    one = stratified_bootstrap(np.mean, of_a_run, generator=draw)
    # tasks that say the same of a run tell no more than one of them
    assert many.high - many.low == pytest.approx(one.high - one.low, rel=0.1)


def test_t_interval_is_that_of_scipy():
    values = [0.1, 0.4, 0.25]
    test = stats.ttest_1samp(values, 0).confidence_interval()
    found = t_interval(values)
    assert found == pytest.approx((0.25, test.low, test.high, 3))
    assert np.isnan(t_interval([0.3]).low) and t_interval([0.3]).mean == 0.3
    assert t_half_width([[1.0, 2.0]]).tolist() == [np.inf, np.inf]


def test_stratified_bootstrap_of_a_mean_is_the_usual_one():
    draw = np.random.default_rng(0)
    scores = draw.normal(size=(400, 1))
    found = stratified_bootstrap(np.mean, scores, generator=draw)
    error = scores.std() / 20
    assert [found.low, found.high] == pytest.approx(
        [scores.mean() - 1.96 * error, scores.mean() + 1.96 * error], abs=0.15 * error
    )


def test_runs_to_decide():
    # an interval shrinks with the root of the runs: twice as wide as the mean takes 4 times as many
    assert required_num_runs(Estimate(0.1, -0.1, 0.3, 5)) == 20
    assert required_num_runs(Estimate(-0.1, -0.3, 0.1, 5)) == 20
    assert required_num_runs(Estimate(0.4, 0.3, 0.5, 5)) == 5
    assert required_num_runs(Estimate(0.1, np.nan, np.nan, 1)) is None
    assert required_num_runs(Estimate(0.4, 0.3, 0.5, 2), min_runs=5) == 5


@pytest.mark.parametrize(("mean", "num_runs"), [(0.01, 3), (0.3, 3), (-0.05, 4), (2.0, 3)])
def test_runs_to_decide_by_students_t(mean, num_runs):
    values = mean + np.linspace(-0.1, 0.1, num_runs)
    needed = required_num_runs(t_interval(values), student=True)

    def decides(count):  # an interval of as many runs, with the same mean and spread
        return stats.t.ppf(0.975, count - 1) * values.std(ddof=1) / np.sqrt(count) <= abs(mean)

    assert decides(needed) and (needed == num_runs or not decides(needed - 1))


def test_one_run_has_no_interval():
    for arrays in ([[[0.2, 0.4]]], [[[0.2, 0.4]], [[0.1, 0.3], [0.2, 0.5]]]):
        found = stratified_bootstrap(
            lambda *parts: parts[0].mean(), *arrays, generator=np.random.default_rng(0)
        )
        assert found.mean == pytest.approx(0.3) and np.isnan([found.low, found.high]).all()
