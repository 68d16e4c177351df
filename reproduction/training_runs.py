"""The wrestlers' training runs: who trains how, and from whom (recipes/wrestlers.yaml)."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from paperlib.agents import ppo
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.selfplay import Recipe

RECIPES = Path(__file__).parent / "recipes" / "wrestlers.yaml"
SECTIONS = "founders", "members", "fine_tuned", "independent"
PARTS = "recipe", "rewards", "ppo"
REFLECTIONS = {"": (1, 1), "x": (-1, 1), "y": (1, -1), "xy": (-1, -1)}  # signs of x and y


@dataclasses.dataclass(frozen=True)
class TrainingRun:
    """One training: of one wrestler by self-play, or of a pair.

    Attributes:
        name: of the run.
        number: part of the key of its random streams.
        recipe: how it trains.
        parents: wrestlers that the learners start from; without any, weights are random.
        reflections: for each parent, which of its `REFLECTIONS` the learner starts from.
        pair: whether two learners play each other; two parents are a pair anyway.
    """

    name: str
    number: int
    recipe: Recipe
    parents: tuple[str, ...] = ()
    reflections: tuple[str, ...] = ()
    pair: bool = False

    @property
    def wrestlers(self) -> tuple[str, ...]:
        """Names of its learners."""
        pair = f"{self.name}-1", f"{self.name}-2"
        return pair if self.pair or len(self.parents) == 2 else (self.name,)


def read_runs(path: str | Path = RECIPES) -> dict[str, dict[str, TrainingRun]]:
    """The runs of a recipe file by name, for each of its `SECTIONS`.

    Raises:
        ValueError: if a key is unknown, or a run refers to something that is not there.
    """
    content = yaml.safe_load(Path(path).read_text())
    name = Path(path).name
    _check_keys(content, ("defaults", "styles", *SECTIONS), where=name)
    defaults, styles = content["defaults"], {}
    for key, layer in defaults.items():
        _check_keys(layer, PARTS, where=f"{name}: {key}")
    for key, rewards in content["styles"].items():
        _check_keys(rewards, _field_names(RewardWeights), where=f"{name}: {key}")
        styles[key] = {"rewards": rewards}
    runs: dict[str, dict[str, TrainingRun]] = {section: {} for section in SECTIONS}
    wrestlers: set[str] = set()
    for section in SECTIONS:
        for run_name, entry in content[section].items():
            where = f"{name}: {run_name}"
            run = _read_run(run_name, entry, defaults=defaults, styles=styles, where=where)
            _check_keys(run.parents, wrestlers, where=f"{where}: parents")
            runs[section][run_name] = run
            wrestlers.update(run.wrestlers)
    return runs


def _read_run(
    name: str,
    entry: Mapping[str, Any],
    *,
    defaults: Mapping[str, Any],
    styles: Mapping[str, Any],
    where: str,
) -> TrainingRun:
    keys = "number", "parents", "pair", "reflections", "defaults", "style", *PARTS
    _check_keys(entry, keys, where=where)
    layers = []  # later ones override earlier ones
    for key, known in (("defaults", defaults), ("style", styles)):
        if key in entry:
            _check_keys([entry[key]], known, where=f"{where}: {key}")
            layers.append(known[entry[key]])

    def merged(part: str, kind: type) -> dict[str, Any]:
        values = {k: v for layer in (*layers, entry) for k, v in layer.get(part, {}).items()}
        _check_keys(values, _field_names(kind) - {"rewards", "ppo"}, where=f"{where}: {part}")
        return values

    parents = tuple(entry.get("parents", ()))
    reflections = tuple(entry.get("reflections", [""] * len(parents)))
    _check_keys(reflections, REFLECTIONS, where=f"{where}: reflections")
    if len(parents) > 2 or len(reflections) != len(parents):
        raise ValueError(
            f"{where}: parents must be at most two, with a reflection each; got {parents} and "
            f"{reflections}"
        )
    recipe = Recipe(
        **merged("recipe", Recipe),
        rewards=RewardWeights(**merged("rewards", RewardWeights)),
        ppo=ppo.Settings(**merged("ppo", ppo.Settings)),
    )
    pair = entry.get("pair", False)
    return TrainingRun(name, entry["number"], recipe, parents, reflections, pair)


def _field_names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def _check_keys(given: Iterable[str], known: Iterable[str], *, where: str) -> None:
    known = sorted(known)
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
            raise ValueError(f"{where}: unknown {key!r}; {hint}")


FOUNDERS, MEMBERS, FINE_TUNED, INDEPENDENT = read_runs().values()
RUNS = {**FOUNDERS, **MEMBERS, **FINE_TUNED}  # of the shipped population
BASE_REWARDS = MEMBERS["self-balanced-c"].recipe.rewards  # of members, whose styles change them


def find(name: str) -> TrainingRun:
    """The run of a name, of the shipped population or an independent one.

    Raises:
        ValueError: if there is no such run.
    """
    runs = {**RUNS, **INDEPENDENT}
    if name not in runs:
        raise ValueError(f"name must be one of {', '.join(runs)}; got {name!r}")
    return runs[name]


def member_names() -> list[str]:
    """The twenty-five wrestlers of the population, in the order of their numbers as agents."""
    fine_tuned = {run.parents[0]: name for name, run in FINE_TUNED.items()}
    names = [name for run in MEMBERS.values() for name in run.wrestlers]
    return [fine_tuned.get(name, name) for name in names]


def run_of(wrestler: str) -> tuple[TrainingRun, int]:
    """The run that trained a wrestler, and which of its learners it is."""
    runs = (run for run in RUNS.values() if wrestler in run.wrestlers)
    run = next(runs)
    return run, run.wrestlers.index(wrestler)


def sources(run: TrainingRun) -> list[str]:
    """The runs that the parents of a run come from."""
    return [run_of(parent)[0].name for parent in run.parents]


def founder(wrestler: str) -> tuple[str, str]:
    """The founder of a wrestler's family, and which of `REFLECTIONS` of it the wrestler is.

    A founder's founder is itself, even if it started from another one.

    Args:
        wrestler: a name, not only one of the twenty-five.
    """
    run, learner = run_of(wrestler)
    signs = np.ones(2, dtype=int)
    while run.name not in FOUNDERS:
        signs *= REFLECTIONS[run.reflections[learner]]
        run, learner = run_of(run.parents[learner])
    (reflection,) = (name for name, flips in REFLECTIONS.items() if flips == tuple(signs))
    return run.name, reflection
