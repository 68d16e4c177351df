"""Trains one wrestler or policy: ``python -m reproduction.train "Emb-Hyb 0" --profile smoke``.

Names are those of the wrestlers' training runs, such as ``self-hasty``, and of Figure 4's policies,
a variant and a seed; ``--list`` shows them all. Parameters are those of the notebook that uses the
result, in the profile. An interrupted run resumes from its checkpoint, and a finished one is
kept. Each is a job for one core, so that a cluster can run them side by side.
"""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from reproduction import policy_training, results, runner, training_runs, wrestlers
from reproduction.policy_study import Study


def train_wrestlers(parameters: Mapping[str, Any], name: str) -> None:
    """Carries out a training run of wrestlers.py."""
    folder = results.resolve(parameters["training_runs_folder"])
    num_iterations = training_runs.find(name).recipe.num_iterations
    with tqdm(total=num_iterations, desc=name, unit="iteration") as bar:
        wrestlers.train(name=name, seed=parameters["seed"], folder=folder, progress=bar.update)


def train_policy(parameters: Mapping[str, Any], variant: str, seed: int) -> None:
    """Trains a policy of figure_4.py."""
    fields = [field.name for field in dataclasses.fields(Study)]
    job = Study(**{name: parameters[name] for name in fields}).job(variant, seed)
    total = policy_training.num_points(job["recipe"].num_iterations, job["games_every"])
    with tqdm(total=total, desc=job["name"], unit="point") as bar:
        policy_training.train_policy(**job, progress=bar.update)


def trainings_of(profile: str, results_folder: str | Path) -> dict[str, Callable[[], None]]:
    """The training runs of a profile, by name.

    Raises:
        ValueError: if the profile or one of its parameters is wrong.
    """
    sumo, figure_4 = (
        runner.parameters_of(notebook, profile, results_folder)
        for notebook in ("wrestlers", "figure_4")
    )
    named: dict[str, Callable[[], None]] = {}
    for name in training_runs.RUNS:
        named[name] = lambda name=name: train_wrestlers(sumo, name)
    for variant in figure_4["variants"] + figure_4["more_variants"]:
        for seed in figure_4["seeds"]:
            named[f"{variant} {seed}"] = lambda v=variant, s=seed: train_policy(figure_4, v, s)
    return named


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Train a wrestler or a policy.")
    parser.add_argument("name", nargs="?", help='such as self-hasty or "Emb-Hyb 0"')
    parser.add_argument("--profile", default="laptop", help="one of workflow/parameters.yaml")
    parser.add_argument("--results", default="results", type=Path, help="folder of all results")
    parser.add_argument("--list", action="store_true", help="show all names in the profile")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    try:
        named = trainings_of(options.profile, options.results)
        if options.list:
            print("\n".join(named))
            return
        if options.name not in named:
            close = difflib.get_close_matches(options.name or "", named, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "--list shows all"
            raise ValueError(f"there is no training {options.name!r} in {options.profile}; {hint}")
        named[options.name]()
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
