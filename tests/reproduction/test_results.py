"""Results files, and what notebooks record in them."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from paperlib import files
from reproduction import results, runner

NOTEBOOKS = sorted(runner.NOTEBOOKS.glob("*.py"))
each_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def save(folder, **values):
    parameters = {"num_seeds": 3, "weights": [0.5, 1.0], "quick": True, "form": "softmax"}
    results.Run("table_2", parameters).save(folder, values, seeds=range(3))
    return folder / results.FILE_NAME


def test_a_result_comes_back_with_what_it_took(tmp_path):
    save(tmp_path / "new", iicr=np.array([0.5, np.nan]))
    content = results.load(tmp_path / "new")
    assert content["item"] == "table_2" and content["seeds"] == [0, 1, 2]
    assert content["values"] == {"iicr": [0.5, None]}
    assert content["parameters"]["weights"] == [0.5, 1.0]
    assert 0.05 < content["peak_memory_gb"] < 1000
    assert content["wall_time_seconds"] >= 0 and content["machine"]["cores"] >= 1
    assert {"python", "commit", "torch", "mpe2"} <= set(content["versions"])
    time, versions = results.cost(tmp_path / "new").splitlines()
    assert re.match(r"\d\.\d s, at most \d\.\d GB, \d+ cores of ", time)
    assert re.search(r"python \d\.\d+\.\d+, commit [\w-]+, torch \d", versions)


def test_the_cost_of_kept_trainings_is_told_apart(tmp_path):
    run = results.Run("benchmark", {})
    run.save(tmp_path, {}, seeds=[0], training_seconds=7200.0)
    assert ", plus 2.0 core hours of training (kept), " in results.cost(tmp_path)
    run.save(tmp_path, {}, seeds=[0])
    assert "trainings" not in results.cost(tmp_path)


def test_a_result_is_replaced_whole(tmp_path):
    save(tmp_path, a=1)
    with pytest.raises(TypeError):
        save(tmp_path, a=object())
    assert results.load(tmp_path)["values"] == {"a": 1}
    save(tmp_path, a=2)
    assert results.load(tmp_path)["values"] == {"a": 2}
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_a_changed_number_is_noticed(tmp_path):
    path = save(tmp_path, iicr=0.75)
    path.write_text(path.read_text().replace("0.75", "0.25"))
    with pytest.raises(ValueError, match="checksum differs"):
        results.load(tmp_path)


def test_no_result_and_no_results_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="run what writes it first"):
        results.load(tmp_path)
    files.save_json(tmp_path / "result.json", {"item": "x", "values": {}})
    with pytest.raises(ValueError, match=r"lacks \['machine', 'parameters', 'seeds', 'versions'\]"):
        results.load(tmp_path)


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert results.versions()["commit"] == "unknown"


def test_save_prints_the_folder_from_the_root(tmp_path, capsys, monkeypatch):
    save(tmp_path)
    assert capsys.readouterr().out == f"Results: {tmp_path}\n"
    monkeypatch.setattr(results, "ROOT", tmp_path)
    save(results.resolve("results/laptop/table_2"))
    assert capsys.readouterr().out == "Results: results/laptop/table_2\n"
    assert results.load(tmp_path / "results/laptop/table_2")["item"] == "table_2"


def test_the_cpu_is_recorded(tmp_path):
    save(tmp_path)
    machine = results.load(tmp_path)["machine"]
    assert (machine["cpu"], machine["vector_instructions"]) == results.cpu()
    if Path("/proc/cpuinfo").exists():
        assert machine["cpu"] and machine["vector_instructions"]


def test_linux_describes_the_cpu(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text(
        "processor\t: 0\nmodel name\t: Some CPU : 2 GHz\n\n"
        "flags\t\t: fpu sse2 fma cx16 avx2 avx512f amx_tile\npower management:\n"
    )
    assert results.cpu(file) == ("Some CPU : 2 GHz", ["fma", "avx2", "avx512f", "amx_tile"])
    file.write_text("processor\t: 0\nFeatures\t: fp asimd crc32 sve\n")
    assert results.cpu(file)[1] == ["asimd", "sve"]
    name, instructions = results.cpu(tmp_path / "none")  # as on macOS
    assert name and instructions == []


@each_notebook
def test_a_notebook_resolves_its_folders(notebook):
    """Wherever it runs; or it passes them on by name, to what resolves them."""
    nodes = list(ast.walk(ast.parse(notebook.read_text())))
    folders = {name for name in runner.read_parameters(notebook) if name.endswith("_folder")}
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    resolved = [call.args[0] for call in calls if ast.unparse(call.func) == "results.resolve"]
    pairs = [keyword for call in calls for keyword in call.keywords]
    passed = [pair.value for pair in pairs if pair.arg == ast.unparse(pair.value)]
    names = [node for node in nodes if isinstance(node, ast.Name) and node.id in folders]
    used = [node for node in names if isinstance(node.ctx, ast.Load)]
    assert {node.id for node in used} == folders
    assert [node.id for node in used if node not in resolved + passed] == []


def test_a_seed_counts_once():
    with pytest.raises(ValueError, match=r"^egocentric_seeds must differ from each other, got \["):
        results.Run("table_1", {"seeds": [0, 1], "egocentric_seeds": [0, 0]})


def test_results_of_other_parameters_are_named(tmp_path):
    results.Run("table_2", {"count": 2, "seeds": [0, 1], "rate": 0.5}).save(tmp_path, {}, seeds=[0])
    own = {"count": 3, "seeds": [0, 1], "rate": 0.1}
    assert results.load_alike(tmp_path, own, ["seeds"])["item"] == "table_2"
    with pytest.raises(ValueError, match=rf"^count, rate must be as in {tmp_path}$"):
        results.load_alike(tmp_path, own, ["count", "seeds", "rate"])
