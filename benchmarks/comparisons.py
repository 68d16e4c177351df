"""The benchmark's comparisons: the contenders of each part, and the questions about them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

from report import Question
from workers import Contender

from paperlib import embeddings
from paperlib.agents import maddpg
from paperlib.environments.particleworld import EPISODE_LENGTH

SIZES = (256, 4096, 32768)  # parallel episodes
NUM_PAIRS = 28
SUMO_GOALS = {64: 0.9, 256: 0.95}  # share of the physical limit, for each number of matches
CELL_WORLDS = (  # see ours/cells.py
    "Kuhn poker",
    "Leduc poker",
    "ParticleWorld",
    "RoShamBo",
    "RoboSumo",
    "RoboSumo, drawn",
)
AGILERL_ENVS = (1, 8, 64)  # few, as in AgileRL's tutorials, and as many as a round of ours has


class Group(NamedTuple):
    """Contenders that are measured in turn, and the questions about their rates."""

    name: str
    unit: str
    contenders: list[Contender]
    questions: list[Question]


class Survey(NamedTuple):
    """A table that one worker makes by itself."""

    name: str
    worker: Contender


def environment_groups(arguments: argparse.Namespace) -> Iterator[Group]:
    """Part 1: steps of ParticleWorld."""
    threads = arguments.threads
    for size in SIZES:
        shape = {"num_episodes": size}
        ours = [
            Contender(
                f"ParticleWorld, {form}",
                "ours.particleworld",
                "ours",
                {**shape, "threads": threads, "form": form},
            )
            for form in ("whole episodes", "compiled", "plain")
        ]
        loop = Contender("mpe2, one environment", "peers.mpe2", "peers", {})
        vectorised = [Contender("VMAS", "peers.vmas", "peers", {**shape, "threads": threads})]
        vectorised += [
            Contender(
                f"JaxMARL, {devices} XLA device{'s' * (devices > 1)}",
                "peers.jaxmarl",
                "peers",
                {**shape, "devices": devices},
            )
            for devices in sorted({1, threads})
        ]
        labels = tuple(one.label for one in vectorised)
        whole, compiled, _ = (one.label for one in ours)
        # The record of many whole episodes goes through memory, a single step stays in caches
        fastest = compiled if size == max(SIZES) else whole
        yield Group(
            f"{size:,} episodes",
            "steps",
            [*ours, loop, *vectorised],
            [
                Question(f"{size:,} episodes, {what}", one.label, peers, goals.get(one.label))
                for what, peers, goals in (
                    ("fastest peer", labels, {fastest: 8}),
                    ("mpe2", (loop.label,), {fastest: 10_000} if size == max(SIZES) else {}),
                )
                for one in ours
            ],
        )


def training_groups(arguments: argparse.Namespace) -> Iterator[Group | Survey]:
    """Part 2: training pairs of speaker and listener, and speakers for known listeners."""
    threads = arguments.threads
    settings = maddpg.Settings()
    round_steps = settings.num_episodes * EPISODE_LENGTH  # steps of one pair
    one, many = (
        Contender(label, "ours.pairs", "ours", {"num_pairs": num_pairs, "threads": threads})
        for label, num_pairs in (("one pair", 1), (f"{NUM_PAIRS} pairs at once", NUM_PAIRS))
    )
    agilerl = [
        Contender(
            f"AgileRL, {num_envs} environment{'s' * (num_envs > 1)}",
            "peers.agilerl",
            "agilerl",
            {
                "num_envs": num_envs,
                "threads": threads,
                "steps_per_update": round_steps // EPISODE_LENGTH,  # a round has 25 updates
                "replay_size": settings.replay_iterations * round_steps,
                "hidden_size": settings.hidden_size,
                "settings": {
                    "batch_size": settings.batch_size,
                    "lr_actor": settings.learning_rate,
                    "lr_critic": settings.learning_rate,
                    "gamma": settings.discount,
                    "tau": settings.tau,
                },
            },
        )
        for num_envs in AGILERL_ENVS
    ]
    yield Group(
        "training",
        "steps of a pair",
        [one, many, *agilerl],
        [
            Question("training, one pair after another", many.label, (one.label,), 5),
            Question("training, MADDPG", many.label, tuple(x.label for x in agilerl), 30),
        ],
    )
    yield Survey(
        "Training speakers for known listeners",  # on one thread, like every job of Table 3
        Contender("speakers", "ours.speakers", "ours", {"threads": 1}),
    )


def embedding_groups(arguments: argparse.Namespace) -> Iterator[Group]:
    """Part 3: learning embeddings."""
    threads = arguments.threads
    default = embeddings.Settings().repetitions
    batched, equal, looped = (
        Contender(
            label,
            "ours.embeddings",
            "ours",
            {"form": form, "repetitions": repetitions, "threads": threads},
        )
        for label, form, repetitions in (
            ("learn", "batched", default),
            ("learn, one pass a step", "batched", 1),
            ("Algorithm 1, looped", "looped", 1),
        )
    )
    yield Group(
        "embeddings",
        "anchors",
        [batched, equal, looped],
        [
            Question("embeddings", batched.label, (looped.label,), 20),
            Question("embeddings, equal optimiser steps", equal.label, (looped.label,)),
        ],
    )


def sumo_groups(arguments: argparse.Namespace) -> Iterator[Group | Survey]:
    """Part 4: steps of RoboSumo."""
    threads = arguments.threads
    options = {"threads": threads, "policies": arguments.policies}
    for size, goal in SUMO_GOALS.items():
        matches, threaded, batch, accurate = (
            Contender(label, "ours.robosumo", "ours", {**options, "num_envs": size, **form})
            for label, form in (
                ("RoboSumo", {"form": "matches"}),
                ("bare mj_step, Python's threads", {"form": "threads"}),
                ("bare stepping, mujoco.batch", {"form": "batch"}),
                ("RoboSumo, RK4", {"form": "matches", "integrator": "RK4"}),
            )
        )
        name = f"{size} matches"
        questions = [
            Question(f"{name}, physical limit", matches.label, (limit.label,), goal)
            for limit in (threaded, batch)
        ]
        contenders = [matches, threaded, batch]
        if size == max(SUMO_GOALS):
            contenders.append(accurate)
            questions.append(Question(f"{name}, integrators", matches.label, (accurate.label,)))
        yield Group(name, "steps of a match", contenders, questions)
    yield _sumo_forms(threads)
    yield Survey(
        "Where a step of RoboSumo goes",
        Contender("parts", "ours.robosumo_parts", "ours", {**options, "sizes": list(SUMO_GOALS)}),
    )


def _sumo_forms(threads: int) -> Group:
    def contender(label: str, form: str, num_envs: int) -> Contender:
        options = {"form": form, "num_envs": num_envs, "threads": threads}
        return Contender(label, "ours.robosumo_forms", "ours", options)

    together = [contender(f"RoboSumo, {size} matches", "together", size) for size in SUMO_GOALS]
    alone = contender("RoboSumoEnv in a loop", "alone", 1)
    apart = [
        contender(f"AsyncVectorEnv, {count} processes", "processes", count)
        for count in sorted({threads, 16, 64})
    ]
    labels = tuple(one.label for one in apart)
    questions = []
    for one in together:
        questions += [
            Question("per core, one match in a loop", one.label, (alone.label,), 1.5),
            Question("per core, one process per match", one.label, labels, 1),
        ]
    unit = "steps of a match and core"
    return Group("RoboSumo's forms", unit, [*together, alone, *apart], questions)


def wrestler_groups(arguments: argparse.Namespace) -> Iterator[Group]:
    """Part 5: training wrestlers, and embeddings of their long episodes.

    On one thread, like every job of these training runs: as many jobs as cores run side by side.
    """
    threads = 1
    trained, limit = (
        Contender(
            label, "ours.wrestling", "ours", {"form": form, "num_rollouts": 2, "threads": threads}
        )
        for label, form in (("PPO", "ppo"), ("the environment alone", "environment"))
    )
    questions = [Question("PPO, share of the environment", trained.label, (limit.label,), 0.8)]
    yield Group("wrestlers", "samples", [trained, limit], questions)
    learned, given, products = (
        Contender(label, "ours.long_episodes", "ours", {"form": form, "threads": threads})
        for label, form in (
            ("learn", "learn"),
            ("learn, nothing drawn", "no drawing"),
            ("matrix products", "matrix products"),
        )
    )
    questions = [
        Question("long episodes, share not spent on data", learned.label, (given.label,)),
        Question("long episodes, arithmetic limit", learned.label, (products.label,)),
    ]
    unit = "floating-point operations"
    yield Group("long episodes", unit, [learned, given, products], questions)


def cell_surveys(arguments: argparse.Namespace) -> Iterator[Survey]:
    """Part 6: learning embeddings with every encoder and objective."""
    for world in CELL_WORLDS:
        options = {"world": world, "quick": arguments.quick}
        yield Survey(
            f"Embeddings, {world}: batched against episode by episode",
            Contender("cells", "ours.cells", "ours", options),
        )


PARTS: dict[int, Callable[[argparse.Namespace], Iterator[Group | Survey]]] = {
    1: environment_groups,
    2: training_groups,
    3: embedding_groups,
    4: sumo_groups,
    5: wrestler_groups,
    6: cell_surveys,
}
