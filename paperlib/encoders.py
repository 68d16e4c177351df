"""Encoders f_θ of episodes and the policies π_φ that condition on an embedding (Section 3)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

MAX_NORMALIZED = 5.0


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws the weights of every linear layer anew, uniform in ±1/sqrt(fan-in)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            bound = layer.in_features**-0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)


class EpisodeEncoder(nn.Module):
    """f_θ: the mean, over the steps of an episode, of an MLP on each (observation, action) pair.

    f_θ(e) = 1/|e| Σ_{(o,a) ∈ e} MLP(o, a), two hidden layers with ReLU. The last layer is linear,
    so that it is applied after the mean, which is the same and costs one step instead of |e|.

    Args:
        observation_size: O.
        action_size: A; a categorical action comes one-hot.
        embedding_size: D.
        hidden_size: of both hidden layers.
        generator: draws the weights.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        embedding_size: int = 100,
        hidden_size: int = 100,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.pairs = nn.Sequential(
            nn.Linear(observation_size + action_size, hidden_size),
            nn.ReLU(),
            nn.Linear(hidden_size, hidden_size),
            nn.ReLU(),
        )
        self.out = nn.Linear(hidden_size, embedding_size)
        initialise(self, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        hidden = self.pairs(torch.cat([observations, actions], dim=-1))  # (*batch, T, H)
        total = (step_weights.unsqueeze(-2) @ hidden).squeeze(-2)  # (*batch, H)
        mean = total / step_weights.sum(-1, keepdim=True)
        return self.out(mean)


class ConditionalPolicy(nn.Module):
    """π_φ: an MLP on the concatenation of an observation and an embedding, to action parameters.

    Two hidden layers with tanh. For categorical actions the outputs are logits; for Gaussian
    actions they are means, and `log_std` holds the logarithms of the standard deviations, which do
    not depend on the state.

    Args:
        observation_size: O.
        action_size: A.
        embedding_size: D.
        hidden_size: of both hidden layers.
        generator: draws the weights.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        embedding_size: int = 100,
        hidden_size: int = 64,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        # The first layer on [o, f] is W_o o + W_f f + b: the second term once an episode.
        self.observation_in = nn.Linear(observation_size, hidden_size)
        self.embedding_in = nn.Linear(embedding_size, hidden_size, bias=False)
        self.rest = nn.Sequential(
            nn.Tanh(),
            nn.Linear(hidden_size, hidden_size),
            nn.Tanh(),
            nn.Linear(hidden_size, action_size),
        )
        self.log_std = nn.Parameter(torch.zeros(action_size))
        initialise(self, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        embedding: Float[Tensor, "*batch embedding"],
    ) -> Float[Tensor, "*batch time act"]:
        context = self.embedding_in(embedding).unsqueeze(-2)
        return self.rest(self.observation_in(observations) + context)


class RunningNormalizer(nn.Module):
    """Takes off the mean and divides by the deviation of all inputs seen so far; cuts to ±5."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))

    def update(self, inputs: Float[Tensor, "... size"]) -> None:
        """Counts more inputs in (Chan et al. 1979)."""
        rows = inputs.flatten(0, -2).double()
        total = self.count + len(rows)
        shift = rows.mean(0) - self.mean
        # σ² = (n₁σ₁² + n₂σ₂²) / n + n₁n₂ (μ₂ − μ₁)² / n²
        variance = (self.count * self.variance + len(rows) * rows.var(0, unbiased=False)) / total
        variance += self.count * len(rows) / total**2 * shift**2
        self.mean += shift * len(rows) / total
        self.variance.copy_(variance)
        self.count.copy_(total)

    def forward(self, inputs: Float[Tensor, "... size"]) -> Float[Tensor, "... size"]:
        scale = self.variance.clamp(min=1e-4).rsqrt().to(inputs)
        standardised = (inputs - self.mean.to(inputs)) * scale
        return standardised.clamp(-MAX_NORMALIZED, MAX_NORMALIZED)
