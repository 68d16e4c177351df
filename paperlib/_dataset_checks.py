"""Checks of the arrays of a dataset: errors name the argument, what was given, what is expected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int, Int64
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from paperlib._checks import all_valid, integer

KINDS = {"b": "bools", "i": "integers", "u": "integers", "f": "floats"}


def observations(
    values: Iterable[ArrayLike], *, name: str = "observations"
) -> list[NDArray[np.float32]]:
    """The observations of each episode, (T_e, O) with one O."""
    episodes = [array.astype(np.float32) for array in _episodes(name, values)]
    for index, episode in enumerate(episodes):
        if episode.ndim != 2 or episode.shape[1:] != episodes[0].shape[1:]:
            shapes = [f"{episodes[k].shape} in episode {k}" for k in sorted({0, index})]
            raise ValueError(
                f"{name} must be (E, T, O), or E arrays (T_e, O) with one O, "
                f"got {' and '.join(shapes)}"
            )
    if not episodes:
        raise ValueError(f"{name} must hold at least one episode, got none")
    return episodes


def actions(
    values: Iterable[ArrayLike],
    *,
    lengths: Sequence[int],
    num_actions: int | None,
    name: str = "actions",
) -> tuple[list[np.ndarray], int]:
    """The actions of each episode, uint8 (T_e,) or float32 (T_e, A), and their number: 0 where they
    are continuous.

    Args:
        values: the actions as given by the user.
        lengths: number of observations in each episode.
        num_actions: number of categorical actions; by default the largest one + 1.
        name: name of the argument, for error messages.
    """
    episodes = _episodes(name, values)
    if len(episodes) != len(lengths):
        raise ValueError(f"{name}: {len(episodes)} episodes for {len(lengths)} of observations")
    kinds = [KINDS[episode.dtype.kind] for episode in episodes]
    categorical = all(kind == "integers" for kind in kinds)
    if num_actions is not None and not categorical:
        others = min({*kinds} - {"integers"})
        raise ValueError(f"num_actions is for integer actions; {name} holds {others}")
    size = () if categorical else episodes[0].shape[1:]
    for index, (episode, length) in enumerate(zip(episodes, lengths, strict=True)):
        if length == 0 or episode.shape != (length, *size) or len(size) != (not categorical):
            raise ValueError(
                f"{name}: episode {index} holds {kinds[index]}, has shape {episode.shape} and "
                f"{length} observations; expected integers (T,) or floats (T, A) with T >= 1"
            )
    if not categorical:
        return [episode.astype(np.float32) for episode in episodes], 0
    low, high = min(int(e.min()) for e in episodes), max(int(e.max()) for e in episodes)
    count = high + 1 if num_actions is None else integer("num_actions", num_actions, minimum=1)
    if low < 0 or high >= count or count > 255:
        raise ValueError(
            f"{name} must lie in 0 to num_actions - 1 = {count - 1} (at most 254), "
            f"got {low} to {high}"
        )
    return [episode.astype(np.uint8) for episode in episodes], count


def partner(
    observed: Iterable[ArrayLike] | None,
    acted: Iterable[ArrayLike] | None,
    *,
    lengths: Sequence[int],
    num_actions: int | None,
) -> tuple[list[np.ndarray] | None, list[np.ndarray] | None, int]:
    """A partner's observations and actions in the steps of the agent's, or None for both; and the
    number of its actions."""
    if observed is None and acted is None and num_actions is None:
        return None, None, 0
    if observed is None or acted is None:
        raise ValueError("partner_observations and partner_actions must come together")
    seen = observations(observed, name="partner_observations")
    if len(seen) != len(lengths):
        raise ValueError(
            f"partner_observations: {len(seen)} episodes for {len(lengths)} of observations"
        )
    for index, (row, length) in enumerate(zip(seen, lengths, strict=True)):
        if len(row) != length:
            raise ValueError(
                f"partner_observations: episode {index} has {len(row)} steps, but its "
                f"observations have {length}"
            )
    found = actions(acted, lengths=lengths, num_actions=num_actions, name="partner_actions")
    return seen, *found


def ids(
    name: str, values: ArrayLike | None, *, count: int, unknown: int | None = None
) -> Int[Tensor, " episode"]:
    """A non-negative integer for each episode; ``unknown`` for all if none were given."""
    if values is None and unknown is not None:
        return torch.full((count,), unknown)
    array = as_array(values)
    _one_each(name, array, count)
    if not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{name}: ids must be integers >= 0, got {array.dtype}")
    whole = array.astype(np.int64)
    all_valid(array, whole >= 0, f"{name}: ids must be integers >= 0")
    return torch.from_numpy(whole)


def returns(values: ArrayLike | None, *, count: int) -> Float[Tensor, " episode"]:
    """A finite number for each episode; NaN for all if none were given."""
    if values is None:
        return torch.full((count,), torch.nan, dtype=torch.float32)
    array = np.array(as_array(values), dtype=np.float32)
    _one_each("returns", array, count)
    all_valid(array, np.isfinite(array), "returns must be finite (in float32)")
    return torch.from_numpy(array)


def outcomes(values: ArrayLike | None, *, count: int) -> Int[Tensor, " episode"]:
    """+1, 0 or -1 for each episode; -128 for all if none were given."""
    if values is None:
        return torch.full((count,), -128, dtype=torch.int8)
    array, requirement = as_array(values), "outcomes must be +1 (win), 0 (draw) or -1 (loss)"
    _one_each("outcomes", array, count)
    if array.dtype.kind == "b":  # False would be a draw
        raise ValueError(f"{requirement}, got {array.dtype}")
    all_valid(array, np.isin(array, (1, 0, -1)), requirement)
    return torch.from_numpy(array.astype(np.int8))


def enough_episodes(agents: Int[Tensor, " episode"], *, minimum: int) -> None:
    """Checks that every agent has at least ``minimum`` episodes; names the one with the fewest."""
    if not len(agents):
        raise ValueError("dataset: there is no episode to learn from")
    ids, counts = agents.unique(return_counts=True)
    fewest = counts.argmin()
    if counts[fewest] < minimum:
        raise ValueError(
            f"agent {ids[fewest]} has {counts[fewest]} episode(s) in the dataset; "
            f"{minimum} are needed per agent"
        )


def rows(values: ArrayLike, *, count: int) -> Int64[Tensor, ...]:
    """``values`` as indices; checks that there are some, all from 0 to ``count`` - 1."""
    indices = torch.as_tensor(values)
    whole = not (indices.is_floating_point() or indices.dtype is torch.bool)
    empty, dtype = not indices.ndim or not indices.numel(), indices.dtype
    indices = indices.long()  # unsigned integers of NumPy have no minimum in PyTorch
    if empty or not whole or indices.min() < 0 or indices.max() >= count:
        found = f"{dtype} of shape {tuple(indices.shape)}"
        if indices.numel():
            found += f", {indices.min().item()} to {indices.max().item()}"
        raise ValueError(
            f"rows must be indices of at least one episode, 0 to {count - 1}, got {found}"
        )
    return indices


def as_array(values: ArrayLike) -> np.ndarray:
    """``values`` as an array, even those of a tensor on any device, with or without gradients."""
    return np.asarray(values.detach().cpu() if isinstance(values, Tensor) else values)


def as_tensor(name: str, values: Tensor | ArrayLike) -> Tensor:
    """Numbers as a tensor; one stays as it is, on its device."""
    if isinstance(values, Tensor):
        return values
    array = as_array(values)
    if array.dtype.kind not in KINDS:
        raise ValueError(f"{name} must be numbers, got {array.dtype}")
    return torch.tensor(np.ascontiguousarray(array))


def _one_each(name: str, array: np.ndarray, count: int) -> None:
    """Checks that there is one number for each of ``count`` episodes."""
    if array.shape != (count,):
        raise ValueError(
            f"{name} must be {count} numbers, one for each episode; got shape {array.shape}"
        )


def _episodes(name: str, values: Iterable[ArrayLike]) -> list[np.ndarray]:
    """Each episode as an array of integers, bools or float32, all finite."""
    arrays = []
    for index, value in enumerate(values):
        try:
            array = as_array(value)
        except (ValueError, TypeError):
            array = None
        if array is None or array.dtype.kind not in KINDS or np.ma.isMaskedArray(value):
            raise ValueError(f"{name}: episode {index} is no array of numbers")
        if array.dtype.kind == "f":
            with np.errstate(over="ignore"):
                array = array.astype(np.float32)
        if not np.isfinite(array).all():
            raise ValueError(f"{name}: episode {index} holds NaN or infinity (in float32)")
        arrays.append(array)
    return arrays
