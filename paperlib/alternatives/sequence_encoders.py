"""Encoders that see an episode as a sequence, or as a set whose steps attend to one another."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from paperlib import _checks
from paperlib.encoders import initialise

NUM_GROUPS = 4  # a Transformer computes in this many groups of episodes by length


class GRUEncoder(nn.Module):
    """f_θ: the mean, over the steps of an episode, of the states of a GRU (Cho et al. 2014).

    h_t = GRU(h_{t-1}, (o_t, a_t)), h_0 = 0; f_θ(e) = W Σ_t w_t h_t / Σ_t w_t + b,

    where w are the step weights. Steps of weight 0 are left out of the sequence, wherever they are.
    Several episodes joined along time are one sequence. Randomly drawn steps come in random order,
    so that there is little to learn from their order.

    Args:
        observation_size: O.
        action_size: A; categorical actions are one-hot.
        embedding_size: D.
        hidden_size: size of the state h.
        generator: draws the weights, uniform in ±1/sqrt(hidden_size).

    Raises:
        ValueError: if a size is not a positive integer.
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
        hidden_size = _checks.integer("hidden_size", hidden_size, minimum=1)
        embedding_size = _checks.integer("embedding_size", embedding_size, minimum=1)
        self.gru = nn.GRU(observation_size + action_size, hidden_size, batch_first=True)
        self.out = nn.Linear(hidden_size, embedding_size)
        initialise(self.out, generator)
        for parameter in self.gru.parameters():
            nn.init.uniform_(
                parameter, -(hidden_size**-0.5), hidden_size**-0.5, generator=generator
            )

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        pairs, weights = _without_padding(observations, actions, step_weights)  # (B, T', ·)
        states, _ = self.gru(pairs)
        embedding = self.out(_mean(states, weights))
        return embedding.reshape(*step_weights.shape[:-1], -1)


