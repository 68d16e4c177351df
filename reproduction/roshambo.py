"""OpenSpiel's rock-paper-scissors bots, as agents that others wrote.

The bots entered the International RoShamBo Programming Competition (Billings 1999 and 2000), and
come with OpenSpiel, an optional dependency. They assume matches of 1,000 throws: shorter
matches are the first throws of such a match.
"""

from __future__ import annotations

import ctypes
import math
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from paperlib import _checks
from paperlib.datasets import InteractionDataset
from paperlib.graphs import InteractionGraph
from reproduction import identification

MATCH_LENGTH = 1000  # throws that the bots assume
NUM_THROWS = 3  # rock, paper, scissors
MEMORY = 3  # how many throws back an observation reaches


def load_openspiel() -> ModuleType:
    """OpenSpiel's module.

    Raises:
        ValueError: if it is not installed.
    """
    try:
        import pyspiel
    except ImportError:
        raise ValueError(
            "OpenSpiel is not installed; pip install 'paperlib[benchmark]' would do"
        ) from None
    return pyspiel


def load_game(name: str) -> Any:
    """One of OpenSpiel's games.

    Raises:
        ValueError: if OpenSpiel is not installed or lacks the game.
    """
    pyspiel = load_openspiel()
    if name.partition("(")[0] not in pyspiel.registered_names():
        raise ValueError(f"name: OpenSpiel has no game {name!r}; pyspiel.registered_names() lists")
    return pyspiel.load_game(name)


def bot_names() -> tuple[str, ...]:
    """The names of all bots, sorted.

    Raises:
        ValueError: if OpenSpiel is not installed or was built without bots.
    """
    pyspiel = load_openspiel()
    if not hasattr(pyspiel, "roshambo_bot_names"):
        raise ValueError("OpenSpiel was built without its RoShamBo bots; its wheels have them")
    return tuple(sorted(pyspiel.roshambo_bot_names()))


def play_match(first: str, second: str, *, num_steps: int, seed: int) -> list[tuple[int, int]]:
    """The first throws of a match of two bots: 0 rock, 1 paper, 2 scissors.

    Bots draw from the C library's generator, ``random()``, which nothing else here does; it is
    seeded anew for each match, and left where the match ends.

    Args:
        first, second: names of bots.
        num_steps: throws of each bot, at most `MATCH_LENGTH`.
        seed: seed of ``random()``.
    """
    pyspiel = load_openspiel()
    game = load_game(f"repeated_game(stage_game=matrix_rps(),num_repetitions={MATCH_LENGTH})")
    state, throws = game.new_initial_state(), []
    bots = [
        pyspiel.make_roshambo_bot(seat, name, MATCH_LENGTH)
        for seat, name in enumerate((first, second))
    ]
    ctypes.CDLL(None).srandom(ctypes.c_uint(seed))
    for _ in range(num_steps):
        actions = [bot.step(state) for bot in bots]
        state.apply_actions(actions)
        throws.append(tuple(actions))
    return throws


def round_robin(
    *, num_matches: int, num_steps: int, generator: torch.Generator
) -> InteractionDataset:
    """Every bot against every other; agents are numbered as `bot_names` lists them.

    An observation is the last `MEMORY` throws of both, the latest first: for each, its own throw
    and the opponent's, both one-hot, zeros before the match; `MEMORY` × 6 numbers.

    Args:
        num_matches: matches of each pair.
        num_steps: throws of each bot, at most 1,000.
        generator: draws the seed of each match.

    Returns:
        Each match twice, seen from either bot, side by side: episodes 2k and 2k + 1 are of one
        match. Returns are throws won minus throws lost.

    Raises:
        ValueError: if OpenSpiel is not installed, or a number is out of range.
    """
    names = bot_names()
    _checks.integer("num_matches", num_matches, minimum=1)
    if not 1 <= _checks.integer("num_steps", num_steps, minimum=1) <= MATCH_LENGTH:
        raise ValueError(f"num_steps must be at most {MATCH_LENGTH}, got {num_steps}")
    pairs = np.repeat(InteractionGraph.complete(len(names)).edges, num_matches, axis=0)
    seeds = torch.randint(2**31, (len(pairs),), generator=generator).tolist()
    matches = [
        play_match(names[first], names[second], num_steps=num_steps, seed=seed)
        for (first, second), seed in zip(pairs.tolist(), seeds, strict=True)
    ]
    throws = np.array(matches)  # (M, T, 2)
    seen = np.stack([throws, throws[..., ::-1]], axis=1).reshape(-1, num_steps, 2)  # (2M, T, 2)
    won = (seen[..., 0] - seen[..., 1]) % NUM_THROWS  # 1 won, 2 lost
    scores = (won == 1).sum(1) - (won == 2).sum(1)
    return InteractionDataset.from_arrays(
        _last_throws(seen),
        seen[..., 0],
        pairs.reshape(-1),
        partners=pairs[:, ::-1].reshape(-1),
        returns=scores,
        outcomes=np.sign(scores),
        num_actions=NUM_THROWS,
    )


def _last_throws(seen: np.ndarray) -> np.ndarray:
    """Observations before each throw, (E, T, MEMORY · 6)."""
    one_hot = np.eye(NUM_THROWS, dtype=np.float32)[seen].reshape(*seen.shape[:2], -1)  # (E, T, 6)
    parts = []
    for lag in range(1, MEMORY + 1):
        part = np.zeros_like(one_hot)
        part[:, lag:] = one_hot[:, :-lag]
        parts.append(part)
    return np.concatenate(parts, axis=-1)


def throw_states(
    observations: Float[Tensor, "episode time obs"], memory: int
) -> Int[Tensor, "episode time"]:
    """The throws of both in the last ``memory`` steps, as a number; 0 if all is before the match.

    Args:
        observations: see `round_robin`.
        memory: at most `MEMORY`.
    """
    last = observations.unflatten(-1, (-1, 2, NUM_THROWS))[..., :memory, :, :]
    throws = (last * torch.arange(1, NUM_THROWS + 1)).sum(-1).flatten(-2).long()  # 0: none
    return (throws * (NUM_THROWS + 1) ** torch.arange(2 * memory)).sum(-1)


def pooled_accuracy(labelled: InteractionDataset, queries: InteractionDataset) -> float:
    """Top-1 accuracy of the likelihood under throws pooled over the labelled episodes, 0 to 1.

    A bot's throws are counted by what both threw in the last M steps. M, from 1 to the memory of
    the observations, is chosen by leaving out one labelled episode of each bot in turn
    (the shortest if each has only one).

    Args:
        labelled: episodes whose bots are known, as many of each bot, one bot after the other.
        queries: episodes of the same bots, to identify.
    """
    both = InteractionDataset.concatenate([labelled, queries])
    num_labelled = len(labelled) // len(labelled.agents.unique())
    turn = torch.arange(len(both)) % num_labelled
    has_label = torch.arange(len(both)) < len(labelled)
    turns = range(num_labelled) if num_labelled > 1 else ()
    parts = [(has_label & (turn != k), has_label & (turn == k)) for k in turns]
    best, found = -1.0, math.nan
    for memory in range(1, both.observation_size // (2 * NUM_THROWS) + 1):
        states, index = throw_states(both.observations, memory).unique(return_inverse=True)
        counts = identification.count_actions(
            index, both.actions, num_states=len(states), num_actions=NUM_THROWS
        )
        pooled = partial(identification.pooled_accuracy, counts, both.agents)
        left_out = np.mean([pooled(train=train, test=test) for train, test in parts] or [0.0])
        if left_out > best:
            best, found = left_out, pooled(train=has_label, test=~has_label)
    return found
