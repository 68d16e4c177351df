"""Files of encoders and episodes."""

import dataclasses

import pytest
import torch

from paperlib import graphs
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.objectives import Hybrid
from reproduction.comparison_files import (
    learn_candidate,
    learn_to_file,
    load_encoder,
    load_episodes,
)

SMALL = Settings(num_updates=100, embedding_size=4, hidden_size=8, policy_hidden_size=8)


def test_episodes_are_read_once_until_their_file_changes(tmp_path, dataset):
    path = tmp_path / "d.safetensors"
    dataset.save(path)
    found, checksum = load_episodes(path)
    assert load_episodes(path)[0] is found and checksum == dataset.checksum()
    fewer = dataset.select(torch.arange(3))
    fewer.save(path)
    assert load_episodes(path)[1] == fewer.checksum()
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ValueError, match="damaged"):
        load_episodes(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="run what writes it first"):
        load_episodes(path)


def test_encoders_are_of_these_episodes_and_edges(tmp_path, dataset):
    path, graph = tmp_path / "e.safetensors", graphs.InteractionGraph((0, 1, 2), ((0, 1), (1, 2)))
    dataset.save(tmp_path / "d.safetensors")
    learn_to_file(
        dataset=tmp_path / "d.safetensors",
        graph=graph,
        objective=Hybrid(),
        settings=dataclasses.replace(SMALL, num_updates=1),
        key=(1,),
        device="cpu",
        path=path,
        progress=int,
    )
    known = {"data": dataset.checksum(), "notebook": "table_9"}
    one, other = load_encoder(path, **known), load_encoder(path, graph=graph, **known)
    assert torch.equal(one.embed(dataset), other.embed(dataset))
    refused = r"e\.safetensors learned from other {} than .*; run the notebook table_9 again"
    with pytest.raises(ValueError, match=refused.format("episodes")) as error:
        load_encoder(path, **known | {"data": "0"})
    assert "\n" not in str(error.value)
    for edges in (((0, 1),), ((0, 1), (1, 2), (0, 2))):
        wrong = graphs.InteractionGraph((0, 1, 2), edges)
        with pytest.raises(ValueError, match=refused.format("agents or edges")):
            load_encoder(path, graph=wrong, **known)
    with pytest.raises(FileNotFoundError, match="run what writes it first"):
        load_encoder(tmp_path / "none.safetensors", **known)


def test_representations_are_learned_once(tmp_path, dataset, monkeypatch):
    settings = Settings(num_updates=3, repetitions=1, embedding_size=4, hidden_size=8)
    dataset.save(tmp_path / "d.safetensors")
    job = {
        "dataset": tmp_path / "d.safetensors",
        "graph": graphs.InteractionGraph((0, 1, 2), ((0, 1), (1, 2))),
        "objective": Hybrid(),
        "settings": settings,
        "key": (0,),
        "device": "cpu",
        "path": tmp_path / "r.safetensors",
        "progress": lambda done: None,
    }
    learn_to_file(**job)
    first = job["path"].stat().st_mtime_ns
    learn_to_file(**job)
    assert job["path"].stat().st_mtime_ns == first
    learn_to_file(**{**job, "settings": dataclasses.replace(settings, num_updates=4)})
    assert job["path"].stat().st_mtime_ns != first


def test_a_damaged_representation_is_an_error_and_stays(tmp_path, dataset):
    path = tmp_path / "r.safetensors"
    path.write_bytes(b"nothing of the kind")
    dataset.save(tmp_path / "d.safetensors")
    job = {"dataset": tmp_path / "d.safetensors", "settings": Settings(), "key": (0,)}
    job |= {
        "graph": graphs.InteractionGraph((0, 1, 2), ((0, 1), (1, 2))),
        "objective": Hybrid(),
        "device": "cpu",
    }
    with pytest.raises(ValueError, match=r"r\.safetensors is damaged"):
        learn_to_file(**job, path=path, progress=lambda done: None)
    assert path.read_bytes() == b"nothing of the kind"


def test_a_candidate_is_judged_by_validation_episodes(tmp_path, dataset):
    path, validation = tmp_path / "d.safetensors", graphs.InteractionGraph((0, 1), ((0, 1),))
    dataset.save(path)
    options = {"settings": dataclasses.replace(SMALL, num_updates=3), "key": (1,), "device": "cpu"}
    options |= {
        "graph": graphs.InteractionGraph((0, 1, 2), ((0, 1), (1, 2))),
        "objective": Hybrid(),
    }
    judged = []

    def ratio(embedded, agents):
        judged.append((embedded, agents))
        return 0.5

    target = tmp_path / "e.safetensors"
    found = learn_candidate(
        dataset=path, path=target, validation=validation, ratio=ratio, progress=int, **options
    )
    rows = dataset.rows_on_edges(validation)
    ((embedded, agents),) = judged
    assert found == 0.5 and torch.equal(agents, dataset.agents[rows])
    assert torch.equal(embedded, PolicyEmbedder.load(target).embed(dataset, rows))
