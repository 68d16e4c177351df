"""The encoders of a table: which are learned, from what, and which weight is chosen."""

import dataclasses

import torch

from paperlib import files, streams
from paperlib.alternatives.objectives import Classification
from paperlib.embeddings import PolicyEmbedder
from paperlib.metrics import summary_statistics
from paperlib.objectives import Hybrid
from reproduction import comparison_files
from reproduction.comparison_files import METHODS
from reproduction.comparisons import (
    CONTROL,
    IDENTIFICATION,
    IMITATION,
    REFERENCES,
    Choice,
    embeddings_to_show,
)


def choices(**changes):
    """The same for both seeds: λ of Emb-Hyb is 2."""
    weights = dict(zip(METHODS, (IMITATION, IDENTIFICATION, 2.0), strict=True)) | changes
    return {
        ("weak", method, seed): Choice(weight, 0.005, 20)
        for method, weight in weights.items()
        for seed in (3, 5)
    }


def test_the_candidate_of_the_lowest_ratio_is_chosen(comparison):
    asked = []

    def ratio(embedded, agents):
        asked.append((embedded, agents))
        return (0.7, 0.5, 0.6)[(len(asked) - 1) % 3]

    candidates = [Choice(1.0, 0.005, 20), Choice(10.0, 0.01, 20), Choice(1.0, 0.01, 40)]
    chosen, rows = comparison.choose(lambda *case: candidates, ratio, methods=["Emb-Hyb"])
    assert chosen == {("weak", "Emb-Hyb", seed): candidates[1] for seed in (3, 5)}
    assert [row["validation_ratio"] for row in rows] == [0.7, 0.5, 0.6] * 2
    assert rows[2] == {
        "kind": "weak", "method": "Emb-Hyb", "seed": 3, "identification_weight": 1.0,
        "learning_rate": 0.01, "num_updates": 40, "validation_ratio": 0.6,
    }  # fmt: skip
    dataset = comparison.datasets[5]
    validation = dataset.rows_on_edges(comparison.splits["weak", 5].validation)
    assert torch.equal(asked[4][1], dataset.agents[validation])
    comparison.learn(chosen)
    model = comparison.load("weak", "Emb-Hyb", 5)
    assert torch.equal(asked[4][0], model.embed(dataset, validation))
    assert (model.settings.learning_rate, model.settings.num_updates) == (0.01, 20)
    assert model.source["objective"] == repr(Hybrid(10.0))


def test_the_chosen_candidate_is_not_learned_again(comparison, monkeypatch):
    candidates = [Choice(1.0, 0.005, 20)]
    chosen, _ = comparison.choose(lambda *case: candidates, lambda e, a: 0.0, methods=["Emb-Hyb"])
    monkeypatch.setattr(comparison_files.embeddings, "learn", None)
    comparison.learn(chosen)
    path = comparison_files.encoder_path(comparison.folder, "weak", "Emb-Hyb", 3)
    written = path.stat().st_mtime_ns
    comparison.learn(chosen)
    assert path.stat().st_mtime_ns == written
    curves = comparison.learning_curves(["weak"], ["Emb-Hyb"])
    assert {len(curve) for curve in curves["weak Emb-Hyb"]} == {20}


def test_the_control_learns_from_other_weights(comparison):
    comparison.learn(choices(**{CONTROL: IMITATION}))
    one, other = (comparison.load("weak", method, 3) for method in ("Emb-Im", CONTROL))
    assert (one.source["key"], other.source["key"]) == ([3, 7, 0], [3, 7, 0, 1])
    assert one.settings == other.settings and one.source["edges"] == other.source["edges"]


def test_every_seed_may_have_its_own_episodes(comparison):
    dataset = comparison.datasets[3]
    other = dataclasses.replace(dataset, observations=2 * dataset.observations)
    comparison = dataclasses.replace(comparison, datasets={3: dataset, 5: other})
    comparison.learn(choices())
    for seed, own in ((3, dataset), (5, other)):
        assert comparison.load("weak", "Emb-Im", seed).source["data"] == own.checksum()
        path = comparison_files.episodes_path(comparison.folder, seed)
        assert type(own).load(path).checksum() == own.checksum()


def test_every_method_learns_from_the_training_edges_of_every_seed(comparison):
    comparison.learn(choices(), supervised=True)
    weights = IMITATION, IDENTIFICATION, 2.0
    objectives = dict(zip(METHODS, map(Hybrid, weights), strict=True))
    objectives["supervised"] = Classification(4, 4)
    for seed in (3, 5):
        edges = [list(edge) for edge in comparison.splits["weak", seed].train.edges]
        for method, objective in objectives.items():
            model = comparison.load("weak", method, seed)
            assert model.source["objective"] == repr(objective)
            assert model.settings.repetitions == 2  # 9 anchors of 4 agents
            assert model.source["edges"] == edges and model.source["key"] == [seed, 7, 0]
    path = comparison_files.episodes_path(comparison.folder, 3)
    saved = type(comparison.datasets[3]).load(path)
    assert not comparison_files.episodes_path(comparison.folder, 5).exists()  # shared
    assert saved.checksum() == comparison.datasets[3].checksum()
    known = {"data": saved.checksum(), "graph": comparison.splits["weak", 3].train}
    encoders = comparison_files.load_encoders(
        comparison.folder, "weak", 3, notebook="table_1", **known
    )
    assert [model.source["objective"] for model in encoders.values()] == [
        repr(objectives[method]) for method in METHODS
    ]


