"""What a policy π_ψ(a | o, c) is told of its opponent: an embedding c of its policy (Section 4)."""

from __future__ import annotations

from collections.abc import Sequence
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


class OpponentContext:
    """Gives each of N matches side by side a vector c that tells of the opponent there.

    | kind      | c                                                                              |
    |-----------|--------------------------------------------------------------------------------|
    | "zeros"   | nothing: what "no embedding" is to a network                                   |
    | "random"  | a new standard normal vector for every match                                   |
    | "oracle"  | one-hot: which of the opponents it is                                          |
    | "offline" | one fixed embedding of each opponent                                           |
    | "online"  | the embedding of the last episode that was seen of it; zeros before the first |

    Embeddings are standardised by given ones, so that zeros are an average agent.

    Args:
        kind: one of these.
        num_envs: N.
        num_opponents: P.
        context_size: C; at least P for "oracle", and the embedding's size for embeddings.
        model: computes embeddings; for "online".
        embeddings: known ones that standardise (E, C); for "offline" and "online".
        offline: an embedding of each opponent (P, C); for "offline".

    Raises:
        ValueError: if the kind is unknown, or what it needs is missing or of another size.
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
                f"context_size must be at least {num_opponents}, a number for each opponent, got "
                f"{context_size}"
            )
        due = {
            "offline": {"embeddings": embeddings, "offline": offline},
            "online": {"embeddings": embeddings, "model": model},
        }.get(kind, {})
        for argument, value in due.items():
            if value is None:
                raise ValueError(f"{argument} is needed by an opponent_context of kind {kind!r}")
        self.kind, self.context_size, self.name = kind, context_size, name or kind
        self.contexts = torch.zeros(num_envs, context_size)
        self.table = torch.zeros(num_opponents, context_size)
        self.running = None
        if embeddings is not None and due:
            if embeddings.shape[1] != context_size:
                raise ValueError(
                    f"embeddings: context_size is {context_size}, theirs {embeddings.shape[1]}"
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
        """Tells matches that begin of their opponents.

        Args:
            env_ids: numbers of the matches, (M,).
            opponents: who plays there, 0 to P - 1, (M,).
            generator: draws random vectors.
        """
        if self.kind == "random":
            shape = len(env_ids), self.context_size
            self.contexts[env_ids] = torch.randn(shape, generator=generator)
        else:
            self.contexts[env_ids] = self.table[opponents]

    def watch(
        self,
        observations: NDArray[np.float32],
        actions: NDArray[np.float32],
        playing: NDArray[np.bool_],
    ) -> None:
        """Looks at a step of the opponents: what they saw, (N, O), and did, (N, A)."""
        if self.running:
            acted = torch.from_numpy(actions.clip(-1, 1))
            self.running.watch(torch.from_numpy(observations), acted, torch.from_numpy(playing))

    def seen(self) -> Float[Tensor, "match context"]:
        """What the episodes so far tell of the opponents."""
        return (self.running.embeddings() - self.shift) / self.scale

    def learn(self, env_ids: NDArray[np.int64], opponents: NDArray[np.int64]) -> None:
        """Remembers what was seen of opponents in matches that ended, and forgets the steps.

        Args:
            env_ids: numbers of the matches, (M,).
            opponents: who played there, (M,); negative where nobody did.
        """
        if not self.running:
            return
        found = self.seen()
        for place, who in zip(env_ids.tolist(), opponents.tolist(), strict=True):
            if who >= 0:
                self.table[who] = found[place]
        self.running.begin(torch.from_numpy(env_ids))


class ContextualPolicy:
    """A wrestler with what it is told in each of N matches: a player for the first or the second
    seat of all of them.

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
    numbers: NDArray[np.int64],
    *,
    key: Sequence[int],
    max_cycles: int = MAX_CYCLES,
    num_threads: int = 0,
) -> matches.Results:
    """Matches of which each opponent_context has seen one before: where one learns from episodes, all are
    played twice, and the second time counts.

    Args:
        sides: who plays, each with an opponent_context for N matches: one against fixed_opponents, or two.
        fixed_opponents: who plays the second seat where there is one side.
        numbers: which fixed_opponent plays in each match, (N,); what informants know opponents by.
        key: of the random streams.
        max_cycles: steps until a match is a draw.
        num_threads: of the physics, 0 for all CPUs; decides nothing.
    """
    env_ids = np.arange(len(numbers))
    player_ids = np.stack([np.zeros_like(numbers), 1 + numbers * (len(sides) == 1)], axis=1)

    def record(time: int, seen: Sequence, acted: Sequence, playing: NDArray[np.bool_]) -> None:
        for seat, (_, opponent_context) in enumerate(sides):
            opponent_context.watch(seen[1 - seat], acted[1 - seat], playing)

    for round_number in (
        (0, 1) if any(opponent_context.running for _, opponent_context in sides) else (1,)
    ):
        generator = streams.make_generator(*key, round_number)
        seeds = torch.randint(2**62, (len(numbers),), generator=generator)
        for _, opponent_context in sides:
            if round_number == 1 and opponent_context.running:
                opponent_context.contexts = opponent_context.seen()
                opponent_context.running.begin(torch.from_numpy(env_ids))
            else:
                opponent_context.begin(env_ids, numbers, generator=generator)
        players = [
            ContextualPolicy(wrestler, opponent_context.contexts)
            for wrestler, opponent_context in sides
        ]
        env = RoboSumo(
            seeds.tolist(), auto_reset=False, max_cycles=max_cycles, num_threads=num_threads
        )
        played = matches.play(
            env, [*players, *fixed_opponents], player_ids, generator=generator, record=record
        )
    return played
