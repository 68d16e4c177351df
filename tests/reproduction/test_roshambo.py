"""The bots' round robin: by hand where a bot's rule is known, determinism, and errors."""

import sys

import numpy as np
import pytest
import torch

from paperlib import streams
from reproduction import roshambo

SOME = ("copybot", "randbot", "rockbot", "rotatebot", "iocainebot")


@pytest.fixture
def few_bots(monkeypatch):
    monkeypatch.setattr(roshambo, "bot_names", lambda: SOME)


def play(seed=0, num_steps=40):
    pytest.importorskip("pyspiel")
    generator = streams.make_generator(seed)
    return roshambo.round_robin(num_matches=1, num_steps=num_steps, generator=generator)


def test_bots_play_by_their_rules(few_bots):
    dataset = play()
    assert len(dataset) == 20
    first = {name: dataset.agents == k for k, name in enumerate(SOME)}
    assert (dataset.actions[first["rockbot"]] == 0).all()
    turns = dataset.actions[first["rotatebot"]].long()
    assert ((turns[:, 1:] - turns[:, :-1]) % 3 == 1).all()
    against_copybot = first["rockbot"] & (dataset.partners == SOME.index("copybot"))
    # copybot begins with paper, and goes on to beat the last throw
    assert dataset.returns[against_copybot] == -40


def test_observations_are_the_last_throws_of_both(few_bots):
    dataset = play()
    assert dataset.observations.shape == (20, 40, 18)
    assert dataset.observations[:, 0].abs().sum() == 0
    own, other = dataset.actions[0::2].long(), dataset.actions[1::2].long()  # of one match
    assert torch.equal(dataset.agents[0::2], dataset.partners[1::2])
    fields = dataset.observations[0::2].unflatten(-1, (3, 2, 3))  # lag, who, throw
    for lag in (1, 2, 3):
        assert torch.equal(fields[:, lag:, lag - 1, 0].argmax(-1), own[:, :-lag])
        assert torch.equal(fields[:, lag:, lag - 1, 1].argmax(-1), other[:, :-lag])
    assert (fields[:, 1, 1] == 0).all()
    won = (own - other) % 3
    expected = (won == 1).sum(1) - (won == 2).sum(1)
    assert torch.equal(dataset.returns[0::2].long(), expected)
    assert torch.equal(dataset.outcomes[0::2].long(), expected.sign())
    assert torch.equal(dataset.returns[1::2], -dataset.returns[0::2])


def test_states_are_the_last_throws_of_both(few_bots):
    dataset = play()
    own, other = dataset.actions[0::2].long(), dataset.actions[1::2].long()
    states = roshambo.throw_states(dataset.observations[0::2], 1)
    assert (states[:, 0] == 0).all()
    assert torch.equal(states[:, 1:], own[:, :-1] + 1 + 4 * (other[:, :-1] + 1))
    twice = roshambo.throw_states(dataset.observations[0::2], 2)
    assert torch.equal(twice % 16, states) and torch.equal(twice[:, 1:] // 16, states[:, :-1])


def test_pooled_counts_identify_bots_by_what_they_throw_after_what():
    """Cycling through throws upwards or downwards shows with a memory of one step only."""
    up = torch.arange(12) % 3
    throws = torch.stack([up, up.flip(0), (up + 1) % 3, (up + 2).flip(0) % 3]).repeat(2, 1)
    labels = torch.tensor([0, 1]).repeat(4)
    seen = np.stack([throws, np.zeros_like(throws)], axis=-1)
    dataset = roshambo.InteractionDataset.from_arrays(
        roshambo._last_throws(seen), throws.numpy(), labels.numpy(), num_actions=3
    )
    order = labels.argsort(stable=True)
    labelled, queries = dataset.select(order[[0, 1, 4, 5]]), dataset.select(order[[2, 3, 6, 7]])
    assert roshambo.pooled_accuracy(labelled, queries) == 1
    one_each = dataset.select(order[[0, 4]])  # nothing to leave out
    assert roshambo.pooled_accuracy(one_each, queries) == 1


def test_a_seed_determines_all_throws():
    once, again, other = (play(seed, num_steps=12) for seed in (1, 1, 2))
    assert len(once) == 43 * 42
    assert once.checksum() == again.checksum() != other.checksum()


def test_bad_input_is_named(monkeypatch):
    with pytest.raises(ValueError, match="num_steps must be at most 1000, got 1001"):
        play(num_steps=1001)
    with pytest.raises(ValueError, match="OpenSpiel has no game 'holdem'"):
        roshambo.load_game("holdem")
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    with pytest.raises(ValueError, match=r"pip install 'paperlib\[benchmark\]'"):
        roshambo.bot_names()
