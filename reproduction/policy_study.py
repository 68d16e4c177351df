"""The study of Figure 4: opponents, contexts and trainings of its policies."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paperlib import _checks
from paperlib.agents import robosumo_policies
from paperlib.agents.contexts import principal_components
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import comparison_files, contextual_policies, policy_training, results, wrestlers
from reproduction.comparison_files import METHODS, encoder_path, episodes_path
from reproduction.contextual_policies import ContextualPolicies
from reproduction.policy_training import checksum_of
from reproduction.streams import Stream

SEEN = "all-seen"  # the best response to the training opponents together; where all others start
CONDITIONINGS = ("concatenation", "FiLM")
OTHERWISE = "other conditioning"  # Emb-Hyb, conditioned in the other way
MEMORY_SIZE = 32  # size of the GRU in the recurrent variant
# The kind of opponent context of each variant
VARIANTS = {
    "no embedding": "zeros",
    **dict.fromkeys(METHODS, "online"),
    OTHERWISE: "online",
    "offline": "offline",
    "random": "random",
    "oracle": "oracle",
    "recurrent": "zeros",
}


def draw_opponents(
    parts: Mapping[str, Sequence[int]], num_opponents: int, *, seed: int
) -> dict[str, list[int]]:
    """Opponents, by "train" and "test": random agents of one part, and the first of the other.

    Args:
        parts: agents of a strong split, by part.
        num_opponents: number of opponents from each part.
        seed: seed of the split.

    Raises:
        ValueError: if a part has fewer agents, or the parts share some.
    """
    if both := {*parts["train"]} & {*parts["test"]}:
        raise ValueError(f"Table 1's training and test parts share wrestlers {sorted(both)}")
    seen, most = parts["train"], min(len(parts[part]) for part in ("train", "test"))
    if not 1 <= num_opponents <= most:
        raise ValueError(
            f"num_opponents must be 1 to {most}, the size of the smaller of Table 1's training "
            f"and test parts; got {num_opponents}"
        )
    order = torch.randperm(len(seen), generator=make_generator(seed, Stream.FIGURE_4_OPPONENTS))
    train = sorted(seen[k] for k in order[:num_opponents].tolist())
    return {"train": train, "test": list(parts["test"][:num_opponents])}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Opponents:
    """The opponents of new policies, and what is known of them beforehand.

    Seen opponents are wrestlers that the encoder learned from; unseen ones are met in games only,
    by policies and encoder alike. Offline embeddings come from an opponent's matches within its own
    part of Table 1's strong split.

    Attributes:
        encoder_seed: the seed of Table 1 whose strong split and encoders are used.
        num_opponents: drawn from its training wrestlers; and as many test wrestlers.
        num_components: principal components of embeddings that make up a context.
        num_episodes: how many last episodes of an opponent online embeddings average over.
        wrestlers_folder, table_1_folder, sumo_encoders_folder: results that it stands on.
    """

    encoder_seed: int
    num_opponents: int
    num_components: int
    num_episodes: int
    wrestlers_folder: str | Path
    table_1_folder: str | Path
    sumo_encoders_folder: str | Path

    @functools.cached_property
    def population(self) -> dict[str, Wrestler]:
        """All wrestlers, by name."""
        return wrestlers.load_population(results.resolve(self.wrestlers_folder))

    @functools.cached_property
    def parts(self) -> dict[str, list[int]]:
        """The agents of the strong split, by "train", "validation" and "test"."""
        table_1 = results.load(results.resolve(self.table_1_folder))
        found = table_1["values"]["strong_agents"]
        if str(self.encoder_seed) not in found:
            raise ValueError(
                f"encoder_seed must be one of Table 1's, {', '.join(found)}; got "
                f"{self.encoder_seed}"
            )
        return found[str(self.encoder_seed)]

    @property
    def groups(self) -> dict[str, list[int]]:
        """Numbers of the opponents: "train", met in training, and "test", unseen."""
        return draw_opponents(self.parts, self.num_opponents, seed=self.encoder_seed)

    @functools.cached_property
    def episodes(self) -> tuple[InteractionDataset, str]:
        """The matches of Table 1, which all of its seeds share, and their checksum."""
        first = results.load(results.resolve(self.table_1_folder))["seeds"][0]
        folder = results.resolve(self.sumo_encoders_folder)
        return comparison_files.load_episodes(episodes_path(folder, first))

    @property
    def encoders(self) -> dict[str, Path]:
        """The file of each method's encoder."""
        folder = results.resolve(self.sumo_encoders_folder)
        return {m: encoder_path(folder, "strong", m, self.encoder_seed) for m in METHODS}

    @functools.cached_property
    def _embedded(self) -> dict[tuple[str, str], tuple[Tensor, Tensor]]:
        return {}

    def embeddings(self, method: str, part: str) -> tuple[Tensor, Tensor]:
        """Embeddings of all episodes among a part's agents, and whose they are.

        Raises:
            ValueError: if the encoder did not learn from the training part's episodes.
        """
        if (method, part) not in self._embedded:
            everyone = InteractionGraph.complete(len(self.population))
            (dataset, data), train = self.episodes, everyone.induced(self.parts["train"])
            rows = dataset.rows_on_edges(everyone.induced(self.parts[part]))
            path = self.encoders[method]
            model = comparison_files.load_encoder(path, data=data, graph=train, notebook="table_1")
            self._embedded[method, part] = model.embed(dataset, rows), dataset.agents[rows]
        return self._embedded[method, part]

    def context(self, variant: str) -> dict[str, Any]:
        """What a variant conditions on; see `contextual_policies.make_spec`.

        Raises:
            ValueError: if there is no such variant.
        """
        if variant not in VARIANTS:
            raise ValueError(f"variants must be among {', '.join(VARIANTS)}; got {variant!r}")
        kind, method = VARIANTS[variant], variant if variant in METHODS else "Emb-Hyb"
        size = self.num_components
        if variant in ("oracle", "recurrent"):
            size = self.num_opponents if variant == "oracle" else 0
        context: dict[str, Any] = {"kind": kind, "context_size": size, "tells_critic": True}
        if kind in ("online", "offline"):
            known, _ = self.embeddings(method, "train")
            context["components"] = [c.tolist() for c in principal_components(known, size)]
        if kind == "online":
            context |= {"method": method, "num_episodes": self.num_episodes}
        if kind == "offline":
            context["offline"] = {}
            for part, agents in self.groups.items():
                embedded, whose = self.embeddings(method, part)
                for agent in agents:
                    name = list(self.population)[agent]
                    context["offline"][name] = embedded[whose == agent].mean(0).tolist()
        return context


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(Opponents):
    """Everything that the policies of Figure 4 have in common.

    Attributes:
        conditioning: one of `CONDITIONINGS`: how policies take contexts in.
        num_iterations: training iterations; the first one fits the value function alone.
        num_rollouts: rollouts per iteration.
        num_envs: matches played at a time.
        learning_rate: Adam's initial learning rate.
        num_games: against each opponent, for each point of a learning curve.
        games_every: iterations from one point of a learning curve to the next.
        best_responses_folder: results that it stands on, too.
        policies_folder: folder for the policies.
    """

    conditioning: str
    num_iterations: int
    num_rollouts: int
    num_envs: int
    learning_rate: float
    num_games: int
    games_every: int
    best_responses_folder: str | Path
    policies_folder: str | Path

    def __post_init__(self) -> None:
        _checks.one_of("conditioning", self.conditioning, CONDITIONINGS)
        for name in ("num_games", "games_every"):
            _checks.integer(name, getattr(self, name), minimum=1)

    @property
    def recipe(self) -> Recipe:
        """The recipe that all policies are trained with."""
        return policy_training.outcome_recipe(
            num_iterations=self.num_iterations,
            num_rollouts=self.num_rollouts,
            num_envs=self.num_envs,
            learning_rate=self.learning_rate,
            critic_iterations=1,
        )

    @functools.cached_property
    def initial_policy(self) -> Wrestler:
        """Where all policies start: the one that was trained against all training opponents.

        Raises:
            ValueError: if it was trained against others.
        """
        path = results.resolve(self.best_responses_folder) / "responses.safetensors"
        policies, provenance = robosumo_policies.load(path)
        names = list(self.population)
        due = {
            names[agent]: checksum_of(self.population[names[agent]])
            for agent in self.groups["train"]
        }
        own = provenance[SEEN]
        if {name: own["checksums"].get(name) for name in own["opponents"]} != due:
            raise ValueError(
                f"{path}: its policy {SEEN!r} was trained against other opponents than "
                f"{', '.join(due)}; run the notebook best_responses again"
            )
        return policies[SEEN]

    def job(self, variant: str, seed: int) -> dict[str, Any]:
        """Arguments of `policy_training.train_policy`."""
        context = self.context(variant)
        other = CONDITIONINGS[CONDITIONINGS.index(self.conditioning) - 1]
        conditioning = other if variant == OTHERWISE else self.conditioning
        return {
            "name": f"{variant} {seed}",
            "folder": results.resolve(self.policies_folder),
            "key": (seed, Stream.FIGURE_4_POLICIES),
            "recipe": self.recipe,
            "initial_policy": self.initial_policy.state_dict(),
            "opponents": [wrestler.state_dict() for wrestler in self.population.values()],
            "groups": self.groups,
            "context_spec": contextual_policies.make_spec(
                context, self.encoders, list(self.population)
            ),
            "learner": {
                "film": conditioning == "FiLM",
                "memory_size": MEMORY_SIZE if variant == "recurrent" else 0,
            },
            "num_games": self.num_games,
            "games_every": self.games_every,
        }

    def assemble(self, variants: Sequence[str], seeds: Sequence[int]) -> ContextualPolicies:
        """The trained policies, with all that they need to play.

        Raises:
            FileNotFoundError: if one is not there.
            ValueError: if a file is damaged.
        """
        policies, trainings = {}, {}
        folder = results.resolve(self.policies_folder)
        for variant in variants:
            for seed in seeds:
                name = f"{variant} {seed}"
                policies[variant, seed], made = policy_training.load_policy(folder, name)
                trainings[name] = {key: made.get(key) for key in ("curve", *policy_training.COST)}
        contexts = {variant: self.context(variant) for variant in variants}
        methods = sorted({own["method"] for own in contexts.values() if "method" in own})
        encoders = {method: PolicyEmbedder.load(self.encoders[method]) for method in methods}
        names = list(self.population)
        numbers = {**self.groups, "validation": self.parts["validation"]}
        groups = {part: [names[k] for k in own] for part, own in numbers.items()}
        opponents = {name: self.population[name] for own in groups.values() for name in own}
        provenance = {
            "groups": groups,
            "contexts": contexts,
            "checksums": {
                kind: {name: checksum_of(model) for name, model in models.items()}
                for kind, models in (("opponents", opponents), ("encoders", encoders))
            },
            "recipe": dataclasses.asdict(self.recipe),
            "conditioning": self.conditioning,
            "trainings": trainings,
        }
        return ContextualPolicies(policies, encoders, provenance)
