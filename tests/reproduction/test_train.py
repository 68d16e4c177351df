"""The command line that trains wrestlers and policies."""

import pytest

from paperlib import files
from paperlib.agents.selfplay import Recipe
from reproduction import results, train, training_runs


def main(folder, *arguments):
    train.main([*arguments, "--profile", "smoke", "--results", str(folder)])


def test_the_list_names_everything_in_the_profile(tmp_path, capsys):
    main(tmp_path, "--list")
    names = capsys.readouterr().out.splitlines()
    assert names[-1] == "recurrent 0"
    assert {"self-hasty", "pair-balanced", "Emb-Hyb 0"} <= {*names}
    assert len(names) == len(training_runs.RUNS) + 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["self-hazty"],
            "there is no training 'self-hazty' in smoke; did you mean 'self-hasty",
        ),
        (["Emb-Hyb 7"], "there is no training 'Emb-Hyb 7' in smoke; did you mean 'Emb-Hyb 0'"),
        ([], "there is no training None in smoke; --list shows all"),
        (["Emb-Hyb 0"], "no such file"),
        (["self-hasty", "--profile", "smok"], "unknown profile 'smok'"),
    ],
)
def test_mistakes_are_named_in_one_line(tmp_path, arguments, message):
    with pytest.raises(SystemExit, match=f"^error: .*{message}") as error:
        train.main(["--profile", "smoke", "--results", str(tmp_path), *arguments])
    assert "\n" not in str(error.value)


def test_a_wrestler_is_trained_into_the_folder_of_its_notebook(tmp_path, monkeypatch):
    recipe = Recipe(num_iterations=1, num_rollouts=1, num_envs=4, rollout_length=8)
    run = training_runs.TrainingRun("a", 0, recipe)
    monkeypatch.setattr(training_runs, "RUNS", {"a": run})
    main(tmp_path, "a")
    metadata = files.load_tensors(tmp_path / "smoke/training_runs/a.safetensors")[1]
    assert metadata["training"]["key"] == [0, 400, 0] and metadata["names"] == ["a"]


def test_results_in_the_repository_are_found_from_any_folder(tmp_path, monkeypatch):
    given = {}
    monkeypatch.setattr(train.wrestlers, "train", lambda **found: given.update(found))
    monkeypatch.setattr(results, "ROOT", tmp_path)
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    main(tmp_path / "results", "self-hasty")
    assert given["folder"] == tmp_path / "results/smoke/training_runs"
