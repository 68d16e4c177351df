"""Whole matches of RoboSumo between any players, many at once, and data sets of them."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from paperlib import _checks, streams
from paperlib.agents.players import UNASSIGNED, Player, sample_actions
from paperlib.datasets import DRAW, LOSS, WIN, InteractionDataset
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_rules import MAX_CYCLES, NO_ONE
from paperlib.graphs import InteractionGraph

Recorder = Callable[
    [int, Sequence[NDArray[np.float32]], Sequence[NDArray[np.float32]], NDArray[np.bool_]], None
]


@dataclasses.dataclass(frozen=True, eq=False)  # arrays have no single truth value
class Results:
    """How N matches ended.

    Attributes:
        winner: 0 or 1, or `robosumo_rules.NO_ONE`, (N,).
        lost: which robots lost, (N, 2).
        reasons: index into `robosumo_rules.REASONS`, (N,).
        lengths: number of steps, (N,).
    """

    winner: NDArray[np.int64]
    lost: NDArray[np.bool_]
    reasons: NDArray[np.int64]
    lengths: NDArray[np.int64]

    @classmethod
    def joined(cls, parts: Sequence[Results]) -> Results:
        """The results of all matches, one part after the other."""
        fields = [field.name for field in dataclasses.fields(cls)]
        return cls(**{n: np.concatenate([getattr(part, n) for part in parts]) for n in fields})

    def select(self, chosen: NDArray[Any]) -> Results:
        """The results of some of the matches, given by a mask or by their indices."""
        return Results(**{name: values[chosen] for name, values in vars(self).items()})

    def outcomes(self) -> dict[str, NDArray[np.bool_]]:
        """Which matches the first robot "won" and "lost", and which were "drawn", (N,) each."""
        return {
            "won": self.winner == 0,
            "lost": self.winner == 1,
            "drawn": self.winner == NO_ONE,
        }

    def shares(self) -> dict[str, float]:
        """The shares of matches that the first robot "won" and "lost", or that were "drawn"."""
        return {name: float(found.mean()) for name, found in self.outcomes().items()}


def play(
    env: RoboSumo,
    players: Sequence[Player],
    *,
    player_ids: ArrayLike,
    generator: torch.Generator,
    watch: Callable[[RoboSumo], None] = lambda env: None,
    record: Recorder | None = None,
) -> Results:
    """Plays each of an environment's matches from its beginning to its end.

    Args:
        env: N matches, with ``auto_reset=False``.
        players: the players that ``player_ids`` refers to.
        player_ids: the indices of the first and the second robot's player in each match, (N, 2).
        generator: draws the players' actions.
        watch: called when the matches have begun, and after each step.
        record: called before each step with its number, both robots' observations, (N, O), their
            actions clipped to [-1, 1], (N, A), and which matches are in progress, (N,).

    Raises:
        ValueError: if the environment resets itself, player_ids do not fit it or the players, or a
            player's actions have another shape.
    """
    player_ids = np.asarray(player_ids)
    if env.auto_reset:
        raise ValueError("env must have auto_reset=False: each of its matches is played once")
    fit = player_ids.shape == (env.num_envs, 2) and np.issubdtype(player_ids.dtype, np.integer)
    if not fit or player_ids.min() < 0 or player_ids.max() >= len(players):
        extent = f", {player_ids.min()} to {player_ids.max()}" if player_ids.size else ""
        raise ValueError(
            f"player_ids must be ({env.num_envs}, 2) indices of the {len(players)} players, got "
            f"{player_ids.dtype} of shape {player_ids.shape}{extent}"
        )
    observations = env.reset()
    actions = [np.zeros((env.num_envs, size), dtype=np.float32) for size in env.action_sizes]
    memories: tuple[dict[int, Any], ...] = {}, {}
    winner = np.full(env.num_envs, NO_ONE)
    lost = np.zeros((env.num_envs, 2), dtype=bool)
    reasons, lengths = np.zeros_like(winner), np.zeros_like(winner)
    watch(env)
    for time in itertools.count():
        playing = env.playing
        if not playing.any():
            break
        for robot in (0, 1):
            sample_actions(
                actions[robot],
                observations[robot],
                players=players,
                player_ids=np.where(playing, player_ids[:, robot], UNASSIGNED),
                memories=memories[robot],
                generator=generator,
            )
        if record is not None:
            record(time, observations, [part.clip(-1, 1) for part in actions], playing)
        step = env.step(actions)
        observations = step.observations
        ended = playing & step.done
        winner[ended], lost[ended] = step.winner[ended], step.lost[ended]
        reasons[ended], lengths[ended] = step.reasons[ended], step.lengths[ended]
        if ended.any():
            for robot, own in enumerate(memories):
                _forget(own, player_ids[playing, robot], ~ended[playing])
        watch(env)
    return Results(winner, lost, reasons, lengths)


def _forget(
    memories: dict[int, Any], player_ids: NDArray[np.int64], kept: NDArray[np.bool_]
) -> None:
    """Drops the rows of some matches from each player's memory.

    Args:
        memories: each player's memory, by index; updated in place.
        player_ids: the player of each match so far, (M,).
        kept: which matches go on, (M,).
    """
    for player, memory in memories.items():
        if memory is not None:
            rows = torch.from_numpy(kept[player_ids == player])
            parts = [part[rows] for part in memory]
            memories[player] = getattr(memory, "_make", tuple)(parts)  # keeps named tuples named


def collect(
    players: Sequence[Player],
    graph: InteractionGraph,
    *,
    num_episodes: int,
    key: Sequence[int],
    robot: str = "ant",
    max_cycles: int = MAX_CYCLES,
    num_threads: int = 0,
) -> InteractionDataset:
    """Plays matches on every edge of ``graph``, all at once; each gives an episode of each agent.

    Args:
        players: player k is agent k.
        graph: who meets whom.
        num_episodes: matches on each edge; the agents swap sides from one to the next.
        key: key of the random streams of matches and actions.
        robot: which robot all players control.
        max_cycles: steps until a match is a draw.
        num_threads: number of physics threads; does not affect the results.

    Returns:
        Episodes 2m and 2m + 1 are the first and the second robot's view of match m; edges in their
        order, matches of an edge one after another. Actions are clipped to [-1, 1]; returns
        are NaN.

    Raises:
        ValueError: if there is no edge, an agent without a player, or a number out of range.
    """
    if (last := max(graph.agents, default=0)) >= len(players):
        raise ValueError(f"graph: agent {last} is none of players 0 to {len(players) - 1}")
    if not graph.edges:
        raise ValueError("graph: there is no edge, and so no match to play")
    num_episodes = _checks.integer("num_episodes", num_episodes, minimum=1)
    player_ids = np.repeat(np.array(graph.edges), num_episodes, axis=0)  # (M, 2)
    swapped = np.tile(np.arange(num_episodes) % 2 == 1, len(graph.edges))
    player_ids[swapped] = player_ids[swapped, ::-1]
    seeds = torch.randint(2**62, (len(player_ids),), generator=streams.make_generator(*key, 0))
    env = RoboSumo(
        seeds.tolist(),
        robots=(robot, robot),
        auto_reset=False,
        max_cycles=max_cycles,
        num_threads=num_threads,
    )
    num_views = 2 * len(player_ids)
    observations = np.zeros((num_views, max_cycles, env.observation_sizes[0]), dtype=np.float32)
    actions = np.zeros((num_views, max_cycles, env.action_sizes[0]), dtype=np.float32)

    def record(time: int, seen: Sequence, acted: Sequence, playing: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(playing)
        for side in (0, 1):
            observations[2 * rows + side, time] = seen[side][rows]
            actions[2 * rows + side, time] = acted[side][rows]

    generator = streams.make_generator(*key, 1)
    played = play(env, players, player_ids=player_ids, generator=generator, record=record)
    first = np.select([played.winner == 0, played.winner == 1], [WIN, LOSS], DRAW)
    longest = played.lengths.max()
    return InteractionDataset(
        observations=torch.from_numpy(observations[:, :longest]),
        actions=torch.from_numpy(actions[:, :longest]),
        lengths=torch.from_numpy(played.lengths.repeat(2)),
        agents=torch.from_numpy(player_ids.reshape(-1)),
        partners=torch.from_numpy(player_ids[:, ::-1].reshape(-1).copy()),
        returns=torch.full((num_views,), torch.nan),
        outcomes=torch.from_numpy(np.stack([first, -first], axis=1).reshape(-1)).to(torch.int8),
        num_actions=0,
    )
