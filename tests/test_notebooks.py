"""The notebooks' form, all of them; `test_workflow.py` executes them."""

import ast
import re

import jupytext
import pytest
from sources import ROOT, parse

from reproduction import runner

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def test_there_are_enough():
    assert len(NOTEBOOKS) >= 18


@each_notebook
def test_parameters_and_kernel(notebook):
    assert runner.read_parameters(notebook)["output_folder"].endswith(notebook.stem)
    assert jupytext.read(notebook).metadata["kernelspec"]["name"] == "python3"


@each_notebook
def test_every_parameter_has_a_comment(notebook):
    cells = jupytext.read(notebook).cells
    (cell,) = (cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    bare = [
        line for line in cell.source.splitlines() if "_folder" not in line and "  # " not in line
    ]
    assert bare == []


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
    places = [
        text.index(heading)
        for heading in ("**The question.**", "## Parameters", "## What it cost", "## Things to try")
    ]
    assert places == sorted(places)
    tries = text[places[-1] :].count("\n- ")
    assert 2 <= tries <= 3


@each_notebook
def test_cells_are_short_and_plain(notebook):
    for cell in jupytext.read(notebook).cells:
        if cell.cell_type == "code":
            assert len(cell.source.splitlines()) <= 25
            assert not re.search(r"^\s*[!%]|pip install", cell.source, re.MULTILINE)


@pytest.mark.parametrize("profile", ["smoke", "laptop", "long", "paper"])
@each_notebook
def test_profiles_fit(notebook, profile):
    given = runner.load_profile(profile, notebook.stem)
    runner.check_parameters(given, runner.read_parameters(notebook))


def test_laptop_is_what_the_notebooks_say():
    assert all(runner.load_profile("laptop", notebook.stem) == {} for notebook in NOTEBOOKS)


def test_your_own_agents_take_fewer_than_forty_lines():
    cells = jupytext.read(ROOT / "notebooks/your_own_agents.py").cells
    path = [cell.source for cell in cells if "path" in cell.metadata.get("tags", [])]
    lines = [line.strip() for line in "\n".join(path).splitlines()]
    assert 20 < len([line for line in lines if line and not line.startswith("#")]) < 40
