"""Trains the wrestlers, each run from its parents, and puts them together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from paperlib import training
from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import SelfPlay
from paperlib.streams import Stream
from paperlib.training import Progress, no_progress
from reproduction import results, training_runs
from reproduction.jobs import run_jobs


def train(*, name: str, seed: int, folder: str | Path, progress: Progress = no_progress) -> None:
    """A job for `jobs.run_jobs`: trains one of `training_runs` into a file of its name.

    Checkpoints and finished files are kept; see `training.run_to_file`.

    Args:
        name: of the run.
        seed: of the whole population.
        folder: of all runs.
        progress: called with the iterations done.

    Raises:
        ValueError: if there is no such run, or a file is damaged or of another training.
        FileNotFoundError: if a parent is not there.
    """
    run, folder = training_runs.find(name), Path(folder)
    parents = []
    for parent, source, reflection in zip(
        run.parents, training_runs.sources(run), run.reflections, strict=True
    ):
        found, _ = robosumo_policies.load(folder / f"{source}.safetensors")
        parents.append(found[parent].reflected(training_runs.REFLECTIONS[reflection]).state_dict())
    selfplay = SelfPlay(
        (seed, Stream.WRESTLERS, run.number),
        run.recipe,
        num_learners=len(run.wrestlers),
        parents=parents,
    )

    def result() -> training.State:
        provenance = {
            "history": selfplay.history,
            "seconds": round(sum(selfplay.seconds)),
            "versions": results.versions(),
            "machine": results.machine(),
        }
        learners = dict(zip(run.wrestlers, selfplay.learners, strict=True))
        return robosumo_policies.pack(learners, provenance)

    training.run_to_file(
        selfplay,
        folder / f"{name}.safetensors",
        result=result,
        num_iterations=run.recipe.num_iterations,
        progress=progress,
    )


def train_all(
    *,
    seed: int,
    folder: str | Path,
    num_workers: int,
    names: Sequence[str] = tuple(training_runs.RUNS),
) -> None:
    """Trains runs side by side, parents before their children."""
    due = list(names)
    while due:
        ready = [
            name for name in due if not {*training_runs.sources(training_runs.RUNS[name])} & {*due}
        ]
        jobs = [{"name": name, "seed": seed, "folder": folder} for name in ready]
        units = sum(training_runs.RUNS[name].recipe.num_iterations for name in ready)
        title = f"generation of {', '.join(ready[:2])}, ..."
        run_jobs(train, jobs, num_workers=num_workers, units=units, name=title)
        due = [name for name in due if name not in ready]


def assemble(folder: str | Path) -> tuple[dict[str, Wrestler], dict[str, Any]]:
    """All wrestlers in a folder that `train_all` filled, and where each comes from.

    Returns:
        The wrestlers by name, and the provenance of each: its training run, which learner of it it
        is, its parent, the run's key, the samples of this run and of all runs before it, wall time,
        versions, machine, and the curve of results against a robot at rest: samples, share won,
        share lost, for each iteration.
    """
    population, provenance = {}, {}
    for name, run in training_runs.RUNS.items():
        found, made = robosumo_policies.load(Path(folder) / f"{name}.safetensors")
        history = made["history"]
        samples = history[-1]["samples"]
        for learner, (own, wrestler) in enumerate(found.items()):
            parent = run.parents[learner] if run.parents else None
            at_rest = [iteration["zero action"][learner] for iteration in history]
            population[own] = wrestler
            provenance[own] = {
                "training_run": name,
                "learner": learner,
                "parent": parent,
                "key": made["training"]["key"],
                "samples": samples,
                "total_samples": samples + (provenance[parent]["total_samples"] if parent else 0),
                "seconds": made["seconds"],
                "versions": made["versions"],
                "machine": made["machine"],
                "curve": [
                    [iteration["samples"], against["won"], against["lost"]]
                    for iteration, against in zip(history, at_rest, strict=True)
                ],
            }
    return population, provenance
