"""Languages of ParticleWorld's pairs: what speakers say, and what listeners understand.

A speaker's *code* is p(w | t), the probability of each of the 2^M words w for each target t. What a
listener understands is the table R[l, t, w] of its mean returns at target t, where it hears nothing
but w (`word_speakers.word_returns`). Functions take the codes or tables of K pairs as NumPy arrays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy.typing import ArrayLike
from scipy import stats

from paperlib.agents import word_speakers
from paperlib.agents.networks import StackedMLP
from paperlib.environments.particleworld import COLOURS

Codes = Float[np.ndarray, "pair target word"]
Returns = Float[np.ndarray, "listener target word"]


@torch.no_grad()
def speaker_codes(speakers: StackedMLP) -> Codes:
    """p(w | t) of each speaker: a product over bits, which it draws independently."""
    ones = speakers(COLOURS.to(speakers.weights[0]).expand(len(speakers.weights[0]), -1, -1))
    ones = ones.double().sigmoid().unsqueeze(2)  # P(bit = 1), (K, 3, 1, M)
    sent = word_speakers.words(speakers.sizes[-1]).bool()
    return torch.where(sent, ones, 1 - ones).prod(-1).numpy()


def mutual_information(codes: Codes) -> Float[np.ndarray, " pair"]:
    """I(W; T) = H(W) - H(W | T) of a word and its target, in bits; targets are uniform."""
    entropy = stats.entropy(codes.mean(1), base=2, axis=-1)
    return entropy - stats.entropy(codes, base=2, axis=-1).mean(1)


def words_sent(codes: Codes, *, threshold: float) -> Bool[np.ndarray, "pair target word"]:
    """Which words make up at least the share ``threshold`` of what is sent for a target."""
    return codes >= threshold


def words_understood(
    returns: Returns, *, tolerance: float
) -> Bool[np.ndarray, "listener target word"]:
    """Which words a listener understands for a target: those with returns at most ``tolerance``
    below that of the best word for it."""
    return returns >= returns.max(-1, keepdims=True) - tolerance


def synonymy(codes: Codes, returns: Returns, *, threshold: float, tolerance: float) -> float:
    """Share of synonyms that the listener understands: how many `words_sent`, other than the most
    frequent one for a target, are `words_understood`; NaN if there are no such words."""
    further = words_sent(codes, threshold=threshold)
    np.put_along_axis(further, codes.argmax(-1, keepdims=True), False, axis=-1)
    understood = words_understood(returns, tolerance=tolerance)[further]
    return float(understood.mean()) if len(understood) else np.nan


def bit_distances(num_words: int) -> Float[np.ndarray, "word word"]:
    """The number of bits in which two words differ (Hamming distance)."""
    words = word_speakers.words(num_words.bit_length() - 1).numpy()
    return (words[:, None] != words[None]).sum(-1).astype(float)


def bits_apart(codes: Codes) -> Float[np.ndarray, " pair"]:
    """Expected number of bits in which the words for two different targets differ."""
    between = codes @ bit_distances(codes.shape[-1]) @ codes.swapaxes(-1, -2)  # (K, 3, 3)
    first, second = np.triu_indices(codes.shape[1], 1)
    return between[:, first, second].mean(-1)


def silent_share(codes: Codes) -> Float[np.ndarray, " pair"]:
    """Share of messages that are all zeros, the word that looks like silence."""
    return codes[..., 0].mean(1)


def code_classes(codes: Codes) -> dict[str, int]:
    """How many codes there are of each class: the numbers of bits, ascending, in which the most
    frequent words for the three targets differ from each other; a 0 is one word for two targets.

    Two codes are of one class if relabelling the channel (`channel_symmetries`) turns one into the
    other.
    """
    best = codes.argmax(-1)  # (K, 3)
    apart = bit_distances(codes.shape[-1])[best[:, [0, 0, 1]], best[:, [1, 2, 2]]]
    return dict(Counter(" ".join(f"{bits:g}" for bits in sorted(row)) for row in apart))


def shared_words(codes: Codes) -> float:
    """Probability that two speakers send the same word for the same target, mean over pairs."""
    total = codes.sum(0)
    same = (total**2 - (codes**2).sum(0)).sum(-1).mean()  # over ordered pairs of speakers
    return float(same / (len(codes) * (len(codes) - 1)))


def likeness_of_neighbours(returns: Returns) -> Float[np.ndarray, " listener"]:
    """Whether words with more bits in common are understood more alike: rank correlation, over all
    pairs of words, of the bits in which they differ and the distance between their returns at the
    three targets."""
    first, second = np.triu_indices(returns.shape[-1], 1)
    bits = stats.rankdata(bit_distances(returns.shape[-1])[first, second])
    meaning = np.linalg.norm(returns[..., first] - returns[..., second], axis=1)
    ranks = stats.rankdata(meaning, axis=-1)
    bits, ranks = bits - bits.mean(), ranks - ranks.mean(-1, keepdims=True)
    spread = np.linalg.norm(bits) * np.linalg.norm(ranks, axis=-1)
    return ranks @ bits / np.maximum(spread, 1e-12)


class ShuffleTest(NamedTuple):
    """A statistic, and its value when words are relabelled at random.

    Attributes:
        values: the statistic of each population, (P,).
        shuffled: mean over shuffles and populations.
        p_value: two-sided p-value of the mean over populations.
    """

    values: Float[np.ndarray, " population"]
    shuffled: float
    p_value: float


def shuffle_test(
    statistic: Callable[[np.ndarray], ArrayLike],
    populations: Sequence[Float[np.ndarray, "pair target word"]],
    *,
    num_shuffles: int,
    generator: np.random.Generator,
) -> ShuffleTest:
    """Permutation test: each pair's words are relabelled at random, by one of all (2^M)!
    permutations, so that a code keeps everything except which words, and so bits, it consists of.

    Args:
        statistic: function of an array (K, 3, W); numbers for each pair are averaged.
        populations: codes or tables of returns.
        num_shuffles: S; p-values are at least 1 / (S + 1).
        generator: draws the permutations.
    """
    values = np.array([np.mean(statistic(array)) for array in populations])
    found = np.empty(num_shuffles)
    for index in range(num_shuffles):
        relabelled = []
        for array in populations:
            words = np.tile(np.arange(array.shape[-1]), (len(array), 1))
            words = generator.permuted(words, axis=1)[:, None]  # (K, 1, W)
            relabelled.append(np.mean(statistic(np.take_along_axis(array, words, axis=-1))))
        found[index] = np.mean(relabelled)
    centre = found.mean()
    extreme = np.abs(found - centre) >= abs(values.mean() - centre) - 1e-12
    p_value = (1 + extreme.sum()) / (1 + num_shuffles)
    return ShuffleTest(values, float(centre), float(p_value))


def returns_of_codes(codes: Codes, returns: Returns) -> Float[np.ndarray, "speaker listener"]:
    """J[i, j] = 1/3 Σ_t Σ_w p_i(w | t) R[j, t, w]: expected return of speaker i with listener j, if
    it sends one word per episode.

    Args:
        codes: codes of K speakers.
        returns: tables of returns of L listeners.
    """
    return np.einsum("itw,jtw->ij", codes, returns) / codes.shape[1]


def exchange_losses(
    found: Float[np.ndarray, "speaker listener"],
) -> Float[np.ndarray, "pair pair"]:
    """Loss of return when two pairs exchange their speakers, averaged over both directions:

    D[i, j] = (J[j, j] - J[i, j] + J[i, i] - J[j, i]) / 2.

    A noisy estimate may be below zero.

    Args:
        found: J, the mean return of each speaker with each listener, such as `returns_of_codes`.
    """
    loss = np.diag(found)[None] - found
    return (loss + loss.T) / 2


def language_distances(codes: Codes, returns: Returns) -> Float[np.ndarray, "pair pair"]:
    """`exchange_losses` of `returns_of_codes`, without sampling noise in what speakers say."""
    return exchange_losses(returns_of_codes(codes, returns))


def meaning_distances(returns: Returns) -> Float[np.ndarray, "bit listener"]:
    """Mean distance between the returns, at the three targets, of two words that differ in 1, 2,
    ... M bits, for each listener."""
    first, second = np.triu_indices(returns.shape[-1], 1)
    bits = bit_distances(returns.shape[-1])[first, second]
    meaning = np.linalg.norm(returns[..., first] - returns[..., second], axis=1)  # (L, pairs)
    return np.stack([meaning[:, bits == number].mean(1) for number in np.unique(bits)])
