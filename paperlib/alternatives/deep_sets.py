"""Deep Sets: an encoder with a second network after the mean over steps.

The paper's encoder is linear after the mean: its embedding is a linear function of how often each
(observation, action) was met, and keeps the noise of how often an observation was met. A second
network can divide by it.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import _checks
from paperlib.encoders import EpisodeEncoder, initialise

GAIN = 10.0  # means over many steps differ little between episodes


class DeepSetsEncoder(nn.Module):
    """f_θ = s ρ(h) / ‖ρ(h)‖, h the paper's encoder: Deep Sets (Zaheer et al. 2017), on a sphere.

    h = `EpisodeEncoder` with H outputs, times `GAIN`; ρ: ReLU, H, ReLU, D. On a sphere, Euclidean
    distance and cosine agree, and s is the inverse temperature of losses of distances.

    Args:
        observation_size: O.
        action_size: A; a categorical action comes one-hot.
        embedding_size: D.
        hidden_size: of the layers before the mean.
        head_size: H, of the layers after it.
        scale: s, the length of every embedding.
        generator: draws the weights.

    Raises:
        ValueError: if a size is no positive integer, or ``scale`` is not positive.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        embedding_size: int = 128,
        hidden_size: int = 100,
        head_size: int = 256,
        scale: float = 10.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        sizes = {"embedding_size": embedding_size, "hidden_size": hidden_size}
        for name, size in (sizes | {"head_size": head_size}).items():
            _checks.integer(name, size, minimum=1)
        _checks.positive("scale", scale)
        self.scale = scale
        self.mean = EpisodeEncoder(
            observation_size,
            action_size,
            embedding_size=head_size,
            hidden_size=hidden_size,
            generator=generator,
        )
        self.head = nn.Sequential(
            nn.ReLU(),
            nn.Linear(head_size, head_size),
            nn.ReLU(),
            nn.Linear(head_size, embedding_size),
        )
        initialise(self.head, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        pooled = GAIN * self.mean(observations, actions, step_weights)  # (*batch, H)
        return self.scale * nn.functional.normalize(self.head(pooled), dim=-1)
