"""Runs one notebook: ``python -m reproduction.runner notebooks/table_2.py --profile smoke``.

A notebook is a text file in percent format with one cell tagged ``parameters``. The runner checks
the parameters before anything starts and executes the notebook with Papermill in a folder of its
own, RESULTS/PROFILE/.NAME. If that succeeds, everything moves to RESULTS/PROFILE/NAME: the executed
notebook, its log, its results file and its figures. If it fails, only the executed notebook and the
log are kept there, as ``failed.ipynb`` and ``failed.log``, beside the results of earlier runs.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jupytext
import papermill
import yaml
from jupyter_client.manager import AsyncKernelManager

from paperlib import _checks
from reproduction import results, staging

NOTEBOOKS = results.ROOT / "notebooks"
PROFILES = results.ROOT / "workflow" / "parameters.yaml"


def ipc_kernel_manager(sockets: str, folder: Path) -> type[AsyncKernelManager]:
    """A kernel manager whose kernel works in ``folder`` and communicates through files in
    ``sockets``.

    With the usual TCP ports, notebooks that start at the same moment may be given the same port.
    And Papermill's own ``cwd`` changes the working directory of the whole process.
    """

    class IPCKernelManager(AsyncKernelManager):
        def __init__(self, **arguments: Any) -> None:
            file = os.path.join(sockets, "kernel.json")
            super().__init__(transport="ipc", connection_file=file, **arguments)

        async def start_kernel(self, **options: Any) -> None:
            await super().start_kernel(cwd=str(folder), **options)

    return IPCKernelManager


def _short_folder() -> str:
    """Where to make temporary folders of sockets, whose paths hold some hundred bytes at most."""
    usual = tempfile.gettempdir()
    return usual if len(os.fsencode(usual)) <= 60 else "/tmp"


def read_parameters(notebook: str | Path) -> dict[str, Any]:
    """Names and default values in the parameters cell of a notebook.

    Raises:
        ValueError: if there is no such notebook or cell, or it holds more than NAME = LITERAL.
    """
    notebook = Path(notebook)
    if notebook.suffix != ".py" or not notebook.is_file():
        raise ValueError(f"notebook: {notebook} is no text notebook (.py)")
    cells = jupytext.read(notebook).cells
    tagged = [cell for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    if len(tagged) != 1:
        raise ValueError(f"{notebook} must have one cell tagged 'parameters', got {len(tagged)}")
    parameters = {}
    for statement in ast.parse(tagged[0].source).body:
        try:
            (target,) = statement.targets
            parameters[target.id] = ast.literal_eval(statement.value)
        except (AttributeError, ValueError):
            line = ast.unparse(statement)
            raise ValueError(f"{notebook}: parameter {line!r} must be NAME = LITERAL") from None
    return parameters


def check_parameters(given: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The given parameters, with integers converted to floats where the default is a float. A
    mapping keeps its default's entries where none are given.

    Raises:
        ValueError: if a name is unknown, or a value and its default differ in type.
    """
    checked = {}
    for name, value in given.items():
        if name not in defaults:
            raise ValueError(f"unknown parameter {name!r}; {_checks.hint(name, defaults)}")
        checked[name] = _as_type_of(name, value, defaults[name])
    return checked


def _as_type_of(name: str, value: Any, default: Any) -> Any:
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not type(default):
        raise ValueError(
            f"parameter {name!r} must be of type {type(default).__name__} "
            f"(its default is {default!r}), got {value!r}"
        )
    if isinstance(default, dict):
        return default | check_parameters(value, default)
    if isinstance(default, list) and default:
        return [_as_type_of(name, item, default[0]) for item in value]
    return value


def load_profile(profile: str, notebook: str) -> dict[str, Any]:
    """The parameters that a profile sets for a notebook.

    Raises:
        ValueError: if the profile is unknown.
    """
    profiles = yaml.safe_load(PROFILES.read_text())
    if profile not in profiles:
        raise ValueError(f"unknown profile {profile!r}; there are {', '.join(profiles)}")
    return (profiles[profile] or {}).get(notebook, {})


def check_profile(profile: str) -> None:
    """Checks all parameters that a profile sets, for all notebooks.

    Raises:
        ValueError: if the profile, a notebook or a parameter is unknown, or a type is wrong.
    """
    load_profile(profile, "")
    for item, given in (yaml.safe_load(PROFILES.read_text())[profile] or {}).items():
        notebook = NOTEBOOKS / f"{item}.py"
        if not notebook.is_file():
            raise ValueError(f"profile {profile!r}: there is no notebook {item!r}")
        try:
            check_parameters(given, read_parameters(notebook))
        except ValueError as error:
            raise ValueError(f"profile {profile!r}, {item}: {error}") from None


def check_items(items: Sequence[str]) -> None:
    """Checks names of notebooks.

    Raises:
        ValueError: if there is no such notebook.
    """
    known = [path.stem for path in NOTEBOOKS.glob("*.py")]
    for item in items:
        if item not in known:
            raise ValueError(f"there is no notebook {item!r}; {_checks.hint(item, known)}")


