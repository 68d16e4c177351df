"""Best responses to wrestlers: who trains against whom, and what they gain."""

import dataclasses

import numpy as np
import pytest
from sources import ROOT

from paperlib import pretrained
from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.streams import make_generator
from reproduction import best_responses, runner
from reproduction.best_responses import ALL, SEEN, BestResponses
from reproduction.policy_training import train_policy
from reproduction.streams import Stream

NAMES = [f"w{k}" for k in range(9)]


POPULATION = {name: Wrestler(generator=make_generator(k)) for k, name in enumerate(NAMES)}
DRAW = {"encoder_seed": 0, "num_opponents": 2, "num_validation": 2, "num_test": 2}


@pytest.fixture
def study(tmp_path):
    return BestResponses(
        population=POPULATION,
        groups=best_responses.draw_groups(NAMES, **DRAW),
        start="w1",
        num_iterations=1,
        num_response_iterations=2,
        num_rollouts=1,
        num_envs=4,
        learning_rate=1e-3,
        num_games=1,
        folder=tmp_path,
    )


def test_opponents_come_from_both_parts(study):
    assert [len(own) for own in study.groups.values()] == [2, 2]
    assert len(set(study.opponents)) == 4 and study.start not in study.opponents
    assert study.policies == [*study.opponents, ALL, SEEN]
    assert study.met_by(SEEN) == study.groups["train"] and study.met_by(ALL) == study.opponents
    with pytest.raises(ValueError, match=r"num_opponents must be 1 to 2, .* got 3"):
        best_responses.draw_groups(NAMES, **DRAW | {"num_opponents": 3})


def test_opponents_are_wrestlers_and_the_start_is_another(study):
    with pytest.raises(ValueError, match="start must be a wrestler that is no opponent, one of w"):
        dataclasses.replace(study, start=study.opponents[0])
    with pytest.raises(ValueError, match="opponents: 'w10' is no wrestler; did you mean 'w1'"):
        dataclasses.replace(study, groups={"train": ["w0", "w10"]})
    for names in (["w0"], ["w0", "w2", "w0"]):
        with pytest.raises(ValueError, match="opponents must be at least two different wrestlers"):
            dataclasses.replace(study, groups={"train": names})


def test_responses_from_start_start_where_the_generalist_does(study):
    study = dataclasses.replace(study, groups={"train": ["w2", "w3"]}, from_start=True)
    assert study.policies == ["w2", "w3", ALL] and study.met_by(ALL) == ["w2", "w3"]
    start = study.population["w1"].state_dict()
    for name in study.policies:
        first = study.job(name)["initial_policy"]
        assert all(first[key].equal(tensor) for key, tensor in start.items())
        assert study.job(name)["recipe"].num_iterations == study.num_response_iterations
    again = dataclasses.replace(study, key=(*study.key, 1))
    assert again.job("w2")["key"] != study.job("w2")["key"]


@pytest.mark.usefixtures("short_games")
def test_everybody_gets_as_many_samples_with_each_opponent(study):
    train_policy(**study.job(SEEN))
    one, everyone = study.job(study.opponents[1]), study.job(ALL)
    assert one["groups"] == {"train": [0]} and everyone["groups"] == {"train": [0, 1, 2, 3]}
    for number, name in enumerate(study.opponents):
        own = study.population[name].state_dict()
        assert all(own[key].equal(tensor) for key, tensor in everyone["opponents"][number].items())
    assert everyone["recipe"].num_rollouts == 4 * one["recipe"].num_rollouts
    same = dataclasses.replace(everyone["recipe"], num_rollouts=1)
    assert same == one["recipe"] and one["recipe"].only_fixed_opponents
    assert one["key"] != everyone["key"]
    seen = study.trained(SEEN)[0].state_dict()
    assert all(one["initial_policy"][name].equal(tensor) for name, tensor in seen.items())
    first = study.job(SEEN)
    start = study.population["w1"].state_dict()
    assert all(first["initial_policy"][name].equal(tensor) for name, tensor in start.items())
    assert (first["recipe"].num_iterations, one["recipe"].num_iterations) == (1, 2)


