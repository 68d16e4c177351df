"""What the web book has beside its written pages: executed notebooks, and cards that lead to them.

``docs/conf.py`` calls `collect` before Sphinx reads its sources.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Mapping, Set
from pathlib import Path

from nbformat import NotebookNode

from paperlib import files
from reproduction import executed_notebooks, results
from reproduction.site import explorer

PARTS = {
    "Begin": ("start_here", "figure_6", "your_own_agents"),
    "ParticleWorld": ("population", "languages", "figure_1", "table_2", "figure_2")
    + ("generalisation", "table_3"),
    "RoboSumo": ("fidelity", "wrestlers", "table_1", "figure_3", "figure_4", "figure_5"),
    "Conclusions": ("explorer", "claims"),
}
CHAPTERS = tuple(name for names in PARTS.values() for name in names)


def find(results_dir: Path | None) -> dict[str, Path]:
    """Executed notebooks by name: those of a profile, or if there are none, the published ones.

    Raises:
        ValueError: if there is none at all.
    """
    made = sorted(results_dir.glob(f"[!.]*/{executed_notebooks.FILE_NAME}")) if results_dir else []
    found = {path.parent.name: path for path in made}
    found = found or {path.stem: path for path in (results.ROOT / "notebooks").glob("*.ipynb")}
    if not found:
        raise ValueError("there are no executed notebooks; run `make reproduce` first")
    return found


def link_notebooks(text: str, names: Set[str]) -> str:
    """Markdown in which names of notebooks in the book lead to their pages; names of other files
    of the repository are plain text."""

    def page(match: re.Match) -> str:
        return f"[`{match[1]}`]({match[2]}.ipynb)" if match[2] in names else match[0]

    def target(match: re.Match) -> str:
        stem = Path(match[2]).stem
        return f"[{match[1]}]({stem}.ipynb)" if stem in names else match[1]

    text = re.sub(r"\[([^]]+)\]\((?!https?:)([^)]+\.(?:py|ipynb|md))\)", target, text)
    return re.sub(r"(?<!\[)`((\w+)\.(?:py|ipynb))`(?!\])", page, text)


def opening(notebook: NotebookNode, name: str) -> tuple[str, str]:
    """A notebook's title, and the text after "The question." up to the first question mark."""
    text = notebook.cells[0].source if notebook.cells else ""
    title = re.search(r"^# (.+)$", text, re.MULTILINE)
    question = re.search(r"\*\*The question\.\*\*(.+?(?:\?|\n\n|\Z))", text, re.DOTALL)
    return title[1] if title else name, " ".join(question[1].split()) if question else ""


def first_figure(notebook: NotebookNode) -> bytes | None:
    """The first figure among a notebook's outputs, as PNG."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    figures = (output.get("data", {}).get("image/png") for output in outputs)
    found = next(filter(None, figures), None)
    return base64.b64decode(found) if found else None


def contents(cards: Mapping[str, str]) -> str:
    """Markdown with a grid of cards and a hidden table of contents for each part of the book.

    Args:
        cards: of the notebooks that are there, by name.
    """
    text = ""
    for part, names in (PARTS | {"More": sorted(set(cards) - set(CHAPTERS))}).items():
        if there := [name for name in names if name in cards]:
            grid = "\n".join(cards[name] for name in there)
            pages = "\n".join(f"chapters/{name}" for name in there)
            text += f"## {part}\n\n::::{{grid}} 1 2 2 2\n:gutter: 3\n{grid}\n::::\n\n"
            text += f"```{{toctree}}\n:hidden:\n:caption: {part}\n{pages}\n```\n\n"
    missing = ", ".join(f"`{name}.py`" for name in CHAPTERS if name not in cards)
    return text + (f"Not yet run: {missing}.\n" if missing else "")


def collect(folder: str | Path, results_dir: Path | None = None) -> None:
    """Writes the notebooks, the index's cards and the explorer's page beside Sphinx's sources.

    Args:
        folder: with the sources.
        results_dir: results of a profile; without any, the published notebooks are taken.

    Raises:
        ValueError: if there is no executed notebook, or one is damaged.
    """
    found, cards = find(results_dir), {}
    for made in ("chapters", "_extra"):
        shutil.rmtree(Path(folder) / made, ignore_errors=True)
        (Path(folder) / made).mkdir()
    for name, path in found.items():
        notebook = executed_notebooks.read(path)
        title, question = opening(notebook, name)
        cards[name] = f":::{{grid-item-card}} {title}\n:link: chapters/{name}\n:link-type: doc\n"
        if figure := first_figure(notebook):
            (Path(folder) / f"chapters/{name}.png").write_bytes(figure)
            cards[name] += f":img-bottom: chapters/{name}.png\n:img-alt: Figure of “{title}”\n"
        cards[name] += f"\n{link_notebooks(question, set())}\n:::"
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = link_notebooks(cell.source, set(found))
        executed_notebooks.write(notebook, Path(folder) / f"chapters/{name}.ipynb")
    page = results_dir / "explorer" / explorer.FILE_NAME if results_dir else None
    lead = ""
    if page and page.is_file():  # outside the book, its links lead nowhere and are hidden
        text = page.read_text().replace("<nav hidden>", "<nav>", 1)
        (Path(folder) / "_extra" / explorer.FILE_NAME).write_text(text)
        lead = f'<p><a href="{explorer.FILE_NAME}">The embedding explorer</a>: turn the embeddings '
        lead += "of both worlds, and see the episode behind every point.</p>\n\n"
    with files.replacing(Path(folder) / "chapters/contents.md") as temporary:
        temporary.write_text(lead + contents(cards))
