"""How a dataset's tensors are transformed together, saved, loaded and concatenated."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from paperlib import files
from paperlib.batches import steps_before

BY_STEP = ("observations", "actions", "partner_observations", "partner_actions", "step_counts")


class StoredEpisodes:
    """The methods of `InteractionDataset` that treat all of its fields in the same way."""

    def _tensors(self) -> dict[str, Tensor]:
        return {name: value for name, value in vars(self).items() if isinstance(value, Tensor)}

    @property
    def _counts(self) -> dict[str, int]:
        """Numbers of categorical actions: the agent's, and the partner's if its steps are known."""
        counts = {"num_actions": self.num_actions}
        if self.has_partner_steps:
            counts["num_partner_actions"] = self.num_partner_actions
        return counts

    def _map(self, function: Callable[[Tensor], Tensor]) -> StoredEpisodes:
        mapped = {name: function(tensor) for name, tensor in self._tensors().items()}
        return dataclasses.replace(self, **mapped)

    def checksum(self) -> str:
        """SHA-256 of the content."""
        return files.tensor_checksum(self._tensors(), " ".join(map(str, self._counts.values())))

    def to(self, device: torch.device | str) -> StoredEpisodes:
        """The dataset on another device."""
        return self._map(lambda tensor: tensor.to(device))

    def save(self, path: str | Path) -> None:
        """Writes one safetensors file with a checksum; padding is not stored."""
        within = steps_before(self.lengths, self.observations.shape[1])
        tensors = {n: t[within] if n in BY_STEP else t for n, t in self._tensors().items()}
        metadata = {**self._counts, "num_time_steps": self.observations.shape[1]}
        files.save_tensors(path, tensors, metadata)

    @classmethod
    def load(cls, path: str | Path) -> StoredEpisodes:
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is damaged or holds no dataset.
        """
        tensors, metadata = files.load_tensors(path)
        num_time_steps = metadata.pop("num_time_steps", None)
        fields = {field.name: field.default for field in dataclasses.fields(cls)}
        needed = {name for name, default in fields.items() if default is dataclasses.MISSING}
        found = set(tensors) | set(metadata)
        if num_time_steps is None or not needed <= found <= set(fields):
            raise ValueError(f"{path} holds no interaction dataset")
        within = steps_before(tensors["lengths"], num_time_steps)
        filled = {n: fill(t, within) if n in BY_STEP else t for n, t in tensors.items()}
        return cls(**filled, **metadata)

    @classmethod
    def concatenate(cls, datasets: Iterable[StoredEpisodes]) -> StoredEpisodes:
        """Joins several datasets into one.

        Raises:
            ValueError: if there is none, if they differ in the sizes of observations or actions, or
                if only some hold partners' steps, or merged steps.
        """
        datasets = list(datasets)
        parts = [data._tensors() for data in datasets]
        kinds = {
            str((data._counts, *((name, tensor.shape[2:]) for name, tensor in part.items())))
            for data, part in zip(datasets, parts, strict=True)
        }
        if len(kinds) != 1:
            raise ValueError(
                "datasets: there must be at least one, all with observations and actions of the "
                "same sizes, all or none with partners' steps, and all or none with merged steps"
            )
        longest = max(part["observations"].shape[1] for part in parts)
        joined = {
            name: torch.cat(
                [_lengthened(p[name], longest) if name in BY_STEP else p[name] for p in parts]
            )
            for name in parts[0]
        }
        return cls(**joined, **datasets[0]._counts)


def _lengthened(tensor: Tensor, num_time_steps: int) -> Tensor:
    """Episodes (E, T, ...) with zeros after their last steps."""
    missing = num_time_steps - tensor.shape[1]
    return functional.pad(tensor, [0, 0] * (tensor.ndim - 2) + [0, missing]) if missing else tensor


def fill(steps: Tensor, within: Tensor) -> Tensor:
    """Scatters the concatenated steps of all episodes to their places; zeros elsewhere."""
    # NumPy's zeros take no memory until they are written to: padding costs nothing.
    padded = np.zeros((*within.shape, *steps.shape[1:]), dtype=steps.numpy().dtype)
    padded[within.numpy()] = steps.numpy()
    return torch.from_numpy(padded)
