"""A Sphinx extension that reads our docstrings: Markdown tables, and formulas in plain text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from sphinx.application import Sphinx
from tabulate import tabulate

# What reStructuredText may read as markup; elsewhere, stars and bars are plain characters
MARKUP = r"``.+?``|`[^`]+`|(?<![\w(*])\*\w[^*]*\*(?!\w)"


def escape(line: str) -> str:
    """Escapes a line for reStructuredText, so that ``e*`` and ``|e|`` appear as written."""
    line = re.sub(r"(?<=: )(?=\w\.(?: |$))", r"\\", line)  # "size: N." is no numbered list
    line = re.sub(rf"({MARKUP})|([|*])", lambda m: m[1] or f"\\{m[2]}", line)
    return re.sub(r"(?<!`)(`[^`]+`)(?=[a-z])", r"\1\\ ", line)  # the plural of a name


def grid(table: Sequence[str]) -> list[str]:
    """Converts a Markdown table to reStructuredText; a row that begins and ends with an empty cell
    continues the one above."""
    rows: list[list[str]] = []
    for line in table:
        cells = [cell.strip() for cell in line.strip()[1:-1].split("|")]
        if rows and not cells[0] and not cells[-1]:
            pairs = zip(rows[-1], cells, strict=True)
            rows[-1] = [f"{above} {cell}".strip() for above, cell in pairs]
        elif set("".join(cells)) - set("-:"):
            rows.append(cells)
    return tabulate(rows[1:], rows[0], tablefmt="grid", disable_numparse=True).splitlines()


def convert(lines: Sequence[str]) -> Iterator[str]:
    """Converts a docstring to reStructuredText."""
    table: list[str] = []
    for line in [*lines, ""]:
        if line.startswith("|"):
            table.append(line)
            continue
        if table:
            yield from ["", *grid(table), ""]
            table = []
        yield escape(line)


def process(app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Converts a docstring in place, as autodoc asks for it."""
    lines[:] = convert(lines)


def skip(app: Sphinx, what: str, name: str, obj: Any, skipped: bool, options: Any) -> bool | None:
    """Leaves out fields of named tuples, which the tuple's docstring describes."""
    return True if type(obj).__name__ == "_tuplegetter" else None


def setup(app: Sphinx) -> dict[str, bool]:
    """Converts docstrings before Napoleon, whose priority is 500, reads their sections."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", process, priority=400)
    app.connect("autodoc-skip-member", skip)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
