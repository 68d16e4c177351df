"""Identifying the agent of an episode: published classifiers, and likelihoods."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int, Shaped
from scipy import linalg
from torch import Tensor, nn

LEARNING_RATE, NUM_EPOCHS = 1e-3, 200  # used by `linear_accuracy`
EMBEDDING_SIZE, CONSTANT = 100, 10.0  # used by `discriminants`


def nearest_accuracy(
    train: Float[Tensor, "train embedding"],
    train_labels: Int[Tensor, " train"],
    test: Float[Tensor, "test embedding"],
    test_labels: Int[Tensor, " test"],
) -> float:
    """Top-1 accuracy of the nearest neighbour by cosine similarity, 0 to 1.

    Args:
        train: embeddings whose labels are known, (E, D).
        train_labels: their agents, (E,).
        test: embeddings to classify, (E', D).
        test_labels: their agents, (E',).

    Raises:
        ValueError: if embeddings are not finite.
    """
    _check(train, test)
    cosines = nn.functional.normalize(test, dim=1) @ nn.functional.normalize(train, dim=1).T
    return _share(train_labels[cosines.argmax(1)] == test_labels)


def linear_accuracy(
    train: Float[Tensor, "train embedding"],
    train_labels: Int[Tensor, " train"],
    test: Float[Tensor, "test embedding"],
    test_labels: Int[Tensor, " test"],
    *,
    generator: torch.Generator,
) -> float:
    """Top-1 accuracy of a linear layer on raw embeddings, 0 to 1.

    Softmax cross-entropy, `NUM_EPOCHS` of Adam on all of ``train`` at once, as published. That is
    far from convergence: a weight moves by at most some 0.2, so that embeddings on a larger scale
    score higher. `metrics.classifier_accuracy` converges, on standardised embeddings.

    Args:
        train, train_labels, test, test_labels: see `nearest_accuracy`.
        generator: draws the first weights and biases, uniform in ±1/sqrt(D).

    Raises:
        ValueError: if embeddings are not finite.
    """
    _check(train, test)
    classes, labels = train_labels.unique(return_inverse=True)
    noise = torch.rand(train.shape[1] + 1, len(classes), generator=generator)
    start = ((2 * noise - 1) * train.shape[1] ** -0.5).to(train)
    weight, bias = (nn.Parameter(part.clone()) for part in (start[:-1], start[-1]))
    optimiser = torch.optim.Adam([weight, bias], lr=LEARNING_RATE)
    for _ in range(NUM_EPOCHS):
        loss = nn.functional.cross_entropy(train @ weight + bias, labels)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        found = classes[(test @ weight + bias).argmax(1)]
    return _share(found == test_labels)


def count_actions(
    states: Shaped[Tensor, "episode time"],
    actions: Shaped[Tensor, "episode time"],
    *,
    num_states: int,
    num_actions: int,
) -> Float[Tensor, "episode state act"]:
    """How often each action was taken in each information state, episode by episode."""
    cells = states.long() * num_actions + actions.long()
    counts = torch.zeros(len(states), num_states * num_actions)
    counts.scatter_add_(1, cells, torch.ones(cells.shape))
    return counts.unflatten(1, (num_states, num_actions))


def pooled_policies(
    counts: Float[Tensor, "episode state act"],
    labels: Int[Tensor, " episode"],
    *,
    legal_actions: Shaped[Tensor, "state act"],
) -> Float[Tensor, "agent state act"]:
    """Action frequencies of each agent over all its episodes, in ascending order of labels.

    (n_sa + p_sa) / (n_s + 1), p the frequencies of all agents together, with one count
    added to each legal action.

    Args:
        counts: see `count_actions`.
        labels: agent of each episode.
        legal_actions: actions that are legal in each information state.
    """
    classes, index = labels.unique(return_inverse=True)
    everybody = counts.sum(0) + legal_actions.to(counts)
    prior = everybody / everybody.sum(-1, keepdim=True)
    pooled = counts.new_zeros(len(classes), *counts.shape[1:]).index_add_(0, index, counts)
    return (pooled + prior) / (pooled.sum(-1, keepdim=True) + 1)


def likelihood_accuracy(
    counts: Float[Tensor, "episode state act"],
    labels: Int[Tensor, " episode"],
    policies: Float[Tensor, "agent state act"],
) -> float:
    """Top-1 accuracy of the agent whose policy makes an episode most likely, 0 to 1.

    argmax_i Σ_sa n_sa log π_i(a | s); what depends on cards and opponents is the same for all i.

    Args:
        counts: action counts of the episodes to identify, see `count_actions`.
        labels: agent of each episode.
        policies: policies of the agents, in ascending order of labels.
    """
    log_probs = policies.clamp(min=torch.finfo(policies.dtype).tiny).log()
    return most_likely_accuracy(counts.flatten(1) @ log_probs.flatten(1).T, labels)


def most_likely_accuracy(
    log_likelihoods: Float[Tensor, "episode agent"], labels: Int[Tensor, " episode"]
) -> float:
    """Top-1 accuracy of the agent under whose policy an episode is most likely, 0 to 1.

    Args:
        log_likelihoods: log-likelihood of each episode under each agent's policy, in ascending
            order of labels.
        labels: agent of each episode; every agent has some.
    """
    return _share(labels.unique()[log_likelihoods.argmax(1)] == labels)


def pooled_accuracy(
    counts: Float[Tensor, "episode state act"],
    labels: Int[Tensor, " episode"],
    *,
    train: Shaped[Tensor, " train"],
    test: Shaped[Tensor, " test"],
) -> float:
    """`likelihood_accuracy` under `pooled_policies`, where every action is legal, 0 to 1.

    Args:
        counts, labels: action counts and agents of all episodes.
        train, test: episodes to pool, and episodes to identify: indices or masks.
    """
    legal = torch.ones(counts.shape[1:])
    policies = pooled_policies(counts[train], labels[train], legal_actions=legal)
    return likelihood_accuracy(counts[test], labels[test], policies)


def action_frequencies(
    counts: Float[Tensor, "episode state act"],
) -> Float[Tensor, "episode feature"]:
    """How often each action but the first was taken in each state that occurs, as shares.

    In Kuhn poker, these are six frequencies of bets: a baseline that an encoder should beat.

    Args:
        counts: how often each of A actions was taken in each state.

    Returns:
        Shares over an episode, 0 where it lacks the state, (E, I (A - 1)) with I states that occur.
    """
    counts = counts[:, counts.sum((0, 2)) > 0]
    return (counts[..., 1:] / counts.sum(-1, keepdim=True).clamp(min=1)).flatten(1)


def discriminants(
    train: Float[Tensor, "episode feature"],
    labels: Int[Tensor, " episode"],
    *,
    generator: torch.Generator,
) -> Callable[[Float[Tensor, "test feature"]], Float[Tensor, "test embedding"]]:
    """An embedding that is linear in features, fitted with labels: linear discriminant analysis.

    Features are whitened by the covariance within agents and rotated to the axes of the covariance
    between agents. Each axis is scaled by sqrt(b / (1 + b)), the shrinkage of a normal prior, where
    b is the ratio of the variances between and within agents, less sampling noise. With few
    features, as in Kuhn poker, a mean-MLP trained on the same counts hardly does better; with many,
    as in Leduc poker, the covariance within agents is hard to estimate, and it does much better.

    Args:
        train: features of the episodes to fit it to.
        labels: agent of each episode; all agents have the same number of episodes.
        generator: draws the mixture.

    Returns:
        A function from features, (E', F), to embeddings, (E', `EMBEDDING_SIZE`): a random mixture
        of all axes and one more, whose value is `CONSTANT`. `linear_accuracy` moves every weight by
        at most some 0.2, and so profits from more dimensions.
    """
    x, (classes, index) = train.double(), labels.unique(return_inverse=True)
    means = torch.zeros(len(classes), x.shape[1], dtype=x.dtype).index_add_(0, index, x)
    means *= len(classes) / len(x)
    within = (x - means[index]).T @ (x - means[index]) / len(x)
    variances, axes = _eigh(within)
    kept = variances > 1e-7 * variances[-1]
    whiten = axes[:, kept] / variances[kept].sqrt()
    between, turn = _eigh(torch.atleast_2d(torch.cov((means @ whiten).T)))
    between = (between - len(classes) / len(x)).clamp(min=0)
    directions = whiten @ turn * (between / (1 + between)).sqrt()
    noise = torch.randn(directions.shape[1] + 1, EMBEDDING_SIZE, generator=generator).double()
    centre, mixed = x.mean(0), directions @ noise[:-1]
    return lambda test: ((test.double() - centre) @ mixed + CONSTANT * noise[-1]).float()


def _eigh(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues, ascending, and eigenvectors of a symmetric matrix.

    `torch.linalg.eigh` uses divide and conquer, which on some machines does not converge where many
    eigenvalues are equal, as with fewer episodes than features.
    """
    values, vectors = linalg.eigh(matrix.numpy(), driver="evr")
    return torch.from_numpy(values), torch.from_numpy(vectors)


def _check(train: Tensor, test: Tensor) -> None:
    for name, values in (("train", train), ("test", test)):
        if not values.isfinite().all():
            raise ValueError(f"{name} must be finite embeddings, got NaN or infinity")


def _share(right: Tensor) -> float:
    return right.double().mean().item()
