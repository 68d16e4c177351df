"""Objectives: imitation, identification, and the hybrid of both (Section 3).

An objective is any callable ``(networks, triplets) -> scalar``, a loss to minimise. Episodes come
as n repetitions of the draws of Algorithm 1 for all N agents at once: leading axes are (n, N).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from paperlib import _checks
from paperlib.batches import EpisodeBatch, concatenate, join_episodes
from paperlib.datasets import AgentEpisodes, InteractionDataset

FORMS = ("softmax", "margin")


class Triplets(NamedTuple):
    """Episodes for one evaluation of an objective; the leading axes of each are (n, N).

    Attributes:
        reference: e*, an episode of agent i, or several joined along the time axis.
        positive: e+, another episode of agent i.
        negative: e-, an episode of agent j, the negative for all i ≠ j of its repetition.
    """

    reference: EpisodeBatch
    positive: EpisodeBatch
    negative: EpisodeBatch


@dataclasses.dataclass(frozen=True)
class Networks:
    """The networks that an objective trains.

    Attributes:
        encoder: f_θ, ``(observations, actions, step_weights) -> embedding``.
        policy: π_φ, with ``log_prob(observations, embedding, actions)``, see `ConditionalPolicy`.
        generator: source of noise for objectives that draw any; None if none was passed.
    """

    encoder: nn.Module
    policy: nn.Module
    generator: torch.Generator | None = None


Objective = Callable[[Networks, Triplets], Tensor]


def draw_triplets(
    dataset: InteractionDataset,
    episodes: AgentEpisodes,
    *,
    repetitions: int,
    steps_per_episode: int = 0,
    agents_per_update: int = 0,
    reference_episodes: Sequence[int] = (1, 1),
    generator: torch.Generator,
) -> Triplets:
    """Episodes for ``repetitions`` passes of Algorithm 1: for every agent i, two different episodes
    e+ and e*, uniform among its own, and one e-, which serves as a negative for the others.

    Args:
        dataset: holds the episodes.
        episodes: each agent's episodes: at least two, and one more than the longest e* takes.
        repetitions: n.
        steps_per_episode: number of random steps to take of each episode; 0 for all of them.
        agents_per_update: number of random agents to take; 0 for all of them, in their order.
        reference_episodes: the fewest and the most different episodes that make up e*; their
            number is uniform in this range, and the same for all agents.
        generator: draws agents, episodes and steps.

    Raises:
        ValueError: if an agent has too few episodes.
    """
    order, starts, counts = episodes
    if counts.min() <= reference_episodes[1]:
        least = reference_episodes[1] + 1
        raise ValueError(f"every agent needs {least} episodes, one has {counts.min()}")
    source = {"generator": generator, "device": generator.device}
    if 0 < agents_per_update < len(counts):
        some = torch.randperm(len(counts), **source)[:agents_per_update]
        starts, counts = starts[some], counts[some]
    shape = (3, repetitions, len(counts))
    numbers = torch.rand(shape, **source, dtype=torch.float64)
    available = counts - torch.tensor([0, 1, 0], device=counts.device)[:, None]  # (3, N)
    index = (numbers * available[:, None]).long()
    index[1] += index[1] >= index[0]  # the second of two different ones
    chosen = order[index + starts]
    if steps_per_episode:
        drawn = dataset.draw_steps(chosen, steps_per_episode, generator=generator)
        reference, positive, negative = (drawn.map(lambda t, k=k: t[k]) for k in range(3))
    else:
        reference, positive, negative = map(dataset.batch, chosen)
    triplets = Triplets(reference, positive, negative)
    low, high = reference_episodes
    size = low if low == high else int(torch.randint(low, high + 1, (), **source))
    if size == 1:
        return triplets
    taken = index[:2]  # e* and e+; what follows is e*'s other episodes
    for number in torch.rand((size - 1, *shape[1:]), **source, dtype=torch.float64):
        new = (number * (counts - len(taken))).long()
        # the new-th episode that is not taken: one further for each of those before it
        before = taken.sort(0).values - torch.arange(len(taken), device=new.device)[:, None, None]
        taken = torch.cat([taken, (new + (before <= new).sum(0))[None]])
    others = order[taken[2:] + starts].movedim(0, -1)  # (n, N, k - 1)
    if steps_per_episode:
        more = dataset.draw_steps(others, steps_per_episode, generator=generator)
    else:
        more = dataset.batch(others)
    first = triplets.reference.map(lambda tensor: tensor.unsqueeze(2))
    joined = join_episodes(concatenate([first, more], dim=2))
    return triplets._replace(reference=joined)


def embed_triplets(
    encoder: nn.Module, triplets: Triplets
) -> Float[Tensor, "3 repetition agent embedding"]:
    """r*, r+ and r-, each (n, N, D), in one call of the encoder if all have the same length."""
    if triplets.reference.step_weights.shape != triplets.positive.step_weights.shape:
        return torch.stack([encoder(*batch) for batch in triplets])
    stacked = EpisodeBatch(*(torch.stack(parts) for parts in zip(*triplets, strict=True)))
    return encoder(*stacked)


def imitation_loss(
    policy: nn.Module,
    positive: EpisodeBatch,
    embedding: Float[Tensor, "*batch embedding"],
) -> Float[Tensor, ""]:
    """-1/|e+| Σ_{(o,a) ∈ e+} log π_φ(a | o, f_θ(e*)), eq. 1, averaged over episodes.

    The paper sums over steps. With the mean, in nats per step, λ means the same for episodes of any
    length.

    Args:
        policy: π_φ.
        positive: e+.
        embedding: f_θ(e*), (..., D).
    """
    weights, actions = positive.step_weights, positive.actions
    # Padding holds no action, and -inf times 0 would be NaN: the first one stands in.
    actions = torch.where(weights.unsqueeze(-1) > 0, actions, actions[..., :1, :])
    log_prob = policy.log_prob(positive.observations, embedding, actions)
    return -((log_prob * weights).sum(-1) / weights.sum(-1)).mean()


def identification_loss(
    reference: Float[Tensor, "*batch agent embedding"],
    positive: Float[Tensor, "*batch agent embedding"],
    negative: Float[Tensor, "*batch agent embedding"],
    *,
    form: str = "softmax",
) -> Float[Tensor, ""]:
    """Σ_{j≠i} d_θ(e+_i, e-_j, e*_i), eq. 2, averaged over agents i and repetitions.

    With x = ‖r* - r-‖ - ‖r* - r+‖, plain L2 norms:
    softmax:  d = (1 + exp(x))^-2, the paper's;
    margin:   d = log(1 + exp(-x)), the soft-margin triplet loss (Hermans et al. 2017).

    Args:
        reference: embeddings r* of agent i's reference episodes, (..., N, D).
        positive: embeddings r+ of its positive episodes, (..., N, D).
        negative: embeddings r- of one episode of each agent j, (..., N, D).
        form: "softmax" or "margin".

    Raises:
        ValueError: if the form is unknown, or there is a single agent.
    """
    _checks.one_of("form", form, FORMS)
    if reference.shape[-2] < 2:
        raise ValueError("identification compares at least two agents, and an update has only one")
    # ‖r*_i - r-_j‖ for all i, j at once: (*batch, i, j); the gradient at distance 0 is taken as 0
    negative_distance = torch.cdist(
        reference, negative, compute_mode="donot_use_mm_for_euclid_dist"
    )
    positive_distance = torch.linalg.vector_norm(reference - positive, dim=-1).unsqueeze(-1)
    difference = positive_distance - negative_distance  # -x
    # (1 + exp(x))^-2 = σ(-x)²
    loss = difference.sigmoid().square() if form == "softmax" else functional.softplus(difference)
    own = torch.eye(loss.shape[-1], dtype=torch.bool, device=loss.device)
    return loss.masked_fill(own, 0.0).sum(-1).mean()


def imitation(networks: Networks, triplets: Triplets) -> Float[Tensor, ""]:
    """Emb-Im: the embedding of one episode must help to predict the actions in another, eq. 1."""
    reference = networks.encoder(*triplets.reference)
    return imitation_loss(networks.policy, triplets.positive, reference)


def identification(
    networks: Networks, triplets: Triplets, *, form: str = "softmax"
) -> Float[Tensor, ""]:
    """Emb-Id: episodes of one agent must lie nearer to each other than to others', eq. 2."""
    return identification_loss(*embed_triplets(networks.encoder, triplets), form=form)


