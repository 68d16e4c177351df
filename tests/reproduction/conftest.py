"""Fixtures that several tests of the reproduction share."""

import dataclasses

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from samples import make_dataset

from paperlib import graphs, streams
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population
from paperlib.embeddings import Settings
from reproduction import generalisation, results, statistics, tables
from reproduction.comparisons import Comparison


@pytest.fixture(autouse=True)
def closed_figures():
    """Closes all figures: too many open ones raise a warning, which is an error."""
    yield
    plt.close("all")


@pytest.fixture
def ax():
    return plt.subplots()[1]


@pytest.fixture
def comparison(tmp_path):
    """A comparison with four agents, each of whom met every other agent four times."""
    dataset = make_dataset(num_episodes=12)
    partners = (dataset.agents + 1 + torch.arange(len(dataset)) % 3) % 4
    graph = graphs.InteractionGraph.complete(4)
    splits = {
        ("weak", seed): graphs.weak_split(
            graph, train_fraction=0.6, generator=streams.make_generator(seed)
        )
        for seed in (3, 5)
    }
    dataset = dataclasses.replace(dataset, partners=partners)
    settings = Settings(num_updates=100, embedding_size=4, hidden_size=8, policy_hidden_size=8)
    options = {"anchors_per_step": 9, "stream": 7, "untrained_stream": 8}
    datasets = dict.fromkeys((3, 5), dataset)
    return Comparison(tmp_path / "new", datasets, splits, settings, **options)


@pytest.fixture(scope="session")
def populations():
    """Two populations of six pairs, random networks with messages of two bits."""
    return [
        Population(
            *(
                StackedMLP(sizes, generators=[streams.make_generator(n, k, p) for p in range(6)])
                for k, sizes in enumerate([(3, 8, 2), (10, 8, 5)])
            ),
            provenance={"dynamics": "mpe2"},
        )
        for n in (0, 1)
    ]


@pytest.fixture
def task(populations):
    """A task with two listeners each for training, validation and test."""
    return generalisation.make_task(3, populations=populations, num_validation=2, num_test=2)


@pytest.fixture
def results_dir(tmp_path):
    """Results of a profile with a table and a figure."""
    rows = [
        tables.row("IICR, λ_1", statistics.Estimate(0.5, 0.4, 0.6, 5), paper=0.45),
        tables.row("return", statistics.Estimate(-9.0, np.nan, np.nan, 1)),
    ]
    results_dir = tmp_path / "results/laptop"
    results.Run("table_9", {"count": 2}).save(results_dir / "table_9", {"rows": rows}, seeds=[0])
    tables.save_rows(results_dir / "table_9", "table_9", rows)
    (results_dir / "table_9/table_9.png").write_bytes(b"picture")
    results.Run("figure_9", {}).save(results_dir / "figure_9", {"x": 1}, seeds=[0])
    return results_dir
