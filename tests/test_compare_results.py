"""The script that compares two folders of results."""

import compare_results
import pytest

from reproduction import results


@pytest.fixture
def folders(tmp_path):
    """Saves values of two notebooks as old results, and returns a function that saves new ones."""
    values = {"rows": [{"item": "return, best word", "ours": 0.1}], "hand-made": [1.0, 2, None]}
    results.Run("table_3", {}).save(tmp_path / "old/table_3", values, seeds=[0])
    results.Run("figure_1", {}).save(tmp_path / "old/figure_1", {"x": -0.0}, seeds=[0])

    def save(values, x=-0.0):
        results.Run("table_3", {}).save(tmp_path / "new/table_3", values, seeds=[0])
        results.Run("figure_1", {}).save(tmp_path / "new/figure_1", {"x": x}, seeds=[0])
        return [str(tmp_path / "old"), str(tmp_path / "new")]

    return save


def new_values(**changes):
    rows = [{"item": "return, best constant message", "ours": 0.1}]
    return {"rows": rows, "summary statistics": [1.0, 2, None]} | changes


def test_names_may_change(folders, capsys):
    assert compare_results.main(folders(new_values())) == 0
    assert "table_3: 6 values, 0 differences" in capsys.readouterr().out
    assert compare_results.main(folders(new_values(drawn={"train": [1.0]}))) == 0  # as we know


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"summary statistics": [1.0 + 2**-52, 2, None]}, "differs: table_3/summary statistics/0"),
        ({"summary statistics": [1.0, 2.0, None]}, "differs: table_3/summary statistics/1: 2 ->"),
        ({"summary statistics": [1.0, 2, 0]}, "differs: table_3/summary statistics/2: None -> 0"),
        ({"summary statistics": [1.0, 2]}, "missing: table_3/summary statistics/2 (was table_3/h"),
        ({"more": 1}, "added: table_3/more"),
        ({"rows": [{"item": "x", "ours": 0.1}]}, "differs: table_3/rows/0/item: 'return, best w"),
    ],
)
def test_what_differs_is_named(folders, capsys, changes, line):
    assert compare_results.main(folders(new_values(**changes))) == 1
    out = capsys.readouterr().out
    assert line in out and "figure_1: 2 values, 0 differences" in out


def test_the_sign_of_zero_counts(folders):
    assert compare_results.main(folders(new_values(), x=0.0)) == 1
    assert compare_results.main([*folders(new_values(), x=0.0), "table_3"]) == 0


def test_two_old_values_are_not_one_new():
    new = {"a/best constant message": 1}
    (line,) = compare_results.differences({"a/best word": 1, **new}, new)
    assert line == "ambiguous: a/best constant message stands for 2 old values"


def test_a_notebook_without_results_is_named(folders, capsys, tmp_path):
    old, new = folders(new_values())
    (tmp_path / "new/figure_1/result.json").unlink()
    assert compare_results.main([old, new]) == 1
    assert "figure_1: no results in" in capsys.readouterr().out
