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
from sources import ROOT, parse

from paperlib import streams
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population
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


def run_with_papermill(notebook, folder, lists="{}", **parameters):
    """README's ``papermill notebooks/NAME.ipynb out.ipynb -p ...``, with smaller sizes."""
    lines = (ROOT / "README.md").read_text().replace("\\\n", "").splitlines()
    (line,) = (line for line in lines if f"papermill notebooks/{notebook}.ipynb" in line)
    _, path, out, *options = shlex.split(line)
    assert (path, out) == (f"notebooks/{notebook}.ipynb", "out.ipynb") and "-p" in options
    command = [Path(sys.executable).with_name("papermill"), path, folder / out, *options]
    parameters["output_folder"] = folder / "output"
    for name, value in parameters.items():
        command += ["-p", name, str(value)]
    answer = subprocess.run(
        [*command, "-y", lists],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},  # not the environment's own
        capture_output=True,
        text=True,
    )
    assert answer.returncode == 0, answer.stderr
    assert any(map(is_figure_or_table, shown(folder / "out.ipynb")))
    return results.load(folder / "output")


@pytest.mark.slow
@pytest.mark.xdist_group("kernels on ports")  # which two processes may take to be free
def test_papermill_runs_the_first_notebook(tmp_path):
    sizes = {"num_agents": 6, "num_unseen": 3, "num_episodes": 6}
    sizes["num_updates"] = 203  # no multiple of what is drawn of the learning curve
    assert run_with_papermill("start_here", tmp_path, **sizes)["parameters"]["num_unseen"] == 3


@pytest.mark.slow
@pytest.mark.xdist_group("kernels on ports")
def test_papermill_runs_table_2(tmp_path):
    for number in range(2):
        layers = enumerate([(3, 8, 3), (11, 8, 5)])  # of speakers and listeners
        networks = (
            StackedMLP(sizes, generators=[streams.make_generator(number, k, p) for p in range(6)])
            for k, sizes in layers
        )
        population = Population(*networks, provenance={"dynamics": "mpe2"})
        population.save(tmp_path / f"population_{number}.safetensors")
    lists = "{seeds: [0, 1], update_counts: [20], learning_rates: [0.005], "
    lists += "identification_weights: [0.1], episode_counts: [1]}"
    sizes = {"num_populations": 2, "episodes_per_edge": 8, "num_validation": 2, "num_test": 2}
    sizes |= {"anchors_per_step": 6, "max_per_agent": 8, "num_workers": 1}
    folders = {"population_folder": tmp_path, "encoders_folder": tmp_path / "encoders"}
    result = run_with_papermill("table_2", tmp_path, lists, **sizes, **folders)
    assert result["seeds"] == [0, 1] and len(result["values"]["rows"]) > 6
