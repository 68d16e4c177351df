"""Embeddings of unit variance at the start of a training, whatever the encoder.

A mean over many steps differs little between episodes: with usual weights, the embeddings of the
paper's encoder begin within some hundredths of each other. Losses of distances have hardly a
gradient there, and the conditional policy hardly sees the embedding. Scaling weights by the data
before training is a usual remedy (Mishkin and Matas 2016, "All you need is a good init").
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib.datasets import InteractionDataset
from paperlib.encoders import embedding_size_of

NUM_EPISODES = 500  # from which mean and deviation are taken


class ScaledEncoder(nn.Module):
    """f_θ = (g_θ - m) / s, with constants m and s; the function that g_θ's weights can be stays the
    same where it ends in a linear layer.

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
    numbers, variance 1.

    Args:
        encoder: with the weights that training starts from.
        dataset: to learn from.
        generator: draws at most `NUM_EPISODES` of its episodes.

    Raises:
        ValueError: if the encoder does not return one vector for each episode, or the same for all.
    """
    embedding_size_of(encoder, dataset.observation_size, dataset.action_size)
    rows = torch.randperm(len(dataset), generator=generator)[:NUM_EPISODES]
    found = torch.cat([encoder(*dataset.batch(part)) for part in rows.split(50)])
    scale = found.var(0, correction=0).mean().sqrt()
    if not scale > 0:
        raise ValueError("encoder: all episodes have the same embedding before training")
    return ScaledEncoder(encoder, mean=found.mean(0), scale=scale)
