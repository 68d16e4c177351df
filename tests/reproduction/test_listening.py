"""What listeners do: with listeners whose rule is known, and against plain loops."""

import numpy as np
import pytest
import torch

from paperlib.agents import populations
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population
from paperlib.environments.particleworld import LANDMARKS, MESSAGE
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import listening

STRENGTH = 60.0


def linear(weights, bias):
    return StackedMLP.from_tensors({"weights.0": weights, "biases.0": bias})


def pair_of(*, hears, waits=0.0):
    """A speaker that sends 100 for target 0 and else 000; a listener that walks to landmark 0, or,
    where it ``hears``, does so only on 100 and else nothing."""
    speaking, sure = torch.zeros(1, 3, 3), torch.full((1, 1, 3), -30.0)
    speaking[0, 0, 0] = 200.0  # of a colour of 0.65, else 0.15
    sure[..., 0] = -80.0
    walking, bias = torch.zeros(1, 11, 5), torch.zeros(1, 1, 5)
    for axis, (less, more) in enumerate(((1, 2), (3, 4))):
        walking[0, LANDMARKS.start + axis, [less, more]] = torch.tensor([-STRENGTH, STRENGTH])
    bias[..., 0] = waits
    if hears:
        walking[0, MESSAGE.start, 0] = -1e4
        bias[..., 0] = 1e4
    return Population(linear(speaking, sure), linear(walking, bias), provenance={})


def test_first_pushes_lead_to_the_landmark_it_walks_to():
    pushes = listening.silent_pushes(
        pair_of(hears=False), num_episodes=2000, generator=make_generator(0)
    )
    # along the longer axis: the mean cosine of directions in a square is about 0.9
    assert pushes.shape == (1, 3) and 0.85 < pushes[0, 0] < 0.95
    assert 0.2 < pushes[0, 1] < 0.6 and pushes[0, 1] == pytest.approx(pushes[0, 2], abs=0.06)


def test_who_waits_for_a_word_does_not_push():
    options = {"num_episodes": 50, "generator": make_generator(0)}
    assert listening.silent_pushes(pair_of(hears=True), **options) == pytest.approx(0)


def test_openings_of_a_listener_that_waits_for_a_word():
    options = {"num_episodes": 400, "generator": make_generator(0)}
    found = listening.opening_returns(pair_of(hears=True), **options)
    assert list(found) == list(listening.OPENINGS)
    assert found["silence"] == found["still"]
    assert found["spoken"] > found["silence"] + 0.2  # a step earlier at target 0


def test_openings_of_a_listener_that_does_not_listen():
    options = {"num_episodes": 400, "generator": make_generator(0)}
    found = listening.opening_returns(pair_of(hears=False), **options)
    assert found["silence"] == found["spoken"]
    assert found["still"] != found["silence"]


@pytest.fixture
def population():
    networks = (
        StackedMLP(sizes, generators=[make_generator(k, size) for k in range(2)])
        for size, sizes in enumerate([(3, 8, 3), (11, 8, 5)])
    )
    return Population(*networks, provenance={})


@pytest.fixture
def dataset(population, generator):
    graph = InteractionGraph.bipartite(2, 2)
    return populations.collect(population, graph, num_episodes=3, generator=generator)


def test_pushes_on_each_word_by_loops(dataset):
    sums, counts = np.zeros((2, 8, 3)), np.zeros((2, 8, 1))
    force = np.array([[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]])
    for episode in range(len(dataset)):
        listener = int(dataset.agents[episode]) - 2
        for step in range(1, 25):
            seen = dataset.observations[episode, step].numpy()
            word = int(seen[MESSAGE] @ [1, 2, 4])
            to_landmarks = seen[LANDMARKS].reshape(3, 2)
            to_landmarks = to_landmarks / np.linalg.norm(to_landmarks, axis=1, keepdims=True)
            sums[listener, word] += to_landmarks @ force[int(dataset.actions[episode, step])]
            counts[listener, word] += 1
    expected = (sums / np.maximum(counts, 1)).reshape(2, 24)
    np.testing.assert_allclose(listening.word_statistics(dataset), expected, atol=1e-4)


def test_idle_steps_are_counted(dataset):
    expected = [np.mean(row == 0) for row in dataset.actions.numpy()]
    np.testing.assert_allclose(listening.idle_share(dataset)[:, 0], expected)
    assert len(set(expected)) > 1


def test_distances_are_of_mean_vectors(dataset):
    def embed(dataset):
        return torch.stack([dataset.agents, 10 * (dataset.agents == 3)], dim=-1).float()

    found = listening.embedding_distances(dataset, embed)
    np.testing.assert_allclose(found, np.hypot(1, 10) * (1 - np.eye(2)))


def test_whitened_vectors_have_unit_scatter_within_agents(generator):
    agents = torch.arange(5).repeat_interleave(40)
    noise = torch.randn(200, 3, generator=generator) @ torch.tensor(
        [[100.0, 3.0, 0.0], [0.0, 1.0, 0.5], [0.0, 0.0, 0.1]]
    )
    found = listening.whitened(agents[:, None] + noise, agents)
    within = torch.cat([found[agents == k] - found[agents == k].mean(0) for k in range(5)])
    torch.testing.assert_close(within.T @ within / 200, torch.eye(3, dtype=torch.float64))
    flat = torch.cat([noise, noise[:, :1]], dim=1)  # a direction without scatter
    assert listening.whitened(flat, agents).shape == (200, 3)
