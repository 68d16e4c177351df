"""Matches of many wrestlers with each other: their episodes, how they ended, were fought."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paperlib import streams
from paperlib.agents import matches
from paperlib.datasets import DRAW, LOSS, WIN, InteractionDataset
from paperlib.environments.robosumo import MAX_CYCLES, RoboSumo, observation_fields
from paperlib.graphs import InteractionGraph


def collect(
    players: Sequence[matches.Player],
    graph: InteractionGraph,
    *,
    num_episodes: int,
    key: Sequence[int],
    robot: str = "ant",
    max_cycles: int = MAX_CYCLES,
    num_threads: int = 0,
) -> InteractionDataset:
    """Matches on every edge of ``graph``, all at once, each seen from both sides.

    Args:
        players: player k is agent k.
        graph: who meets whom.
        num_episodes: matches on each edge; who is the first robot changes from one to the next.
        key: of the random streams of worlds and actions.
        robot: that all of them are.
        max_cycles: steps until a match is a draw.
        num_threads: of the physics; decides nothing.

    Returns:
        Episodes 2m and 2m + 1 are both views of match m; edges in their order, matches of an edge
        one after another. Actions are as they acted, within [-1, 1]. There are no returns.

    Raises:
        ValueError: if an edge names an agent who is no player.
    """
    if max(graph.agents) >= len(players):
        raise ValueError(
            f"graph: agent {max(graph.agents)} is none of the {len(players)} players, 0 to "
            f"{len(players) - 1}"
        )
    if num_episodes < 1:
        raise ValueError(f"num_episodes must be at least 1, got {num_episodes}")
    turns = np.arange(num_episodes) % 2 == 1
    player_ids = np.repeat(np.array(graph.edges), num_episodes, axis=0)  # (M, 2)
    swapped = np.tile(turns, len(graph.edges))
    player_ids[swapped] = player_ids[swapped, ::-1]
    seeds = torch.randint(2**62, (len(player_ids),), generator=streams.make_generator(*key, 0))
    env = RoboSumo(
        seeds.tolist(),
        robots=(robot, robot),
        auto_reset=False,
        max_cycles=max_cycles,
        num_threads=num_threads,
    )
    count = 2 * len(player_ids)
    observations = np.zeros((count, max_cycles, env.observation_sizes[0]), dtype=np.float32)
    actions = np.zeros((count, max_cycles, env.action_sizes[0]), dtype=np.float32)

    def record(time: int, seen: Sequence, done: Sequence, playing: NDArray[np.bool_]) -> None:
        rows = np.flatnonzero(playing)
        for side in (0, 1):
            observations[2 * rows + side, time] = seen[side][rows]
            actions[2 * rows + side, time] = done[side][rows]

    generator = streams.make_generator(*key, 1)
    played = matches.play(env, players, player_ids, generator=generator, record=record)
    first = np.select([played.winner == 0, played.winner == 1], [WIN, LOSS], DRAW)
    longest = played.lengths.max()
    return InteractionDataset(
        observations=torch.from_numpy(observations[:, :longest]),
        actions=torch.from_numpy(actions[:, :longest]),
        lengths=torch.from_numpy(played.lengths.repeat(2)),
        agents=torch.from_numpy(player_ids.reshape(-1)),
        partners=torch.from_numpy(player_ids[:, ::-1].reshape(-1).copy()),
        returns=torch.full((count,), torch.nan),
        outcomes=torch.from_numpy(np.stack([first, -first], axis=1).reshape(-1)).to(torch.int8),
        num_actions=0,
    )


def win_matrix(dataset: InteractionDataset, num_players: int) -> dict[str, NDArray[np.int64]]:
    """How often each player won, lost and drew against each other one: three matrices (P, P), the
    row's view."""
    where = dataset.agents * num_players + dataset.partners
    kinds = {"won": WIN, "lost": LOSS, "drawn": DRAW}
    return {
        name: torch.bincount(where[dataset.outcomes == kind], minlength=num_players**2)
        .view(num_players, num_players)
        .numpy()
        for name, kind in kinds.items()
    }


def behaviour(dataset: InteractionDataset, *, robot: str = "ant") -> dict[str, Tensor]:
    """Plain statistics of how each episode was fought, (E,): means over its steps.

    Returns:
        "distance" to the opponent in m, "height" of the torso above the tatami in m, horizontal
        "speed" in m/s, "contact", the share of steps in which a force acts on the opponent's torso,
        "effort", the mean of squared torques, and "from centre", the distance from it in m.
    """
    fields, parts = observation_fields(robot), []
    for index in torch.arange(len(dataset)).split(500):
        batch = dataset.batch(index)
        seen = {name: batch.observations[..., at] for name, at in fields.items()}
        place, other = seen["position"], seen["opponent_position"]
        measured = {
            "distance": (place - other)[..., :2].norm(dim=-1),
            "height": place[..., 2],
            "speed": seen["velocity"][..., :2].norm(dim=-1),
            "contact": (seen["opponent_contact"] > 0).any(-1).float(),
            "effort": batch.actions.square().mean(-1),
            "from centre": place[..., :2].norm(dim=-1),
        }
        steps = batch.step_weights.sum(-1)
        parts.append(
            {name: (x * batch.step_weights).sum(-1) / steps for name, x in measured.items()}
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
