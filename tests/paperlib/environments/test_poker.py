"""Poker: against OpenSpiel's own games action by action, and by hand."""

import pytest
import torch

from paperlib import streams
from paperlib.environments import poker
from paperlib.environments.poker import CALL, FOLD, OVER, RAISE, Hands, make_game

GAMES = pytest.mark.parametrize("name", poker.GAMES)


def hand(*cards):
    """One hand of these cards (player 0's, player 1's, public) before the first move."""
    return Hands(torch.tensor([cards]), torch.zeros(1, dtype=torch.long))


def after(game, cards, actions):
    hands = hand(*cards)
    for action in actions:
        hands = game.step(hands, torch.tensor([action]))
    return hands


@GAMES
def test_random_hands_are_those_of_openspiel(name):
    pyspiel = pytest.importorskip("pyspiel")
    theirs, game, generator = pyspiel.load_game(name), make_game(name), streams.make_generator(1)
    hands = game.deal(300, generator=generator)
    states = [theirs.new_initial_state() for _ in hands.nodes]
    chance = list(hands.cards.tolist())
    for cards, state in zip(chance, states, strict=True):
        state.apply_action(cards[0])
        state.apply_action(cards[1])
    for _ in range(12):
        for k, state in enumerate(states):
            if state.is_chance_node():
                state.apply_action(chance[k][2])
        turns, numbers = game.turns(hands), game.states(hands)
        going = [k for k, state in enumerate(states) if not state.is_terminal()]
        assert (turns != OVER).nonzero()[:, 0].tolist() == going
        ours = game.returns(hands)
        for k, state in enumerate(states):
            if state.is_terminal():
                assert numbers[k] == -1 and state.returns() == [ours[k], -ours[k]]
                continue
            assert ours[k] == 0 and turns[k] == state.current_player()
            seen = state.information_state_tensor(state.current_player())
            assert game.information_states[numbers[k]].tolist() == seen
            assert game.state_players[numbers[k]] == turns[k]
            legal = game.legal_actions[numbers[k]]
            assert legal.nonzero()[:, 0].tolist() == state.legal_actions()
        if not going:
            return
        legal = game.legal_actions[numbers[going]].float()
        actions = legal.multinomial(1, generator=generator)[:, 0]
        moved = game.step(Hands(hands.cards[going], hands.nodes[going]), actions)
        hands.nodes[going] = moved.nodes
        for k, action in zip(going, actions.tolist(), strict=True):
            states[k].apply_action(action)
    raise AssertionError("hands do not end")


@GAMES
def test_information_states_are_all_of_openspiel(name):
    pyspiel = pytest.importorskip("pyspiel")
    game, found, histories = make_game(name), set(), [pyspiel.load_game(name).new_initial_state()]
    for state in histories:  # which grows
        if state.is_terminal():
            continue
        if not state.is_chance_node():
            found.add(tuple(state.information_state_tensor(state.current_player())))
        histories += [state.child(action) for action in state.legal_actions()]
    ours = [tuple(row) for row in game.information_states.tolist()]
    assert len(set(ours)) == len(ours) == {"kuhn_poker": 12, "leduc_poker": 936}[name]
    assert set(ours) == found


@pytest.mark.parametrize(
    ("cards", "actions", "expected"),
    [
        ((0, 2, 1), (0, 0), -1),  # pass, pass: the higher card wins the ante
        ((0, 2, 1), (1, 0), 1),  # bet, pass: player 1 folds
        ((2, 0, 1), (0, 1, 0), -1),  # pass, bet, pass: player 0 folds
        ((2, 0, 1), (0, 1, 1), 2),
        ((1, 2, 0), (1, 1), -2),
    ],
)
def test_kuhn_returns_by_hand(cards, actions, expected):
    game = make_game("kuhn_poker")
    hands = after(game, cards, actions)
    assert game.turns(hands) == OVER and game.returns(hands) == expected


@pytest.mark.parametrize(
    ("cards", "actions", "expected"),
    [
        ((0, 4, 2), (RAISE, FOLD), 1),
        ((0, 4, 2), (CALL, CALL, CALL, CALL), -1),  # ranks 0 and 2
        ((0, 4, 1), (CALL, CALL, CALL, CALL), 1),  # player 0 has a pair
        ((4, 5, 0), (RAISE, CALL, RAISE, CALL), 0),  # equal ranks split the pot
        ((2, 4, 5), (RAISE, RAISE, CALL, RAISE, RAISE, CALL), -13),  # 1 + 4 + 8
        ((2, 4, 5), (RAISE, RAISE, CALL, RAISE, RAISE, FOLD), -9),  # 1 + 4 + 4
    ],
)
def test_leduc_returns_by_hand(cards, actions, expected):
    game = make_game("leduc_poker")
    hands = after(game, cards, actions)
    assert game.turns(hands) == OVER and game.returns(hands) == expected


def test_the_public_card_is_hidden_in_the_first_round():
    game = make_game("leduc_poker")
    assert game.states(hand(0, 3, 2)) == game.states(hand(0, 4, 5))
    second_round = [after(game, cards, (CALL, CALL)) for cards in ((0, 3, 2), (0, 4, 5))]
    assert game.states(second_round[0]) != game.states(second_round[1])


def test_deals_are_uniform(generator):
    hands = make_game("kuhn_poker").deal(6000, generator=generator)
    _, counts = hands.cards.unique(dim=0, return_counts=True)
    assert len(counts) == 6 and counts.min() > 850  # 1000 ± 29 expected


def test_unknown_games_and_illegal_actions_are_named():
    with pytest.raises(ValueError, match=r"name must be one of .*; got 'holdem'"):
        make_game("holdem")
    with pytest.raises(ValueError, match="actions: 0 is not legal in hand 0"):
        after(make_game("leduc_poker"), (0, 1, 2), (FOLD,))
    game = make_game("kuhn_poker")
    hands = game.deal(2, generator=torch.Generator())
    for actions in ([0, 2], [-1, 0], [0]):
        with pytest.raises(ValueError, match="actions must be one for each hand, 0 to 1"):
            game.step(hands, torch.tensor(actions))
    with pytest.raises(ValueError, match="actions: 1 is not legal in hand 0"):
        after(make_game("kuhn_poker"), (0, 1, 2), (1, 1, 1))
