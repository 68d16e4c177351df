"""Compares encoders and objectives on one dataset, all trained and evaluated in the same way."""

from __future__ import annotations

import bisect
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from paperlib import _checks, _dataset_checks
from paperlib.alternatives.deep_sets import DeepSetsEncoder
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder
from paperlib.alternatives.objectives import LIAM, VAE, Classification, InfoNCE, Supervised
from paperlib.alternatives.sequence_encoders import GRUEncoder, TransformerEncoder
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, learn
from paperlib.encoders import EpisodeEncoder, count_weights, embedding_size_of
from paperlib.metrics import embedding_quality, summary_statistics
from paperlib.objectives import Hybrid, Objective, identification, imitation
from paperlib.settings import Settings
from paperlib.streams import make_generator
from paperlib.training import Progress, no_progress

SPLITS = ("episodes", "agents")
Make = Callable[..., nn.Module]  # make(observation_size, action_size, generator=generator)

# Constructors by name, and the number that each hidden size must be a multiple of
ENCODERS: dict[str, tuple[Make, int]] = {
    "mean-MLP": (EpisodeEncoder, 1),
    "gated pooling": (partial(GatedPoolingEncoder, num_slots=20, value_size=5), 1),
    "Deep Sets": (partial(DeepSetsEncoder, embedding_size=100, head_size=64), 1),
    "gated Deep Sets": (
        partial(DeepSetsEncoder, embedding_size=100, head_size=64, gated=True),
        1,
    ),
    "GRU": (GRUEncoder, 1),
    "Transformer (set)": (TransformerEncoder, 2),
    "Transformer (sequence)": (partial(TransformerEncoder, positions=True), 2),
}


OBJECTIVES: dict[str, Objective | type] = {
    "Emb-Im": imitation,
    "Emb-Id": identification,
    "Emb-Hyb": Hybrid(),
    "InfoNCE": InfoNCE(),
    "VAE": VAE,
    "LIAM": LIAM,
}
RESERVED = {"untrained", "supervised", "summary statistics", "chance"}


class Result(NamedTuple):
    """One row of a comparison, measured on episodes that were held out.

    Attributes:
        encoder: name of the encoder; empty for references without one.
        objective: name of the objective, or "untrained" (initial weights), "supervised"
            (`Classification`), "summary statistics" or "chance".
        seed: seed of the split, the weights and the training.
        linear: accuracy of a linear classifier of agents, 0 to 1.
        nearest: accuracy of a nearest-neighbour classifier of agents, 0 to 1.
        ratio: the intra-inter clustering ratio; NaN where all embeddings are the same.
        seconds: wall time of the training.
        num_weights: trainable parameters of the encoder.
    """

    encoder: str
    objective: str
    seed: int
    linear: float
    nearest: float
    ratio: float
    seconds: float = 0.0
    num_weights: int = 0


def matched_hidden_size(
    make: Callable[[int], nn.Module], num_weights: int, *, multiple_of: int = 1
) -> int:
    """The hidden size, a multiple of ``multiple_of``, for which ``make`` builds a network with
    about ``num_weights`` trainable parameters; the smallest one if all have more."""

    def excess(size: int) -> int:
        return count_weights(make(size)) - num_weights

    enough = multiple_of
    while excess(enough) < 0:
        enough *= 2
    sizes = range(multiple_of, enough + 1, multiple_of)
    first = bisect.bisect_left(sizes, 0, key=excess)  # index of the first that is large enough
    return min(sizes[max(0, first - 1) : first + 1], key=lambda size: abs(excess(size)))


def matched_encoders(
    observation_size: int,
    action_size: int,
    *,
    num_weights: int = 0,
    names: Sequence[str] | None = None,
) -> dict[str, Make]:
    """Encoders with hidden sizes that give them about the same number of weights, and embeddings of
    100 numbers.

    Args:
        observation_size: O.
        action_size: A.
        num_weights: number of weights of each; 0 for that of the default `EpisodeEncoder`.
        names: keys of `ENCODERS`; all by default.

    Raises:
        ValueError: if there is no such encoder.
    """
    sizes, generator = (observation_size, action_size), torch.Generator()
    num_weights = num_weights or count_weights(EpisodeEncoder(*sizes, generator=generator))
    found = {}
    for name in ENCODERS if names is None else names:
        _checks.one_of("names", name, ENCODERS)
        make, multiple = ENCODERS[name]
        sized = partial(make, *sizes, generator=generator)
        hidden_size = matched_hidden_size(
            lambda size, sized=sized: sized(hidden_size=size), num_weights, multiple_of=multiple
        )
        found[name] = partial(make, hidden_size=hidden_size)
    return found


