"""Processes that a test started and that must not outlive it."""

import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def wait_until_gone(mark: str) -> None:
    """Orphaned kernels notice that their parent is gone; until then they may still write."""
    deadline = time.monotonic() + 60
    while found := [*processes(mark)]:
        assert time.monotonic() < deadline, f"still there: {found}"
        time.sleep(0.1)


def processes(mark: str) -> Iterator[int]:
    """Processes that were started with this in their environment and are not zombies."""
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark.encode() in (path / "environ").read_bytes():
                yield int(path.name)
