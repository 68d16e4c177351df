"""Checks of user input: errors name the argument, what was given, and what is expected."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Collection, Iterable, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch loads slowly, and checks of parameters do without it
    from torch import Tensor


def integer(name: str, value: Any, *, minimum: int) -> int:
    """``value`` as an int; neither floats nor bools count as integers."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, got {value!r}")
    return int(value)


def range_of_counts(name: str, value: Any) -> tuple[int, int]:
    """``value`` as two positive integers, the second at least the first."""
    pair = tuple(value) if isinstance(value, Sequence) else ()
    integers = all(isinstance(v, Integral) and not isinstance(v, bool) for v in pair)
    if len(pair) != 2 or not integers or not 1 <= pair[0] <= pair[1]:
        raise ValueError(f"{name} must be two integers, 1 <= low <= high, got {value!r}")
    return int(pair[0]), int(pair[1])


def positive(name: str, value: Any) -> None:
    """Checks that ``value`` is a finite number above zero."""
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 < value < float("inf"):
        raise ValueError(f"{name} must be positive and finite, got {value!r}")


def one_of(name: str, value: Any, options: Collection[str | None]) -> None:
    """Checks that ``value`` is one of ``options``."""
    if value not in options:
        raise ValueError(f"{name} must be one of {', '.join(map(str, options))}; got {value!r}")


def hyperparameters(settings: Any, *, may_be_zero: Collection[str] = ()) -> None:
    """Checks a dataclass: fields with an integer default must be integers of at least 1, all others
    positive and finite, or zero where that is allowed."""
    for field in dataclasses.fields(settings):
        value = getattr(settings, field.name)
        if isinstance(field.default, int):
            integer(field.name, value, minimum=1)
        elif field.name not in may_be_zero or value != 0:
            positive(field.name, value)


def different(name: str, values: Sequence[Any]) -> None:
    """Checks that no value is given twice."""
    if len({*values}) < len(values):
        raise ValueError(f"{name} must differ from each other, got {values}")


def integers(name: str, values: Any, *, minimum: int) -> list[int]:
    """``values`` as ints that differ from each other, at least one."""
    if not isinstance(values, Iterable):
        raise ValueError(f"{name} must be a sequence of integers, got {values!r}")
    found = [integer(f"{name}: each", value, minimum=minimum) for value in values]
    if not found:
        raise ValueError(f"{name}: at least one is needed")
    different(name, found)
    return found


def reason(error: Exception) -> str:
    """What a user's code raised, in one line."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"


def all_valid(values: np.ndarray, valid: NDArray[np.bool_], requirement: str) -> None:
    """Checks that all ``values`` are ``valid``; names the first that is not, and its index."""
    if not valid.all():
        index = int(valid.argmin())
        raise ValueError(f"{requirement}, got {values.tolist()[index]} at index {index}")


def hint(value: str, options: Iterable[str], *, cutoff: float = 0.6) -> str:
    """What to write instead of an unknown ``value``: the closest of ``options``, or all of them if
    none is as similar as ``cutoff``, 0 to 1."""
    known = sorted(options)
    close = difflib.get_close_matches(value, known, n=1, cutoff=cutoff)
    return f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"


def tensor_like(name: str, value: Any, shape: Sequence[int], *, like: Tensor) -> Tensor:
    """``value``, which must have this shape, as a tensor of the type of ``like``: itself if it has
    that type, else a copy on the device of ``like``."""
    if getattr(value, "dtype", None) is not like.dtype:
        from torch import as_tensor

        value = as_tensor(value, dtype=like.dtype, device=like.device)
    if value.shape != shape:
        raise ValueError(f"{name} must have the shape {shape}, got {tuple(value.shape)}")
    return value


def buffer(name: str, value: Tensor, *, shape: Sequence[int], like: Tensor) -> None:
    """Checks that ``value`` can be filled: contiguous, and of the type and device of ``like``."""
    fits = value.shape == shape and value.is_contiguous()
    if not fits or value.dtype is not like.dtype or value.device != like.device:
        raise ValueError(
            f"{name} must be contiguous, {like.dtype} on {like.device} and of shape "
            f"{tuple(shape)}, got {value.dtype} on {value.device} of {tuple(value.shape)}"
        )
