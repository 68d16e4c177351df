"""Measures paperlib against its peers: `make bench`, or see ``--help`` and README.md here."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parent.parent))  # paperlib, where it is not installed

from comparisons import PARTS, Group, Survey
from report import answer, write
from workers import FOLDER, Missing, Worker, compare

from paperlib.agents import published_policies

Log = Callable[[str], None]


def machine(threads: int) -> dict[str, str]:
    """What the numbers depend on besides the code."""
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


def measure(group: Group, *, log: Log, **how: Any) -> dict[str, Any]:
    """Measures a group; returns what the report needs."""
    found = compare(group.contenders, log=log, **how)
    answers = [answer(question, found.rates) for question in group.questions]
    return {
        "name": group.name,
        "unit": group.unit,
        "rates": found.rates,
        "versions": found.versions,
        "missing": found.missing,
        "answers": [one for one in answers if one is not None],
    }


def conduct(
    survey: Survey, *, log: Log, pythons: dict, threads: int, repeats: int, seconds: float
) -> dict[str, Any]:
    """Conducts a survey; returns what the report needs."""
    label, python = survey.worker.label, pythons[survey.worker.environment]
    found: dict[str, Any] = {"name": survey.name, "table": None, "versions": {}, "missing": {}}
    try:
        worker = Worker(survey.worker, python=python, threads=threads, log=log)
        found["versions"][label] = worker.versions
        found["table"] = worker.tabulate(repeats=repeats, seconds=seconds)
        worker.stop()
    except Missing as reason:
        found["missing"][label] = str(reason)
        log(f"{label} is skipped: {reason}")
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers-python", help="Python with requirements-peers.txt")
    parser.add_argument("--agile-python", help="Python with requirements-agilerl.txt")
    parser.add_argument(
        "--only",
        type=int,
        nargs="+",
        choices=PARTS,
        default=list(PARTS),
        help="1: environment steps, 2: training, 3: embeddings, 4: RoboSumo, 5: wrestlers, "
        "6: encoders and objectives",
    )
    parser.add_argument("--quick", action="store_true", help="rough numbers in less time")
    parser.add_argument("--threads", type=int, default=2, help="threads of each contender")
    parser.add_argument(
        "--policies",
        type=os.path.abspath,
        help="folder of RoboSumo's published policies (default: the value of ROBOSUMO_POLICIES)",
    )
    parser.add_argument("--output", type=Path, default=FOLDER / "results")
    return parser.parse_args()


def main() -> None:
    arguments = parse()
    repeats, seconds = (3, 0.3) if arguments.quick else (9, 1.5)
    pythons = {
        "ours": sys.executable,
        "peers": arguments.peers_python,
        "agilerl": arguments.agile_python,
    }
    facts = machine(arguments.threads)
    published = published_policies.find("ant", "mlp", folder=arguments.policies)
    facts |= {
        "repeats": str(repeats),
        "seconds of each": str(seconds),
        "RoboSumo's actions": "random" if published is None else published.name,
    }
    if hasattr(os, "sched_setaffinity"):  # workers inherit it: nobody gets more cores than another
        cores = sorted(os.sched_getaffinity(0))[: arguments.threads]
        os.sched_setaffinity(0, cores)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"Other programs are running (load {facts['load before']}): the numbers will be off.")
    start = time.monotonic()

    def log(text: str) -> None:
        print(f"[{time.monotonic() - start:5.0f} s] {text}", flush=True)

    how = {
        "pythons": pythons,
        "threads": arguments.threads,
        "repeats": repeats,
        "seconds": seconds,
        "log": log,
    }
    groups, surveys = [], []
    for part in arguments.only:
        for asked in PARTS[part](arguments):
            log(asked.name)
            if isinstance(asked, Survey):
                surveys.append(conduct(asked, **how))
            else:
                groups.append(measure(asked, **how))
    print("\n" + write(arguments.output, facts=facts, groups=groups, surveys=surveys))


if __name__ == "__main__":
    main()