def parameters_of(item: str, profile: str, results_folder: str | Path) -> dict[str, Any]:
    """All parameters of a notebook in a profile, as the runner sets them.

    Args:
        item: name of the notebook.
        profile: one of ``workflow/parameters.yaml``.
        results_folder: results of all profiles.

    Raises:
        ValueError: if the profile or a parameter is wrong.
    """
    defaults = read_parameters(NOTEBOOKS / f"{item}.py")
    given = check_parameters(load_profile(profile, item), defaults)
    return {**defaults, **_folders(defaults, item, Path(results_folder) / profile), **given}


def _folders(defaults: Mapping[str, Any], item: str, results_dir: Path) -> dict[str, str]:
    """The parameters that end in ``_folder``, as `results.resolve` takes them."""
    known = {"output_folder": item, "checkpoint_folder": f"checkpoints/{item}"}
    names = [name for name in defaults if name.endswith("_folder")]
    return {
        name: results.shorten(results_dir / known.get(name, name.removesuffix("_folder")))
        for name in names
    }


def run(
    notebook: str | Path,
    *,
    profile: str,
    results_folder: str | Path = "results",
    parameters: Mapping[str, Any] | None = None,
) -> Path:
    """Executes one notebook, as described at the top of this module.

    The runner sets every parameter that ends in ``_folder``: ``output_folder`` to where the
    notebook writes, ``checkpoint_folder`` to a folder that outlives failures, and ``NAME_folder``
    to the results of notebook NAME in the same profile.

    Args:
        notebook: a text notebook.
        profile: one of ``workflow/parameters.yaml``.
        results_folder: results of all profiles.
        parameters: override those of the profile.

    Returns:
        The folder with everything that the notebook made.

    Raises:
        ValueError: if the profile or a parameter is wrong, or another run of this notebook into the
            same folder is under way; nothing has been started then.
        papermill.PapermillExecutionError: if the notebook fails.
    """
    notebook = Path(notebook)
    name = notebook.stem
    defaults = read_parameters(notebook)
    if "output_folder" in (parameters or {}):
        raise ValueError("output_folder is set from the folder of all results (--results)")
    given = load_profile(profile, name) | dict(parameters or {})
    checked = check_parameters(given, defaults)
    results_dir = Path(os.path.abspath(results_folder)) / profile
    target, folder = results_dir / name, results_dir / f".{name}"
    folders = _folders(defaults, name, results_dir)
    if "output_folder" in folders:
        folders["output_folder"] = results.shorten(folder)
    results_dir.mkdir(parents=True, exist_ok=True)
    lock = results_dir / f".{name}.lock"
    message = f"{results.shorten(lock)}: another run of this notebook is at work"
    with staging.locked(lock, message):
        _execute(notebook, {**folders, **checked}, folder, target)
    return target


def _execute(notebook: Path, parameters: Mapping[str, Any], folder: Path, target: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    source = folder / "source.ipynb"
    jupytext.write(jupytext.read(notebook), source)
    executed, log = folder / "notebook.ipynb", folder / "log.txt"
    try:
        with (
            open(log, "w", encoding="utf-8") as stream,
            tempfile.TemporaryDirectory(prefix="kernel-", dir=_short_folder()) as sockets,
        ):
            papermill.execute_notebook(
                source,
                executed,
                parameters=parameters,
                kernel_manager_class=ipc_kernel_manager(sockets, notebook.resolve().parent),
                stdout_file=stream,
                stderr_file=stream,
                progress_bar=False,
                coalesce_streams=True,  # else every update of a progress bar is an output
            )
        results.load(folder)
    except BaseException:
        target.mkdir(exist_ok=True)
        for file, kept in ((executed, "failed.ipynb"), (log, "failed.log")):
            if file.exists():
                file.replace(target / kept)
        shutil.rmtree(folder)
        raise
    source.unlink()
    for file, rename in ((executed, staging.rename_in_notebook), (log, staging.rename)):
        text = rename(file.read_text(encoding="utf-8"), folder, target)
        file.write_text(text, encoding="utf-8")
    staging.publish(folder, target)


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Run one notebook.")
    parser.add_argument("notebook")
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--results", default="results", help="folder for the results")
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of the notebook; the value is YAML",
    )
    options = parser.parse_args(arguments)
    # Notebooks use several cores through processes; sums must not depend on the number of cores
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    os.environ["PYTHONUTF8"] = "1"  # they write UTF-8, whatever the locale says
    try:
        given = {n: yaml.safe_load(v) for n, _, v in (t.partition("=") for t in options.parameter)}
        target = run(
            options.notebook,
            profile=options.profile,
            results_folder=options.results,
            parameters=given,
        )
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")
    except yaml.YAMLError as error:
        sys.exit(f"error: -p: {str(error).splitlines()[0]}")
    except papermill.PapermillExecutionError as error:
        last = f"{error.ename}: {error.evalue}"
        sys.exit(f"error: {options.notebook}, cell {error.cell_index}: {last}")
    print(target)


if __name__ == "__main__":
    main()
