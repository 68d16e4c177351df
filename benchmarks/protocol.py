"""How a worker measures: one clock and one loop for our code and for every peer.

A worker is a process in an environment of its own. It builds its case, warms it up, says so, and
then answers each line that it reads, ``{"seconds": s}``, by one line, ``{"rate": units a second}``.
It works only between a line and its answer, so that many workers can take turns on one machine.
This module needs nothing but the standard library.
"""

from __future__ import annotations

import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from importlib import metadata
from typing import Any

WARM_UP_BLOCKS = 3
Table = dict[str, Any]  # "header", a list; "rows", lists as long; perhaps a "note" to stand below
Case = tuple[Callable[[], object], float]  # a block of work, and how many units it does


def serve(make_case: Callable[..., Case], *, packages: Sequence[str]) -> None:
    """Builds the case from the options in ``argv`` (JSON) and measures it until the input ends.

    Args:
        make_case: maps the options to a block of work and its number of units.
        packages: packages whose versions are reported.
    """
    block, units = make_case(**json.loads(sys.argv[1]))
    for _ in range(WARM_UP_BLOCKS):
        block()
    _answer(versions={name: metadata.version(name) for name in packages})
    for line in sys.stdin:
        _answer(rate=measure(block, units, seconds=json.loads(line)["seconds"]))


def serve_table(make_table: Callable[..., Table], *, packages: Sequence[str]) -> None:
    """Makes a table from the options in ``argv`` and in each line that it reads, and sends it.

    Args:
        make_table: maps the options, ``repeats`` and ``seconds`` to the table; what it prints is
            shown meanwhile.
        packages: packages whose versions are reported.
    """
    options = json.loads(sys.argv[1])
    _answer(versions={name: metadata.version(name) for name in packages})
    for line in sys.stdin:
        _answer(table=make_table(**options, **json.loads(line)))


def measure(block: Callable[[], object], units: float, *, seconds: float) -> float:
    """Units per second over whole blocks, as many as fill the seconds and at least one."""
    start, count = time.perf_counter(), 0
    while True:
        block()
        count += 1
        if (elapsed := time.perf_counter() - start) >= seconds:
            return count * units / elapsed


def require_rewards(rewards: Sequence[float]) -> None:
    """Checks that an environment really steps: rewards are finite, not positive, and differ.

    Raises:
        SystemExit: if not, so that the worker counts as missing.
    """
    if not all(math.isfinite(reward) and reward <= 0 for reward in rewards):
        raise SystemExit(f"rewards must be finite and at most 0, got {min(rewards)} and the like")
    if min(rewards) == max(rewards):
        raise SystemExit(f"rewards are all {rewards[0]}: the environment does not step")


def _answer(**content: object) -> None:
    print(json.dumps(content), flush=True)
