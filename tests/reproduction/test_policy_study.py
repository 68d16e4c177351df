"""The study of Figure 4: its opponents, contexts and recipe, and where its policies start."""

import pickle

import pytest
import torch

from paperlib.agents import matches, robosumo_policies
from paperlib.agents.contexts import principal_components
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import contextual_policies, results
from reproduction.comparison_files import METHODS, episodes_path
from reproduction.policy_study import OTHERWISE, Study, draw_opponents
from reproduction.policy_training import checksum_of, train_policy

pytestmark = pytest.mark.usefixtures("short_games")

MEMBERS = {f"w{k}": Wrestler(generator=make_generator(k)) for k in range(5)}
START = Wrestler(generator=make_generator(9))


def save_start(folder, opponents):
    checksums = {name: checksum_of(MEMBERS[name]) for name in opponents}
    made = {"all-seen": {"opponents": list(opponents), "checksums": checksums}}
    robosumo_policies.save(folder / "responses.safetensors", {"all-seen": START}, made)


@pytest.fixture
def study(tmp_path, generator):
    """Wrestlers, Table 1's split, encoders and a start, as far as Figure 4 needs them."""
    robosumo_policies.save(tmp_path / "population.safetensors", MEMBERS, {})
    parts = {"train": [0, 1], "validation": [4], "test": [2, 3]}
    results.Run("table_1", {}).save(tmp_path, {"strong_agents": {"0": parts}}, seeds=[0])
    graph = InteractionGraph.complete(5)
    players = list(MEMBERS.values())
    dataset = matches.collect(players, graph, num_episodes=1, key=(1,), max_cycles=5)
    dataset.save(episodes_path(tmp_path, 0))
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    for method in METHODS:
        model = PolicyEmbedder(120, 8, settings=settings, generator=generator)
        model.source = {"data": dataset.checksum(), "edges": [[0, 1]]}
        model.save(tmp_path / f"strong_{method}_0.safetensors")
    save_start(tmp_path, ["w0", "w1"])
    folders = ("wrestlers", "table_1", "sumo_encoders", "best_responses", "policies")
    return {
        "encoder_seed": 0,
        "num_opponents": 2,
        **{"num_components": 2, "num_episodes": 2, "conditioning": "FiLM"},
        **{"num_iterations": 1, "num_rollouts": 1, "num_envs": 4, "learning_rate": 1e-3},
        **{"num_games": 1, "games_every": 1},
        **{f"{place}_folder": tmp_path for place in folders},
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_opponents": 3}, r"num_opponents must be 1 to 2, .* got 3"),
        ({"encoder_seed": 7}, r"encoder_seed must be one of Table 1's, 0; got 7"),
        ({"num_games": 0}, r"num_games must be .* at least 1.* 0"),
        ({"games_every": 0}, r"games_every must be .* at least 1.* 0"),
        ({"conditioning": "film"}, r"conditioning must be one of concatenation, FiLM; got 'film'"),
    ],
)
def test_bad_studies_are_refused_before_anything_is_trained(study, changes, message):
    with pytest.raises(ValueError, match=message):
        Study(**study | changes).job("random", 0)


def test_a_start_that_met_other_opponents_is_refused(study, tmp_path):
    save_start(tmp_path, ["w0", "w2"])
    with pytest.raises(ValueError, match="'all-seen' was trained against other opponents than w0"):
        Study(**study).job("random", 0)


@pytest.mark.parametrize(
    ("source", "message"), [({"edges": [[0, 2]]}, "agents or edges"), ({"data": "0"}, "episodes")]
)
def test_encoders_that_learned_from_others_are_refused(study, tmp_path, source, message):
    path = tmp_path / "strong_Emb-Id_0.safetensors"
    model = PolicyEmbedder.load(path)
    model.source |= source
    model.save(path)
    Study(**study).job("Emb-Im", 0)
    match = rf"strong_Emb-Id_0.safetensors learned from other {message} .* table_1 again"
    with pytest.raises(ValueError, match=match):
        Study(**study).job("Emb-Id", 0)


