"""The random streams of the reproduction, by name.

The key of a stream is ``(seed, Stream.NAME, ...)`` almost everywhere, where the rest counts what is
drawn within: pairs, seeds, repetitions. Exceptions, kept so that published numbers stay valid:

- a pair of ParticleWorld trains on ``(seed, pair, attempt)`` and is evaluated on
  ``(seed, pair, attempt, 1)``;
- a data set that is the same for all seeds is drawn from ``(Stream.NAME,)``, and best responses
  and specialists, which have no seed, train on keys that begin like it;
- small examples take ``(seed,)`` or ``(seed, k)`` with k below 10.
"""

from __future__ import annotations

import enum

import torch


@enum.unique
class Stream(enum.IntEnum):
    """Every numbered stream of the reproduction; the number is part of a key.

    Comments show the keys, in which _ stands for the number. Training runs that a table compares
    share a key, so that they do not differ in their random numbers; no others share one.
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
    TABLE_1_ENCODERS = 304  # (seed, _, kind of split): training
    TABLE_1_AVERAGES = 306  # (seed, _): which embeddings are averaged
    TABLE_1_UNTRAINED = 307  # (seed, _): weights of the untrained encoder
    TABLE_1_OTHER_EPISODES = 308  # (seed, _): episodes that predict the outcome of another
    TABLE_1_CONTROL = 309  # (seed, _): other weights of the untrained encoder

    FIGURE_3_EMBEDDINGS = 310  # (seed, _, kind of split): wrestlers and episodes that are shown
    EXPLORER_EPISODES = 340  # (seed, _, environment, kind of split): episodes that are shown

    WRESTLERS = 400  # (seed, _, number in recipes/wrestlers.yaml): training
    WRESTLERS_REFERENCES = 401  # (seed, _, reference): matches
    WRESTLERS_TOURNAMENT = 402  # (evaluation seed, _, 0 or 1): matches
    WRESTLERS_NOISE = 403  # (seed, _): observations and noise that a probe sees

    FIGURE_4_OPPONENTS = 501  # (encoder seed, _): which wrestlers are the opponents
    FIGURE_4_POLICIES = 503  # (seed, _): training
    FIGURE_4_GAMES = 506  # (seed, _, group of opponents, game): evaluation games
    BEST_RESPONSES = 504  # (_, policy): training
    BEST_RESPONSES_GAMES = 505  # (seed, _, policy): games against all opponents
    SPECIALISTS = 507  # (_, run, policy): training
    SPECIALISTS_GAMES = 508  # (seed, _, policy): games against all opponents
    FIGURE_5_MATCHES = 510  # (seed of the policies, _, pair of variants, game)

    GENERALISATION = 220  # (seed, _): tables; (seed, _, encoder, ...): training and evaluation

    TABLE_3_NEW_EPISODES = 601  # (seed, _): episodes for the evaluation
    TABLE_3_AVERAGES = 602  # (seed, _, number of episodes): which embeddings are averaged
    TABLE_3_NOISE = 603  # (seed, _, number of vectors): contexts of the noise variant
    TABLE_3_SPEAKERS = 604  # (seed, _, variant), (seed, _, 1, episodes, variant): training
    TABLE_3_EVALUATION = 605  # (seed, _, index of the number of episodes)
    TABLE_3_CONSTANT_MESSAGES = 606  # (seed, _, part): episodes of the tables of returns
    TABLE_3_CHECK = 607  # (seed, _): words, (seed, _, 1): episodes that check the tables

    LANGUAGES_RETURNS = 701  # (seed, _, population): episodes of the tables of returns
    LANGUAGES_CROSS_PLAY = 702  # (seed, _, population): episodes that check the tables
    LANGUAGES_OPENINGS = 703  # (seed, _, population): episodes with three openings
    LANGUAGES_SHUFFLES = 704  # (seed, _): permutations of words and of agents
    LANGUAGES_EPISODES = 705  # (seed, _, population): episodes that embeddings are learned from
    LANGUAGES_ENCODERS = 706  # (seed, _, population): training

    VALUE_LISTENERS = 710  # (seed, _, population): episodes of the tables of returns
    VALUE_POKER = 711  # (seed, _, game, population): weights of the players

    BENCHMARK = 720  # (seed, _, world, 0 to 3): agents and episodes, splits, labelled episodes
    BENCHMARK_ENCODERS = 721  # (seed, _, world, kind of split, 0 to 3): training; classifiers


def device_source(device: str) -> dict[str, str]:
    """A source entry naming any device other than the CPU, whose random numbers differ."""
    kind = torch.device(device).type
    return {} if kind == "cpu" else {"device": kind}
