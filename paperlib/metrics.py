"""Measures of embeddings, of single episodes or averaged over several: pure functions of arrays."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

from paperlib import _checks, _dataset_checks
from paperlib.batches import in_parts
from paperlib.datasets import InteractionDataset

EXACT = "donot_use_mm_for_euclid_dist"  # the faster form of cdist loses digits


def intra_inter_clustering_ratio(
    embeddings: Float[Tensor, "episode embedding"] | ArrayLike,
    agents: Int[Tensor, " episode"] | ArrayLike,
) -> float:
    """IICR: mean distance within agents over mean distance between agents; lower is better.

    (1/N Σ_i mean_{e≠e'} ‖r_i,e - r_i,e'‖) / (1/(N(N-1)) Σ_{i≠j} mean_{e,e'} ‖r_i,e - r_j,e'‖),
    the formula of Section 5.1, quoted from memory, not verified.

    Raises:
        ValueError: if shapes do not fit, there are fewer than two agents, one of them has a single
            episode, or embeddings are not finite or all the same.
    """
    embeddings, agents = _rows(embeddings, agents)
    ids, index, counts = agents.unique(return_inverse=True, return_counts=True)
    if len(ids) < 2:
        raise ValueError(f"agents: the ratio needs at least two agents, got {len(ids)}")
    if not embeddings.isfinite().all():
        raise ValueError("embeddings must be finite, got NaN or infinity")
    if counts.min() < 2:
        raise ValueError(f"agents: agent {ids[counts.argmin()]} has a single episode; it needs two")
    member = torch.nn.functional.one_hot(index).double()  # (episodes, agents)
    distances = torch.cdist(embeddings.double(), embeddings.double(), compute_mode=EXACT)
    sums = member.T @ distances @ member
    intra = (sums.diagonal() / (counts * (counts - 1))).mean()
    means = sums / (counts[:, None] * counts)
    inter = (means.sum() - means.diagonal().sum()) / (len(ids) * (len(ids) - 1))
    if inter == 0:
        raise ValueError("embeddings are all the same: the ratio is undefined")
    return (intra / inter).item()


def classifier_accuracy(
    train_features: ArrayLike,
    train_labels: ArrayLike,
    test_features: ArrayLike,
    test_labels: ArrayLike,
    *,
    method: str = "linear",
) -> float:
    """Accuracy of a classifier on frozen embeddings, 0 to 1.

    For agent identification, labels are agents; for outcome prediction, features are the two
    agents' embeddings side by side and labels win, draw and loss.

    Args:
        train_features: (E, F).
        train_labels: (E,).
        test_features: (E', F).
        test_labels: (E',).
        method: "linear" (multinomial logistic regression on standardised features) or "nearest"
            (one nearest neighbour).

    Raises:
        ValueError: if shapes do not fit, or the method is unknown.
    """
    parts = train_features, train_labels, test_features, test_labels
    parts = [_dataset_checks.as_array(part) for part in parts]
    for name, features, labels in (("train", *parts[:2]), ("test", *parts[2:])):
        if features.ndim != 2 or labels.shape != features.shape[:1]:
            raise ValueError(
                f"{name}_features must be (E, F) and {name}_labels (E,), got {features.shape} and "
                f"{labels.shape}"
            )
    if method == "linear":
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    elif method == "nearest":
        model = KNeighborsClassifier(n_neighbors=1)
    else:
        raise ValueError(f"method must be 'linear' or 'nearest', got {method!r}")
    return float(model.fit(*parts[:2]).score(*parts[2:]))


def embedding_quality(
    embeddings: Float[Tensor, "episode embedding"] | ArrayLike,
    agents: Int[Tensor, " episode"] | ArrayLike,
    *,
    num_labels: int | None = None,
) -> dict[str, float]:
    """How well embeddings distinguish agents.

    Args:
        embeddings: embeddings of episodes, (E, D).
        agents: the agent of each episode, (E,).
        num_labels: number of each agent's first embeddings that classifiers are trained on; by
            default every second one.

    Returns:
        ``ratio``, the `intra_inter_clustering_ratio`; ``nearest`` and ``linear``, the accuracy of a
        classifier, 0 to 1, on the embeddings that it was not trained on; ``chance``, one over the
        number of agents.

    Raises:
        ValueError: if ``num_labels`` is not below the number of each agent's embeddings, or for the
            reasons of `intra_inter_clustering_ratio`.
    """
    embeddings, agents = _rows(embeddings, agents)
    rank = torch.zeros_like(agents)
    for agent in agents.unique():
        own = agents == agent
        rank[own] = torch.arange(int(own.sum()), device=agents.device)
    if num_labels is None:
        known = rank % 2 == 0
    else:
        known = rank < _checks.integer("num_labels", num_labels, minimum=1)
        fewest = int(agents.unique(return_counts=True)[1].min())
        if fewest <= num_labels:
            raise ValueError(
                f"num_labels must be below {fewest}, the fewest embeddings of an agent; got "
                f"{num_labels}"
            )
    halves = embeddings[known], agents[known], embeddings[~known], agents[~known]
    return {
        "ratio": intra_inter_clustering_ratio(embeddings, agents),
        "nearest": classifier_accuracy(*halves, method="nearest"),
        "linear": classifier_accuracy(*halves, method="linear"),
        "chance": 1 / len(agents.unique()),
    }


def summary_statistics(dataset: InteractionDataset) -> Float[Tensor, "episode feature"]:
    """Means and standard deviations of observations and actions over an episode, (E, 2 (O + A)),
    scaled to unit variance over episodes, 0 where they do not vary: a baseline that an encoder
    should beat."""
    parts, rows = [], torch.arange(len(dataset), device=dataset.agents.device)
    for index in in_parts(rows, dataset.observations.shape[1]):
        batch = dataset.batch(index)
        pairs = torch.cat([batch.observations, batch.actions], dim=-1)
        weight = (batch.step_weights / batch.step_weights.sum(-1, keepdim=True)).unsqueeze(-1)
        mean = (pairs * weight).sum(-2)
        variance = ((pairs - mean.unsqueeze(-2)).square() * weight).sum(-2)
        parts.append(torch.cat([mean, variance.sqrt()], dim=-1))
    features = torch.cat(parts)
    spread = features.std(0, correction=int(len(features) > 1))
    # The deviation of a constant is rounding noise: small only in comparison with the mean.
    size = features.abs().amax(0).unflatten(0, (2, -1)).amax(0).repeat(2)
    varies = spread > 1e-5 * size
    return torch.where(varies, features / spread, 0.0)


def average_episodes(
    embeddings: Float[Tensor, "episode embedding"] | ArrayLike,
    agents: Int[Tensor, " episode"] | ArrayLike,
    *,
    num_episodes: int,
    num_averages: int,
    generator: torch.Generator,
) -> Float[Tensor, "agent average embedding"]:
    """Means of the embeddings of random episodes of each agent, drawn anew for every mean.

    Args:
        embeddings: embeddings of single episodes.
        agents: the agent of each episode.
        num_episodes: number of different episodes in each mean.
        num_averages: number of means for each agent.
        generator: draws the episodes.

    Returns:
        Rows for agents in ascending order of their ids.

    Raises:
        ValueError: if shapes do not fit, an agent has fewer than ``num_episodes``, or that is not
            at least 1.
    """
    embeddings, agents = _rows(embeddings, agents)
    _checks.integer("num_episodes", num_episodes, minimum=1)
    result = []
    for agent in agents.unique().tolist():
        own = embeddings[agents == agent]
        if len(own) < num_episodes:
            raise ValueError(f"agent {agent} has {len(own)} episodes, num_episodes={num_episodes}")
        noise = torch.rand(num_averages, len(own), generator=generator, device=generator.device)
        chosen = noise.argsort(dim=-1)[:, :num_episodes].to(own.device)
        result.append(own[chosen].mean(1))
    return torch.stack(result)


def disjoint_averages(
    embeddings: Float[Tensor, "episode embedding"] | ArrayLike,
    agents: Int[Tensor, " episode"] | ArrayLike,
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "average embedding"], Int[Tensor, " average"]]:
    """Means of the embeddings of disjoint random groups of each agent's episodes, and the agent of
    each group. Given the agent they are independent, as metrics assume; those of
    `average_episodes` are not.

    Args:
        embeddings: embeddings of single episodes.
        agents: the agent of each episode.
        num_episodes: number of episodes in a group; those left over are not used.
        generator: draws the groups.

    Raises:
        ValueError: if shapes do not fit, an agent has fewer than two groups, or ``num_episodes`` is
            not at least 1.
    """
    embeddings, agents = _rows(embeddings, agents)
    _checks.integer("num_episodes", num_episodes, minimum=1)
    means, owners = [], []
    for agent in agents.unique().tolist():
        own = embeddings[agents == agent]
        count = len(own) // num_episodes
        if count < 2:
            raise ValueError(
                f"agent {agent} has {len(own)} episodes; two groups of num_episodes={num_episodes} "
                f"take {2 * num_episodes}"
            )
        order = torch.randperm(len(own), generator=generator, device=generator.device)
        order = order.to(own.device)
        means.append(own[order[: count * num_episodes]].unflatten(0, (count, -1)).mean(1))
        owners.append(agents.new_full((count,), agent))
    return torch.cat(means), torch.cat(owners)


def average_others(
    embeddings: Float[Tensor, "episode embedding"] | ArrayLike,
    agents: Int[Tensor, " episode"] | ArrayLike,
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> Float[Tensor, "episode embedding"]:
    """For every episode, the mean embedding of random *other* episodes of its agent: what is known
    of the agent without that episode.

    Args:
        embeddings: embeddings of single episodes.
        agents: the agent of each episode.
        num_episodes: number of different episodes in each mean; where an agent has fewer others,
            all of them.
        generator: draws the episodes.

    Raises:
        ValueError: if shapes do not fit, an agent has a single episode, or ``num_episodes`` is not
            at least 1.
    """
    embeddings, agents = _rows(embeddings, agents)
    _checks.integer("num_episodes", num_episodes, minimum=1)
    result = torch.empty_like(embeddings)
    for agent in agents.unique().tolist():
        rows = (agents == agent).nonzero()[:, 0]
        if len(rows) < 2:
            raise ValueError(f"agent {agent} has a single episode; there is no other one")
        noise = torch.rand(len(rows), len(rows), generator=generator, device=generator.device)
        order = noise.fill_diagonal_(2.0).argsort(dim=-1)  # the episode itself comes last
        chosen = order[:, : min(num_episodes, len(rows) - 1)].to(rows.device)
        result[rows] = embeddings[rows[chosen]].mean(1)
    return result


def _rows(embeddings: Tensor | ArrayLike, agents: Tensor | ArrayLike) -> tuple[Tensor, Tensor]:
    """Embeddings as floats, (E, D), and agents as integers, (E,); tensors stay where they are."""
    embeddings = _dataset_checks.as_tensor("embeddings", embeddings)
    agents = _dataset_checks.as_tensor("agents", agents)
    if embeddings.ndim != 2 or agents.shape != embeddings.shape[:1] or agents.is_floating_point():
        raise ValueError(
            f"embeddings must be (E, D) and agents E integers, got {tuple(embeddings.shape)} and "
            f"{agents.dtype} of shape {tuple(agents.shape)}"
        )
    return embeddings if embeddings.is_floating_point() else embeddings.float(), agents.long()
