"""Labelled episodes and those to identify, both views of a match, fewer steps, scores by hand."""

import dataclasses

import numpy as np
import pytest
import torch
from samples import make_dataset

from paperlib.datasets import InteractionDataset
from reproduction.benchmark_tasks import (
    Sizes,
    Task,
    both_views,
    label,
    thin_out,
    with_score_distances,
)

SIZES = Sizes(num_labelled=2, num_asked=3)


def matches():
    """Three players, one match of each pair, of 3 steps; outcomes: 0 beats 1 and 2, 1 draws 2."""
    pairs = np.array([[0, 1], [0, 2], [1, 2]])
    return InteractionDataset.from_arrays(
        np.arange(6 * 3 * 2).reshape(6, 3, 2),
        np.arange(6 * 3).reshape(6, 3) % 3,
        pairs.reshape(-1),
        partners=pairs[:, ::-1].reshape(-1),
        outcomes=[1, -1, 1, -1, 0, 0],
        num_actions=3,
    )


def test_labelled_episodes_stand_in_blocks(generator):
    data = make_dataset(num_agents=4, num_episodes=9)
    data = data.select(torch.randperm(len(data), generator=generator))
    rows = label(data.agents, sizes=SIZES, generator=generator)
    labelled, queries = (data.select(part) for part in rows)
    assert labelled.agents.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert queries.agents.bincount().tolist() == [3] * 4
    assert not {*labelled.returns.tolist()} & {*queries.returns.tolist()}


def test_agents_with_too_few_episodes_are_left_out(generator):
    data = make_dataset(num_agents=4, num_episodes=3)
    few = data.select((data.agents != 1) | (torch.arange(12) == 3))
    labelled, queries = label(few.agents, sizes=SIZES, generator=generator)
    for rows in (labelled, queries):
        assert few.agents[rows].unique().tolist() == [0, 2, 3]
    with pytest.raises(ValueError, match=r"^num_labelled: 3 labelled episodes leave"):
        label(few.agents, sizes=Sizes(num_labelled=3), generator=generator)


def test_views_of_a_match_are_partners():
    data = both_views(matches())
    assert torch.equal(data.partner_observations[0::2], data.observations[1::2])
    assert torch.equal(data.partner_actions[1::2], data.actions[0::2])
    assert data.num_partner_actions == 3


def test_every_second_step():
    data = make_dataset()
    thin = thin_out(data, 2)
    assert torch.equal(thin.lengths, (data.lengths + 1) // 2)
    assert torch.equal(thin.observations, data.observations[:, ::2])
    assert torch.equal(thin.actions, data.actions[:, ::2])
    assert (thin.batch(torch.arange(len(thin))).step_weights.sum(1) == thin.lengths).all()


def test_differences_of_scores_by_hand():
    data = matches()
    task = Task(data, data, data, np.zeros((0, 0)), {}, {})
    # scores against 0, 1, 2: (0, 1, 1), (-1, 0, 0) and (-1, 0, 0)
    found = with_score_distances(data, data.outcomes.double(), task).differences
    expected = np.array([[0, 1, 1], [1, 0, 0], [1, 0, 0]]) * 3**0.5
    np.testing.assert_allclose(found, expected)
    only = dataclasses.replace(data.select(data.agents > 0))
    found = with_score_distances(data, data.outcomes.double(), task._replace(labelled=only))
    np.testing.assert_allclose(found.differences, expected[1:, 1:])