@pytest.mark.usefixtures("short_games")
def test_trained_assembled_and_held_against_the_wrestlers(study):
    with pytest.raises(FileNotFoundError, match="all-seen"):
        study.job(ALL)
    for name in (SEEN, *study.policies):
        train_policy(**study.job(name))
    policies, provenance = study.assemble()
    assert list(policies) == study.policies and provenance[ALL]["opponents"] == study.opponents
    assert provenance[ALL]["samples"] == 4 * provenance[study.opponents[0]]["samples"]
    assert len(provenance[ALL]["curve"]) == 3
    assert provenance[ALL]["recipe"]["num_iterations"] == 2 and provenance[ALL]["key"][-1] == 4
    study.check(policies, provenance)
    members = {name: Wrestler(generator=make_generator(k + 50)) for k, name in enumerate(NAMES)}
    other = dataclasses.replace(study, population=members)
    with pytest.raises(ValueError, match="met other wrestlers in training than those here"):
        other.check(policies, provenance)
    with pytest.raises(ValueError, match="no best response to 'all' is shipped"):
        study.check({name: policies[name] for name in study.opponents}, provenance)


def test_shipped_best_responses_are_to_the_shipped_wrestlers(tmp_path):
    population = pretrained.load("robosumo/wrestlers")
    parameters = runner.read_parameters(ROOT / "notebooks/best_responses.py")
    groups = best_responses.draw_groups(list(population), **{n: parameters[n] for n in DRAW})
    fields = [field.name for field in dataclasses.fields(BestResponses)]
    given = {name: parameters[name] for name in fields if name in parameters}
    study = BestResponses(population=population, groups=groups, folder=tmp_path, **given)
    policies = pretrained.load("robosumo/wrestlers-best-responses")
    provenance = pretrained.provenance("robosumo/wrestlers-best-responses")
    study.check(policies, provenance)
    one = provenance[study.opponents[0]]
    assert len(one["curve"]) == study.num_response_iterations + 1
    assert provenance[ALL]["samples"] == len(study.opponents) * one["samples"]
    assert len(provenance[SEEN]["curve"]) == study.num_iterations + 1


def test_shipped_specialists_are_to_the_shipped_wrestlers(tmp_path):
    parameters = runner.read_parameters(ROOT / "notebooks/best_responses.py")
    fields = [field.name for field in dataclasses.fields(BestResponses)]
    given = {name: parameters[name] for name in fields if name in parameters}
    given["num_response_iterations"] = parameters["num_specialist_iterations"]
    study = BestResponses(
        population=pretrained.load("robosumo/wrestlers"),
        groups={"train": parameters["specialist_opponents"]},
        folder=tmp_path,
        from_start=True,
        **given,
    )
    policies = pretrained.load("robosumo/wrestlers-specialists")
    provenance = pretrained.provenance("robosumo/wrestlers-specialists")
    study.check(policies, provenance)
    assert list(policies) == study.policies
    keys = [provenance[name]["key"] for name in study.policies]
    assert keys == [[Stream.SPECIALISTS, 0, number] for number in range(len(keys))]
    one = provenance[study.opponents[0]]
    assert len(one["curve"]) == study.num_response_iterations + 1
    assert provenance[ALL]["samples"] == len(study.opponents) * one["samples"]


def test_scores_of_policies_against_opponents():
    players = [ZeroAction(8), UniformlyRandom(8)]
    options = {"opponents": players, "num_games": 4, "key": (1,), "seed": 3}
    found = np.array([best_responses.scores(policy=policy, **options) for policy in players])
    assert found.shape == (2, 2) and found[0, 0] == 0.5
    assert ((found >= 0) & (found <= 1)).all()
    done: list[int] = []
    options["progress"] = done.append
    again = np.array([best_responses.scores(policy=policy, **options) for policy in players])
    assert (found == again).all() and done == [1, 1]


def test_the_matrix_has_a_row_for_the_start_and_each_policy(study):
    study = dataclasses.replace(study, groups={"train": ["w2", "w3"]}, from_start=True)
    policies = {name: ZeroAction(8) for name in study.policies}
    options = {"num_games": 2, "key": (1,), "seed": 3}
    found = best_responses.play_matrix(study, policies, **options)
    assert list(found) == ["w1", "w2", "w3", ALL]
    assert all(row.shape == (2,) and ((row >= 0) & (row <= 1)).all() for row in found.values())


def test_own_and_other_scores_by_hand():
    scores = {"a": [0.9, 0.2, 0.3], "b": [0.4, 0.8, 0.5], "c": [0.6, 0.4, 0.7], ALL: [0, 0, 0]}
    own, other = best_responses.own_and_other(
        {name: np.array(row) for name, row in scores.items()}, ["a", "b", "c"]
    )
    assert own.tolist() == [0.9, 0.8, 0.7]
    assert other == pytest.approx([0.5, 0.3, 0.4])
