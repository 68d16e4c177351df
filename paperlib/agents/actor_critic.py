"""Gaussian policies with a value function, for proximal policy optimisation."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import _checks
from paperlib.encoders import RunningNormalizer


class ActorCritic(nn.Module):
    """A Gaussian policy and a value function, each with two hidden layers with tanh.

    Args:
        in_size: F.
        action_size: A.
        critic_size: number of inputs, the last ones, that only the value function sees.
        memory_size: M, number of the policy's inputs, its last ones, that hold the state of a GRU
            that reads the others (Cho et al. 2014); see `remember`.
        film_size: number of the policy's inputs, its last ones, that scale and shift its first
            hidden layer (FiLM, Perez et al. 2018), instead of entering it.
        hidden_size: size of each hidden layer.
        action_std: standard deviation of actions at the start; it does not depend on the state.
        generator: draws the weights, orthogonal with the gains of Andrychowicz et al. 2021.

    Raises:
        ValueError: if a size or ``action_std`` is out of range.
    """

    def __init__(
        self,
        in_size: int,
        action_size: int,
        *,
        critic_size: int = 0,
        memory_size: int = 0,
        film_size: int = 0,
        generator: torch.Generator,
        hidden_size: int = 64,
        action_std: float = 0.6,
    ) -> None:
        super().__init__()
        _checks.integer("hidden_size", hidden_size, minimum=1)
        for name, size in {"memory_size": memory_size, "critic_size": critic_size}.items():
            _checks.integer(name, size, minimum=0)
        _checks.positive("action_std", action_std)
        self.policy_size = in_size - critic_size
        self.memory_columns = slice(self.policy_size - memory_size, self.policy_size)
        self.film_size = film_size
        self.normalizer = RunningNormalizer(in_size)
        hidden = hidden_size, hidden_size
        sizes = self.policy_size - film_size, *hidden, action_size
        self.policy = _tanh_network(sizes, gain=0.01, generator=generator)
        self.value = _tanh_network((in_size, *hidden, 1), gain=1.0, generator=generator)
        self.log_std = nn.Parameter(torch.full((action_size,), math.log(action_std)))
        if film_size:
            self.film = nn.Linear(film_size, 2 * hidden_size)
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)
        if memory_size:
            self.memory = nn.GRUCell(self.memory_columns.start, memory_size)
            for name, parameter in self.memory.named_parameters():
                if name.startswith("weight"):
                    nn.init.orthogonal_(parameter, generator=generator)
                else:
                    nn.init.zeros_(parameter)

    def means(self, normalized: Float[Tensor, "*batch in"]) -> Float[Tensor, "*batch act"]:
        """Mean actions for normalised inputs."""
        entering = self.policy_size - self.film_size
        if not self.film_size:
            return self.policy(normalized[..., :entering])
        hidden = self.policy[:2](normalized[..., :entering])
        scale, shift = self.film(normalized[..., entering : self.policy_size]).chunk(2, dim=-1)
        return self.policy[2:](hidden * (1 + scale) + shift)

    def remember(
        self, inputs: Float[Tensor, "batch in"], memory: Float[Tensor, "batch memory"]
    ) -> tuple[Float[Tensor, "batch in"], Float[Tensor, "batch memory"]]:
        """Advances the memory by one step.

        Args:
            inputs: (B, F); their memory columns are ignored.
            memory: memory before this step, (B, M); zeros where an episode begins.

        Returns:
            The inputs, (B, F), with the memory after this step in its columns, and that memory.
        """
        own = self.memory_columns
        if own.start == own.stop:
            return inputs, memory
        after = self.memory(self.normalizer(inputs)[..., : own.start], memory)
        return torch.cat([inputs[..., : own.start], after, inputs[..., own.stop :]], dim=-1), after

    def draw_noise(
        self, batch_size: int, *, generator: torch.Generator
    ) -> Float[Tensor, "batch act"]:
        """Standard normal noise for `sample`, (B, A)."""
        shape = batch_size, len(self.log_std)
        return torch.randn(shape, generator=generator, device=self.log_std.device)

    def sample(
        self, normalized: Float[Tensor, "batch in"], noise: Float[Tensor, "batch act"]
    ) -> Float[Tensor, "batch act"]:
        """Actions μ + σ · noise for normalised inputs, (B, A)."""
        return self.means(normalized) + self.log_std.exp() * noise

    def act(
        self, inputs: Float[Tensor, "batch in"], *, generator: torch.Generator
    ) -> tuple[Float[Tensor, "batch act"], Float[Tensor, " batch"], Float[Tensor, " batch"]]:
        """Actions drawn from the policy, (B, A), their log-densities and the values, (B,) each."""
        normalized = self.normalizer(inputs)
        noise = self.draw_noise(len(inputs), generator=generator)
        actions = self.sample(normalized, noise)
        return actions, log_prob(noise, self.log_std), self.value(normalized)[..., 0]


def _tanh_network(
    sizes: tuple[int, ...], *, gain: float, generator: torch.Generator
) -> nn.Sequential:
    layers: list[nn.Module] = []
    for index in range(len(sizes) - 1):
        last = index == len(sizes) - 2
        layer = nn.Linear(sizes[index], sizes[index + 1])
        nn.init.orthogonal_(layer.weight, gain if last else math.sqrt(2), generator=generator)
        nn.init.zeros_(layer.bias)
        layers += [layer] if last else [layer, nn.Tanh()]
    return nn.Sequential(*layers)


def log_prob(
    noise: Float[Tensor, "*shape act"], log_std: Float[Tensor, " act"]
) -> Float[Tensor, "*shape"]:
    """Log-density of μ + σ · noise under N(μ, σ²), summed over actions."""
    # log N(a; μ, σ²) = −½ ((a − μ) / σ)² − log σ − ½ log 2π
    return (-0.5 * noise.square() - log_std - 0.5 * math.log(2 * math.pi)).sum(-1)
