"""Deep Sets: an encoder with a second network after the mean over steps.

The paper's encoder is linear after the mean: its embedding is a linear function of how often each
(observation, action) pair occurred, and so carries the noise in how often the observation occurred.
A second network can divide by that frequency; gated pooling does so as part of the pooling.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import _checks
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder
from paperlib.encoders import EpisodeEncoder, initialise

GAIN = 10.0  # means over many steps differ little between episodes
VALUE_SIZE = 4  # size of a slot of gated pooling


class DeepSetsEncoder(nn.Module):
    """f_θ = s ρ(h) / ‖ρ(h)‖, h the paper's encoder: Deep Sets (Zaheer et al. 2017), on a sphere.

    h = `EpisodeEncoder`, or `GatedPoolingEncoder` if ``gated``, with H outputs, times `GAIN`; ρ:
    ReLU (not if ``gated``), H, ReLU, D. On a sphere, Euclidean distance and cosine agree, and s is
    an inverse temperature in losses of distances.

    Args:
        observation_size: O.
        action_size: A; categorical actions are one-hot.
        embedding_size: D.
        hidden_size: size of the layers before the mean.
        head_size: H, size of the layers after it.
        gated: whether steps are pooled by gates, into H / `VALUE_SIZE` slots.
        scale: s, the L2 norm of every embedding.
        generator: draws the weights.

    Raises:
        ValueError: if a size is not a positive integer, ``scale`` is not positive, or, if
            ``gated``, H is not a multiple of `VALUE_SIZE`.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        embedding_size: int = 128,
        hidden_size: int = 100,
        head_size: int = 256,
        gated: bool = False,
        scale: float = 10.0,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        sizes = {"embedding_size": embedding_size, "hidden_size": hidden_size}
        for name, size in (sizes | {"head_size": head_size}).items():
            _checks.integer(name, size, minimum=1)
        _checks.positive("scale", scale)
        self.scale = scale
        own = {"hidden_size": hidden_size, "generator": generator}
        if gated and head_size % VALUE_SIZE:
            raise ValueError(f"head_size must be a multiple of {VALUE_SIZE}, got {head_size}")
        if gated:
            own |= {"num_slots": head_size // VALUE_SIZE, "value_size": VALUE_SIZE}
            self.mean = GatedPoolingEncoder(observation_size, action_size, **own)
        else:
            own["embedding_size"] = head_size
            self.mean = EpisodeEncoder(observation_size, action_size, **own)
        self.head = nn.Sequential(
            nn.Identity() if gated else nn.ReLU(),
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
