"""Shipped agents are taken with the parameters that they were trained with, and no others."""

import functools

import pytest

from paperlib import pretrained
from reproduction import contextual_policies, runner, shipped_agents

PROFILES = ("laptop", "long", "smoke", "paper")
RESPONSES = "robosumo/wrestlers-best-responses"

load_shipped = functools.cache(contextual_policies.load_shipped)  # takes seconds


@pytest.fixture(autouse=True)
def _loaded_once(monkeypatch):
    monkeypatch.setattr(contextual_policies, "load_shipped", load_shipped)


@pytest.fixture
def parameters(tmp_path):
    """Parameters of a notebook in a profile, which is "laptop" by default."""
    return lambda item, profile="laptop": runner.parameters_of(item, profile, tmp_path)


def changed(parameters, name):
    """The same parameters, except for one."""
    value = parameters[name]
    return {**parameters, name: {"FiLM": "concatenation", "mpe2": "2018"}.get(value) or value * 2}


@pytest.mark.parametrize("profile", PROFILES)
def test_populations_fit_every_profile(parameters, profile):
    found = shipped_agents.load_populations(parameters("population", profile))
    assert list(found) == {"laptop": [1, 2, 3, 4], "long": [1, 2, 3, 4]}.get(profile, [])
    for number, population in found.items():
        assert population.provenance["seed"] == number


def message(name, *values):
    return "^{} is {!r}, but {!r} for the shipped .*".format(name, *values)


@pytest.mark.parametrize(
    "name",
    [
        *("num_pairs", "num_iterations", "learning_rate", "discount", "logit_penalty"),
        *("message_size", "dynamics", "floor"),
    ],
)
def test_populations_of_other_parameters_are_refused_unless_all_are_trained(parameters, name):
    default = parameters("population")
    other = changed(default, name)
    match = (
        message(name, other[name], default[name]) + r"population 1; .* trained=\[0, 1, 2, 3, 4\]$"
    )
    with pytest.raises(ValueError, match=match):
        shipped_agents.load_populations(other)
    assert shipped_agents.load_populations({**other, "trained": [0, 1, 2, 3, 4]}) == {}
    assert shipped_agents.load_populations({**other, "num_populations": 1}) == {}


def test_another_seed_would_train_a_shipped_population_again(parameters):
    with pytest.raises(ValueError, match=message("seed", 1, 0)):
        shipped_agents.load_populations({**parameters("population"), "seed": 1})


def test_more_restarts_change_nothing_but_fewer_do(parameters):
    default = parameters("population")
    assert len(shipped_agents.load_populations({**default, "max_restarts": 9})) == 4
    with pytest.raises(ValueError, match=message("max_restarts", 0, 1)):
        shipped_agents.load_populations({**default, "max_restarts": 0})


@pytest.mark.parametrize(
    ("changes", "number"), [({"trained": [1]}, 0), ({"num_populations": 6}, 5)]
)
def test_populations_that_are_not_shipped_are_asked_for(parameters, changes, number):
    match = rf"^trained: there is no shipped population {number}; train all of them: trained=\[0, 1"
    with pytest.raises(ValueError, match=match):
        shipped_agents.load_populations({**parameters("population"), **changes})


@pytest.mark.parametrize("profile", PROFILES)
def test_policies_fit_every_profile_that_takes_them(parameters, profile):
    given = parameters("figure_4", profile)
    if not given["from_scratch"]:
        wanted = {(v, s) for v in given["variants"] for s in given["seeds"]}
        assert wanted < {*shipped_agents.load_contextual_policies(given).policies}
    given = parameters("best_responses", profile)
    if not given["from_scratch"]:
        shipped_agents.check_best_responses(pretrained.provenance(RESPONSES), given)


@pytest.mark.parametrize(
    "name",
    [
        *("encoder_seed", "num_opponents", "num_components", "num_episodes", "conditioning"),
        *("num_iterations", "num_rollouts", "num_envs", "learning_rate", "games_every"),
    ],
)
def test_policies_of_other_parameters_are_refused(parameters, name):
    default = parameters("figure_4")
    other = {**default, "encoder_seed": 1} if name == "encoder_seed" else changed(default, name)
    match = message(name, other[name], default[name]) + "policies; train from scratch: .*True$"
    with pytest.raises(ValueError, match=match):
        shipped_agents.load_contextual_policies(other)


def test_policies_that_are_not_shipped_are_asked_for(parameters):
    default = parameters("figure_4")
    some = {**default, "seeds": [3], "variants": ["oracle"], "more_variants": [], "num_rounds": 9}
    assert ("oracle", 3) in shipped_agents.load_contextual_policies(some).policies
    for changes in ({"seeds": [0, 8]}, {"variants": ["other"]}, {"more_variants": ["other"]}):
        with pytest.raises(ValueError, match=r"there is no shipped policy .* train from scratch"):
            shipped_agents.load_contextual_policies({**default, **changes})


@pytest.mark.parametrize("name", ["num_opponents", "num_iterations", "num_response_iterations"])
def test_best_responses_of_other_parameters_are_refused(parameters, name):
    default, provenance = parameters("best_responses"), pretrained.provenance(RESPONSES)
    shipped_agents.check_best_responses(provenance, {**default, "num_last_games": 1, "seed": 9})
    other = changed(default, name)
    match = message(name, other[name], default[name]) + "responses; train from scratch: .*True$"
    with pytest.raises(ValueError, match=match):
        shipped_agents.check_best_responses(provenance, other)


@pytest.mark.parametrize("name", ["num_rollouts", "num_envs"])
def test_best_responses_of_another_number_of_samples_are_refused(parameters, name):
    other = changed(parameters("best_responses"), name)
    with pytest.raises(ValueError, match=r"^num_rollouts, num_envs: 'all' would learn from \d+"):
        shipped_agents.check_best_responses(pretrained.provenance(RESPONSES), other)
