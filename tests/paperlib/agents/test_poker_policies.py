"""Random poker agents: sums by hand, statistics of what they play, and OpenSpiel's values."""

import pytest
import torch

from paperlib import streams
from paperlib.agents.poker_policies import orthogonal, play, random_policies
from paperlib.environments import poker
from paperlib.environments.poker import make_game

GAMES = pytest.mark.parametrize("name", poker.GAMES)


def uniform_policy(game):
    """Each legal action with the same probability, (1, I, A)."""
    legal = game.legal_actions.float()[None]
    return legal / legal.sum(-1, keepdim=True)


def make_table(name, *, num_tables=40, num_steps=30, seed=0):
    """A game, its agents, who sits where, and what they play."""
    game, generator = make_game(name), streams.make_generator(seed)
    policies = random_policies(game, 3, hidden_sizes=(8,), generator=generator)
    players = torch.stack([torch.arange(num_tables) % 3, torch.arange(num_tables) % 2], dim=1)
    record = play(
        game,
        policies,
        policies[:2],
        players=players,
        num_steps=num_steps,
        generator=generator,
    )
    return game, policies, players, record


@pytest.mark.parametrize(("out_size", "in_size"), [(5, 3), (3, 5), (4, 4)])
def test_orthogonal_matrices(generator, out_size, in_size):
    found = orthogonal(6, out_size, in_size, generator=generator)
    assert found.shape == (6, out_size, in_size)
    small = found if out_size <= in_size else found.mT
    identity = torch.eye(min(out_size, in_size)).expand(6, -1, -1)
    torch.testing.assert_close(small @ small.mT, identity)


def test_orthogonal_matrices_are_uniform(generator):
    """Without the signs of R's diagonal, Q's would be those of LAPACK's reflections."""
    first = orthogonal(4000, 2, 2, generator=generator)[:, 0, 0]
    assert abs(first.mean()) < 0.05  # its standard error is 0.011
    assert abs(first.square().mean() - 0.5) < 0.03


@GAMES
def test_policies_are_distributions_over_legal_actions(name, generator):
    game = make_game(name)
    policies = random_policies(game, 60, hidden_sizes=(16, 16), generator=generator)
    assert policies.shape == (60, *game.legal_actions.shape)
    torch.testing.assert_close(policies.sum(-1), torch.ones(policies.shape[:2]))
    assert torch.equal(policies > 0, game.legal_actions.expand_as(policies))
    assert policies[:, game.state_players == 0].std(0).max() > 0.1


def test_a_network_without_hidden_layers_by_hand():
    game, make = make_game("kuhn_poker"), streams.make_generator
    found = random_policies(game, 2, gain=3.0, hidden_sizes=(), generator=make(4))
    generator = make(4)
    weights = 3.0 * orthogonal(2, 2, 11, generator=generator)
    biases = 2 * torch.rand(2, 1, 2, generator=generator) - 1
    logits = game.information_states @ weights.mT + biases
    torch.testing.assert_close(found, logits.softmax(-1))


def test_a_hidden_layer_as_wide_as_the_input_by_hand():
    game, make = make_game("kuhn_poker"), streams.make_generator
    found = random_policies(game, 2, gain=1.0, hidden_sizes=(11,), generator=make(4))
    generator = make(4)
    hidden = game.information_states @ orthogonal(2, 11, 11, generator=generator).mT
    logits = hidden.tanh() @ orthogonal(2, 2, 11, generator=generator).mT
    logits += 2 * torch.rand(2, 1, 2, generator=generator) - 1
    torch.testing.assert_close(found, logits.softmax(-1))


@GAMES
def test_record_is_of_whole_hands(name):
    """Every step follows from the one before: the same hand, or a new one where a reward is."""
    game, _, _, record = make_table(name)
    states, replied = record.states.long(), record.replies >= 0
    assert states.shape == (40, 30) and states.min() >= 0
    assert (game.state_players[states] == 0).all()
    assert torch.equal(replied, record.reply_states >= 0)
    assert (game.state_players[record.reply_states[replied].long()] == 1).all()
    assert game.legal_actions[states, record.actions.long()].all()
    bets = game.information_states[states][..., -16 if name == "leduc_poker" else -6 :].sum(-1)
    assert (bets[:, 0] == 0).all()
    goes_on = (record.rewards == 0)[:, :-1] & (bets[:, 1:] > 0)
    assert (bets[:, 1:] > bets[:, :-1])[goes_on].all()
    assert (bets[:, 1:][(record.rewards != 0)[:, :-1]] == 0).all()


@GAMES
def test_actions_follow_the_policies(name):
    game, policies, players, record = make_table(name, num_tables=300, num_steps=200)
    for agent in range(3):
        rows = players[:, 0] == agent
        states, actions = record.states[rows].long(), record.actions[rows].long()
        counts = torch.zeros(game.legal_actions.shape)
        counts.index_put_((states, actions), torch.ones(states.shape), accumulate=True)
        total = counts.sum(-1, keepdim=True)
        often = total[:, 0] > 500
        error = (counts / total - policies[agent])[often].abs()
        assert often.sum() >= 3 and error.max() < 5 * 0.5 / 500**0.5


def test_play_is_determined_by_its_generator():
    again = [make_table("leduc_poker", seed=3)[-1] for _ in range(2)]
    assert all(map(torch.equal, *again))
    other = make_table("leduc_poker", seed=4)[-1]
    assert not torch.equal(again[0].states, other.states)


@GAMES
def test_expected_return_of_uniform_players(name, generator):
    """Against OpenSpiel's exact expected value."""
    pyspiel = pytest.importorskip("pyspiel")
    game = make_game(name)
    policy = uniform_policy(game)
    players = torch.zeros(2000, 2, dtype=torch.long)
    record = play(game, policy, policy, players=players, num_steps=100, generator=generator)
    state = pyspiel.load_game(name).new_initial_state()
    uniform = pyspiel.UniformRandomPolicy(pyspiel.load_game(name))
    exact = pyspiel.expected_returns(state, uniform, -1, False)[0]
    bets = game.information_states[record.states.long()][..., 5 if name == "kuhn_poker" else 14 :]
    num_hands = (bets.sum(-1) == 0).sum()
    assert abs(record.rewards.sum() / num_hands - exact) < 0.05


def test_bad_input_is_named(generator, unchecked):
    game = make_game("kuhn_poker")
    with pytest.raises(ValueError, match="num_agents must be an integer of at least 1, got 0"):
        random_policies(game, 0, generator=generator)
    with pytest.raises(ValueError, match="gain must be positive"):
        random_policies(game, 1, gain=-1.0, generator=generator)
    good, players = uniform_policy(game), torch.zeros(1, 2, dtype=torch.long)
    arguments = {"players": players, "num_steps": 2, "generator": generator}
    with pytest.raises(ValueError, match=r"opponents must be \(number, 12, 2\) in kuhn_poker"):
        play(game, good, good[:, :5], **arguments)
    leduc = make_game("leduc_poker")
    everything = torch.full((1, *leduc.legal_actions.shape), 1 / 3)
    with pytest.raises(ValueError, match="policies must be probabilities that sum to 1, 0"):
        play(leduc, everything, everything, **arguments)
    with pytest.raises(ValueError, match="opponents must be probabilities that sum to 1, 0"):
        play(game, good, torch.zeros_like(good), **arguments)
