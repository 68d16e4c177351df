"""The folder that a notebook writes to while it runs, and how it becomes its results folder."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from reproduction import results


@contextmanager
def locked(path: Path, message: str) -> Iterator[TextIO]:
    """Holds the lock that a file stands for, which is released even if this process is killed.

    Args:
        path: the lock file, which is created.
        message: message of the error.

    Returns:
        The open file. A process that inherits it holds the lock as well.

    Raises:
        ValueError: if another process holds it.
    """
    with open(path, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(message) from None
        yield lock


def rename(text: str, staging: Path, target: Path) -> str:
    """The text with paths relative to the repository, and ``staging`` renamed to ``target``."""
    text = text.replace(f"{results.ROOT}/", "")
    return text.replace(results.shorten(staging), results.shorten(target))


def rename_in_notebook(text: str, staging: Path, target: Path) -> str:
    """`rename` for all texts of a notebook; pictures, whose code may look like a path, stay."""

    def renamed(content: Any) -> Any:
        if isinstance(content, str):
            return rename(content, staging, target)
        if isinstance(content, list):
            return [renamed(item) for item in content]
        if isinstance(content, dict):
            kept = {key for key in content if key.startswith("image/")}
            return {k: item if k in kept else renamed(item) for k, item in content.items()}
        return content

    return json.dumps(renamed(json.loads(text)), indent=1, ensure_ascii=False)


def publish(staging: Path, target: Path) -> None:
    """Moves the files of a successful run into place, the results file last: where it is, all
    others are. Files of earlier runs are deleted, the results file first."""
    target.mkdir(exist_ok=True)
    (target / results.FILE_NAME).unlink(missing_ok=True)
    made = sorted(staging.iterdir(), key=lambda file: file.name == results.FILE_NAME)
    names = {file.name for file in made}
    for file in made:
        file.replace(target / file.name)
    staging.rmdir()
    for stale in target.iterdir():
        if stale.is_file() and stale.name not in names:
            stale.unlink()
