"""Results files: the numbers of one notebook with all that it took to make them."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paperlib import files

ROOT = Path(__file__).parents[1]  # of the repository
FILE_NAME = "result.json"
PACKAGES = (
    *("torch", "numpy", "scipy", "scikit-learn", "matplotlib"),
    *("mpe2", "mujoco", "pettingzoo", "papermill"),
)


class Run:
    """One execution of a notebook: started when it starts, saved when its numbers are there.

    Args:
        item: name of the notebook, such as "table_2".
        parameters: the parameters that it records, by name.
    """

    def __init__(self, item: str, parameters: Mapping[str, Any]) -> None:
        self.item = item
        self.started = time.perf_counter()
        self.parameters = dict(parameters)

    def save(
        self,
        folder: str | Path,
        values: Mapping[str, Any],
        *,
        seeds: Sequence[int],
        job_seconds: float = 0.0,
    ) -> Path:
        """Writes ``result.json``, atomically and with a checksum.

        Args:
            folder: where to.
            values: what the run found, as JSON knows it; arrays become lists.
            seeds: of the runs behind the values.
            job_seconds: that trainings took which are jobs of their own, on one core each.

        Returns:
            The file's path.
        """
        path = Path(folder) / FILE_NAME
        content = {
            "item": self.item,
            "parameters": self.parameters,
            "seeds": list(seeds),
            "versions": versions(),
            "machine": machine(),
            "wall_time_seconds": round(time.perf_counter() - self.started, 1),
            "job_seconds": round(job_seconds, 1),
            "peak_memory_gb": peak_memory(),
            "values": values,
        }
        files.save_json(path, content)
        return path


def resolve(folder: str | Path) -> Path:
    """A folder of a notebook; relative ones start at the repository root, from wherever it runs."""
    return ROOT / folder


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
        raise ValueError(f"{path} is no results file: it lacks {sorted(missing)}")
    return content


def seconds(result: Mapping[str, Any]) -> float:
    """What a notebook took: its own wall time, and that of jobs of its own as if they had kept all
    cores of the machine busy."""
    jobs = result.get("job_seconds", 0.0) / result["machine"]["cores"]
    return result["wall_time_seconds"] + jobs


def versions() -> dict[str, str]:
    """Versions of Python, of this package's commit where known, and of what the numbers rest on."""
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
    """What the run ran on, as far as it matters for its time."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
    }


def peak_memory() -> float:
    """The most memory that this process and the largest of its finished children held, in 10⁹ B."""
    unit = 1 if platform.system() == "Darwin" else 1024  # of ru_maxrss, in bytes
    kinds = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return round(sum(resource.getrusage(kind).ru_maxrss for kind in kinds) * unit / 1e9, 2)
