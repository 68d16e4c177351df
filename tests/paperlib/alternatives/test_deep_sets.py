"""Deep Sets, of means and of gated means: by hand, invariances, gradients, and errors."""

import pytest
import torch

from paperlib.alternatives.deep_sets import GAIN, DeepSetsEncoder
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder
from paperlib.encoders import EpisodeEncoder

SIZES = {"embedding_size": 4, "hidden_size": 8, "head_size": 16}
pooled = pytest.mark.parametrize("gated", [False, True])


def make_batch(generator, *shape):
    observations, actions = (torch.randn(*shape, 6, size, generator=generator) for size in (2, 3))
    return observations, actions, torch.ones(*shape, 6)


def test_forward_by_hand(generator):
    encoder = DeepSetsEncoder(2, 3, **SIZES, scale=3.0, generator=generator)
    batch = make_batch(generator, 5)
    hidden = (GAIN * encoder.mean(*batch)).relu()
    first, last = encoder.head[1], encoder.head[3]
    raw = (hidden @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias
    expected = 3.0 * raw / raw.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(encoder(*batch), expected)
    assert isinstance(encoder.mean, EpisodeEncoder)


def test_gated_by_hand(generator):
    encoder = DeepSetsEncoder(2, 3, **SIZES, gated=True, generator=generator)
    batch = make_batch(generator, 5)
    first, last = encoder.head[1], encoder.head[3]
    hidden = GAIN * encoder.mean(*batch)
    raw = (hidden @ first.weight.T + first.bias).relu() @ last.weight.T + last.bias
    torch.testing.assert_close(encoder(*batch), 10.0 * raw / raw.norm(dim=-1, keepdim=True))
    assert isinstance(encoder.mean, GatedPoolingEncoder)


@pooled
def test_order_and_padding_do_not_matter(generator, gated):
    encoder = DeepSetsEncoder(2, 3, **SIZES, gated=gated, generator=generator)
    observations, actions, weights = make_batch(generator, 2, 3)
    found = encoder(observations, actions, weights)
    assert found.shape == (2, 3, 4)
    torch.testing.assert_close(encoder(observations.flip(-2), actions.flip(-2), weights), found)
    padded = [torch.cat([x, torch.ones_like(x)], dim=2) for x in (observations, actions)]
    more = torch.cat([weights, torch.zeros_like(weights)], dim=2)
    torch.testing.assert_close(encoder(*padded, more), found)


@pooled
def test_a_step_of_weight_two_is_two_steps(generator, gated):
    encoder = DeepSetsEncoder(2, 3, **SIZES, gated=gated, generator=generator)
    observations, actions, weights = make_batch(generator, 4)
    twice = [torch.cat([x, x[:, :1]], dim=1) for x in (observations, actions, weights)]
    weights[:, 0] = 2.0
    torch.testing.assert_close(encoder(observations, actions, weights), encoder(*twice))


@pooled
def test_gradients_are_finite(generator, gated):
    encoder = DeepSetsEncoder(2, 3, **SIZES, gated=gated, generator=generator)
    encoder(*make_batch(generator, 5))[:, 0].sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in encoder.parameters())


def test_bad_sizes_are_named(generator):
    for name in SIZES:
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least 1, got 0"):
            DeepSetsEncoder(2, 3, **(SIZES | {name: 0}), generator=generator)
    with pytest.raises(ValueError, match="scale must be positive"):
        DeepSetsEncoder(2, 3, **SIZES, scale=0.0, generator=generator)
    with pytest.raises(ValueError, match="head_size must be a multiple of 4, got 6"):
        DeepSetsEncoder(2, 3, head_size=6, gated=True, generator=generator)
