"""Best responses: policies that train against one wrestler alone, or against all.

How much more the former win is the value of knowing the opponent; see `value_of_knowing`. All start
from one that is good already, so that they differ in whom they face, not in how well they walk.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from paperlib import _checks, files
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from reproduction import policy_training
from reproduction.policy_games import mean_score
from reproduction.policy_study import SEEN, draw_opponents
from reproduction.streams import Stream
from reproduction.wrestler_measures import strong_split

ALL = "all"  # trains against all opponents


def draw_groups(
    names: Sequence[str],
    *,
    encoder_seed: int,
    num_opponents: int,
    num_validation: int,
    num_test: int,
) -> dict[str, list[str]]:
    """Names of opponents from Table 1's strong split: "train" and "test".

    Args:
        names: names of all wrestlers.
        encoder_seed: the seed of Table 1 whose split is used.
        num_opponents: opponents from each of the training and test parts of the split.
        num_validation, num_test: wrestlers in parts of that split.

    Raises:
        ValueError: if there are too few of them.
    """
    options = {"num_validation": num_validation, "num_test": num_test}
    split = strong_split(encoder_seed, len(names), **options)
    parts = {part: list(getattr(split, part).agents) for part in ("train", "test")}
    drawn = draw_opponents(parts, num_opponents, seed=encoder_seed)
    return {part: [names[agent] for agent in own] for part, own in drawn.items()}


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class BestResponses:
    """Everything that best responses have in common.

    A policy that trains against several opponents gets as many samples with each of them as one
    that trains against that opponent alone, in as many iterations.

    Attributes:
        population: all wrestlers, by name.
        groups: names of the opponents, by group. `SEEN` trains against "train".
        start: the wrestler that `SEEN` starts from, none of the opponents.
        from_start: whether all others start there, too, instead of from `SEEN`, which is left out.
        num_iterations: training iterations of `SEEN`.
        num_response_iterations: training iterations of each other policy.
        num_rollouts: rollouts per iteration and opponent.
        num_envs: matches played at a time.
        learning_rate: Adam's initial learning rate.
        num_games: against each opponent, after each iteration.
        key: key of the random streams.
        folder: folder for the policies.

    Raises:
        ValueError: if there are fewer than two opponents, one is listed twice or is no wrestler, or
            the start is an opponent or no wrestler.
    """

    population: Mapping[str, Wrestler]
    groups: Mapping[str, Sequence[str]]
    start: str
    from_start: bool = False
    num_iterations: int
    num_response_iterations: int
    num_rollouts: int
    num_envs: int
    learning_rate: float
    num_games: int
    key: Sequence[int] = (Stream.BEST_RESPONSES,)
    folder: Path

    def __post_init__(self) -> None:
        if len({*self.opponents}) < max(2, len(self.opponents)):
            raise ValueError(
                f"opponents must be at least two different wrestlers; got {self.opponents}"
            )
        if unknown := [name for name in self.opponents if name not in self.population]:
            raise ValueError(
                f"opponents: {unknown[0]!r} is no wrestler; "
                f"{_checks.hint(unknown[0], self.population)}"
            )
        known = [name for name in self.population if name not in self.opponents]
        if self.start not in known:
            raise ValueError(
                f"start must be a wrestler that is no opponent, one of {', '.join(known)}; got "
                f"{self.start!r}"
            )

    @property
    def opponents(self) -> list[str]:
        """Names of all opponents."""
        return [name for own in self.groups.values() for name in own]

    @property
    def policies(self) -> list[str]:
        """Names of the policies: those of the opponents that they respond to, `ALL` and, unless
        all begin at the start, `SEEN`."""
        own = [*self.opponents, ALL]
        return own if self.from_start else [*own, SEEN]

    def met_by(self, policy: str) -> list[str]:
        """Names of the opponents that a policy trains against."""
        if policy == SEEN:
            return list(self.groups["train"])
        return self.opponents if policy == ALL else [policy]

    def recipe(self, name: str) -> Recipe:
        """How a policy is trained.

        Args:
            name: one of `policies`.
        """
        return policy_training.outcome_recipe(
            num_iterations=self.num_iterations if name == SEEN else self.num_response_iterations,
            num_rollouts=self.num_rollouts * len(self.met_by(name)),
            num_envs=self.num_envs,
            learning_rate=self.learning_rate,
        )

    def job(self, name: str) -> dict[str, Any]:
        """Arguments of `policy_training.train_policy`.

        Args:
            name: one of `policies`.

        Raises:
            FileNotFoundError: if `SEEN`, where it starts, is not trained yet.
        """
        met = self.met_by(name)
        first = self.from_start or name == SEEN
        start = self.population[self.start] if first else self.trained(SEEN)[0]
        return {
            "name": name,
            "folder": self.folder,
            "key": (*self.key, self.policies.index(name)),
            "recipe": self.recipe(name),
            "initial_policy": start.state_dict(),
            "opponents": [self.population[opponent].state_dict() for opponent in met],
            "groups": {"train": list(range(len(met)))},
            "context_spec": {"kind": "zeros", "context_size": 0},
            "num_games": self.num_games,
        }

    def trained(self, name: str) -> tuple[Wrestler, dict[str, Any]]:
        """A trained policy and how it was trained.

        Args:
            name: one of `policies`.
        """
        return policy_training.load_policy(self.folder, name)

    def assemble(self) -> tuple[dict[str, Wrestler], dict[str, Any]]:
        """All policies that were trained, and of each its provenance: whom it met, the learning
        curve of its score, samples, wall time, versions, machine, random stream and recipe, and
        checksums of start and opponents."""
        policies, provenance = {}, {}
        for name in self.policies:
            policies[name], made = self.trained(name)
            curve = [[point["samples"], mean_score(point["train"])] for point in made["curve"]]
            provenance[name] = {
                "opponents": self.met_by(name),
                "curve": curve,
                "samples": curve[-1][0],
                **{key: made.get(key) for key in policy_training.COST},
                **{key: made["training"][key] for key in ("key", "recipe")},
                "checksums": self.checksums,
            }
        return policies, provenance

    @functools.cached_property
    def checksums(self) -> dict[str, str]:
        """Checksums of the start and all opponents, by name."""
        own = (self.start, *self.opponents)
        return {n: policy_training.checksum_of(self.population[n]) for n in own}

    def check(self, policies: Mapping[str, Any], provenance: Mapping[str, Any]) -> None:
        """Refuses policies that were trained against other wrestlers or, where the provenance holds
        the recipe, in another way.

        Raises:
            ValueError: if they were.
        """
        if missing := [name for name in self.policies if name not in policies]:
            raise ValueError(
                f"no best response to {missing[0]!r} is shipped; train it from scratch"
            )
        for name in self.policies:
            made = provenance[name]
            met = made["opponents"], made["checksums"]
            if met != (self.met_by(name), self.checksums):
                raise ValueError(
                    f"the shipped best response to {name!r} met other wrestlers in training than "
                    "those here; train it from scratch"
                )
            asked = _flat(files.plain(dataclasses.asdict(self.recipe(name))))
            found = _flat(made.get("recipe", asked))
            if changed := [key for key in asked if found[key] != asked[key]]:
                raise ValueError(
                    f"the shipped best response to {name!r} was trained with {changed[0]} = "
                    f"{found[changed[0]]}, not {asked[changed[0]]}; train it from scratch"
                )


def _flat(recipe: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in recipe.items():
        flat |= value if isinstance(value, Mapping) else {name: value}
    return flat
