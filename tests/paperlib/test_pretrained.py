"""Models that come with the package."""

import pytest
import torch
from samples import make_dataset
from sources import ROOT

from paperlib import embeddings, files, pretrained, streams
from paperlib.agents.populations import Population
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder

ENCODERS = [name for name in pretrained.names() if "/emb-" in name]
WEIGHTS = [ROOT / "paperlib/weights", ROOT / "paperlib/agents/weights"]


def test_every_file_has_a_name():
    there = [path for folder in WEIGHTS for path in folder.rglob("*.safetensors")]
    assert len(pretrained.names()) == len(there) > 10
    assert sum(path.stat().st_size for path in there) < 20e6


@pytest.mark.parametrize("name", ENCODERS)
def test_encoders(name):
    model, source = pretrained.load(name), pretrained.provenance(name)
    assert isinstance(model, PolicyEmbedder) and model.source == source
    method, _, kind = name.partition("/")[2].rpartition("-")
    assert (source["method"].lower(), source["split"]) == (method, kind)
    assert {"key", "data", "objective", "edges", "notebook", "seed", "versions"} <= set(source)


def test_agents():
    population = pretrained.load("particleworld/population-2")
    assert isinstance(population, Population) and population.provenance["seed"] == 2
    assert pretrained.provenance("particleworld/population-2") == population.provenance
    wrestlers = pretrained.load("robosumo/wrestlers")
    assert all(isinstance(wrestler, Wrestler) for wrestler in wrestlers.values())
    assert set(pretrained.provenance("robosumo/wrestlers")) == set(wrestlers)


@pytest.mark.parametrize("action", [pretrained.load, pretrained.provenance])
def test_a_wrong_name_gets_a_hint(action):
    message = r"^name: there is no .* 'emb-hyp'; did you mean '\w+/emb-hyb-\w+'\?.*$"
    with pytest.raises(ValueError, match=message) as error:
        action("emb-hyp")
    assert "\n" not in str(error.value)


def test_they_do_not_embed_episodes_of_another_world():
    model = pretrained.load("particleworld/emb-hyb-weak")
    with pytest.raises(ValueError, match="the encoder was trained with 11 and 5"):
        model.embed(make_dataset(num_episodes=2))


def test_what_is_loaded_can_be_saved_and_used(tmp_path):
    model = pretrained.load("particleworld/emb-id-strong")
    model.save(tmp_path / "x.safetensors")
    again = PolicyEmbedder.load(tmp_path / "x.safetensors")
    batch = torch.rand(3, 5, 11), torch.rand(3, 5, 5), torch.ones(3, 5)
    assert torch.equal(model.encoder(*batch), again.encoder(*batch))
    assert again.source == model.source and isinstance(again.settings, embeddings.Settings)


def test_they_differ():
    own = [name for name in ENCODERS if name.startswith("particleworld/")]
    generator = streams.make_generator(0)
    batch = torch.rand(3, 5, 11, generator=generator), torch.rand(3, 5, 5, generator=generator)
    found = [pretrained.load(name).encoder(*batch, torch.ones(3, 5)) for name in own]
    assert len({files.tensor_checksum({"x": tensor}) for tensor in found}) == len(own) > 5
