"""Executed notebooks as the repository keeps them: ``python -m reproduction.executed_notebooks``.

Beside each text notebook NAME.py stands NAME.ipynb, the same cells with the outputs of the default
profile. Timestamps, progress bars and versions of the kernel are left out, and the ids of cells
depend on their content, so that a new run changes only the outputs that differ. The command line
brings their prose and comments up to date; `reproduction.publishing` publishes those of a profile.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path

import jupytext
import nbformat
from nbformat import NotebookNode, v4

from paperlib import files
from reproduction import results, runner

FILE_NAME = "notebook.ipynb"  # the executed notebook in a folder of results
SET_BY_PAPERMILL = "injected-parameters"  # tag of the cell that Papermill adds


def tidy(executed: NotebookNode, source: NotebookNode) -> NotebookNode:
    """The cells of a text notebook with the outputs of an executed one.

    Args:
        executed: the notebook with outputs; a cell that Papermill added is left out.
        source: the same notebook as text, whose prose and comments may be newer.

    Raises:
        ValueError: if the code cells of the two differ.
    """
    ran = [cell for cell in executed.cells if cell.cell_type == "code"]
    ran = [cell for cell in ran if SET_BY_PAPERMILL not in cell.metadata.get("tags", [])]
    code = [cell for cell in source.cells if cell.cell_type == "code"]
    if [_syntax(cell) for cell in ran] != [_syntax(cell) for cell in code]:
        raise ValueError("its code is not that of the text notebook; run it again")
    cells, ids, count = [], set(), 0
    for cell in source.cells:
        tags = {name: value for name, value in cell.metadata.items() if name == "tags"}
        options = {"id": _cell_id(cell, ids), "metadata": tags}
        if cell.cell_type == "code":
            options["outputs"] = tidy_outputs(ran[count].outputs)
            count += 1
            cells.append(v4.new_code_cell(cell.source, execution_count=count, **options))
        else:
            cells.append(v4.new_markdown_cell(cell.source, **options))
    metadata = {
        "kernelspec": source.metadata["kernelspec"],
        "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
    }
    return v4.new_notebook(cells=cells, metadata=metadata)


def tidy_outputs(outputs: Iterable[NotebookNode]) -> list[NotebookNode]:
    """Outputs without what goes to stderr, which is progress bars and warnings; neighbouring texts
    become one."""
    kept: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream":
            if output.name == "stderr":
                continue
            if kept and kept[-1].output_type == "stream":
                kept[-1].text += output.text
                continue
            kept.append(v4.new_output("stream", name="stdout", text=output.text))
        elif output.output_type == "error":
            kept.append(output)
        else:  # a figure, or the value of a cell's last line, which has a number
            kept.append(v4.new_output("display_data", data=output.data))
    return kept


def _syntax(cell: NotebookNode) -> str:
    """A cell's code without comments and layout."""
    return ast.dump(ast.parse(cell.source))


def _cell_id(cell: NotebookNode, ids: set[str]) -> str:
    """An id for a cell from its content; equal cells get different ones."""
    text = f"{cell.cell_type}\n{cell.source}"
    while (name := hashlib.sha256(text.encode()).hexdigest()[:8]) in ids:
        text += "\nagain"
    ids.add(name)
    return name


def read(path: str | Path) -> NotebookNode:
    """An executed notebook.

    Raises:
        ValueError: if it is damaged or not a notebook.
    """
    try:
        notebook = nbformat.v4.reads_json(Path(path).read_text())
        nbformat.validate(notebook, version=4)
    except (ValueError, AttributeError, TypeError, nbformat.ValidationError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        message = f"{path} is damaged ({reason}); delete it and run the notebook again"
        raise ValueError(message) from None
    return notebook


def write(notebook: NotebookNode, path: str | Path) -> None:
    """Writes a notebook; equal ones give equal bytes."""
    files.save_text(path, nbformat.writes(notebook) + "\n")


def prepare(
    results_dir: str | Path, names: Iterable[str], folder: str | Path | None
) -> dict[Path, NotebookNode]:
    """The executed notebooks of the default profile, tidy, by where they belong.

    Args:
        results_dir: results of the profile.
        names: names of the notebooks.
        folder: the text notebooks, beside which the executed ones belong; None for none of them.

    Raises:
        FileNotFoundError: if a notebook has no executed copy.
        ValueError: if one is damaged, its code is no longer that of the text notebook, or it ran
            with other parameters.
    """
    prepared = {}
    for name in names if folder else ():
        text, executed = Path(folder) / f"{name}.py", read(Path(results_dir) / name / FILE_NAME)
        defaults = runner.read_parameters(text)
        given = executed.metadata.get("papermill", {}).get("parameters", {})
        given = [*given.items(), *results.load(Path(results_dir) / name)["parameters"].items()]
        other = [n for n, v in given if not n.endswith("_folder") and v != defaults.get(n)]
        try:
            if other:
                raise ValueError(f"it ran with another {', '.join(other)} than its default")
            prepared[text.with_suffix(".ipynb")] = tidy(executed, jupytext.read(text))
        except ValueError as error:
            raise ValueError(f"{Path(results_dir) / name / FILE_NAME}: {error}") from None
    return prepared


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Update prose and comments of executed notebooks.")
    parser.add_argument("notebooks", nargs="+", help="executed notebook, NAME.ipynb beside NAME.py")
    for path in map(Path, parser.parse_args(arguments).notebooks):
        try:
            write(tidy(read(path), jupytext.read(path.with_suffix(".py"))), path)
        except (ValueError, FileNotFoundError) as error:
            sys.exit(f"error: {path}: {error}")


if __name__ == "__main__":
    main()
