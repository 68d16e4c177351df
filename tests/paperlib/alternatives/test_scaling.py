"""Embeddings of mean 0 and variance 1 before training, and the same functions as before."""

import pytest
import torch
from samples import make_dataset

from paperlib.alternatives.scaling import ScaledEncoder, with_unit_variance
from paperlib.embeddings import PolicyEmbedder
from paperlib.encoders import EpisodeEncoder


def make(generator, dataset):
    sizes = dataset.observation_size, dataset.action_size
    return EpisodeEncoder(*sizes, embedding_size=4, hidden_size=8, generator=generator)


def test_mean_zero_and_variance_one(generator):
    dataset = make_dataset(num_agents=4, num_episodes=8)
    plain = make(generator, dataset)
    scaled = with_unit_variance(plain, dataset, generator=generator)
    rows = torch.arange(len(dataset))
    found, before = scaled(*dataset.batch(rows)), plain(*dataset.batch(rows))
    torch.testing.assert_close(found.mean(0), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.var(0, correction=0).mean(), torch.tensor(1.0))
    assert before.var(0).mean() < 0.1
    ratio = (before - before.mean(0)).norm() / found.norm()  # one factor for all numbers
    torch.testing.assert_close(before, before.mean(0) + ratio * found)


def test_constants_are_not_learned_and_are_saved(generator, tmp_path):
    dataset = make_dataset(num_agents=4, num_episodes=8)
    scaled = with_unit_variance(make(generator, dataset), dataset, generator=generator)
    assert len(list(scaled.parameters())) == len(list(scaled.encoder.parameters()))
    sizes = dataset.observation_size, dataset.action_size
    model = PolicyEmbedder(*sizes, encoder=scaled, generator=generator)
    model.save(tmp_path / "model.safetensors")
    other = ScaledEncoder(make(generator, dataset), mean=torch.zeros(4), scale=torch.tensor(1.0))
    loaded = PolicyEmbedder.load(tmp_path / "model.safetensors", encoder=other)
    assert torch.equal(loaded.embed(dataset), model.embed(dataset))


def test_an_encoder_that_is_constant_is_named(generator):
    dataset = make_dataset(num_agents=4, num_episodes=8)
    encoder = make(generator, dataset)
    torch.nn.init.zeros_(encoder.out.weight)
    torch.nn.init.zeros_(encoder.out.bias)
    with pytest.raises(ValueError, match="encoder: all episodes have the same embedding"):
        with_unit_variance(encoder, dataset, generator=generator)
    with pytest.raises(ValueError, match="encoder must return"):
        with_unit_variance(torch.nn.Linear(2, 2), dataset, generator=generator)
