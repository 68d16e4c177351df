"""The encoders that a table compares: one for each kind of split, method and seed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor

from paperlib import embeddings, files, metrics
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.graphs import InteractionGraph, Split
from paperlib.objectives import Classification, Hybrid, Objective
from paperlib.streams import make_generator
from reproduction.jobs import run_jobs

EPISODES, SPLITS = "episodes.safetensors", "splits.json"
METHODS = ("Emb-Im", "Emb-Id", "Emb-Hyb")
IMITATION, IDENTIFICATION = 0.0, float("inf")  # λ of Emb-Im and Emb-Id
REFERENCES = ("untrained", "summary statistics")  # they learn nothing

Splits = Mapping[tuple[str, int], Split]  # by kind of generalisation and seed


def encoder_path(folder: Path, kind: str, method: str, seed: int) -> Path:
    """Where the encoder of a kind of split, a method and a seed is stored."""
    return folder / f"{kind}_{method}_{seed}.safetensors"


def save_splits(folder: Path, splits: Splits) -> None:
    """Writes splits to ``folder / "splits.json"``."""
    saved = [{"seed": seed, **dataclasses.asdict(split)} for (_, seed), split in splits.items()]
    files.save_json(folder / SPLITS, {"splits": saved})


def load_splits(folder: Path, kind: str, seeds: Sequence[int]) -> dict[int, Split]:
    """Splits that `save_splits` wrote, by seed.

    Args:
        folder: of the encoders.
        kind: of generalisation, "weak" or "strong".
        seeds: which ones.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if the file is damaged or lacks a seed.
    """
    found = {}
    for saved in files.load_json(folder / SPLITS)["splits"]:
        if saved["kind"] == kind and saved["seed"] in seeds:
            parts = (saved[part] for part in ("train", "validation", "test"))
            graphs = (
                InteractionGraph(tuple(part["agents"]), tuple(map(tuple, part["edges"])))
                for part in parts
            )
            found[saved["seed"]] = Split(kind, *graphs)
    if missing := sorted({*seeds} - {*found}):
        raise ValueError(f"seeds: {folder / SPLITS} has no {kind} split of seed {missing[0]}")
    return {seed: found[seed] for seed in seeds}


def load_episodes(folder: Path) -> InteractionDataset:
    """All episodes of a comparison."""
    return InteractionDataset.load(folder / EPISODES)


def load_encoders(folder: Path, kind: str, seed: int) -> dict[str, PolicyEmbedder]:
    """The encoders of all `METHODS`."""
    return {m: PolicyEmbedder.load(encoder_path(folder, kind, m, seed)) for m in METHODS}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Encoders that differ in split, method and seed, and share everything else.

    Attributes:
        folder: of the encoders' files. An encoder that is there already, learned from the same data
            with the same settings, is kept.
        dataset: all episodes; also written to ``folder / "episodes.safetensors"``.
        splits: encoders learn from the training edges; also written to ``folder / "splits.json"``.
        settings: of all encoders, except the repetitions.
        form: of the identification loss, "softmax" or "margin".
        anchors_per_step: episodes that an update learns from: agents times repetitions.
        stream: encoders of a seed and the k-th kind draw from the stream (seed, stream, k).
        untrained_stream: the untrained encoder of a seed draws its weights from the stream (seed,
            untrained_stream).
        num_workers: processes that learn; does not affect the results.
        device: where they learn.
    """

    folder: Path
    dataset: InteractionDataset
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
        """An encoder that was learned."""
        return PolicyEmbedder.load(encoder_path(self.folder, kind, method, seed))

    def choose_weights(
        self, candidates: Sequence[float], ratio: Callable[[Tensor, Tensor], float]
    ) -> tuple[dict[str, float], dict[str, float]]:
        """Chooses λ of Emb-Hyb for each kind: an encoder of the first seed is learned with each
        candidate, and the one with the lowest ratio on validation episodes wins.

        Args:
            candidates: weights.
            ratio: IICR of embeddings (E, D) and their agents (E,).

        Returns:
            The weight of each kind, and the ratios of all candidates.
        """
        seed = self.seeds[0]
        pairs = [(kind, weight) for kind in self.kinds for weight in candidates]
        name = "weight_{:g}".format
        self._learn([(kind, name(w), seed, w) for kind, w in pairs], "λ")
        found = {}
        for kind, weight in pairs:
            rows = self.dataset.rows_on_edges(self.splits[kind, seed].validation)
            embedded = self.load(kind, name(weight), seed).embed(self.dataset, rows)
            found[kind, weight] = ratio(embedded, self.dataset.agents[rows])
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

    def untrained(self, kind: str, seed: int) -> PolicyEmbedder:
        """An encoder with the initial weights of a seed, and the observations' scale where the
        learned ones have one."""
        sizes = self.dataset.observation_size, self.dataset.action_size
        generator = make_generator(seed, self.untrained_stream)
        model = PolicyEmbedder(*sizes, settings=self.settings, generator=generator)
        if self.settings.normalize_observations:
            scale = self.load(kind, METHODS[0], seed).normalizer.state_dict()
            model.normalizer.load_state_dict(scale)
        return model

    def embed(
        self, kind: str, method: str, seed: int, rows: Tensor, *, num_time_steps: int | None = None
    ) -> Tensor:
        """Embeddings of the episodes at ``rows``, by an encoder or one of the `REFERENCES`, (E, D).

        Args:
            kind, method, seed: which encoder.
            rows: indices of episodes.
            num_time_steps: first steps of an episode that the encoder sees; all by default.
        """
        seen = self.dataset if num_time_steps is None else self.dataset.first_steps(num_time_steps)
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

    def test_embeddings(
        self, embed: Callable[[str, str, int, Tensor], Tensor], methods: Sequence[str]
    ) -> dict[str, Tensor]:
        """Test episodes of the first seed: rows of the dataset under "KIND/episodes", their agents
        under "KIND/agents", and their embeddings by each method under "KIND/METHOD".

        Args:
            embed: like `embed`.
            methods: with which.
        """
        shown, seed = {}, self.seeds[0]
        for kind in self.kinds:
            rows = self.dataset.rows_on_edges(self.splits[kind, seed].test)
            shown[f"{kind}/episodes"], shown[f"{kind}/agents"] = rows, self.dataset.agents[rows]
            shown |= {f"{kind}/{method}": embed(kind, method, seed, rows) for method in methods}
        return shown

    @functools.cached_property
    def _episodes(self) -> Path:
        """The file of all episodes, which workers read; written once, with the splits beside it."""
        path = self.folder / EPISODES
        self.dataset.save(path)
        save_splits(self.folder, self.splits)
        return path

    def _learn(self, wanted: Sequence[tuple[str, str, int, float | None]], name: str) -> None:
        """Learns encoders by kind, method, seed, and λ, which is None for the supervised one."""
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
                    "path": encoder_path(self.folder, kind, method, seed),
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
