"""Opponent contexts: what a policy π_ψ(a | o, c) conditions on, beside its own observation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from paperlib import streams
from paperlib.agents import matches
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder
from paperlib.encoders import RunningEmbedding
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_rules import MAX_CYCLES

KINDS = ("zeros", "random", "oracle", "offline", "online")


class NoContext:
    """The context of policies that have none: vectors of size zero.

    Args:
        num_envs: N matches.

    Attributes:
        vectors: (N, 0).
        context_size: 0.
        name: "none".
    """

    context_size, name = 0, "none"

    def __init__(self, num_envs: int) -> None:
        self.vectors = torch.zeros(num_envs, 0)

    def begin(
        self,
        env_ids: NDArray[np.int64],
        opponents: NDArray[np.int64],
        *,
        generator: torch.Generator,
    ) -> None:
        """Does nothing."""

    def watch(
        self,
        observations: NDArray[np.float32],
        actions: NDArray[np.float32],
        playing: NDArray[np.bool_],
    ) -> None:
        """Does nothing."""

    def end(self, env_ids: NDArray[np.int64], opponents: NDArray[np.int64]) -> None:
        """Does nothing."""

    def state(self) -> dict[str, Tensor]:
        """Nothing needs to be kept."""
        return {}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Does nothing."""


class OpponentContext:
    """A vector c about the opponent, for each of N matches.

    | kind      | c                                                                       |
    |-----------|-------------------------------------------------------------------------|
    | "zeros"   | zeros: no embedding                                                     |
    | "random"  | standard normal, drawn anew for every match                             |
    | "oracle"  | one-hot: which of the opponents it is                                   |
    | "offline" | a fixed embedding of each opponent                                      |
    | "online"  | embedding of its last episode, updated when a match ends; zeros at first |

    Embeddings are normalised by the mean and standard deviation of given ones, so that zeros stand
    for an average agent.

    Args:
        kind: one of these.
        num_envs: N.
        num_opponents: P.
        context_size: C; at least P for "oracle", and the embedding's size for embeddings.
        model: computes embeddings; for "online".
        embeddings: normalise embeddings, (E, C); for "offline" and "online".
        offline: an embedding of each opponent, (P, C); for "offline".
        name: stands for the context in the identity of a training; the kind by default.

    Attributes:
        vectors: c in each match, (N, C).
        table: c of each opponent, (P, C).

    Raises:
        ValueError: if the kind is unknown, or an argument that it needs is missing or of the wrong
            size.
    """

    def __init__(
        self,
        kind: str,
        *,
        num_envs: int,
        num_opponents: int,
        context_size: int = 100,
        model: PolicyEmbedder | None = None,
        embeddings: Float[Tensor, "episode context"] | None = None,
        offline: Float[Tensor, "opponent context"] | None = None,
        name: str = "",
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}; got {kind!r}")
        if kind == "oracle" and num_opponents > context_size:
            raise ValueError(
                f"context_size must be at least {num_opponents}, the number of opponents, got "
                f"{context_size}"
            )
        needed = {
            "offline": {"embeddings": embeddings, "offline": offline},
            "online": {"embeddings": embeddings, "model": model},
        }.get(kind, {})
        for argument, value in needed.items():
            if value is None:
                raise ValueError(f"{argument} is needed by an opponent context of kind {kind!r}")
        self.kind, self.context_size, self.name = kind, context_size, name or kind
        self.vectors = torch.zeros(num_envs, context_size)
        self.table = torch.zeros(num_opponents, context_size)
        self.running = None
        if embeddings is not None and needed:
            if embeddings.shape[1] != context_size:
                raise ValueError(
                    f"embeddings: their size is {embeddings.shape[1]}, context_size {context_size}"
                )
            self.shift, self.scale = embeddings.mean(0), embeddings.std(0).clamp(min=1e-6)
        if kind == "offline" and offline.shape != (num_opponents, context_size):
            raise ValueError(
                f"offline must be ({num_opponents}, {context_size}), a row for each opponent, got "
                f"{tuple(offline.shape)}"
            )
        if kind == "online" and model.settings.embedding_size != context_size:
            raise ValueError(
                f"model: its embeddings have size {model.settings.embedding_size}, context_size "
                f"is {context_size}"
            )
        if kind == "oracle":
            self.table[:, :num_opponents] = torch.eye(num_opponents)
        elif kind == "offline":
            self.table = (offline - self.shift) / self.scale
        elif kind == "online":
            self.running = RunningEmbedding(model, num_envs)

    def begin(
        self,
        env_ids: NDArray[np.int64],
        opponents: NDArray[np.int64],
        *,
        generator: torch.Generator,
    ) -> None:
        """Sets the vectors of matches that begin.

        Args:
            env_ids: which matches, (M,).
            opponents: who plays there, 0 to P - 1, (M,).
            generator: draws random vectors.
        """
        if self.kind == "random":
            shape = len(env_ids), self.context_size
            self.vectors[env_ids] = torch.randn(shape, generator=generator)
        else:
            self.vectors[env_ids] = self.table[opponents]

    def watch(
        self,
        observations: NDArray[np.float32],
        actions: NDArray[np.float32],
        playing: NDArray[np.bool_],
    ) -> None:
        """Adds a step of the opponents to their running embeddings.

        Args:
            observations: of the opponents, (N, O).
            actions: as drawn, (N, A).
            playing: which matches go on, (N,).
        """
        if self.running:
            acted = torch.from_numpy(actions.clip(-1, 1))
            self.running.watch(torch.from_numpy(observations), acted, torch.from_numpy(playing))

    def running_embeddings(self) -> Float[Tensor, "match context"]:
        """Normalised embeddings of the opponents' steps in the matches so far."""
        return (self.running.embeddings() - self.shift) / self.scale

    def end(self, env_ids: NDArray[np.int64], opponents: NDArray[np.int64]) -> None:
        """Keeps the embeddings of opponents whose matches ended, and starts new ones.

        Args:
            env_ids: which matches, (M,).
            opponents: who played there, (M,); negative where nobody did.
        """
        if not self.running:
            return
        found = self.running_embeddings()
        for env_id, opponent in zip(env_ids.tolist(), opponents.tolist(), strict=True):
            if opponent >= 0:
                self.table[opponent] = found[env_id]
        self.running.begin(torch.from_numpy(env_ids))

    def second_game(self, env_ids: NDArray[np.int64]) -> None:
        """Sets all vectors from the matches that just ended, and starts new embeddings."""
        self.vectors = self.running_embeddings()
        self.running.begin(torch.from_numpy(env_ids))

    def state(self) -> dict[str, Tensor]:
        """What is known of the opponents between two iterations of a training."""
        return {"table": self.table}

    def load_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Takes over what `state` returned."""
        self.table = tensors["table"]


class ContextualPolicy:
    """A wrestler with its context in each of N matches: a `matches.Player` of all of them.

    Args:
        wrestler: with a context.
        contexts: (N, C).
    """

    def __init__(self, wrestler: Wrestler, contexts: Float[Tensor, "match context"]) -> None:
        self.wrestler, self.contexts = wrestler, contexts

    def act(
        self, observations: Tensor, memory: Any = None, *, generator: torch.Generator
    ) -> tuple[Tensor, None]:
        return self.wrestler.act(observations, generator=generator, context=self.contexts)


def meet(
    sides: Sequence[tuple[Wrestler, OpponentContext]],
    fixed_opponents: Sequence[matches.Player],
    opponents: NDArray[np.int64],
    *,
    key: Sequence[int],
    max_cycles: int = MAX_CYCLES,
    num_threads: int = 0,
) -> matches.Results:
    """Plays N matches between contextual policies, or of one against fixed opponents.

    If a context is "online", all matches are played twice. The first time its vectors are zeros;
    the second time, which counts, they are embeddings of the first match.

    Args:
        sides: one or two players, each with a context for N matches.
        fixed_opponents: play the second robot where there is one side.
        opponents: which of them plays in each match, (N,).
        key: of the random streams.
        max_cycles: steps until a match is a draw.
        num_threads: of the physics, 0 for all CPUs; does not affect the results.
    """
    env_ids = np.arange(len(opponents))
    player_ids = np.stack([np.zeros_like(opponents), 1 + opponents * (len(sides) == 1)], axis=1)

    def record(time: int, seen: Sequence, acted: Sequence, playing: NDArray[np.bool_]) -> None:
        for robot, (_, context) in enumerate(sides):
            context.watch(seen[1 - robot], acted[1 - robot], playing)

    games = (0, 1) if any(context.running for _, context in sides) else (1,)
    for game in games:
        generator = streams.make_generator(*key, game)
        seeds = torch.randint(2**62, (len(opponents),), generator=generator)
        for _, context in sides:
            if game == 1 and context.running:
                context.second_game(env_ids)
            else:
                context.begin(env_ids, opponents, generator=generator)
        players = [ContextualPolicy(wrestler, context.vectors) for wrestler, context in sides]
        env = RoboSumo(
            seeds.tolist(), auto_reset=False, max_cycles=max_cycles, num_threads=num_threads
        )
        played = matches.play(
            env, [*players, *fixed_opponents], player_ids, generator=generator, record=record
        )
    return played
