"""Rollouts of learners that wrestle with each other and with sampled opponents."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paperlib import _checks
from paperlib.agents import ppo
from paperlib.agents.contexts import OpponentContext
from paperlib.agents.players import UNASSIGNED, Player, UniformlyRandom, ZeroAction, sample_actions
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.environments.robosumo import RoboSumo, Step

ZERO_ACTION, RANDOM, FIRST_FIXED = 0, 1, 2  # player numbers; earlier versions come last
KINDS = ("self-play", "zero action", "random", "fixed opponent", "earlier")


class OpponentSampler:
    """Samples the opponent in each of N matches.

    The first matches are self-play, of two learners or of a single one against itself. The others
    are divided between the learners, and an opponent is drawn whenever one of them begins: a robot
    at rest, one that acts at random, a fixed opponent, or an earlier version of the learner.

    Args:
        num_envs: N.
        num_learners: 1 or 2.
        action_size: A, size of the opponents' actions.
        fixed_opponents: policies that do not learn.
        self_play_fraction: share of self-play among all matches.
        zero_action_fraction, random_fraction, fixed_opponent_fraction: shares of the other matches;
            the rest is against earlier versions, or robots at rest while there are none.
        pool_size: earlier versions of each learner that are kept.

    Attributes:
        player_ids: number of the opponent among `players`, or `players.UNASSIGNED` in self-play,
            (N,).
        pools: earlier versions of each learner.

    Raises:
        ValueError: if a fixed opponent has a context or a memory, or a learner gets no match.
    """

    def __init__(
        self,
        num_envs: int,
        *,
        num_learners: int,
        action_size: int,
        fixed_opponents: Sequence[Wrestler],
        self_play_fraction: float,
        zero_action_fraction: float,
        random_fraction: float,
        fixed_opponent_fraction: float,
        pool_size: int,
    ) -> None:
        if not all(wrestler.reactive for wrestler in fixed_opponents):
            raise ValueError(
                "fixed_opponents: one needs a context or a memory, and would get neither"
            )
        self.fixed_opponents, self.pool_size = list(fixed_opponents), pool_size
        self.simple = [ZeroAction(action_size), UniformlyRandom(action_size)]
        self.pools: list[list[Wrestler]] = [[] for _ in range(num_learners)]
        self.player_ids = np.full(num_envs, UNASSIGNED)
        self.num_self_play = round(self_play_fraction * num_envs)
        _checks.integer("num_envs", num_envs, minimum=1 if self.num_self_play else num_learners)
        self.bounds = np.linspace(self.num_self_play, num_envs, num_learners + 1).astype(int)
        self.cumulative_fractions = np.cumsum(
            [zero_action_fraction, random_fraction, fixed_opponent_fraction]
        )

    @property
    def players(self) -> list[Player]:
        """All opponents, in the order of their numbers."""
        return [*self.simple, *self.fixed_opponents, *itertools.chain(*self.pools)]

    def clear(self) -> None:
        """Forgets the opponents, before all matches begin anew."""
        self.player_ids[:] = UNASSIGNED

    def draw(self, env_ids: NDArray[np.int64], generator: torch.Generator) -> None:
        """Draws an opponent for each of these matches that is not self-play."""
        first_earlier = FIRST_FIXED + len(self.fixed_opponents)
        for env_id in env_ids[env_ids >= self.num_self_play]:
            learner = int(np.searchsorted(self.bounds[1:], env_id, side="right"))
            start = first_earlier + sum(len(pool) for pool in self.pools[:learner])
            earlier = range(start, start + len(self.pools[learner]))
            groups = None, None, range(FIRST_FIXED, first_earlier), earlier
            number = torch.rand((), generator=generator)
            kind = int(np.searchsorted(self.cumulative_fractions, number, side="right"))
            if group := groups[kind]:
                chosen = group[torch.randint(len(group), (), generator=generator)]
                self.player_ids[env_id] = chosen
            else:
                self.player_ids[env_id] = RANDOM if kind == RANDOM else ZERO_ACTION

    def fixed_ids(self, env_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Number of the fixed opponent in each of these matches; negative before it was drawn."""
        return self.player_ids[env_ids] - FIRST_FIXED

    def env_ids_of(self, learner: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Matches in which a learner is the first robot, and those in which it is the second."""
        self_play = np.arange(self.num_self_play)
        own = np.arange(self.bounds[learner], self.bounds[learner + 1])
        if len(self.pools) == 1:
            return np.concatenate([self_play, own]), self_play
        return (np.concatenate([self_play, own]), own[:0]) if learner == 0 else (own, self_play)

    def kind(self, env_id: int) -> str:
        """The kind of the opponent in a match, one of `KINDS`."""
        player = int(self.player_ids[env_id])
        simple = {UNASSIGNED: "self-play", ZERO_ACTION: "zero action", RANDOM: "random"}
        last_fixed = FIRST_FIXED + len(self.fixed_opponents) - 1
        return simple.get(player, "fixed opponent" if player <= last_fixed else "earlier")

    def add_versions(self, learners: Sequence[Wrestler], generator: torch.Generator) -> None:
        """Adds copies of the learners to their pools; a full pool first loses a random member."""
        for learner, pool in zip(learners, self.pools, strict=True):
            if len(pool) == self.pool_size:
                del pool[torch.randint(len(pool), (), generator=generator).item()]
            pool.append(copy.deepcopy(learner).requires_grad_(False))


class RolloutCollector:
    """Plays N matches at a time and collects each learner's observations, actions and rewards.

    Args:
        env: N matches with automatic resets.
        learners: one, or two that play each other.
        opponents: samples the opponents that they meet.
        context: the learner's context about its opponents.
        rewards: weights of the learners' rewards.

    Raises:
        ValueError: if the context is for other matches or opponents.

    Attributes:
        outcomes: results of matches that ended since `begin`, for each learner and kind of
            opponent: 1, 0 or -1 for a win, draw or loss, and the match's length.
    """

    def __init__(
        self,
        env: RoboSumo,
        learners: Sequence[Wrestler],
        opponents: OpponentSampler,
        *,
        context: OpponentContext,
        rewards: RewardWeights,
    ) -> None:
        if len(context.vectors) != len(opponents.player_ids):
            raise ValueError(
                f"context: it is for {len(context.vectors)} matches, num_envs is "
                f"{len(opponents.player_ids)}"
            )
        fixed = len(opponents.fixed_opponents)
        if len(context.table) != fixed:
            raise ValueError(
                f"context: it is about {len(context.table)} opponents, there are {fixed} fixed ones"
            )
        self.env, self.learners, self.opponents = env, list(learners), opponents
        self.context, self.rewards = context, rewards
        self.env_ids = [opponents.env_ids_of(number) for number in range(len(learners))]

    def begin(
        self,
        *,
        generator: torch.Generator,
        opponent_generator: torch.Generator,
        context_generator: torch.Generator,
    ) -> None:
        """Begins all matches anew.

        Args:
            generator: draws the matches' seeds and everybody's actions.
            opponent_generator: draws opponents.
            context_generator: draws random contexts.
        """
        self.generator, self.opponent_generator = generator, opponent_generator
        self.context_generator = context_generator
        seeds = torch.randint(2**62, (self.env.num_envs,), generator=generator)
        self.observations = self.env.reset(seeds=seeds.tolist())
        self.opponents.clear()
        self.memories = [
            torch.zeros(len(first) + len(second), learner.memory_size)
            for learner, (first, second) in zip(self.learners, self.env_ids, strict=True)
        ]
        self.outcomes: list[dict[str, list[tuple[int, int]]]] = [{} for _ in self.learners]
        self._begin_matches(np.arange(self.env.num_envs))

    def collect(self, rollout_length: int) -> list[ppo.Rollout]:
        """Plays the next steps of all matches; returns a rollout for each learner."""
        kept: list[list[tuple[Tensor, ...]]] = [[] for _ in self.learners]
        players, memories = self.opponents.players, list(self.memories)
        for _ in range(rollout_length):
            actions = [
                np.zeros((self.env.num_envs, size), dtype=np.float32)
                for size in self.env.action_sizes
            ]
            chosen = []
            for number, (first, second) in enumerate(self.env_ids):
                inputs, self.memories[number], turns = self._inputs(number)
                with torch.no_grad():
                    drawn, log_probs, values = self.learners[number].network.act(
                        inputs, generator=self.generator
                    )
                torques = self.learners[number].front.torques(drawn, turns)
                actions[0][first] = torques[: len(first)].numpy()
                actions[1][second] = torques[len(first) :].numpy()
                chosen.append((inputs, drawn, log_probs, values))
            sample_actions(
                actions[1],
                self.observations[1],
                players=players,
                player_ids=self.opponents.player_ids,
                memories={},
                generator=self.generator,
            )
            self.context.watch(self.observations[1], actions[1], self.env.playing)
            step = self.env.step(actions)
            rewards = self.rewards.rewards(self.observations, step, self.env.fields)
            self.observations = step.observations
            for number, (first, second) in enumerate(self.env_ids):
                paid = np.concatenate([rewards[first, 0], rewards[second, 1]])
                dones = torch.from_numpy(np.concatenate([step.done[first], step.done[second]]))
                kept[number].append((*chosen[number], torch.from_numpy(paid), dones))
                self.memories[number] = self.memories[number] * ~dones[:, None]
            if step.done.any():
                self._count(step)
                self._begin_matches(np.flatnonzero(step.done))
        return [
            self._rollout(n, *found) for n, found in enumerate(zip(kept, memories, strict=True))
        ]

    def _rollout(self, number: int, steps: list[tuple[Tensor, ...]], memory: Tensor) -> ppo.Rollout:
        network = self.learners[number].network
        inputs, _, _ = self._inputs(number)
        with torch.no_grad():
            last_values = network.value(network.normalizer(inputs))[..., 0]
        stacked = (torch.stack(part) for part in zip(*steps, strict=True))
        memory = memory if self.learners[number].memory_size else None
        return ppo.Rollout(*stacked, last_values=last_values, memory=memory)

    @torch.no_grad()
    def _inputs(self, number: int) -> tuple[Tensor, Tensor, Tensor]:
        """The networks' inputs, the memory after them, and the quarter turns that were applied."""
        (first, second), memory = self.env_ids[number], self.memories[number]
        seen = np.concatenate([self.observations[0][first], self.observations[1][second]])
        own = np.concatenate([first, second])
        told = self.context.vectors[own], memory, self.context.critic_vectors[own]
        inputs, turns = self.learners[number].inputs(torch.from_numpy(seen), torch.cat(told, dim=1))
        return *self.learners[number].network.remember(inputs, memory), turns

    def _begin_matches(self, env_ids: NDArray[np.int64]) -> None:
        before = self.opponents.fixed_ids(env_ids)
        self.opponents.draw(env_ids, self.opponent_generator)
        now = self.opponents.fixed_ids(env_ids)
        self.context.end(env_ids, before)
        self.context.begin(env_ids, now, generator=self.context_generator)

    def _count(self, step: Step) -> None:
        for (first, second), outcomes in zip(self.env_ids, self.outcomes, strict=True):
            for robot, env_ids in ((0, first), (1, second)):
                for env_id in env_ids[step.done[env_ids]].tolist():
                    won, lost = step.winner[env_id] == robot, step.lost[env_id, robot]
                    found = int(won) - int(lost), int(step.lengths[env_id])
                    outcomes.setdefault(self.opponents.kind(env_id), []).append(found)

    def summary(self) -> dict[str, list[dict[str, Any]]]:
        """For each kind of opponent and each learner: matches, shares won and lost, mean length."""
        return {kind: [_summary(found.get(kind, [])) for found in self.outcomes] for kind in KINDS}


def _summary(outcomes: list[tuple[int, int]]) -> dict[str, Any]:
    def mean(numbers: list[int]) -> float | None:
        return float(np.mean(numbers)) if numbers else None

    return {
        "matches": len(outcomes),
        "won": mean([result == 1 for result, _ in outcomes]),
        "lost": mean([result == -1 for result, _ in outcomes]),
        "length": mean([length for _, length in outcomes]),
    }
