"""Cards, links and figures of the book's chapters."""

import base64
import io
import re
from unittest.mock import Mock

import nbformat
import pytest
from docutils import nodes
from docutils.utils import new_document
from nbformat import v4
from PIL import Image
from sources import ROOT
from sphinx.application import Sphinx

from reproduction import results
from reproduction.site import chapters, explorer

OPENING = """# A & B: who?

**The question.** Something is known, see `table_2.py`. Is *this*
known too? More of it.

Beside it stand `table_2.py`, [`table_2.ipynb`](table_2.ipynb), [the table](../table_2.py),
[a file](figures/x.md), [the web](https://example.org/x.py) and `missing.py`.
"""


def picture():
    stream = io.BytesIO()
    Image.new("RGB", (40, 20), "navy").save(stream, "png")
    return stream.getvalue()


def add_notebook(folder, name, *cells):
    (folder / name).mkdir(parents=True)
    nbformat.write(v4.new_notebook(cells=list(cells)), folder / name / "notebook.ipynb")


@pytest.fixture
def results_dir(tmp_path, monkeypatch):
    """Results of a profile; nothing is published beside them."""
    monkeypatch.setattr(results, "ROOT", tmp_path)
    results_dir = tmp_path / "laptop"
    data = {"image/png": base64.b64encode(picture()).decode()}
    code = v4.new_code_cell("1", outputs=[v4.new_output("display_data", data)])
    add_notebook(results_dir, "start_here", v4.new_markdown_cell(OPENING), code)
    add_notebook(results_dir, "table_2", v4.new_markdown_cell("# Table 2"))
    add_notebook(results_dir, ".figure_1", v4.new_markdown_cell("# A run at work"))
    return results_dir


@pytest.fixture
def made(results_dir, tmp_path):
    (tmp_path / "docs").mkdir()
    chapters.collect(tmp_path / "docs", results_dir)
    return tmp_path / "docs/chapters"


def test_notebooks_figures_and_cards(made):
    names = {"start_here.ipynb", "start_here.png", "table_2.ipynb", "contents.md"}
    assert {path.name for path in made.iterdir()} == names
    assert (made / "start_here.png").read_bytes() == picture()


def test_links_lead_into_the_book_or_to_the_web_or_are_text(made):
    text = nbformat.read(made / "start_here.ipynb", 4).cells[0].source
    assert text.count("[`table_2.py`](table_2.ipynb)") == 2
    assert "[`table_2.ipynb`](table_2.ipynb), [the table](table_2.ipynb)" in text
    assert "a file, [the web](https://example.org/x.py) and `missing.py`." in text


def test_contents(made):
    text = (made / "contents.md").read_text()
    assert re.findall("^## (.+)$", text, re.MULTILINE) == ["Begin", "ParticleWorld"]
    assert ":caption: Begin\nchapters/start_here\n```" in text
    card = text.split(":::{grid-item-card} ")[1].split("\n:::")[0]
    assert card.startswith("A & B: who?\n:link: chapters/start_here\n")
    assert ":img-bottom: chapters/start_here.png\n:img-alt: Figure of “A & B: who?”\n" in card
    assert card.endswith("Something is known, see `table_2.py`. Is *this* known too?")
    assert text.count(":img-bottom:") == 1


def test_the_explorer_joins_the_book_where_it_is_there(made, results_dir):
    assert "explorer" not in (made / "contents.md").read_text()
    add_notebook(results_dir, "explorer", v4.new_markdown_cell("# The explorer"))
    chapters.collect(made.parent, results_dir)
    text = (made / "contents.md").read_text()
    assert text.startswith(chapters.NO_EXPLORER) and explorer.FILE_NAME not in text
    page = explorer.make_page({"worlds": {}})
    (results_dir / "explorer" / explorer.FILE_NAME).write_text(page)
    chapters.collect(made.parent, results_dir)
    copy = (made.parent / "extra" / explorer.FILE_NAME).read_text()
    assert "<nav hidden>" in page and copy == page.replace("<nav hidden>", "<nav>")
    text = (made / "contents.md").read_text()
    assert f'href="{explorer.FILE_NAME}"' in text and chapters.NO_EXPLORER not in text


@pytest.mark.parametrize(
    ("place", "number", "expected"),
    [
        ("chapters/table_2", 1, ["Figure of “Who?”"]),
        ("chapters/table_2", 2, ["Figure of “Who?”, 1 of 2", "Figure of “Who?”, 2 of 2"]),
        ("index", 1, ["written"]),
    ],
)
def test_figures_are_described_by_title_and_number(place, number, expected):
    doctree = new_document("page")
    doctree += nodes.section("", nodes.title("", "Who?"))
    doctree[0] += [nodes.image(alt="written") for _ in range(number)]
    app = Mock(Sphinx)
    app.env = Mock()
    app.env.current_document.docname = place
    chapters.describe_figures(app, doctree)
    assert [image["alt"] for image in doctree.findall(nodes.image)] == expected


def test_published_notebooks_where_there_are_no_results(tmp_path):
    found = chapters.find(tmp_path / "nothing")
    assert found == {p.stem: p for p in (ROOT / "notebooks").glob("*.ipynb")} and found


def test_what_has_not_run_is_there_as_published(results_dir, tmp_path):
    (tmp_path / "notebooks").mkdir()
    for name in ("table_1", "table_2"):
        (tmp_path / f"notebooks/{name}.ipynb").touch()
    assert chapters.find(results_dir) == {
        "start_here": results_dir / "start_here/notebook.ipynb",
        "table_1": tmp_path / "notebooks/table_1.ipynb",
        "table_2": results_dir / "table_2/notebook.ipynb",
    }


def test_nothing_to_read(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "ROOT", tmp_path)
    with pytest.raises(ValueError, match="holds no executed notebooks"):
        chapters.collect(tmp_path, tmp_path / "nothing")


def test_every_notebook_has_its_place_in_the_order_of_the_readme():
    order = " ".join(chapters.PARTS.values()).split()
    assert sorted(order) == [p.stem for p in sorted((ROOT / "notebooks").glob("*.py"))]
    section = (ROOT / "README.md").read_text().split("## Notebooks")[1].split("\n## ")[0]
    assert re.findall(r"\(notebooks/(\w+)\.(?:py|ipynb)\)", section) == order
    assert re.findall(r"^\| (\w+) \|", section, re.MULTILINE) == [*chapters.PARTS]
