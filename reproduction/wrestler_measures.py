"""What Table 1 measures of embeddings of wrestlers, and the claims that it tests."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from itertools import product

import torch
from torch import Tensor

from paperlib import metrics
from paperlib.datasets import InteractionDataset
from paperlib.streams import Stream, make_generator
from reproduction import claims, measures, tables
from reproduction.comparisons import METHODS, Comparison
from reproduction.training_runs import founder

OTHER_WEIGHTS = "untrained, other weights"  # exchangeable with "untrained": a negative control


@dataclasses.dataclass(frozen=True)
class WrestlerMeasures:
    """Measures of encoders on the test matches of their split.

    Attributes:
        comparison: of encoders.
        names: of the wrestlers, in the order of their numbers as agents.
        step_counts: how many first steps of a test episode an encoder sees; the last is the whole
            episode.
        episode_counts: how many episodes an embedding averages over.
    """

    comparison: Comparison
    names: Sequence[str]
    step_counts: Sequence[int]
    episode_counts: Sequence[int]

    @property
    def dataset(self) -> InteractionDataset:
        """The episodes, which all seeds share."""
        return next(iter(self.comparison.datasets.values()))

    @functools.cached_property
    def families(self) -> list[str]:
        """Each wrestler's founder."""
        return [founder(name)[0] for name in self.names]

    @functools.cached_property
    def _summary_statistics(self) -> Tensor:
        """Of all whole episodes, so that training and test matches have one scale."""
        return metrics.summary_statistics(self.dataset)

    def embed(
        self, kind: str, method: str, seed: int, rows: Tensor, num_time_steps: int | None = None
    ) -> Tensor:
        """Embeddings of the episodes at ``rows``; see `Comparison.embed`. The untrained encoder
        with `OTHER_WEIGHTS` is a method, too."""
        longest = self.dataset.observations.shape[1]
        whole = num_time_steps is None or num_time_steps >= longest
        if method == "summary statistics" and whole:
            return self._summary_statistics[rows]
        comparison = self.comparison
        if method == OTHER_WEIGHTS:
            comparison = dataclasses.replace(comparison, untrained_stream=Stream.TABLE_1_CONTROL)
            method = "untrained"
        return comparison.embed(kind, method, seed, rows, num_time_steps=num_time_steps)

    def measure(self, kind: str, method: str, seed: int) -> dict[str, float]:
        """All measures of one method.

        Returns:
            Under "MEASURE, S steps" those of `metrics.embedding_quality` of the first steps of one
            episode, under "MEASURE, E episodes" those of means over whole episodes and the accuracy
            of predicted outcomes (`measures.outcome_accuracy`), and under "ratio within families"
            and "ratio without reflections" IICR of subsets.
        """
        split, dataset = self.comparison.splits[kind, seed], self.dataset
        train, test = (dataset.rows_on_edges(part) for part in (split.train, split.test))
        agents, found = dataset.agents[test], {}
        for steps in self.step_counts:
            embedded = self.embed(kind, method, seed, test, steps)
            quality = self._quality(embedded, agents, 1, seed)
            found |= {f"{name}, {steps} steps": value for name, value in quality.items()}
        families = torch.tensor([ord(family) for family in self.families])
        found["ratio within families"] = measures.ratio_within(embedded, agents, families)
        unreflected = torch.tensor([founder(name)[1] == "" for name in self.names])
        own = unreflected[agents]
        found["ratio without reflections"] = measures.ratio_within(
            embedded[own], agents[own], torch.zeros_like(families)
        )
        learned = self.embed(kind, method, seed, train)
        for number in self.episode_counts:
            quality = self._quality(embedded, agents, number, seed) | measures.outcome_accuracy(
                self._before_matches(learned, train, number, seed),
                self._before_matches(embedded, test, number, seed),
            )
            found |= {f"{name}, {number} episodes": value for name, value in quality.items()}
        return found

    def _quality(self, embedded: Tensor, agents: Tensor, number: int, seed: int) -> dict:
        generator = make_generator(seed, Stream.TABLE_1_AVERAGES)
        return measures.averaged_quality(embedded, agents, num_episodes=number, generator=generator)

    def _before_matches(
        self, embedded: Tensor, rows: Tensor, number: int, seed: int
    ) -> tuple[Tensor, Tensor]:
        """What predicts the outcome of each match, and the outcome."""
        dataset = self.dataset
        generator = make_generator(seed, Stream.TABLE_1_OTHER_EPISODES)
        features = measures.outcome_features(
            embedded, dataset.agents[rows], num_episodes=number, generator=generator
        )
        return features, dataset.outcomes[rows]


def claim_rows(measured: Mapping[str, Sequence[float]], kinds: Sequence[str]) -> list[tables.Row]:
    """Rows on C1, C4 and a negative control, all of single episodes.

    Args:
        measured: of all seeds, from `measures.over_seeds` with `WrestlerMeasures.measure`.
        kinds: of split.
    """
    part = functools.partial(measures.part, measured)
    key = "{} {} {}, 1 episodes".format
    clustering = [
        part(
            f"{kind}: IICR of Emb-Hyb minus {other}",
            key(kind, "Emb-Hyb", "ratio"),
            key(kind, other, "ratio"),
            "less",
            smallest_effect="IICR",
        )
        for kind, other in product(kinds, ("Emb-Im", "Emb-Id"))
    ]
    outcomes = [
        part(
            f"{kind}: Acc of {method} minus majority class",
            key(kind, method, "outcome"),
            key(kind, method, "majority"),
            smallest_effect="accuracy",
        )
        for kind, method in product(kinds, METHODS)
    ]
    quantities = (("IICR", "ratio", "IICR"), ("Acc", "outcome", "accuracy"))
    controls = [
        part(
            f"{kind}: {title} of {OTHER_WEIGHTS}, minus untrained",
            key(kind, OTHER_WEIGHTS, name),
            key(kind, "untrained", name),
            smallest_effect=effect,
        )
        for kind, (title, name, effect) in product(kinds, quantities)
    ]
    parts = {"C1": clustering, "C4": outcomes, claims.CONTROL: controls}
    return [row for claim, own in parts.items() for row in tables.claim_rows(claim, own)]
