"""The paper's objectives: imitation, agent identification, and the hybrid of both (Section 3).

All are losses to minimise: scalars, functions of (networks, episodes). Episodes come as n
repetitions of the draws of Algorithm 1 for all N agents at once: the leading axes are (n, N).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from paperlib.datasets import EpisodeBatch, InteractionDataset
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder

LIKELIHOODS = ("categorical", "gaussian", "squared_error")
TRIPLET_FORMS = ("softmax", "margin")


class Triplets(NamedTuple):
    """Episodes for one evaluation of an objective; the leading axes of each are (n, N).

    Attributes:
        reference: e*, of agent i.
        positive: e+, another episode of agent i.
        negative: e-, an episode of agent j, which serves all i ≠ j of its repetition.
    """

    reference: EpisodeBatch
    positive: EpisodeBatch
    negative: EpisodeBatch


def draw_triplets(
    dataset: InteractionDataset,
    episodes_of_agents: tuple[Tensor, Tensor, Tensor],
    repetitions: int,
    generator: torch.Generator,
    *,
    steps_per_episode: int = 0,
) -> Triplets:
    """Episodes for ``repetitions`` passes of Algorithm 1: for every agent i two different episodes
    e+ and e*, uniformly from its own, and one e-, which serves as negative for the others. Of each
    all steps, or ``steps_per_episode`` random ones."""
    order, starts, counts = episodes_of_agents
    shape = (3, repetitions, len(counts))
    numbers = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    available = counts - torch.tensor([0, 1, 0], device=counts.device)[:, None]  # (3, N)
    index = (numbers * available[:, None]).long()
    index[1] += index[1] >= index[0]  # the second of two different ones
    chosen = order[index + starts]
    if steps_per_episode:
        drawn = dataset.draw_steps(chosen, steps_per_episode, generator=generator)
        parts = (EpisodeBatch(*(tensor[k] for tensor in drawn)) for k in range(3))
    else:
        parts = map(dataset.batch, chosen)
    return Triplets(*parts)


def imitation_loss(
    policy: ConditionalPolicy,
    positive: EpisodeBatch,
    embedding: Float[Tensor, "*batch embedding"],
    *,
    likelihood: str = "categorical",
) -> Float[Tensor, ""]:
    """-Σ_{(o,a) ∈ e+} log π_φ(a | o, f_θ(e*)), eq. 1, averaged over episodes.

    Args:
        policy: π_φ.
        positive: e+.
        embedding: f_θ(e*).
        likelihood: "categorical", "gaussian" (diagonal, state-independent standard deviations), or
            "squared_error", ½|a - μ|², which is the Gaussian one with unit variance less a
            constant.
    """
    output = policy(positive.observations, embedding)
    if likelihood == "categorical":
        log_likelihood = (output.log_softmax(-1) * positive.actions).sum(-1)
    elif likelihood == "gaussian":
        distribution = torch.distributions.Normal(output, policy.log_std.exp())
        log_likelihood = distribution.log_prob(positive.actions).sum(-1)
    elif likelihood == "squared_error":
        log_likelihood = -0.5 * (output - positive.actions).square().sum(-1)
    else:
        raise ValueError(f"likelihood must be one of {LIKELIHOODS}, got {likelihood!r}")
    return -(log_likelihood * positive.step_weights).sum(-1).mean()


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
        reference: embeddings r* of agent i's reference episodes.
        positive: r+ of its positive ones.
        negative: r- of one episode of each agent j.
    """
    # ‖r*_i - r-_j‖ for all i, j at once: (*batch, i, j); the gradient at distance 0 is taken as 0
    negative_distance = torch.cdist(
        reference, negative, compute_mode="donot_use_mm_for_euclid_dist"
    )
    positive_distance = torch.linalg.vector_norm(reference - positive, dim=-1).unsqueeze(-1)
    if form == "softmax":
        loss = (
            (positive_distance - negative_distance).sigmoid().square()
        )  # (1 + exp(x))^-2 = σ(-x)²
    elif form == "margin":
        loss = functional.softplus(positive_distance - negative_distance)
    else:
        raise ValueError(f"form must be one of {TRIPLET_FORMS}, got {form!r}")
    own = torch.eye(loss.shape[-1], dtype=torch.bool, device=loss.device)
    return loss.masked_fill(own, 0.0).sum(-1).mean()


def hybrid_loss(
    encoder: EpisodeEncoder,
    policy: ConditionalPolicy,
    triplets: Triplets,
    *,
    identification_weight: float,
    likelihood: str = "categorical",
    form: str = "softmax",
) -> Float[Tensor, ""]:
    """Imitation loss + λ · identification loss, eq. 3: one pass of Algorithm 1 over all agents.

    Args:
        encoder: f_θ.
        policy: π_φ.
        triplets: episodes.
        identification_weight: λ; 0 is Emb-Im, infinity is Emb-Id, which leaves π_φ alone.
        likelihood: see `imitation_loss`.
        form: see `identification_loss`.
    """
    if identification_weight == 0:
        reference = encoder(*triplets.reference)
        return imitation_loss(policy, triplets.positive, reference, likelihood=likelihood)
    # r*, r+, r- in one call: each (n, N, D)
    stacked = EpisodeBatch(*(torch.stack(parts) for parts in zip(*triplets, strict=True)))
    reference, positive, negative = encoder(*stacked)
    identification = identification_loss(reference, positive, negative, form=form)
    if identification_weight == float("inf"):
        return identification
    imitation = imitation_loss(policy, triplets.positive, reference, likelihood=likelihood)
    return imitation + identification_weight * identification


def classification_loss(
    encoder: EpisodeEncoder, head: nn.Linear, triplets: Triplets
) -> Float[Tensor, ""]:
    """Cross-entropy of naming the agent of an episode, -log softmax(W f_θ(e) + b)_i, averaged over
    all: what labels would teach.

    Args:
        encoder: f_θ.
        head: from an embedding to a score for each of the N agents.
        triplets: episodes; their axis N is in the order of the scores.
    """
    stacked = EpisodeBatch(*(torch.stack(parts) for parts in zip(*triplets, strict=True)))
    scores = head(encoder(*stacked))  # (3, n, N, N)
    agents = torch.arange(scores.shape[-1], device=scores.device).expand(scores.shape[:-1])
    return functional.cross_entropy(scores.flatten(0, -2), agents.flatten())
