"""Embeddings of unit variance at the start of training, whatever the encoder.

A mean over many steps differs little between episodes: with the usual initial weights, embeddings
of the paper's encoder start within a few hundredths of each other. There, losses of distances have
hardly any gradient, and the conditional policy hardly sees the embedding. Data-dependent
initialisation is a common remedy (Mishkin and Matas 2016, "All you need is a good init").
"""

from __future__ import annotations

import copy

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib.datasets import InteractionDataset
from paperlib.encoders import embedding_size_of

NUM_EPISODES = 500  # to estimate mean and variance from


class ScaledEncoder(nn.Module):
    """f_θ = (g_θ - m) / s, with constants m and s. If g_θ ends in a linear layer, the set of
    functions that it can represent stays the same.

    Args:
        encoder: g_θ.
        mean: m, (D,).
        scale: s > 0.
    """

    def __init__(
        self, encoder: nn.Module, *, mean: Float[Tensor, " embedding"], scale: Float[Tensor, ""]
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        return (self.encoder(observations, actions, step_weights) - self.mean) / self.scale


@torch.no_grad()
def with_unit_variance(
    encoder: nn.Module, dataset: InteractionDataset, *, generator: torch.Generator
) -> ScaledEncoder:
    """The encoder, scaled so that embeddings of the dataset have mean 0 and, averaged over their
    dimensions, variance 1.

    Args:
        encoder: an encoder with the weights that training starts from.
        dataset: episodes to learn from, without normalising their observations.
        generator: draws at most `NUM_EPISODES` of the episodes; on the CPU, like the dataset.

    Raises:
        ValueError: if the encoder does not return one vector per episode, or the same one for all.
    """
    embedding_size_of(encoder, dataset.observation_size, dataset.action_size)
    rows = torch.randperm(len(dataset), generator=generator)[:NUM_EPISODES]
    fixed = copy.deepcopy(encoder).eval()
    found = torch.cat([fixed(*dataset.batch(part)) for part in rows.split(50)])
    scale = found.var(0, correction=0).mean().sqrt()
    if not scale > 0:
        raise ValueError("encoder: all episodes have the same embedding before training")
    return ScaledEncoder(encoder, mean=found.mean(0), scale=scale)
