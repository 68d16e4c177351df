"""Files of encoders, episodes and splits."""

import dataclasses

import pytest
import torch

from paperlib import graphs, streams
from paperlib.embeddings import PolicyEmbedder, Settings
from reproduction import comparison_files
from reproduction.comparison_files import learn_to_file

SMALL = Settings(num_updates=100, embedding_size=4, hidden_size=8, policy_hidden_size=8)


def test_splits_are_kept_with_the_encoders(tmp_path):
    graph = graphs.InteractionGraph.complete(9)
    strong = graphs.strong_split(
        graph, num_validation=2, num_test=3, generator=streams.make_generator(1)
    )
    weak = {
        seed: graphs.weak_split(graph, train_fraction=0.6, generator=streams.make_generator(seed))
        for seed in (3, 5)
    }
    splits = {("weak", seed): split for seed, split in weak.items()} | {("strong", 3): strong}
    comparison_files.save_splits(tmp_path, splits)
    assert comparison_files.load_splits(tmp_path, "strong", [3]) == {3: strong}
    assert comparison_files.load_splits(tmp_path, "weak", [5, 3]) == {
        seed: splits["weak", seed] for seed in (5, 3)
    }
    with pytest.raises(ValueError, match=r"seeds: .*splits.json has no strong split of seed 5"):
        comparison_files.load_splits(tmp_path, "strong", [3, 5])


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
