"""What is kept of an executed notebook, and when it is refused."""

import jupytext
import nbformat
import pytest
from nbformat import v4

from reproduction import executed_notebooks, publishing, results

TEXT = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Table 9

# %% tags=["parameters"]
count = 2  # a number
output_folder = "results/laptop/table_9"  # where to

# %%
print(count)

# %%
print(count)
"""
PNG = v4.new_output("display_data", {"image/png": "aaaa", "text/plain": "<Figure>"})


@pytest.fixture
def source():
    return jupytext.reads(TEXT, fmt="py:percent")


@pytest.fixture
def executed(source):
    """An executed notebook as Papermill leaves it."""
    notebook = jupytext.reads(TEXT, fmt="py:percent")
    injected = v4.new_code_cell("count = 2", metadata={"tags": ["injected-parameters"]})
    notebook.cells.insert(2, injected)
    for count, cell in enumerate(notebook.cells[1:], 7):
        cell.execution_count = count
        cell.metadata["execution"] = {"iopub.execute_input": "2026-01-01T00:00:00"}
    notebook.cells[3].outputs = [
        v4.new_output("stream", name="stderr", text="100%|####| 9/9"),
        v4.new_output("stream", name="stdout", text="2\n"),
        v4.new_output("stream", name="stdout", text="3\n"),
        PNG,
        v4.new_output("execute_result", {"text/plain": "5"}, execution_count=9),
    ]
    notebook.metadata["papermill"] = {"parameters": {"output_folder": "elsewhere", "count": 2}}
    notebook.metadata["language_info"] = {"name": "python", "version": "3.99"}
    return notebook


def test_outputs_stay_and_noise_goes(executed, source):
    tidy = executed_notebooks.tidy(executed, source)
    nbformat.validate(tidy)
    assert [cell.source for cell in tidy.cells] == [cell.source for cell in source.cells]
    assert [cell.get("execution_count") for cell in tidy.cells] == [None, 1, 2, 3]
    shown = [tuple(output.get("data", output.get("text"))) for output in tidy.cells[2].outputs]
    assert shown == [("2", "\n", "3", "\n"), ("image/png", "text/plain"), ("text/plain",)]
    assert tidy.cells[1].metadata == {"tags": ["parameters"]} and tidy.cells[2].metadata == {}
    text = nbformat.writes(tidy)
    for noise in ("stderr", "9/9", "papermill", "elsewhere", "iopub", "3.99"):
        assert noise not in text


def test_ids_depend_on_content_alone(executed, source):
    first, again = (executed_notebooks.tidy(executed, source) for _ in range(2))
    assert first == again
    ids = [cell.id for cell in first.cells]
    assert len({*ids}) == 4  # two cells are equal
    source.cells.insert(0, v4.new_markdown_cell("new"))
    source.cells[1].source += ", revised"
    moved = [cell.id for cell in executed_notebooks.tidy(executed, source).cells]
    assert moved[2:] == ids[1:] and moved[1] != ids[0]


def test_what_is_tidy_stays_as_it_is(executed, source):
    tidy = executed_notebooks.tidy(executed, source)
    assert executed_notebooks.tidy(tidy, source) == tidy


def test_other_code_is_refused(executed, source):
    source.cells[-1].source = "print(count + 1)"
    with pytest.raises(ValueError, match="its code is not that of the text notebook"):
        executed_notebooks.tidy(executed, source)


@pytest.fixture
def published(executed, tmp_path, monkeypatch):
    """Folders of results and of text notebooks, with one each."""
    notebooks, results_dir = tmp_path / "notebooks", tmp_path / "laptop"
    notebooks.mkdir()
    (notebooks / "table_9.py").write_text(TEXT)
    results.Run("table_9", {"count": 2}).save(results_dir / "table_9", {}, seeds=[0])
    nbformat.write(executed, results_dir / "table_9" / executed_notebooks.FILE_NAME)
    return results_dir, notebooks


def test_publish_writes_them_beside_their_text(published, tmp_path):
    results_dir, notebooks = published
    command = ["--results", str(results_dir), "--to", str(tmp_path / "figures")]
    publishing.main([*command, "--notebooks", str(notebooks)])
    made = notebooks / "table_9.ipynb"
    assert PNG in executed_notebooks.read(made).cells[2].outputs
    before = made.read_bytes()
    publishing.main([*command, "--notebooks", str(notebooks)])
    assert made.read_bytes() == before


@pytest.mark.parametrize("wrong", ["code", "parameter", "parameter of the numbers"])
def test_publish_refuses_before_it_writes(published, tmp_path, executed, wrong):
    results_dir, notebooks = published
    if wrong == "code":
        (notebooks / "table_9.py").write_text(TEXT + "print(5)\n")
    elif wrong == "parameter of the numbers":  # from a run by hand beside the notebook
        results.Run("table_9", {"count": 3}).save(results_dir / "table_9", {}, seeds=[0])
    else:
        executed.metadata["papermill"]["parameters"]["count"] = 3
        nbformat.write(executed, results_dir / "table_9" / executed_notebooks.FILE_NAME)
    other = "it ran with another count than its default"
    message = "its code is not" if wrong == "code" else other
    with pytest.raises(ValueError, match=rf"table_9.notebook\.ipynb: {message}"):
        publishing.publish(results_dir, tmp_path / "figures", notebooks=notebooks)
    assert not (tmp_path / "figures").exists() and not list(notebooks.glob("*.ipynb"))


def test_newer_prose_reaches_the_executed_notebook(published):
    results_dir, notebooks = published
    ((path, notebook),) = executed_notebooks.prepare(results_dir, ["table_9"], notebooks).items()
    executed_notebooks.write(notebook, path)
    (notebooks / "table_9.py").write_text(TEXT.replace("# # Table 9", "# # Table 9: why?"))
    executed_notebooks.main([str(path)])
    updated = executed_notebooks.read(path)
    assert updated.cells[0].source == "# Table 9: why?"
    assert updated.cells[1:] == notebook.cells[1:]
    (notebooks / "table_9.py").write_text(TEXT.replace("# a number", "# of lines"))
    executed_notebooks.main([str(path)])
    updated = executed_notebooks.read(path)
    assert "# of lines" in updated.cells[1].source
    assert updated.cells[2:] == notebook.cells[2:]
    (notebooks / "table_9.py").write_text(TEXT + "print(5)\n")
    with pytest.raises(SystemExit, match=rf"^error: {path}: its code is not [^\n]*$"):
        executed_notebooks.main([str(path)])


CELL_WITHOUT_OUTPUTS = """{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells":
    [{"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "x"}]}"""


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"cells": 3}', CELL_WITHOUT_OUTPUTS])
def test_damaged_notebooks_are_named(tmp_path, damage):
    (tmp_path / "x.ipynb").write_text(damage)
    with pytest.raises(ValueError, match=r"x\.ipynb is damaged \([^\n]*\); delete it"):
        executed_notebooks.read(tmp_path / "x.ipynb")
