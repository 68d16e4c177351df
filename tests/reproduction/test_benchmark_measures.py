"""Measures of embeddings that are known, and rows of what learns nothing."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from paperlib.alternatives.merging import merge_steps
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from reproduction import benchmark_measures, distances
from reproduction.benchmark_measures import STEP_SHARES, as_seen, learning_data, measure, references
from reproduction.benchmark_tasks import Task


def make_task(*, num_agents=4, num_labelled=3, few_steps=True):
    """Agents k that see 0 or 1 and do 1 with probability k / N."""
    rng = np.random.default_rng(0)

    def episodes(count):
        agents = np.arange(num_agents).repeat(count)
        seen = rng.integers(2, size=(len(agents), 20, 1))
        done = rng.random((len(agents), 20)) < agents[:, None] / num_agents
        return InteractionDataset.from_arrays(seen, done.astype(int), agents, num_actions=2)

    places = np.arange(num_agents)
    apart = np.abs(places[:, None] - places).astype(float)
    features = torch.zeros(num_agents * num_labelled, 2), torch.zeros(num_agents * 2, 2)
    labelled, queries = episodes(num_labelled), episodes(2)
    return Task(
        labelled, labelled, queries, apart, {"nothing": features}, {"oracle": 0.9}, few_steps
    )


def test_perfect_embeddings(generator):
    task = make_task()
    places = torch.nn.functional.one_hot(torch.arange(4)).float() * 10
    features = places[task.labelled.agents], places[task.queries.agents]
    found = measure(features, task, generator=generator)
    assert found["linear"] == found["nearest"] == 1.0 and found["ratio"] == 0.0
    assert found["by_labels"] == [1.0, 1.0, 1.0]
    line = task.labelled.agents[:, None].float() + 1, task.queries.agents[:, None].float() + 1
    assert measure(line, task, generator=generator)["correlation"] == pytest.approx(1.0)


def test_more_labels_are_those_of_each_agent(generator):
    task = make_task()
    features = torch.randn(12, 3, generator=generator), torch.randn(8, 3, generator=generator)
    features[0][1::3] = 5 * torch.eye(4)[:, :3] - 2  # the second of each
    features[1][:] = features[0][1::3].repeat_interleave(2, 0)
    found = measure(features, task, generator=generator)["by_labels"]
    assert found[0] < 1 and found[1] == found[2] == 1.0


def test_correlation_is_that_of_the_mean_embeddings(generator):
    task = make_task()
    labelled, queries = torch.randn(12, 3, generator=generator), torch.zeros(8, 3)
    means = labelled.view(4, 3, 3).mean(1).numpy()
    expected = distances.rank_correlation(distances.between(means), task.differences)
    found = measure((labelled, queries), task, generator=generator)
    assert found["correlation"] == pytest.approx(expected)


def test_embeddings_that_are_all_the_same(generator):
    task = make_task()
    found = measure(task.references["nothing"], task, generator=generator)
    assert math.isnan(found["ratio"]) and math.isnan(found["correlation"])
    assert found["nearest"] == 0.25


@pytest.mark.parametrize("encoder", ["mean-MLP", "GRU"])
def test_steps_are_merged_where_their_order_does_not_matter(encoder, generator):
    task = make_task()
    merged = as_seen(task.labelled, task, encoder)
    assert (merged.step_counts is None) == (encoder == "GRU")
    assert as_seen(task.labelled, task._replace(few_steps=False), encoder) is task.labelled
    model = PolicyEmbedder(1, 2, generator=generator)
    found = benchmark_measures.measure_encoder(model, task, encoder, generator=generator)
    assert len(found["by_steps"]) == len(STEP_SHARES)
    assert found["by_steps"][-1] == found["nearest"]
    torch.testing.assert_close(model.embed(merge_steps(task.labelled)), model.embed(task.labelled))


def test_what_is_learned_from_is_kept_with_partners_and_without():
    task, seen = make_task(), {}
    data = task.learning
    both = {"partner_observations": data.observations, "partner_actions": data.actions}
    task = task._replace(learning=dataclasses.replace(data, num_partner_actions=2, **both))
    found = [learning_data(task, "mean-MLP", name, seen) for name in ("VAE", "LIAM", "Emb-Im")]
    assert found[0] is found[2] and [d.has_partner_steps for d in found[:2]] == [False, True]
    assert found[0].step_counts is not None
    assert learning_data(task, "GRU", "VAE", seen).step_counts is None


def test_references_hold_chance_features_and_ceilings(generator):
    rows = {row["objective"]: row for row in references(make_task(), generator)}
    assert list(rows) == ["nothing", "chance", "oracle"]
    assert rows["chance"]["linear"] == 0.25 and rows["oracle"]["nearest"] == 0.9
    assert {row["encoder"] for row in rows.values()} == {""}
