"""The runner: what it refuses, what it keeps, and that notebooks run side by side."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import papermill
import pytest

from reproduction import results, runner

HEADER = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% tags=["parameters"]
count = 2  # a number
rate = 0.5  # another
names = ["a"]  # some
output_folder = "."

# %%
from reproduction import results

parameters = dict(count=count, rate=rate, names=names)
run = results.Run("tiny", parameters)
"""
GOOD = HEADER + 'run.save(output_folder, {"twice": 2 * count}, seeds=[0])\nprint("counted")\n'
BAD = HEADER + 'print("so far")\nraise RuntimeError("no luck")\n'


@pytest.fixture
def write(tmp_path, monkeypatch):
    profiles = tmp_path / "parameters.yaml"
    profiles.write_text("plain: {}\nmany:\n  tiny: {count: 5}\nwrong:\n  tiny: {cuont: 5}\n")
    monkeypatch.setattr(runner, "PROFILES", profiles)

    def write_notebook(text: str) -> Path:
        (tmp_path / "tiny.py").write_text(text)
        return tmp_path / "tiny.py"

    return write_notebook


def run(notebook: Path, **arguments) -> Path:
    arguments = {"profile": "plain", **arguments}
    return runner.run(notebook, results_folder=notebook.parent / "results", **arguments)


def test_success_leaves_notebook_log_and_result(write):
    folder = run(write(GOOD))
    assert {path.name for path in folder.iterdir()} == {"notebook.ipynb", "log.txt", "result.json"}
    assert "counted" in (folder / "log.txt").read_text()
    result = results.load(folder)
    assert result["values"] == {"twice": 4}
    assert result["parameters"] == {"count": 2, "rate": 0.5, "names": ["a"]}


def test_profile_and_given_parameters(write):
    notebook = write(GOOD)
    assert results.load(run(notebook, profile="many"))["values"] == {"twice": 10}
    given = {"count": 7, "rate": 1}
    result = results.load(run(notebook, profile="many", parameters=given))
    assert result["parameters"] == {"count": 7, "rate": 1.0, "names": ["a"]}


def test_failure_keeps_notebook_and_log_and_the_old_result(write):
    folder = run(write(GOOD))
    with pytest.raises(papermill.PapermillExecutionError, match="no luck"):
        run(write(BAD))
    assert "so far" in (folder / "failed.log").read_text()
    assert "no luck" in (folder / "failed.ipynb").read_text()
    assert results.load(folder)["values"] == {"twice": 4}
    assert {path.name for path in folder.parent.iterdir()} == {"tiny"}


def test_first_failure_leaves_no_result(write):
    with pytest.raises(papermill.PapermillExecutionError):
        run(write(BAD))
    folder = write(BAD).parent / "results/plain/tiny"
    assert {path.name for path in folder.iterdir()} == {"failed.ipynb", "failed.log"}


def test_what_a_notebook_no_longer_makes_is_gone(write):
    drawing = 'from pathlib import Path\n(Path(output_folder) / "old.png").write_text("x")\n'
    folder = run(write(GOOD + drawing))
    assert (folder / "old.png").exists()
    run(write(GOOD))
    assert {path.name for path in folder.iterdir()} == {"notebook.ipynb", "log.txt", "result.json"}


def test_a_profile_is_checked_as_a_whole(write, monkeypatch):
    monkeypatch.setattr(runner, "NOTEBOOKS", write(GOOD).parent)
    runner.check_profile("many")
    with pytest.raises(ValueError, match=r"profile 'wrong', tiny: unknown parameter 'cuont'"):
        runner.check_profile("wrong")
    runner.PROFILES.write_text("odd:\n  tinny: {count: 5}\n")
    with pytest.raises(ValueError, match="profile 'odd': there is no notebook 'tinny'"):
        runner.check_profile("odd")


def test_notebook_without_result_fails(write):
    with pytest.raises(FileNotFoundError, match=r"result\.json"):
        run(write(HEADER))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parameters": {"cuont": 3}}, "unknown parameter 'cuont'; did you mean 'count'"),
        ({"parameters": {"count": 0.5}}, "'count' must be of type int"),
        ({"parameters": {"count": True}}, "'count' must be of type int"),
        ({"parameters": {"rate": "fast"}}, "'rate' must be of type float"),
        ({"parameters": {"names": [1]}}, "'names' must be of type str"),
        ({"profile": "wrong"}, "unknown parameter 'cuont'"),
        ({"profile": "lapptop"}, "unknown profile 'lapptop'; there are plain, many, wrong"),
    ],
)
def test_what_is_refused_before_anything_starts(write, arguments, message):
    notebook = write(GOOD)
    with pytest.raises(ValueError, match=message):
        run(notebook, **arguments)
    assert not (notebook.parent / "results").exists()


def test_parameters_must_be_literals(write):
    with pytest.raises(ValueError, match="must be NAME = LITERAL"):
        run(write(GOOD.replace("count = 2", "count = 1 + 1")))


def test_command_line_says_one_line(write):
    notebook = write(GOOD)
    with pytest.raises(SystemExit, match=r"^error: unknown parameter 'cuont'[^\n]*$"):
        runner.main([str(notebook), "--profile", "plain", "-p", "cuont=3"])


def test_nobody_changes_the_folder_of_the_process(write, monkeypatch):
    """It is everybody's: another thread's kernel would start, and write, somewhere else."""
    changed = []
    monkeypatch.setattr(os, "chdir", changed.append)
    run(write(GOOD))
    assert {*changed} <= {os.getcwd()}  # as Papermill does where it writes


def test_notebooks_side_by_side(write, tmp_path):
    notebook = write(GOOD)
    with ThreadPoolExecutor(3) as pool:
        folders = pool.map(
            lambda k: runner.run(
                notebook,
                profile="plain",
                results_folder=tmp_path / str(k),
                parameters={"count": k},
            ),
            range(3),
        )
        assert [results.load(f)["values"]["twice"] for f in folders] == [0, 2, 4]
