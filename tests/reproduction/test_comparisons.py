"""The encoders of a table: which are learned, from what, and which weight is chosen."""

import dataclasses

import pytest
import torch
from samples import make_dataset

from paperlib import graphs, streams
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.objectives import Classification, Hybrid
from reproduction.comparisons import (
    EPISODES,
    IDENTIFICATION,
    IMITATION,
    METHODS,
    Comparison,
    learn_to_file,
)

SMALL = Settings(num_updates=100, embedding_size=4, hidden_size=8, policy_hidden_size=8)


@pytest.fixture
def comparison(tmp_path):
    """Four agents, each of whom met each other one four times."""
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
    return Comparison(tmp_path / "new", dataset, splits, SMALL, anchors_per_step=9, stream=7)


def test_the_weight_of_the_lowest_ratio_is_chosen(comparison):
    asked, weights = [], (1.0, 10.0, 100.0)
    ratios_of = {repr(Hybrid(w)): r for w, r in zip(weights, (0.7, 0.5, 0.6), strict=True)}

    def ratio(kind, model):
        asked.append((kind, model.source["objective"], model.source["key"]))
        return ratios_of[model.source["objective"]]

    chosen, ratios = comparison.choose_weights([1.0, 10.0, 100.0], ratio)
    assert chosen == {"weak": 10.0}
    assert ratios == {"weak, λ = 1": 0.7, "weak, λ = 10": 0.5, "weak, λ = 100": 0.6}
    assert asked == [("weak", repr(Hybrid(weight)), [3, 7, 0]) for weight in weights]


def test_every_method_learns_from_the_training_edges_of_every_seed(comparison):
    comparison.learn({"weak": 2.0}, supervised=True)
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
    saved = InteractionDataset.load(comparison.folder / EPISODES)
    assert saved.checksum() == comparison.dataset.checksum()


def test_what_was_learned_stays_and_workers_change_nothing(comparison):
    comparison.learn({"weak": 2.0})
    path = comparison.path("weak", "Emb-Im", 3)
    first, written = comparison.load("weak", "Emb-Im", 3), path.stat().st_mtime_ns
    comparison.learn({"weak": 2.0})
    assert path.stat().st_mtime_ns == written
    path.unlink()
    dataclasses.replace(comparison, num_workers=2).learn({"weak": 2.0})
    again = comparison.load("weak", "Emb-Im", 3)
    assert again.source == first.source
    assert torch.equal(again.embed(comparison.dataset), first.embed(comparison.dataset))


def test_datasets_may_come_as_files(tmp_path, dataset):
    dataset.save(tmp_path / "d.safetensors")
    rest = {
        "settings": dataclasses.replace(SMALL, num_updates=3),
        "key": (1,),
        "device": "cpu",
        "progress": lambda n: None,
    }
    paths = [tmp_path / f"{k}.safetensors" for k in (0, 1)]
    for path, source in zip(paths, (dataset, tmp_path / "d.safetensors"), strict=True):
        learn_to_file(dataset=source, path=path, **rest)
    one, other = (PolicyEmbedder.load(path) for path in paths)
    assert torch.equal(one.embed(dataset), other.embed(dataset)) and one.source == other.source
