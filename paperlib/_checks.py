"""Checks of what users bring: an error names the argument, what came, and what would do."""

from __future__ import annotations

from numbers import Integral
from typing import Any


def integer(name: str, value: Any, *, minimum: int) -> int:
    """``value`` as an int; neither floats nor bools count as integers."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return int(value)
