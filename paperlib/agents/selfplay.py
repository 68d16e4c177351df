"""Trainings of wrestlers: PPO by self-play or in pairs, against a mix of opponents."""

from __future__ import annotations

import copy
import dataclasses
import itertools
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paperlib import files, streams
from paperlib.agents import matches, ppo
from paperlib.agents.contexts import OpponentContext
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.environments.robosumo import RoboSumo, Step

ZERO_ACTION, RANDOM = (
    0,
    1,
)  # the first opponents; fixed_opponents and earlier versions of learners follow


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How wrestlers train.

    A training is a number of iterations. Each begins with new matches, ends with a checkpoint, and
    draws from a random stream of its own: one that was interrupted goes on as if it had not been.

    Attributes:
        num_iterations: iterations.
        num_rollouts: rollouts of a iteration, each followed by an update.
        num_envs: matches side by side; half of them between the learners (or of the only one
            with itself), half against the learners' opponents.
        rollout_length: of a rollout.
        self_play_fraction: of the matches: between the learners.
        zero_action_fraction: of the other matches: against a motionless robot.
        random_fraction: of the other matches: against one that acts at random.
        fixed_opponent_fraction: of the other matches: against given fixed_opponents. What is left goes to earlier
            versions of the learner.
        opponent_pool_size: earlier versions that are remembered.
        rewards: what for.
        ppo: settings.
        lr_decay: share of the learning rate that is gone by the end, falling linearly.
        action_std: of the actions at the start; the largest that a learner takes from its parent.
        min_action_std: that it cannot fall below.
        hidden_size: of the networks.
    """

    num_iterations: int
    num_rollouts: int = 25
    num_envs: int = 128
    rollout_length: int = 64
    self_play_fraction: float = 0.5
    zero_action_fraction: float = 0.4
    random_fraction: float = 0.1
    fixed_opponent_fraction: float = 0.0
    opponent_pool_size: int = 8
    rewards: RewardWeights = dataclasses.field(default_factory=RewardWeights)
    ppo: ppo.Settings = dataclasses.field(default_factory=ppo.Settings)
    lr_decay: float = 0.9
    action_std: float = 0.6
    min_action_std: float = 0.1
    hidden_size: int = 64

    def __post_init__(self) -> None:
        for name in (
            "num_iterations",
            "num_rollouts",
            "num_envs",
            "rollout_length",
            "opponent_pool_size",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        shares = self.zero_action_fraction, self.random_fraction, self.fixed_opponent_fraction
        if not 0 <= self.self_play_fraction <= 1 or min(shares) < 0 or sum(shares) > 1:
            raise ValueError(
                "self_play_fraction must lie in 0 to 1, and so must zero_action_fraction, random_fraction, "
                f"fixed_opponent_fraction and their sum; got {self.self_play_fraction} and {shares}"
            )
        if not 0 <= self.lr_decay <= 1:
            raise ValueError(f"lr_decay must lie in 0 to 1, got {self.lr_decay}")
        if not 0 < self.min_action_std <= self.action_std:
            raise ValueError(
                f"action_std must be at least min_action_std > 0, got {self.action_std} and "
                f"{self.min_action_std}"
            )


class Training:
    """One learner, or two that wrestle with each other, and all that their training needs.

    Args:
        key: the random stream.
        recipe: how to train.
        num_learners: 1 for self-play, 2 for a pair.
        parents: `state_dict`s that the learners start from, one each; none starts from nothing.
        fixed_opponents: `state_dict`s of opponents that do not learn.
        robot: which robot they are.
        opponent_context: tells the learner of its opponents; all of its matches must be with fixed_opponents.
        num_threads: of the physics; decides nothing.
    """

    def __init__(
        self,
        key: Sequence[int],
        recipe: Recipe,
        *,
        num_learners: int = 1,
        parents: Sequence[Mapping[str, Tensor]] = (),
        fixed_opponents: Sequence[Mapping[str, Tensor]] = (),
        robot: str = "ant",
        opponent_context: OpponentContext | None = None,
        num_threads: int = 1,
    ) -> None:
        if opponent_context and (
            recipe.self_play_fraction > 0 or recipe.fixed_opponent_fraction < 1
        ):
            raise ValueError(
                "opponent_context: with one, self_play_fraction must be 0 and fixed_opponent_fraction 1"
            )
        if recipe.fixed_opponent_fraction > 0 and not fixed_opponents:
            raise ValueError(
                f"fixed_opponents: fixed_opponent_fraction is {recipe.fixed_opponent_fraction}, but there are none"
            )
        self.opponent_context = opponent_context
        if num_learners not in (1, 2) or len(parents) not in (0, num_learners):
            raise ValueError(
                f"num_learners must be 1 or 2, with no parents or one each; got {num_learners} "
                f"and {len(parents)} parents"
            )
        self.key, self.recipe, self.robot = tuple(key), recipe, robot
        self.learners = [
            Wrestler(
                robot,
                generator=streams.make_generator(*key, 0, number),
                hidden_size=recipe.hidden_size,
                action_std=recipe.action_std,
                context_size=opponent_context.context_size if opponent_context else 0,
            )
            for number in range(num_learners)
        ]
        for learner, parent in zip(self.learners, parents, strict=False):
            learner.load_state_dict(parent)
            learner.network.log_std.data.clamp_(max=math.log(recipe.action_std))
        self.fixed_opponents = [
            Wrestler.from_state(state, robot=robot) for state in fixed_opponents
        ]
        self.ancestry = [files.tensor_checksum(state, "") for state in (*parents, *fixed_opponents)]
        self.optimisers = [ppo.make_optimiser(w.network, recipe.ppo) for w in self.learners]
        self.earlier: list[list[Wrestler]] = [[] for _ in self.learners]
        self.history: list[dict[str, Any]] = []
        self.seconds: list[float] = []  # that each iteration took; no part of the result
        self.env = RoboSumo(range(recipe.num_envs), robots=(robot, robot), num_threads=num_threads)
        # Matches: first those between the learners, then each learner's against its opponents.
        self.num_self_play = round(recipe.self_play_fraction * recipe.num_envs)
        bounds = np.linspace(self.num_self_play, recipe.num_envs, num_learners + 1).astype(int)
        self.matches = [np.arange(a, b) for a, b in itertools.pairwise(bounds)]

    def train_iteration(self) -> dict[str, Any]:
        """Plays and learns one iteration; what it brought is added to ``history``."""
        iteration, recipe, started = len(self.history), self.recipe, time.perf_counter()
        generator = streams.make_generator(*self.key, 1, iteration)
        seeds = torch.randint(2**62, (recipe.num_envs,), generator=generator)
        self.observations = self.env.reset(seeds=seeds.tolist())
        self.opponents = np.full(recipe.num_envs, matches.UNASSIGNED)
        # Who is told different things of opponents meets the same ones, one after another.
        stream = (
            streams.make_generator(*self.key, 2, iteration) if self.opponent_context else generator
        )
        self.noise = streams.make_generator(
            *self.key, 4, iteration
        )  # for the opponent_context's vectors
        self._begin(np.arange(recipe.num_envs), stream)
        fall = recipe.lr_decay * iteration / recipe.num_iterations
        rate = recipe.ppo.learning_rate * (1 - fall)
        tallies: list[dict[str, list[tuple[int, int]]]] = [{} for _ in self.learners]
        logs = []
        for _ in range(recipe.num_rollouts):
            rollouts = self._roll_out(generator, stream, tallies)
            for learner, optimiser, rollout in zip(
                self.learners, self.optimisers, rollouts, strict=True
            ):
                optimiser.param_groups[0]["lr"] = rate
                logs.append(
                    ppo.update(learner.network, optimiser, rollout, recipe.ppo, generator=generator)
                )
                with torch.no_grad():
                    learner.network.log_std.clamp_(min=math.log(recipe.min_action_std))
        if not self.opponent_context:  # who is told of opponents meets given fixed_opponents alone
            self._remember(generator)
        self.history.append(self._summary(tallies, logs, rollouts))
        self.seconds.append(round(time.perf_counter() - started, 2))
        return self.history[-1]

    def save(self, path: str | Path) -> None:
        """Writes all that the next iteration needs."""
        tensors: dict[str, Tensor] = {}
        for number, (learner, optimiser, pool) in enumerate(
            zip(self.learners, self.optimisers, self.earlier, strict=True)
        ):
            parts = {
                "learner": learner.state_dict(),
                "optimiser": files.optimiser_tensors(optimiser),
            }
            for name, part in parts.items():
                tensors |= files.with_prefix(f"{name}.{number}.", part)
            for age, wrestler in enumerate(pool):
                tensors |= files.with_prefix(f"earlier.{number}.{age}.", wrestler.state_dict())
        if self.opponent_context:
            tensors["opponent_context"] = self.opponent_context.table
        metadata = {**self.identity(), "history": self.history, "seconds": self.seconds}
        files.save_tensors(path, tensors, metadata)

    def load(self, path: str | Path) -> bool:
        """Takes up the training of a checkpoint, if it is this training's.

        Returns:
            Whether it is; a checkpoint of another training is left alone.

        Raises:
            ValueError: if the file is damaged.
        """
        tensors, metadata = files.load_tensors(path)
        history, seconds = metadata.pop("history", None), metadata.pop("seconds", None)
        if metadata != self.identity():
            return False

        def part(prefix: str) -> dict[str, Tensor]:
            return files.without_prefix(prefix, tensors)

        for number, (learner, optimiser) in enumerate(
            zip(self.learners, self.optimisers, strict=True)
        ):
            learner.load_state_dict(part(f"learner.{number}."))
            files.restore_optimiser(optimiser, part(f"optimiser.{number}."))
            pool = self.earlier[number] = []
            while state := part(f"earlier.{number}.{len(pool)}."):
                pool.append(copy.deepcopy(learner).requires_grad_(False))
                pool[-1].load_state_dict(state)
        if self.opponent_context:
            self.opponent_context.table = tensors["opponent_context"]
        self.history, self.seconds = history, seconds
        return True

    def identity(self) -> dict[str, Any]:
        """What makes this training what it is, as JSON knows it."""
        return {
            "key": list(self.key),
            "recipe": dataclasses.asdict(self.recipe),
            "robot": self.robot,
            "num_learners": len(self.learners),
            "ancestry": self.ancestry,
            **({"opponent_context": self.opponent_context.name} if self.opponent_context else {}),
        }

    def _begin(self, numbers: NDArray[np.int64], generator: torch.Generator) -> None:
        """What is due where matches begin."""
        before = self.opponents[numbers]
        self._draw_opponents(numbers, generator)
        if self.opponent_context:
            self.opponent_context.learn(numbers, before - 2)
            self.opponent_context.begin(numbers, self.opponents[numbers] - 2, generator=self.noise)

    def _remember(self, generator: torch.Generator) -> None:
        """The learners as they are become earlier versions of themselves."""
        for learner, pool in zip(self.learners, self.earlier, strict=True):
            if len(pool) == self.recipe.opponent_pool_size:
                del pool[torch.randint(len(pool), (), generator=generator).item()]
            pool.append(copy.deepcopy(learner).requires_grad_(False))

    def _draw_opponents(self, numbers: NDArray[np.int64], generator: torch.Generator) -> None:
        """New opponents where a match begins that is not between the learners."""
        recipe, others = self.recipe, 2 + len(self.fixed_opponents)
        shares = np.cumsum(
            [recipe.zero_action_fraction, recipe.random_fraction, recipe.fixed_opponent_fraction]
        )
        for match in numbers[numbers >= self.num_self_play]:
            learner = int(np.searchsorted([own[-1] for own in self.matches], match))
            first = others + sum(len(pool) for pool in self.earlier[:learner])
            fixed_opponents, earlier = (
                range(2, others),
                range(first, first + len(self.earlier[learner])),
            )
            kind = int(np.searchsorted(shares, torch.rand((), generator=generator), side="right"))
            group = (None, None, fixed_opponents, earlier)[kind]
            if group:
                self.opponents[match] = group[torch.randint(len(group), (), generator=generator)]
            else:
                self.opponents[match] = RANDOM if kind == RANDOM else ZERO_ACTION

    def _players(self) -> list[matches.Player]:
        size = self.env.action_sizes[1]
        others = matches.ZeroAction(size), matches.UniformlyRandom(size)
        return [*others, *self.fixed_opponents, *itertools.chain(*self.earlier)]

    def _seats(self, learner: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Matches in which a learner is the first robot, and those in which it is the second."""
        mutual, own = np.arange(self.num_self_play), self.matches[learner]
        if len(self.learners) == 1:
            return np.concatenate([mutual, own]), mutual
        return (np.concatenate([mutual, own]), own[:0]) if learner == 0 else (own, mutual)

    def _roll_out(
        self,
        generator: torch.Generator,
        stream: torch.Generator,
        tallies: list[dict[str, list[tuple[int, int]]]],
    ) -> list[ppo.Rollout]:
        player_ids = [self._seats(number) for number in range(len(self.learners))]
        kept: list[list[tuple[Tensor, ...]]] = [[] for _ in self.learners]
        sizes = [(self.recipe.num_envs, size) for size in self.env.action_sizes]
        players = self._players()
        for _ in range(self.recipe.rollout_length):
            actions = [np.zeros(size, dtype=np.float32) for size in sizes]
            chosen = []
            for learner, (first, second) in zip(self.learners, player_ids, strict=True):
                inputs = self._inputs(learner, first, second)
                with torch.no_grad():
                    drawn, density, value = learner.network.act(inputs, generator=generator)
                actions[0][first] = drawn[: len(first)].numpy()
                actions[1][second] = drawn[len(first) :].numpy()
                chosen.append((inputs, drawn, density, value))
            matches.sample_actions(
                *(actions[1], self.observations[1], players, self.opponents),
                memories={},
                generator=generator,
            )
            if self.opponent_context:
                self.opponent_context.watch(self.observations[1], actions[1], self.env.playing)
            step = self.env.step(actions)
            rewards = self.recipe.rewards.rewards(self.observations, step, self.env.fields)
            self.observations = step.observations
            for number, (first, second) in enumerate(player_ids):
                reward = np.concatenate([rewards[first, 0], rewards[second, 1]])
                dones = np.concatenate([step.done[first], step.done[second]])
                kept[number].append(
                    (*chosen[number], torch.from_numpy(reward), torch.from_numpy(dones))
                )
            if step.done.any():
                self._count(step, player_ids, tallies)
                self._begin(np.flatnonzero(step.done), stream)
        rollouts = []
        for learner, steps, (first, second) in zip(self.learners, kept, player_ids, strict=True):
            tensors = [torch.stack(part) for part in zip(*steps, strict=True)]
            with torch.no_grad():
                inputs = self._inputs(learner, first, second)
                last = learner.network.value(learner.network.normalizer(inputs))[..., 0]
            rollouts.append(ppo.Rollout(*tensors, last_values=last))
        return rollouts

    def _inputs(
        self, learner: Wrestler, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> Tensor:
        seen = np.concatenate([self.observations[0][first], self.observations[1][second]])
        context = self.opponent_context.contexts[first] if self.opponent_context else None
        return learner.features(torch.from_numpy(seen), context)

    def _count(
        self,
        step: Step,
        player_ids: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        tallies: list[dict[str, list[tuple[int, int]]]],
    ) -> None:
        fixed_opponents = dict.fromkeys(range(2, 2 + len(self.fixed_opponents)), "fixed_opponent")
        names = {
            matches.UNASSIGNED: "self-play",
            ZERO_ACTION: "zero action",
            RANDOM: "random",
        } | fixed_opponents
        for (first, second), tally in zip(player_ids, tallies, strict=True):
            for seat, numbers in ((0, first), (1, second)):
                for match in numbers[step.done[numbers]]:
                    kind = names.get(int(self.opponents[match]), "earlier")
                    result = int(step.winner[match] == seat) - int(step.lost[match, seat])
                    tally.setdefault(kind, []).append((result, int(step.lengths[match])))

    def _summary(
        self,
        tallies: list[dict[str, list[tuple[int, int]]]],
        logs: list[dict[str, float]],
        rollouts: list[ppo.Rollout],
    ) -> dict[str, Any]:
        """Of a iteration: samples, matches and results of each learner, averages of the updates."""
        before = self.history[-1]["samples"] if self.history else 0
        summary: dict[str, Any] = {
            "samples": before + self.recipe.num_rollouts * rollouts[0].rewards.numel(),
            "action_std": [w.network.log_std.exp().mean().item() for w in self.learners],
            **{name: float(np.mean([log[name] for log in logs])) for name in logs[0]},
        }
        for name in ("self-play", "zero action", "random", "fixed_opponent", "earlier"):
            results = [tally.get(name, []) for tally in tallies]
            summary[name] = [
                {
                    "matches": len(part),
                    "won": float(np.mean([r == 1 for r, _ in part])) if part else None,
                    "lost": float(np.mean([r == -1 for r, _ in part])) if part else None,
                    "length": float(np.mean([n for _, n in part])) if part else None,
                }
                for part in results
            ]
        return summary