def test_opponents_are_of_the_parts_of_the_strong_split(study):
    assert Study(**study).groups == {"train": [0, 1], "test": [2, 3]}
    few = Study(**study | {"num_opponents": 1}).groups
    assert few["train"] in ([0], [1]) and few["test"] == [2]


def test_parts_that_share_wrestlers_are_refused():
    parts = {"train": [0, 1, 4], "test": [2, 4]}
    with pytest.raises(ValueError, match=r"training and test parts share wrestlers \[4\]"):
        draw_opponents(parts, 1, seed=0)


def test_embeddings_are_of_matches_within_a_part(study):
    study = Study(**study)
    model, dataset = PolicyEmbedder.load(study.encoders["Emb-Hyb"]), study.episodes[0]
    offline, online = (study.job(variant, 0)["context_spec"] for variant in ("offline", "Emb-Hyb"))
    train = dataset.on_edges(InteractionGraph.complete(5).induced([0, 1]))
    components = principal_components(model.embed(train), 2)
    for spec in (offline, online):
        torch.testing.assert_close(spec["components"].shift, components.shift)
        torch.testing.assert_close(spec["components"].matrix, components.matrix)
    for agent in range(4):
        own = dataset.rows_on_edges(InteractionGraph.complete(5).induced([agent, agent ^ 1]))
        own = own[dataset.agents[own] == agent]
        expected = model.embed(dataset, own).mean(0)
        torch.testing.assert_close(offline["offline"][agent], expected)
    assert (offline["offline"][4] == 0).all()  # who is no opponent
    oracle = {"kind": "oracle", "context_size": 2, "tells_critic": True}
    assert study.context("oracle") == oracle


def test_how_each_variant_takes_its_context_in(study):
    jobs = {v: Study(**study).job(v, 3) for v in ("random", OTHERWISE, "recurrent", "oracle")}
    assert {variant: job["learner"] for variant, job in jobs.items()} == {
        "random": {"film": True, "memory_size": 0},
        OTHERWISE: {"film": False, "memory_size": 0},
        "recurrent": {"film": True, "memory_size": 32},
        "oracle": {"film": True, "memory_size": 0},
    }
    sizes = {variant: job["context_spec"]["context_size"] for variant, job in jobs.items()}
    assert sizes == {"random": 2, OTHERWISE: 2, "recurrent": 0, "oracle": 2}
    (key,) = {tuple(job["key"]) for job in jobs.values()}
    assert key[0] == 3 and jobs["random"]["recipe"].critic_iterations == 1
    assert checksum_of(Wrestler.from_state(jobs["random"]["initial_policy"])) == checksum_of(START)
    sent = pickle.loads(pickle.dumps(jobs))  # as to a worker
    assert [job["name"] for job in sent.values()] == [f"{variant} 3" for variant in jobs]


def test_unknown_variants_are_refused(study):
    with pytest.raises(ValueError, match=r"variants must be among no embedding, .* got 'zeros'"):
        Study(**study).job("zeros", 0)


def test_trained_policies_are_assembled_and_checked(study, tmp_path):
    study = Study(**study)
    for variant in ("Emb-Id", "recurrent"):
        train_policy(**study.job(variant, 0))
    with pytest.raises(FileNotFoundError, match="offline 0"):
        study.assemble(["Emb-Id", "offline"], [0])
    trained = study.assemble(["Emb-Id", "recurrent"], [0])
    assert trained.provenance["groups"] == {
        "train": ["w0", "w1"],
        "test": ["w2", "w3"],
        "validation": ["w4"],
    }
    assert len(trained.provenance["trainings"]["recurrent 0"]["curve"]) == 2
    trained.check(study.population)
    trained.save(tmp_path / "saved")
    again = contextual_policies.load(tmp_path / "saved")
    assert list(again.policies) == [("Emb-Id", 0), ("recurrent", 0)]
    one, other = (
        t.context_spec("Emb-Id", list(study.population))["components"] for t in (trained, again)
    )
    assert torch.equal(one.matrix, other.matrix) and torch.equal(one.shift, other.shift)
