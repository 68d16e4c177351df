"""Trains one policy against fixed opponents, with games now and then."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from paperlib import files, training
from paperlib.agents import ppo, robosumo_policies
from paperlib.agents.contexts import Components
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe, SelfPlay
from paperlib.embeddings import PolicyEmbedder
from paperlib.streams import SelfPlayStream, make_generator
from paperlib.training import Progress, no_progress
from reproduction import results
from reproduction.policy_games import Weights, evaluate_groups, make_opponent_context

COST = ("seconds", "versions", "machine")  # in a policy's provenance
OUTCOME = dataclasses.replace(  # a reward for nothing else: what is learned is what is reported
    RewardWeights(),
    **{field.name: 0.0 for field in dataclasses.fields(RewardWeights)} | {"win": 1.0, "loss": 1.0},
)


def outcome_recipe(
    *, num_iterations: int, num_rollouts: int, num_envs: int, learning_rate: float, **changes: Any
) -> Recipe:
    """How a policy that fights well already learns to win against fixed opponents.

    Args:
        num_iterations, num_rollouts, num_envs: see `Recipe`.
        learning_rate: Adam's initial learning rate.
        changes: other fields of the recipe.
    """
    return Recipe(
        num_iterations=num_iterations,
        num_rollouts=num_rollouts,
        num_envs=num_envs,
        self_play_fraction=0.0,
        zero_action_fraction=0.0,
        random_fraction=0.0,
        fixed_opponent_fraction=1.0,
        rewards=OUTCOME,
        ppo=ppo.Settings(learning_rate=learning_rate, num_epochs=8, minibatch_size=1024),
        action_std=0.25,
        min_action_std=0.1,
        **changes,
    )


def checksum_of(model: nn.Module) -> str:
    """Checksum of a model's weights."""
    return files.tensor_checksum(model.state_dict())


def context_checksum(context_spec: Mapping[str, Any]) -> str:
    """Stands for the context in the identity of a training."""

    def content(value: Any) -> Any:
        value = PolicyEmbedder.load(value) if isinstance(value, Path) else value
        if isinstance(value, PolicyEmbedder):
            value = checksum_of(value)
        if isinstance(value, Components):
            return [content(part) for part in value]
        return files.tensor_checksum({"": value}) if isinstance(value, Tensor) else value

    return files.text_checksum(files.plain({n: content(v) for n, v in context_spec.items()}))


