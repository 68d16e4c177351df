"""Opponent contexts of a few matches, for tests."""

import torch

from paperlib.agents.contexts import OpponentContext, principal_components
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.streams import make_generator

SETTINGS = Settings(
    embedding_size=6, hidden_size=5, likelihood="gaussian", normalize_observations=True
)


def make_context(kind, model=None, **changes):
    generator = make_generator(4)
    options = {
        "num_envs": 8,
        "num_opponents": 2,
        "context_size": 6,
        "model": model,
        "components": principal_components(torch.randn(20, 6, generator=generator), 6),
        "offline": torch.randn(2, 6, generator=generator),
    }
    return OpponentContext(kind, **options | changes)


def make_specs(folder, generator):
    """Arguments of `policy_games.make_opponent_context` for four opponents, by kind."""
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    path = folder / "encoder.safetensors"
    PolicyEmbedder(120, 8, settings=settings, generator=generator).save(path)
    embeddings, offline = torch.randn(2, 9, 6, generator=generator)
    components = principal_components(embeddings, 6)
    shared = {"context_size": 6, "components": components, "offline": offline[:4], "model": path}
    kinds = "online", "offline", "random", "zeros", "oracle"
    sizes = {"oracle": {"context_size": 2}}  # it knows two training opponents
    return {kind: {"kind": kind, **shared, **sizes.get(kind, {})} for kind in kinds}
