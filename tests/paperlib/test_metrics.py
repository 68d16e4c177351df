"""Metrics: by hand, against naive loops, and their invariances."""

import itertools
from functools import partial

import numpy as np
import pytest
import torch

from paperlib import metrics
from paperlib.datasets import InteractionDataset
from paperlib.metrics import (
    average_episodes,
    average_others,
    classifier_accuracy,
    disjoint_averages,
    intra_inter_clustering_ratio,
)
from paperlib.streams import make_generator

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
    assert features.shape == (2, 6)
    assert (features[:, 0] == 0).all()  # the mean observation is 2 in both
    torch.testing.assert_close(features[:, 1:], raw[:, 1:] / raw[:, 1:].std(0))


def test_summary_statistics_of_constants_are_zero(generator):
    lengths = torch.randint(20, 60, (30,), generator=generator).tolist()
    data = InteractionDataset.from_arrays(
        [[[0.3, 1.3]] * length for length in lengths],
        [[[0.1]] * length for length in lengths],
        [0, 1] * 15,
    )
    assert (metrics.summary_statistics(data) == 0).all()


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


@pytest.mark.parametrize("average", [disjoint_averages, average_others, average_episodes])
def test_averages_are_over_at_least_one_episode(average, generator):
    options = {"num_averages": 2} if average is average_episodes else {}
    with pytest.raises(ValueError, match="num_episodes must be an integer of at least 1, got 0"):
        average(
            torch.ones(6, 2),
            torch.arange(2).repeat(3),
            num_episodes=0,
            generator=generator,
            **options,
        )


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


def test_a_fixed_number_of_labels(generator):
    agents = torch.arange(3).repeat_interleave(4)
    vectors = torch.randn(12, 2, generator=generator)
    found = metrics.embedding_quality(vectors, agents, num_labels=1)
    known = torch.arange(12) % 4 == 0
    parts = vectors[known], agents[known], vectors[~known], agents[~known]
    for method in ("nearest", "linear"):
        assert found[method] == metrics.classifier_accuracy(*parts, method=method)
    with pytest.raises(ValueError, match="num_labels must be below 4, the fewest embeddings of an"):
        metrics.embedding_quality(vectors, agents, num_labels=4)


CALLS = {  # every function of embeddings and agents
    "ratio": intra_inter_clustering_ratio,
    "quality": metrics.embedding_quality,
    "averages": partial(average_episodes, num_episodes=2, num_averages=3),
    "disjoint": partial(disjoint_averages, num_episodes=1),
    "others": partial(average_others, num_episodes=1),
}


def measured(name, embeddings, agents):
    drawn = {} if name in ("ratio", "quality") else {"generator": make_generator(1)}
    found = CALLS[name](embeddings, agents, **drawn)
    return found.detach() if torch.is_tensor(found) else found


@pytest.mark.parametrize("name", CALLS)
def test_any_arrays_will_do(name, generator, unchecked):
    embeddings = draw_embeddings(generator)
    expected = measured(name, embeddings, AGENTS)
    for given in (
        (embeddings.numpy(), AGENTS.numpy().astype(np.int32)),
        (embeddings.tolist(), AGENTS.tolist()),
        (embeddings.requires_grad_(), AGENTS.int()),
    ):
        torch.testing.assert_close(measured(name, *given), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("wrong", ["rows", "axes", "floats"])
def test_arrays_that_do_not_fit(name, wrong, generator, unchecked):
    embeddings = draw_embeddings(generator)
    given = {
        "rows": (embeddings[1:], AGENTS),
        "axes": (embeddings[:, 0], AGENTS),
        "floats": (embeddings, AGENTS.float()),
    }[wrong]
    with pytest.raises(
        ValueError, match=r"^embeddings must be \(E, D\) and agents E integers, .*$"
    ):
        measured(name, *given)


def test_features_and_labels_that_do_not_fit():
    x, labels = draw_classes(0)
    with pytest.raises(ValueError, match=r"^test_features must be .*, got \(299, 2\) and \(300,"):
        classifier_accuracy(torch.tensor(x, requires_grad=True), labels, x[1:], labels)
    with pytest.raises(ValueError, match=r"^train_features must be .*, got \(300,\) and \(300,"):
        classifier_accuracy(x[:, 0], labels, x, labels)
