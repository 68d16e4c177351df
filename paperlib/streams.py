"""Random streams: their names, and the generators that draw from them.

A stream is named by a key of integers. Almost everywhere it is ``(seed, Stream.NAME, ...)``, where
the rest counts what is drawn within: pairs, seeds, repetitions. Keys of different length never give
the same stream. Exceptions, kept so that published numbers stay valid:

- a pair of ParticleWorld trains on ``(seed, pair, attempt)`` and is evaluated on
  ``(seed, pair, attempt, 1)``;
- a data set that is the same for all seeds is drawn from ``(Stream.NAME,)``;
- small examples take ``(seed,)`` or ``(seed, k)`` with k below 10.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Generators = torch.Generator | Sequence[torch.Generator]


@enum.unique
class Stream(enum.IntEnum):
    """Every numbered stream of the reproduction; the number is part of a key.

    Comments show the keys, in which _ stands for the number. Trainings that a table compares share
    a key, so that they do not differ in their random numbers; no others share one.
    """

    FIDELITY_MATCH = 100  # (seed, _): the match that is shown

    POPULATION_RETURNS = 101  # (seed, _, pair): episodes of each pair
    POPULATION_BOUND = 102  # (seed, _): worlds of the upper bound
    POPULATION_CROSS_PLAY = 103  # (seed, _, speaker): episodes with every listener
    POPULATION_EPISODE = 104  # (seed, _): the episodes that are shown

    TABLE_2_EPISODES = 201  # (seed, _): the episodes of a run, which Table 3 shares
    TABLE_2_WEAK_SPLIT = 202  # (seed, _)
    TABLE_2_STRONG_SPLIT = 203  # (seed, _): Table 3 shares it
    TABLE_2_ENCODERS = 204  # (seed, _, kind of split), and 1 for a second training
    TABLE_2_SUBSET = 205  # (seed, _): episodes that are measured
    TABLE_2_AVERAGES = 206  # (seed, _): which embeddings are averaged
    TABLE_2_UNTRAINED = 207  # (seed, _): weights of the untrained encoder

    TABLE_1_MATCHES = 301  # (_, 0) and (_, 1): the data set
    TABLE_1_WEAK_SPLIT = 302  # (seed, _)
    TABLE_1_STRONG_SPLIT = 303  # (seed, _)
    TABLE_1_ENCODERS = 304  # (seed, _, kind of split): trainings
    TABLE_1_AVERAGES = 306  # (seed, _): which embeddings are averaged
    TABLE_1_UNTRAINED = 307  # (seed, _): weights of the untrained encoder
    TABLE_1_OTHER_EPISODES = 308  # (seed, _): episodes that predict the outcome of another
    TABLE_1_CONTROL = 309  # (seed, _): other weights of the untrained encoder

    FIGURE_3_EMBEDDINGS = 310  # (seed, _, kind of split): wrestlers and episodes that are shown
    EXPLORER_EPISODES = 340  # (seed, _, environment, kind of split): episodes that are shown

    WRESTLERS = 400  # (seed, _, number in recipes/wrestlers.yaml): trainings
    WRESTLERS_REFERENCES = 401  # (seed, _, reference): matches
    WRESTLERS_TOURNAMENT = 402  # (evaluation seed, _, 0 or 1): matches
    WRESTLERS_NOISE = 403  # (seed, _): observations and noise that a probe sees

    FIGURE_4_OPPONENTS = 501  # (encoder seed, _): which wrestlers are the opponents
    FIGURE_4_POLICIES = 503  # (seed, _): trainings
    FIGURE_4_GAMES = 506  # (seed, _, group of opponents): evaluation games
    BEST_RESPONSES = 504  # (_, policy): trainings
    BEST_RESPONSES_GAMES = 505  # (seed, _, policy): games against all opponents
    FIGURE_5_MATCHES = 510  # (seed, _, evaluation seed, pair of variants)

    GENERALISATION = 220  # (seed, _): tables; (seed, _, encoder, ...): trainings and evaluations

    TABLE_3_NEW_EPISODES = 601  # (seed, _): those of the evaluation
    TABLE_3_AVERAGES = 602  # (seed, _, number of episodes): which embeddings are averaged
    TABLE_3_NOISE = 603  # (seed, _, number of vectors): contexts of the noise variant
    TABLE_3_SPEAKERS = 604  # (seed, _, variant), (seed, _, 1, episodes, variant): trainings
    TABLE_3_EVALUATION = 605  # (seed, _, index of the number of episodes)
    TABLE_3_CONSTANT_MESSAGES = 606  # (seed, _, part): episodes of the tables of returns
    TABLE_3_CHECK = 607  # (seed, _): words, (seed, _, 1): episodes that check the tables

    LANGUAGES_RETURNS = 701  # (seed, _, population): episodes of the tables of returns
    LANGUAGES_CROSS_PLAY = 702  # (seed, _, population): episodes that check the tables
    LANGUAGES_OPENINGS = 703  # (seed, _, population): episodes with three openings
    LANGUAGES_SHUFFLES = 704  # (seed, _): of words and of agents
    LANGUAGES_EPISODES = 705  # (seed, _, population): those that embeddings are learned from
    LANGUAGES_ENCODERS = 706  # (seed, _, population): trainings

    VALUE_LISTENERS = 710  # (seed, _, population): episodes of the tables of returns
    VALUE_POKER = 711  # (seed, _, game, population): weights of the players

    BENCHMARK = 720  # (seed, _, world, 0 to 3): agents and episodes, splits, labelled episodes
    BENCHMARK_ENCODERS = 721  # (seed, _, world, kind of split, 0 to 4): trainings; classifiers


@enum.unique
class SelfPlayStream(enum.IntEnum):
    """Suffixes to the key of a self-play training; each has streams of its own."""

    INITIAL_WEIGHTS = 0  # (*key, _, learner)
    ROLLOUTS = 1  # (*key, _, iteration): matches, actions, minibatches, pools
    OPPONENTS = 2  # (*key, _, iteration): opponents of a contextual policy
    EVALUATION = 3  # (*key, _, iteration, group of opponents): games of Figure 4's policies
    CONTEXT_NOISE = 4  # (*key, _, iteration): random contexts


def make_generator(*key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator whose stream depends on every integer of ``key``, and on nothing else.

    Args:
        key: non-negative integers, for instance ``(seed, pair, attempt)``.
        device: where the numbers are drawn.

    Raises:
        ValueError: if the key is empty, or a part of it is negative or not an integer.
    """
    if not key or any(isinstance(part, bool) or int(part) != part or part < 0 for part in key):
        raise ValueError(f"key must be one or more non-negative integers, got {key!r}")
    # The length goes first: a SeedSequence ignores zeros at the end of a key.
    parts = [len(key), *(int(part) for part in key)]
    state = np.random.SeedSequence(parts).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0]) % 2**63)


def uniform(generators: Generators, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform numbers in [0, 1) of the given shape.

    With a sequence of generators, row k of the first axis is drawn from generator k alone: it
    does not depend on the number of other rows.

    Args:
        generators: one generator, or one for each of the ``shape[0]`` rows.
        shape: the shape of the result.

    Raises:
        ValueError: if the number of generators differs from ``shape[0]``.
    """
    if isinstance(generators, torch.Generator):
        return torch.rand(shape, generator=generators, device=generators.device, dtype=dtype)
    if len(generators) != shape[0]:
        raise ValueError(f"generators: got {len(generators)} for {shape[0]} rows; pass one a row")
    numbers = torch.empty(shape, dtype=dtype, device=generators[0].device)
    for row, generator in zip(numbers, generators, strict=True):
        torch.rand(row.shape, generator=generator, out=row)
    return numbers
