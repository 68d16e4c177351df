"""Affine maps from embeddings of opponents to contexts of a policy: few numbers, on one scale."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Components(NamedTuple):
    """An affine map from embeddings to contexts.

    Attributes:
        shift: subtracted from embeddings, (D,).
        matrix: applied after the shift, (D, C).
    """

    shift: Float[Tensor, " embedding"]
    matrix: Float[Tensor, "embedding context"]

    def of(self, embeddings: Float[Tensor, "... embedding"]) -> Float[Tensor, "... context"]:
        """Contexts of embeddings."""
        return (embeddings - self.shift) @ self.matrix


def principal_components(
    embeddings: Float[Tensor, "episode embedding"], num_components: int
) -> Components:
    """The first principal components, all in units of the first one's standard deviation, so that
    components with little variance stay small.

    Args:
        embeddings: (E, D).
        num_components: C, at most D and E.

    Raises:
        ValueError: if C is not from 1 to the smaller of D and E.
    """
    most = min(embeddings.shape)
    if not 1 <= num_components <= most:
        raise ValueError(f"num_components must be 1 to {most}, got {num_components}")
    shift = embeddings.mean(0)
    centred = embeddings - shift
    directions = torch.linalg.svd(centred, full_matrices=False).Vh[:num_components]
    largest = directions.abs().argmax(1, keepdim=True)
    directions = directions * directions.gather(1, largest).sign()  # makes the sign deterministic
    scale = (centred @ directions[0]).std(correction=int(len(embeddings) > 1)).clamp(min=1e-6)
    return Components(shift, directions.T / scale)
