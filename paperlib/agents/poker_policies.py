"""Untrained agents for poker, as tables of probabilities, and the hands that they play.

A game has few information states, so that a network is evaluated once in each of them, and playing
only takes look-ups.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float32, Int8, Int16, Int64
from torch import Tensor

from paperlib import _checks
from paperlib.environments.poker import OVER, PokerGame

GAIN, HIDDEN_SIZES = 2.2, (256, 256, 256)


def orthogonal(
    num_networks: int, out_size: int, in_size: int, *, generator: torch.Generator
) -> Float32[Tensor, "network out in"]:
    """Random matrices with orthonormal rows or columns, whichever are fewer, uniformly
    distributed (Saxe et al. 2014): Q of a Gaussian matrix, with the signs of R's diagonal.
    """
    long, short = max(out_size, in_size), min(out_size, in_size)
    noise = torch.randn(num_networks, long, short, generator=generator)
    q, r = torch.linalg.qr(noise)
    q *= r.diagonal(dim1=1, dim2=2).sign().unsqueeze(1)
    return q if out_size == long else q.mT


@torch.no_grad()
def random_policies(
    game: PokerGame,
    num_agents: int,
    *,
    gain: float = GAIN,
    hidden_sizes: Sequence[int] = HIDDEN_SIZES,
    generator: torch.Generator,
) -> Float32[Tensor, "agent state act"]:
    """Policies of untrained tanh networks, with a softmax over legal actions.

    Weights are orthogonal times ``gain``; biases are 0, in the last layer uniform in ±1. Each
    network acts for both players, which the information state distinguishes.

    Args:
        game: the game to play.
        num_agents: number of agents.
        gain: scale of the weights of all layers.
        hidden_sizes: sizes of the hidden layers.
        generator: draws weights and biases.

    Returns:
        Probabilities of actions, (num_agents, I, A); 0 where an action is not legal.

    Raises:
        ValueError: if there is no agent, or the gain is not positive.
    """
    num_agents = _checks.integer("num_agents", num_agents, minimum=1)
    _checks.positive("gain", gain)
    sizes = (game.information_states.shape[1], *hidden_sizes, game.num_actions)
    policies = []
    for part in torch.arange(num_agents).split(50):
        x = game.information_states.expand(len(part), -1, -1)  # (K, I, ·)
        for layer, (in_size, out_size) in enumerate(itertools.pairwise(sizes)):
            x = x.tanh() if layer else x
            x = x @ orthogonal(len(part), out_size, in_size, generator=generator).mT * gain
        x += 2 * torch.rand(len(part), 1, game.num_actions, generator=generator) - 1
        policies.append(x.masked_fill(~game.legal_actions, -torch.inf).softmax(-1))
    return torch.cat(policies)


class Trajectories(NamedTuple):
    """The play on E tables over successive hands, indexed by the steps of player 0.

    Attributes:
        states: player 0's information states, (E, T).
        actions: what player 0 did, (E, T).
        reply_states: the information state of player 1 right after, -1 where it had no turn before
            player 0's next step, (E, T).
        replies: what player 1 did then, -1 where it had no turn, (E, T).
        rewards: player 0's return, in chips, where the hand ended before its next step, else 0,
            (E, T).
    """

    states: Int16[Tensor, "table time"]
    actions: Int8[Tensor, "table time"]
    reply_states: Int16[Tensor, "table time"]
    replies: Int8[Tensor, "table time"]
    rewards: Float32[Tensor, "table time"]


def play(
    game: PokerGame,
    policies: Float32[Tensor, "agent state act"],
    opponents: Float32[Tensor, "opponent state act"],
    *,
    players: Int64[Tensor, "table 2"],
    num_steps: int,
    generator: torch.Generator,
) -> Trajectories:
    """Plays hand after hand on many tables until player 0 has acted ``num_steps`` times.

    Args:
        game: the game to play.
        policies: candidates for player 0, as probabilities: 0 where an action is not legal.
        opponents: candidates for player 1, likewise.
        players: on each table, which of ``policies`` is player 0 and which of ``opponents`` is
            player 1.
        num_steps: T.
        generator: draws cards and actions.

    Raises:
        ValueError: if policies do not fit the game, give weight to illegal actions, or
            ``num_steps`` is not a positive integer.
    """
    num_steps = _checks.integer("num_steps", num_steps, minimum=1)
    cumulated = [
        _cumulated(game, name, probabilities)
        for name, probabilities in (("policies", policies), ("opponents", opponents))
    ]
    num_tables = len(players)

    def draw(player: int, rows: Tensor, states: Tensor) -> Tensor:
        bounds = cumulated[player][players[rows, player], states, :-1]
        noise = torch.rand(len(rows), 1, generator=generator)
        return (noise >= bounds).sum(-1)

    shape = num_steps, num_tables
    record = Trajectories(
        states=torch.empty(shape, dtype=torch.int16),
        actions=torch.empty(shape, dtype=torch.int8),
        reply_states=torch.full(shape, -1, dtype=torch.int16),
        replies=torch.full(shape, -1, dtype=torch.int8),
        rewards=torch.empty(shape),
    )
    everywhere = torch.arange(num_tables)
    hands = game.deal(num_tables, generator=generator)
    for step in range(num_steps):
        states = game.states(hands)
        actions = draw(0, everywhere, states)
        hands = game.step(hands, actions)
        record.states[step], record.actions[step] = states, actions
        # In both games at most one turn of player 1 lies between two of player 0.
        rows = (game.turns(hands) == 1).nonzero()[:, 0]
        theirs = hands._replace(cards=hands.cards[rows], nodes=hands.nodes[rows])
        states = game.states(theirs)
        replies = draw(1, rows, states)
        hands.nodes[rows] = game.step(theirs, replies).nodes
        record.reply_states[step, rows] = states.to(torch.int16)
        record.replies[step, rows] = replies.to(torch.int8)
        record.rewards[step] = game.returns(hands)
        ended = game.turns(hands) == OVER
        new = game.deal(num_tables, generator=generator)
        hands = new._replace(
            cards=torch.where(ended[:, None], new.cards, hands.cards),
            nodes=torch.where(ended, new.nodes, hands.nodes),
        )
    return Trajectories(*(part.T.contiguous() for part in record))


def _cumulated(game: PokerGame, name: str, probabilities: Tensor) -> Tensor:
    """Cumulative probabilities, over actions on the last axis, that end at exactly 1."""
    if probabilities.shape[1:] != game.legal_actions.shape:
        raise ValueError(
            f"{name} must be (number, {len(game.legal_actions)}, {game.num_actions}) in "
            f"{game.name}, got {tuple(probabilities.shape)}"
        )
    sums = probabilities.cumsum(-1)
    wrong = not ((probabilities >= 0).all() and ((sums[..., -1] - 1).abs() < 1e-3).all())
    if wrong or probabilities[:, ~game.legal_actions].any():
        raise ValueError(
            f"{name} must be probabilities that sum to 1, 0 for actions that are not legal"
        )
    return sums / sums[..., -1:]
