"""The generated parts of the web book: executed notebooks, and cards that lead to them.

``docs/conf.py`` calls `collect` before Sphinx reads its sources, and names this module as an
extension, which describes figures to readers who cannot see them.
"""

from __future__ import annotations

import base64
import re
import shutil
from collections.abc import Mapping, Set
from pathlib import Path

from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

from reproduction import executed_notebooks, results
from reproduction.site import explorer

PARTS = {
    "Begin": "start_here figure_6 your_own_agents",
    "ParticleWorld": (
        "population languages figure_1 table_2 figure_2 generalisation table_3 value_of_knowing"
    ),
    "RoboSumo": "fidelity wrestlers best_responses table_1 figure_3 figure_4 figure_5",
    "Beyond": "benchmark",
    "Conclusions": "explorer claims",
}
CARD = """:::{{grid-item-card}} {title}
:link: chapters/{name}
:link-type: doc
{image}
{question}
:::
"""
IMAGE = ":img-bottom: chapters/{name}.png\n:img-alt: Figure of “{title}”\n"
PART = """## {part}

::::{{grid}} 1 2 2 2
:gutter: 3
{cards}
::::

```{{toctree}}
:hidden:
:caption: {part}
{pages}
```

"""
EXPLORER = (
    '<p><a href="{}">The embedding explorer</a>: turn the embeddings of both worlds, and see the '
    "episode behind every point.</p>\n\n"
)
NO_EXPLORER = """[The embedding explorer](chapters/explorer.ipynb), a page where each embedding
shows its episode, is missing from this copy of the book: at some 6 MB, it is too large for the
repository. `make reproduce ITEMS=explorer` makes it, and `make book` then adds it.

"""


def find(results_dir: Path) -> dict[str, Path]:
    """Executed notebooks by name: those of a profile, and the published ones for all others."""
    published = {path.stem: path for path in (results.ROOT / "notebooks").glob("*.ipynb")}
    made = results_dir.glob(f"[!.]*/{executed_notebooks.FILE_NAME}")
    return published | {path.parent.name: path for path in made}


def link_notebooks(text: str, names: Set[str]) -> str:
    """Markdown in which notebooks of the book are links to their pages, whether as links to files
    or as names in backquotes; links to other files of the repository become text."""

    def page(match: re.Match) -> str:
        shown, target = match[1] or match[3], match[2] or match[3].strip("`")
        stem = Path(target).stem
        return f"[{shown}]({stem}.ipynb)" if stem in names else shown

    link = r"\[([^]\n]+)\]\((?!https?:)([^)\s]*[./][^)\s]*)\)"
    return re.sub(rf"{link}|(?<!\[)(`\w+\.(?:py|ipynb)`)", page, text)


def make_card(notebook: NotebookNode, name: str, figures: Path) -> str:
    """A card with a notebook's title, its question, and its first figure, which is written to
    ``figures/NAME.png``."""
    text = notebook.cells[0].source
    title = re.search(r"^# (.+)$", text, re.MULTILINE)[1]
    asked = re.search(r"\*\*The question\.\*\*(.+?(?:\?|\n\n|\Z))", text, re.DOTALL)
    question, image = " ".join(asked[1].split()) if asked else "", ""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [
        output.data["image/png"] for output in outputs if "image/png" in output.get("data", {})
    ]
    if pictures:
        (figures / f"{name}.png").write_bytes(base64.b64decode(pictures[0]))
        image = IMAGE.format(name=name, title=title)
    question = link_notebooks(question, set())
    return CARD.format(title=title, name=name, image=image, question=question)


def make_contents(cards: Mapping[str, str]) -> str:
    """Markdown with a grid of cards and a table of contents for each part of the book."""
    text = ""
    for part, names in PARTS.items():
        if there := [name for name in names.split() if name in cards]:
            pages = "\n".join(f"chapters/{name}" for name in there)
            text += PART.format(part=part, cards="".join(map(cards.get, there)), pages=pages)
    return text


def collect(folder: Path, results_dir: Path) -> None:
    """Writes notebooks and their cards to ``folder/chapters``, and the page of the embedding
    explorer, if the profile has it, to ``folder/extra``; it is too large to be published.

    Args:
        folder: the sources of the book.
        results_dir: results of a profile; see `find`.

    Raises:
        ValueError: if there is no executed notebook, or one is damaged.
    """
    for made in ("chapters", "extra"):
        shutil.rmtree(folder / made, ignore_errors=True)
        (folder / made).mkdir()
    found, cards, lead = find(results_dir), {}, ""
    if not found:
        raise ValueError(f"{results_dir} holds no executed notebooks; run `make reproduce` first")
    for name, path in found.items():
        notebook = executed_notebooks.read(path)
        cards[name] = make_card(notebook, name, folder / "chapters")
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = link_notebooks(cell.source, set(found))
        executed_notebooks.write(notebook, folder / f"chapters/{name}.ipynb")
    page = results_dir / "explorer" / explorer.FILE_NAME
    if page.is_file():  # outside the book, its links lead nowhere and are hidden
        text = page.read_text().replace("<nav hidden>", "<nav>", 1)
        (folder / "extra" / explorer.FILE_NAME).write_text(text)
        lead = EXPLORER.format(explorer.FILE_NAME)
    elif "explorer" in found:
        lead = NO_EXPLORER
    (folder / "chapters/contents.md").write_text(lead + make_contents(cards))


def describe_figures(app: Sphinx, doctree: nodes.document) -> None:
    """Gives each figure of a chapter the chapter's title as alternative text, and its number among
    several."""
    if app.env.current_document.docname.startswith("chapters/"):
        title, images = doctree.next_node(nodes.title).astext(), [*doctree.findall(nodes.image)]
        for number, image in enumerate(images, start=1):
            part = f", {number} of {len(images)}" if len(images) > 1 else ""
            image["alt"] = f"Figure of “{title}”{part}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Makes a Sphinx extension of this module."""
    app.connect("doctree-read", describe_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
