"""Results files."""

import numpy as np
import pytest

from paperlib import files
from reproduction import results


def save(folder, **values):
    parameters = {"num_seeds": 3, "weights": [0.5, 1.0], "quick": True, "form": "softmax"}
    return results.Run("table_2", parameters).save(folder, values, seeds=range(3))


def test_a_result_comes_back_with_what_it_took(tmp_path):
    path = save(tmp_path / "new", iicr=np.array([0.5, np.nan]))
    content = results.load(tmp_path / "new")
    assert path == tmp_path / "new" / "result.json"
    assert content["item"] == "table_2" and content["seeds"] == [0, 1, 2]
    assert content["values"] == {"iicr": [0.5, None]}
    assert content["parameters"]["weights"] == [0.5, 1.0]
    assert 0.05 < content["peak_memory_gb"] < 1000
    assert content["wall_time_seconds"] >= 0 and content["machine"]["cores"] >= 1
    assert {"python", "commit", "torch", "mpe2"} <= set(content["versions"])


def test_parameters_are_settings_and_nothing_else():
    names = {"seed": 1, "rate": 0.5, "form": "a", "quick": True, "sizes": [1, 2]}
    other = {"_hidden": 1, "data_folder": "x", "In": ["a"], "Out": {}, "np": np, "save": save}
    assert results.Run("x", names | other).parameters == names


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
    with pytest.raises(FileNotFoundError, match="run the notebook"):
        results.load(tmp_path)
    files.save_json(tmp_path / "result.json", {"item": "x", "values": {}})
    with pytest.raises(ValueError, match=r"lacks \['machine', 'parameters', 'seeds', 'versions'\]"):
        results.load(tmp_path)


def test_without_git_the_commit_is_unknown(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert results.versions()["commit"] == "unknown"


def test_jobs_of_its_own_count_as_if_all_cores_were_busy(tmp_path):
    results.Run("figure_9", {}).save(tmp_path, {}, seeds=[0], job_seconds=100.0)
    content = results.load(tmp_path)
    expected = content["wall_time_seconds"] + 100 / content["machine"]["cores"]
    assert results.seconds(content) == expected
    del content["job_seconds"]  # as older files lack it
    assert results.seconds(content) == content["wall_time_seconds"]
