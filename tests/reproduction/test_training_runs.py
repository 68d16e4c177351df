"""Who trains how: the recipe file, and the shipped wrestlers."""

import importlib.resources

import pytest
import yaml

from paperlib import pretrained
from reproduction import training_runs, wrestlers
from reproduction.training_runs import RUNS, read_runs


def test_the_population_is_twenty_five_that_share_nothing():
    names = training_runs.wrestler_names()
    assert len(names) == len(set(names)) == 25
    assert len({run.number for run in RUNS.values()}) == len(RUNS)
    assert {len(run.wrestlers) for run in RUNS.values()} == {1, 2}  # by self-play, and pairs


def test_recipes_differ_in_more_than_their_seeds():
    recipes = [run.recipe for run in RUNS.values()]
    assert len({recipe.rewards for recipe in recipes}) >= 15
    assert len({recipe.num_iterations for recipe in recipes}) >= 5
    assert len({recipe.self_play_fraction for recipe in recipes}) >= 3
    assert {recipe.symmetries for recipe in recipes} == {"all", "rotations"}


def test_recipes_are_merged_from_defaults_style_and_the_run_itself():
    recipe = RUNS["self-waiting"].recipe
    assert recipe.rollout_length == 64  # the class's default
    assert recipe.num_rollouts == 10 and recipe.ppo.num_epochs == 8  # of all runs
    assert recipe.rewards.approach == 0.3 and recipe.rewards.win == 2.0  # of the style, of all
    assert recipe.self_play_fraction == 0.7  # its own


def changed(path, *keys, value):
    content = yaml.safe_load(training_runs.RECIPES.read_text())
    part = content
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path.write_text(yaml.safe_dump(content, sort_keys=False))
    return path


def test_the_file_says_what_was_parsed(tmp_path):
    path = changed(tmp_path / "w.yaml", "runs", "self-hasty", "recipe", "num_envs", value=7)
    found = read_runs(path)["self-hasty"].recipe
    assert found.num_envs == 7 and found.num_iterations == RUNS["self-hasty"].recipe.num_iterations
    assert list(read_runs(path)) == list(RUNS)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["rums"], {}, "w.yaml: unknown 'rums'; did you mean 'runs'?"),
        (["runs", "self-hasty", "nunber"], 1, "self-hasty: unknown 'nunber'; did you mean"),
        (["runs", "self-hasty", "recipe", "num_env"], 3, "recipe: unknown 'num_env'; did you mean"),
        (["runs", "self-hasty", "rewards"], {"wins": 3}, "unknown 'wins'; did you mean 'win'?"),
        (["runs", "self-hasty", "ppo"], {"gamma": 3}, "ppo: unknown 'gamma'; there are clip, "),
        (["runs", "self-hasty", "style"], "hazty", "style: unknown 'hazty'; did you mean 'hasty'?"),
        (["styles", "hasty", "wim"], 1.0, "w.yaml: hasty: unknown 'wim'; did you mean 'win'?"),
        (["defaults", "rcipe"], {}, "w.yaml: defaults: unknown 'rcipe'; did you mean 'recipe'?"),
    ],
)
def test_mistakes_in_the_file_are_named_in_one_line(tmp_path, keys, value, message):
    path = changed(tmp_path / "w.yaml", *keys, value=value)
    with pytest.raises(ValueError, match=message.replace("?", r"\?")) as error:
        read_runs(path)
    assert "\n" not in str(error.value)


def test_styles_of_wrestlers():
    assert training_runs.style_of("self-hasty") == "hasty"
    assert training_runs.style_of("pair-circling-left-2") == "circling left"


def test_an_unknown_run_is_named():
    with pytest.raises(ValueError, match=r"name must be one of self-balanced, .* got 'nobody'"):
        training_runs.find("nobody")


def test_shipped_wrestlers_are_of_the_plan():
    found = pretrained.load("robosumo/wrestlers")
    provenance = pretrained.provenance("robosumo/wrestlers")
    planned = training_runs.wrestler_names()
    assert list(found) == planned and len(planned) == 25
    assert set(found) == set(provenance)
    for name, made in provenance.items():
        run = RUNS[made["training_run"]]
        assert run.wrestlers[made["learner"]] == name and made["key"] == [0, 400, run.number]
        assert len(made["curve"]) == run.recipe.num_iterations and made["style"] == run.style
        action_std = found[name].network.log_std.exp().tolist()
        assert action_std == pytest.approx([wrestlers.ACTION_STD] * 8)
    weights = importlib.resources.files("paperlib.agents") / "weights"
    assert (weights / "wrestlers.safetensors").stat().st_size < 5e6
    assert (weights / "README.md").is_file()