class PolicyTraining:
    """A training against fixed opponents, with games now and then; see `training.Training`.

    Its steps are the points of the learning curve, the first one games before any training.

    Args:
        key: key of the random streams.
        recipe: how to train; all opponents must be fixed.
        initial_policy: the wrestler that it starts from, which has no context.
        opponents: all opponents.
        groups: numbers of those that are met: in training, "train", and in games, all groups.
        context_spec: see `make_opponent_context`.
        num_games: against each opponent, for each point of the curve.
        games_every: iterations from one point of the curve to the next; the last may be fewer.
        learner: more arguments of `Wrestler.with_context`, such as a memory's size.

    Attributes:
        curve: for each point its iteration, the samples so far, and for each group the shares of
            games against each opponent.
        seconds: that each point of the curve took; not part of the result.
    """

    def __init__(
        self,
        *,
        key: Sequence[int],
        recipe: Recipe,
        initial_policy: Weights,
        opponents: Sequence[Weights],
        groups: Mapping[str, Sequence[int]],
        context_spec: Mapping[str, Any],
        num_games: int,
        games_every: int = 1,
        learner: Mapping[str, Any] | None = None,
    ) -> None:
        named = {**context_spec, "name": context_checksum(context_spec)}
        context = make_opponent_context(named, recipe.num_envs, groups["train"])
        first = Wrestler.from_state(initial_policy).with_context(
            context.context_size,
            critic_size=context.critic_size,
            generator=make_generator(*key, SelfPlayStream.INITIAL_WEIGHTS, 0),
            **(learner or {}),
        )
        self.selfplay = SelfPlay(
            key,
            recipe,
            parents=[first.state_dict()],
            fixed_opponents=[opponents[number] for number in groups["train"]],
            context=context,
        )
        self.opponents, self.groups, self.context_spec = opponents, groups, context_spec
        self.num_games, self.games_every = num_games, games_every
        self.curve: list[dict[str, Any]] = []
        self.seconds: list[float] = []

    @property
    def iteration(self) -> int:
        return len(self.curve)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that decides the result, as JSON."""
        return {
            **self.selfplay.identity,
            "groups": self.groups,
            "num_games": self.num_games,
            "games_every": self.games_every,
            "opponents": [files.tensor_checksum(weights) for weights in self.opponents],
        }

    def step(self) -> None:
        """Trains, but for the first point, and plays games against every group."""
        started, recipe = time.perf_counter(), self.selfplay.recipe
        until = min(self.games_every * len(self.curve), recipe.num_iterations)
        while self.selfplay.iteration < until:
            self.selfplay.step()
        iteration = self.selfplay.iteration
        samples = self.selfplay.history[-1]["samples"] if iteration else 0
        games = evaluate_groups(
            groups=self.groups,
            key=(*self.selfplay.key, SelfPlayStream.EVALUATION, iteration),
            learner=self.selfplay.learners[0],
            context_spec=self.context_spec,
            opponents=self.opponents,
            num_games=self.num_games,
        )
        self.curve.append({"iteration": iteration, "samples": samples, **games})
        self.seconds.append(round(time.perf_counter() - started, 2))

    def state(self) -> training.State:
        """Everything that the next iteration needs."""
        tensors, metadata = self.selfplay.state()
        return tensors, {"selfplay": metadata, "curve": self.curve, "seconds": self.seconds}

    def load_state(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        """Takes over what `state` returned."""
        self.selfplay.load_state(tensors, metadata["selfplay"])
        self.curve, self.seconds = list(metadata["curve"]), list(metadata["seconds"])


def num_points(num_iterations: int, games_every: int) -> int:
    """Number of points of a learning curve."""
    return 1 + math.ceil(num_iterations / games_every)


def policy_path(folder: str | Path, name: str) -> Path:
    """The file that `train_policy` writes a policy to."""
    return Path(folder) / f"{name}.safetensors"


def load_policy(folder: str | Path, name: str) -> tuple[Wrestler, dict[str, Any]]:
    """A policy that `train_policy` trained, and its provenance: "curve", and its `COST`.

    Raises:
        FileNotFoundError: if it was not trained yet.
        ValueError: if its file is damaged.
    """
    found, provenance = robosumo_policies.load(policy_path(folder, name))
    return found[name], provenance


def train_policy(
    *, name: str, folder: str | Path, progress: Progress = no_progress, **arguments: Any
) -> list[dict[str, Any]]:
    """A job for `jobs.run_jobs`: trains one policy into ``folder / NAME.safetensors``.

    It returns the learning curve. What is there already is kept if it is of the same training, and
    made anew if not; see `training.run_to_file`.

    Args:
        name: name of the policy.
        folder: folder for all policies.
        progress: called with the points done.
        arguments: arguments of `PolicyTraining`.

    Raises:
        ValueError: if a file is damaged.
    """
    policy = PolicyTraining(**arguments)

    def result() -> training.State:
        provenance = {
            "curve": policy.curve,
            "seconds": sum(policy.seconds),
            "versions": results.versions(),
            "machine": results.machine(),
        }
        return robosumo_policies.pack({name: policy.selfplay.learners[0]}, provenance)

    training.run_to_file(
        policy,
        policy_path(folder, name),
        result=result,
        num_iterations=num_points(policy.selfplay.recipe.num_iterations, policy.games_every),
        progress=progress,
        restart=True,
    )
    return load_policy(folder, name)[1]["curve"]
