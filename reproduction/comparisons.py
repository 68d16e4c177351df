"""The encoders that a table compares: one file for each kind of split, method and seed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from paperlib import embeddings
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.graphs import InteractionGraph, Split
from paperlib.objectives import Classification, Hybrid, Objective
from paperlib.streams import make_generator
from reproduction.jobs import run_jobs

EPISODES = "episodes.safetensors"
METHODS = ("Emb-Im", "Emb-Id", "Emb-Hyb")
IMITATION, IDENTIFICATION = 0.0, float("inf")  # λ of Emb-Im and Emb-Id


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What all of its encoders have in common.

    Attributes:
        folder: of the files ``KIND_METHOD_SEED.safetensors``. What is there already, learned from
            the same data with the same settings, stays.
        dataset: all episodes; also written to ``folder / "episodes.safetensors"``.
        splits: by kind of generalisation and seed; encoders learn from their training edges.
        settings: of all encoders, but for the repetitions.
        form: of the identification loss, "softmax" or "margin".
        anchors_per_step: episodes that a step of Adam learns from: agents times repetitions.
        stream: encoders of a seed and the k-th kind draw from the stream (seed, stream, k).
        num_workers: that learn side by side; decides nothing.
        device: where they learn.
    """

    folder: Path
    dataset: InteractionDataset
    splits: Mapping[tuple[str, int], Split]
    settings: Settings
    anchors_per_step: int
    stream: int
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

    def path(self, kind: str, method: str, seed: int) -> Path:
        """Where an encoder is."""
        return self.folder / f"{kind}_{method}_{seed}.safetensors"

    def load(self, kind: str, method: str, seed: int) -> PolicyEmbedder:
        """An encoder that was learned."""
        return PolicyEmbedder.load(self.path(kind, method, seed))

    def choose_weights(
        self, candidates: Sequence[float], ratio: Callable[[str, PolicyEmbedder], float]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """The weight λ of Emb-Hyb for each kind: that of the encoder, one for each candidate and of
        the first seed, with the lowest ratio.

        Args:
            candidates: weights.
            ratio: of a kind and an encoder: its IICR on validation data.

        Returns:
            The weight of each kind, and all ratios by what they are of.
        """
        seed = self.seeds[0]
        pairs = [(kind, weight) for kind in self.kinds for weight in candidates]
        name = "weight_{:g}".format
        self._learn([(kind, name(w), seed, w) for kind, w in pairs], "λ")
        found = {
            (kind, weight): ratio(kind, self.load(kind, name(weight), seed))
            for kind, weight in pairs
        }
        chosen = {
            kind: min(candidates, key=lambda weight: found[kind, weight]) for kind in self.kinds
        }
        return chosen, {f"{kind}, λ = {weight:g}": r for (kind, weight), r in found.items()}

    def learn(self, weights: Mapping[str, float], *, supervised: bool = False) -> None:
        """Learns the encoders of all kinds, methods and seeds.

        Args:
            weights: λ of Emb-Hyb, for each kind.
            supervised: whether to learn encoders of the method "supervised", too.
        """
        wanted = []
        for kind in self.kinds:
            methods = dict(zip(METHODS, (IMITATION, IDENTIFICATION, weights[kind]), strict=True))
            if supervised:
                methods["supervised"] = None
            for method, weight in methods.items():
                wanted += [(kind, method, seed, weight) for seed in self.seeds]
        self._learn(wanted, "encoders")

    @functools.cached_property
    def _episodes(self) -> Path:
        """The file of all episodes, which workers read."""
        path = self.folder / EPISODES
        self.dataset.save(path)
        return path

    def _learn(self, wanted: Sequence[tuple[str, str, int, float | None]], name: str) -> None:
        """Learns encoders by kind, method, seed, and λ, which is None for the supervised one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        jobs = []
        for kind, method, seed, weight in wanted:
            graph = self.splits[kind, seed].train
            seen = self.dataset.agents[self.dataset.rows_on_edges(graph)].unique()
            repetitions = max(1, self.anchors_per_step // len(seen))
            objective = (
                Classification(len(seen), self.settings.embedding_size)
                if weight is None
                else Hybrid(weight, self.form)
            )
            jobs.append(
                {
                    "dataset": self._episodes,
                    "graph": graph,
                    "objective": objective,
                    "settings": dataclasses.replace(self.settings, repetitions=repetitions),
                    "key": (seed, self.stream, self.kinds.index(kind)),
                    "device": self.device,
                    "path": self.path(kind, method, seed),
                }
            )
        run_jobs(
            learn_to_file,
            jobs,
            num_workers=self.num_workers,
            units=self.settings.num_updates * len(jobs),
            name=name,
        )


def learn_to_file(
    *,
    dataset: InteractionDataset | Path,
    graph: InteractionGraph | None = None,
    objective: Objective | None = None,
    settings: Settings,
    key: tuple[int, ...],
    device: str,
    path: Path,
    progress: Callable[[int], None],
) -> None:
    """Learns from the stream ``key`` and writes ``path``; what is there already, from the same
    objective, settings, key and data, stays.

    Args:
        dataset: or the file that it was saved to, where it is too large to be handed around.
        graph: see `learn`.
        objective: see `learn`; the file names it by its ``repr``.

    Raises:
        ValueError: if a file is there and damaged.
    """
    dataset = InteractionDataset.load(dataset) if isinstance(dataset, Path) else dataset
    objective = Hybrid() if objective is None else objective
    source = {"key": list(key), "data": dataset.checksum(), "objective": repr(objective)}
    if graph is not None:
        source["edges"] = [list(edge) for edge in graph.edges]
    if path.exists():
        present = PolicyEmbedder.load(path)
        if present.settings == settings and present.source == source:
            progress(settings.num_updates)
            return
    model = embeddings.learn(
        dataset,
        objective=objective,
        settings=settings,
        graph=graph,
        generator=make_generator(*key, device=device),
        progress=progress,
    )
    model.source = source
    model.save(path)
