"""Sizes of the networks that learn embeddings, and how they are trained."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from paperlib import _checks
from paperlib.encoders import LIKELIHOODS


@dataclasses.dataclass(frozen=True)
class Settings:
    """Sizes of the networks, and how they are trained.

    Attributes:
        num_updates: steps of Adam.
        repetitions: n, draws of Algorithm 1 for all agents in one update.
        learning_rate: Adam's learning rate; decays to zero by a cosine schedule.
        embedding_size: D, of the default encoder; a custom encoder determines its own.
        hidden_size: size of the default encoder's hidden layers.
        policy_hidden_size: size of the default conditional policy's hidden layers.
        likelihood: likelihood of actions: "categorical", "gaussian" or "squared_error"; a custom
            policy has its own.
        steps_per_episode: number of random steps that an update takes of each episode, which keeps
            the expectations of sums and means; 0 takes all steps.
        normalize_observations: whether to normalise observations by the mean and standard deviation
            (at least 0.01) of the training data; results are clipped to ±5.
        agents_per_update: number of random agents in an update; 0 takes all of them.
        reference_episodes: the fewest and the most episodes that make up a reference e*, one after
            the other; every update draws a number from this range.

    Raises:
        ValueError: if a value is of the wrong type or out of range; the message names it.
    """

    num_updates: int = 2000
    repetitions: int = 2
    learning_rate: float = 5e-3
    embedding_size: int = 100
    hidden_size: int = 100
    policy_hidden_size: int = 64
    likelihood: str = "categorical"
    steps_per_episode: int = 0
    normalize_observations: bool = False
    agents_per_update: int = 0
    reference_episodes: Sequence[int] = (1, 1)

    def __post_init__(self) -> None:
        sizes = ("embedding_size", "hidden_size", "policy_hidden_size")
        minimum = dict.fromkeys(("num_updates", "repetitions", *sizes), 1)
        minimum.update(steps_per_episode=0, agents_per_update=0)
        for name, least in minimum.items():
            value = _checks.integer(name, getattr(self, name), minimum=least)
            object.__setattr__(self, name, value)
        if not isinstance(self.normalize_observations, bool):
            raise ValueError(
                f"normalize_observations must be True or False, got {self.normalize_observations!r}"
            )
        _checks.positive("learning_rate", self.learning_rate)
        _checks.one_of("likelihood", self.likelihood, LIKELIHOODS)
        fewest_and_most = _checks.range_of_counts("reference_episodes", self.reference_episodes)
        object.__setattr__(self, "reference_episodes", fewest_and_most)
