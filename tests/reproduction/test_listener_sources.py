"""Listeners to learn from, their images, and contexts of their episodes."""

import pytest
import torch

from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.streams import make_generator
from reproduction import listener_sources
from reproduction.channel_symmetries import channel_symmetries
from reproduction.listener_sources import Source


@pytest.fixture
def source(populations):
    """Two pairs of a population of random networks."""
    return Source(populations[0], [4, 1])


def test_images_are_numbered_channel_by_channel(source):
    """Row n of the relabelled returns is agent n of the episodes."""
    channels = channel_symmetries(2)[:3]
    found = source.collect(channels, num_episodes=1, generator=make_generator(1))
    count = len(source.pairs)
    assert found.agents.unique().tolist() == [*range(3 * count)]
    assert found.agents.bincount().tolist() == [count] * (3 * count)  # one for each speaker
    both = listener_sources.collect([source, source], symmetric=True, generator=make_generator(1))
    assert both.agents.unique().tolist() == [*range(2 * 8 * count)]
    assert both.agents.bincount().min() >= listener_sources.EPISODES_PER_IMAGE


def test_contexts_are_of_different_episodes_of_one_agent(dataset, generator):
    observations = torch.arange(len(dataset)).view(-1, 1, 1).float()
    episodes = InteractionDataset.from_arrays(
        observations.numpy(), [[0]] * len(dataset), dataset.agents.numpy(), num_actions=2
    )

    class Numbers(torch.nn.Module):
        def forward(self, observations, actions, step_weights):
            one_hot = torch.nn.functional.one_hot(observations[..., 0].long(), len(dataset))
            return one_hot.sum(-2).float()

    model = PolicyEmbedder(1, 2, encoder=Numbers(), generator=generator)
    agents = torch.tensor([2, 0])
    options = {"num_episodes": 2, "num_contexts": 5, "generator": generator}
    found = listener_sources.contexts(model, episodes, agents=agents, **options)
    assert found.shape == (2, 5, len(dataset)) and (found.sum(-1) == 2).all() and found.max() == 1
    for own, agent in zip(found, (2, 0), strict=True):
        assert set(dataset.agents[own.sum(0) > 0].tolist()) == {agent}
