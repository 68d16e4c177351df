"""Policies that condition on what is known of their opponent, with all that they need to play.

One file holds the policies of Figure 4 and how their contexts are computed; the encoders are files
beside it. `load` reads what a run of that notebook wrote, `load_shipped` what comes with the
package.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import nn

from paperlib import pretrained
from paperlib.agents import robosumo_policies
from paperlib.agents.contexts import Components
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder
from reproduction.policy_games import mean_score
from reproduction.policy_training import checksum_of

SHIPPED = "robosumo/wrestlers-contextual"
FILE = "policies.safetensors"


@dataclasses.dataclass(frozen=True)
class ContextualPolicies:
    """Trained policies.

    Attributes:
        policies: by variant and seed, such as ("Emb-Hyb", 0).
        encoders: by method, for variants with online embeddings.
        provenance: "groups", names of the opponents; "contexts", of each variant what `make_spec`
            takes; "checksums" of opponents and encoders; and "trainings", of each policy, such as
            "Emb-Hyb 0", its learning curve, wall time, versions and machine.

    Raises:
        ValueError: if the policies were trained with other encoders.
    """

    policies: Mapping[tuple[str, int], Wrestler]
    encoders: Mapping[str, PolicyEmbedder]
    provenance: Mapping[str, Any]

    def __post_init__(self) -> None:
        self._check("encoders", self.encoders)

    @property
    def samples(self) -> list[int]:
        """At the points of every learning curve."""
        first = next(iter(self.provenance["trainings"].values()))
        return [point["samples"] for point in first["curve"]]

    def curves(
        self, variants: Sequence[str], seeds: Sequence[int], groups: Sequence[str]
    ) -> dict[str, list[list[float]]]:
        """Mean scores against each group of opponents, in training: under "VARIANT GROUP", of each
        seed."""
        trainings = self.provenance["trainings"]
        return {
            f"{variant} {group}": [
                [mean_score(point[group]) for point in trainings[f"{variant} {seed}"]["curve"]]
                for seed in seeds
            ]
            for variant, group in product(variants, groups)
        }

    def context_spec(self, variant: str, names: Sequence[str]) -> dict[str, Any]:
        """Arguments of `policy_games.make_opponent_context`.

        Args:
            variant: the variant of one of the policies.
            names: names of all possible opponents.
        """
        return make_spec(self.provenance["contexts"][variant], self.encoders, names)

    def groups(self, names: Sequence[str]) -> dict[str, list[int]]:
        """Numbers of the opponents, by group.

        Args:
            names: names of all possible opponents.
        """
        found = self.provenance["groups"]
        return {group: [list(names).index(name) for name in own] for group, own in found.items()}

    def check(self, population: Mapping[str, Wrestler]) -> None:
        """Refuses policies that were trained against other opponents, and groups of opponents that
        overlap.

        Raises:
            ValueError: if they were, or do.
        """
        everyone = [name for own in self.provenance["groups"].values() for name in own]
        if twice := sorted({name for name in everyone if everyone.count(name) > 1}):
            raise ValueError(f"groups of opponents overlap: {', '.join(twice)} in more than one")
        self._check("opponents", population)

    def _check(self, kind: str, here: Mapping[str, nn.Module]) -> None:
        for name, checksum in self.provenance["checksums"][kind].items():
            if name not in here or checksum_of(here[name]) != checksum:
                raise ValueError(
                    f"the policies were trained with other {kind} than those here: {name!r} is "
                    "not the same; train them from scratch"
                )

    def save(self, folder: Path) -> None:
        """Writes policies, without their value functions, and encoders."""
        named = {f"{variant} {seed}": policy for (variant, seed), policy in self.policies.items()}
        robosumo_policies.save(folder / FILE, named, self.provenance, to_play=True)
        for method, model in self.encoders.items():
            model.save(folder / f"{method}.safetensors")


def make_spec(
    context: Mapping[str, Any], encoders: Mapping[str, Any], names: Sequence[str]
) -> dict[str, Any]:
    """Arguments of `policy_games.make_opponent_context`.

    Args:
        context: the same as JSON: components and offline embeddings, by opponent, are lists, and
            "method" says which encoder is meant.
        encoders: by method: models, or files of them.
        names: names of all possible opponents.
    """
    spec = dict(context)
    if "components" in spec:
        spec["components"] = Components(*map(torch.tensor, spec["components"]))
    if "method" in spec:
        spec["model"] = encoders[spec.pop("method")]
    if "offline" in spec:
        known = {name: torch.tensor(own) for name, own in spec["offline"].items()}
        unknown = torch.zeros(len(next(iter(known.values()))))
        spec["offline"] = torch.stack([known.get(name, unknown) for name in names])
    return spec


def load(folder: str | Path) -> ContextualPolicies:
    """Reads what `ContextualPolicies.save` wrote.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if one is damaged, or the encoders are not those of the policies.
    """
    policies, provenance = robosumo_policies.load(Path(folder) / FILE)
    methods = provenance["checksums"]["encoders"]
    encoders = {m: PolicyEmbedder.load(Path(folder) / f"{m}.safetensors") for m in methods}
    return _restored(policies, encoders, provenance)


def load_shipped() -> ContextualPolicies:
    """Loads the policies that come with the package."""
    provenance = pretrained.provenance(SHIPPED)
    methods = provenance["checksums"]["encoders"]
    encoders = {m: pretrained.load(f"robosumo/{m.lower()}-strong") for m in methods}
    return _restored(pretrained.load(SHIPPED), encoders, provenance)


def _restored(
    policies: Mapping[str, Wrestler],
    encoders: Mapping[str, PolicyEmbedder],
    provenance: Mapping[str, Any],
) -> ContextualPolicies:
    keys = (name.rpartition(" ") for name in policies)
    named = {(v, int(seed)): policies[f"{v} {seed}"] for v, _, seed in keys}
    return ContextualPolicies(named, encoders, provenance)
