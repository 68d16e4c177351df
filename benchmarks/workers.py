"""Starts workers, each in its own environment, and lets them take turns."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Contender:
    """A case to be measured.

    Attributes:
        label: its name in tables.
        module: its module in ``ours`` or ``peers``.
        environment: "ours", "peers" or "agilerl".
        options: arguments of the module's ``make_case`` or ``make_table``.
    """

    label: str
    module: str
    environment: str
    options: Mapping[str, Any]


class Missing(RuntimeError):
    """A worker could not start; the message says why, in one line."""


class Worker:
    """A process that measures one contender when asked.

    Args:
        contender: the contender to measure.
        python: the interpreter of its environment.
        threads: number of threads that libraries may use.
        log: called with each line that it prints besides its answers.

    Raises:
        Missing: if the environment lacks something, or the case fails.
    """

    def __init__(
        self,
        contender: Contender,
        *,
        python: str | None,
        threads: int,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self.label = contender.label
        self._log = log
        if python is None or not Path(python).exists():
            raise Missing(f"there is no environment {contender.environment!r}")
        variables = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
        # Else glibc gives large buffers back at every step, and their pages are faulted in anew.
        variables |= {
            "MALLOC_MMAP_THRESHOLD_": "1000000000",
            "MALLOC_TRIM_THRESHOLD_": "2000000000",
        }
        if contender.environment == "ours":  # as it stands beside this folder, installed or not
            variables["PYTHONPATH"] = str(FOLDER.parent)
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 (`stop` closes it)
        self.process = subprocess.Popen(
            [os.path.abspath(python), "-m", contender.module, json.dumps(contender.options)],
            cwd=FOLDER,
            env=inherited | variables,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        self.versions: dict[str, str] = self._read()["versions"]

    def measure(self, seconds: float) -> float:
        """Units per second, over about this many seconds."""
        return self._ask(seconds=seconds)["rate"]

    def tabulate(self, *, repeats: int, seconds: float) -> dict[str, Any]:
        """The table of a worker that makes one."""
        return self._ask(repeats=repeats, seconds=seconds)["table"]

    def stop(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()  # the end of its input is the end of its work
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.log.close()

    def _ask(self, **question: float) -> dict[str, Any]:
        with contextlib.suppress(BrokenPipeError):  # `_read` says why
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()
        return self._read()

    def _read(self) -> dict[str, Any]:
        for line in self.process.stdout:
            if line.startswith("{"):
                return json.loads(line)
            self._log(line.strip())  # libraries may print as well
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines() or [f"exit code {code}"]
        self.stop()
        raise Missing(lines[-1].strip())


@dataclasses.dataclass(frozen=True)
class Rates:
    """What `compare` found: each label's rate in every repeat, and the versions used."""

    rates: dict[str, list[float]]
    versions: dict[str, dict[str, str]]
    missing: dict[str, str]


def compare(
    contenders: Sequence[Contender],
    *,
    pythons: Mapping[str, str | None],
    threads: int,
    repeats: int,
    seconds: float,
    log: Callable[[str], None],
) -> Rates:
    """Measures all contenders in turn, ``repeats`` times, so that a slow minute hits all alike.

    Args:
        contenders: the contenders to measure.
        pythons: the interpreter of each environment; None where it was not given.
        threads: number of threads that each may use.
        repeats: number of rounds; every other one runs in reverse order.
        seconds: duration of each measurement.
        log: called with a line on every measurement.
    """
    workers: list[Worker] = []
    missing: dict[str, str] = {}
    try:
        for contender in contenders:
            log(f"starting and warming up: {contender.label}")
            try:
                python = pythons[contender.environment]
                workers.append(Worker(contender, python=python, threads=threads))
            except Missing as reason:
                missing[contender.label] = str(reason)
                log(f"{contender.label} is skipped: {reason}")
        rates: dict[str, list[float]] = {worker.label: [] for worker in workers}
        for repeat in range(repeats):
            for worker in list(workers[:: 1 if repeat % 2 == 0 else -1]):
                try:
                    rates[worker.label].append(worker.measure(seconds))
                except Missing as reason:  # it died: its earlier rates do not count
                    workers.remove(worker)
                    del rates[worker.label]
                    missing[worker.label] = str(reason)
                    log(f"{worker.label} is skipped: {reason}")
                else:
                    log(f"{repeat + 1}/{repeats} {worker.label}: {rates[worker.label][-1]:.4g}/s")
        return Rates(rates, {worker.label: worker.versions for worker in workers}, missing)
    finally:
        for worker in workers:
            worker.stop()
