"""The wrestlers' training runs, and their recipes (recipes/wrestlers.yaml)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from paperlib import _checks
from paperlib.agents import ppo
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.selfplay import Recipe

RECIPES = Path(__file__).parent / "recipes" / "wrestlers.yaml"
PARTS = {"recipe": Recipe, "rewards": RewardWeights, "ppo": ppo.Settings}


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """A training run from random weights: of one wrestler by self-play, or of a pair.

    Attributes:
        name: name of the run.
        number: part of the key of its random streams.
        recipe: how its learners train.
        style: what its rewards are meant to bring about.
        pair: whether two learners play each other.
    """

    name: str
    number: int
    recipe: Recipe
    style: str = ""
    pair: bool = False

    @property
    def wrestlers(self) -> tuple[str, ...]:
        """Names of its learners."""
        return (f"{self.name}-1", f"{self.name}-2") if self.pair else (self.name,)


def read_runs(path: str | Path = RECIPES) -> dict[str, TrainingRun]:
    """The runs of a recipe file by name.

    Raises:
        ValueError: if a key, a style or the name of a field is unknown.
    """
    content, file = yaml.safe_load(Path(path).read_text()), Path(path).name
    _check_names(content, ("defaults", "styles", "runs"), where=file)
    _check_names(content["defaults"], PARTS, where=f"{file}: defaults")
    for style, rewards in content["styles"].items():
        _check_names(rewards, _field_names(RewardWeights), where=f"{file}: {style}")
    return {
        name: _read_run(name, entry, content, where=f"{file}: {name}")
        for name, entry in content["runs"].items()
    }


def _read_run(
    name: str, entry: Mapping[str, Any], content: Mapping[str, Any], *, where: str
) -> TrainingRun:
    _check_names(entry, ("number", "style", "pair", *PARTS), where=where)
    _check_names([entry["style"]], content["styles"], where=f"{where}: style")
    of_style = {"rewards": content["styles"][entry["style"]]}
    merged = {}
    for part, kind in PARTS.items():
        layers = content["defaults"], of_style, entry  # later ones override earlier ones
        values = {key: value for layer in layers for key, value in layer.get(part, {}).items()}
        _check_names(values, _field_names(kind) - {*PARTS}, where=f"{where}: {part}")
        merged[part] = values
    recipe = Recipe(
        **merged["recipe"],
        rewards=RewardWeights(**merged["rewards"]),
        ppo=ppo.Settings(**merged["ppo"]),
    )
    return TrainingRun(name, entry["number"], recipe, entry["style"], entry.get("pair", False))


def _field_names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _check_names(given: Iterable[str], known: Iterable[str], *, where: str) -> None:
    known = list(known)
    for name in given:
        if name not in known:
            raise ValueError(f"{where}: unknown {name!r}; {_checks.hint(str(name), known)}")


RUNS = read_runs()


def find(name: str) -> TrainingRun:
    """The run with a given name.

    Raises:
        ValueError: if there is no such run.
    """
    _checks.one_of("name", name, RUNS)
    return RUNS[name]


def wrestler_names() -> list[str]:
    """The wrestlers of the population, in the order of their numbers as agents."""
    return [name for run in RUNS.values() for name in run.wrestlers]


def style_of(wrestler: str) -> str:
    """The style that a wrestler's rewards are meant to bring about."""
    return next(run.style for run in RUNS.values() if wrestler in run.wrestlers)
