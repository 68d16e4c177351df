"""Games of one policy, with a context about its opponents, against some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from paperlib.agents import contextual_games
from paperlib.agents.contexts import OpponentContext
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder
from paperlib.training import Progress, no_progress

Weights = Mapping[str, Tensor]  # a wrestler's `state_dict`


def score(shares: Mapping[str, float]) -> float:
    """Score from shares of games won, drawn and lost: 1 for a win, ½ for a draw."""
    return shares["won"] + shares["drawn"] / 2


def mean_score(opponents: Sequence[Mapping[str, float]]) -> float:
    """Mean of the `score` against several opponents."""
    return float(np.mean([score(shares) for shares in opponents]))


def score_error(scores: NDArray[np.float64], num_games: int) -> float:
    """Standard error of a mean score over opponents, of one policy or of one for each opponent;
    an upper bound if games are drawn.

    Args:
        scores: scores against each opponent, (Q,).
        num_games: independent games against each opponent.
    """
    return float(np.sqrt(np.mean(scores * (1 - scores)) / (num_games * len(scores))))


def make_opponent_context(
    context_spec: Mapping[str, Any], num_envs: int, opponents: Sequence[int]
) -> OpponentContext:
    """A context about some of the opponents.

    Args:
        context_spec: arguments of `OpponentContext`, except that "model" may be a file, and
            "offline" has a row for every opponent there is.
        num_envs: matches played at a time.
        opponents: rows of "offline" to use, in this order.
    """
    arguments = dict(context_spec)
    if isinstance(arguments.get("model"), Path):
        arguments["model"] = PolicyEmbedder.load(arguments["model"])
    if arguments.get("offline") is not None:
        arguments["offline"] = arguments["offline"][list(opponents)]
    return OpponentContext(num_envs=num_envs, num_opponents=len(opponents), **arguments)


def evaluate(
    learner: Wrestler,
    context_spec: Mapping[str, Any],
    opponents: Sequence[Weights],
    chosen: Sequence[int],
    *,
    num_games: int,
    key: Sequence[int],
    num_rounds: int = 1,
) -> list[dict[str, float]]:
    """Shares of games that a policy wins, loses and draws against each of some opponents.

    Args:
        learner: policy that takes the context.
        context_spec: see `make_opponent_context`.
        opponents: weights of all opponents.
        chosen: numbers of the opponents that play.
        num_games: games against each opponent, side by side.
        key: key of the random streams.
        num_rounds: rounds of ``num_games``, one after the other if the context is "online"; else
            all are played side by side, which is faster.
    """
    if context_spec["kind"] != "online":  # nothing passes from a game to the next
        num_games, num_rounds = num_games * num_rounds, 1
    context = make_opponent_context(context_spec, num_games * len(chosen), chosen)
    numbers = np.arange(len(chosen)).repeat(num_games)
    players = [Wrestler.from_state(opponents[number]) for number in chosen]
    # One thread: policies are jobs of one core each
    played = contextual_games.meet(
        [(learner, context)], players, numbers, key=key, num_rounds=num_rounds, num_threads=1
    )
    whom = np.tile(numbers, num_rounds)
    return [played.select(whom == k).shares() for k in range(len(chosen))]


def evaluate_groups(
    *,
    groups: Mapping[str, Sequence[int]],
    key: Sequence[int],
    progress: Progress = no_progress,
    **arguments: Any,
) -> dict[str, list[dict[str, float]]]:
    """A job for `jobs.run_jobs`: what `evaluate` returns, by group of opponents.

    Args:
        groups: opponents in each group.
        key: key of the random streams.
        progress: called after each group.
        arguments: other arguments of `evaluate`.
    """
    found = {}
    for number, (group, chosen) in enumerate(groups.items()):
        found[group] = evaluate(chosen=chosen, key=(*key, number), **arguments)
        progress(1)
    return found


def meet(
    *,
    sides: Sequence[tuple[Wrestler, Mapping[str, Any]]],
    num_games: int,
    num_rounds: int,
    max_cycles: int,
    key: Sequence[int],
    progress: Progress = no_progress,
) -> list[float]:
    """A job for `jobs.run_jobs`: shares of games that the first of two policies wins, draws and
    loses against the second.

    Args:
        sides: both policies, each with the ``context_spec`` of `make_opponent_context` for its
            context about a single opponent.
        num_games: games side by side.
        num_rounds: rounds of ``num_games``, one after the other.
        max_cycles: steps until a match is a draw.
        key: key of the random streams.
        progress: called after all games.
    """
    players = [(policy, make_opponent_context(spec, num_games, [0])) for policy, spec in sides]
    opponent = np.zeros(num_games, dtype=np.int64)
    options = {"num_rounds": num_rounds, "max_cycles": max_cycles, "num_threads": 1}
    shares = contextual_games.meet(players, [], opponent, key=key, **options).shares()
    progress(1)
    return [shares[how] for how in ("won", "drawn", "lost")]
