"""Accuracies by hand, and against scikit-learn where it has the same."""

import pytest
import torch
from sklearn.neighbors import KNeighborsClassifier

from reproduction import identification
from reproduction.identification import (
    action_frequencies,
    count_actions,
    likelihood_accuracy,
    linear_accuracy,
    nearest_accuracy,
    pooled_policies,
)


def make_clusters(generator, *, spread=0.3, num_agents=5, count=6):
    """Embeddings of agents 10, 11, ... around centres of their own."""
    centres = torch.randn(num_agents, 4, generator=generator)
    labels = torch.arange(10, 10 + num_agents).repeat_interleave(count)
    noise = torch.randn(len(labels), 4, generator=generator)
    return centres[labels - 10] + spread * noise, labels


def test_nearest_is_that_of_scikit_learn(generator):
    embeddings, labels = make_clusters(generator, spread=1.0)
    train, test = embeddings[0::2], embeddings[1::2]
    found = nearest_accuracy(train, labels[0::2], test, labels[1::2])
    theirs = KNeighborsClassifier(1, metric="cosine").fit(train, labels[0::2])
    assert found == theirs.score(test, labels[1::2]) and 0.2 < found < 1


def test_nearest_does_not_look_at_length(generator):
    embeddings, labels = make_clusters(generator, spread=1.0)
    scales = torch.rand(len(labels), 1, generator=generator) + 0.1
    parts = [(embeddings[0::2], embeddings[1::2] * scale) for scale in (1.0, scales[1::2])]
    found = [nearest_accuracy(a, labels[0::2], b, labels[1::2]) for a, b in parts]
    assert found[0] == found[1]


def test_linear_learns_what_can_be_told(generator):
    embeddings, labels = make_clusters(generator, spread=0.1)
    data = 10 * embeddings[0::2], labels[0::2], 10 * embeddings[1::2], labels[1::2]
    assert linear_accuracy(*data, generator=generator) > 0.7
    shuffled = labels[1::2].roll(3)  # every agent's are another one's
    assert linear_accuracy(*data[:3], shuffled, generator=generator) < 0.2


def test_linear_is_adam_on_cross_entropy(generator, monkeypatch):
    """One epoch by hand: Adam's first step is the learning rate times the gradient's sign."""
    train, labels = torch.eye(2), torch.tensor([3, 7])
    test = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    monkeypatch.setattr(identification, "LEARNING_RATE", 10.0)
    monkeypatch.setattr(identification, "NUM_EPOCHS", 1)
    assert linear_accuracy(train, labels, test, labels, generator=generator) == 1.0


def test_counts_by_hand():
    states, actions = torch.tensor([[0, 2, 2]]), torch.tensor([[1, 0, 0]])
    counts = count_actions(states, actions, num_states=3, num_actions=2)
    assert counts.tolist() == [[[0, 1], [0, 0], [2, 0]]]


def test_pooled_policies_by_hand():
    counts = torch.tensor([[[3.0, 1.0]], [[1.0, 1.0]], [[0.0, 2.0]]])
    legal = torch.ones(1, 2, dtype=torch.bool)
    found = pooled_policies(counts, torch.tensor([4, 4, 9]), legal_actions=legal)
    prior = torch.tensor([5 / 10, 5 / 10])
    expected = torch.stack([(torch.tensor([4.0, 2.0]) + prior) / 7, torch.tensor([0.5, 2.5]) / 3])
    torch.testing.assert_close(found[:, 0], expected)


def test_pooled_policies_keep_to_legal_actions():
    legal = torch.tensor([[True, False, True]])
    counts = torch.tensor([[[0.0, 0.0, 0.0]]])
    found = pooled_policies(counts, torch.tensor([0]), legal_actions=legal)
    assert found.tolist() == [[[0.5, 0.0, 0.5]]]


def test_likelihood_by_hand():
    policies = torch.tensor([[[0.9, 0.1]], [[0.4, 0.6]]])
    counts = torch.tensor([[[5.0, 0.0]], [[1.0, 3.0]], [[2.0, 1.0]]])
    labels = torch.tensor([5, 8, 8])  # the last one is more likely of agent 5
    # 2 log 0.9 + log 0.1 = -2.51 < 2 log 0.4 + log 0.6 = -2.34: agent 8 after all
    assert likelihood_accuracy(counts, labels, policies) == 1.0
    assert likelihood_accuracy(counts, labels, policies.flip(0)) == 0.0


def test_action_frequencies_by_hand():
    counts = torch.tensor([[[2, 1], [0, 0], [0, 2]], [[1, 3], [0, 0], [0, 0]]]).float()
    assert action_frequencies(counts).tolist() == [[pytest.approx(1 / 3), 1.0], [0.75, 0.0]]


def test_discriminants_turn_to_what_tells_agents_apart(generator, monkeypatch):
    """One feature of three does; the others are noise, one of them loud."""
    labels = torch.arange(40).repeat_interleave(10)
    x = torch.randn(400, 3, generator=generator) * torch.tensor([0.1, 1.0, 30.0])
    x[:, 0] += labels
    monkeypatch.setattr(identification, "CONSTANT", 0.0)
    embed = identification.discriminants(x, labels, generator=generator)
    moved = [(embed(x + 5 * step) - embed(x)).norm() for step in torch.eye(3)]
    assert moved[0] > 20 * moved[1] and moved[0] > 20 * moved[2]
    assert embed(x).shape == (400, 100)
    halves = embed(x[0::2]), labels[0::2], embed(x[1::2]), labels[1::2]
    assert nearest_accuracy(*halves) < nearest_accuracy(
        *(
            part if part.ndim == 1 else torch.cat([part, torch.full((200, 1), 300.0)], 1)
            for part in halves
        )
    )


def test_discriminants_of_fewer_episodes_than_features(generator):
    """Most features never vary, so that most variances within agents are zero."""
    labels = torch.arange(10).repeat_interleave(4)
    x = torch.zeros(40, 300)
    x[:, :30] = torch.randn(10, 30, generator=generator).repeat_interleave(4, 0)
    x[:, :30] += 0.1 * torch.randn(40, 30, generator=generator)
    found = identification.discriminants(x, labels, generator=generator)(x)
    assert nearest_accuracy(found[0::2], labels[0::2], found[1::2], labels[1::2]) == 1.0


def test_bad_embeddings_are_named(generator):
    labels, good = torch.tensor([0, 1]), torch.eye(2)
    bad = torch.full((2, 2), torch.nan)
    with pytest.raises(ValueError, match="test must be finite embeddings"):
        nearest_accuracy(good, labels, bad, labels)
    with pytest.raises(ValueError, match="train must be finite embeddings"):
        linear_accuracy(bad, labels, good, labels, generator=generator)
