"""Encoders f_θ of episodes and the policies π_φ that condition on an embedding (Section 3)."""

from __future__ import annotations

import copy
from typing import Any

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from paperlib import _checks

LIKELIHOODS = ("categorical", "gaussian", "squared_error")
MAX_NORMALIZED = 5.0


def initialise(module: nn.Module, generator: torch.Generator) -> None:
    """Draws the weights of every linear layer anew, uniform in ±1/sqrt(fan-in)."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            bound = max(1, layer.in_features) ** -0.5
            for parameter in layer.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)


def count_weights(module: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


@torch.no_grad()
def embedding_size_of(encoder: nn.Module, observation_size: int, action_size: int) -> int:
    """The embedding size of any encoder, found by running it on a few episodes of three or four
    steps, with one, two and three leading axes.

    Raises:
        ValueError: if it is not a module, or does not return one vector for each episode, always of
            the same size.
    """
    if not isinstance(encoder, nn.Module):
        raise ValueError(f"encoder must be a torch.nn.Module, got {type(encoder).__name__}")
    like = _like(encoder)
    size = None
    for shape in (2, 1, 5, 3), (2, 5, 4), (5, 3):  # (*batch, T)
        observations = torch.zeros(*shape, observation_size, **like)
        actions = torch.zeros(*shape, action_size, **like)
        step_weights = torch.ones(shape, **like)
        got = _shape_of(encoder, "__call__", observations, actions, step_weights)
        if isinstance(got, str) or got[:-1] != shape[:-1] or got[-1] != (size or got[-1]):
            due, given = (", ".join(map(str, axes)) for axes in (shape[:-1], shape))
            raise ValueError(
                f"encoder must return (*batch, D): for observations ({given}, O), embeddings "
                f"({due}, {size or 'D'}); got {got}"
            )
        size = got[-1]
    return size


@torch.no_grad()
def check_policy(
    policy: nn.Module, observation_size: int, action_size: int, *, embedding_size: int
) -> None:
    """Checks a conditional policy by running it on two episodes of three steps.

    Raises:
        ValueError: if it is not a module with a method ``log_prob``, does not take these sizes, or
            does not return one number for each step.
    """
    if not isinstance(policy, nn.Module) or not callable(getattr(policy, "log_prob", None)):
        raise ValueError(
            f"policy must be a torch.nn.Module with a method log_prob, got {type(policy).__name__}"
        )
    like = _like(policy)
    shapes = (2, 1, 3, observation_size), (2, 1, embedding_size), (2, 1, 3, action_size)
    observations, embedding, actions = (torch.zeros(shape, **like) for shape in shapes)
    actions[..., :1] = 1.0  # one-hot, as some distributions demand
    got = _shape_of(policy, "log_prob", observations, embedding, actions)
    if got != (2, 1, 3):
        raise ValueError(
            "policy must have log_prob(observations, embedding, actions) -> (*batch, T): for "
            f"{shapes[0]}, {shapes[1]}, {shapes[2]}, log-probabilities (2, 1, 3); got {got}"
        )


def _like(module: nn.Module) -> dict[str, Any]:
    """Device and type of the tensors that ``module`` gets: float32, like those of datasets."""
    device = next((parameter.device for parameter in module.parameters()), None)
    return {"device": device, "dtype": torch.float32}


def _shape_of(module: nn.Module, method: str, *inputs: Tensor) -> tuple[int, ...] | str:
    """The shape of what a user's module returns, or in words what it does instead."""
    try:
        found = getattr(copy.deepcopy(module).eval(), method)(*inputs)
        return tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    except Exception as error:  # of whatever kind: the code is the user's
        return _checks.reason(error)


