"""Random generators, each seeded by a key of integers.

Keys of different length never give the same stream.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paperlib import files

Generators = torch.Generator | Sequence[torch.Generator]


@enum.unique
class SelfPlayStream(enum.IntEnum):
    """Suffixes to the key of a self-play training run; each has streams of its own."""

    INITIAL_WEIGHTS = 0  # (*key, _, learner)
    ROLLOUTS = 1  # (*key, _, iteration): matches, actions, minibatches, pools
    OPPONENTS = 2  # (*key, _, iteration): opponents of a contextual policy
    EVALUATION = 3  # (*key, _, iteration, group of opponents): games of contextual policies
    CONTEXT_NOISE = 4  # (*key, _, iteration): random contexts


def make_generator(*key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator whose stream depends on every integer of ``key``, and on nothing else.

    Args:
        key: integers from 0 to 2³² - 1, for instance ``(seed, pair, attempt)``.
        device: where the numbers are drawn.

    Raises:
        ValueError: if the key is empty, a part of it is no such integer, or PyTorch cannot use the
            device here.
    """
    whole = (not isinstance(part, bool) and int(part) == part for part in key)
    if not key or not all(whole) or min(key) < 0 or max(key) >= 2**32:
        raise ValueError(f"key must be one or more integers from 0 to 2**32 - 1, got {key!r}")
    # The length goes first: a SeedSequence ignores zeros at the end of a key.
    parts = [len(key), *(int(part) for part in key)]
    state = np.random.SeedSequence(parts).generate_state(1, np.uint64)
    try:
        generator = torch.Generator(device)
    except RuntimeError:
        raise ValueError(f"device: PyTorch cannot use {str(device)!r} here") from None
    return generator.manual_seed(int(state[0]) % 2**63)


def require_generator(generator: Any) -> None:
    """Checks that ``generator`` is one of PyTorch's.

    Raises:
        ValueError: if it is anything else.
    """
    if not isinstance(generator, torch.Generator):
        raise ValueError(
            "generator must be a torch.Generator, such as streams.make_generator(0), got "
            f"{generator!r}"
        )


def checksum(generators: Sequence[torch.Generator]) -> str:
    """SHA-256 of the generators' states: of all that they will draw."""
    states = {str(row): generator.get_state() for row, generator in enumerate(generators)}
    return files.tensor_checksum(states)


@contextlib.contextmanager
def global_seed(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds PyTorch's global generators of the CPU and ``device`` within the context; afterwards,
    they go on as before. Those of other devices are left alone."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


def uniform(generators: Generators, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform numbers in [0, 1) of the given shape.

    With a sequence of generators, row k of the first axis is drawn from generator k alone: it
    does not depend on the number of other rows.

    Args:
        generators: one generator, or one for each of the ``shape[0]`` rows.
        shape: the shape of the result.

    Raises:
        ValueError: if the number of generators differs from ``shape[0]``.
    """
    if isinstance(generators, torch.Generator):
        return torch.rand(shape, generator=generators, device=generators.device, dtype=dtype)
    if len(generators) != shape[0]:
        raise ValueError(f"generators: got {len(generators)} for {shape[0]} rows; pass one per row")
    numbers = torch.empty(shape, dtype=dtype, device=generators[0].device)
    for row, generator in zip(numbers, generators, strict=True):
        torch.rand(row.shape, generator=generator, out=row)
    return numbers
