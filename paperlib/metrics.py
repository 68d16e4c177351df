"""How good embeddings are: pure functions of arrays."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import Tensor

EXACT = "donot_use_mm_for_euclid_dist"  # the faster form of cdist loses digits


def intra_inter_clustering_ratio(
    embeddings: Float[Tensor, "episode embedding"], agents: Int[Tensor, " episode"]
) -> float:
    """IICR: mean distance within agents over mean distance between agents; lower is better.

    (1/N Σ_i mean_{e≠e'} ‖r_i,e - r_i,e'‖) / (1/(N(N-1)) Σ_{i≠j} mean_{e,e'} ‖r_i,e - r_j,e'‖),
    the formula of Section 5.1 as recalled.

    Raises:
        ValueError: if there are fewer than two agents, one of them has a single episode, or all
            embeddings are the same.
    """
    ids, index, counts = agents.unique(return_inverse=True, return_counts=True)
    if len(ids) < 2:
        raise ValueError(f"agents: a ratio takes two agents, got {len(ids)}")
    if counts.min() < 2:
        raise ValueError(f"agents: agent {ids[counts.argmin()]} has a single episode; two are due")
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
    """Share of test labels that a classifier on frozen embeddings gets right, 0 to 1.

    For agent identification, labels are agents; for outcome prediction, features are the two
    agents' embeddings side by side and labels win, draw and loss.

    Args:
        train_features: (E, F).
        train_labels: (E,).
        test_features: (E', F).
        test_labels: (E',).
        method: "linear" (multinomial logistic regression on standardised features) or "nearest"
            (one nearest neighbour).
    """
    if method == "linear":
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    elif method == "nearest":
        model = KNeighborsClassifier(n_neighbors=1)
    else:
        raise ValueError(f"method must be 'linear' or 'nearest', got {method!r}")
    model.fit(np.asarray(train_features), np.asarray(train_labels))
    return float(model.score(np.asarray(test_features), np.asarray(test_labels)))


def embedding_quality(
    embeddings: Float[Tensor, "episode embedding"], agents: Int[Tensor, " episode"]
) -> dict[str, float]:
    """How well embeddings tell agents apart.

    Returns:
        ``ratio``, the `intra_inter_clustering_ratio`; ``nearest`` and ``linear``, the accuracy with
        which a classifier that knows every second embedding of each agent names the agent of the
        others; ``chance``, one over the number of agents.
    """
    rank = torch.zeros_like(agents)
    for agent in agents.unique():
        own = agents == agent
        rank[own] = torch.arange(int(own.sum()), device=agents.device)
    known, asked = rank % 2 == 0, rank % 2 == 1
    halves = embeddings[known], agents[known], embeddings[asked], agents[asked]
    halves = [half.cpu().numpy() for half in halves]
    return {
        "ratio": intra_inter_clustering_ratio(embeddings, agents),
        "nearest": classifier_accuracy(*halves, method="nearest"),
        "linear": classifier_accuracy(*halves, method="linear"),
        "chance": 1 / len(agents.unique()),
    }


def ratings(pairs: ArrayLike, scores: ArrayLike, *, num_players: int) -> NDArray[np.float64]:
    """Strengths of players after Bradley and Terry (1952), on the scale of chess, mean zero.

    P(i beats j) = 1 / (1 + 10^((R_j - R_i) / 400)), a draw counting as half a win for each; by
    maximum likelihood with a weak penalty, which keeps who won every match from infinity.

    Args:
        pairs: numbers of the players of each match, (M, 2).
        scores: of the first player: 1 for a win, 0.5 for a draw, 0 for a loss, (M,).
        num_players: P.

    Returns:
        Ratings, (P,).
    """
    pairs, scores = np.asarray(pairs), np.asarray(scores, dtype=float)
    signs = np.zeros((len(pairs), num_players))
    signs[np.arange(len(pairs)), pairs[:, 0]] = 1.0
    signs[np.arange(len(pairs)), pairs[:, 1]] = -1.0
    # Every match counts as a win with the score as weight, and a loss with what is left of it.
    won = np.repeat([True, False], len(pairs))
    model = LogisticRegression(C=10.0, fit_intercept=False, max_iter=1000)
    model.fit(np.concatenate([signs, signs]), won, np.concatenate([scores, 1 - scores]))
    strengths = 400 / np.log(10) * model.coef_[0]
    return strengths - strengths.mean()


def icc(values: ArrayLike) -> float:
    """Share of the variance that lies between groups: the intraclass correlation ICC(1) (Shrout
    and Fleiss 1979), (MSB - MSW) / (MSB + (k - 1) MSW); 1 where all measurements of a group agree.

    Args:
        values: k measurements of each of n groups, (n, k).
    """
    values = np.asarray(values, dtype=float)
    count = values.shape[1]
    between = count * values.mean(axis=1).var(ddof=1)
    within = values.var(axis=1, ddof=1).mean()
    return float((between - within) / (between + (count - 1) * within))