def test_what_was_learned_stays_and_workers_change_nothing(comparison):
    comparison.learn(choices())
    path = comparison_files.encoder_path(comparison.folder, "weak", "Emb-Im", 3)
    first, written = comparison.load("weak", "Emb-Im", 3), path.stat().st_mtime_ns
    comparison.learn(choices())
    assert path.stat().st_mtime_ns == written
    path.unlink()
    dataclasses.replace(comparison, num_workers=2).learn(choices())
    again = comparison.load("weak", "Emb-Im", 3)
    assert again.source == first.source
    assert torch.equal(again.embed(comparison.datasets[3]), first.embed(comparison.datasets[3]))


def test_another_weight_is_learned_anew(comparison):
    comparison.learn(choices())
    paths = [comparison_files.encoder_path(comparison.folder, "weak", m, 3) for m in METHODS]
    written = [path.stat().st_mtime_ns for path in paths]
    comparison.learn(choices(**{"Emb-Hyb": 3.0}))
    assert comparison.load("weak", "Emb-Hyb", 3).source["objective"] == repr(Hybrid(3.0))
    changed = [path.stat().st_mtime_ns != old for path, old in zip(paths, written, strict=True)]
    assert changed == [False, False, True]


def test_every_kind_of_split_has_a_stream(comparison):
    split = comparison.splits["weak", 3]
    two = dataclasses.replace(comparison, splits={("weak", 3): split, ("again", 3): split})
    both = choices()
    both |= {("again", method, seed): c for (_, method, seed), c in both.items()}
    two.learn({key: choice for key, choice in both.items() if key[2] == 3})
    keys = [two.load(kind, "Emb-Im", 3).source["key"] for kind in ("weak", "again")]
    assert keys == [[3, 7, 0], [3, 7, 1]]


def test_embeddings_of_encoders_and_references(comparison):
    comparison.learn(choices())
    rows = torch.tensor([5, 2, 9])
    dataset = comparison.datasets[5]
    learned = comparison.load("weak", "Emb-Id", 5)
    untrained = PolicyEmbedder(
        2, 3, settings=comparison.settings, generator=streams.make_generator(5, 8)
    )
    expected = {
        "Emb-Id": learned.embed(dataset, rows),
        "untrained": untrained.embed(dataset, rows),
        "summary statistics": summary_statistics(dataset.select(rows)),
    }
    for method, embedded in expected.items():
        assert torch.equal(comparison.embed("weak", method, 5, rows), embedded)


def test_an_untrained_encoder_takes_the_scale_of_the_trained(comparison):
    settings = dataclasses.replace(comparison.settings, normalize_observations=True)
    comparison = dataclasses.replace(comparison, settings=settings)
    comparison.learn(choices())
    scale = comparison.load("weak", "Emb-Im", 3).normalizer.state_dict()
    found = comparison.untrained("weak", 3).normalizer.state_dict()
    assert scale["count"] > 0
    assert files.tensor_checksum(found) == files.tensor_checksum(scale)


def test_test_embeddings_are_of_the_first_seed(comparison):
    comparison.learn(choices())
    found = embeddings_to_show(
        comparison, comparison.embed, ["Emb-Im", *REFERENCES], kinds=["weak"]
    )
    rows = comparison.datasets[3].rows_on_edges(comparison.splits["weak", 3].test)
    assert torch.equal(found["weak/episodes"], rows)
    assert torch.equal(found["weak/agents"], comparison.datasets[3].agents[rows])
    assert torch.equal(found["weak/Emb-Im"], comparison.embed("weak", "Emb-Im", 3, rows))
    assert len(found) == 2 + 3


def test_agents_of_each_part(comparison):
    agents = comparison.agents("weak")
    assert list(agents) == ["3", "5"] and agents["3"]["train"] == [0, 1, 2, 3]
    assert agents["5"]["test"] == list(comparison.splits["weak", 5].test.agents)


def test_a_dead_encoder_is_not_chosen(comparison, monkeypatch):
    """One that embeds all episodes alike has no ratio."""
    embed = PolicyEmbedder.embed

    def dead(self, *args):
        factor = 0.0 if self.settings.learning_rate == 0.5 else 1.0
        return factor * embed(self, *args)

    monkeypatch.setattr(PolicyEmbedder, "embed", dead)
    candidates = [Choice(1.0, rate, 20) for rate in (0.5, 0.005)]
    chosen, rows = comparison.choose(
        lambda *case: candidates, lambda e, a: float(e.std()), methods=["Emb-Hyb"]
    )
    assert chosen["weak", "Emb-Hyb", 3].learning_rate == 0.005
    assert rows[0]["validation_ratio"] == float("inf")
