"""Who trains how and from whom: the recipe file, families, and the shipped wrestlers."""

import importlib.resources

import pytest
import yaml

from paperlib.agents import robosumo_policies
from reproduction import training_runs
from reproduction.training_runs import (
    FINE_TUNED,
    FOUNDERS,
    INDEPENDENT,
    MEMBERS,
    RUNS,
    founder,
    read_runs,
)

CONTENT = yaml.safe_load(training_runs.RECIPES.read_text())


def test_the_plan_is_of_twenty_five():
    names = training_runs.member_names()
    assert len(names) == 25 == len(set(names))
    assert len({run.number for run in RUNS.values()}) == len(RUNS)
    assert len(RUNS) == len(FOUNDERS) + len(MEMBERS) + len(FINE_TUNED)
    assert all(name in names for name in FINE_TUNED)
    known = set()
    for run in RUNS.values():  # parents come before their children
        assert known.issuperset(run.parents) and len(run.reflections) == len(run.parents)
        known.update(run.wrestlers)


def test_fine_tuned_wrestlers_take_the_place_of_their_parents():
    names = training_runs.member_names()
    assert names[0] == "self-balanced-c-steady" and names[4] == "self-hasty-e"
    assert names[-2:] == ["pair-toppler-gx-fy-1-steady", "pair-toppler-gx-fy-2-steady"]


def test_the_plan_has_self_play_and_pairs_in_many_styles():
    recipes = {(run.recipe.rewards, run.parents, run.reflections) for run in MEMBERS.values()}
    assert len(recipes) == len(MEMBERS)
    assert {len(run.wrestlers) for run in MEMBERS.values()} == {1, 2}
    assert len({run.recipe.min_action_std for run in MEMBERS.values()}) > 1


def test_recipes_are_merged_from_defaults_style_and_the_run_itself():
    recipe = RUNS["self-cautious-d-steady"].recipe
    assert recipe.num_envs == 128  # the class's default
    assert recipe.self_play_fraction == 0.1  # of fine-tuned runs
    assert recipe.rewards.loss == 6.0 and recipe.rewards.outward_penalty == 1.0  # of the style
    assert recipe.rewards.win == 3.0 and recipe.ppo.learning_rate == 5e-4
    assert RUNS["a"].recipe.ppo.entropy_coef == 1e-3


def test_founders():
    assert founder("c") == ("c", "") and founder("self-hasty-e") == ("e", "")
    assert founder("self-balanced-c-steady") == ("c", "")  # over the run before
    assert founder("self-distant-dy") == ("d", "y")
    assert founder("pair-toppler-gx-fy-2") == ("f", "y")


def test_reflections_of_reflections(monkeypatch):
    run = RUNS["self-hasty-e"]
    child = training_runs.TrainingRun("child", 90, run.recipe, ("self-distant-dy",), ("xy",))
    monkeypatch.setattr(training_runs, "RUNS", RUNS | {"child": child})
    assert founder("child") == ("d", "x")


def test_every_reflection_of_every_founder_is_there():
    assert len({founder(name) for name in training_runs.member_names()}) == 20


def test_independent_wrestlers_are_twenty_five_that_share_nothing():
    names = [name for run in INDEPENDENT.values() for name in run.wrestlers]
    assert len(names) == len(set(names)) == 25
    assert not any(run.parents for run in INDEPENDENT.values())
    assert len({run.number for run in (*RUNS.values(), *INDEPENDENT.values())}) == len(
        RUNS | INDEPENDENT
    )
    assert len({run.recipe.rewards for run in INDEPENDENT.values()}) >= 13
    assert {run.recipe.symmetries for run in INDEPENDENT.values()} == {"all", "rotations"}


def test_sources_are_runs():
    assert training_runs.sources(RUNS["a"]) == []
    pair = RUNS["pair-toppler-gx-fy"]
    assert training_runs.sources(pair) == ["self-thrifty-g", "self-tall-f"]
    steady = RUNS["pair-toppler-gx-fy-1-steady"]
    assert training_runs.sources(steady) == ["pair-toppler-gx-fy"]


def changed(path, *keys, value):
    content = yaml.safe_load(training_runs.RECIPES.read_text())
    part = content
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_the_file_says_what_was_parsed(tmp_path):
    path = changed(tmp_path / "w.yaml", "founders", "a", "recipe", "num_envs", value=7)
    found = read_runs(path)["founders"]["a"].recipe
    assert found.num_envs == 7 and found.lr_decay == RUNS["a"].recipe.lr_decay
    assert list(read_runs(path)["members"]) == list(MEMBERS)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["membres"], {}, "w.yaml: unknown 'membres'; did you mean 'members'?"),
        (["members", "self-hasty-e", "parent"], [], "self-hasty-e: unknown 'parent'; did you mean"),
        (["founders", "a", "recipe", "num_env"], 3, "a: recipe: unknown 'num_env'; did you mean"),
        (["founders", "a", "rewards", "wins"], 3, "a: rewards: unknown 'wins'; did you mean 'win'"),
        (["founders", "a", "ppo", "gamma"], 3, "a: ppo: unknown 'gamma'; there are clip, "),
        (["members", "self-hasty-e", "style"], "hazty", "style: unknown 'hazty'; did you mean"),
        (["members", "self-hasty-e", "defaults"], "membr", "defaults: unknown 'membr'; did you"),
        (["members", "self-hasty-e", "parents"], ["z"], "parents: unknown 'z'; there are a, "),
        (["members", "self-hasty-e", "reflections"], ["yx"], "reflections: unknown 'yx'; did you"),
        (["members", "self-hasty-e", "reflections"], [], "parents must be at most two, with a"),
        (["styles", "hasty", "wim"], 1.0, "w.yaml: hasty: unknown 'wim'; did you mean 'win'?"),
        (["defaults", "member", "rcipe"], {}, "w.yaml: member: unknown 'rcipe'; did you mean"),
    ],
)
def test_mistakes_in_the_file_are_named_in_one_line(tmp_path, keys, value, message):
    path = changed(tmp_path / "w.yaml", *keys, value=value)
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as error:
        read_runs(path)
    assert "\n" not in str(error.value)


def test_a_child_before_its_parent_is_refused(tmp_path):
    first = {"number": 99, "parents": ["self-hasty-e"], "defaults": "member"}
    path = changed(tmp_path / "w.yaml", "founders", "h", value=first)
    with pytest.raises(ValueError, match="h: parents: unknown 'self-hasty-e'"):
        read_runs(path)


def test_shipped_wrestlers_are_of_the_plan():
    found, provenance = robosumo_policies.load_shipped()
    assert {name for run in RUNS.values() for name in run.wrestlers} == set(found)
    for name, made in provenance.items():
        run = RUNS[made["training_run"]]
        assert run.wrestlers[made["learner"]] == name and made["key"] == [0, run.number]
        assert made["parent"] == (run.parents[made["learner"]] if run.parents else None)
        assert len(made["curve"]) == run.recipe.num_iterations
        before = provenance[made["parent"]]["total_samples"] if made["parent"] else 0
        assert made["total_samples"] == before + made["samples"]
        action_std = found[name].network.log_std.exp().min().item()
        assert action_std >= run.recipe.min_action_std - 1e-6
    weights = importlib.resources.files("paperlib.agents") / "weights"
    assert (weights / "wrestlers.safetensors").stat().st_size < 5e6
    assert (weights / "README.md").is_file()
