"""Gated pooling and reading: by hand, against NumPy, invariances, and a language to look up."""

import numpy as np
import pytest
import torch

from paperlib import objectives
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder, ReadingPolicy
from paperlib.batches import EpisodeBatch, join_episodes
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import Settings, learn
from paperlib.encoders import LIKELIHOODS

SIZES = {"num_slots": 4, "value_size": 3, "hidden_size": 8}


def make_encoder(generator):
    return GatedPoolingEncoder(2, 3, **SIZES, generator=generator).double()


def make_batch(generator, *shape, padding=2):
    """Random episodes (*shape, 6), the last steps of which are padding."""
    draw = [torch.randn(*shape, 6, size, generator=generator).double() for size in (2, 3)]
    step_weights = torch.ones(*shape, 6).double()
    step_weights[..., 6 - padding :] = 0
    return EpisodeBatch(*draw, step_weights)


def mlp(module, x):
    (w1, b1), (w2, b2) = ([p.detach().numpy() for p in module[k].parameters()] for k in (0, 2))
    return w2 @ np.maximum(w1 @ x + b1, 0) + b2


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def sums_of_slots(encoder, observations, actions, step_weights):
    """Σ_t w_t g_m v, (M, V), and Σ_t w_t g_m, (M, 1), one step at a time."""
    sums, totals = np.zeros((4, 3)), np.zeros((4, 1))
    for o, a, w in zip(observations, actions, step_weights, strict=True):
        step = np.concatenate([o, a])
        gate = w * softmax(mlp(encoder.gate, step))[:, None]
        sums, totals = sums + gate * mlp(encoder.value, step), totals + gate
    return sums, totals


def test_shapes_for_every_batch(generator):
    encoder = GatedPoolingEncoder(2, 3, **SIZES, generator=generator)
    policy = ReadingPolicy(2, 3, **SIZES, generator=generator)
    for batch in ((), (5,), (2, 3)):
        observations, actions = torch.zeros(*batch, 7, 2), torch.zeros(*batch, 7, 3)
        embedding = encoder(observations, actions, torch.ones(*batch, 7))
        assert embedding.shape == (*batch, 12)
        assert policy(observations, embedding).shape == (*batch, 7, 3)


def test_slots_by_hand(generator):
    encoder = GatedPoolingEncoder(1, 1, num_slots=2, value_size=1, generator=generator)
    # o > 0 opens slot 0, o < 0 slot 1; a step says its action
    encoder.gate, encoder.value = torch.nn.Linear(2, 2), torch.nn.Linear(2, 1)
    encoder.gate.weight.data = torch.tensor([[50.0, 0], [-50.0, 0]])
    encoder.value.weight.data = torch.tensor([[0.0, 1]])
    for layer in (encoder.gate, encoder.value):
        layer.bias.data.zero_()
    observations, actions = torch.tensor([[1.0, 1, 1, -1]]).mT, torch.tensor([[5.0, 5, 10, 6]]).mT
    # slot 0: (5 + 5 + 10) / (3 + 2); slot 1: 6 / (1 + 2)
    assert encoder(observations, actions, torch.ones(4)).tolist() == pytest.approx([4, 2])
    # of no steps: zeros, not NaN
    assert encoder(observations, actions, torch.zeros(4)).tolist() == [0, 0]


def test_an_embedding_is_the_formula_in_numpy(generator):
    encoder, batch = make_encoder(generator), make_batch(generator)
    batch = batch._replace(step_weights=batch.step_weights * 1.5)
    sums, totals = sums_of_slots(encoder, *(part.numpy() for part in batch))
    expected = torch.from_numpy(sums / (totals + 2)).flatten()
    torch.testing.assert_close(encoder(*batch), expected)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_reading_is_the_formula_in_numpy(likelihood, generator):
    policy = ReadingPolicy(2, 3, **SIZES, likelihood=likelihood, generator=generator).double()
    observations, actions, _ = make_batch(generator)
    embedding = torch.randn(12, generator=generator).double()
    output = []
    for o in observations.numpy():
        read = softmax(mlp(policy.query, o)) @ embedding.numpy().reshape(4, 3)
        first = policy.observation_in.weight.detach().numpy() @ o
        first += policy.embedding_in.weight.detach().numpy() @ read
        first += policy.observation_in.bias.detach().numpy()
        hidden = policy.rest[1](torch.from_numpy(np.maximum(first, 0))).relu()
        output.append(policy.rest[3](hidden))
    torch.testing.assert_close(policy(observations, embedding), torch.stack(output))
    expected = {
        "categorical": (torch.stack(output).log_softmax(-1) * actions).sum(-1),
        "gaussian": torch.distributions.Normal(torch.stack(output), 1.0).log_prob(actions).sum(-1),
        "squared_error": -0.5 * (torch.stack(output) - actions).square().sum(-1),
    }
    found = policy.log_prob(observations, embedding, actions)
    torch.testing.assert_close(found, expected[likelihood])


