"""The notebooks' form, all of them, and the executed ones; `test_workflow.py` executes them."""

import ast
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import jupytext
import papermill
import pytest
import yaml
from sources import ROOT, parse

from reproduction import executed_notebooks, results, runner

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
EXECUTED = sorted((ROOT / "notebooks").glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
each_executed = pytest.mark.parametrize("path", EXECUTED, ids=lambda path: path.stem)


def test_there_are_enough():
    assert len(NOTEBOOKS) >= 19


@each_notebook
def test_parameters_and_kernel(notebook):
    assert runner.read_parameters(notebook)["output_folder"].endswith(notebook.stem)
    assert jupytext.read(notebook).metadata["kernelspec"]["name"] == "python3"


@each_notebook
def test_papermill_shows_every_parameter_with_its_comment(notebook, tmp_path):
    made = tmp_path / "notebook.ipynb"
    jupytext.write(jupytext.read(notebook), made)
    found = papermill.inspect_notebook(made)
    defaults = {name: ast.literal_eval(each["default"]) for name, each in found.items()}
    assert defaults == runner.read_parameters(notebook)
    assert [name for name, each in found.items() if not each["help"]] == []


@each_notebook
def test_every_parameter_is_recorded(notebook):
    """``parameters = dict(seeds=seeds, ...)`` names all of the parameters cell but folders."""
    assigned = [node for node in parse(notebook).body if isinstance(node, ast.Assign)]
    (call,) = (node.value for node in assigned if ast.unparse(node.targets[0]) == "parameters")
    recorded = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
    names = [name for name in runner.read_parameters(notebook) if not name.endswith("_folder")]
    assert recorded == {name: name for name in names}
    assert f'run = results.Run("{notebook.stem}", parameters)' in notebook.read_text()


@each_notebook
def test_arc(notebook):
    text = "\n".join(c.source for c in jupytext.read(notebook).cells if c.cell_type == "markdown")
    headings = ("**The question.**", "$$", "**What to expect.**", "## Parameters")
    headings += ("**What it means", "## What it cost", "## Things to try")
    places = [text.index(heading) for heading in headings]
    assert places == sorted(places)
    tries = text[places[-1] :].count("\n- ")
    assert 2 <= tries <= 3
    assert re.search(r"[Ww]here we deviate|not reproduce", " ".join(text.split()))


@each_notebook
def test_they_explain_what_they_do(notebook):
    """At least half as many lines of prose as of code."""
    lines = {"markdown": 0, "code": 0}
    for cell in jupytext.read(notebook).cells:
        lines[cell.cell_type] += sum(bool(line.strip()) for line in cell.source.splitlines())
    assert lines["markdown"] >= lines["code"] / 2


@each_notebook
def test_cells_are_short_and_plain(notebook):
    for cell in jupytext.read(notebook).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25
            assert not re.search(r"^\s*[!%]|pip install", cell.source, re.MULTILINE)


@pytest.mark.parametrize("profile", ["smoke", "laptop", "long", "paper"])
def test_profiles_fit(profile):
    runner.check_profile(profile)


def test_laptop_is_what_the_notebooks_say():
    assert all(runner.load_profile("laptop", notebook.stem) == {} for notebook in NOTEBOOKS)


def test_your_own_agents_take_fewer_than_forty_lines():
    cells = jupytext.read(ROOT / "notebooks/your_own_agents.py").cells
    path = [cell.source for cell in cells if "path" in cell.metadata.get("tags", [])]
    lines = [line.strip() for line in "\n".join(path).splitlines()]
    assert 20 < len([line for line in lines if line and not line.startswith("#")]) < 40


def test_every_notebook_is_executed():
    assert [path.stem for path in EXECUTED] == [path.stem for path in NOTEBOOKS]


@each_executed
def test_executed_notebooks_are_those_of_the_text(path):
    """Code, prose, ids of cells and metadata; after a change of prose alone, `make notebooks`."""
    executed, text = executed_notebooks.read(path), jupytext.read(path.with_suffix(".py"))
    assert executed == executed_notebooks.tidy(executed, text)


def shown(path):
    """All outputs of a notebook."""
    return [o for c in executed_notebooks.read(path).cells for o in c.get("outputs", [])]


def is_figure_or_table(output):
    data = output.get("data", {})
    text = "".join(output.get("text", "")) + "".join(data.get("text/plain", ""))
    is_table = "<table" in "".join(data.get("text/html", "")) or re.search(r"^\|:?-+", text, re.M)
    return bool({"image/png", "image/svg+xml"} & {*data} or is_table)


@each_executed
def test_executed_notebooks_show_something_and_no_error(path):
    outputs = shown(path)
    assert [output for output in outputs if output.output_type == "error"] == []
    assert any(map(is_figure_or_table, outputs))


@each_executed
def test_executed_notebooks_hold_neither_paths_nor_addresses(path):
    text = json.dumps([{**output, "data": {}} for output in shown(path)])
    data = [output.get("data", {}) for output in shown(path)]
    text += json.dumps([{k: v for k, v in d.items() if "image" not in k} for d in data])
    assert re.findall(r"(?<![\w.])/(?:home|root|tmp|work|mnt|opt|usr|var|Users)/", text) == []
    assert re.findall(r"[A-Z]:\\\\|0x[0-9a-f]{6,}", text) == []


def test_executed_notebooks_are_small():
    assert sum(path.stat().st_size for path in EXECUTED) <= 8e6


def readme_commands():
    """README's ``papermill notebooks/NAME.ipynb out.ipynb -p ...``, by NAME."""
    lines = (ROOT / "README.md").read_text().replace("\\\n", "").splitlines()
    words = [shlex.split(line) for line in lines if "papermill notebooks/" in line]
    return {Path(path).stem: [path, *rest] for _, path, *rest in words}


def test_papermill_options_of_the_readme_are_parameters():
    commands = readme_commands()
    assert {"start_here", "table_2"} <= {*commands}
    for name, (path, out, *options) in commands.items():
        assert (path, out) == (f"notebooks/{name}.ipynb", "out.ipynb")
        assert {*options[::3]} == {"-p"}
        given = dict(zip(options[1::3], map(yaml.safe_load, options[2::3]), strict=True))
        runner.check_parameters(given, runner.read_parameters(ROOT / f"notebooks/{name}.py"))


@pytest.mark.slow
@pytest.mark.xdist_group("kernels on ports")  # which two processes may take to be free
def test_papermill_runs_the_first_notebook(tmp_path):
    """As README says it, but with smaller sizes."""
    path, _, *options = readme_commands()["start_here"]
    parameters = {"num_agents": 6, "num_unseen": 3, "num_episodes": 6}
    parameters["num_updates"] = 203  # no multiple of what is drawn of the learning curve
    parameters["output_folder"] = tmp_path / "output"
    command = [Path(sys.executable).with_name("papermill"), path, tmp_path / "out.ipynb", *options]
    for name, value in parameters.items():
        command += ["-p", name, str(value)]
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},  # not the environment's own
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert any(map(is_figure_or_table, shown(tmp_path / "out.ipynb")))
    assert results.load(tmp_path / "output")["parameters"]["num_unseen"] == 3
