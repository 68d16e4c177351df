"""Measures paperlib against its peers: `make bench`, or see ``--help`` and README.md here."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

sys.path.append(str(Path(__file__).parent.parent))  # paperlib, where it is not installed

from report import Question, answer, write
from workers import FOLDER, Contender, compare

from paperlib import embeddings, maddpg
from paperlib.particleworld import EPISODE_LENGTH

SIZES = (256, 4096, 32768)  # parallel episodes
NUM_PAIRS = 28
AGILERL_ENVS = (1, 8, 64)  # few, as in AgileRL's tutorials, and as many as a round of ours has


class Group(NamedTuple):
    """Contenders that are measured in turn, and what is asked of their rates."""

    name: str
    unit: str
    contenders: list[Contender]
    questions: list[Question]


def environment_groups(threads: int) -> Iterator[Group]:
    """1: steps of ParticleWorld."""
    for size in SIZES:
        shape = {"num_episodes": size}
        ours = [
            Contender(
                f"ParticleWorld, {form}",
                "ours.particleworld",
                "ours",
                {**shape, "threads": threads, "compiled": form == "compiled"},
            )
            for form in ("compiled", "plain")
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
        compiled, plain = (one.label for one in ours)
        largest = 10_000 if size == max(SIZES) else None
        yield Group(
            f"{size:,} episodes",
            "steps",
            [*ours, loop, *vectorised],
            [
                Question(f"{size:,} episodes, fastest peer", compiled, labels, 8),
                Question(f"{size:,} episodes, fastest peer", plain, labels),
                Question(f"{size:,} episodes, mpe2", compiled, (loop.label,), largest),
                Question(f"{size:,} episodes, mpe2", plain, (loop.label,)),
            ],
        )


def training_groups(threads: int) -> Iterator[Group]:
    """2: training pairs of speaker and listener."""
    settings = maddpg.Settings()
    round_steps = settings.num_episodes * EPISODE_LENGTH  # of one pair
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
                "replay_size": settings.replay_rounds * round_steps,
                "hidden_size": settings.hidden_size,
                "settings": {
                    "batch_size": settings.batch_size,
                    "lr_actor": settings.learning_rate,
                    "lr_critic": settings.learning_rate,
                    "gamma": settings.discount,
                    "tau": settings.target_rate,
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


def embedding_groups(threads: int) -> Iterator[Group]:
    """3: learning embeddings."""
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


PARTS = {1: environment_groups, 2: training_groups, 3: embedding_groups}


def machine(threads: int) -> dict[str, str]:
    """What the numbers depend on beside the code."""
    model = platform.processor() or platform.machine()
    if (information := Path("/proc/cpuinfo")).exists():
        lines = information.read_text().splitlines()
        model = next((x.split(":")[1].strip() for x in lines if "model name" in x), model)
    return {
        "date": time.strftime("%Y-%m-%d"),
        "processor": model,
        "cores used": str(threads),
        "system": platform.system(),
        "Python": platform.python_version(),
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", help="with requirements-peers.txt")
    parser.add_argument("--agile-python", help="with requirements-agilerl.txt")
    parser.add_argument(
        "--only",
        type=int,
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        help="1: environment steps, 2: training, 3: embeddings",
    )
    parser.add_argument("--quick", action="store_true", help="rough numbers in less time")
    parser.add_argument("--threads", type=int, default=2, help="for each contender")
    parser.add_argument("--output", type=Path, default=FOLDER / "results")
    arguments = parser.parse_args()
    repeats, seconds = (3, 0.3) if arguments.quick else (9, 1.5)
    pythons = {
        "ours": sys.executable,
        "peers": arguments.peers_python,
        "agilerl": arguments.agile_python,
    }
    facts = machine(arguments.threads)
    facts |= {"repeats": str(repeats), "seconds of each": str(seconds)}
    if hasattr(os, "sched_setaffinity"):  # workers inherit it: nobody gets more cores than another
        cores = sorted(os.sched_getaffinity(0))[: arguments.threads]
        os.sched_setaffinity(0, cores)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"Other programs are running (load {facts['load before']}): the numbers will be off.")
    start = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {text}", flush=True)

    groups = []
    for part in arguments.only:
        for group in PARTS[part](arguments.threads):
            say(group.name)
            found = compare(
                group.contenders,
                pythons=pythons,
                threads=arguments.threads,
                repeats=repeats,
                seconds=seconds,
                say=say,
            )
            answers = [answer(question, found.rates) for question in group.questions]
            groups.append(
                {
                    "name": group.name,
                    "unit": group.unit,
                    "rates": found.rates,
                    "versions": found.versions,
                    "missing": found.missing,
                    "answers": [one for one in answers if one is not None],
                }
            )
    print("\n" + write(arguments.output, facts=facts, groups=groups))


if __name__ == "__main__":
    main()
