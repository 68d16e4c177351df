"""Cells of the benchmark: an encoder and an objective in a world, trained, measured and kept."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import torch

from paperlib import _checks, comparison, files
from paperlib.alternatives.merging import on_distinct_steps
from paperlib.alternatives.objectives import Supervised
from paperlib.alternatives.scaling import with_unit_variance
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.encoders import count_weights
from paperlib.objectives import Hybrid
from paperlib.streams import make_generator
from paperlib.training import Progress
from reproduction import benchmark_worlds
from reproduction.benchmark_answers import PAPERS
from reproduction.benchmark_measures import Row, learning_data, measure_encoder, references
from reproduction.benchmark_tasks import Sizes, Task
from reproduction.benchmark_worlds import WORLDS, Case
from reproduction.jobs import run_jobs
from reproduction.measures import window_means
from reproduction.streams import Stream, device_source

UNTRAINED, SUPERVISED = "untrained", "supervised"
OBJECTIVES = {**comparison.OBJECTIVES, SUPERVISED: Supervised}
Choices = Mapping[tuple[str, str, str, str], "Choice"]  # by world, kind, encoder and objective


class Choice(NamedTuple):
    """Hyperparameters that are chosen on validation episodes.

    Attributes:
        learning_rate: Adam's learning rate.
        identification_weight: λ of Emb-Hyb.
    """

    learning_rate: float
    identification_weight: float


Wanted = Mapping[str, Sequence[tuple[str, Choice]]]  # objectives and choices by encoder
NO_ENCODER = "references", Choice(0.0, 0.0)


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Cells that differ in world, encoder and objective, and share everything else.

    Attributes:
        folder: folder for the cells' files; existing ones with the same settings and data are kept.
        worlds, encoders, objectives: names from `WORLDS` and from `comparison`'s dictionaries.
        sizes: numbers of agents, episodes and steps.
        folders: see `benchmark_worlds.make_task`.
        num_updates: updates per training run, by world; half as many for supervised training with
            more agents than ``anchors_per_update``, all of which every update uses.
        anchors_per_update: reference episodes in an update: agents times repetitions.
        device: where encoders are trained; on a GPU, the same seed gives other numbers.
        num_workers: number of processes; does not affect the results.

    Raises:
        ValueError: if a name is unknown or given twice, the paper's encoder or objective is
            missing, a world has no ``num_updates``, or the machine has no such device.
    """

    folder: Path
    worlds: Sequence[str]
    encoders: Sequence[str]
    objectives: Sequence[str]
    sizes: Sizes
    folders: Mapping[str, Path]
    num_updates: Mapping[str, int]
    anchors_per_update: int
    device: str = "cpu"
    num_workers: int = 1

    def __post_init__(self) -> None:
        objectives = [name for name in OBJECTIVES if name != SUPERVISED]
        known = {"worlds": WORLDS, "encoders": comparison.ENCODERS, "objectives": objectives}
        for name, options in known.items():
            _checks.different(name, getattr(self, name))
            for value in getattr(self, name):
                _checks.one_of(name, value, options)
        make_generator(0, device=self.device)  # raises if the machine has no such device
        if missing := {*self.worlds} - {*self.num_updates}:
            raise ValueError(f"num_updates: there is no number for {', '.join(sorted(missing))}")
        if PAPERS[0] not in self.encoders or PAPERS[1] not in self.objectives:
            raise ValueError(f"encoders must hold {PAPERS[0]!r}, and objectives {PAPERS[1]!r}")

    @property
    def tasks(self) -> list[tuple[str, str]]:
        """All pairs of a world and a kind of split."""
        return [(world, kind) for world in self.worlds for kind in WORLDS[world]]

    def task(self, case: Case) -> Task:
        return benchmark_worlds.make_task(*case, sizes=self.sizes, folders=self.folders)

    def check(self) -> None:
        """Does one update of every cell on tiny data, so that errors come before any training.

        Raises:
            ValueError: if data are missing, or an encoder or objective is not what `learn` takes;
                the message begins with the names of the world and both.
        """
        for world in self.worlds:
            try:
                task = self.task(Case(world, WORLDS[world][0], 0, "trial"))
            except (ValueError, FileNotFoundError) as error:
                raise ValueError(f"{world}: {error}") from None
            for encoder, objective in product(self.encoders, self.objectives):
                try:
                    data = learning_data(task, encoder, objective, {})
                    options = {"few_steps": task.few_steps, "num_updates": 1, "key": (0,)}
                    self.train(data, encoder, objective, Choice(1e-3, 1.0), **options)
                except ValueError as error:
                    raise ValueError(f"{world}, {encoder}, {objective}: {error}") from None

    def choose(
        self, *, learning_rates: Sequence[float], identification_weights: Sequence[float], seed: int
    ) -> tuple[dict[tuple[str, str, str, str], Choice], list[Row]]:
        """Chooses, for every task, encoder and objective, the candidate with the highest accuracy
        of the linear layer on validation episodes; a single candidate needs no training. Supervised
        encoders take the choice for the first objective.

        Args:
            learning_rates, identification_weights: candidates; the latter for Emb-Hyb only.
            seed: seed of the validation episodes.

        Returns:
            The choices by world, kind, encoder and objective, and the rows of all candidates.
        """
        candidates = {
            objective: [
                Choice(rate, weight)
                for weight in identification_weights[: None if objective == PAPERS[1] else 1]
                for rate in learning_rates
            ]
            for objective in self.objectives
        }
        wanted = [(o, c) for o, found in candidates.items() if len(found) > 1 for c in found]
        cells = dict.fromkeys(self.encoders, wanted)
        rows = self._run({Case(*t, seed, "validation"): cells for t in self.tasks}, "candidates")
        choices = {
            (*task, encoder, objective): found[0]
            for task in self.tasks
            for encoder in self.encoders
            for objective, found in candidates.items()
        }
        best: dict[tuple[str, str, str, str], float] = {}
        for row in rows:
            key = row["world"], row["kind"], row["encoder"], row["objective"]
            if row["linear"] > best.get(key, -math.inf):
                best[key] = row["linear"]
                choices[key] = Choice(row["learning_rate"], row["identification_weight"])
        for task, encoder in product(self.tasks, self.encoders):
            first = choices[*task, encoder, self.objectives[0]]
            choices[*task, encoder, SUPERVISED] = choices[*task, encoder, UNTRAINED] = first
        return choices, rows

    def measure(self, choices: Choices, seeds: Iterable[int]) -> list[Row]:
        """Trains and measures all cells, and the references that learn nothing: a row for each.

        Args:
            choices: the choices that `choose` made.
            seeds: each draws episodes, splits and weights, and agents where these are random.
        """
        titles = [*self.objectives, SUPERVISED, UNTRAINED]
        wanted: dict[Case, Wanted] = {}
        for task, seed in product(self.tasks, seeds):
            wanted[Case(*task, seed)] = {"": [NO_ENCODER]} | {
                encoder: [(title, choices[*task, encoder, title]) for title in titles]
                for encoder in self.encoders
            }
        return self._run(wanted, "cells")

    def _run(self, wanted: Mapping[Case, Wanted], name: str) -> list[Row]:
        """Runs a job for each case, so that its episodes are made only once."""
        jobs = []
        for case, cells in wanted.items():
            if own := {encoder: found for encoder, found in cells.items() if found}:
                jobs.append({"benchmark": self, "case": case, "wanted": own})
        units = sum(len(found) for job in jobs for found in job["wanted"].values())
        if not jobs:
            return []
        found = run_jobs(run_cells, jobs, num_workers=self.num_workers, units=units, name=name)
        return [row for rows in found for row in rows]

    def train(
        self,
        data: InteractionDataset,
        encoder: str,
        objective: str,
        choice: Choice,
        *,
        few_steps: bool,
        num_updates: int,
        key: Sequence[int],
    ) -> PolicyEmbedder:
        """Trains an encoder whose embeddings start with unit variance, unless it is "untrained".

        Args:
            data: episodes to learn from.
            encoder, objective, choice: the cell to train, and its hyperparameters.
            few_steps: whether many steps are equal.
            num_updates: updates, before they are halved for supervised training, see `Benchmark`.
            key: key of the random streams.
        """
        sizes = data.observation_size, data.action_size
        make = comparison.matched_encoders(*sizes, names=[encoder])[encoder]
        made = make(*sizes, generator=make_generator(*key, 0))
        if few_steps:
            made = on_distinct_steps(made)
        scaled = with_unit_variance(made, data, generator=make_generator(*key, 1))
        num_agents = len(data.agents.unique())
        crowded = objective == SUPERVISED and num_agents > self.anchors_per_update
        settings = Settings(
            num_updates=max(1, num_updates // (2 if crowded else 1)),
            learning_rate=choice.learning_rate,
            repetitions=max(1, self.anchors_per_update // num_agents),
            agents_per_update=min(self.anchors_per_update, num_agents),
            likelihood="categorical" if data.num_actions else "gaussian",
        )
        generator = make_generator(*key, 2, device="cpu" if objective == UNTRAINED else self.device)
        if objective == UNTRAINED:
            return PolicyEmbedder(*sizes, encoder=scaled, settings=settings, generator=generator)
        hybrid = Hybrid(choice.identification_weight)
        loss = hybrid if objective == PAPERS[1] else OBJECTIVES[objective]
        return comparison.train(data, scaled, loss, settings=settings, generator=generator)


def run_cells(*, benchmark: Benchmark, case: Case, wanted: Wanted, progress: Progress) -> list[Row]:
    """A job for `run_jobs`: trains and measures the cells of one case, each kept in a file."""
    shared = {"num_updates": benchmark.num_updates[case.world]}
    shared["anchors_per_update"] = benchmark.anchors_per_update
    shared["sizes"] = dataclasses.asdict(benchmark.sizes)
    folder = benchmark.folders.get(case.world)
    shared |= device_source(benchmark.device)
    if given := benchmark_worlds.input_file(case.world, case.seed, folder):
        shared["data"] = files.file_checksum(given)
    task, rows = None, []
    seen: dict[tuple[bool, bool], InteractionDataset] = {}
    for encoder, cells in wanted.items():
        for objective, choice in cells:
            name = "_".join(map(str, (*case, encoder, objective, *choice))).replace(" ", "-")
            path, source = benchmark.folder / f"{name}.json", {**shared, "name": name}
            if not path.exists() or files.load_json(path)["source"] != source:
                task = benchmark.task(case) if task is None else task
                found = _measured(benchmark, task, case, encoder, objective, choice, seen=seen)
                files.save_json(path, {"source": source, "rows": found})
            rows += files.load_json(path)["rows"]
            progress(1)
    return rows


def _measured(
    benchmark: Benchmark,
    task: Task,
    case: Case,
    encoder: str,
    objective: str,
    choice: Choice,
    *,
    seen: dict[tuple[bool, bool], InteractionDataset],
) -> list[Row]:
    kind_number = WORLDS[case.world].index(case.kind)
    key = case.seed, Stream.BENCHMARK_ENCODERS, list(WORLDS).index(case.world), kind_number
    generator = make_generator(*key, 3)
    if not encoder:
        return [{**case._asdict(), **row} for row in references(task, generator)]
    data = learning_data(task, encoder, objective, seen)
    options = {"num_updates": benchmark.num_updates[case.world], "key": key}
    on_gpu = benchmark.device.startswith("cuda")
    clock = time.perf_counter if on_gpu else time.process_time
    start = clock()  # processor time does not count pauses
    model = benchmark.train(data, encoder, objective, choice, few_steps=task.few_steps, **options)
    seconds = clock() - start
    return [
        measure_encoder(model, task, encoder, generator=generator)
        | {
            **case._asdict(),
            **choice._asdict(),
            "encoder": encoder,
            "objective": objective,
            "seconds": seconds,
            "device": torch.cuda.get_device_name(benchmark.device) if on_gpu else "cpu",
            "num_weights": count_weights(model.encoder),
            "losses": window_means(model.losses, num_windows=30),
        }
    ]
