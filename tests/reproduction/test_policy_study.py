"""The study of Figure 4: its opponents, contexts and recipe, and which policies may meet."""

import pytest
import torch

from paperlib.agents import matches, robosumo_policies
from paperlib.agents.components import principal_components
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import results
from reproduction.comparison_files import episodes_path
from reproduction.policy_study import Opponents, Study
from reproduction.policy_training import train_policy

pytestmark = pytest.mark.usefixtures("short_games")

STATES = [Wrestler(generator=make_generator(k)).state_dict() for k in range(4)]


@pytest.fixture
def study(tmp_path, generator):
    """Four wrestlers, Table 1's split and an encoder for each method, as far as Figure 4 needs."""
    members = {f"w{k}": Wrestler.from_state(state) for k, state in enumerate(STATES)}
    robosumo_policies.save(tmp_path / "population.safetensors", members, {})
    parts = {"train": [0, 1], "validation": [], "test": [2, 3]}
    results.Run("table_1", {}).save(tmp_path, {"strong_agents": {"0": parts}}, seeds=[0])
    graph = InteractionGraph.complete(4)
    dataset = matches.collect(list(members.values()), graph, num_episodes=1, key=(1,), max_cycles=5)
    dataset.save(episodes_path(tmp_path, 0))
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    for method in ("Emb-Im", "Emb-Id", "Emb-Hyb"):
        model = PolicyEmbedder(120, 8, settings=settings, generator=generator)
        model.save(tmp_path / f"strong_{method}_0.safetensors")
    folders = ("wrestlers", "table_1", "sumo_encoders", "policies")
    return {
        "encoder_seed": 0,
        "num_opponents": 2,
        **{"num_components": 2, "num_episodes": 2},
        **{"num_iterations": 1, "num_rollouts": 1, "num_envs": 4, "learning_rate": 1e-3},
        **{"num_games": 1, "num_last_games": 1, "start": ""},
        **{f"{place}_folder": tmp_path for place in folders},
    }


FOLDERS = "wrestlers_folder", "table_1_folder", "sumo_encoders_folder"


def opponents_of(study):
    names = "encoder_seed", "num_opponents", "num_components", "num_episodes"
    return Opponents(**{name: study[name] for name in (*names, *FOLDERS)})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_opponents": 3}, r"num_opponents must be 1 to 2, .* got 3"),
        ({"encoder_seed": 7}, r"encoder_seed must be one of Table 1's, 0; got 7"),
        ({"num_last_games": 0}, r"num_last_games must be at least 1, got 0"),
        ({"num_epochs": 0}, r"num_epochs must be an integer of at least 1, got 0"),
        ({"start": "z"}, r"start must be '' or one of self-balanced, .* got 'z'"),
    ],
)
def test_bad_studies_are_refused_before_anything_is_trained(study, changes, message):
    with pytest.raises(ValueError, match=message):
        Study(**study | changes).job("random", 0)


def test_a_study_says_how_its_policies_learn(study):
    of_ppo = {"learning_rate": 1e-4, "num_epochs": 8, "minibatch_size": 512}
    recipe = Study(**study | of_ppo).job("random", 0)["recipe"]
    assert {name: getattr(recipe.ppo, name) for name in of_ppo} == of_ppo


def test_opponents_are_of_the_parts_of_the_strong_split(study):
    assert opponents_of(study).groups == {"train": [0, 1], "test": [2, 3]}
    few = opponents_of(study | {"num_opponents": 1}).groups
    assert few["train"] in ([0], [1]) and few["test"] == [2]


def test_embeddings_are_of_matches_within_a_part(study):
    opponents = opponents_of(study)
    model, dataset = PolicyEmbedder.load(opponents.encoder("Emb-Hyb")), opponents.dataset
    offline, online = opponents.context_spec("offline"), opponents.context_spec("Emb-Hyb")
    train = dataset.on_edges(InteractionGraph.complete(4).induced([0, 1]))
    components = principal_components(model.embed(train), 2)
    for spec in (offline, online):
        torch.testing.assert_close(spec["components"].shift, components.shift)
        torch.testing.assert_close(spec["components"].matrix, components.matrix)
    for agent in range(4):
        own = dataset.rows_on_edges(InteractionGraph.complete(4).induced([agent, agent ^ 1]))
        own = own[dataset.agents[own] == agent]
        expected = model.embed(dataset, own).mean(0)
        torch.testing.assert_close(offline["offline"][agent], expected)
    assert opponents.context_spec("oracle") == {
        "kind": "oracle",
        "context_size": 2,
        "tells_critic": True,
    }


def test_policies_start_from_a_shipped_wrestler_or_from_random_weights(study):
    random, shipped = Study(**study), Study(**study | {"start": "self-balanced"})
    assert random.recipe.action_std == 0.6 and shipped.recipe.action_std == 0.15
    assert random.recipe.only_fixed_opponents and random.recipe.min_action_std == 0.1
    weights = [
        each.initial_policy(seed).network.policy[0].weight
        for each in (random, shipped)
        for seed in (0, 1)
    ]
    assert not torch.equal(weights[0], weights[1]) and torch.equal(weights[2], weights[3])
    expected = robosumo_policies.load_shipped()[0]["self-balanced"].network.policy[0].weight
    assert torch.equal(weights[2], expected)


def test_unknown_variants_are_refused(study):
    with pytest.raises(ValueError, match=r"variants must be among no embedding, .* got 'zeros'"):
        Study(**study).job("zeros", 0)


def test_only_policies_of_one_study_meet(study):
    def load(**changes):
        folder = study["policies_folder"]
        opponents = opponents_of(study | changes)
        return opponents.load_policies(["random", "Emb-Id"], [0], policies_folder=folder)

    def train(variant, **changes):
        train_policy(**Study(**study | changes).job(variant, 0))

    train("random")
    with pytest.raises(FileNotFoundError, match="Emb-Id 0"):
        load()
    train("Emb-Id", learning_rate=1e-4)
    with pytest.raises(ValueError, match="its training was not that of random 0"):
        load()
    train("Emb-Id")
    assert {key: policy.context_size for key, policy in load().items()} == {
        ("random", 0): 2,
        ("Emb-Id", 0): 2,
    }
    folder, settings = study["sumo_encoders_folder"], Settings(embedding_size=6, hidden_size=5)
    train_policy(**Study(**study).job("random", 1))
    both = opponents_of(study)
    found = both.load_policies(["random"], [0, 1], policies_folder=study["policies_folder"])
    assert list(found) == [("random", 0), ("random", 1)]  # both from random weights
    train("random", num_opponents=1)
    with pytest.raises(ValueError, match=r"random 1.* its training was not that of random 0"):
        both.load_policies(["random"], [0, 1], policies_folder=study["policies_folder"])
    train("random")
    other = PolicyEmbedder(120, 8, settings=settings, generator=make_generator(5))
    other.save(folder / "strong_Emb-Id_0.safetensors")
    with pytest.raises(ValueError, match="its training had other encoders"):
        load()
