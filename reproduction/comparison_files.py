"""Files of the encoders that a table compares, and of their episodes."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from paperlib import embeddings
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.graphs import InteractionGraph, Split
from paperlib.objectives import Objective
from paperlib.streams import make_generator
from paperlib.training import Progress
from reproduction import results
from reproduction.streams import device_source

METHODS = ("Emb-Im", "Emb-Id", "Emb-Hyb")

Ratio = Callable[[Tensor, Tensor], float]  # IICR of embeddings (E, D) and their agents (E,)
Splits = Mapping[tuple[str, int], Split]  # by name, such as "weak", and seed


def encoder_path(folder: Path, kind: str, method: str, seed: int) -> Path:
    """Where the encoder of a kind of split, a method and a seed is stored."""
    return folder / f"{kind}_{method}_{seed}.safetensors"


def episodes_path(folder: Path, seed: int) -> Path:
    """Where the episodes of a seed are stored."""
    return folder / f"episodes_{seed}.safetensors"


def load_episodes(path: Path) -> tuple[InteractionDataset, str]:
    """Episodes and their checksum. A process caches the last ones: reading them takes as long as
    hundreds of updates of an encoder, and many jobs share a file.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if the file is damaged.
    """
    there = path.stat() if path.exists() else None
    return _read_episodes(path, there and (there.st_ino, there.st_mtime_ns))


@functools.lru_cache(maxsize=1)
def _read_episodes(path: Path, version: Any) -> tuple[InteractionDataset, str]:
    dataset = InteractionDataset.load(path)
    return dataset, dataset.checksum()


def load_encoder(
    path: Path, *, data: str | None = None, graph: InteractionGraph | None = None, notebook: str
) -> PolicyEmbedder:
    """An encoder that learned from these episodes and edges, and no others.

    Args:
        path: its file.
        data: checksum of all episodes; any by default. (On another CPU, equal streams give episodes
            that differ in their last digits.)
        graph: the edges that it should have learned from; any by default.
        notebook: the notebook that learns it, named in errors.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if it is damaged, or the encoder learned from other episodes or edges.
    """
    model = PolicyEmbedder.load(path)
    source, other = model.source or {}, None
    edges = {frozenset(edge) for edge in source.get("edges", ())}
    if data is not None and source.get("data") != data:
        other = "other episodes"
    elif graph is not None and edges != {frozenset(edge) for edge in graph.edges}:
        other = "other agents or edges"
    if other:
        raise ValueError(
            f"{results.shorten(path)} learned from {other} than those of training here; run the "
            f"notebook {notebook} again, with the same parameters"
        )
    return model


def load_encoders(folder: Path, kind: str, seed: int, **options: Any) -> dict[str, PolicyEmbedder]:
    """The encoders of all `METHODS`; see `load_encoder` for the options."""
    paths = {m: encoder_path(folder, kind, m, seed) for m in METHODS}
    return {method: load_encoder(path, **options) for method, path in paths.items()}


def learn_to_file(
    *,
    dataset: Path,
    graph: InteractionGraph,
    objective: Objective,
    settings: Settings,
    key: tuple[int, ...],
    device: str,
    path: Path,
    progress: Progress,
) -> None:
    """Trains an encoder with the random stream ``key`` and writes it to ``path``; an existing file
    with the same objective, settings, key and data is kept.

    Args:
        dataset: file of the dataset, which is too large to pass between processes.
        graph: see `learn`.
        objective: see `learn`; the file names it by its ``repr``.

    Raises:
        ValueError: if an existing file is damaged.
    """
    episodes, data = load_episodes(dataset)
    source = {"key": list(key), "data": data, "objective": repr(objective)}
    source |= device_source(device)
    source["edges"] = [list(edge) for edge in graph.edges]
    if path.exists():
        present = PolicyEmbedder.load(path)
        if present.settings == settings and present.source == source:
            progress(settings.num_updates)
            return
    model = embeddings.learn(
        episodes,
        objective=objective,
        settings=settings,
        graph=graph,
        generator=make_generator(*key, device=device),
        progress=progress,
    )
    model.source = source
    model.save(path)


def learn_candidate(
    *, dataset: Path, path: Path, validation: InteractionGraph, ratio: Ratio, **arguments: Any
) -> float:
    """A job of `Comparison.choose`: learns an encoder and returns its ratio on validation episodes,
    infinity if it maps all of them to one point.

    Args:
        dataset, path, arguments: see `learn_to_file`.
        validation: edges of the validation episodes.
        ratio: function of embeddings and their agents that returns their IICR.
    """
    learn_to_file(dataset=dataset, path=path, **arguments)
    episodes, _ = load_episodes(dataset)
    rows = episodes.rows_on_edges(validation)
    embedded = PolicyEmbedder.load(path).embed(episodes, rows)
    collapsed = (embedded == embedded[0]).all()  # no ratio: the network is dead
    return math.inf if collapsed else ratio(embedded, episodes.agents[rows])
