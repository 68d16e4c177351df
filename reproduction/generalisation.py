"""Speakers for unseen listeners: who learns with whom, and with which encoders."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from paperlib.agents import word_speakers
from paperlib.agents.populations import Population
from paperlib.streams import make_generator
from reproduction import listeners
from reproduction.cells import ENCODERS, Cell, run_cell
from reproduction.jobs import run_jobs
from reproduction.listener_sources import Source
from reproduction.streams import Stream


def title(encoder: str, symmetric: bool, method: str = "") -> str:
    """The name of a cell."""
    channels = "symmetries" if symmetric else "no symmetries"
    return ", ".join(part for part in (encoder, channels, method) if part)


@dataclasses.dataclass(frozen=True)
class Task:
    """Who learns with whom in one run.

    Attributes:
        seed: seed of the run.
        sources: listeners that encoders and speakers learn with.
        validation: listeners on which settings are chosen.
        test: unseen listeners.
        others: whole populations without any of these.
    """

    seed: int
    sources: Sequence[Source]
    validation: Source
    test: Source
    others: Sequence[Source] = ()

    def of_others(self, count: int) -> Task:
        """The task with ``count`` listeners of the other populations to learn with.

        Raises:
            ValueError: if there are fewer, or ``count`` is below 2.
        """
        available = sum(len(source.pairs) for source in self.others)
        if not 2 <= count <= available:
            raise ValueError(f"language_counts must be 2 to {available}, got {count}")
        sources, left = [], count
        for source in self.others:
            pairs = source.pairs[:left]
            sources += [Source(source.population, pairs)] if pairs else []
            left -= len(pairs)
        return dataclasses.replace(self, sources=sources)

    def job(self, name: str, cell: Cell, *, folder: Path, **evaluation: Any) -> dict[str, Any]:
        """Arguments of `run_cell`; cells of a run share their random streams."""
        return {
            "cell": cell,
            "sources": self.sources,
            "test": self.test,
            "key": (self.seed, Stream.GENERALISATION, ENCODERS.index(cell.encoder)),
            "path": folder / f"{name}_{self.seed}.safetensors",
            **evaluation,
        }

    def references(self, *, num_word_episodes: int) -> dict[str, float]:
        """Returns with the unseen listeners without embeddings, by name: "oracle", with the best
        message for each of them; "one code", with the best single code for all of them; "training
        listeners' code", with the best single code for the training listeners."""
        generator = make_generator(self.seed, Stream.GENERALISATION)
        options = {"num_episodes": num_word_episodes, "generator": generator}
        unseen = self.test.word_returns(**options)
        own = torch.cat([source.word_returns(**options).mean(0) for source in self.sources])
        code = own.mean(0).argmax(-1)
        chosen = unseen.mean(0)[:, torch.arange(len(code)), code]
        return {
            "oracle": word_speakers.best_constant_returns(unseen).mean().item(),
            "one code": word_speakers.best_code_returns(unseen).mean().item(),
            "training listeners' code": chosen.mean().item(),
        }


def make_task(
    seed: int, *, populations: Sequence[Population], num_validation: int, num_test: int
) -> Task:
    """The task of a run of Table 2, by its strong split.

    Args:
        seed: seed of the run, which plays with population seed mod P.
        populations: P populations.
        num_validation, num_test: pairs in these parts.
    """
    own = seed % len(populations)
    split = listeners.strong_split(
        seed, populations[own].num_pairs, num_validation=num_validation, num_test=num_test
    )

    def source(agents: Sequence[int]) -> Source:
        pairs = [agent for agent in agents if agent < populations[own].num_pairs]
        return Source(populations[own], pairs)

    others = [
        Source(population, range(population.num_pairs))
        for number, population in enumerate(populations)
        if number != own
    ]
    parts = (source(part.agents) for part in (split.train, split.validation, split.test))
    train, validation, test = parts
    return Task(seed, [train], validation, test, others)


def choose_mean_mlp(
    cells: Mapping[str, Cell],
    task: Task,
    *,
    sizes: Sequence[int],
    rates: Sequence[float],
    folder: Path,
    num_workers: int,
    **evaluation: Any,
) -> tuple[dict[str, Cell], list[dict[str, Any]]]:
    """Gives the mean-MLPs the hidden size and learning rate with which Emb-Im has the highest mean
    return with validation listeners in one run, with symmetries and without.

    Args:
        cells: cells by name; those of other encoders stay as they are.
        task: the task of that run.
        sizes, rates: candidates.

    Returns:
        The cells, and a row on each candidate with its mean return.

    Raises:
        ValueError: if there are mean-MLPs, but not with Emb-Im, or no candidates for them.
    """
    mean_mlps = [cell for cell in cells.values() if cell.encoder == "mean-MLP"]
    if mean_mlps and not (sizes and rates):
        raise ValueError("mean_mlp_sizes, mean_mlp_rates: a mean-MLP needs one of each or more")
    if mean_mlps and all(cell.identification_weight != 0 for cell in mean_mlps):
        raise ValueError("methods: a mean-MLP needs 'Emb-Im', by which its settings are chosen")
    tested = dataclasses.replace(task, test=task.validation)
    asked = [
        (name, cell._replace(hidden_size=size, learning_rate=rate))
        for name, cell in cells.items()
        if cell.encoder == "mean-MLP" and cell.identification_weight == 0
        for size in sizes
        for rate in rates
    ]
    jobs = [
        tested.job(f"{name}, {c.hidden_size}, {c.learning_rate:g}", c, folder=folder, **evaluation)
        for name, c in asked
    ]
    found = run_jobs(run_cell, jobs, num_workers=num_workers, units=len(jobs), name="mean-MLP")
    rows, best = [], {}
    for (_, cell), outcome in zip(asked, found, strict=True):
        value = sum(outcome["unseen"]) / len(outcome["unseen"])
        rows.append({**cell._asdict(), "validation_return": value})
        if cell.symmetric not in best or value > best[cell.symmetric][0]:
            best[cell.symmetric] = value, cell.hidden_size, cell.learning_rate
    chosen = dict(cells)
    for name, cell in cells.items():
        if cell.encoder == "mean-MLP":
            _, size, rate = best[cell.symmetric]
            chosen[name] = cell._replace(hidden_size=size, learning_rate=rate)
    return chosen, rows


def by_languages(counts: Mapping[str, Mapping[str, Sequence[float]]]) -> dict[str, Sequence[float]]:
    """Returns of each run, by a name with the numbers of languages and episodes and the channels.

    Args:
        counts: returns under "SYMMETRIC EPISODES", such as "True 16", and the number of training
            listeners.
    """
    found = {}
    for key, returns in counts.items():
        symmetric, k = key.split()
        for count, values in returns.items():
            name = title(f"{count} languages", symmetric == "True")
            found[f"{name}, k = {k}"] = values
    return found
