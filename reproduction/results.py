"""Results files: a notebook's numbers, with the parameters, versions and machine behind them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paperlib import _checks, files

ROOT = Path(__file__).parents[1]  # root of the repository
FILE_NAME = "result.json"
PACKAGES = [
    "torch",
    "numpy",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "mpe2",
    "mujoco",
    "pettingzoo",
    "papermill",
]
# Peak memory of the workers of each call of `jobs.run_jobs`, together, in GB
worker_memory: list[float] = []


class Run:
    """One execution of a notebook: created at its start, saved once its numbers are there.

    Args:
        item: name of the notebook, such as "table_2".
        parameters: the notebook's parameters, but for its folders, by name.

    Raises:
        ValueError: if a seed is listed twice: the same run would count as two.
    """

    def __init__(self, item: str, parameters: Mapping[str, Any]) -> None:
        for name, value in parameters.items():
            if name.endswith("seeds") and isinstance(value, Sequence):
                _checks.different(name, value)
        self.item = item
        self.started = time.perf_counter()
        self.parameters = dict(parameters)

    def save(
        self,
        folder: str | Path,
        values: Mapping[str, Any],
        *,
        seeds: Sequence[int],
        training_seconds: float | None = None,
    ) -> None:
        """Writes ``result.json``, atomically and with a checksum, and prints where it is.

        Args:
            folder: folder to write to.
            values: what the run found; arrays become lists.
            seeds: seeds of the runs behind the values.
            training_seconds: core seconds of the training runs behind the values, if these may stem
                from earlier executions, whose time this one's wall time leaves out.
        """
        content = {
            "item": self.item,
            "parameters": self.parameters,
            "seeds": list(seeds),
            "versions": versions(),
            "machine": machine(),
            "wall_time_seconds": round(time.perf_counter() - self.started, 1),
            "peak_memory_gb": peak_memory(),
            "values": values,
        }
        if training_seconds is not None:
            content["training_seconds"] = round(training_seconds, 1)
        files.save_json(Path(folder) / FILE_NAME, content)
        print(f"Results: {shorten(folder)}")


def resolve(folder: str | Path) -> Path:
    """The folder that a notebook's parameter names: relative ones start at the repository root,
    wherever the notebook runs."""
    return ROOT / folder


def shorten(folder: str | Path) -> str:
    """A folder as `resolve` takes it: relative to the repository root, absolute outside of it."""
    path = Path(os.path.abspath(folder))  # does not follow symbolic links
    return (path.relative_to(ROOT) if path.is_relative_to(ROOT) else path).as_posix()


def load(folder: str | Path) -> dict[str, Any]:
    """The content of the results file in ``folder``.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged or not a results file.
    """
    path = Path(folder) / FILE_NAME
    content = files.load_json(path)
    missing = {"item", "parameters", "seeds", "versions", "machine", "values"} - set(content)
    if missing:
        raise ValueError(f"{path} is not a results file: it lacks {sorted(missing)}")
    return content


def load_alike(
    folder: str | Path, parameters: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """Content of the results file in ``folder``, if its notebook ran with the same parameters.

    Args:
        folder: folder of the results.
        parameters: parameters of the notebook that uses them.
        names: parameters that both notebooks have, and that must be equal.

    Raises:
        ValueError: if some differ.
    """
    found = load(folder)
    if different := [name for name in names if found["parameters"][name] != parameters[name]]:
        raise ValueError(f"{', '.join(different)} must be as in {shorten(folder)}")
    return found


def cost(folder: str | Path) -> str:
    """Wall time, memory, machine and versions of the results in ``folder``, to be printed."""
    result = load(folder)
    used = f"{result['wall_time_seconds']:.1f} s, at most {result['peak_memory_gb']:.1f} GB"
    used += kept_trainings(result)
    where = f"{result['machine']['cores']} cores of {result['machine']['cpu']}"
    return f"{used}, {where}\n{', '.join(map(' '.join, result['versions'].items()))}"


def kept_trainings(result: Mapping[str, Any]) -> str:
    """How long training for a result took, if it may stem from earlier executions; or nothing."""
    seconds = result.get("training_seconds")
    return "" if seconds is None else f", plus {seconds / 3600:.1f} core hours of training (kept)"


def versions() -> dict[str, str]:
    """Versions of Python and the main packages, and this repository's commit where known."""
    found = {name: importlib.metadata.version(name) for name in PACKAGES}
    return {"python": platform.python_version(), "commit": _commit(), **found}


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    try:
        answer = subprocess.run(
            command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return "unknown"
    return answer.stdout.strip() or "unknown"


def machine() -> dict[str, Any]:
    """The machine, on which the run's time and the last digits of its numbers depend."""
    model, vector_instructions = cpu()
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cpu": model,
        "vector_instructions": vector_instructions,
        "cores": os.cpu_count(),
    }


def cpu(information: str | Path = "/proc/cpuinfo") -> tuple[str, list[str]]:
    """Model of the CPU and its vector instructions.

    Args:
        information: Linux's file about the CPU. Without one (macOS), no instructions are known.
    """
    try:
        lines = Path(information).read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown", []
    fields = dict(re.split(r"\s*:\s*", line, maxsplit=1) for line in lines if ":" in line)
    flags = fields.get("flags") or fields.get("Features") or ""  # x86 or ARM
    model = fields.get("model name") or platform.processor() or "unknown"
    return model, re.findall(r"\b(?:avx|fma|amx|asimd|sve)\w*", flags)


def own_peak_memory() -> float:
    """Peak memory of this process, in GB."""
    unit = 1 if platform.system() == "Darwin" else 1024  # ru_maxrss is in bytes on macOS, else KiB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9


def peak_memory() -> float:
    """Peak memory of this process plus that of the workers of `jobs.run_jobs`, in GB; what they
    share counts several times."""
    return round(own_peak_memory() + max(worker_memory, default=0.0), 2)
