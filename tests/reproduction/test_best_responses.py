"""Best responses to wrestlers: who trains against whom, and what they gain."""

import dataclasses

import pytest
from response_studies import make_study
from sources import ROOT

from paperlib import pretrained
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
    groups = best_responses.draw_groups(NAMES, **DRAW)
    return make_study(POPULATION, groups, start="w1", folder=tmp_path)


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


@pytest.fixture
def specialists(tmp_path):
    """The study of the shipped specialists, by profile; None where they are trained."""

    def of(profile):
        parameters = runner.parameters_of("best_responses", profile, tmp_path)
        if parameters["from_scratch"]:
            return None
        fields = [field.name for field in dataclasses.fields(BestResponses)]
        given = {name: parameters[name] for name in fields if name in parameters}
        return BestResponses(
            population=pretrained.load("robosumo/wrestlers"),
            groups={"train": parameters["specialist_opponents"]},
            from_start=True,
            key=(Stream.SPECIALISTS, 0),
            folder=tmp_path,
            **given | {"num_response_iterations": parameters["num_specialist_iterations"]},
        )

    return of


@pytest.mark.parametrize("profile", ["laptop", "long", "smoke", "paper"])
def test_shipped_specialists_fit_every_profile_that_takes_them(specialists, profile):
    study = specialists(profile)
    assert (study is None) == (profile in ("smoke", "paper"))
    if study:
        provenance = pretrained.provenance("robosumo/wrestlers-specialists")
        study.check(pretrained.load("robosumo/wrestlers-specialists"), provenance)
        keys = [provenance[name]["key"] for name in study.policies]
        assert keys == [[Stream.SPECIALISTS, 0, number] for number in range(len(keys))]
        one = provenance[study.opponents[0]]
        assert len(one["curve"]) == study.num_response_iterations + 1
        assert provenance[ALL]["samples"] == len(study.opponents) * one["samples"]


@pytest.mark.parametrize(
    "change",
    [
        *({"num_response_iterations": 3}, {"num_envs": 8}, {"num_rollouts": 1}),
        {"learning_rate": 0.1},
    ],
)
def test_shipped_specialists_of_another_recipe_are_refused(specialists, change):
    ((name, value),) = change.items()
    other = dataclasses.replace(specialists("laptop"), **change)
    provenance = pretrained.provenance("robosumo/wrestlers-specialists")
    field = name.replace("_response", "")
    match = rf"to 'pair-rushing-2' was trained with {field} = \S+, not {value}; train it from"
    with pytest.raises(ValueError, match=match):
        other.check(dict.fromkeys(other.policies), provenance)


def test_exchanged_opponents_are_noticed(specialists):
    study = specialists("laptop")
    provenance = pretrained.provenance("robosumo/wrestlers-specialists")
    first, second = study.opponents[:2]
    provenance |= {first: provenance[second], second: provenance[first]}
    with pytest.raises(ValueError, match=f"to '{first}' met other wrestlers in training"):
        study.check(dict.fromkeys(study.policies), provenance)
