"""Two-player Kuhn and Leduc poker, many hands at once.

Rules, actions and information states are those of OpenSpiel's games of the same names (Lanctot et
al. 2019), with its default parameters. Both are limit poker, player 0 begins each round:

| game        | cards              | rounds | ante | raise   | raises a round | actions           |
|-------------|--------------------|--------|------|---------|----------------|-------------------|
| kuhn_poker  | 3, one of each     | 1      | 1    | 1       | 1              | pass, bet         |
| leduc_poker | 6, two of a rank   | 2      | 1    | 2 and 4 | 2              | fold, call, raise |

In Kuhn poker, pass is a check or a fold, and bet a bet or a call. In Leduc poker a public card is
shown between the rounds; a player whose card has its rank wins, otherwise the higher rank does.

Information states, zeros and ones, in this order:

| field        | size of Kuhn | size of Leduc | content                                          |
|--------------|--------------|---------------|--------------------------------------------------|
| player       | 2            | 2             | whose information it is                          |
| private card | 3            | 6             | one-hot                                          |
| public card  | 0            | 6             | one-hot; zeros before it is shown                |
| bets         | 3 × 2        | 2 × 4 × 2     | moves of each round: (1, 0) passes or calls,     |
|              |              |               | (0, 1) bets or raises, zeros for those to come   |
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float32, Int64
from torch import Tensor

from paperlib import _checks

GAMES = ("kuhn_poker", "leduc_poker")
OVER = -1  # in place of the player to move, once a hand is over
FOLD, CALL, RAISE = range(3)  # Leduc's actions; Kuhn's map to these, depending on the bet


class _Rules(NamedTuple):
    """The rules in which the games differ."""

    ranks: tuple[int, ...]  # one for each card
    raise_sizes: tuple[int, ...]  # one for each round
    max_raises: int  # in one round
    max_moves: int  # in one round
    shows_public_card: bool


RULES = {
    "kuhn_poker": _Rules((0, 1, 2), (1,), 1, 3, False),
    "leduc_poker": _Rules((0, 0, 1, 1, 2, 2), (2, 4), 2, 4, True),
}


class _Node(NamedTuple):
    """A sequence of moves, apart from the cards."""

    rounds: tuple[tuple[int, ...], ...]  # moves of each round that has begun
    stakes: tuple[int, int]  # chips that each player has put in
    player: int  # whose turn it is, or OVER
    folded: int  # who folded, or -1


class Hands(NamedTuple):
    """A batch of H hands, in progress or over.

    Attributes:
        cards: player 0's, player 1's, and the public card, dealt from the start, (H, 3).
        nodes: the node of the game that the moves so far led to, 0 to N - 1, (H,).
    """

    cards: Int64[Tensor, "hand 3"]
    nodes: Int64[Tensor, " hand"]


@dataclasses.dataclass(frozen=True, eq=False)
class PokerGame:
    """A game as tables; `make_game` builds them. I information states, A actions, N nodes, C cards.

    Attributes:
        name: one of `GAMES`.
        information_states: (I, O), zeros and ones; see the module's table.
        legal_actions: whether an action is legal in an information state, (I, A).
        state_players: whose turn it is in each information state, (I,).
        deals: all equally likely cards of a hand, (number, 3).
        players: whose turn it is at each node, or `OVER`, (N,).
        successors: next node by node and action; -1 where it is not legal, (N, A).
        payoffs: player 0's payoff at a final node, in chips, if nobody, player 0 or player 1 has
            the better cards, (N, 3); 0 at other nodes.
        better_cards: 1 if player 0's cards are better, -1 if player 1's, by all three, (C, C, C).
        state_index: information state by node, private and public card; -1 for none, (N, C, C).
    """

    name: str
    information_states: Float32[Tensor, "state obs"]
    legal_actions: Bool[Tensor, "state act"]
    state_players: Int64[Tensor, " state"]
    deals: Int64[Tensor, "deal 3"]
    players: Int64[Tensor, " node"]
    successors: Int64[Tensor, "node act"]
    payoffs: Float32[Tensor, "node 3"]
    better_cards: Int64[Tensor, "card card card"]
    state_index: Int64[Tensor, "node card card"]

    @property
    def num_actions(self) -> int:
        return self.legal_actions.shape[1]

    def deal(self, num_hands: int, *, generator: torch.Generator) -> Hands:
        """New hands, each from a full deck, before the first move."""
        drawn = torch.randint(len(self.deals), (num_hands,), generator=generator)
        return Hands(self.deals[drawn], torch.zeros(num_hands, dtype=torch.long))

    def turns(self, hands: Hands) -> Int64[Tensor, " hand"]:
        """Whose turn it is: 0, 1 or `OVER`."""
        return self.players[hands.nodes]

    def states(self, hands: Hands) -> Int64[Tensor, " hand"]:
        """The information state of the player to move, 0 to I - 1; -1 in hands that are over."""
        players = self.turns(hands).clamp(min=0)
        private = hands.cards.gather(1, players[:, None])[:, 0]
        return self.state_index[hands.nodes, private, hands.cards[:, 2]]

    def step(self, hands: Hands, actions: Int64[Tensor, " hand"]) -> Hands:
        """The hands after one action, 0 to A - 1, of the players to move.

        Raises:
            ValueError: if an action is not legal, or a hand is over.
        """
        num_actions = self.successors.shape[1]
        if actions.shape != hands.nodes.shape or ((actions < 0) | (actions >= num_actions)).any():
            raise ValueError(f"actions must be one for each hand, 0 to {num_actions - 1}")
        nodes = self.successors[hands.nodes, actions]
        if (nodes < 0).any():
            wrong = int((nodes < 0).nonzero()[0])
            raise ValueError(f"actions: {int(actions[wrong])} is not legal in hand {wrong}")
        return Hands(hands.cards, nodes)

    def returns(self, hands: Hands) -> Float32[Tensor, " hand"]:
        """Player 0's returns, in chips; player 1's are their negatives. 0 in hands in progress."""
        first, second, public = hands.cards.unbind(1)
        return self.payoffs[hands.nodes, self.better_cards[first, second, public] % 3]


@functools.cache
def make_game(name: str) -> PokerGame:
    """The tables of a game.

    Args:
        name: one of `GAMES`.

    Raises:
        ValueError: if there is no such game.
    """
    _checks.one_of("name", name, GAMES)
    rules = RULES[name]
    nodes = [_Node(((),), (1, 1), 0, -1)]
    successors = []
    for node in nodes:  # the list grows in the loop
        successors.append([])
        for action in range(RAISE if name == "kuhn_poker" else RAISE + 1):
            move = _move_of(action, node, rules, kuhn=name == "kuhn_poker")
            successors[-1].append(-1 if move is None else len(nodes))
            if move is not None:
                nodes.append(_after(node, move, rules))
    next_nodes = torch.tensor(successors)
    observed, legal, players, index = _information_states(nodes, next_nodes >= 0, rules)
    deals = torch.tensor(list(itertools.permutations(range(len(rules.ranks)), 3)))
    return PokerGame(
        name=name,
        information_states=observed,
        legal_actions=legal,
        state_players=players,
        deals=deals,
        players=torch.tensor([node.player for node in nodes]),
        successors=next_nodes,
        payoffs=torch.tensor([_payoffs(node) for node in nodes]),
        better_cards=_better_cards(rules),
        state_index=index,
    )


def _move_of(action: int, node: _Node, rules: _Rules, *, kuhn: bool) -> int | None:
    """The move that an action stands for at a node; None where it is not legal."""
    if node.player == OVER:
        return None
    facing_a_bet = node.stakes[0] != node.stakes[1]
    if kuhn:
        return action + (FOLD if facing_a_bet else CALL)
    raises = node.rounds[-1].count(RAISE)
    legal = {FOLD: facing_a_bet, CALL: True, RAISE: raises < rules.max_raises}[action]
    return action if legal else None


def _after(node: _Node, move: int, rules: _Rules) -> _Node:
    """The node that a legal move leads to."""
    me, stakes, moves = node.player, list(node.stakes), (*node.rounds[-1], move)
    rounds = (*node.rounds[:-1], moves)
    if move == FOLD:
        return _Node(rounds, node.stakes, OVER, me)
    stakes[me] = stakes[1 - me]
    if move == RAISE:
        stakes[me] += rules.raise_sizes[len(rounds) - 1]
    if move == RAISE or len(moves) == 1:  # after a first check, the other player moves
        return _Node(rounds, tuple(stakes), 1 - me, -1)
    if len(rounds) < len(rules.raise_sizes):
        return _Node((*rounds, ()), tuple(stakes), 0, -1)
    return _Node(rounds, tuple(stakes), OVER, -1)


def _payoffs(node: _Node) -> list[float]:
    """Player 0's return if nobody, player 0 or player 1 has the better cards."""
    if node.player != OVER:
        return [0.0, 0.0, 0.0]
    if node.folded >= 0:
        return [float(node.stakes[1]) if node.folded else -float(node.stakes[0])] * 3
    return [0.0, float(node.stakes[1]), -float(node.stakes[0])]


