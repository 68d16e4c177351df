"""New policies that condition on embeddings: their training, evaluation and files."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib.agents import matches, robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import policy_optimisation, results
from reproduction.policy_optimisation import evaluate, make_opponent_context, optimise

RECIPE = Recipe(
    num_iterations=2,
    num_rollouts=1,
    num_envs=4,
    rollout_length=30,
    self_play_fraction=0.0,
    zero_action_fraction=0.0,
    random_fraction=0.0,
    fixed_opponent_fraction=1.0,
)
STATES = [Wrestler(generator=make_generator(k)).state_dict() for k in range(4)]
GROUPS = {"train": [2, 0], "test": [1, 3]}


@pytest.fixture
def known(tmp_path, generator):
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    path = tmp_path / "encoder.safetensors"
    PolicyEmbedder(120, 8, settings=settings, generator=generator).save(path)
    embeddings, offline = torch.randn(2, 9, 6, generator=generator)
    shared = {"context_size": 6, "embeddings": embeddings, "offline": offline[:4], "model": path}
    return {kind: {"kind": kind, **shared} for kind in ("online", "offline", "zeros")}


def run(context_spec, folder, **changes):
    options = {
        "name": f"{context_spec['kind']} 0",
        "key": (1,),
        "recipe": RECIPE,
        "start": Wrestler(generator=make_generator(9)).state_dict(),
        "states": STATES,
        "groups": GROUPS,
        "num_games": 2,
        "num_last_games": 2,
    }
    return optimise(context_spec=context_spec, folder=folder, **options | changes)


def test_what_is_known_is_of_the_chosen_opponents(known):
    told = make_opponent_context(known["offline"], 3, [3, 1])
    scale = known["offline"]["embeddings"].std(0)
    shift = known["offline"]["embeddings"].mean(0)
    torch.testing.assert_close(told.table * scale + shift, known["offline"]["offline"][[3, 1]])


def test_a_policy_is_trained_and_judged_before_and_after_each_chapter(known, tmp_path):
    curve = run(known["online"], tmp_path)
    assert [point["iteration"] for point in curve] == [0, 1, 2]
    assert [point["samples"] for point in curve] == [0, 120, 240]
    for point in curve:
        for group in GROUPS:
            assert len(point[group]) == 2
            assert all(sum(share.values()) == pytest.approx(1) for share in point[group])
    (learner,), provenance = (
        part.values() if isinstance(part, dict) and "online 0" in part else part
        for part in robosumo_policies.load(tmp_path / "online 0.safetensors")
    )
    assert learner.context_size == 6 and provenance["curve"] == curve


def stopped(context_spec, folder, after):
    count = 0

    def stop(done):
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(context_spec, folder, progress=stop)


@pytest.mark.parametrize("kind", ["online", "zeros"])
def test_stopped_and_taken_up_again(known, tmp_path, kind):
    whole = run(known[kind], tmp_path / "whole")
    stopped(known[kind], tmp_path / "broken", after=2)
    assert not (tmp_path / f"broken/{kind} 0.safetensors").exists()
    assert run(known[kind], tmp_path / "broken") == whole
    one, other = (
        robosumo_policies.load(tmp_path / f"{name}/{kind} 0.safetensors")[0][
            f"{kind} 0"
        ].state_dict()
        for name in ("whole", "broken")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_finished_is_not_made_again(known, tmp_path, monkeypatch):
    curve = run(known["zeros"], tmp_path)
    monkeypatch.setattr(policy_optimisation, "evaluate", None)
    assert run(known["zeros"], tmp_path) == curve


def test_another_encoder_makes_another_policy(known, tmp_path):
    run(known["online"], tmp_path)
    before = (tmp_path / "online 0.safetensors").read_bytes()
    changed = {**known["online"], "embeddings": known["online"]["embeddings"] + 1}
    assert run(changed, tmp_path) == run(changed, tmp_path / "anew")  # its checkpoint is not used
    assert (tmp_path / "online 0.safetensors").read_bytes() != before


def test_more_games_are_played_anew(known, tmp_path):
    stopped(known["zeros"], tmp_path, after=2)
    more = run(known["zeros"], tmp_path, num_games=3)
    assert more == run(known["zeros"], tmp_path / "anew", num_games=3)


def test_the_last_games_are_as_many_as_asked_for(known, tmp_path):
    curve = run(known["zeros"], tmp_path, num_last_games=7)
    assert curve[:-1] == run(known["zeros"], tmp_path / "less")[:-1]
    shares = np.array([list(of.values()) for of in curve[-1]["train"] + curve[-1]["test"]])
    np.testing.assert_allclose(7 * shares, np.round(7 * shares), atol=1e-9)


def test_judged_against_the_right_opponents(known):
    still = Wrestler(generator=make_generator(0), action_std=1e-3)
    with torch.no_grad():
        for parameter in still.network.policy.parameters():
            parameter.zero_()
    wild = Wrestler(generator=make_generator(0), action_std=3.0)
    states = [wild.state_dict(), still.state_dict()]
    learner = still.with_context(6)
    options = {"num_games": 4, "key": (1,)}
    one, other = evaluate(learner, known["zeros"], states, [1, 0], **options)
    assert one["drawn"] == 1.0  # two robots that do nothing
    assert other["won"] > 0.5  # one that thrashes about falls


def test_games_do_not_depend_on_the_group_beside(known):
    learner = Wrestler(generator=make_generator(9)).with_context(6)
    options = {"num_games": 2, "key": (1,)}
    one = evaluate(learner, known["online"], STATES, [0, 1], **options)
    assert one == evaluate(learner, known["online"], STATES, [0, 1], **options)


def test_recipes_must_be_of_rivals_only(known, tmp_path):
    with pytest.raises(ValueError, match="fixed_opponent_fraction 1"):
        run(
            known["zeros"],
            tmp_path,
            recipe=dataclasses.replace(RECIPE, fixed_opponent_fraction=0.5),
        )


@pytest.fixture
def study(tmp_path, generator):
    """Four wrestlers, Table 1's split and an encoder for each method, as far as Figure 4 needs."""
    members = {f"w{k}": Wrestler.from_state(state) for k, state in enumerate(STATES)}
    robosumo_policies.save(tmp_path / "population.safetensors", members, {})
    parts = {"train": [0, 1], "validation": [], "test": [2, 3]}
    results.Run("table_1", {}).save(tmp_path, {"strong_agents": {"0": parts}}, seeds=[0])
    graph = InteractionGraph.complete(4)
    dataset = matches.collect(list(members.values()), graph, num_episodes=1, key=(1,), max_cycles=5)
    dataset.save(tmp_path / "episodes.safetensors")
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    for method in ("Emb-Im", "Emb-Id", "Emb-Hyb"):
        model = PolicyEmbedder(120, 8, settings=settings, generator=generator)
        model.save(tmp_path / f"strong_{method}_0.safetensors")
    env_ids = ("wrestlers", "table_1", "sumo_encoders", "policies")
    return {
        "encoder_seed": 0,
        "num_opponents": 2,
        **{"num_iterations": 1, "num_rollouts": 1, "num_envs": 4, "learning_rate": 1e-3},
        **{"num_games": 1, "num_last_games": 1, "start": ""},
        **{f"{place}_folder": tmp_path for place in env_ids},
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"num_opponents": 3}, r"num_opponents must be 1 to 2, .* got 3"),
        ({"encoder_seed": 7}, r"encoder_seed must be one of Table 1's, 0; got 7"),
        ({"num_last_games": 0}, r"num_last_games must be at least 1, got 0"),
        ({"num_epochs": 0}, r"num_epochs must be positive, got 0"),
        ({"start": "z"}, r"start must be '' or one of a, .* got 'z'"),
    ],
)
def test_bad_studies_are_refused_before_anything_is_trained(study, changes, message):
    with pytest.raises(ValueError, match=message):
        policy_optimisation.Study.from_parameters(study | changes).job("random", 0)


