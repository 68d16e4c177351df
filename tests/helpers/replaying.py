"""Plays poker's trajectories again in OpenSpiel's own game."""

from __future__ import annotations

import torch

from reproduction import roshambo
from reproduction.poker import PokerEpisodes, PokerProtocol


def replay(protocol: PokerProtocol, episodes: PokerEpisodes) -> dict[str, int]:
    """Plays the episodes again in OpenSpiel's own game, with the cards that both players saw.

    Every move must be by the player whose turn it is, from its information state, with its legal
    actions; the reward must be player 0's return if the hand is over, and player 1's negative one.

    Returns:
        How many "moves" of both players were played again, and how many "hands" ended.

    Raises:
        ValueError: if OpenSpiel is not installed, or at the first difference.
    """
    game, theirs = protocol.game, roshambo.load_game(protocol.game.name)
    places = (game.state_index >= 0).nonzero()  # node, private and public card of a state
    cards = torch.zeros(len(game.information_states), 2, dtype=torch.long)
    cards[game.state_index[places.unbind(1)]] = places[:, 1:]
    cards, seen = cards.tolist(), game.information_states.tolist()
    legal, counts = game.legal_actions.tolist(), {"moves": 0, "hands": 0}
    for episode, steps in enumerate(zip(*(x.tolist() for x in episodes.trajectories), strict=True)):
        for step, (own, action, other, reply, reward) in enumerate(zip(*steps, strict=True)):
            where, dealt = f"step {step} of episode {episode}", cards[own][1:]
            if step == 0 or state.is_terminal():
                state, dealt = theirs.new_initial_state(), [cards[own][0], cards[other][0]]
            for card in dealt if state.is_chance_node() else ():
                _require(card in state.legal_actions(), where)
                state.apply_action(card)
            for player, number, move in ((0, own, action), (1, other, reply)):
                if player == 1 and state.current_player() != 1:
                    _require(number == move == -1, where)
                    continue
                _require(state.current_player() == player, where)
                _require(state.information_state_tensor() == seen[number], where)
                _require(state.legal_actions_mask() == legal[number], where)
                _require(move in state.legal_actions(), where)
                state.apply_action(move)
                counts["moves"] += 1
            returns = state.returns() if state.is_terminal() else [0, 0]
            _require(returns == [reward, -reward], where)
            counts["hands"] += state.is_terminal()
    return counts


def _require(same: bool, where: str) -> None:
    if not same:
        raise ValueError(f"episodes: OpenSpiel's game differs in {where}")
