"""Reads the project's own source files for tests."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def modules(*folders: str) -> list[Path]:
    """All Python files in folders of the repository, at any depth."""
    return [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    """A file's place in the repository, as tests are named."""
    return path.relative_to(ROOT).as_posix()


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Every import in a file: the dotted name, and whether it waits until a function is called."""
    if path.suffix != ".py":  # Snakefile: Python, and more
        for name in re.findall(r"^(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE):
            yield name, False
        return
    yield from _imports(parse(path), lazy=False)


def _imports(node: ast.AST, *, lazy: bool) -> Iterator[tuple[str, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, lazy) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            assert child.level == 0, "a relative import"
            yield from ((f"{child.module}.{alias.name}", lazy) for alias in child.names)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from _imports(child, lazy=lazy or inside)


def requirements(*extras: str) -> dict[str, Requirement]:
    """Requirements of the library and of these extras, by canonical name."""
    found = {}
    for text in PROJECT["dependencies"] + [text for extra in extras for text in EXTRAS[extra]]:
        wanted = Requirement(text)
        if wanted.name == PROJECT["name"]:
            found |= requirements(*wanted.extras)
        else:
            found[canonicalize_name(wanted.name)] = wanted
    return found