def _better_cards(rules: _Rules) -> Int64[Tensor, "card card card"]:
    ranks = torch.tensor(rules.ranks)
    strengths = ranks[:, None].expand(-1, len(ranks)).clone()  # (private, public)
    if rules.shows_public_card:
        strengths += 10 * (ranks[:, None] == ranks)  # a pair beats any rank
    return (strengths[:, None] - strengths[None]).sign()


def _information_states(
    nodes: list[_Node], legal: Tensor, rules: _Rules
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All information states, their legal actions and players, and `PokerGame.state_index`."""
    num_cards, num_rounds = len(rules.ranks), len(rules.raise_sizes)
    eye = torch.eye(num_cards)
    index = torch.full((len(nodes), num_cards, num_cards), -1)
    rows, at = [], []
    for number, node in enumerate(nodes):
        if node.player == OVER:
            continue
        bets = torch.zeros(num_rounds, rules.max_moves, 2)
        for played, moves in enumerate(node.rounds):
            for place, move in enumerate(moves):
                bets[played, place, move - CALL] = 1.0
        shown = len(node.rounds) > 1
        for private in range(num_cards):
            for public in (card for card in range(num_cards) if card != private):
                if shown or index[number, private].max() < 0:
                    fields = [torch.eye(2)[node.player], eye[private]]
                    if rules.shows_public_card:
                        fields.append(eye[public] * shown)
                    rows.append(torch.cat([*fields, bets.flatten()]))
                    at.append(number)
                index[number, private, public] = len(rows) - 1
    players = torch.tensor([nodes[number].player for number in at])
    return torch.stack(rows), legal[at], players, index
