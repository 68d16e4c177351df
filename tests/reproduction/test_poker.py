"""The protocol: sizes, who plays, scales, determinism, and errors."""

import dataclasses

import pytest
import torch
from replaying import replay

from paperlib import streams
from paperlib.environments import poker as games
from reproduction.poker import (
    likelihood_ceilings,
    make_protocol,
    policy_distances,
    with_replies,
)

SMALL = {
    "num_pretraining_agents": 4,
    "num_evaluation_agents": 3,
    "num_episodes": 6,
    "num_train_episodes": 2,
    "num_test_episodes": 5,
    "num_steps": 30,
}


def make(name="kuhn_poker", *, seed=0, **changes):
    return make_protocol(name, **(SMALL | changes), generator=streams.make_generator(seed))


@pytest.mark.parametrize("name", games.GAMES)
def test_sizes_and_agents(name):
    protocol = make(name)
    assert protocol.policies.shape[0] == 7
    for part, agents, count in (
        (protocol.pretraining, range(4), 6),
        (protocol.train, range(4, 7), 2),
        (protocol.test, range(4, 7), 5),
    ):
        dataset = part.dataset
        found, counts = dataset.agents.unique(return_counts=True)
        assert found.tolist() == list(agents) and (counts == count).all()
        assert dataset.partners.min() >= 0 and dataset.partners.max() < 4
        assert dataset.num_actions == protocol.game.num_actions
        expected = protocol.scaled_states[part.trajectories.states.long()]
        assert torch.equal(dataset.observations, expected)
        assert torch.equal(dataset.actions.long(), part.trajectories.actions.long())
        torch.testing.assert_close(dataset.returns, part.trajectories.rewards.sum(1))


def test_states_are_scaled_by_what_was_seen():
    scaled = make().scaled_states
    own = scaled[make().game.state_players == 0]
    # player 0 sees itself always: 1 is the smallest number and scaled to -1, as is the other 0
    assert (own[:, :2] == -1).all()
    assert set(own[:, 2:5].unique().tolist()) == {-1.0, 1.0}


def test_a_seed_determines_everything():
    one, again, other = make(seed=1), make(seed=1), make(seed=2)
    for part in ("pretraining", "train", "test"):
        checksums = [getattr(p, part).dataset.checksum() for p in (one, again, other)]
        assert checksums[0] == checksums[1] != checksums[2]


def test_true_policies_identify_best():
    """The likelihood from the true policies is a ceiling, pooled counts come close."""
    sizes = {"num_evaluation_agents": 20, "num_test_episodes": 20, "num_steps": 100}
    protocol = make(num_train_episodes=5, **sizes)
    found = likelihood_ceilings(protocol)
    assert 0.6 < found["pooled"] <= found["true"] + 0.02


@pytest.mark.parametrize("name", games.GAMES)
def test_trajectories_are_openspiels_games(name):
    pytest.importorskip("pyspiel")
    protocol = make(name, num_steps=100)
    found = replay(protocol, protocol.pretraining)
    record = protocol.pretraining.trajectories
    assert found["moves"] == record.states.numel() + (record.replies >= 0).sum()
    assert found["hands"] > 900


@pytest.mark.parametrize("part", ["actions", "replies", "rewards"])
@pytest.mark.parametrize("name", games.GAMES)
def test_a_replay_notices_any_wrong_entry(name, part):
    """In any step but the last, whose hand may go on after the record."""
    pytest.importorskip("pyspiel")
    protocol = make(name, num_steps=25)
    record = protocol.test.trajectories
    for step in range(24):
        changed = getattr(record, part).clone()
        changed[0, step] += 1 if changed[0, step] <= 0 else -1
        wrong = dataclasses.replace(protocol.test, trajectories=record._replace(**{part: changed}))
        with pytest.raises(ValueError, match=r"OpenSpiel's game differs in step \d+ of episode 0"):
            replay(protocol, wrong)


def test_replies_are_what_the_opponent_saw_and_did():
    protocol = make("leduc_poker")
    found, record = with_replies(protocol, protocol.train), protocol.train.trajectories
    silent = record.replies < 0
    assert found.num_partner_actions == 4 and silent.any() and not silent.all()
    assert (found.partner_actions[silent] == 3).all()
    assert (found.partner_observations[silent] == 0).all()
    assert torch.equal(found.partner_actions[~silent].long(), record.replies[~silent].long())
    seen = protocol.scaled_states[record.reply_states[~silent].long()]
    assert torch.equal(found.partner_observations[~silent], seen)


def test_distances_of_policies_by_hand():
    protocol = make()
    found = policy_distances(protocol)
    states = torch.cat([protocol.train.trajectories.states, protocol.test.trajectories.states])
    one, other = protocol.policies[4], protocol.policies[6]
    expected = (one - other).abs().sum(-1)[states.long()].mean() / 2
    torch.testing.assert_close(found[0, 2], expected)
    assert torch.equal(found, found.T) and (found.diagonal() == 0).all() and found.max() <= 1


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"name must be one of .*; got 'holdem'"):
        make("holdem")
    for name in SMALL:
        with pytest.raises(ValueError, match=f"{name} must be an integer of at least"):
            make(**{name: 0})
