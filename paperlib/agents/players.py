"""Players of RoboSumo: anything that can act in a match, and the actions of many at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from paperlib import _dataset_checks
from paperlib.agents.robosumo_policies import Wrestler

UNASSIGNED = -1  # in player_ids: no player acts there


@runtime_checkable
class Player(Protocol):
    """Anything that can act, such as `robosumo_policies.Wrestler` or `ZeroAction`."""

    def act(
        self, observations: Tensor, memory: Any = None, *, generator: torch.Generator
    ) -> tuple[Tensor, Any]:
        """Actions, (B, A), for observations, (B, O), and the memory for the next step.

        A memory is None, or a tuple of tensors, named or not, whose first axis is B; it is None
        when matches begin. Rows of matches that have ended may be missing from the next call.
        """
        ...


@dataclasses.dataclass(frozen=True)
class ZeroAction:
    """A player that applies no torques.

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
    """A player whose torques are uniform in [-1, 1].

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
    *,
    players: Sequence[Player],
    player_ids: NDArray[np.int64],
    memories: dict[int, Any],
    generator: torch.Generator,
) -> None:
    """Writes the actions of one robot in N matches, each drawn by the match's player.

    Args:
        actions: (N, A); rows without a player stay as they are.
        observations: the robot's observations, (N, O).
        players: the players that ``player_ids`` refers to.
        player_ids: the index of each match's player, or `UNASSIGNED`, (N,).
        memories: each player's memory, by index; updated in place.
        generator: draws the actions.

    Raises:
        ValueError: if a player returns actions of another shape.
    """
    present = np.unique(player_ids[player_ids != UNASSIGNED]).tolist()
    reactive = [k for k in present if type(players[k]) is Wrestler and players[k].reactive]
    if reactive:
        rows = np.isin(player_ids, reactive)
        drawn = act_together(
            [players[k] for k in reactive],
            torch.from_numpy(observations[rows]),
            torch.from_numpy(np.searchsorted(reactive, player_ids[rows])),
            generator=generator,
        )
        actions[rows] = drawn.numpy()
    for player in (k for k in present if k not in reactive):
        rows = player_ids == player
        seen = torch.from_numpy(observations[rows])
        drawn, memories[player] = players[player].act(
            seen, memories.get(player), generator=generator
        )
        drawn = _dataset_checks.as_array(drawn)
        if drawn.shape != (due := (len(seen), actions.shape[1])):
            raise ValueError(
                f"player {player}: act must return actions of shape {due}, got {drawn.shape}"
            )
        actions[rows] = drawn


@torch.no_grad()
def act_together(
    wrestlers: Sequence[Wrestler],
    observations: Float[Tensor, "batch obs"],
    members: Int[Tensor, " batch"],
    *,
    generator: torch.Generator,
) -> Float[Tensor, "batch act"]:
    """Actions drawn from several reactive wrestlers of one robot, (B, A).

    Features of all rows are computed at once: they cost as much for a few rows as for many, and
    more than the networks.

    Args:
        wrestlers: the wrestlers that act.
        observations: (B, O).
        members: the index of each row's wrestler, (B,).
        generator: draws the actions.
    """
    first = wrestlers[0]
    inputs, turns = first.inputs(observations)
    noise = first.network.draw_noise(len(inputs), generator=generator)
    actions = torch.empty_like(noise)
    for member, wrestler in enumerate(wrestlers):
        rows = members == member
        own = functional.pad(inputs[rows], (0, wrestler.critic_size))
        actions[rows] = wrestler.network.sample(wrestler.network.normalizer(own), noise[rows])
    return first.front.torques(actions, turns)
