"""Opponent contexts: what a policy π_ψ(a | o, c) conditions on besides its own observation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from paperlib import _checks
from paperlib.embeddings import PolicyEmbedder
from paperlib.encoders import RunningEmbedding

KINDS = ("zeros", "random", "oracle", "offline", "online")


class Components(NamedTuple):
    """An affine map from embeddings to contexts.

    Attributes:
        shift: subtracted from embeddings, (D,).
        matrix: applied after the shift, (D, C).
    """

    shift: Float[Tensor, " embedding"]
    matrix: Float[Tensor, "embedding context"]

    def of(self, embeddings: Float[Tensor, "... embedding"]) -> Float[Tensor, "... context"]:
        """Maps embeddings to contexts."""
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


class OpponentContext:
    """A vector c about the opponent, for each of N matches.

    | kind      | c                                                                       |
    |-----------|-------------------------------------------------------------------------|
    | "zeros"   | zeros: no embedding                                                     |
    | "random"  | standard normal, drawn anew for every match                             |
    | "oracle"  | one-hot encoding of the opponent                                        |
    | "offline" | a fixed embedding of each opponent                                      |
    | "online"  | mean embedding of its last episodes, updated when a match ends; zeros at first |

    Embeddings become contexts by an affine map, such as `principal_components`, so that zeros stand
    for an average agent.

    Args:
        kind: one of the kinds above.
        num_envs: N.
        num_opponents: P.
        context_size: C; at least P for "oracle".
        model: computes embeddings; for "online".
        components: map embeddings to contexts; for "offline" and "online".
        offline: an embedding of each opponent, (P, D); for "offline".
        num_episodes: number of an opponent's last episodes that "online" averages over.
        tells_critic: whether the value function sees, in training, which opponent it is.
        name: identifies the context in a training run's checkpoints; the kind by default.

    Attributes:
        vectors: c in each match, (N, C).
        critic_vectors: one-hot opponents in each match, (N, P), or (N, 0) without ``tells_critic``.
        critic_size: P or 0.
        table: c of each opponent, (P, C).

    Raises:
        ValueError: if the kind is unknown, or an argument that it needs is missing or of the wrong
            size; later, if a method for "online" only is called for another kind.
    """

    def __init__(
        self,
        kind: str,
        *,
        num_envs: int,
        num_opponents: int,
        context_size: int,
        model: PolicyEmbedder | None = None,
        components: Components | None = None,
        offline: Float[Tensor, "opponent embedding"] | None = None,
        num_episodes: int = 1,
        tells_critic: bool = False,
        name: str = "",
    ) -> None:
        _checks.one_of("kind", kind, KINDS)
        if kind == "oracle" and num_opponents > context_size:
            raise ValueError(
                f"context_size must be at least {num_opponents}, the number of opponents, got "
                f"{context_size}"
            )
        needed = {
            "offline": {"components": components, "offline": offline},
            "online": {"components": components, "model": model},
        }.get(kind, {})
        for argument, value in needed.items():
            if value is None:
                raise ValueError(f"{argument} is needed by an opponent context of kind {kind!r}")
        if needed:
            size, number = components.matrix.shape
            if number != context_size:
                raise ValueError(f"components: there are {number}, context_size is {context_size}")
            if kind == "offline" and offline.shape != (num_opponents, size):
                raise ValueError(
                    f"offline must be ({num_opponents}, {size}), a row for each opponent, got "
                    f"{tuple(offline.shape)}"
                )
            if kind == "online" and model.settings.embedding_size != size:
                raise ValueError(
                    f"model: its embeddings have size {model.settings.embedding_size}, components "
                    f"are of size {size}"
                )
        self.kind, self.context_size, self.name = kind, context_size, name or kind
        self.num_episodes = _checks.integer("num_episodes", num_episodes, minimum=1)
        self.components, self.running = components, None
        self.critic_size = num_opponents if tells_critic else 0
        self.vectors = torch.zeros(num_envs, context_size)
        self.critic_vectors = torch.zeros(num_envs, self.critic_size)
        self.table = torch.zeros(num_opponents, context_size)
        if kind == "oracle":
            self.table[:, :num_opponents] = torch.eye(num_opponents)
        elif kind == "offline":
            self.table = components.of(offline)
        elif kind == "online":
            self.running = RunningEmbedding(model, num_envs)
            self.games: list[Tensor] = []  # contexts of each match's last games
            # Contexts of the last episodes of each opponent, the oldest overwritten first
            self.recent = torch.zeros(num_opponents, self.num_episodes, context_size)
            self.counts = torch.zeros(num_opponents, dtype=torch.int64)

    def begin(
        self,
        env_ids: NDArray[np.int64],
        opponents: NDArray[np.int64],
        *,
        generator: torch.Generator,
    ) -> None:
        """Sets the vectors of matches that begin.

        Args:
            env_ids: indices of these matches, (M,).
            opponents: the opponent in each of these matches, 0 to P - 1, (M,).
            generator: draws random vectors.
        """
        if self.kind == "random":
            shape = len(env_ids), self.context_size
            self.vectors[env_ids] = torch.randn(shape, generator=generator)
        elif self.kind != "zeros":
            self.vectors[env_ids] = self.table[opponents]
        if self.critic_size:
            told = torch.from_numpy(opponents)
            self.critic_vectors[env_ids] = torch.eye(self.critic_size)[told]

    def watch(
        self,
        observations: NDArray[np.float32],
        actions: NDArray[np.float32],
        playing: NDArray[np.bool_],
    ) -> None:
        """Adds a step of the opponents to their running embeddings.

        Args:
            observations: the opponents' observations, (N, O).
            actions: their actions as drawn, (N, A); clipped to [-1, 1] here.
            playing: which matches are in progress, (N,).
        """
        if self.running:
            acted = torch.from_numpy(actions.clip(-1, 1))
            self.running.watch(torch.from_numpy(observations), acted, torch.from_numpy(playing))

    @property
    def _online(self) -> RunningEmbedding:
        if self.running is None:
            raise ValueError(f"kind must be 'online' to follow opponents' steps, got {self.kind!r}")
        return self.running

    def running_contexts(self) -> Float[Tensor, "match context"]:
        """Contexts from the opponents' steps in their matches so far, (N, C); "online" only."""
        return self.components.of(self._online.embeddings())

    def end(self, env_ids: NDArray[np.int64], opponents: NDArray[np.int64]) -> None:
        """Keeps the embeddings of opponents whose matches ended, and starts new ones.

        Args:
            env_ids: indices of these matches, (M,).
            opponents: the opponent in each of these matches, (M,); negative where there was none.
        """
        if not self.running:
            return
        found = self.running_contexts()
        for env_id, opponent in zip(env_ids.tolist(), opponents.tolist(), strict=True):
            if opponent >= 0:
                place = int(self.counts[opponent]) % self.num_episodes
                self.recent[opponent, place] = found[env_id]
                self.counts[opponent] += 1
                known = self.recent[opponent, : min(int(self.counts[opponent]), self.num_episodes)]
                self.table[opponent] = known.mean(0)
        self.running.begin(torch.from_numpy(env_ids))

    def first_game(self) -> None:
        """Sets all vectors to zeros, and forgets earlier games of the matches; "online" only."""
        self._online.begin(torch.arange(len(self.vectors)))
        self.games = []
        self.vectors.zero_()

    def next_game(self) -> None:
        """Sets all vectors to means over the last games of each match, which just ended, and starts
        new embeddings; "online" only."""
        found = self.running_contexts()
        self.games = [*self.games, found][-self.num_episodes :]
        self.vectors[:] = torch.stack(self.games).mean(0)
        self._online.begin(torch.arange(len(self.vectors)))

    def state(self) -> dict[str, Tensor]:
        """What the context knows of the opponents between two training iterations."""
        if not self.running:
            return {}
        return {"table": self.table, "recent": self.recent, "counts": self.counts}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Loads what `state` returned."""
        if self.running:
            self.table, self.recent = tensors["table"].clone(), tensors["recent"].clone()
            self.counts = tensors["counts"].clone()


def no_context(num_envs: int, num_opponents: int) -> OpponentContext:
    """Stands in for a context where a policy has none: vectors of size zero.

    Args:
        num_envs: N.
        num_opponents: P.
    """
    sizes = {"num_envs": num_envs, "num_opponents": num_opponents, "context_size": 0}
    return OpponentContext("zeros", **sizes, name="none")
