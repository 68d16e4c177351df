"""A web book of executed notebooks: ``python -m reproduction.site.book --results results/laptop``.

Every executed notebook of a profile becomes a page, linked from an index. Neither building nor
reading needs a network: there are no scripts, formulas are MathML, which browsers draw themselves,
and figures are files beside the pages. The embedding explorer, the one page with a script, becomes
part of the book if it was made; it needs no network either.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup
from math_core import LatexError, LatexToMathML
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter
from traitlets.config import Config

from paperlib import files
from reproduction import results
from reproduction.site import explorer

TOUR = ("start_here", "figure_6", "your_own_agents")
PARTICLEWORLD = ("population", "languages", "figure_1", "table_2", "figure_2")
PARTICLEWORLD += ("generalisation", "table_3")
ROBOSUMO = ("fidelity", "wrestlers", "table_1", "figure_3", "figure_4", "figure_5")
CHAPTERS = TOUR + PARTICLEWORLD + ROBOSUMO + ("explorer", "claims")
HERE = Path(__file__).parent
HIGHLIGHTING = HtmlFormatter(style="xcode").get_style_defs(".highlight") + "\n"
CONVERTER = LatexToMathML(fancy_error=False)
EXPORT = Config(
    NbConvertBase={  # neither HTML nor scripts, which may ask for the network
        "display_data_priority": ["image/svg+xml", "image/png", "image/jpeg", "text/plain"]
    },
    ExtractOutputPreprocessor={"enabled": True},
    TemplateExporter={"exclude_input_prompt": True, "exclude_output_prompt": True},
    HTMLExporter={"exclude_anchor_links": True},
)


@dataclass(frozen=True)
class Chapter:
    """A page of the book, made from an executed notebook.

    Args:
        name: of the notebook, such as "table_2".
        title: its first heading.
        question: the text after "The question.", up to the first question mark, as HTML.
        seconds: cost of its run.
        body: of the page, as HTML.
        figures: file names and contents.
    """

    name: str
    title: str
    question: Markup
    seconds: float
    body: Markup
    figures: dict[str, bytes]

    @property
    def cost(self) -> str:
        return f"{self.seconds:.2g} s" if self.seconds < 100 else f"{self.seconds / 60:.0f} min"


def mathml(formula: str, *, display: bool) -> str:
    """A formula in LaTeX as MathML.

    Args:
        formula: without dollars.
        display: on a line of its own.

    Raises:
        ValueError: if it is not valid.
    """
    try:
        return CONVERTER.convert_with_local_state(formula, displaystyle=display)
    except LatexError as error:
        raise ValueError(f"formula {formula!r}: {error}") from None


class BookRenderer(IPythonRenderer):
    """Markdown to HTML: formulas become MathML, names of notebooks in the book become links to
    their pages, and links to other files become text.

    Args:
        names: of the notebooks in the book.
    """

    def __init__(self, names: Set[str]) -> None:
        super().__init__(escape=True, exclude_anchor_links=True)
        self.names = names

    def block_math(self, body: str) -> str:
        return f'<span class="formula">{mathml(body, display=True)}</span>'

    def inline_math(self, body: str) -> str:
        return mathml(body, display=False)

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(rf"\begin{{{name}}}{body}\end{{{name}}}")

    def _page(self, place: str) -> str | None:
        found = re.fullmatch(r"(?:.*/)?(\w+)\.(?:py|ipynb)", place)
        return f"{found[1]}.html" if found and found[1] in self.names else None

    def codespan(self, text: str) -> str:
        code, page = super().codespan(text), self._page(text)
        return f'<a href="{page}">{code}</a>' if page else code

    def link(self, text: str, url: str, title: str | None = None) -> str:
        target = url if url.startswith(("https://", "http://", "mailto:")) else self._page(url)
        if target is None or "<a " in text:
            return text
        return super().link(text, target, title)

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return text


def markdown_to_html(source: str, names: Set[str]) -> Markup:
    """Markdown as `BookRenderer` understands it."""
    return Markup(MarkdownWithMath(renderer=BookRenderer(names)).render(source))


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """An executed notebook.

    Raises:
        ValueError: if it is no notebook, or damaged.
    """
    try:
        notebook = nbformat.v4.reads_json(path.read_text())
        nbformat.validate(notebook, version=4)
    except (ValueError, AttributeError, TypeError, nbformat.ValidationError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        message = f"{path} is damaged ({reason}); delete it and run the notebook again"
        raise ValueError(message) from None
    return notebook


def make_chapter(path: Path, names: Set[str]) -> Chapter:
    """Turns an executed notebook into a chapter.

    Args:
        path: of the notebook, in a folder of its name, with its results.
        names: of all notebooks in the book.

    Raises:
        FileNotFoundError: if there are no results.
        ValueError: if anything is damaged, or a formula is not valid.
    """
    notebook, name = read_notebook(path), path.parent.name
    opening = notebook.cells[0].source if notebook.cells else ""
    heading = re.search(r"^# (.+)$", opening, re.MULTILINE)
    question = re.search(r"\*\*The question\.\*\*(.+?(?:\?|\n\n|\Z))", opening, re.DOTALL)
    title = heading[1] if heading else name
    for cell in notebook.cells:
        cell.metadata.setdefault("alt", f"Figure of the chapter “{title}”")
    exporter = HTMLExporter(template_name="basic", config=EXPORT)
    exporter.register_filter("markdown2html", lambda source: markdown_to_html(source, names))
    resources = {"unique_key": name, "output_files_dir": "figures"}
    try:
        body, resources = exporter.from_notebook_node(notebook, resources)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return Chapter(
        name=name,
        title=title,
        question=markdown_to_html(question[1].strip(), names) if question else Markup(),
        seconds=results.seconds(results.load(path.parent)),
        body=Markup(body),
        figures=resources["outputs"],
    )


def make_chapters(results_dir: str | Path) -> list[Chapter]:
    """The chapters of one profile, in the order of reading.

    Raises:
        FileNotFoundError: if a notebook lacks its results.
        ValueError: if there is no executed notebook, or one cannot be read.
    """
    found = {path.parent.name: path for path in Path(results_dir).glob("[!.]*/notebook.ipynb")}
    if not found:
        raise ValueError(f"{results_dir} holds no executed notebooks; run `make reproduce` first")
    order = [name for name in CHAPTERS if name in found] + sorted(set(found) - set(CHAPTERS))
    return [make_chapter(found[name], set(found)) for name in order]


def build(results_dir: str | Path, folder: str | Path) -> Path:
    """Turns the executed notebooks of one profile into a web book.

    Args:
        results_dir: results of the profile.
        folder: where to.

    Returns:
        The index.

    Raises:
        FileNotFoundError: if a notebook lacks its results.
        ValueError: if there is no executed notebook, or one cannot be read. Nothing is written.
    """
    chapters, folder = make_chapters(results_dir), Path(folder)
    names = {chapter.name for chapter in chapters}
    missing = [name for name in CHAPTERS if name not in names]
    template = jinja2.Template((HERE / "book.html").read_text(), autoescape=True)
    contents = {"style.css": HIGHLIGHTING + (HERE / "book.css").read_text()}
    made = Path(results_dir) / "explorer" / explorer.FILE_NAME
    shared: dict[str, Any] = {"explorer": explorer.FILE_NAME if made.is_file() else None}
    if shared["explorer"]:  # outside the book, its links lead nowhere and are hidden
        contents[explorer.FILE_NAME] = made.read_text().replace("<nav hidden>", "<nav>", 1)
    neighbours = zip([None, *chapters], chapters, [*chapters[1:], None], strict=False)
    for before, chapter, after in neighbours:
        contents |= chapter.figures
        page = template.render(chapter=chapter, before=before, after=after, **shared)
        contents[f"{chapter.name}.html"] = page
    shared |= {"missing": missing, "profile": Path(results_dir).resolve().name}
    contents["index.html"] = template.render(chapters=chapters, **shared)
    for name, content in contents.items():
        with files.replacing(folder / name) as temporary:
            temporary.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder / "index.html"


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Make a web book of executed notebooks.")
    parser.add_argument("--results", default="results/laptop", help="of one profile")
    parser.add_argument("--to", help="folder for the pages; RESULTS/book if not given")
    options = parser.parse_args(arguments)
    try:
        print(build(options.results, options.to or Path(options.results) / "book"))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
