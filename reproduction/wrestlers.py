"""Trains the wrestlers, and assembles their population."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from paperlib import training
from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import SelfPlay
from paperlib.training import Progress, no_progress
from reproduction import results, training_runs
from reproduction.jobs import run_jobs
from reproduction.streams import Stream

ACTION_STD = 0.15  # std of all wrestlers' actions after training, so that noise identifies nobody


def train(*, name: str, seed: int, folder: str | Path, progress: Progress = no_progress) -> None:
    """A job for `jobs.run_jobs`: trains one of `training_runs`, into a file of its name.

    Checkpoints and finished files are kept; see `training.run_to_file`.

    Args:
        name: name of the run.
        seed: seed of the whole population.
        folder: folder for all runs.
        progress: called with the iterations done.

    Raises:
        ValueError: if there is no such run, or a file is damaged or from another run.
    """
    run = training_runs.find(name)
    key = seed, Stream.WRESTLERS, run.number
    selfplay = SelfPlay(key, run.recipe, num_learners=len(run.wrestlers))

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
        Path(folder) / f"{name}.safetensors",
        result=result,
        num_iterations=run.recipe.num_iterations,
        progress=progress,
    )


def train_all(*, seed: int, folder: str | Path, num_workers: int) -> None:
    """Trains all runs side by side."""
    jobs = [{"name": name, "seed": seed, "folder": folder} for name in training_runs.RUNS]
    units = sum(run.recipe.num_iterations for run in training_runs.RUNS.values())
    run_jobs(train, jobs, num_workers=num_workers, units=units, name="wrestlers")


def assemble(folder: str | Path) -> tuple[dict[str, Wrestler], dict[str, Any]]:
    """All wrestlers in a folder that `train_all` filled, and where each comes from.

    Returns:
        The wrestlers by name, with `ACTION_STD`; and the provenance of each: its training run and
        style, which learner of the run it is, the run's key, samples, the run's wall time,
        versions, machine, and the curve of results against a robot at rest: samples, share won,
        share lost, for each iteration.
    """
    population, provenance = {}, {}
    for name, run in training_runs.RUNS.items():
        found, made = robosumo_policies.load(Path(folder) / f"{name}.safetensors")
        history = made["history"]
        for learner, (own, wrestler) in enumerate(found.items()):
            population[own] = wrestler.with_action_std(ACTION_STD)
            at_rest = [iteration["zero action"][learner] for iteration in history]
            provenance[own] = {
                "training_run": name,
                "style": run.style,
                "learner": learner,
                "key": made["training"]["key"],
                "samples": history[-1]["samples"],
                "seconds": made["seconds"],
                "versions": made["versions"],
                "machine": made["machine"],
                "curve": [
                    [iteration["samples"], against["won"], against["lost"]]
                    for iteration, against in zip(history, at_rest, strict=True)
                ],
            }
    return population, provenance


def load_population(folder: Path) -> dict[str, Wrestler]:
    """All wrestlers that the notebook ``wrestlers`` left in its folder, by name.

    Raises:
        FileNotFoundError: if there are none.
        ValueError: if their file is damaged.
    """
    return robosumo_policies.load(folder / "population.safetensors")[0]