def test_neither_order_nor_padding_matters(generator):
    encoder, batch = make_encoder(generator), make_batch(generator, 5)
    order = torch.randperm(6, generator=generator)
    shuffled = (batch.observations[:, order], batch.actions[:, order], batch.step_weights[:, order])
    torch.testing.assert_close(encoder(*shuffled), encoder(*batch))
    torch.testing.assert_close(encoder(*(part[:, :4] for part in batch)), encoder(*batch))
    outside = (batch.step_weights == 0).unsqueeze(-1)
    other = batch._replace(observations=batch.observations.masked_fill(outside, 7.0))
    assert torch.equal(encoder(*other), encoder(*batch))


def test_episodes_add_up(generator):
    encoder, batch = make_encoder(generator), make_batch(generator, 3)
    each = [sums_of_slots(encoder, *(part[k].numpy() for part in batch)) for k in range(3)]
    sums, totals = (sum(parts) for parts in zip(*each, strict=True))
    joined = encoder(*join_episodes(batch))
    torch.testing.assert_close(joined, torch.from_numpy(sums / (totals + 2)).flatten())
    reverse = join_episodes(EpisodeBatch(*(part.flip(0) for part in batch)))
    torch.testing.assert_close(encoder(*reverse), joined)


@pytest.mark.parametrize(
    "wrong", [{"prior_weight": 0}, {"num_slots": 0}, {"value_size": 1.5}, {"hidden_size": 0}]
)
def test_sizes_out_of_range(wrong, generator, unchecked):
    for kind in (GatedPoolingEncoder, ReadingPolicy)[: 1 + ("prior_weight" not in wrong)]:
        with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
            kind(2, 3, **wrong, generator=generator)


def languages(num_agents, *, num_episodes, seed):
    """Agents that answer each of three words with an action of their own; an episode has one."""
    rng = np.random.default_rng(seed)
    language = rng.permuted(np.tile(np.arange(3), (num_agents, 1)), axis=1)
    agents = np.repeat(np.arange(num_agents), num_episodes)
    words = rng.integers(0, 3, len(agents))
    observations = np.eye(3)[words][:, None].repeat(4, axis=1)
    actions = language[agents, words][:, None].repeat(4, axis=1)
    return InteractionDataset.from_arrays(observations, actions, agents)


@pytest.mark.usefixtures("unchecked")
def test_words_of_new_agents_are_looked_up(generator):
    sizes = {"num_slots": 8, "value_size": 4, "hidden_size": 16, "generator": generator}
    model = learn(
        languages(30, num_episodes=8, seed=0),
        encoder=GatedPoolingEncoder(3, 3, **sizes),
        policy=ReadingPolicy(3, 3, **sizes),
        objective=objectives.imitation,
        settings=Settings(num_updates=300, learning_rate=1e-2, reference_episodes=(4, 6)),
        generator=generator,
    )
    new = languages(200, num_episodes=9, seed=1)
    rows = torch.arange(len(new)).unflatten(0, (200, 9))
    embedding = model.embed(new, rows[:, :8])  # (200, D)
    asked = new.batch(rows[:, 8])
    right = model.policy(asked.observations, embedding).argmax(-1) == asked.actions.argmax(-1)
    # over five seeds 0.80 to 0.98; without the embedding a third
    assert right.float().mean() > 0.7