class EpisodeEncoder(nn.Module):
    """f_θ: the mean, over the steps of an episode, of an MLP on each (observation, action) pair.

    f_θ(e) = 1/|e| Σ_{(o,a) ∈ e} MLP(o, a), two hidden layers with ReLU. The last layer is linear,
    so applying it after the mean gives the same result and costs one step instead of |e|.

    Args:
        observation_size: O.
        action_size: A; categorical actions are one-hot.
        embedding_size: D.
        hidden_size: size of both hidden layers.
        generator: draws the weights.

    Raises:
        ValueError: if a size is not a positive integer.
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
        hidden_size = _checks.integer("hidden_size", hidden_size, minimum=1)
        embedding_size = _checks.integer("embedding_size", embedding_size, minimum=1)
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

    Two hidden layers, by default with tanh.

    | likelihood      | the outputs μ are | log π_φ(a | o, f)                                 |
    |-----------------|-------------------|---------------------------------------------------|
    | "categorical"   | logits            | log softmax(μ)_a                                  |
    | "gaussian"      | means             | log N(a; μ, σ²), σ learned, the same in any state |
    | "squared_error" | means             | -½|a - μ|²: σ = 1, without the constant           |

    Args:
        observation_size: O.
        action_size: A.
        embedding_size: D.
        hidden_size: size of both hidden layers.
        likelihood: see the table.
        activation: nonlinearity after both hidden layers.
        generator: draws the weights.

    Raises:
        ValueError: if the likelihood is unknown.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        embedding_size: int = 100,
        hidden_size: int = 64,
        likelihood: str = "categorical",
        activation: type[nn.Module] = nn.Tanh,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _checks.one_of("likelihood", likelihood, LIKELIHOODS)
        self.likelihood = likelihood
        # The first layer on [o, f] is W_o o + W_f f + b: W_f f is computed once per episode.
        self.observation_in = nn.Linear(observation_size, hidden_size)
        self.embedding_in = nn.Linear(embedding_size, hidden_size, bias=False)
        self.rest = nn.Sequential(
            activation(),
            nn.Linear(hidden_size, hidden_size),
            activation(),
            nn.Linear(hidden_size, action_size),
        )
        self.log_std = nn.Parameter(torch.zeros(action_size))
        initialise(self, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        embedding: Float[Tensor, "*batch embedding"],
    ) -> Float[Tensor, "*batch time act"]:
        """The parameters μ of the distribution over actions."""
        context = self.embedding_in(embedding).unsqueeze(-2)
        return self.rest(self.observation_in(observations) + context)

    def log_prob(
        self,
        observations: Float[Tensor, "*batch time obs"],
        embedding: Float[Tensor, "*batch embedding"],
        actions: Float[Tensor, "*batch time act"],
    ) -> Float[Tensor, "*batch time"]:
        """log π_φ(a | o, f) of each step; categorical actions are one-hot."""
        output = self(observations, embedding)
        if self.likelihood == "categorical":
            return (output.log_softmax(-1) * actions).sum(-1)
        if self.likelihood == "gaussian":
            std = self.log_std.exp()
            distribution = torch.distributions.Normal(output, std, validate_args=False)
            return distribution.log_prob(actions).sum(-1)
        return -0.5 * (output - actions).square().sum(-1)


class RunningNormalizer(nn.Module):
    """Normalises by the mean and standard deviation (at least 0.01) of all inputs so far; clips
    to ±5.

    Args:
        size: size of the inputs' last axis.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.register_buffer("count", torch.zeros((), dtype=torch.float64))
        self.register_buffer("mean", torch.zeros(size, dtype=torch.float64))
        self.register_buffer("variance", torch.ones(size, dtype=torch.float64))

    def update(self, inputs: Float[Tensor, "... size"]) -> None:
        """Adds inputs to the statistics (Chan et al. 1979)."""
        rows = inputs.flatten(0, -2).double()
        total, mean = self.count + len(rows), rows.mean(0)
        shift = mean - self.mean
        own = (rows - mean).square_().mean(0)  # `torch.var` takes three times as long
        # σ² = (n₁σ₁² + n₂σ₂²) / n + n₁n₂ (μ₂ − μ₁)² / n²
        variance = (self.count * self.variance + len(rows) * own) / total
        variance += self.count * len(rows) / total**2 * shift**2
        self.mean += shift * len(rows) / total
        self.variance.copy_(variance)
        self.count.copy_(total)

    def forward(self, inputs: Float[Tensor, "... size"]) -> Float[Tensor, "... size"]:
        scale = self.variance.clamp(min=1e-4).rsqrt().to(inputs)
        normalized = (inputs - self.mean.to(inputs)) * scale
        return normalized.clamp(-MAX_NORMALIZED, MAX_NORMALIZED)


class RunningEmbedding:
    """Embeddings of many episodes in progress: f_θ of all steps so far.

    Args:
        model: a `PolicyEmbedder` whose encoder is an `EpisodeEncoder`.
        num_episodes: N, number of episodes that are followed side by side.

    Raises:
        ValueError: if the encoder is another one.
    """

    def __init__(self, model: nn.Module, num_episodes: int) -> None:
        if not isinstance(model.encoder, EpisodeEncoder):
            raise ValueError(f"model needs an EpisodeEncoder, got {type(model.encoder).__name__}")
        self.model = model
        self.sums = torch.zeros(num_episodes, model.encoder.out.in_features)
        self.counts = torch.zeros(num_episodes, 1)

    @torch.no_grad()
    def watch(
        self,
        observations: Float[Tensor, "episode obs"],
        actions: Float[Tensor, "episode act"],
        going_on: Bool[Tensor, " episode"],
    ) -> None:
        """Adds one step to the episodes that are still running."""
        pairs = torch.cat([self.model.normalizer(observations), actions], dim=-1)
        weight = going_on.unsqueeze(-1).to(pairs)
        self.sums += weight * self.model.encoder.pairs(pairs)
        self.counts += weight

    @torch.no_grad()
    def embeddings(self) -> Float[Tensor, "episode embedding"]:
        """What `PolicyEmbedder.embed` would return for the steps so far, (N, D); before the first
        step, the output layer's bias."""
        return self.model.encoder.out(self.sums / self.counts.clamp(min=1))

    def begin(self, episodes: Int[Tensor, " begun"]) -> None:
        """Starts these episodes anew: forgets their steps."""
        self.sums[episodes], self.counts[episodes] = 0.0, 0.0
