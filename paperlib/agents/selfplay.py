"""Self-play: wrestlers train with PPO, against each other and a mix of opponents."""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from paperlib import _checks, files
from paperlib.agents import ppo
from paperlib.agents.contexts import OpponentContext, no_context
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.robosumo_symmetries import KINDS, Augmentation
from paperlib.agents.rollouts import OpponentSampler, RolloutCollector
from paperlib.environments.robosumo import RoboSumo
from paperlib.streams import SelfPlayStream, make_generator


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How wrestlers train.

    Each iteration begins with new matches and draws from random streams of its own.

    Attributes:
        num_iterations: number of training iterations.
        num_rollouts: rollouts in an iteration, each followed by an update.
        num_envs: matches played at a time.
        rollout_length: steps of each match in a rollout.
        self_play_fraction: share of matches in which the learners, or copies of a single one, meet.
        zero_action_fraction: share of the other matches that are against a robot at rest.
        random_fraction: share of the other matches that are against one that acts at random.
        fixed_opponent_fraction: share of the other matches that are against given opponents, which
            do not learn. What is left goes to earlier versions of the learner.
        opponent_pool_size: earlier versions of each learner that are kept.
        rewards: weights of the learners' rewards.
        ppo: hyperparameters of PPO.
        lr_decay: the learning rate falls linearly by this fraction over the run, and further
            where ``ppo.target_kl`` requires it, see `SelfPlay.learning_rates`.
        critic_iterations: number of first iterations in which only the value function learns.
        action_std: standard deviation of actions at the start, and its maximum for a learner that
            starts from a parent.
        min_action_std: minimum of the standard deviation in training.
        hidden_size: hidden size of the networks; parents keep theirs.
        symmetries: kind of `robosumo_symmetries.all_symmetries` that augments updates, or "none";
            not applied to learners with a memory.

    Raises:
        ValueError: if a value is out of range.
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
    critic_iterations: int = 0
    action_std: float = 0.6
    min_action_std: float = 0.1
    hidden_size: int = 64
    symmetries: str = "none"

    def __post_init__(self) -> None:
        counts = "num_iterations", "num_rollouts", "num_envs", "rollout_length"
        for name in (*counts, "opponent_pool_size", "hidden_size"):
            _checks.integer(name, getattr(self, name), minimum=1)
        _checks.integer("critic_iterations", self.critic_iterations, minimum=0)
        others = self.zero_action_fraction, self.random_fraction, self.fixed_opponent_fraction
        if not 0 <= self.self_play_fraction <= 1 or min(others) < 0 or sum(others) > 1 + 1e-9:
            raise ValueError(
                "self_play_fraction must lie in 0 to 1, and so must zero_action_fraction, "
                "random_fraction, fixed_opponent_fraction and their sum; got "
                f"{self.self_play_fraction} and {others}"
            )
        _checks.one_of("symmetries", self.symmetries, ("none", *KINDS))
        if not 0 <= self.lr_decay <= 1:
            raise ValueError(f"lr_decay must lie in 0 to 1, got {self.lr_decay}")
        low, std = self.min_action_std, self.action_std
        if not 0 < low <= std:
            raise ValueError(f"action_std must be at least min_action_std > 0, got {std} and {low}")

    @property
    def only_fixed_opponents(self) -> bool:
        """Whether every match is against a given opponent that does not learn."""
        return self.self_play_fraction == 0 and self.fixed_opponent_fraction == 1

    def learning_rate(self, iteration: int) -> float:
        """The learning rate of an iteration."""
        return self.ppo.learning_rate * (1 - self.lr_decay * iteration / self.num_iterations)


