"""The runner, and Papermill without it: what they refuse, keep, and write where."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jupytext
import papermill
import pytest

from reproduction import executed_notebooks, results, runner, staging

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
output_folder = "FOLDER"  # where to

# %%
from reproduction import results

parameters = dict(count=count, rate=rate, names=names)
run = results.Run("tiny", parameters)
output = results.resolve(output_folder)
"""
GOOD = HEADER + 'run.save(output, {"twice": 2 * count}, seeds=[0])\nprint("counted")\n'
BAD = HEADER + 'print("so far")\nraise RuntimeError("no luck")\n'


@pytest.fixture
def write(tmp_path, monkeypatch):
    profiles = tmp_path / "parameters.yaml"
    profiles.write_text(
        "plain: {}\nmany:\n  tiny: {count: 5, rate: 0.25}\nwrong:\n  tiny: {cuont: 5}\n"
    )
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
    names = {executed_notebooks.FILE_NAME, "log.txt", results.FILE_NAME}
    assert {path.name for path in folder.iterdir()} == names
    assert "counted" in (folder / "log.txt").read_text()
    result = results.load(folder)
    assert result["values"] == {"twice": 4}
    assert result["parameters"] == {"count": 2, "rate": 0.5, "names": ["a"]}


def test_profile_and_given_parameters(write):
    result = results.load(run(write(GOOD), profile="many", parameters={"rate": 1}))
    assert result["values"] == {"twice": 10}
    assert result["parameters"] == {"count": 5, "rate": 1.0, "names": ["a"]}


def test_failure_keeps_notebook_and_log_and_the_old_result(write):
    notebook = write(BAD)
    folder = notebook.parent / "results/plain/tiny"
    with pytest.raises(papermill.PapermillExecutionError):
        run(notebook)
    assert {path.name for path in folder.iterdir()} == {"failed.ipynb", "failed.log"}
    shutil.rmtree(folder)
    results.Run("tiny", {}).save(folder, {"twice": 4}, seeds=[0])
    with pytest.raises(papermill.PapermillExecutionError, match="no luck"):
        run(notebook)
    assert "so far" in (folder / "failed.log").read_text()
    assert "no luck" in (folder / "failed.ipynb").read_text()
    assert results.load(folder)["values"] == {"twice": 4}
    assert {path.name for path in folder.parent.iterdir()} == {"tiny", ".tiny.lock"}


def test_a_profile_is_checked_as_a_whole(write, monkeypatch):
    monkeypatch.setattr(runner, "NOTEBOOKS", write(GOOD).parent)
    runner.check_profile("many")
    with pytest.raises(ValueError, match=r"profile 'wrong', tiny: unknown parameter 'cuont'"):
        runner.check_profile("wrong")
    runner.PROFILES.write_text("odd:\n  tinny: {count: 5}\n")
    with pytest.raises(ValueError, match="profile 'odd': there is no notebook 'tinny'"):
        runner.check_profile("odd")


def test_notebooks_are_known_by_name():
    runner.check_items(["table_1", "claims"])
    with pytest.raises(ValueError, match="there is no notebook 'tabel_1'; did you mean 'table_1'"):
        runner.check_items(["claims", "tabel_1"])


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
        ({"parameters": {"output_folder": "x"}}, "output_folder is set from the folder of all"),
        ({"profile": "wrong"}, "unknown parameter 'cuont'"),
        ({"profile": "lapptop"}, "unknown profile 'lapptop'; there are plain, many, wrong"),
    ],
)
def test_what_is_refused_before_anything_starts(write, arguments, message):
    notebook = write(GOOD)
    with pytest.raises(ValueError, match=message):
        run(notebook, **arguments)
    assert not (notebook.parent / "results").exists()


