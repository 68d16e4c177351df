"""Encoders, conditional policies, and the running normaliser."""

import pytest
import torch

from paperlib import streams
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.encoders import (
    LIKELIHOODS,
    ConditionalPolicy,
    EpisodeEncoder,
    RunningEmbedding,
    RunningNormalizer,
)


def test_shapes_for_every_batch(generator):
    encoder = EpisodeEncoder(2, 3, embedding_size=4, generator=generator)
    policy = ConditionalPolicy(2, 3, embedding_size=4, generator=generator)
    for batch in ((), (5,), (2, 3)):
        observations, actions = torch.zeros(*batch, 7, 2), torch.zeros(*batch, 7, 3)
        embedding = encoder(observations, actions, torch.ones(*batch, 7))
        assert embedding.shape == (*batch, 4)
        assert policy(observations, embedding).shape == (*batch, 7, 3)


@pytest.mark.parametrize("name", ["embedding_size", "hidden_size"])
def test_sizes_are_positive(name, generator):
    with pytest.raises(ValueError, match=f"^{name} must be an integer of at least 1, got 0$"):
        EpisodeEncoder(2, 3, generator=generator, **{name: 0})


def test_an_embedding_is_the_mean_over_steps(generator):
    encoder = EpisodeEncoder(2, 3, embedding_size=4, generator=generator)
    observations = torch.randn(6, 2, generator=generator)
    actions = torch.randn(6, 3, generator=generator)
    steps = encoder(observations[:, None], actions[:, None], torch.ones(6, 1))
    step_weights = torch.tensor([1.0, 1, 1, 1, 0, 0])
    torch.testing.assert_close(encoder(observations, actions, step_weights), steps[:4].mean(0))


def test_a_policy_is_an_mlp_on_observation_and_embedding(generator):
    policy = ConditionalPolicy(2, 3, embedding_size=4, hidden_size=5, generator=generator)
    observations, embedding = torch.randn(6, 2, generator=generator), torch.randn(4)
    joined = torch.nn.Linear(6, 5)
    joined.weight.data = torch.cat([policy.observation_in.weight, policy.embedding_in.weight], 1)
    joined.bias.data = policy.observation_in.bias
    expected = policy.rest(joined(torch.cat([observations, embedding.expand(6, 4)], -1)))
    torch.testing.assert_close(policy(observations, embedding), expected)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_log_probs_are_those_of_torch(likelihood, generator):
    policy = ConditionalPolicy(2, 3, embedding_size=4, likelihood=likelihood, generator=generator)
    policy.log_std.data = torch.tensor([-0.5, 0.0, 0.5])
    observations, embedding = torch.randn(6, 2, generator=generator), torch.randn(4)
    output = policy(observations, embedding)
    if likelihood == "categorical":
        chosen = torch.tensor([0, 1, 2, 2, 1, 0])
        actions = torch.eye(3)[chosen]
        expected = torch.distributions.Categorical(logits=output).log_prob(chosen)
    else:
        actions = torch.randn(6, 3, generator=generator)
        std = policy.log_std.exp() if likelihood == "gaussian" else torch.ones(3)
        covariance = torch.diag(std.square())
        normal = torch.distributions.MultivariateNormal(output, covariance)
        expected = normal.log_prob(actions)
    if likelihood == "squared_error":
        expected = expected + 1.5 * torch.tensor(2 * torch.pi).log()
    torch.testing.assert_close(policy.log_prob(observations, embedding, actions), expected)


def test_weights_come_from_the_generator():
    def weights(seed):
        encoder = EpisodeEncoder(2, 3, generator=streams.make_generator(seed))
        return torch.cat([parameter.flatten() for parameter in encoder.parameters()])

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))
    assert weights(1).abs().max() <= 5**-0.5


def test_normalizer_counts_in_parts_as_in_one():
    rows = torch.randn(100, 4, generator=streams.make_generator(0)) * 3 + 2
    parts = RunningNormalizer(4)
    for part in rows.split(30):
        parts.update(part)
    assert torch.allclose(parts.mean, rows.double().mean(0))
    assert torch.allclose(parts.variance, rows.double().var(0, unbiased=False))
    assert parts(rows).std(0) == pytest.approx(torch.ones(4), abs=0.02)


def test_normalizer_clips():
    normalizer = RunningNormalizer(1)
    normalizer.update(torch.tensor([[0.0], [1.0]]))
    assert normalizer(torch.tensor([[1e9], [-1e9]])).flatten().tolist() == [5.0, -5.0]


def test_normalizer_of_a_constant():
    normalizer = RunningNormalizer(1)
    normalizer.update(torch.full((5, 1), 7.0))
    # a standard deviation counts as 0.01 at least
    assert normalizer(torch.tensor([[7.0], [7.02]])).flatten().tolist() == pytest.approx(
        [0.0, 2.0], abs=1e-3
    )


def test_a_running_embedding_is_that_of_the_steps_so_far(dataset, generator):
    settings = Settings(embedding_size=4, hidden_size=5, normalize_observations=True)
    model = PolicyEmbedder(2, 3, settings=settings, generator=generator)
    model.normalizer.update(dataset.observations)
    running, batch = RunningEmbedding(model, 12), dataset.batch(torch.arange(12))
    running.watch(batch.observations[:, 0] + 9, batch.actions[:, 0], torch.ones(12).bool())
    running.begin(torch.arange(12))
    for step in range(5):
        going_on = step < dataset.lengths
        running.watch(batch.observations[:, step], batch.actions[:, step], going_on)
    torch.testing.assert_close(running.embeddings(), model.embed(dataset.first_steps(5)))
    running.begin(torch.tensor([3]))
    nothing = model.encoder.out(torch.zeros(5))
    torch.testing.assert_close(running.embeddings()[3], nothing)
    assert not torch.allclose(running.embeddings()[2], nothing)