@dataclasses.dataclass(frozen=True)
class Hybrid:
    """Emb-Hyb: imitation loss + λ · identification loss, eq. 3.

    Attributes:
        identification_weight: λ; 0 is `imitation`, infinity is `identification`. It weighs a sum
            over the other agents of an update: with twice as many, half the weight does the same.
        form: form of the identification loss, "softmax" or "margin".

    Raises:
        ValueError: if λ is not a number of at least 0, or the form is unknown.
    """

    identification_weight: float = 1.0
    form: str = "softmax"

    def __post_init__(self) -> None:
        weight = self.identification_weight
        if not (isinstance(weight, Real) and weight >= 0):
            raise ValueError(
                f"identification_weight must be a number of at least 0, got {weight!r}"
            )
        _checks.one_of("form", self.form, FORMS)

    def __call__(self, networks: Networks, triplets: Triplets) -> Float[Tensor, ""]:
        if self.identification_weight == 0:
            return imitation(networks, triplets)
        if self.identification_weight == float("inf"):
            return identification(networks, triplets, form=self.form)
        reference, positive, negative = embed_triplets(networks.encoder, triplets)
        identified = identification_loss(reference, positive, negative, form=self.form)
        imitated = imitation_loss(networks.policy, triplets.positive, reference)
        return imitated + self.identification_weight * identified


def require_objective(objective: Any) -> None:
    """Checks that ``objective`` can be called with networks and triplets.

    Raises:
        ValueError: if it is a class, or no callable.
    """
    if isinstance(objective, type) or not callable(objective):
        raise ValueError(
            f"objective must be a function or an instance such as Hybrid(), got {objective!r}; "
            "comparison.train builds classes"
        )


def require_scalar(loss: Any) -> None:
    """Checks what an objective returned.

    Raises:
        ValueError: if it is not a scalar, does not depend on the networks, or is not finite.
    """
    if not isinstance(loss, Tensor) or loss.shape:
        got = tuple(loss.shape) if isinstance(loss, Tensor) else type(loss).__name__
        raise ValueError(f"objective must return a scalar tensor, got {got}")
    if not loss.requires_grad:
        raise ValueError("objective must return a loss that depends on networks, got a constant")
    if not loss.isfinite():
        raise ValueError(f"objective must return a finite loss, got {loss.item()} at the start")


def require_finite(losses: Float[Tensor, " update"]) -> None:
    """Checks the losses so far.

    Raises:
        ValueError: if one is NaN or infinite; names the first such update.
    """
    wrong = (~losses.isfinite()).nonzero()
    if len(wrong):
        first = int(wrong[0])
        raise ValueError(
            f"objective must return finite losses, got {losses[first].item()} in update {first}; "
            "a lower learning_rate may help"
        )
