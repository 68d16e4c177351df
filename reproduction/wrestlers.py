"""The twenty-five wrestlers: who is trained how and from whom, and the training of all of them.

``python -m reproduction.wrestlers NAME --folder FOLDER`` trains one of `LINEAGES` and goes on from
where it was stopped; its parents must be in the folder. Trainings of one generation are independent
of each other: a cluster runs them side by side.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from paperlib.agents import ppo, robosumo_policies
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe, Training
from reproduction import results
from reproduction.jobs import Progress


@dataclasses.dataclass(frozen=True)
class Lineage:
    """One training: of an ancestor, of a wrestler by self-play, or of a pair.

    Attributes:
        name: of the training.
        number: part of the key of its random stream.
        recipe: how.
        parents: wrestlers that these start from, one for each learner.
        num_learners: 1 or 2.
        images: which of the `REFLECTIONS` of its parent each learner starts from; as it is if none are
            given. See `Wrestler.reflected`.
    """

    name: str
    number: int
    recipe: Recipe
    parents: tuple[str, ...] = ()
    num_learners: int = 1
    images: tuple[str, ...] = ()

    def wrestlers(self) -> tuple[str, ...]:
        """Names of its learners."""
        both = (f"{self.name}-1", f"{self.name}-2")
        return both if self.num_learners == 2 else (self.name,)

    def sources(self) -> list[str]:
        """Names of the trainings that its parents come from."""
        return [home(parent)[0].name for parent in self.parents]


def _ancestor(
    name: str,
    number: int,
    recipe: dict[str, Any],
    rewards: dict[str, float],
    *,
    parents: tuple[str, ...] = (),
    **settings: float,
) -> Lineage:
    """One of long training: what differs from the defaults of recipe, rewards and PPO."""
    made = Recipe(**recipe, rewards=RewardWeights(**rewards), ppo=ppo.Settings(**settings))
    return Lineage(name, number, made, parents)


_GROWN = {  # of those who start from another ancestor
    "num_iterations": 21,
    "lr_decay": 0.4083333,
    "zero_action_fraction": 0.5,
    "random_fraction": 0.05,
    "min_action_std": 0.15,
}


def _new(num_iterations: int) -> dict[str, Any]:
    """Of those who start from nothing and were trained last, when we knew more: the first of 36
    planned iterations."""
    return {
        "num_iterations": num_iterations,
        "lr_decay": round(0.7 * num_iterations / 36, 7),
        "self_play_fraction": 0.35,
        "zero_action_fraction": 0.65,
        "random_fraction": 0.05,
        "min_action_std": 0.12,
    }


_FIRST = {"approach": 1.0, "push": 1.0, "outward_penalty": 0.5, "toppling_bonus": 0.5}
ANCESTORS = (
    _ancestor(
        *(
            "a",
            0,
            {
                "num_iterations": 32,
                "lr_decay": 0.48,
                "zero_action_fraction": 0.6,
                "min_action_std": 0.15,
            },
        ),
        {**_FIRST, "win": 2.0, "loss": 1.0, "draw": 1.0},
        **{"learning_rate": 1e-3, "discount": 0.99, "entropy_coef": 1e-3},
    ),
    _ancestor(
        *(
            "b",
            1,
            {
                "num_iterations": 31,
                "lr_decay": 0.465,
                "zero_action_fraction": 0.5,
                "min_action_std": 0.2,
            },
        ),
        {
            **_FIRST,
            "win": 2.0,
            "loss": 1.5,
            "draw": 1.0,
            "approach": 0.5,
            "toppling_bonus": 1.0,
            "time_penalty": 0.01,
        },
        **{"learning_rate": 1e-3, "discount": 0.995, "entropy_coef": 2e-3},
    ),
    _ancestor(
        *("c", 2, _GROWN, {**_FIRST, "win": 2.0, "loss": 2.5, "draw": 1.0}),
        **{"parents": ("a",), "learning_rate": 8e-4, "discount": 0.99, "entropy_coef": 2e-3},
    ),
    _ancestor(
        *("d", 3, _GROWN),
        {
            **{
                "win": 3.0,
                "loss": 2.0,
                "draw": 1.5,
                "approach": 0.7,
                "push": 1.5,
                "outward_penalty": 0.5,
            },
            **{"toppling_bonus": 1.0, "time_penalty": 0.01},
        },
        **{"parents": ("b",), "learning_rate": 8e-4, "discount": 0.995, "entropy_coef": 1e-3},
    ),
    _ancestor(
        *("e", 4, _new(22), {**_FIRST, "win": 2.0, "loss": 1.5, "draw": 1.0}),
        **{"learning_rate": 1e-3, "discount": 0.99, "entropy_coef": 1e-3},
    ),
    _ancestor(
        *("f", 5, _new(24)),
        {**_FIRST, "win": 2.0, "loss": 2.0, "draw": 1.0, "height_bonus": 0.1, "time_penalty": 0.06},
        **{"learning_rate": 1e-3, "discount": 0.995, "entropy_coef": 1e-3},
    ),
    _ancestor(
        *("g", 6, _new(20)),
        {**_FIRST, "win": 2.0, "loss": 1.5, "draw": 1.0, "control_penalty": 0.001},
        **{"learning_rate": 1e-3, "discount": 0.99, "entropy_coef": 1e-3},
    ),
)

# Of whom the later members descend.
HEIRS = {
    "c": "self-balanced-c",
    "d": "self-balanced-d",
    "e": "self-hasty-e",
    "f": "self-tall-f",
    "g": "self-thrifty-g",
}
# What each style is paid for, beside what all of them are: each would like to win in its own way.
BASE = RewardWeights(
    win=2.0,
    loss=4.0,
    draw=1.0,
    approach=0.7,
    push=1.0,
    outward_penalty=0.5,
    toppling_bonus=0.7,
    rising_bonus=0.5,
)
STYLES: dict[str, dict[str, float]] = {
    "balanced": {},
    "cautious": {"loss": 6.0, "outward_penalty": 1.0},
    "daring": {"win": 3.5, "approach": 1.5},
    "tall": {"height_bonus": 0.6},
    "low": {"height_bonus": -0.25},
    "close": {"distance_penalty": 0.12},
    "distant": {"distance_penalty": -0.03, "approach": 0.2},
    "thrifty": {"control_penalty": 0.002},
    "pusher": {"push": 3.0, "toppling_bonus": 0.0},
    "toppler": {"push": 0.3, "toppling_bonus": 3.0},
    "central": {"outward_penalty": 2.5},
    "hasty": {"time_penalty": 0.08},
}


REFLECTIONS = {"": (1, 1), "x": (-1, 1), "y": (1, -1), "xy": (-1, -1)}  # what a mirror turns round


def _member(
    number: int,
    ancestry: str,
    style: str,
    *,
    num_iterations: int = 6,
    parents: Mapping[str, str] = HEIRS,
    noise: float = 0.12,
) -> Lineage:
    """One learner by self-play, or two as a pair.

    Args:
        number: of the lineage.
        ancestry: an ancestor's letter for each learner, and which of the `REFLECTIONS` of its parent it
            starts from: "c", "cx" or "cx-dxy".
        style: what it is paid for.
        num_iterations: of the training.
        parents: who descends from each ancestor, to start from; itself where there is nobody.
        noise: action_std of its actions, which cannot fall below two thirds of it.
    """
    learners = ancestry.split("-")
    recipe = Recipe(
        num_iterations=num_iterations,
        rewards=dataclasses.replace(BASE, **STYLES[style]),
        ppo=ppo.Settings(learning_rate=5e-4, discount=0.995),
        self_play_fraction=0.25,
        zero_action_fraction=0.65,
        random_fraction=0.05,
        action_std=noise,
        min_action_std=noise * 2 / 3,
    )
    return Lineage(
        f"{'pair' if len(learners) == 2 else 'self'}-{style}-{ancestry}",
        number,
        recipe,
        tuple(parents.get(learner[0], learner[0]) for learner in learners),
        len(learners),
        images=tuple(learner[1:] for learner in learners),
    )


MEMBERS = (
    _member(11, "c", "balanced", num_iterations=7, parents={}),
    _member(10, "d", "balanced", num_iterations=7, parents={}),
    _member(13, "c", "daring", num_iterations=7, parents={}),
    _member(12, "d", "cautious", num_iterations=7, parents={}, noise=0.09),
    _member(50, "e", "hasty", parents={}),
    _member(51, "f", "tall", parents={}),
    _member(52, "g", "thrifty", num_iterations=12, parents={}, noise=0.09),
    _member(56, "e", "toppler", parents={}),
    _member(57, "f", "pusher", parents={}),
    _member(58, "g", "close", num_iterations=8, parents={}),
    _member(54, "cx", "central", noise=0.2),
    _member(55, "dy", "distant"),
    _member(69, "exy", "daring"),
    _member(60, "cy-dx", "pusher"),
    _member(61, "cxy-dxy", "tall"),
    _member(62, "ex-fx", "balanced"),
    _member(64, "ey-gy", "cautious", noise=0.09),
    _member(67, "fxy-gxy", "low"),
    _member(68, "gx-fy", "toppler"),
)


def _steadier(number: int, parent: str, *, num_iterations: int = 4, **rewards: float) -> Lineage:
    """More training for one who lost or drew too often against a motionless ant, mostly with one,
    with less noise and other rewards."""
    (first,) = (lineage for lineage in MEMBERS if parent in lineage.wrestlers())
    recipe = dataclasses.replace(
        first.recipe,
        num_iterations=num_iterations,
        rewards=dataclasses.replace(first.recipe.rewards, **rewards),
        self_play_fraction=0.1,
        zero_action_fraction=0.85,
        action_std=0.1,
        min_action_std=0.08,
    )
    return Lineage(f"{parent}-steady", number, recipe, (parent,))


STEADIER = (
    _steadier(40, "self-balanced-c", loss=8.0),
    _steadier(42, "self-central-cx", loss=8.0),
    _steadier(43, "self-close-g", loss=8.0),
    _steadier(44, "self-distant-dy", loss=8.0),
    _steadier(45, "pair-toppler-gx-fy-1", num_iterations=6, win=5.0, draw=4.0),
    _steadier(46, "pair-toppler-gx-fy-2", win=3.0, draw=1.5),
    _steadier(47, "self-cautious-d", win=3.0, draw=1.5),
    _steadier(48, "self-balanced-d", win=3.0, draw=1.5, loss=6.0),
    _steadier(49, "pair-cautious-ey-gy-2", win=3.0, draw=1.5),
)
LINEAGES = {lineage.name: lineage for lineage in (*ANCESTORS, *MEMBERS, *STEADIER)}
SHIPPED = Path(robosumo_policies.__file__).parent / "weights" / "wrestlers.safetensors"


def member_names() -> list[str]:
    """The twenty-five, in the order of their numbers as agents."""
    steadier = {lineage.name.removesuffix("-steady"): lineage.name for lineage in STEADIER}
    names = [name for lineage in MEMBERS for name in lineage.wrestlers()]
    return [steadier.get(name, name) for name in names]


def home(name: str) -> tuple[Lineage, int]:
    """The training that a wrestler comes from, and which of its learners it is."""
    return next((x, x.wrestlers().index(name)) for x in LINEAGES.values() if name in x.wrestlers())


def descent(name: str) -> tuple[str, str]:
    """The nearest of the ancestors that a wrestler descends from, or itself if it is one, and which
    of the `REFLECTIONS` of it.

    Args:
        name: of a wrestler, which need not be one of the twenty-five.
    """
    (lineage, learner), turned = home(name), {"x": False, "y": False}
    while lineage not in ANCESTORS:
        for axis in lineage.images[learner] if lineage.images else "":
            turned[axis] = not turned[axis]
        lineage, learner = home(lineage.parents[learner])
    return lineage.name, "".join(axis for axis in turned if turned[axis])


def train(
    *, name: str, seed: int, folder: str | Path, progress: Progress = lambda done: None
) -> None:
    """A job for `jobs.run_jobs`: trains one of `LINEAGES` into ``folder / NAME.safetensors``.

    A checkpoint in ``folder / "checkpoints"`` is written after each iteration, and taken up again.
    What is there already, finished, stays.

    Args:
        name: of the lineage.
        seed: of the whole population.
        folder: of all lineages.
        progress: told of each iteration.

    Raises:
        ValueError: if there is no such lineage, a file is damaged, or what is there is of another
            seed, recipe or parent.
        FileNotFoundError: if a parent is not there.
    """
    if name not in LINEAGES:
        raise ValueError(f"name must be one of {', '.join(LINEAGES)}; got {name!r}")
    lineage, folder = LINEAGES[name], Path(folder)
    images = lineage.images or ("",) * len(lineage.parents)
    parents = []
    for parent, source, image in zip(lineage.parents, lineage.sources(), images, strict=True):
        found, _ = robosumo_policies.load(folder / f"{source}.safetensors")
        parents.append(found[parent].reflected(REFLECTIONS[image]).state_dict())
    training = Training(
        *((seed, lineage.number), lineage.recipe),
        num_learners=lineage.num_learners,
        parents=parents,
    )
    target, checkpoint = (
        place / f"{name}.safetensors" for place in (folder, folder / "checkpoints")
    )
    if target.exists():
        if robosumo_policies.load(target)[1]["training"] != training.identity():
            raise ValueError(f"{target} is of another seed, recipe or parent; delete it")
        progress(lineage.recipe.num_iterations)
        return
    if checkpoint.exists() and not training.load(checkpoint):
        raise ValueError(f"{checkpoint} is of another seed, recipe or parent; delete it")
    progress(len(training.history))
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    while len(training.history) < lineage.recipe.num_iterations:
        training.train_iteration()
        training.save(checkpoint)
        progress(1)
    provenance = {
        "training": training.identity(),
        "history": training.history,
        "seconds": round(sum(training.seconds)),
        "versions": results.versions(),
        "machine": results.machine(),
    }
    learners = dict(zip(lineage.wrestlers(), training.learners, strict=True))
    robosumo_policies.save(target, learners, provenance)


def train_all(
    *, seed: int, folder: str | Path, num_workers: int, names: Sequence[str] = tuple(LINEAGES)
) -> None:
    """Trains lineages, each as a job of its own, parents before their children."""
    due = [LINEAGES[name] for name in names]
    while due:
        ready = [lineage for lineage in due if not {*lineage.sources()} & {x.name for x in due}]
        jobs = [{"name": lineage.name, "seed": seed, "folder": folder} for lineage in ready]
        units = sum(lineage.recipe.num_iterations for lineage in ready)
        title = f"generation of {', '.join(lineage.name for lineage in ready[:2])}, ..."
        jobs.run_jobs(train, jobs, num_workers=num_workers, units=units, name=title)
        due = [lineage for lineage in due if lineage not in ready]


def assemble(folder: str | Path) -> tuple[dict[str, Wrestler], dict[str, Any]]:
    """Ancestors and members of a folder that `train_all` filled, and where each comes from.

    Returns:
        The wrestlers by name, and for each its lineage, learner, seed, samples (its own training's
        and its ancestors'), wall time, versions, machine, and the curve of its results against a
        motionless robot: samples, share won, share lost, iteration by iteration.
    """
    population, provenance = {}, {}
    samples: dict[str, int] = {}
    for name, lineage in LINEAGES.items():
        found, told = robosumo_policies.load(Path(folder) / f"{name}.safetensors")
        history = told["history"]
        for learner, (own, wrestler) in enumerate(found.items()):
            still = [iteration["zero action"][learner] for iteration in history]
            curve = [
                [iteration["samples"], part["won"], part["lost"]]
                for iteration, part in zip(history, still, strict=True)
            ]
            parent = lineage.parents[learner] if lineage.parents else None
            samples[own] = history[-1]["samples"] + (samples[parent] if parent else 0)
            population[own] = wrestler
            provenance[own] = {
                "lineage": name,
                "learner": learner,
                "parent": parent,
                "key": told["training"]["key"],
                "samples": history[-1]["samples"],
                "samples_with_ancestors": samples[own],
                "seconds": told["seconds"],
                "versions": told["versions"],
                "machine": told["machine"],
                "curve": curve,
            }
    return population, provenance


def main(arguments: list[str] | None = None) -> None:
    """The command line: one training."""
    parser = argparse.ArgumentParser(description="Train one lineage of wrestlers.")
    parser.add_argument("name", choices=LINEAGES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args(arguments)
    num_iterations = LINEAGES[options.name].recipe.num_iterations
    try:
        with tqdm(total=num_iterations, desc=options.name, unit="iteration") as bar:
            train(name=options.name, seed=options.seed, folder=options.folder, progress=bar.update)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
