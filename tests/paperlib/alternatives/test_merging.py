"""Merged steps: counts by hand, the same embeddings and losses, and what they refuse."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib import batches
from paperlib.alternatives.deep_sets import DeepSetsEncoder
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder
from paperlib.alternatives.merging import OnDistinctRows, merge_steps, on_distinct_steps
from paperlib.alternatives.objectives import LIAM, VAE, InfoNCE
from paperlib.alternatives.sequence_encoders import TransformerEncoder
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings, learn
from paperlib.encoders import EpisodeEncoder
from paperlib.metrics import summary_statistics
from paperlib.objectives import Hybrid
from paperlib.streams import make_generator


def cards(num_episodes=12, *, partners=True):
    """Episodes of 5 to 9 steps with two observations and two actions."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(5, 10, num_episodes)
    seen = [np.eye(2)[rng.integers(2, size=n)] for n in lengths]
    done = [rng.integers(2, size=n) for n in lengths]
    theirs = {"partner_observations": [1 - s for s in seen], "partner_actions": done}
    return InteractionDataset.from_arrays(
        seen, done, np.arange(num_episodes) % 3, num_actions=2, **theirs if partners else {}
    )


def test_equal_steps_are_counted():
    data = InteractionDataset.from_arrays(
        [[[5], [6], [5], [5]], [[5], [5]]], [[0, 1, 0, 1], [2, 2]], [0, 1]
    )
    merged = merge_steps(data)
    assert merged.lengths.tolist() == [3, 1] and merged.step_counts.tolist() == [
        [2, 1, 1],
        [2, 0, 0],
    ]
    assert merged.observations.tolist() == [[[5], [6], [5]], [[5], [0], [0]]]
    assert merged.actions.tolist() == [[0, 1, 1], [2, 0, 0]]
    assert merged.batch(torch.tensor([0])).step_weights.tolist() == [[2, 1, 1]]
    assert merge_steps(merged).step_counts.tolist() == merged.step_counts.tolist()


@pytest.mark.parametrize("kind", [EpisodeEncoder, GatedPoolingEncoder, TransformerEncoder])
def test_embeddings_are_the_same(kind, generator, monkeypatch):
    data, encoder = cards(), kind(2, 2, hidden_size=8, generator=generator)
    merged = merge_steps(data)
    assert merged.observations.shape[1] <= 4 < data.observations.shape[1]
    model = PolicyEmbedder(2, 2, encoder=encoder, generator=generator)
    expected = model.embed(data)
    torch.testing.assert_close(model.embed(merged), expected)
    monkeypatch.setattr(batches, "STEPS_AT_ONCE", 1)  # episodes of different lengths
    torch.testing.assert_close(model.embed(merged), expected)
    torch.testing.assert_close(summary_statistics(merged), summary_statistics(data))


@pytest.mark.parametrize("number", range(4))
def test_losses_are_the_same(number):
    losses = []
    for data in (cards(), merge_steps(cards())):
        objective = (Hybrid(), InfoNCE(), VAE(data, 4), LIAM(data, 4))[number]
        settings = Settings(num_updates=5, embedding_size=4, hidden_size=8, learning_rate=1e-3)
        options = {"settings": settings, "generator": make_generator(1)}
        losses.append(learn(data, objective=objective, **options).losses)
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-4)


def test_merged_observations_are_normalised_as_before():
    settings = Settings(num_updates=3, embedding_size=4, hidden_size=8, normalize_observations=True)
    means = []
    for data in (cards(), merge_steps(cards())):
        model = learn(data, settings=settings, generator=make_generator(1))
        means.append(torch.stack([model.normalizer.mean, model.normalizer.variance]))
    torch.testing.assert_close(*means)


def test_a_merged_dataset_outlives_its_file(tmp_path):
    merged = merge_steps(cards(partners=False))
    merged.save(tmp_path / "d.safetensors")
    again = InteractionDataset.load(tmp_path / "d.safetensors")
    assert again.checksum() == merged.checksum()
    both = InteractionDataset.concatenate([again, merged])
    assert both.step_counts.sum() == 2 * cards().lengths.sum()
    single = dataclasses.replace(again, step_counts=None)
    with pytest.raises(ValueError, match="datasets: there must be"):
        InteractionDataset.concatenate([again, single])


def test_merged_steps_are_not_drawn_or_cut(generator):
    merged = merge_steps(cards())
    with pytest.raises(ValueError, match=r"^dataset: equal steps were merged"):
        merged.draw_steps(torch.tensor([0]), 3, generator=generator)
    with pytest.raises(ValueError, match=r"^dataset: equal steps were merged"):
        merged.first_steps(1)


def test_distinct_rows_are_computed_once(generator):
    calls, kinds = [], torch.randn(3, 4, generator=generator)
    layer = torch.nn.Linear(4, 2)
    layer.register_forward_hook(lambda module, inputs, _: calls.append(len(inputs[0])))
    rows = kinds[torch.tensor([[0, 1, 2, 2], [2, 0, 0, 1]])]
    torch.testing.assert_close(OnDistinctRows(layer)(rows), layer(rows))
    assert calls == [3, 2]  # the second call takes them as they are
    few = torch.randn(4, 4, generator=generator)
    torch.testing.assert_close(OnDistinctRows(layer)(few), layer(few))


@pytest.mark.parametrize("gated", [False, True])
def test_on_distinct_steps_nothing_changes_but_time(gated):
    data = merge_steps(cards())
    made = [
        DeepSetsEncoder(2, 2, hidden_size=8, gated=gated, generator=make_generator(1))
        for _ in range(2)
    ]
    settings = Settings(num_updates=5, learning_rate=1e-3)
    options = {"settings": settings, "objective": InfoNCE()}
    losses = [
        learn(data, encoder=encoder, **options, generator=make_generator(2)).losses
        for encoder in (made[0], on_distinct_steps(made[1]))
    ]
    parts = [type(module) for module in made[1].modules()]
    assert parts.count(OnDistinctRows) == (2 if gated else 1)
    torch.testing.assert_close(*losses, rtol=1e-4, atol=1e-4)