def hold_out(
    dataset: InteractionDataset, *, split: str = "episodes", generator: torch.Generator
) -> tuple[InteractionDataset, InteractionDataset]:
    """Random halves of a dataset, one to learn from and one to test on.

    Args:
        dataset: at least four episodes of each agent.
        split: "episodes", half of each agent's (weak generalisation), or "agents", all episodes of
            half of them (strong generalisation). The two views of a match may be in both halves.
        generator: draws the halves; on the CPU, like the dataset.

    Raises:
        ValueError: if the split is unknown, or there are too few episodes or agents.
    """
    _checks.one_of("split", split, SPLITS)
    _dataset_checks.enough_episodes(dataset.agents, minimum=4)
    ids, index = dataset.agents.unique(return_inverse=True)
    if len(ids) < 4:
        raise ValueError(f"dataset: a comparison needs at least four agents, got {len(ids)}")
    if split == "agents":
        held = torch.randperm(len(ids), generator=generator)[: len(ids) // 2]
        test = torch.isin(index, held)
    else:
        shuffled = torch.randperm(len(dataset), generator=generator)
        test = torch.zeros(len(dataset), dtype=torch.bool)
        for agent in range(len(ids)):
            own = shuffled[index[shuffled] == agent]
            test[own[: len(own) // 2]] = True
    return dataset.select(~test), dataset.select(test)


def compare(
    dataset: InteractionDataset,
    *,
    encoders: Mapping[str, Make] | None = None,
    objectives: Mapping[str, Objective | type] | None = None,
    settings: Settings | None = None,
    split: str = "episodes",
    seeds: Sequence[int] = (0, 1, 2),
    references: bool = True,
    device: torch.device | str = "cpu",
    progress: Callable[[Result], None] = lambda result: None,
) -> list[Result]:
    """Trains every encoder with every objective, and measures all on the same held-out episodes.

    Before any full training, every combination does one update, so that errors show at once.
    Weights and draws come from the seeds, the policy is a `ConditionalPolicy`.

    Args:
        dataset: at least four agents with four episodes each; see `hold_out`.
        encoders: by name, functions ``make(observation_size, action_size, generator=generator)``
            or classes; by default `matched_encoders`.
        objectives: objectives by name, or classes that are built for the data and the size of the
            embedding, ``kind(dataset, embedding_size)``; by default `OBJECTIVES`, without LIAM
            where the dataset has no partners' steps.
        settings: settings of every training run.
        split: see `hold_out`.
        seeds: each draws halves, weights and updates of its own.
        references: whether to add rows for references such as chance, see `Result`.
        device: where encoders are trained; on a GPU, the same seeds give other numbers.
        progress: called with each row.

    Returns:
        A row for each seed and combination, and for each reference.

    Raises:
        ValueError: if there is too little data, the machine has no such device, or an encoder or
            an objective is not what `learn` takes; the message begins with the names of both.
    """
    seeds = _checks.integers("seeds", seeds, minimum=0)
    if taken := {*(objectives or ())} & RESERVED:
        raise ValueError(f"objectives: the name {min(taken)!r} is taken by a reference")
    settings, sizes = settings or Settings(), (dataset.observation_size, dataset.action_size)
    encoders = matched_encoders(*sizes) if encoders is None else encoders
    if objectives is None:
        absent = () if dataset.has_partner_steps else ("LIAM",)
        objectives = {name: one for name, one in OBJECTIVES.items() if name not in absent}
    if references:
        objectives = {**objectives, "supervised": Supervised}
    cells = [(name, title) for name in encoders for title in objectives]
    halves = {s: hold_out(dataset, split=split, generator=make_generator(s, 0)) for s in seeds}
    results = []

    def measured(encoder: str, objective: str, embeddings: Tensor, **cost: Any) -> None:
        results.append(Result(encoder, objective, seed, *_measure(embeddings, test.agents), **cost))
        progress(results[-1])

    def learned(
        name: str, title: str, half: InteractionDataset, settings: Settings, seed: int
    ) -> PolicyEmbedder:
        options = {"settings": settings, "generator": make_generator(seed, 2, device=device)}
        try:
            encoder = encoders[name](*sizes, generator=make_generator(seed, 1))
            return train(half, encoder, objectives[title], **options)
        except ValueError as error:
            raise ValueError(f"{name}, {title}: {error}") from None

    once = dataclasses.replace(settings, num_updates=1)
    for name, title in cells:
        try:
            learned(name, title, halves[seeds[0]][0], once, seeds[0])
        except ValueError:
            raise
        except Exception as error:  # of whatever kind: the code is the user's
            raise ValueError(f"{name}, {title}: {_checks.reason(error)}") from error
    for seed, (half, test) in halves.items():
        if references:
            measured("", "chance", torch.zeros(len(test), 1))
            measured("", "summary statistics", summary_statistics(test))
        for name, title in cells:
            start = time.perf_counter()
            model = learned(name, title, half, settings, seed)
            seconds, num_weights = time.perf_counter() - start, count_weights(model.encoder)
            cost = {"seconds": seconds, "num_weights": num_weights}
            measured(name, title, model.embed(test), **cost)
            if title == "supervised":  # once for each encoder: its initial weights
                untrained = encoders[name](*sizes, generator=make_generator(seed, 1))
                model.encoder.load_state_dict(untrained.state_dict())
                measured(name, "untrained", model.embed(test), num_weights=num_weights)
    return results


def train(
    dataset: InteractionDataset,
    encoder: nn.Module,
    objective: Objective | type,
    *,
    settings: Settings,
    generator: torch.Generator,
    progress: Progress = no_progress,
) -> PolicyEmbedder:
    """Calls `learn`, after building the objective for the dataset if it is a class.

    Args:
        dataset: episodes to learn from.
        encoder: a copy of it is trained.
        objective: an objective, or a class that is built for the dataset, as in `OBJECTIVES`.
        settings: how to train; a `Classification` takes all agents in every update.
        generator, progress: see `learn`.
    """
    if isinstance(objective, type):
        size = embedding_size_of(encoder, dataset.observation_size, dataset.action_size)
        objective = objective(dataset, size)
    if isinstance(objective, Classification):  # its labels are all agents, in their order
        settings = dataclasses.replace(settings, agents_per_update=0)
    return learn(
        dataset,
        encoder=encoder,
        objective=objective,
        settings=settings,
        generator=generator,
        progress=progress,
    )


def _measure(
    embeddings: Float[Tensor, "episode embedding"], agents: Int[Tensor, " episode"]
) -> tuple[float, float, float]:
    """Linear and nearest accuracy, and IICR; chance where all embeddings are the same."""
    if (embeddings == embeddings[0]).all():
        return 1 / len(agents.unique()), 1 / len(agents.unique()), math.nan
    quality = embedding_quality(embeddings, agents)
    return quality["linear"], quality["nearest"], quality["ratio"]
