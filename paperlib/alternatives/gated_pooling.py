"""Embeddings as a table: an encoder that sorts steps into slots, a policy that looks them up.

A plain mean over steps tends to lose what occurred together in one step. Here a step adds to the
slots that its gate selects, so that a slot can collect, say, what an agent does on hearing a word.

Training is slow to start: in ParticleWorld, behind relabelled channels, the imitation loss stays on
a plateau (1.23 nats per step) for some 3,000 updates before the policy learns to look up words.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import _checks
from paperlib.encoders import ConditionalPolicy, initialise


class GatedPoolingEncoder(nn.Module):
    """f_θ: a table of M slots, each a gated mean of values of steps, shrunk towards 0.

    E_m = Σ_t w_t g_m(o_t, a_t) v(o_t, a_t) / (Σ_t w_t g_m(o_t, a_t) + c),

    where w are the step weights, g ends in a softmax over the M slots, and v has V numbers; both
    are MLPs with one hidden layer (ReLU). The embedding is E, slot after slot, D = M·V. Since the
    sums run over steps, several episodes of an agent can be one input, concatenated along time. A
    slot that few steps reach stays near 0.

    Args:
        observation_size: O.
        action_size: A; categorical actions are one-hot.
        num_slots: M.
        value_size: V.
        prior_weight: c > 0, in steps: how strongly slots are shrunk.
        hidden_size: size of the hidden layers of g and v.
        generator: draws the weights.

    Raises:
        ValueError: if a size is not a positive integer, or ``prior_weight`` is not positive.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        num_slots: int = 16,
        value_size: int = 8,
        prior_weight: float = 2.0,
        hidden_size: int = 128,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        _checks.positive("prior_weight", prior_weight)
        self.prior_weight = prior_weight
        in_size = observation_size + action_size
        _check_sizes(num_slots=num_slots, value_size=value_size, hidden_size=hidden_size)
        self.gate = _mlp(in_size, hidden_size, num_slots)
        self.value = _mlp(in_size, hidden_size, value_size)
        initialise(self, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        pairs = torch.cat([observations, actions], dim=-1)
        gates = self.gate(pairs).softmax(-1) * step_weights.unsqueeze(-1)  # (*batch, T, M)
        sums = gates.mT @ self.value(pairs)  # (*batch, M, V)
        totals = gates.sum(-2).unsqueeze(-1)  # (*batch, M, 1)
        return (sums / (totals + self.prior_weight)).flatten(-2)


class ReadingPolicy(ConditionalPolicy):
    """π_φ: a conditional policy that, at every step, attends to the slots that it queries.

    r_t = Σ_m softmax_m(q(o_t)) E_m, of V numbers, takes the embedding's place in the MLP of
    `ConditionalPolicy`, here with ReLU; q is an MLP with one hidden layer (ReLU).

    Args:
        observation_size: O.
        action_size: A.
        num_slots: M, as in the encoder, whose embeddings have M·V numbers.
        value_size: V.
        hidden_size: size of all hidden layers.
        likelihood: see `ConditionalPolicy`.
        generator: draws the weights.

    Raises:
        ValueError: if a size is not a positive integer, or the likelihood is unknown.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        num_slots: int = 16,
        value_size: int = 8,
        hidden_size: int = 128,
        likelihood: str = "categorical",
        generator: torch.Generator,
    ) -> None:
        _check_sizes(num_slots=num_slots, value_size=value_size, hidden_size=hidden_size)
        super().__init__(
            observation_size,
            action_size,
            embedding_size=value_size,
            hidden_size=hidden_size,
            likelihood=likelihood,
            activation=nn.ReLU,
            generator=generator,
        )
        self.table_shape = num_slots, value_size
        self.query = _mlp(observation_size, hidden_size, num_slots)
        initialise(self.query, generator)

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        embedding: Float[Tensor, "*batch embedding"],
    ) -> Float[Tensor, "*batch time act"]:
        """The parameters μ of the distribution over actions."""
        table = embedding.unflatten(-1, self.table_shape)  # (*batch, M, V)
        read = self.query(observations).softmax(-1) @ table  # (*batch, T, V)
        return self.rest(self.observation_in(observations) + self.embedding_in(read))


def _check_sizes(**sizes: int) -> None:
    for name, size in sizes.items():
        _checks.integer(name, size, minimum=1)


def _mlp(in_size: int, hidden_size: int, out_size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(in_size, hidden_size), nn.ReLU(), nn.Linear(hidden_size, out_size)
    )
