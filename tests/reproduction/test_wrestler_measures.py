"""What Table 1 measures of embeddings of wrestlers, and the claims that it tests."""

import dataclasses

import pytest
import torch

from paperlib import embeddings, graphs, metrics
from paperlib.datasets import InteractionDataset
from paperlib.streams import Stream, make_generator
from reproduction import measures
from reproduction.comparisons import Comparison
from reproduction.training_runs import founder, member_names
from reproduction.wrestler_measures import OTHER_WEIGHTS, WrestlerMeasures, claim_rows

NAMES = member_names()[:6] + member_names()[-2:]
METHOD = "weak", "untrained", 3


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """Four matches on each edge of eight wrestlers, with random observations."""
    graph = graphs.InteractionGraph.complete(len(NAMES))
    pairs = torch.tensor(graph.edges).repeat_interleave(4, dim=0)
    agents, generator = pairs.flatten(), make_generator(1)
    noise = torch.randn(len(agents), 5, 3, generator=generator)
    won = torch.randint(-1, 2, (len(pairs),), generator=generator)
    dataset = InteractionDataset.from_arrays(
        (noise + agents[:, None, None] / 4).numpy(),
        torch.randn(len(agents), 5, 2, generator=generator).numpy(),
        agents.numpy(),
        partners=pairs.flip(1).flatten().numpy(),
        outcomes=torch.stack([won, -won], dim=1).flatten().numpy(),
    )
    settings = embeddings.Settings(embedding_size=4, hidden_size=8, likelihood="gaussian")
    split = graphs.weak_split(graph, train_fraction=0.4, generator=make_generator(2))
    comparison = Comparison(
        tmp_path_factory.mktemp("encoders"),
        {3: dataset},
        {("weak", 3): split},
        settings,
        anchors_per_step=9,
        stream=7,
        untrained_stream=8,
    )
    return WrestlerMeasures(comparison, NAMES, step_counts=[2, 5], episode_counts=[1, 2])


def rows_of(measured, part):
    graph = getattr(measured.comparison.splits["weak", 3], part)
    return measured.dataset.rows_on_edges(graph)


def test_whole_summary_statistics_have_one_scale(measured):
    rows, dataset = rows_of(measured, "test"), measured.dataset
    whole = metrics.summary_statistics(dataset)[rows]
    for steps in (None, 5, 9):
        assert torch.equal(measured.embed("weak", "summary statistics", 3, rows, steps), whole)
    few = metrics.summary_statistics(dataset.first_steps(2).select(rows))
    assert torch.equal(measured.embed("weak", "summary statistics", 3, rows, 2), few)


def test_quality_of_first_steps_and_of_several_episodes(measured):
    found, rows = measured.measure(*METHOD), rows_of(measured, "test")
    agents = measured.dataset.agents[rows]
    for title, steps, number in (("2 steps", 2, 1), ("5 steps", 5, 1), ("2 episodes", 5, 2)):
        embedded = measured.comparison.embed(*METHOD, rows, num_time_steps=steps)
        expected = measures.averaged_quality(
            embedded,
            agents,
            num_episodes=number,
            generator=make_generator(3, Stream.TABLE_1_AVERAGES),
        )
        assert {name: found[f"{name}, {title}"] for name in expected} == expected


def test_ratios_of_families_and_without_reflections(measured):
    found, rows = measured.measure(*METHOD), rows_of(measured, "test")
    agents, embedded = measured.dataset.agents[rows], measured.embed(*METHOD, rows)
    descents = [founder(name) for name in NAMES]
    assert measured.families == [family for family, _ in descents]
    ratio = metrics.intra_inter_clustering_ratio
    within = []
    for family in set(measured.families):
        own = [k for k, name in enumerate(measured.families) if name == family]
        mine = torch.isin(agents, torch.tensor(own))
        if len(agents[mine].unique()) > 1:
            within.append(ratio(embedded[mine], agents[mine]))
    assert found["ratio within families"] == pytest.approx(sum(within) / len(within), rel=1e-12)
    upright = [k for k, (_, reflection) in enumerate(descents) if not reflection]
    assert 1 < len(upright) < len(NAMES)
    mine = torch.isin(agents, torch.tensor(upright))
    assert found["ratio without reflections"] == ratio(embedded[mine], agents[mine])


def test_outcomes_are_predicted_from_training_matches(measured):
    found, dataset = measured.measure(*METHOD), measured.dataset
    parts = []
    for part in ("train", "test"):
        rows = rows_of(measured, part)
        features = measures.outcome_features(
            measured.embed(*METHOD, rows),
            dataset.agents[rows],
            num_episodes=2,
            generator=make_generator(3, Stream.TABLE_1_OTHER_EPISODES),
        )
        parts.append((features, dataset.outcomes[rows]))
    expected = measures.outcome_accuracy(*parts)
    assert {name: found[f"{name}, 2 episodes"] for name in expected} == expected


def test_the_control_has_weights_of_its_own(measured):
    rows, kind, seed = rows_of(measured, "test"), "weak", 3
    own = measured.embed(kind, OTHER_WEIGHTS, seed, rows, 2)
    stream = Stream.TABLE_1_CONTROL
    other = dataclasses.replace(measured.comparison, untrained_stream=stream)
    assert torch.equal(own, other.embed(kind, "untrained", seed, rows, num_time_steps=2))
    assert not torch.equal(own, measured.embed(kind, "untrained", seed, rows, 2))


def test_claims_compare_methods_in_the_same_seed():
    """IICR of Emb-Hyb is 0.1 lower than Emb-Im's, all else is equal; accuracies are 0.1 higher than
    that of the majority class."""
    spread = torch.tensor([-0.01, 0.0, 0.01, -0.005, 0.005])
    numbers = {"ratio": 0.5 + 9 * spread, "outcome": 0.6 + spread, "majority": 0.5 - spread}
    measured = {
        f"{kind} {method} {name}, 1 episodes": values.tolist()
        for kind in ("weak", "strong")
        for method in ("Emb-Im", "Emb-Id", "Emb-Hyb", "untrained", OTHER_WEIGHTS)
        for name, values in numbers.items()
    }
    measured["weak Emb-Im ratio, 1 episodes"] = (0.6 + 9 * spread).tolist()
    rows = claim_rows(measured, ["weak", "strong"])
    found = {row["item"]: (row["verdict"], pytest.approx(row["ours"], abs=1e-6)) for row in rows}
    assert len(found) == 14
    assert found["C1 weak: IICR of Emb-Hyb minus Emb-Im"] == ("reproduced", -0.1)
    assert found["C1 strong: IICR of Emb-Hyb minus Emb-Id"] == ("equivalent", 0)
    assert found["C4 strong: Acc of Emb-Id minus majority class"] == ("reproduced", 0.1)
    controls = [row for row in rows if row["claim"] == "control"]
    assert [(row["verdict"], row["expected"]) for row in controls] == [
        ("equivalent", "greater")
    ] * 4
    assert {row["smallest_effect"] for row in controls} == {0.02}
