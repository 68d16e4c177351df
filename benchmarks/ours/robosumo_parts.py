"""Where the time of a batched step of RoboSumo goes: a clock around each of its parts.

The clocks stand around what `RoboSumo.step` calls; together they cost some microseconds a step.
Bare stepping of the same states, in turn, separates physics from contact forces: the latter are
the extra time that calls of `mujoco.batch` take in RoboSumo.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

from protocol import Table, measure, serve_table
from report import number

from ours.robosumo import NUM_STEPS, BareBatch, Matches
from ours.robosumo_recordings import bare_model, record
from paperlib.environments import robosumo, robosumo_rules
from paperlib.environments.robosumo import RoboSumo

SIMULATION, PHYSICS, FORCES = "simulation", "physics", "contact forces"
CHECKS, COPIES, REWARDS = "checks of actions", "copying actions in, checks of states", "rewards"
OBSERVATIONS, RESETS = "observations", "automatic resets"
REST = "ends, copies, the rest of step()"
PARTS = [PHYSICS, FORCES, CHECKS, COPIES, REWARDS, OBSERVATIONS, RESETS, REST]


class Clocks:
    """Seconds spent in each part; time in a part within another counts for the inner one alone."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = 0.0  # seconds of the parts within the current one

    def around(self, call: Callable[..., Any], part: str) -> Callable[..., Any]:
        def clocked(*arguments: Any, **options: Any) -> Any:
            outer, self._inner = self._inner, 0.0
            start = time.perf_counter()
            result = call(*arguments, **options)
            elapsed = time.perf_counter() - start
            self.seconds[part] += elapsed - self._inner
            self._inner = outer + elapsed
            return result

        return clocked


def clock_functions(clocks: Clocks) -> None:
    """Puts clocks around the functions that the steps of all matches call."""
    robosumo._check_actions = clocks.around(robosumo._check_actions, CHECKS)
    robosumo_rules.reward_terms = clocks.around(robosumo_rules.reward_terms, REWARDS)


def clock(matches: RoboSumo, clocks: Clocks) -> None:
    """Puts clocks around the other parts of these matches' steps."""
    physics, observe = matches.physics, matches._observe
    clocked_observe = clocks.around(observe, OBSERVATIONS)
    clocked_begin = clocks.around(matches._begin, RESETS)

    def begin(rows: Any) -> None:
        matches._observe = observe  # a reset's own observations belong to the reset
        clocked_begin(rows)
        matches._observe = clocked_observe

    matches._observe, matches._begin = clocked_observe, begin
    physics.step = clocks.around(physics.step, COPIES)
    physics.batch.step = clocks.around(physics.batch.step, SIMULATION)
    matches.step = clocks.around(matches.step, REST)


def spend(matches: Matches, clocks: Clocks, bare: BareBatch, seconds: float) -> dict[str, float]:
    """Seconds for each part of a step of all matches: means over blocks that fill the time."""
    physics = 1 / measure(bare.play, NUM_STEPS, seconds=seconds)
    clocks.seconds.clear()
    whole = 1 / measure(matches.play, NUM_STEPS, seconds=seconds)
    scale = whole / clocks.seconds.total()
    spent = {part: scale * total for part, total in clocks.seconds.items()}
    return {PHYSICS: physics, FORCES: spent.pop(SIMULATION) - physics, **spent}


def make_table(
    sizes: list[int], threads: int, policies: str | None, repeats: int, seconds: float
) -> Table:
    """A row for each part, and for each number of matches its time and its share of the whole."""
    contenders, clocks = [], Clocks()
    clock_functions(clocks)
    for size in sizes:
        recording = record(size, NUM_STEPS, threads=threads, policies=policies)
        matches = Matches(recording, threads=threads)
        bare = BareBatch(recording, bare_model(), threads=threads)
        clock(matches.env, clocks)
        contenders.append((matches, clocks, bare))
        matches.play(), bare.play()
    found: list[list[dict[str, float]]] = [[] for _ in sizes]
    for repeat in range(repeats):
        print(f"{repeat + 1}/{repeats} parts of a step", flush=True)
        for spent, contender in zip(found, contenders, strict=True):
            spent.append(spend(*contender, seconds))
    header = ["part"]
    for size in sizes:
        header += [f"{size} matches, µs a step", "share, %", "range"]
    return {"header": header, "rows": [[part, *_cells(part, found)] for part in PARTS]}


def _cells(part: str, found: list[list[dict[str, float]]]) -> list[str]:
    cells = []
    for spent in found:
        shares = [100 * one.get(part, 0.0) / sum(one.values()) for one in spent]
        cells.append(number(1e6 * median(one.get(part, 0.0) for one in spent)))
        cells += [number(median(shares)), f"{number(min(shares))} to {number(max(shares))}"]
    return cells


if __name__ == "__main__":
    serve_table(make_table, packages=("mujoco",))