def test_a_study_says_how_its_policies_learn(study):
    of_ppo = {"learning_rate": 1e-4, "num_epochs": 8, "minibatch_size": 512}
    recipe = policy_optimisation.Study.from_parameters(study | of_ppo).job("random", 0)["recipe"]
    assert {name: getattr(recipe.ppo, name) for name in of_ppo} == of_ppo


def test_unknown_variants_are_refused(study):
    with pytest.raises(ValueError, match=r"variants must be among no embedding, .* got 'zeros'"):
        policy_optimisation.Study.from_parameters(study).job("zeros", 0)


def test_only_policies_of_one_study_meet(study):
    def load(**changes):
        opponents = policy_optimisation.Opponents.from_parameters(study | changes)
        return opponents.load_policies(study["policies_folder"], ["random", "Emb-Id"], [0])

    def train(variant, **changes):
        optimise(**policy_optimisation.Study.from_parameters(study | changes).job(variant, 0))

    train("random")
    with pytest.raises(FileNotFoundError, match="Emb-Id 0"):
        load()
    train("Emb-Id", learning_rate=1e-4)
    with pytest.raises(ValueError, match="its training was not that of random 0"):
        load()
    train("Emb-Id")
    assert {key: policy.context_size for key, policy in load().items()} == {
        ("random", 0): 6,
        ("Emb-Id", 0): 6,
    }
    folder, settings = study["sumo_encoders_folder"], Settings(embedding_size=6, hidden_size=5)
    optimise(**policy_optimisation.Study.from_parameters(study).job("random", 1))
    both = policy_optimisation.Opponents.from_parameters(study)
    found = both.load_policies(study["policies_folder"], ["random"], [0, 1])  # both from nothing
    assert list(found) == [("random", 0), ("random", 1)]
    other = PolicyEmbedder(120, 8, settings=settings, generator=make_generator(5))
    other.save(folder / "strong_Emb-Id_0.safetensors")
    with pytest.raises(ValueError, match="its training had other encoders"):
        load()
