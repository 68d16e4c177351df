"""Runs of ParticleWorld's tables: what they draw, and what is measured of them."""

import pytest
import torch

from paperlib import embeddings, metrics
from paperlib.streams import make_generator
from reproduction import listeners
from reproduction.comparisons import IMITATION, Choice, Comparison

PAIRS = 6


@pytest.fixture
def population(populations):
    return populations[0]


def draw(population, seed=3):
    options = {"episodes_per_edge": 2, "num_validation": 2, "num_test": 2}
    return listeners.make_run(seed, population=population, **options)


def test_every_speaker_meets_every_listener(population):
    run = draw(population)
    assert len(run.dataset) == 2 * PAIRS**2 and run.names[PAIRS] == "listener 0"
    assert set(run.dataset.agents.tolist()) == {*range(PAIRS, 2 * PAIRS)}


def test_each_run_draws_its_own(population):
    one, again, other = draw(population), draw(population), draw(population, 4)
    assert one.dataset.checksum() == again.dataset.checksum() != other.dataset.checksum()
    assert one.splits == again.splits != other.splits


def test_known_listeners_are_tested_on_the_episodes_of_unseen_ones(population):
    """As many training listeners and edges, and the same test; but the listeners are known."""
    splits = draw(population).splits
    known, strong = splits["known"], splits["strong"]
    assert known.test == strong.test and known.validation == strong.validation
    assert len(known.train.edges) == len(strong.train.edges)

    def of(graph, side):
        return {agent for agent in graph.agents if (agent >= PAIRS) == (side == "listeners")}

    assert of(known.train, "speakers") == of(strong.train, "speakers")
    assert of(known.test, "listeners") <= of(known.train, "listeners")
    assert len(of(known.train, "listeners")) == len(of(strong.train, "listeners"))
    assert not of(strong.test, "listeners") & of(strong.train, "listeners")


def test_measures_are_those_of_the_test_episodes(population, tmp_path):
    run = draw(population)
    comparison = Comparison(
        tmp_path,
        {3: run.dataset},
        {("strong", 3): run.splits["strong"]},
        embeddings.Settings(embedding_size=4, hidden_size=8, policy_hidden_size=8),
        anchors_per_step=4,
        stream=7,
        untrained_stream=8,
    )
    comparison.learn({("strong", "Emb-Im", 3): Choice(IMITATION, 0.01, 5)})
    cases = [("strong", m) for m in ("Emb-Im", "untrained", "summary statistics")]
    options = {"episode_counts": [1, 2], "max_per_agent": 4}
    found = listeners.measure_all(comparison, cases, num_workers=1, **options)
    rows = run.dataset.rows_on_edges(run.splits["strong"].test)
    agents = run.dataset.agents[rows]
    for method in ("Emb-Im", "untrained"):
        embedded = comparison.embed("strong", method, 3, rows)
        expected = metrics.intra_inter_clustering_ratio(embedded, agents)
        assert found[f"strong {method} ratio 1"] == [pytest.approx(expected)]
    embedded = metrics.summary_statistics(run.dataset.select(rows))
    expected = metrics.intra_inter_clustering_ratio(embedded, agents)
    assert found["strong summary statistics ratio 1"] == [pytest.approx(expected)]
    assert "strong Emb-Im linear 2" in found


def test_at_most_so_many_episodes_of_an_agent_count(population):
    agents = torch.tensor([0] * 9 + [1] * 9)
    embedded = torch.randn((18, 3), generator=make_generator(1))
    options = {"num_episodes": 1, "seed": 2}
    few, all_of_them = (
        listeners.quality(embedded, agents, max_per_agent=n, **options)["ratio"] for n in (4, 9)
    )
    assert all_of_them == pytest.approx(metrics.intra_inter_clustering_ratio(embedded, agents))
    assert few != all_of_them
    single = listeners.single_ratio(embedded, agents, max_per_agent=4)
    averaged = listeners.quality(embedded, agents, max_per_agent=4, num_episodes=1, seed=0)
    assert single == pytest.approx(averaged["ratio"])


def test_the_effect_of_length_compares_the_best_of_each():
    ratios = {(400, 0.01): 0.7, (400, 0.1): 0.6, (900, 0.01): 0.5, (900, 0.1): 0.8}
    case = {"kind": "weak", "method": "Emb-Im", "seed": 3}
    rows = [
        {**case, "num_updates": n, "learning_rate": r, "validation_ratio": ratio}
        for (n, r), ratio in ratios.items()
    ]
    rows.append({**rows[0], "seed": 4, "validation_ratio": 0.0})
    assert listeners.effect_of_length(rows, "weak", "Emb-Im", 3) == pytest.approx(-0.1)


def test_fewer_populations_than_asked_for(population, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"population_0\.safetensors: no such file"):
        listeners.load_populations(tmp_path, 1)
    population.save(tmp_path / "population_0.safetensors")
    assert [found.num_pairs for found in listeners.load_populations(tmp_path, 1)] == [PAIRS]
    with pytest.raises(ValueError, match=r"^num_populations: .* holds no population 1; run"):
        listeners.load_populations(tmp_path, 2)
