"""Batches of episodes: what they carry along, and how they are joined."""

import torch

from paperlib.batches import EpisodeBatch, PartnerSteps, concatenate, join_episodes
from paperlib.datasets import InteractionDataset


def make(*, partner=True):
    """Two episodes, of one and of two steps; the partner sees the negative and does the rest."""
    observations = torch.tensor([[[1.0], [0]], [[2], [3]]])
    batch = EpisodeBatch(observations, observations > 1, torch.tensor([[1.0, 0], [1, 1]]))
    steps = PartnerSteps(-observations, observations < 3)
    return batch.with_partner(steps) if partner else batch


def test_a_batch_is_a_tuple_of_three():
    batch = make()
    observations, actions, step_weights = batch
    assert observations is batch.observations and actions is batch.actions
    assert step_weights is batch.step_weights and len(batch) == 3
    assert EpisodeBatch(*batch).partner is None is make(partner=False).partner


def test_the_partner_is_carried_along():
    batch = make()
    changed = batch._replace(observations=batch.observations + 7)
    assert changed.partner is batch.partner and changed.observations[0, 0] == 8
    second = batch.map(lambda tensor: tensor[1])
    assert second.observations.tolist() == [[2], [3]]
    assert second.partner.observations.tolist() == [[-2], [-3]]
    assert make(partner=False).map(torch.clone).partner is None


def test_concatenation_along_a_leading_axis():
    both = concatenate([make(), make().map(lambda tensor: tensor.flip(0))], dim=0)
    assert both.observations.flatten().tolist() == [1, 0, 2, 3, 2, 3, 1, 0]
    assert torch.equal(both.partner.observations, -both.observations)
    assert both.step_weights.shape == (4, 2)
    assert concatenate([make(partner=False)] * 2, dim=0).partner is None


def test_joined_episodes_follow_one_another():
    data = InteractionDataset.from_arrays(
        [[[1]], [[2], [3]], [[4], [5]]], [[1], [0, 1], [1, 1]], [0] * 3
    )
    joined = join_episodes(data.batch(torch.tensor([[0, 1], [2, 0]])))
    assert joined.observations.tolist() == [[[1], [0], [2], [3]], [[4], [5], [1], [0]]]
    assert joined.actions.argmax(-1).tolist() == [[1, 0, 0, 1], [1, 1, 1, 0]]
    assert joined.step_weights.tolist() == [[1, 0, 1, 1], [1, 1, 1, 0]]
    assert join_episodes(make()).partner.observations.tolist() == [[-1], [0], [-2], [-3]]
