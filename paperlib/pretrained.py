"""Pretrained models by name: encoders of the paper's tables, and agents of both environments.

`names` lists them, `load` loads one, and `provenance` says how it was made. Model cards with
data, training, numbers and limits stand beside the files: ``paperlib/weights/README.md`` on
encoders, ``paperlib/agents/weights/README.md`` on agents.
"""

from __future__ import annotations

import importlib.resources
from importlib.resources.abc import Traversable
from typing import Any

from paperlib import _checks, files
from paperlib.embeddings import PolicyEmbedder

SUFFIX = ".safetensors"


def _encoders() -> dict[str, Traversable]:
    """Files of encoders: ``weights/WORLD/MODEL.safetensors``."""
    worlds = [part for part in _weights("paperlib").iterdir() if part.is_dir()]
    found = [(world.name, file) for world in worlds for file in world.iterdir()]
    stems = [(world, file.name.removesuffix(SUFFIX), file) for world, file in found]
    return {f"{world}/{stem}": file for world, stem, file in stems if stem != file.name}


def _agents() -> dict[str, Traversable]:
    """Files of populations, and of wrestlers of all kinds."""
    found = {}
    for file in _weights("paperlib.agents").iterdir():
        stem = file.name.removesuffix(SUFFIX)
        if stem != file.name:
            world = "robosumo" if stem.startswith("wrestlers") else "particleworld"
            found[f"{world}/{stem.replace('_', '-')}"] = file
    return found


def _weights(package: str) -> Traversable:
    return importlib.resources.files(package) / "weights"


def names() -> list[str]:
    """All names that `load` accepts, such as "particleworld/emb-hyb-weak"."""
    return sorted({**_encoders(), **_agents()})


def load(name: str) -> Any:
    """A pretrained model.

    Args:
        name: one of `names`. Encoders are named after their world, method, and the split whose
            training edges they learned from.

    Returns:
        `PolicyEmbedder` for an encoder, `agents.populations.Population` for a population, and a
        dictionary of `agents.robosumo_policies.Wrestler` for all others: by name in
        "robosumo/wrestlers"; by opponent, plus "all" and "all-seen", in
        "robosumo/wrestlers-best-responses", or plus "all" in "robosumo/wrestlers-specialists";
        and in "robosumo/wrestlers-contextual" by variant and seed, such as "Emb-Hyb 0".

    Raises:
        ValueError: if there is no such model, or its file is damaged.
    """
    path = _find(name)
    with importlib.resources.as_file(path) as file:
        if name in _encoders():
            return PolicyEmbedder.load(file)
        if name.startswith("robosumo/"):
            from paperlib.agents import robosumo_policies

            return robosumo_policies.load(file)[0]
        from paperlib.agents.populations import Population

        return Population.load(file)


def provenance(name: str) -> dict[str, Any]:
    """How a pretrained model was made: data, random stream, settings, versions.

    Args:
        name: one of `names`.

    Raises:
        ValueError: if there is no such model, or its file is damaged.
    """
    with importlib.resources.as_file(_find(name)) as file:
        metadata = files.load_tensors(file)[1]
    return metadata.get("source") or metadata.get("provenance") or metadata


def _find(name: str) -> Traversable:
    found = {**_encoders(), **_agents()}
    if name not in found:
        raise ValueError(
            f"name: there is no pretrained model {name!r}; "
            f"{_checks.hint(name, found, cutoff=0.0)} pretrained.names() lists all"
        )
    return found[name]
