"""The study of Figure 4: whom new policies meet, what they know of them, and how they train."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from paperlib import files
from paperlib.agents import ppo, robosumo_policies
from paperlib.agents.components import principal_components
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.graphs import InteractionGraph
from paperlib.streams import Stream, make_generator
from reproduction import policy_training, results
from reproduction.comparison_files import METHODS, episodes_path

# The kind of opponent context of each variant
VARIANTS = {
    "no embedding": "zeros",
    **dict.fromkeys(METHODS, "online"),
    "offline": "offline",
    "random": "random",
    "oracle": "oracle",
}


def draw_opponents(
    parts: Mapping[str, Sequence[int]], num_opponents: int, *, seed: int
) -> dict[str, list[int]]:
    """Opponents, by "train" and "test": random agents of one part, and the first of the other.

    Args:
        parts: agents of a strong split, by part.
        num_opponents: of each.
        seed: of the split.

    Raises:
        ValueError: if a part has fewer agents.
    """
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
    """Whom new policies meet, and what is known of them beforehand.

    Seen opponents are wrestlers that the encoder learned from; unseen ones are met in games only,
    by policies and encoder alike. Offline embeddings come from an opponent's matches within its own
    part of Table 1's strong split.

    Attributes:
        encoder_seed: of Table 1: its strong split and its encoders are used.
        num_opponents: drawn from its training wrestlers; and as many test wrestlers.
        num_components: of embeddings, that contexts consist of.
        num_episodes: how many last episodes of an opponent online embeddings average over.
        wrestlers_folder, table_1_folder, sumo_encoders_folder: results that it stands on.
    """

    encoder_seed: int
    num_opponents: int = 5
    num_components: int = 5
    num_episodes: int = 4
    wrestlers_folder: str | Path
    table_1_folder: str | Path
    sumo_encoders_folder: str | Path

    @functools.cached_property
    def population(self) -> dict[str, Wrestler]:
        """All wrestlers, by name."""
        folder = results.resolve(self.wrestlers_folder)
        return robosumo_policies.load(folder / "population.safetensors")[0]

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
    def dataset(self) -> InteractionDataset:
        """The matches of Table 1, which all of its seeds share."""
        first = results.load(results.resolve(self.table_1_folder))["seeds"][0]
        folder = results.resolve(self.sumo_encoders_folder)
        return InteractionDataset.load(episodes_path(folder, first))

    def encoder(self, method: str) -> Path:
        """Where the encoder of a method is."""
        folder = results.resolve(self.sumo_encoders_folder)
        return folder / f"strong_{method}_{self.encoder_seed}.safetensors"

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
        """What a variant conditions on: arguments of `policy_training.make_opponent_context`.

        Raises:
            ValueError: if there is no such variant.
        """
        if variant not in VARIANTS:
            raise ValueError(f"variants must be among {', '.join(VARIANTS)}; got {variant!r}")
        kind, method = VARIANTS[variant], variant if variant in METHODS else "Emb-Hyb"
        size = self.num_components if kind != "oracle" else self.num_opponents
        spec: dict[str, Any] = {"kind": kind, "context_size": size, "tells_critic": True}
        if kind in ("online", "offline"):
            known, _ = self.embeddings(method, "train")
            spec["components"] = principal_components(known, size)
        if kind == "online":
            spec |= {"model": self.encoder(method), "num_episodes": self.num_episodes}
        if kind == "offline":
            spec["offline"] = known.new_zeros(len(self.population), known.shape[1])
            for part, agents in self.groups.items():
                embedded, whose = self.embeddings(method, part)
                for agent in agents:
                    spec["offline"][agent] = embedded[whose == agent].mean(0)
        return spec

    def load_policies(
        self, variants: Sequence[str], seeds: Sequence[int], *, policies_folder: str | Path
    ) -> dict[tuple[str, int], Wrestler]:
        """Figure 4's trained policies, by variant and seed.

        Raises:
            FileNotFoundError: if one is not there.
            ValueError: if a file is damaged, a policy was trained with other encoders, or trainings
                differ in more than variant and seed.
        """
        policies, trainings = {}, {}
        for variant in variants:
            context = policy_training.context_checksum(self.context_spec(variant))
            for seed in seeds:
                path = results.resolve(policies_folder) / f"{variant} {seed}.safetensors"
                found, provenance = robosumo_policies.load(path)
                training = provenance["training"]
                if training["context"] != context:
                    raise ValueError(
                        f"{path}: its training had other encoders; run Figure 4's notebook again"
                    )
                policy = policies[variant, seed] = next(iter(found.values()))
                random = random_policy(seed).with_context(
                    policy.context_size, critic_size=policy.critic_size
                )
                own = [files.tensor_checksum(random.state_dict(), "")]
                trainings[path] = {
                    "recipe": training["recipe"],
                    "start": "random" if training["parents"] == own else training["parents"],
                    "fixed_opponents": training["fixed_opponents"],
                }
        first = next(iter(trainings))
        for path, training in trainings.items():
            if training != trainings[first]:
                raise ValueError(
                    f"{path}: its training was not that of {first.name}; run Figure 4's notebook "
                    "again, with all seeds and variants"
                )
        return policies


@dataclasses.dataclass(frozen=True, kw_only=True)
class Study(Opponents):
    """Everything that the policies of Figure 4 have in common.

    Attributes:
        num_iterations: of each training; games are played after each.
        num_rollouts: in an iteration.
        num_envs: matches played at a time.
        learning_rate: of Adam, at the start.
        num_epochs: passes over each rollout.
        minibatch_size: samples in an update.
        num_games: against each opponent, for each point of a curve but the last.
        num_last_games: the same, for the last point.
        start: the shipped wrestler that all variants start from; "" for random weights.
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

    @property
    def recipe(self) -> Recipe:
        """How all of them train: rewards and discount are those of the wrestlers."""
        settings = ppo.Settings(
            learning_rate=self.learning_rate,
            discount=0.995,
            num_epochs=self.num_epochs,
            minibatch_size=self.minibatch_size,
        )
        return Recipe(
            num_iterations=self.num_iterations,
            num_rollouts=self.num_rollouts,
            num_envs=self.num_envs,
            self_play_fraction=0.0,
            zero_action_fraction=0.0,
            random_fraction=0.0,
            fixed_opponent_fraction=1.0,
            rewards=RewardWeights(),
            ppo=settings,
            action_std=0.15 if self.start else 0.6,
            min_action_std=0.1,
        )

    def initial_policy(self, seed: int) -> Wrestler:
        """Where the policies of a seed start."""
        if not self.start:
            return random_policy(seed)
        shipped, _ = robosumo_policies.load_shipped()
        if self.start not in shipped:
            raise ValueError(f"start must be '' or one of {', '.join(shipped)}; got {self.start!r}")
        return shipped[self.start]

    def job(self, variant: str, seed: int) -> dict[str, Any]:
        """Arguments of `policy_training.train_policy`."""
        return {
            "name": f"{variant} {seed}",
            "folder": results.resolve(self.policies_folder),
            "key": (seed, Stream.FIGURE_4_POLICIES),
            "recipe": self.recipe,
            "initial_policy": self.initial_policy(seed).state_dict(),
            "opponents": [wrestler.state_dict() for wrestler in self.population.values()],
            "groups": self.groups,
            "context_spec": self.context_spec(variant),
            "num_games": self.num_games,
            "num_last_games": self.num_last_games,
        }


def random_policy(seed: int) -> Wrestler:
    """The initial policy of a seed whose policies start from random weights."""
    return Wrestler(generator=make_generator(seed, Stream.FIGURE_4_INITIAL_POLICY))
