"""Outcomes and styles of matches: shares with intervals, who beat whom, and how they fought."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paperlib.agents import matches
from paperlib.batches import in_parts
from paperlib.datasets import DRAW, LOSS, WIN, InteractionDataset
from paperlib.environments.robosumo_observations import observation_fields
from reproduction.statistics import Estimate, wilson_interval


def outcome_shares(played: matches.Results) -> dict[str, Estimate]:
    """`matches.Results.shares` with 95 % Wilson intervals."""
    return {name: wilson_interval(found) for name, found in played.outcomes().items()}


def win_matrix(dataset: InteractionDataset, num_players: int) -> dict[str, NDArray[np.int64]]:
    """How often each player "won", "lost" and drew ("drawn") against each other one, (P, P) each;
    rows are the players, columns their opponents."""
    cells = dataset.agents * num_players + dataset.partners
    kinds = {"won": WIN, "lost": LOSS, "drawn": DRAW}
    return {
        name: torch.bincount(cells[dataset.outcomes == kind], minlength=num_players**2)
        .view(num_players, num_players)
        .numpy()
        for name, kind in kinds.items()
    }


def behaviour(dataset: InteractionDataset) -> dict[str, Tensor]:
    """Simple statistics of each episode's style, (E,): means over its steps.

    Returns:
        "distance" to the opponent in m, "height" of the torso above the tatami in m, horizontal
        "speed" in m/s, "contact", the share of steps in which a force acts on the opponent's torso,
        "effort", the mean squared action, and "from centre", the distance from it in m.
    """
    fields, parts = observation_fields("ant"), []
    for index in in_parts(torch.arange(len(dataset)), dataset.observations.shape[1]):
        batch = dataset.batch(index)
        seen = {name: batch.observations[..., at] for name, at in fields.items()}
        position, opponent = seen["position"], seen["opponent_position"]
        measured = {
            "distance": (position - opponent)[..., :2].norm(dim=-1),
            "height": position[..., 2],
            "speed": seen["velocity"][..., :2].norm(dim=-1),
            "contact": (seen["opponent_contact"] > 0).any(-1).float(),
            "effort": batch.actions.square().mean(-1),
            "from centre": position[..., :2].norm(dim=-1),
        }
        steps = batch.step_weights.sum(-1)
        parts.append(
            {name: (x * batch.step_weights).sum(-1) / steps for name, x in measured.items()}
        )
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
