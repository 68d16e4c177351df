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

from paperlib import files, matches, ppo, streams
from paperlib.informants import Informant
from paperlib.robosumo import RoboSumo, Step
from paperlib.shaping import RewardWeights
from paperlib.wrestlers import Wrestler

STILL, RANDOM = 0, 1  # the first opponents; rivals and earlier versions of learners follow


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How wrestlers train.

    A training is a number of chapters. Each begins with new matches, ends with a checkpoint, and
    draws from a random stream of its own: one that was interrupted goes on as if it had not been.

    Attributes:
        num_chapters: chapters.
        num_rounds: rollouts of a chapter, each followed by an update.
        num_matches: matches side by side; half of them between the learners (or of the only one
            with itself), half against the learners' opponents.
        num_steps: of a rollout.
        mutual_share: of the matches: between the learners.
        still_share: of the other matches: against a motionless robot.
        random_share: of the other matches: against one that acts at random.
        rival_share: of the other matches: against given rivals. What is left goes to earlier
            versions of the learner.
        num_earlier: earlier versions that are remembered.
        rewards: what for.
        ppo: settings.
        rate_fall: share of the learning rate that is gone by the end, falling linearly.
        deviation: of the actions at the start; the largest that a learner takes from its parent.
        min_deviation: that it cannot fall below.
        hidden_size: of the networks.
    """

    num_chapters: int
    num_rounds: int = 25
    num_matches: int = 128
    num_steps: int = 64
    mutual_share: float = 0.5
    still_share: float = 0.4
    random_share: float = 0.1
    rival_share: float = 0.0
    num_earlier: int = 8
    rewards: RewardWeights = dataclasses.field(default_factory=RewardWeights)
    ppo: ppo.Settings = dataclasses.field(default_factory=ppo.Settings)
    rate_fall: float = 0.9
    deviation: float = 0.6
    min_deviation: float = 0.1
    hidden_size: int = 64

    def __post_init__(self) -> None:
        for name in ("num_chapters", "num_rounds", "num_matches", "num_steps", "num_earlier"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        shares = self.still_share, self.random_share, self.rival_share
        if not 0 <= self.mutual_share <= 1 or min(shares) < 0 or sum(shares) > 1:
            raise ValueError(
                "mutual_share must lie in 0 to 1, and so must still_share, random_share, "
                f"rival_share and their sum; got {self.mutual_share} and {shares}"
            )
        if not 0 <= self.rate_fall <= 1:
            raise ValueError(f"rate_fall must lie in 0 to 1, got {self.rate_fall}")
        if not 0 < self.min_deviation <= self.deviation:
            raise ValueError(
                f"deviation must be at least min_deviation > 0, got {self.deviation} and "
                f"{self.min_deviation}"
            )


class Training:
    """One learner, or two that wrestle with each other, and all that their training needs.

    Args:
        key: the random stream.
        recipe: how to train.
        num_learners: 1 for self-play, 2 for a pair.
        parents: `state_dict`s that the learners start from, one each; none starts from nothing.
        rivals: `state_dict`s of opponents that do not learn.
        robot: which robot they are.
        informant: tells the learner of its opponents; all of its matches must be with rivals.
        num_threads: of the physics; decides nothing.
    """

    def __init__(
        self,
        key: Sequence[int],
        recipe: Recipe,
        *,
        num_learners: int = 1,
        parents: Sequence[Mapping[str, Tensor]] = (),
        rivals: Sequence[Mapping[str, Tensor]] = (),
        robot: str = "ant",
        informant: Informant | None = None,
        num_threads: int = 1,
    ) -> None:
        if informant and (recipe.mutual_share > 0 or recipe.rival_share < 1):
            raise ValueError("informant: with one, mutual_share must be 0 and rival_share 1")
        if recipe.rival_share > 0 and not rivals:
            raise ValueError(f"rivals: rival_share is {recipe.rival_share}, but there are none")
        self.informant = informant
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
                deviation=recipe.deviation,
                context_size=informant.context_size if informant else 0,
            )
            for number in range(num_learners)
        ]
        for learner, parent in zip(self.learners, parents, strict=False):
            learner.load_state_dict(parent)
            learner.network.log_deviation.data.clamp_(max=math.log(recipe.deviation))
        self.rivals = [Wrestler.from_state(state, robot=robot) for state in rivals]
        self.ancestry = [files.tensor_checksum(state, "") for state in (*parents, *rivals)]
        self.optimisers = [ppo.make_optimiser(w.network, recipe.ppo) for w in self.learners]
        self.earlier: list[list[Wrestler]] = [[] for _ in self.learners]
        self.history: list[dict[str, Any]] = []
        self.seconds: list[float] = []  # that each chapter took; no part of the result
        self.env = RoboSumo(
            range(recipe.num_matches), robots=(robot, robot), num_threads=num_threads
        )
        # Matches: first those between the learners, then each learner's against its opponents.
        self.num_mutual = round(recipe.mutual_share * recipe.num_matches)
        bounds = np.linspace(self.num_mutual, recipe.num_matches, num_learners + 1).astype(int)
        self.matches = [np.arange(a, b) for a, b in itertools.pairwise(bounds)]

    def train_chapter(self) -> dict[str, Any]:
        """Plays and learns one chapter; what it brought is added to ``history``."""
        chapter, recipe, started = len(self.history), self.recipe, time.perf_counter()
        generator = streams.make_generator(*self.key, 1, chapter)
        seeds = torch.randint(2**62, (recipe.num_matches,), generator=generator)
        self.observations = self.env.reset(seeds=seeds.tolist())
        self.opponents = np.full(recipe.num_matches, matches.SOMEBODY_ELSE)
        # Who is told different things of opponents meets the same ones, one after another.
        stream = streams.make_generator(*self.key, 2, chapter) if self.informant else generator
        self.noise = streams.make_generator(*self.key, 4, chapter)  # for the informant's vectors
        self._begin(np.arange(recipe.num_matches), stream)
        fall = recipe.rate_fall * chapter / recipe.num_chapters
        rate = recipe.ppo.learning_rate * (1 - fall)
        tallies: list[dict[str, list[tuple[int, int]]]] = [{} for _ in self.learners]
        logs = []
        for _ in range(recipe.num_rounds):
            rollouts = self._roll_out(generator, stream, tallies)
            for learner, optimiser, rollout in zip(
                self.learners, self.optimisers, rollouts, strict=True
            ):
                optimiser.param_groups[0]["lr"] = rate
                logs.append(
                    ppo.update(learner.network, optimiser, rollout, recipe.ppo, generator=generator)
                )
                with torch.no_grad():
                    learner.network.log_deviation.clamp_(min=math.log(recipe.min_deviation))
        if not self.informant:  # who is told of opponents meets given rivals alone
            self._remember(generator)
        self.history.append(self._summary(tallies, logs, rollouts))
        self.seconds.append(round(time.perf_counter() - started, 2))
        return self.history[-1]

    def save(self, path: str | Path) -> None:
        """Writes all that the next chapter needs."""
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
        if self.informant:
            tensors["informant"] = self.informant.table
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
        if self.informant:
            self.informant.table = tensors["informant"]
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
            **({"informant": self.informant.name} if self.informant else {}),
        }

    def _begin(self, numbers: NDArray[np.int64], generator: torch.Generator) -> None:
        """What is due where matches begin."""
        before = self.opponents[numbers]
        self._draw_opponents(numbers, generator)
        if self.informant:
            self.informant.learn(numbers, before - 2)
            self.informant.begin(numbers, self.opponents[numbers] - 2, generator=self.noise)

    def _remember(self, generator: torch.Generator) -> None:
        """The learners as they are become earlier versions of themselves."""
        for learner, pool in zip(self.learners, self.earlier, strict=True):
            if len(pool) == self.recipe.num_earlier:
                del pool[torch.randint(len(pool), (), generator=generator).item()]
            pool.append(copy.deepcopy(learner).requires_grad_(False))

    def _draw_opponents(self, numbers: NDArray[np.int64], generator: torch.Generator) -> None:
        """New opponents where a match begins that is not between the learners."""
        recipe, others = self.recipe, 2 + len(self.rivals)
        shares = np.cumsum([recipe.still_share, recipe.random_share, recipe.rival_share])
        for match in numbers[numbers >= self.num_mutual]:
            learner = int(np.searchsorted([own[-1] for own in self.matches], match))
            first = others + sum(len(pool) for pool in self.earlier[:learner])
            rivals, earlier = range(2, others), range(first, first + len(self.earlier[learner]))
            kind = int(np.searchsorted(shares, torch.rand((), generator=generator), side="right"))
            group = (None, None, rivals, earlier)[kind]
            if group:
                self.opponents[match] = group[torch.randint(len(group), (), generator=generator)]
            else:
                self.opponents[match] = RANDOM if kind == RANDOM else STILL

    def _players(self) -> list[matches.Player]:
        size = self.env.action_sizes[1]
        others = matches.Still(size), matches.UniformlyRandom(size)
        return [*others, *self.rivals, *itertools.chain(*self.earlier)]

    def _seats(self, learner: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Matches in which a learner is the first robot, and those in which it is the second."""
        mutual, own = np.arange(self.num_mutual), self.matches[learner]
        if len(self.learners) == 1:
            return np.concatenate([mutual, own]), mutual
        return (np.concatenate([mutual, own]), own[:0]) if learner == 0 else (own, mutual)

    def _roll_out(
        self,
        generator: torch.Generator,
        stream: torch.Generator,
        tallies: list[dict[str, list[tuple[int, int]]]],
    ) -> list[ppo.Rollout]:
        seats = [self._seats(number) for number in range(len(self.learners))]
        kept: list[list[tuple[Tensor, ...]]] = [[] for _ in self.learners]
        sizes = [(self.recipe.num_matches, size) for size in self.env.action_sizes]
        players = self._players()
        for _ in range(self.recipe.num_steps):
            actions = [np.zeros(size, dtype=np.float32) for size in sizes]
            chosen = []
            for learner, (first, second) in zip(self.learners, seats, strict=True):
                inputs = self._inputs(learner, first, second)
                with torch.no_grad():
                    drawn, density, value = learner.network.act(inputs, generator=generator)
                actions[0][first] = drawn[: len(first)].numpy()
                actions[1][second] = drawn[len(first) :].numpy()
                chosen.append((inputs, drawn, density, value))
            matches.fill_in(
                *(actions[1], self.observations[1], players, self.opponents),
                memories={},
                generator=generator,
            )
            if self.informant:
                self.informant.watch(self.observations[1], actions[1], self.env.playing)
            step = self.env.step(actions)
            rewards = self.recipe.rewards.rewards(self.observations, step, self.env.fields)
            self.observations = step.observations
            for number, (first, second) in enumerate(seats):
                reward = np.concatenate([rewards[first, 0], rewards[second, 1]])
                ended = np.concatenate([step.done[first], step.done[second]])
                kept[number].append(
                    (*chosen[number], torch.from_numpy(reward), torch.from_numpy(ended))
                )
            if step.done.any():
                self._count(step, seats, tallies)
                self._begin(np.flatnonzero(step.done), stream)
        rollouts = []
        for learner, steps, (first, second) in zip(self.learners, kept, seats, strict=True):
            tensors = [torch.stack(part) for part in zip(*steps, strict=True)]
            with torch.no_grad():
                inputs = self._inputs(learner, first, second)
                last = learner.network.value(learner.network.standardiser(inputs))[..., 0]
            rollouts.append(ppo.Rollout(*tensors, last_values=last))
        return rollouts

    def _inputs(
        self, learner: Wrestler, first: NDArray[np.int64], second: NDArray[np.int64]
    ) -> Tensor:
        seen = np.concatenate([self.observations[0][first], self.observations[1][second]])
        context = self.informant.contexts[first] if self.informant else None
        return learner.features(torch.from_numpy(seen), context)

    def _count(
        self,
        step: Step,
        seats: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
        tallies: list[dict[str, list[tuple[int, int]]]],
    ) -> None:
        rivals = dict.fromkeys(range(2, 2 + len(self.rivals)), "rival")
        names = {matches.SOMEBODY_ELSE: "mutual", STILL: "still", RANDOM: "random"} | rivals
        for (first, second), tally in zip(seats, tallies, strict=True):
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
        """Of a chapter: samples, matches and results of each learner, averages of the updates."""
        before = self.history[-1]["samples"] if self.history else 0
        summary: dict[str, Any] = {
            "samples": before + self.recipe.num_rounds * rollouts[0].rewards.numel(),
            "deviation": [w.network.log_deviation.exp().mean().item() for w in self.learners],
            **{name: float(np.mean([log[name] for log in logs])) for name in logs[0]},
        }
        for name in ("mutual", "still", "random", "rival", "earlier"):
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
