"""Training new wrestlers that condition on embeddings of their opponents (Section 4.2).

``python -m reproduction.policy_optimisation "Emb-Hyb 0"`` trains one of the policies of Figure 4,
that of a variant and a seed, and goes on from where it was stopped. Policies are independent: a
cluster trains them side by side.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from paperlib import files
from paperlib.agents import contexts, ppo, robosumo_policies
from paperlib.agents.contexts import OpponentContext
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe, Training
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import results, runner, wrestlers
from reproduction.comparisons import EPISODES, METHODS
from reproduction.jobs import Progress

State = Mapping[str, Tensor]
# What the opponent_context of each variant is
VARIANTS = {
    "no embedding": "zeros",
    **dict.fromkeys(METHODS, "online"),
    **{"offline": "offline", "random": "random", "oracle": "oracle"},
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opponents:
    """Whom new policies meet, and what is known of them.

    The opponents are some of the wrestlers that the encoder learned from, and strangers that
    neither it nor the new policies ever met before a game counts. What is known of one beforehand
    comes from matches with others of its own part of Table 1's strong split.

    Attributes:
        encoder_seed: of Table 1: its strong split and its encoders are used.
        num_opponents: of its training wrestlers, drawn at random; and as many test wrestlers.
        wrestlers_folder, table_1_folder, sumo_encoders_folder: what it stands on.
    """

    encoder_seed: int
    num_opponents: int = 5
    wrestlers_folder: str | Path
    table_1_folder: str | Path
    sumo_encoders_folder: str | Path

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> Opponents:
        """What these parameters of a notebook describe; others among them are ignored."""
        names = {field.name for field in dataclasses.fields(cls)} & set(parameters)
        folders = {name for name in names if name.endswith("_folder")}
        given = {name: parameters[name] for name in names - folders}
        return cls(**given, **{name: results.resolve(parameters[name]) for name in folders})

    @functools.cached_property
    def population(self) -> dict[str, Wrestler]:
        return robosumo_policies.load(Path(self.wrestlers_folder) / "population.safetensors")[0]

    @functools.cached_property
    def parts(self) -> dict[str, list[int]]:
        """The agents of the strong split, by "train", "validation" and "test"."""
        found = results.load(self.table_1_folder)["values"]["strong_agents"]
        if str(self.encoder_seed) not in found:
            raise ValueError(
                f"encoder_seed must be one of Table 1's, {', '.join(found)}; got "
                f"{self.encoder_seed}"
            )
        return found[str(self.encoder_seed)]

    @property
    def groups(self) -> dict[str, list[int]]:
        """The opponents of the training, "train", and strangers, "test"."""
        known, most = self.parts["train"], min(len(self.parts[part]) for part in ("train", "test"))
        if not 1 <= self.num_opponents <= most:
            raise ValueError(
                f"num_opponents must be 1 to {most}, of whom there are as many in Table 1's "
                f"training and test parts; got {self.num_opponents}"
            )
        order = torch.randperm(len(known), generator=make_generator(self.encoder_seed, 501))
        train = sorted(known[k] for k in order[: self.num_opponents].tolist())
        return {"train": train, "test": self.parts["test"][: self.num_opponents]}

    @functools.cached_property
    def dataset(self) -> InteractionDataset:
        """The matches of Table 1."""
        return InteractionDataset.load(Path(self.sumo_encoders_folder) / EPISODES)

    def encoder(self, method: str) -> Path:
        """Where the encoder of a method is."""
        return Path(self.sumo_encoders_folder) / f"strong_{method}_{self.encoder_seed}.safetensors"

    @functools.cached_property
    def _embedded(self) -> dict[tuple[str, str], tuple[Tensor, Tensor]]:
        return {}

    def embeddings(self, method: str, part: str) -> tuple[Tensor, Tensor]:
        """Embeddings of all episodes among a part's agents, and whose they are."""
        if (method, part) not in self._embedded:
            graph = InteractionGraph.complete(len(self.population)).induced(self.parts[part])
            rows = self.dataset.rows_on_edges(graph)
            model = PolicyEmbedder.load(self.encoder(method))
            embedded = model.embed(self.dataset, rows)
            self._embedded[method, part] = embedded, self.dataset.agents[rows]
        return self._embedded[method, part]

    def context_spec(self, variant: str) -> dict[str, Any]:
        """What a variant is told of its opponents: arguments of `make_opponent_context`.

        Raises:
            ValueError: if there is no such variant.
        """
        if variant not in VARIANTS:
            raise ValueError(f"variants must be among {', '.join(VARIANTS)}; got {variant!r}")
        kind = VARIANTS[variant]
        method = variant if variant in METHODS else "Emb-Hyb"
        model = self.encoder(method)
        known = {"kind": kind}
        known["context_size"] = PolicyEmbedder.load(model).settings.embedding_size
        if kind == "online":
            known |= {"model": model, "embeddings": self.embeddings(method, "train")[0]}
        if kind == "offline":
            fixed = torch.zeros(len(self.population), known["context_size"])
            for part, agents in self.groups.items():
                embedded, whose = self.embeddings(method, part)
                for who in agents:
                    fixed[who] = embedded[whose == who].mean(0)
            known |= {"offline": fixed, "embeddings": self.embeddings(method, "train")[0]}
        return known

    def load_policies(
        self, folder: str | Path, variants: Sequence[str], seeds: Sequence[int]
    ) -> dict[tuple[str, int], Wrestler]:
        """Figure 4's trained policies, by variant and seed.

        Raises:
            FileNotFoundError: if one is not there.
            ValueError: if a file is damaged, a policy was told other things in its training than
                these encoders tell, or their trainings differ in more than that and the seed.
        """
        policies, recipes = {}, {}
        for variant in variants:
            name = _checksum(self.context_spec(variant))
            for seed in seeds:
                path = Path(folder) / f"{variant} {seed}.safetensors"
                found, provenance = robosumo_policies.load(path)
                training = provenance["training"]
                if training["opponent_context"] != name:
                    raise ValueError(
                        f"{path}: its training had other encoders; run Figure 4's notebook again"
                    )
                policy = policies[variant, seed] = next(iter(found.values()))
                nothing = _newborn(seed).with_context(policy.context_size).state_dict()
                start, *fixed_opponents = training["ancestry"]
                if start == files.tensor_checksum(nothing, ""):  # each seed has its own
                    start = "nothing"
                recipes[path] = training["recipe"] | {
                    "start": start,
                    "fixed_opponents": fixed_opponents,
                }
        first = next(iter(recipes))
        for path, recipe in recipes.items():
            if recipe != recipes[first]:
                raise ValueError(
                    f"{path}: its training was not that of {first.name}; run Figure 4's notebook "
                    "again, with all seeds and variants"
                )
        return policies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(Opponents):
    """All that the policies of Figure 4 have in common.

    Attributes:
        num_iterations: of each training; after each, games are played.
        num_rollouts: rollouts of a iteration.
        num_envs: side by side.
        learning_rate: of Adam, at the start.
        num_epochs: passes over each rollout.
        minibatch_size: samples of an update.
        num_games: against each opponent, for each point of a curve but the last.
        num_last_games: the same, for the last point.
        start: the shipped wrestler whose weights all variants start from; "" for none.
        policies_folder: where the policies go.
    """

    num_iterations: int
    num_rollouts: int
    num_envs: int
    learning_rate: float
    num_epochs: int = ppo.Settings.num_epochs
    minibatch_size: int = ppo.Settings.minibatch_size
    num_games: int
    num_last_games: int
    start: str
    policies_folder: str | Path

    def __post_init__(self) -> None:
        for name in ("num_games", "num_last_games"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")

    def job(self, variant: str, seed: int) -> dict[str, Any]:
        """Arguments of `optimise`."""
        settings = ppo.Settings(
            learning_rate=self.learning_rate,
            discount=0.995,
            num_epochs=self.num_epochs,
            minibatch_size=self.minibatch_size,
        )
        recipe = Recipe(
            num_iterations=self.num_iterations,
            num_rollouts=self.num_rollouts,
            num_envs=self.num_envs,
            self_play_fraction=0.0,
            zero_action_fraction=0.0,
            random_fraction=0.0,
            fixed_opponent_fraction=1.0,
            rewards=wrestlers.BASE,
            ppo=settings,
            action_std=0.15 if self.start else 0.6,
            min_action_std=0.1,
        )
        if self.start:
            shipped, _ = robosumo_policies.load(wrestlers.SHIPPED)
            if self.start not in shipped:
                raise ValueError(
                    f"start must be '' or one of {', '.join(shipped)}; got {self.start!r}"
                )
            first = shipped[self.start]
        else:
            first = _newborn(seed)
        return {
            "name": f"{variant} {seed}",
            "key": (seed, 503),
            "recipe": recipe,
            "start": first.state_dict(),
            "states": [wrestler.state_dict() for wrestler in self.population.values()],
            "groups": self.groups,
            "context_spec": self.context_spec(variant),
            "num_games": self.num_games,
            "num_last_games": self.num_last_games,
            "folder": self.policies_folder,
        }


def _newborn(seed: int) -> Wrestler:
    """Where a training that starts from nothing starts."""
    return Wrestler(generator=make_generator(seed, 502))


def make_opponent_context(
    context_spec: Mapping[str, Any], num_envs: int, opponents: Sequence[int]
) -> OpponentContext:
    """An opponent_context of some of the opponents.

    Args:
        context_spec: arguments of `OpponentContext`, but that "model" may be a file, "offline" has a row for
            each opponent there is.
        num_envs: side by side.
        opponents: which rows of "offline" it tells of, in this order.
    """
    known = dict(context_spec)
    if isinstance(known.get("model"), Path):
        known["model"] = PolicyEmbedder.load(known["model"])
    if known.get("offline") is not None:
        known["offline"] = known["offline"][list(opponents)]
    return OpponentContext(num_envs=num_envs, num_opponents=len(opponents), **known)


def evaluate(
    learner: Wrestler,
    context_spec: Mapping[str, Any],
    states: Sequence[State],
    opponents: Sequence[int],
    *,
    num_games: int,
    key: Sequence[int],
) -> list[dict[str, float]]:
    """Shares of games that a learner won, lost and drew against each of some opponents.

    Args:
        learner: with a context.
        context_spec: see `make_opponent_context`.
        states: of all opponents.
        opponents: which of them play.
        num_games: against each.
        key: of the random streams.
    """
    opponent_context = make_opponent_context(context_spec, num_games * len(opponents), opponents)
    numbers = np.arange(len(opponents)).repeat(num_games)
    fixed_opponents = [Wrestler.from_state(states[who]) for who in opponents]
    # One thread: policies are jobs of one core each
    played = contexts.meet(
        [(learner, opponent_context)], fixed_opponents, numbers, key=key, num_threads=1
    )
    return [played.select(numbers == k).shares() for k in range(len(opponents))]


def optimise(
    *,
    name: str,
    key: Sequence[int],
    recipe: Recipe,
    start: State,
    states: Sequence[State],
    groups: Mapping[str, Sequence[int]],
    context_spec: Mapping[str, Any],
    num_games: int,
    num_last_games: int,
    folder: str | Path,
    progress: Progress = lambda done: None,
) -> list[dict[str, Any]]:
    """A job for `jobs.run_jobs`: trains one policy against the opponents of the group "train",
    and lets it play games against every group before the first iteration and after each.

    All is written to ``folder / NAME.safetensors``, with a checkpoint beside it that is taken up.

    Args:
        name: of the policy.
        key: of the random streams.
        recipe: with ``self_play_fraction=0`` and ``fixed_opponent_fraction=1``.
        start: `state_dict` of the wrestler that it starts from, without a context.
        states: of all opponents.
        groups: which of them are "train", and any others.
        context_spec: see `make_opponent_context`.
        num_games: against each opponent, before the last iteration.
        num_last_games: the same, after it.
        folder: of all policies.
        progress: told of each iteration.

    Returns:
        For each iteration from 0 on: its number, samples, and for each group shares of each opponent.

    Raises:
        ValueError: if a file is damaged. One of another training is made anew.
    """
    folder = Path(folder)
    known = {**context_spec, "name": _checksum(context_spec)}
    opponent_context = make_opponent_context(known, recipe.num_envs, groups["train"])
    training = Training(
        *(key, recipe),
        parents=[
            Wrestler.from_state(start).with_context(opponent_context.context_size).state_dict()
        ],
        fixed_opponents=[states[who] for who in groups["train"]],
        opponent_context=opponent_context,
    )
    identity = {**training.identity(), "groups": groups}
    identity |= {"num_games": num_games, "num_last_games": num_last_games}
    identity["opponents"] = [files.tensor_checksum(state, "") for state in states]
    identity = files.plain(identity)
    target, checkpoint = (
        place / f"{name}.safetensors" for place in (folder, folder / "checkpoints")
    )
    if target.exists():
        found = robosumo_policies.load(target)[1]
        if found["training"] == identity:
            progress(recipe.num_iterations + 1)
            return found["curve"]
    games = checkpoint.with_suffix(".json")
    played = files.load_json(games) if games.exists() and checkpoint.exists() else {}
    curve: list[dict[str, Any]] = []
    seconds: list[float] = []  # that each of its points took; no part of the result
    if played.get("training") == identity and training.load(checkpoint):
        known_points = len(training.history) + 1
        curve, seconds = (played[part][:known_points] for part in ("curve", "seconds"))
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    progress(len(curve))
    while len(curve) <= recipe.num_iterations:
        started = time.perf_counter()
        if curve:
            training.train_iteration()
        iteration, learner = len(training.history), training.learners[0]
        point: dict[str, Any] = {"iteration": iteration}
        point["samples"] = training.history[-1]["samples"] if iteration else 0
        for number, (group, opponents) in enumerate(groups.items()):
            point[group] = evaluate(
                *(learner, context_spec, states, opponents),
                num_games=num_games if iteration < recipe.num_iterations else num_last_games,
                key=(*key, 3, iteration, number),
            )
        curve.append(point)
        seconds.append(round(time.perf_counter() - started, 2))
        files.save_json(games, {"training": identity, "curve": curve, "seconds": seconds})
        training.save(checkpoint)
        progress(1)
    provenance = {"training": identity, "curve": curve, "seconds": sum(seconds)}
    provenance["versions"] = results.versions()
    robosumo_policies.save(target, {name: training.learners[0]}, provenance)
    return curve


def _checksum(context_spec: Mapping[str, Any]) -> str:
    """What stands for context_spec of opponents in the identity of a training."""

    def told(value: Any) -> Any:
        if isinstance(value, Path):  # not its bytes: those of two equal encoders may differ
            value = files.tensor_checksum(PolicyEmbedder.load(value).state_dict(), "")
        return files.tensor_checksum({"": value}, "") if isinstance(value, Tensor) else value

    content = {what: told(value) for what, value in context_spec.items()}
    return files.text_checksum(files.plain(content))


def main(arguments: list[str] | None = None) -> None:
    """The command line: one training."""
    parser = argparse.ArgumentParser(description="Train one policy of Figure 4.")
    parser.add_argument("name", help='variant and seed, such as "Emb-Hyb 0"')
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--results", default="results", type=Path, help="folder of all results")
    options = parser.parse_args(arguments)
    try:
        parameters = runner.parameters_of("figure_4", options.profile, options.results)
        variant, _, seed = options.name.rpartition(" ")
        if variant not in parameters["variants"] or seed not in map(str, parameters["seeds"]):
            raise ValueError(
                f"name must be one of the variants {parameters['variants']} and one of the seeds "
                f"{parameters['seeds']}, got {options.name!r}"
            )
        torch.set_num_threads(1)
        job = Study.from_parameters(parameters).job(variant, int(seed))
        with tqdm(
            total=job["recipe"].num_iterations + 1, desc=options.name, unit="iteration"
        ) as bar:
            optimise(**job, progress=bar.update)
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