def test_a_mapping_takes_some_of_its_entries():
    default = {"updates": {"Kuhn": 10, "Leduc": 20}}
    checked = runner.check_parameters({"updates": {"Leduc": 5}}, default)
    assert checked == {"updates": {"Kuhn": 10, "Leduc": 5}}
    with pytest.raises(ValueError, match="unknown parameter 'Ludec'; did you mean 'Leduc'"):
        runner.check_parameters({"updates": {"Ludec": 5}}, default)
    with pytest.raises(ValueError, match="'Leduc' must be of type int"):
        runner.check_parameters({"updates": {"Leduc": 0.5}}, default)


def test_parameters_must_be_literals(write):
    with pytest.raises(ValueError, match="must be NAME = LITERAL"):
        run(write(GOOD.replace("count = 2", "count = 1 + 1")))


@pytest.mark.parametrize("count", [0, 2])
def test_there_is_one_cell_of_parameters(write, count):
    cell = '# %% tags=["parameters"]\nx = 1\n\n'
    message = rf"tiny\.py must have one cell tagged 'parameters', got {count}"
    with pytest.raises(ValueError, match=message):
        runner.read_parameters(write(count * cell + "# %%\npass\n"))


def test_only_text_notebooks_are_run(write, tmp_path):
    notebook = write(GOOD)
    executed = notebook.rename(notebook.with_suffix(".ipynb"))
    for path in (executed, tmp_path / "none.py"):
        with pytest.raises(ValueError, match=rf"notebook: {path} is no text notebook"):
            runner.read_parameters(path)


def test_a_second_run_into_the_same_folder_is_refused(write):
    notebook = write(GOOD)
    folder = notebook.parent / "results/plain/tiny"
    working = folder.with_name(".tiny")
    working.mkdir(parents=True)
    taken = pytest.raises(ValueError, match=r"\.tiny\.lock: another run of this notebook is at")
    with staging.locked(folder.with_name(".tiny.lock"), "taken"), taken:
        run(notebook)
    assert working.exists()
    assert run(notebook) == folder and not working.exists()


def test_texts_are_utf8_whatever_the_locale_says(write, tmp_path):
    writing = '(output / "half.md").write_text("½ − λ")\nprint("½ − λ")\n'
    command = [
        sys.executable,
        "-X",
        "utf8=0",
        "-m",
        "reproduction.runner",
        str(write(GOOD + writing)),
    ]
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    subprocess.run(
        [*command, "--results", str(tmp_path / "results")],
        cwd=results.ROOT,
        env={**os.environ, **ascii_only},
        check=True,
    )
    for name in ("half.md", "log.txt", "notebook.ipynb"):
        path = tmp_path / "results/laptop/tiny" / name
        assert "½ − λ" in path.read_text(encoding="utf-8")


def test_command_line_says_one_line(write):
    notebook = write(GOOD)
    with pytest.raises(SystemExit, match=r"^error: unknown parameter 'cuont'[^\n]*$"):
        runner.main([str(notebook), "--profile", "plain", "-p", "cuont=3"])
    with pytest.raises(SystemExit, match=r"^error: -p: while parsing [^\n]*$"):
        runner.main([str(notebook), "--profile", "plain", "-p", "count=[1"])


def test_nobody_changes_the_folder_of_the_process(write, monkeypatch):
    """It is everybody's: another thread's kernel would start, and write, somewhere else."""
    changed = []
    monkeypatch.setattr(os, "chdir", changed.append)
    run(write(GOOD))
    assert {*changed} <= {os.getcwd()}  # as Papermill does where it writes


def test_a_long_path_of_the_folder_for_temporary_files_will_do(write, tmp_path, monkeypatch):
    folder = tmp_path / ("x" * 80)
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    assert results.load(run(write(GOOD)))["values"] == {"twice": 4}


def test_notebooks_side_by_side(write, tmp_path):
    notebook = write(GOOD)
    with ThreadPoolExecutor(2) as pool:
        folders = pool.map(
            lambda k: runner.run(
                notebook,
                profile="plain",
                results_folder=tmp_path / str(k),
                parameters={"count": k},
            ),
            range(2),
        )
        assert [results.load(f)["values"]["twice"] for f in folders] == [0, 2]


