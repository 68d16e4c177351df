"""Whole matches of RoboSumo between any players, many at once."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from paperlib.environments.robosumo import NO_ONE, RoboSumo
from reproduction.statistics import Estimate, wilson_interval

UNASSIGNED = -1  # sits there

Recorder = Callable[
    [int, Sequence[NDArray[np.float32]], Sequence[NDArray[np.float32]], NDArray[np.bool_]], None
]


@runtime_checkable
class Player(Protocol):
    """Whoever has a policy: a `wrestlers.Wrestler`, a `published_policies.PublishedPolicy`, ..."""

    def act(
        self, observations: Tensor, memory: Any = None, *, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        """Actions, (B, A), for observations, (B, O), and the memory for the next step.

        A memory is None, or a tuple of tensors whose first axis is B; it is None when matches
        begin.
        """
        ...


@dataclasses.dataclass(frozen=True)
class ZeroAction:
    """A robot without torques.

    Attributes:
        action_size: A.
    """

    action_size: int

    def act(
        self, observations: Tensor, memory: Any = None, *, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        return torch.zeros(len(observations), self.action_size), None


@dataclasses.dataclass(frozen=True)
class UniformlyRandom:
    """A robot whose torques are uniform in [-1, 1].

    Attributes:
        action_size: A.
    """

    action_size: int

    def act(
        self, observations: Tensor, memory: Any = None, *, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        return 2 * torch.rand(len(observations), self.action_size, generator=generator) - 1, None


def sample_actions(
    actions: NDArray[np.float32],
    observations: NDArray[np.float32],
    players: Sequence[Player],
    player_ids: NDArray[np.int64],
    *,
    memories: dict[int, Any],
    generator: torch.Generator,
) -> None:
    """Lets players act in their player_ids.

    Args:
        actions: of one robot in all matches, (N, A); written where a player sits.
        observations: of that robot, (N, O).
        players: who can play.
        player_ids: the player's number, or `UNASSIGNED`, (N,).
        memories: of each player, by number; updated.
        generator: draws the actions.
    """
    for who in np.unique(player_ids[player_ids != UNASSIGNED]).tolist():
        rows = player_ids == who
        seen = torch.from_numpy(observations[rows])
        drawn, memories[who] = players[who].act(seen, memories.get(who), generator=generator)
        actions[rows] = drawn.numpy()


@dataclasses.dataclass(frozen=True)
class Results:
    """How N matches ended.

    Attributes:
        winner: 0 or 1, or `robosumo.NO_ONE`, (N,).
        lost: which robots lost, (N, 2).
        reasons: index into `robosumo.REASONS`, (N,).
        lengths: steps, (N,).
    """

    winner: NDArray[np.int64]
    lost: NDArray[np.bool_]
    reasons: NDArray[np.int64]
    lengths: NDArray[np.int64]

    def select(self, chosen: NDArray[Any]) -> Results:
        """Of some of the matches: a mask, or their numbers."""
        parts = dataclasses.astuple(self)
        return Results(*(part[chosen] for part in parts))

    def shares(self) -> dict[str, Estimate]:
        """Of the matches that the first robot "won", "lost", or were "drawn"."""
        outcomes = {"won": 0, "lost": 1, "drawn": NO_ONE}
        return {name: wilson_interval(self.winner == who) for name, who in outcomes.items()}


def play(
    env: RoboSumo,
    players: Sequence[Player],
    player_ids: ArrayLike,
    *,
    generator: torch.Generator,
    watch: Callable[[RoboSumo], None] = lambda env: None,
    record: Recorder | None = None,
) -> Results:
    """Plays one match in each of an environment's places, from the beginning to the end.

    Args:
        env: N matches, with ``auto_reset=False``.
        players: who can play.
        player_ids: numbers of the players who play each match, (N, 2).
        generator: draws the players' actions.
        watch: called when the matches have begun, and after each step.
        record: called before each step with its number, both robots' observations, (N, O), and
            actions as they act, (N, A), and which matches go on, (N,).

    Raises:
        ValueError: if the environment resets itself, or player_ids do not fit it or the players.
    """
    player_ids = np.asarray(player_ids)
    if env.auto_reset:
        raise ValueError("env must have auto_reset=False: one match is played in each place")
    if (
        player_ids.shape != (env.num_envs, 2)
        or player_ids.min() < 0
        or player_ids.max() >= len(players)
    ):
        raise ValueError(
            f"player_ids must be ({env.num_envs}, 2) numbers of the {len(players)} players, got "
            f"shape {player_ids.shape}, {player_ids.min()} to {player_ids.max()}"
        )
    observations = env.reset()
    actions = [np.zeros((env.num_envs, size), dtype=np.float32) for size in env.action_sizes]
    memories: tuple[dict[int, Any], ...] = {}, {}
    winner = np.full(env.num_envs, NO_ONE)
    lost = np.zeros((env.num_envs, 2), dtype=bool)
    reasons, lengths = np.zeros_like(winner), np.zeros_like(winner)
    watch(env)
    for time in itertools.count():
        if not env.playing.any():
            break
        for robot in (0, 1):
            sample_actions(
                *(actions[robot], observations[robot], players, player_ids[:, robot]),
                memories=memories[robot],
                generator=generator,
            )
        before = env.playing
        if record is not None:
            record(time, observations, [part.clip(-1, 1) for part in actions], before)
        step = env.step(actions)
        observations = step.observations
        ended = before & step.done
        winner[ended], lost[ended] = step.winner[ended], step.lost[ended]
        reasons[ended], lengths[ended] = step.reasons[ended], step.lengths[ended]
        watch(env)
    return Results(winner, lost, reasons, lengths)
