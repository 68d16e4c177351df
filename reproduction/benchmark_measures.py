"""The benchmark's measures of embeddings, and of references that learn nothing."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import torch
from torch import Tensor

from paperlib import metrics
from paperlib.alternatives.merging import merge_steps
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from reproduction import distances, identification
from reproduction.benchmark_tasks import Features, Task

ORDERED = ("GRU", "Transformer (sequence)")  # encoders to which the order of steps matters
STEP_SHARES = (0.05, 0.1, 0.25, 0.5, 1.0)  # shares of an episode, from its beginning
Row = dict[str, Any]


def without_partners(dataset: InteractionDataset) -> InteractionDataset:
    """The dataset without the partners' steps, which most objectives do not look at."""
    return dataclasses.replace(
        dataset, partner_observations=None, partner_actions=None, num_partner_actions=0
    )


def measure(features: Features, task: Task, *, generator: torch.Generator) -> Row:
    """All measures of embeddings, or other features, of labelled episodes and those to identify.

    Returns:
        ``linear`` and ``nearest``, accuracies as published (`identification`); ``ratio``, the IICR
        of labelled episodes; ``correlation``, the rank correlation of distances between agents'
        mean embeddings and how differently they play; ``by_labels``, the nearest neighbour's
        accuracy with one labelled episode of each agent, two, and so on. NaN where all embeddings
        are the same.
    """
    labelled, queries, labels = *features, (task.labelled.agents, task.queries.agents)
    agents, index = labels[0].unique(return_inverse=True)
    num_labelled = len(labelled) // len(agents)
    by_labels = []
    for count in range(1, num_labelled + 1):
        first = torch.arange(len(labelled)) % num_labelled < count
        by_labels.append(
            identification.nearest_accuracy(labelled[first], labels[0][first], queries, labels[1])
        )
    collapsed = (labelled == labelled[0]).all() or num_labelled < 2
    means = (
        torch.zeros(len(agents), labelled.shape[1]).index_add_(0, index, labelled) / num_labelled
    )
    correlation = distances.rank_correlation(distances.between(means.numpy()), task.differences)
    return {
        "linear": identification.linear_accuracy(
            labelled, labels[0], queries, labels[1], generator=generator
        ),
        "nearest": by_labels[-1],
        "ratio": math.nan
        if collapsed
        else metrics.intra_inter_clustering_ratio(labelled, labels[0]),
        "correlation": correlation,
        "by_labels": by_labels,
    }


def as_seen(dataset: InteractionDataset, task: Task, encoder: str) -> InteractionDataset:
    """The dataset, with equal steps merged if there are many and the encoder ignores order."""
    return merge_steps(dataset) if task.few_steps and encoder not in ORDERED else dataset


def learning_data(
    task: Task, encoder: str, objective: str, seen: dict[tuple[bool, bool], InteractionDataset]
) -> InteractionDataset:
    """The dataset that a cell learns from; ``seen`` caches it, with partners and without, for
    encoders to which the order of steps matters and for others."""
    partners = objective == "LIAM"
    key = partners, encoder in ORDERED
    if key not in seen:
        data = task.learning if partners else without_partners(task.learning)
        seen[key] = as_seen(data, task, encoder)
    return seen[key]


def measure_encoder(
    model: PolicyEmbedder, task: Task, encoder: str, *, generator: torch.Generator
) -> Row:
    """`measure` of an encoder's embeddings, and ``by_steps``, the nearest neighbour's accuracy if
    the encoder sees the first `STEP_SHARES` of the longest episode's steps."""

    def embed(dataset: InteractionDataset, num_time_steps: int) -> Tensor:
        seen = without_partners(dataset).first_steps(num_time_steps)
        return model.embed(as_seen(seen, task, encoder))

    longest, by_steps = task.labelled.observations.shape[1], []
    for share in STEP_SHARES:
        count = max(1, round(share * longest))
        features = embed(task.labelled, count), embed(task.queries, count)
        by_steps.append(
            identification.nearest_accuracy(
                features[0], task.labelled.agents, features[1], task.queries.agents
            )
        )
    return {**measure(features, task, generator=generator), "by_steps": by_steps}


def references(task: Task, generator: torch.Generator) -> list[Row]:
    """Rows of references that learn nothing: chance, features, and likelihoods as ceilings."""
    chance = 1 / len(task.labelled.agents.unique())
    accuracies = {"chance": chance, **task.ceilings}
    rows = [
        {"objective": name, **measure(features, task, generator=generator)}
        for name, features in task.references.items()
    ]
    rows += [{"objective": n, "linear": a, "nearest": a} for n, a in accuracies.items()]
    return [{"encoder": "", **row} for row in rows]
