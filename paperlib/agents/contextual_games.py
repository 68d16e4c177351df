"""Games of policies that are conditioned on a context about their opponent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from paperlib import streams
from paperlib.agents import matches
from paperlib.agents.contexts import OpponentContext
from paperlib.agents.players import Player
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_rules import MAX_CYCLES


class ContextualPolicy:
    """A wrestler with its context in each of N matches: a `players.Player` that plays all of them.

    Args:
        wrestler: a wrestler with context inputs.
        contexts: one per match, (N, C). They are part of the memory, whose rows follow the matches.
    """

    def __init__(self, wrestler: Wrestler, contexts: Float[Tensor, "match context"]) -> None:
        self.wrestler, self.contexts = wrestler, contexts

    def act(
        self, observations: Tensor, memory: Any = None, *, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        contexts, *own = (self.contexts,) if memory is None else memory
        actions, after = self.wrestler.act(
            observations, tuple(own) or None, generator=generator, context=contexts
        )
        return actions, (contexts, *(after or ()))


def meet(
    sides: Sequence[tuple[Wrestler, OpponentContext]],
    fixed_opponents: Sequence[Player],
    opponents: NDArray[np.int64],
    *,
    key: Sequence[int],
    num_rounds: int = 1,
    max_cycles: int = MAX_CYCLES,
    num_threads: int = 0,
) -> matches.Results:
    """Plays N matches between two contextual policies, or between one and fixed opponents.

    If a context is "online", all matches are first played ``num_episodes`` times without counting,
    the first time with vectors of zeros, then with means over the last ``num_episodes`` games.

    Args:
        sides: one or two players, each with a context for N matches.
        fixed_opponents: play the second robot where there is one side.
        opponents: index of the fixed opponent in each match, (N,); with two sides, the row of both
            contexts' tables.
        key: key of the random streams.
        num_rounds: G, number of games of each match that count, played one after the other.
        max_cycles: steps until a match is a draw.
        num_threads: number of physics threads, 0 for all CPUs; does not affect the results.

    Returns:
        Results of the first game that counts in all N matches, then the second, and so on, G * N.
    """
    env_ids = np.arange(len(opponents))
    player_ids = np.stack([np.zeros_like(opponents), 1 + opponents * (len(sides) == 1)], axis=1)

    def record(time: int, seen: Sequence, acted: Sequence, playing: NDArray[np.bool_]) -> None:
        for robot, (_, context) in enumerate(sides):
            context.watch(seen[1 - robot], acted[1 - robot], playing)

    before = max((c.num_episodes for _, c in sides if c.running), default=0)
    counted = []
    for game in range(before + num_rounds):
        generator = streams.make_generator(*key, game)
        seeds = torch.randint(2**62, (len(opponents),), generator=generator)
        for _, context in sides:
            if not context.running:
                context.begin(env_ids, opponents, generator=generator)
            elif game:
                context.next_game()
            else:
                context.first_game()
        players = [ContextualPolicy(wrestler, context.vectors) for wrestler, context in sides]
        env = RoboSumo(
            seeds.tolist(), auto_reset=False, max_cycles=max_cycles, num_threads=num_threads
        )
        played = matches.play(
            env,
            [*players, *fixed_opponents],
            player_ids=player_ids,
            generator=generator,
            record=record,
        )
        if game >= before:
            counted.append(played)
    return matches.Results.joined(counted)
