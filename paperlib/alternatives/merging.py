"""Merges equal steps: within an episode, where their order does not matter, or in a batch."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib._storage import BY_STEP, fill
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder
from paperlib.batches import steps_before
from paperlib.datasets import InteractionDataset
from paperlib.encoders import EpisodeEncoder


def merge_steps(dataset: InteractionDataset) -> InteractionDataset:
    """The same episodes with equal steps merged, so that learning and embedding take less time.

    Steps of an episode with the same observation and action (and the same ones of the partner) are
    merged into one, whose weight is their number. Whatever uses steps only through weighted sums is
    unchanged up to rounding: `EpisodeEncoder`, `GatedPoolingEncoder`, `TransformerEncoder` without
    positions, and all objectives. What depends on the order of steps is not: `GRUEncoder`, and
    `TransformerEncoder` with positions.

    Args:
        dataset: on the CPU; merging pays off where few steps differ, as in a game of few cards.

    Returns:
        Episodes of fewer steps, which carry ``step_counts``; steps stand in no particular order.
    """
    within = steps_before(dataset.lengths, dataset.observations.shape[1])
    episodes = within.nonzero()[:, 0].numpy()
    steps = {n: t[within] for n, t in dataset._tensors().items() if n in BY_STEP}
    counts = steps.pop("step_counts", torch.ones(len(episodes))).numpy()
    parts = [t.reshape(len(episodes), -1).numpy().view(np.uint8) for t in steps.values()]
    rows = np.ascontiguousarray(np.concatenate([episodes[:, None].view(np.uint8), *parts], axis=1))
    _, first, kind = np.unique(
        rows.view(f"V{rows.shape[1]}")[:, 0], return_index=True, return_inverse=True
    )
    totals = np.bincount(kind.reshape(-1), weights=counts)
    order = np.argsort(first)  # by episode, since steps of an episode stand together
    first, totals = torch.from_numpy(first[order]), torch.from_numpy(totals[order]).float()
    owners = torch.from_numpy(episodes)[first]
    lengths = torch.bincount(owners, minlength=len(dataset))
    kept = steps_before(lengths, int(lengths.max()))
    merged = {name: fill(tensor[first], kept) for name, tensor in steps.items()}
    return dataclasses.replace(dataset, lengths=lengths, step_counts=fill(totals, kept), **merged)


class OnDistinctRows(nn.Module):
    """Applies a row-wise network, such as an encoder's on single steps, once per distinct row.

    Where episodes share most of their steps, an update takes a fraction of the time. If more than
    half of the rows are distinct, the network is applied to all of them.

    Args:
        network: maps (..., I) to (..., F), each row by itself.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, rows: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch out"]:
        flat = rows.flatten(0, -2)
        directions = torch.arange(1, rows.shape[-1] + 1, device=rows.device).double().sqrt()
        kinds, kind = (flat.double() @ directions).unique(return_inverse=True)
        places = torch.arange(len(flat), device=rows.device)
        some = flat[torch.empty_like(kinds, dtype=torch.long).scatter_(0, kind, places)]
        if 2 * len(some) > len(flat) or not torch.equal(some.index_select(0, kind), flat):
            return self.network(rows)
        return self.network(some).index_select(0, kind).unflatten(0, rows.shape[:-1])


def on_distinct_steps(encoder: nn.Module) -> nn.Module:
    """Wraps the encoder's networks on single steps in `OnDistinctRows`, in place; returns it."""
    for part in list(encoder.modules()):
        names = {EpisodeEncoder: ("pairs",), GatedPoolingEncoder: ("gate", "value")}
        for name in names.get(type(part), ()):
            setattr(part, name, OnDistinctRows(getattr(part, name)))
    return encoder
