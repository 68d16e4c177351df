"""Batches of episodes, in the form that encoders and policies take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

STEPS_AT_ONCE = 20_000  # fits in a processor's cache; with 100,000, a step takes twice as long


class PartnerSteps(NamedTuple):
    """What the other agent observed and did in the same steps.

    Attributes:
        observations: (..., T, O'), as the dataset has them; zero in the padding.
        actions: (..., T, A'); one-hot where actions are categorical, zero in the padding.
    """

    observations: Float[Tensor, "... time partner_obs"]
    actions: Float[Tensor, "... time partner_act"]


class _Steps(NamedTuple):
    observations: Float[Tensor, "... time obs"]
    actions: Float[Tensor, "... time act"]
    step_weights: Float[Tensor, "... time"]


class EpisodeBatch(_Steps):
    """Episodes as networks take them: a tuple of three tensors, so that ``encoder(*batch)`` works.

    Attributes:
        observations: (..., T, O).
        actions: (..., T, A); one-hot where actions are categorical.
        step_weights: how many steps of the episode each one stands for, (..., T): 1.0, and 0.0 for
            padding; where steps are drawn at random, weights whose sum is the episode's length.
        partner: the other agent's steps, outside the tuple; None where the dataset has none.
    """

    partner: PartnerSteps | None = None

    def with_partner(self, partner: PartnerSteps | None) -> EpisodeBatch:
        """The same episodes with the other agent's steps."""
        new = EpisodeBatch(*self)
        new.partner = partner
        return new

    def _replace(self, **changes: Any) -> EpisodeBatch:
        return super()._replace(**changes).with_partner(self.partner)

    def map(self, function: Callable[[Tensor], Tensor]) -> EpisodeBatch:
        """Applies a function to every tensor; it may change leading axes and the order of steps."""
        partner = None if self.partner is None else PartnerSteps(*map(function, self.partner))
        return EpisodeBatch(*map(function, self)).with_partner(partner)


def concatenate(batches: list[EpisodeBatch], *, dim: int) -> EpisodeBatch:
    """Batches joined along a leading axis, counted from the front."""
    joined = EpisodeBatch(*(torch.cat(parts, dim) for parts in zip(*batches, strict=True)))
    if batches[0].partner is None:
        return joined
    parts = zip(*(batch.partner for batch in batches), strict=True)
    return joined.with_partner(PartnerSteps(*(torch.cat(part, dim) for part in parts)))


def join_episodes(batch: EpisodeBatch) -> EpisodeBatch:
    """Joins the k episodes of the last leading axis along time: shapes (..., k, T, ·) become
    (..., k·T, ·). Padding stays where it is, with weight 0.
    """
    axis = batch.step_weights.ndim - 2
    return batch.map(lambda tensor: tensor.flatten(axis, axis + 1))


def in_parts(rows: Tensor, steps_per_row: int) -> tuple[Tensor, ...]:
    """Splits rows into parts of about `STEPS_AT_ONCE` steps, for passes over a whole dataset."""
    return rows.split(max(1, STEPS_AT_ONCE // steps_per_row))


def steps_before(lengths: Tensor, num_time_steps: int) -> Bool[Tensor, "... time"]:
    """Mask of the steps that lie within episodes of these lengths, (..., T)."""
    return torch.arange(num_time_steps, device=lengths.device) < lengths.unsqueeze(-1)


def as_numbers(actions: Tensor, num_actions: int) -> Tensor:
    """Actions of a dataset as numbers, (..., A): categorical ones one-hot, others unchanged."""
    if not num_actions:
        return actions
    kinds = torch.arange(num_actions, device=actions.device, dtype=torch.uint8)
    return actions.unsqueeze(-1) == kinds
