"""Contextual policies with all that they need: kept in files, and held against what is there."""

import pytest
import torch

from paperlib import pretrained
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.streams import make_generator
from reproduction import contextual_policies
from reproduction.contextual_policies import ContextualPolicies, make_spec
from reproduction.policy_games import make_opponent_context
from reproduction.policy_study import VARIANTS
from reproduction.policy_training import checksum_of

MEMBERS = {f"w{k}": Wrestler(generator=make_generator(k)) for k in range(3)}
COMPONENTS = [[0.5] * 6, [[1.0, 0.0]] * 6]
WON, DRAWN = {"won": 1.0, "drawn": 0.0, "lost": 0.0}, {"won": 0.0, "drawn": 1.0, "lost": 0.0}
CURVE = [{"samples": 0, "test": [WON, WON]}, {"samples": 8, "test": [WON, DRAWN]}]


def encoder(number):
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    return PolicyEmbedder(120, 8, settings=settings, generator=make_generator(number))


@pytest.fixture
def trained():
    policies = {
        (variant, seed): Wrestler(generator=make_generator(seed)).with_context(2, film=True)
        for variant in ("Emb-Hyb", "offline")
        for seed in (0, 3)
    }
    shared = {"context_size": 2, "tells_critic": True, "components": COMPONENTS}
    contexts = {
        "Emb-Hyb": {"kind": "online", "method": "Emb-Hyb", "num_episodes": 2, **shared},
        "offline": {"kind": "offline", "offline": {"w2": [1.0] * 6, "w0": [2.0] * 6}, **shared},
    }
    model = encoder(0)
    provenance = {
        "groups": {"train": ["w2"], "test": ["w0"]},
        "contexts": contexts,
        "checksums": {
            "opponents": {name: checksum_of(MEMBERS[name]) for name in ("w2", "w0")},
            "encoders": {"Emb-Hyb": checksum_of(model)},
        },
        "trainings": {"offline 3": {"curve": CURVE}},
    }
    return ContextualPolicies(policies, {"Emb-Hyb": model}, provenance)


def test_written_and_read(trained, tmp_path):
    trained.save(tmp_path)
    again = contextual_policies.load(tmp_path)
    assert again.provenance == trained.provenance
    assert list(again.policies) == [("Emb-Hyb", 0), ("Emb-Hyb", 3), ("offline", 0), ("offline", 3)]
    for key, policy in trained.policies.items():
        one, other = (each.playing_state() for each in (again.policies[key], policy))
        assert one.keys() == other.keys() and all(one[n].equal(other[n]) for n in one)
    again.check(MEMBERS)
    with pytest.raises(FileNotFoundError):
        contextual_policies.load(tmp_path / "nothing")


def test_curves_are_of_scores(trained):
    assert trained.samples == [0, 8]
    assert trained.curves(["offline"], [3], ["test"]) == {"offline test": [[1.0, 0.75]]}


def test_contexts_are_about_the_opponents_by_name(trained):
    names = list(MEMBERS)
    assert trained.groups(names) == {"train": [2], "test": [0]}
    offline = make_opponent_context(trained.context_spec("offline", names), 4, [2, 0])
    torch.testing.assert_close(offline.table, torch.tensor([[3.0, 0.0], [9.0, 0.0]]))
    online = make_opponent_context(trained.context_spec("Emb-Hyb", names), 4, [2, 0])
    assert online.running.model is trained.encoders["Emb-Hyb"] and online.num_episodes == 2


def test_encoders_may_be_files(trained, tmp_path):
    trained.save(tmp_path)
    context = trained.provenance["contexts"]["Emb-Hyb"]
    spec = make_spec(context, {"Emb-Hyb": tmp_path / "Emb-Hyb.safetensors"}, ["w0"])
    assert make_opponent_context(spec, 4, [0]).context_size == 2


def test_other_opponents_and_encoders_are_refused(trained):
    with pytest.raises(ValueError, match=r"trained with other opponents .* 'w2' is not the same"):
        trained.check({**MEMBERS, "w2": MEMBERS["w1"]})
    with pytest.raises(ValueError, match=r"trained with other opponents .* 'w0' is not the same"):
        trained.check({"w2": MEMBERS["w2"]})
    with pytest.raises(ValueError, match=r"other encoders .* 'Emb-Hyb' is not the same"):
        ContextualPolicies(trained.policies, {"Emb-Hyb": encoder(1)}, trained.provenance)


def test_another_encoder_beside_the_policies_is_refused(trained, tmp_path):
    trained.save(tmp_path)
    encoder(1).save(tmp_path / "Emb-Hyb.safetensors")
    with pytest.raises(ValueError, match=r"other encoders .* 'Emb-Hyb' is not the same"):
        contextual_policies.load(tmp_path)


def test_groups_that_overlap_are_refused(trained):
    groups = {"train": ["w2"], "test": ["w0", "w2"]}
    provenance = {**trained.provenance, "groups": groups}
    overlapping = ContextualPolicies(trained.policies, trained.encoders, provenance)
    with pytest.raises(ValueError, match="groups of opponents overlap: w2 in more than one"):
        overlapping.check(MEMBERS)


def test_shipped_policies_fit_the_shipped_wrestlers_and_encoders():
    shipped, wrestlers = contextual_policies.load_shipped(), pretrained.load("robosumo/wrestlers")
    shipped.check(wrestlers)
    variants, seeds = ({*part} for part in zip(*shipped.policies, strict=True))
    assert len(shipped.policies) == len(variants) * len(seeds) and variants == {*VARIANTS}
    trained, unseen = (shipped.provenance["groups"][part] for part in ("train", "test"))
    assert len(trained) == len(unseen) == 5 and not {*trained} & {*unseen}
    with pytest.raises(ValueError, match="other opponents than those here"):
        shipped.check({**wrestlers, trained[0]: wrestlers[unseen[0]]})
