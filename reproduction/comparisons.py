"""The encoders that a table compares: one for each kind of split, method and seed."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from paperlib import files, metrics
from paperlib.alternatives.objectives import Classification
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.objectives import Hybrid, Objective
from paperlib.streams import make_generator
from reproduction.comparison_files import (
    METHODS,
    Ratio,
    Splits,
    encoder_path,
    episodes_path,
    learn_candidate,
    learn_to_file,
)
from reproduction.jobs import run_jobs
from reproduction.measures import window_means

IMITATION, IDENTIFICATION = 0.0, float("inf")  # λ of Emb-Im and Emb-Id
REFERENCES = ("untrained", "summary statistics")  # they learn nothing
SUPERVISED = "supervised"
CONTROL = "Emb-Im, other weights"  # exchangeable with Emb-Im


class Choice(NamedTuple):
    """Hyperparameters that are chosen on validation episodes.

    Attributes:
        identification_weight: λ.
        learning_rate: Adam's learning rate.
        num_updates: number of Adam updates.
    """

    identification_weight: float
    learning_rate: float
    num_updates: int


Choices = Mapping[tuple[str, str, int], Choice]  # by kind, method and seed


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Encoders that differ in split, method and seed, and share everything else.

    Attributes:
        folder: folder for the encoders' files. Existing encoders, learned from the same data with
            the same settings, are kept.
        datasets: the episodes of each seed; also written to ``folder``, see `episodes_path`. Seeds
            may share a dataset, which is then stored under the first of them.
        splits: splits by kind and seed; encoders learn from the training edges.
        settings: settings of all encoders, except the repetitions and what is chosen.
        form: form of the identification loss, "softmax" or "margin".
        anchors_per_step: reference episodes in an update: agents times repetitions.
        stream: encoders of a seed and the k-th kind draw from the stream (seed, stream, k).
        untrained_stream: the untrained encoder of a seed draws its weights from the stream (seed,
            untrained_stream).
        num_workers: processes that train encoders; does not affect the results.
        device: where they train.
    """

    folder: Path
    datasets: Mapping[int, InteractionDataset]
    splits: Splits
    settings: Settings
    anchors_per_step: int
    stream: int
    untrained_stream: int
    form: str = "softmax"
    num_workers: int = 1
    device: str = "cpu"

    @property
    def kinds(self) -> list[str]:
        """Kinds of generalisation, in the order of ``splits``."""
        return list(dict.fromkeys(kind for kind, _ in self.splits))

    @property
    def seeds(self) -> list[int]:
        return list(dict.fromkeys(seed for _, seed in self.splits))

    def load(self, kind: str, method: str, seed: int) -> PolicyEmbedder:
        """Loads a learned encoder."""
        return PolicyEmbedder.load(encoder_path(self.folder, kind, method, seed))

    def choose(
        self,
        candidates: Callable[[str, str, int], Sequence[Choice]],
        ratio: Ratio,
        *,
        methods: Sequence[str] = METHODS,
        kinds: Sequence[str] | None = None,
    ) -> tuple[dict[tuple[str, str, int], Choice], list[dict[str, Any]]]:
        """Chooses the candidate with the lowest ratio on validation episodes, for each kind, method
        and seed; one that maps all episodes to one point has ratio infinity. All candidates are
        trained, so that `learn` need not train the chosen one again.

        Args:
            candidates: function that returns the candidates for a kind, method and seed.
            ratio: function of embeddings and their agents that returns their IICR.
            methods, kinds: what to choose for; all by default.

        Returns:
            The choices, and a row on each candidate with its ratio.
        """
        asked = [
            (kind, method, seed, choice)
            for kind in kinds or self.kinds
            for method in methods
            for seed in self.seeds
            for choice in candidates(kind, method, seed)
        ]
        jobs = self._jobs([(*case, self._trial_path(*case)) for case in asked])
        for (kind, _, seed, _), job in zip(asked, jobs, strict=True):
            job |= {"validation": self.splits[kind, seed].validation, "ratio": ratio}
        rows, best = [], {}
        ratios = self._run(learn_candidate, jobs, "candidates")
        for (kind, method, seed, choice), found in zip(asked, ratios, strict=True):
            case = {"kind": kind, "method": method, "seed": seed}
            rows.append({**case, **choice._asdict(), "validation_ratio": found})
            key = kind, method, seed
            if key not in best or found < best[key][0]:
                best[key] = found, choice
        return {key: choice for key, (_, choice) in best.items()}, rows

    def _trial_path(self, kind: str, method: str, seed: int, choice: Choice) -> Path:
        name = "_".join(f"{number:g}" for number in choice)
        return encoder_path(self.folder / "candidates", kind, f"{method}_{name}", seed)

    def learn(self, choices: Choices, *, supervised: bool = False) -> None:
        """Learns the encoders of all kinds, methods and seeds.

        Args:
            choices: the choice for each kind, method and seed.
            supervised: whether to learn encoders of the method "supervised", too, with the settings
                of Emb-Im.
        """
        wanted = []
        for (kind, method, seed), choice in choices.items():
            path = encoder_path(self.folder, kind, method, seed)
            _copy(self._trial_path(kind, method, seed, choice), path)
            wanted.append((kind, method, seed, choice, path))
            if supervised and method == METHODS[0]:
                path = encoder_path(self.folder, kind, SUPERVISED, seed)
                wanted.append((kind, SUPERVISED, seed, choice, path))
        self._run(learn_to_file, self._jobs(wanted), "encoders")

    def learning_curves(
        self, kinds: Sequence[str], methods: Sequence[str]
    ) -> dict[str, list[list[float]]]:
        """Losses under "KIND METHOD", a curve per seed, averaged over parts of training."""
        losses: dict[str, list[list[float]]] = {}
        for case in itertools.product(kinds, methods, self.seeds):
            curve = window_means(self.load(*case).losses, num_windows=20)
            losses.setdefault("{} {}".format(*case), []).append(curve)
        return losses

    def untrained(self, kind: str, seed: int) -> PolicyEmbedder:
        """An encoder with the initial weights of a seed, and the normaliser of the learned ones if
        they have one."""
        dataset = self.datasets[seed]
        sizes = dataset.observation_size, dataset.action_size
        generator = make_generator(seed, self.untrained_stream)
        model = PolicyEmbedder(*sizes, settings=self.settings, generator=generator)
        if self.settings.normalize_observations:
            scale = self.load(kind, METHODS[0], seed).normalizer.state_dict()
            model.normalizer.load_state_dict(scale)
        return model

    def embed(self, kind: str, method: str, seed: int, rows: Tensor) -> Tensor:
        """Embeddings of the episodes at ``rows``, by an encoder or one of the `REFERENCES`, (E, D).

        Args:
            kind, method, seed: the encoder to use.
            rows: indices of episodes.
        """
        seen = self.datasets[seed]
        if method == "summary statistics":
            return metrics.summary_statistics(seen.select(rows))
        if method == "untrained":
            return self.untrained(kind, seed).embed(seen, rows)
        return self.load(kind, method, seed).embed(seen, rows)

    def agents(self, kind: str) -> dict[str, dict[str, list[int]]]:
        """The agents of each part of the splits of one kind, by seed and part."""
        parts = ("train", "validation", "test")
        return {
            str(seed): {part: list(getattr(self.splits[kind, seed], part).agents) for part in parts}
            for seed in self.seeds
        }

    @functools.cached_property
    def episodes(self) -> dict[int, Path]:
        """The file of each seed's episodes, which workers read; written once."""
        found: dict[int, Path] = {}
        first: dict[int, int] = {}  # the first seed with each dataset, by its identity
        for seed, dataset in self.datasets.items():
            path = episodes_path(self.folder, first.setdefault(id(dataset), seed))
            if path not in found.values():
                dataset.save(path)
            found[seed] = path
        return found

    def _jobs(self, wanted: Sequence[tuple[str, str, int, Choice, Path]]) -> list[dict[str, Any]]:
        """Arguments of `learn_to_file` for each kind, method, seed, choice and path."""
        jobs = []
        for kind, method, seed, choice, path in wanted:
            graph, dataset = self.splits[kind, seed].train, self.datasets[seed]
            seen = dataset.agents[dataset.rows_on_edges(graph)].unique()
            objective: Objective = Hybrid(choice.identification_weight, self.form)
            if method == SUPERVISED:
                objective = Classification(len(seen), self.settings.embedding_size)
            settings = dataclasses.replace(
                self.settings,
                repetitions=max(1, self.anchors_per_step // len(seen)),
                learning_rate=choice.learning_rate,
                num_updates=choice.num_updates,
            )
            key = seed, self.stream, self.kinds.index(kind)
            jobs.append(
                {
                    "dataset": self.episodes[seed],
                    "graph": graph,
                    "objective": objective,
                    "settings": settings,
                    "key": (*key, 1) if method == CONTROL else key,
                    "device": self.device,
                    "path": path,
                }
            )
        return jobs

    def _run(
        self, function: Callable[..., Any], jobs: Sequence[Mapping[str, Any]], name: str
    ) -> list[Any]:
        units = sum(job["settings"].num_updates for job in jobs)
        return run_jobs(function, jobs, num_workers=self.num_workers, units=units, name=name)


def _copy(source: Path, path: Path) -> None:
    """Copies a file, if there is one and ``path`` is not the same already."""
    if not source.exists():
        return
    if not path.exists() or files.file_checksum(path) != files.file_checksum(source):
        with files.replacing(path) as temporary:
            shutil.copyfile(source, temporary)


def embeddings_to_show(
    comparison: Comparison,
    embed: Callable[[str, str, int, Tensor], Tensor],
    methods: Sequence[str],
    *,
    kinds: Sequence[str],
) -> dict[str, Tensor]:
    """Test episodes of the first seed: rows of the dataset under "KIND/episodes", their agents
    under "KIND/agents", and their embeddings by each method under "KIND/METHOD".

    Args:
        comparison: comparison whose encoders were learned.
        embed: a function like `Comparison.embed`.
        methods: methods to embed with.
        kinds: kinds of split.
    """
    shown, seed = {}, comparison.seeds[0]
    dataset = comparison.datasets[seed]
    for kind in kinds:
        rows = dataset.rows_on_edges(comparison.splits[kind, seed].test)
        shown[f"{kind}/episodes"], shown[f"{kind}/agents"] = rows, dataset.agents[rows]
        shown |= {f"{kind}/{method}": embed(kind, method, seed, rows) for method in methods}
    return shown