class SelfPlay:
    """A training run of one learner, or of two that play each other; see `training.Training`.

    Args:
        key: key of the random streams.
        recipe: how to train.
        num_learners: 1, or 2 for a pair.
        parents: the `state_dict` that each learner starts from; without any, weights are random.
        fixed_opponents: `state_dict`s of opponents that do not learn.
        robot: the robot of all wrestlers: "ant", "bug" or "spider".
        context: the learner's context about its opponents, which must all be fixed.
        num_threads: number of physics threads; the results do not depend on it.

    Attributes:
        learning_rates: rate of each learner's next update, limited by the recipe's: a tenth lower
            after an update that ``target_kl`` ended, else 2 % higher (after Rudin et al. 2022).
        history: for each iteration, a learner's samples so far, mean statistics, and outcomes.
        seconds: wall time of each iteration; not part of the result.

    Raises:
        ValueError: if learners, parents, opponents, context, robot and recipe do not fit together.
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
        context: OpponentContext | None = None,
        num_threads: int = 1,
    ) -> None:
        if context and not recipe.only_fixed_opponents:
            raise ValueError(
                "context: it needs self_play_fraction 0 and fixed_opponent_fraction 1, got "
                f"{recipe.self_play_fraction} and {recipe.fixed_opponent_fraction}"
            )
        if recipe.fixed_opponent_fraction > 0 and not fixed_opponents:
            raise ValueError(
                "fixed_opponents: there are none, but fixed_opponent_fraction is "
                f"{recipe.fixed_opponent_fraction}"
            )
        counts = num_learners, len(parents)
        if num_learners not in (1, 2) or counts[1] not in (0, num_learners):
            raise ValueError(f"num_learners is 1 or 2, with no parents or one each; got {counts}")
        self.key, self.recipe, self.robot = tuple(key), recipe, robot
        self.context = context or no_context(recipe.num_envs, len(fixed_opponents))
        self.learners = [self._make_learner(number, parents) for number in range(num_learners)]
        self.checksums = {
            "parents": [files.tensor_checksum(state) for state in parents],
            "fixed_opponents": [files.tensor_checksum(state) for state in fixed_opponents],
        }
        kind = recipe.symmetries
        self.augment = None if kind == "none" else Augmentation(robot, kind=kind)
        self.learning_rates = [recipe.ppo.learning_rate] * num_learners
        self.optimisers = [ppo.make_optimiser(w.network, recipe.ppo) for w in self.learners]
        env = RoboSumo(range(recipe.num_envs), robots=(robot, robot), num_threads=num_threads)
        self.opponents = OpponentSampler(
            recipe.num_envs,
            num_learners=num_learners,
            action_size=env.action_sizes[1],
            fixed_opponents=[Wrestler.from_state(s, robot=robot) for s in fixed_opponents],
            self_play_fraction=recipe.self_play_fraction,
            zero_action_fraction=recipe.zero_action_fraction,
            random_fraction=recipe.random_fraction,
            fixed_opponent_fraction=recipe.fixed_opponent_fraction,
            pool_size=recipe.opponent_pool_size,
        )
        self.rollouts = RolloutCollector(
            env, self.learners, self.opponents, context=self.context, rewards=recipe.rewards
        )
        self.history: list[dict[str, Any]] = []
        self.seconds: list[float] = []

    def _make_learner(self, number: int, parents: Sequence[Mapping[str, Tensor]]) -> Wrestler:
        sizes = {name: getattr(self.context, name) for name in ("context_size", "critic_size")}
        if not parents:
            return Wrestler(
                self.robot,
                generator=make_generator(*self.key, SelfPlayStream.INITIAL_WEIGHTS, number),
                hidden_size=self.recipe.hidden_size,
                action_std=self.recipe.action_std,
                **sizes,
            )
        learner = Wrestler.from_state(parents[number], robot=self.robot, source="a parent")
        if any(getattr(learner, name) != size for name, size in sizes.items()):
            raise ValueError(f"parents: they must be like the context, which has {sizes}")
        if learner.memory_size and not self.recipe.only_fixed_opponents:
            raise ValueError("parents: one with a memory must meet fixed opponents alone")
        learner.network.log_std.data.clamp_(max=math.log(self.recipe.action_std))
        return learner

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return len(self.history)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON; a context by its name."""
        return {
            "key": list(self.key),
            "recipe": dataclasses.asdict(self.recipe),
            "robot": self.robot,
            "num_learners": len(self.learners),
            "context": self.context.name,
            **self.checksums,
        }

    def step(self) -> dict[str, Any]:
        """Does one iteration, and adds its summary to ``history``."""
        iteration, recipe, started = self.iteration, self.recipe, time.perf_counter()
        streams = SelfPlayStream.ROLLOUTS, SelfPlayStream.OPPONENTS, SelfPlayStream.CONTEXT_NOISE
        generator, opponent_generator, context_generator = (
            make_generator(*self.key, stream, iteration) for stream in streams
        )
        # Learners that only differ in their contexts meet the same opponents in the same order.
        if not recipe.only_fixed_opponents:
            opponent_generator = generator
        self.rollouts.begin(
            generator=generator,
            opponent_generator=opponent_generator,
            context_generator=context_generator,
        )
        logs = []
        for _ in range(recipe.num_rollouts):
            collected = self.rollouts.collect(recipe.rollout_length)
            for number, rollout in enumerate(collected):
                logs.append(self._update(number, rollout, generator))
        if not recipe.only_fixed_opponents:
            self.opponents.add_versions(self.learners, generator)
        before = self.history[-1]["samples"] if self.history else 0
        self.history.append(
            {
                "samples": before + recipe.num_rollouts * collected[0].rewards.numel(),
                "action_std": [w.network.log_std.exp().mean().item() for w in self.learners],
                "learning_rates": list(self.learning_rates),
                **{name: float(np.mean([log[name] for log in logs])) for name in logs[0]},
                **self.rollouts.summary(),
            }
        )
        self.seconds.append(round(time.perf_counter() - started, 2))
        return self.history[-1]

    def _update(
        self, number: int, rollout: ppo.Rollout, generator: torch.Generator
    ) -> dict[str, float]:
        learner, optimiser = self.learners[number], self.optimisers[number]
        rate = min(self.learning_rates[number], self.recipe.learning_rate(self.iteration))
        optimiser.param_groups[0]["lr"] = rate
        fit_critic = self.iteration < self.recipe.critic_iterations
        augment = None if learner.memory_size else self.augment
        options = {"augment": augment, "fit_critic": fit_critic, "generator": generator}
        log = ppo.update(learner.network, optimiser, rollout, self.recipe.ppo, **options)
        self.learning_rates[number] = rate * (0.9 if log["stopped"] else 1.02)
        with torch.no_grad():
            learner.network.log_std.clamp_(min=math.log(self.recipe.min_action_std))
        return log

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next iteration needs."""
        tensors = files.with_prefix("context.", self.context.state())
        for number, (learner, optimiser, pool) in enumerate(
            zip(self.learners, self.optimisers, self.opponents.pools, strict=True)
        ):
            tensors |= files.with_prefix(f"learner.{number}.", learner.state_dict())
            own = files.optimiser_tensors(optimiser)
            tensors |= files.with_prefix(f"optimiser.{number}.", own)
            for age, wrestler in enumerate(pool):
                tensors |= files.with_prefix(f"pool.{number}.{age}.", wrestler.state_dict())
        names = "history", "seconds", "learning_rates"
        return tensors, {name: getattr(self, name) for name in names}

    def load_state(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        """Loads what `state` returned."""

        def part(prefix: str) -> dict[str, Tensor]:
            return files.without_prefix(prefix, tensors)

        for number, (learner, optimiser, pool) in enumerate(
            zip(self.learners, self.optimisers, self.opponents.pools, strict=True)
        ):
            learner.load_state_dict(part(f"learner.{number}."))
            files.restore_optimiser(optimiser, part(f"optimiser.{number}."))
            pool.clear()
            while state := part(f"pool.{number}.{len(pool)}."):
                pool.append(copy.deepcopy(learner).requires_grad_(False))
                pool[-1].load_state_dict(state)
        self.context.load_state(part("context."))
        self.history, self.seconds = list(metadata["history"]), list(metadata["seconds"])
        self.learning_rates = list(metadata["learning_rates"])