@pytest.fixture
def inside(tmp_path):
    """A folder for results in the repository, as its path from the root says it."""
    folder = results.ROOT / "results" / f".test-{os.getpid()}-{tmp_path.name}"
    yield results.shorten(folder)
    shutil.rmtree(folder, ignore_errors=True)


def test_an_executed_notebook_names_its_folder_from_the_root(write, inside):
    folder = runner.run(write(GOOD), profile="plain", results_folder=results.resolve(inside))
    for file in ("notebook.ipynb", "log.txt"):
        text = (folder / file).read_text()
        assert f"Results: {inside}/plain/tiny" in text
        assert str(results.ROOT) not in text and "/.tiny" not in text
    text = (folder / "notebook.ipynb").read_text()
    assert f'output_folder = \\"{inside}/plain/tiny\\"' in text  # what the runner has set


def test_a_folder_that_is_given_stays(write):
    source = GOOD.replace("# %%\nfrom", 'table_9_folder = "x"  # y\n\n# %%\nfrom')
    notebook = write(source.replace('"twice": 2 * count', '"from": table_9_folder'))
    assert results.load(run(notebook))["values"]["from"].endswith("results/plain/table_9")
    found = results.load(run(notebook, parameters={"table_9_folder": "elsewhere"}))
    assert found["values"]["from"] == "elsewhere"


def test_folders_outside_the_repository_are_absolute(write, monkeypatch, tmp_path):
    folders = 'table_9_folder = "x"  # y\ncheckpoint_folder = "z"  # y\n'
    notebook = write(GOOD.replace("# %%\nfrom", f"{folders}\n# %%\nfrom"))
    monkeypatch.setattr(runner, "NOTEBOOKS", notebook.parent)
    found = runner.parameters_of("tiny", "many", tmp_path)
    assert found["table_9_folder"] == str(tmp_path / "many/table_9")
    assert found["output_folder"] == str(tmp_path / "many/tiny")
    assert found["checkpoint_folder"] == str(tmp_path / "many/checkpoints/tiny")
    assert (found["count"], found["rate"]) == (5, 0.25)
    inside = runner.parameters_of("tiny", "many", results.ROOT / "results")
    assert inside["table_9_folder"] == "results/many/table_9"


@pytest.mark.xdist_group("kernels on ports")  # which two processes may take to be free
@pytest.mark.parametrize("place", ["notebooks", "elsewhere"])
def test_plain_papermill_writes_into_the_repository_from_anywhere(write, inside, tmp_path, place):
    source = write(GOOD.replace("FOLDER", f"{inside}/tiny")).with_suffix(".ipynb")
    jupytext.write(jupytext.read(source.with_suffix(".py")), source)
    started_in = tmp_path if place == "elsewhere" else results.ROOT / place
    executed = tmp_path / "out.ipynb"
    command = [sys.executable, "-m", "papermill", str(source), str(executed), "-p", "count", "8"]
    subprocess.run(command, cwd=started_in, check=True, capture_output=True)
    assert results.load(results.resolve(inside) / "tiny")["values"] == {"twice": 16}
    assert f"Results: {inside}/tiny" in executed.read_text()
    assert str(results.ROOT) not in executed.read_text()


def test_help_on_a_notebook(write):
    source = write(GOOD).with_suffix(".ipynb")
    jupytext.write(jupytext.read(source.with_suffix(".py")), source)
    command = [sys.executable, "-m", "papermill", "--help-notebook", str(source)]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "count: Unknown type (default 2) a number" in re.sub(r"\s+", " ", shown)


def test_the_runner_does_not_load_torch():
    """It would take longer than everything else that the runner loads, in every job."""
    code = "import sys, reproduction.runner; print('torch' in sys.modules)"
    command = [sys.executable, "-c", code]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert shown == "False\n"
