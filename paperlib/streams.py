"""Random streams: one generator for a whole batch, or one for each entry of its first axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

Generators = torch.Generator | Sequence[torch.Generator]


def make_generator(*key: int, device: torch.device | str = "cpu") -> torch.Generator:
    """A generator whose stream depends on every integer of ``key``, and on nothing else.

    Args:
        key: non-negative integers, for instance ``(seed, pair, attempt)``.
        device: where the numbers are drawn.

    Raises:
        ValueError: if a part of the key is negative or no integer.
    """
    if not key or any(isinstance(part, bool) or int(part) != part or part < 0 for part in key):
        raise ValueError(f"key must be one or more non-negative integers, got {key!r}")
    # The length goes first: to a SeedSequence, zeros at the end of a key are nothing.
    parts = [len(key), *(int(part) for part in key)]
    state = np.random.SeedSequence(parts).generate_state(1, np.uint64)
    return torch.Generator(device).manual_seed(int(state[0]) % 2**63)


def uniform(generators: Generators, *shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Uniform numbers in [0, 1) of the given shape.

    With a sequence of generators, row k of the first axis is drawn from generator k alone: what
    row k gets does not depend on how many other rows there are.

    Args:
        generators: one generator, or one for each of the ``shape[0]`` rows.
        shape: the shape of the result.

    Raises:
        ValueError: if the number of generators differs from ``shape[0]``.
    """
    if isinstance(generators, torch.Generator):
        return torch.rand(shape, generator=generators, device=generators.device, dtype=dtype)
    if len(generators) != shape[0]:
        raise ValueError(f"generators: {len(generators)} came for {shape[0]} rows; give one a row")
    numbers = torch.empty(shape, dtype=dtype, device=generators[0].device)
    for row, generator in zip(numbers, generators, strict=True):
        torch.rand(row.shape, generator=generator, out=row)
    return numbers