class TransformerEncoder(nn.Module):
    """f_θ: the mean, over the steps of an episode, of a Transformer's outputs.

    Vaswani et al. (2017) in the pre-norm form of Xiong et al. (2020). x_t = W (o_t, a_t) + b, plus
    sines and cosines of t if ``positions``; then, ``num_layers`` times,

    x ← x + Attention(norm(x)),  x ← x + MLP(norm(x)),

    and f_θ(e) = W' norm(Σ_t w_t x_t / Σ_t w_t) + b'.

    Step t attends to step s by w_s exp(q_t·k_s / √d) / Σ_u w_u exp(q_t·k_u / √d), w the step
    weights: padding is masked, and a step of weight 2 counts as the same step twice. Without
    positions an episode is a set of steps (Lee et al. 2019), and their order does not matter; with
    them, t counts the steps of positive weight.

    Args:
        observation_size: O.
        action_size: A; categorical actions are one-hot.
        positions: whether to add positional encodings.
        embedding_size: D.
        hidden_size: size of x; the MLP's hidden layer, with ReLU, is twice as wide.
        num_layers: blocks of attention and MLP.
        num_heads: attention heads; must divide ``hidden_size``.
        generator: draws the weights.

    Raises:
        ValueError: if a size is not a positive integer, or ``num_heads`` does not divide
            ``hidden_size``.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        positions: bool = False,
        embedding_size: int = 100,
        hidden_size: int = 32,
        num_layers: int = 2,
        num_heads: int = 2,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        num_heads = _checks.integer("num_heads", num_heads, minimum=1)
        hidden_size = _checks.integer("hidden_size", hidden_size, minimum=1)
        embedding_size = _checks.integer("embedding_size", embedding_size, minimum=1)
        num_layers = _checks.integer("num_layers", num_layers, minimum=1)
        if hidden_size % num_heads:
            raise ValueError(f"hidden_size must be a multiple of num_heads, got {hidden_size}")
        self.positions = positions
        self.steps = nn.Linear(observation_size + action_size, hidden_size)
        self.layers = nn.ModuleList(_Layer(hidden_size, num_heads) for _ in range(num_layers))
        self.norm = nn.LayerNorm(hidden_size)
        self.out = nn.Linear(hidden_size, embedding_size)
        initialise(self, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        pairs, weights = _without_padding(observations, actions, step_weights)  # (B, T', ·)
        lengths = (weights > 0).sum(-1)
        order = lengths.argsort()  # episodes of similar length share a group, for little padding
        num_groups = 1 if lengths.amin() == lengths.amax() else NUM_GROUPS
        means = []
        for group in order.chunk(num_groups):
            longest = lengths[group[-1]]
            means.append(self._mean_output(pairs[group, :longest], weights[group, :longest]))
        embedding = self.out(self.norm(torch.cat(means)[order.argsort()]))
        return embedding.reshape(*step_weights.shape[:-1], -1)

    def _mean_output(
        self, pairs: Float[Tensor, "episode time in"], weights: Float[Tensor, "episode time"]
    ) -> Float[Tensor, "episode hidden"]:
        x = self.steps(pairs)
        if self.positions:
            x = x + positional_encoding(x.shape[1], x.shape[2]).to(x)
        # log w_s on the logits weighs the keys; -inf hides padding
        mask = None if (weights == weights[:1, :1]).all() else weights.log()[:, None, None]
        for layer in self.layers:
            x = layer(x, mask)
        return _mean(x, weights)


class _Layer(nn.Module):
    """A pre-norm block: attention and an MLP, each with a residual connection."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.norms = nn.ModuleList(nn.LayerNorm(hidden_size) for _ in range(2))
        self.queries_keys_values = nn.Linear(hidden_size, 3 * hidden_size)
        self.attended = nn.Linear(hidden_size, hidden_size)
        self.mlp = nn.Sequential(
            nn.Linear(hidden_size, 2 * hidden_size),
            nn.ReLU(),
            nn.Linear(2 * hidden_size, hidden_size),
        )

    def forward(
        self,
        x: Float[Tensor, "episode time hidden"],
        mask: Float[Tensor, "episode 1 1 time"] | None,
    ) -> Float[Tensor, "episode time hidden"]:
        heads = self.queries_keys_values(self.norms[0](x)).unflatten(-1, (3, self.num_heads, -1))
        queries, keys, values = heads.permute(2, 0, 3, 1, 4)  # (B, heads, T, d)
        found = functional.scaled_dot_product_attention(queries, keys, values, attn_mask=mask)
        x = x + self.attended(found.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norms[1](x))


def positional_encoding(num_time_steps: int, size: int) -> Float[Tensor, "time size"]:
    """sin(t / 10000^(2i/size)) and cos of the same, interleaved (Vaswani et al. 2017)."""
    times = torch.arange(num_time_steps, dtype=torch.float64)[:, None]
    angles = times * 1e4 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :size].float()


def _without_padding(
    observations: Tensor, actions: Tensor, step_weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Pairs (B, T', O + A) and weights (B, T') of the steps that count, in their order;
    remaining padding stands at the end, and T' is the length of the longest episode."""
    size = observations.shape[-1] + actions.shape[-1]
    num_time_steps = step_weights.shape[-1]
    pairs = torch.cat([observations, actions], dim=-1).reshape(-1, num_time_steps, size)
    weights = step_weights.reshape(-1, num_time_steps)
    padding = weights == 0
    if padding.any():
        longest = max(1, int((~padding).sum(-1).amax()))
        order = padding.byte().argsort(dim=-1, stable=True)[:, :longest]
        pairs, weights = pairs.take_along_dim(order[..., None], 1), weights.gather(1, order)
    return pairs, weights


def _mean(steps: Tensor, weights: Tensor) -> Tensor:
    """Σ_t w_t x_t / Σ_t w_t, (B, H)."""
    return (weights.unsqueeze(1) @ steps).squeeze(1) / weights.sum(-1, keepdim=True)
