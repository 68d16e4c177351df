"""Means of embeddings of several episodes."""

import pytest
import torch

from paperlib.pooling import average_episodes, average_others, disjoint_averages


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
