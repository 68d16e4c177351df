"""The web book: what its pages hold, where their links lead, and what a browser makes of them."""

import base64
import io
import json
import re
import shutil
import subprocess
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import jupytext
import nbformat
import pytest
from browsing import CHROMIUM
from markupsafe import Markup
from nbformat import v4
from PIL import Image

from paperlib import files
from reproduction import results
from reproduction.site import book, explorer

ROOT = Path(__file__).parents[3]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))

OPENING = r"""# A & B: who?

**The question.** Something is known. Is *this* known too? More of it.

The encoder $f_\theta$ minimises

$$ \mathcal L = \mathbb E\Big[\frac{a < b}{2}\Big]. $$

Beside it stand `table_9.py`, [`table_9.ipynb`](table_9.ipynb),
[the table](../notebooks/table_9.py), [a file](figures/x.md), [the web](https://example.org),
![a picture](https://example.org/x.png) and `missing.py`.

<script src="https://example.org/x.js"></script>
"""


def picture() -> str:
    stream = io.BytesIO()
    Image.new("RGB", (40, 20), "navy").save(stream, "png")
    return base64.b64encode(stream.getvalue()).decode()


def add_notebook(results_dir, name, *cells):
    folder = results_dir / name
    results.Run(name, {}).save(folder, {}, seeds=[0])
    files.save_json(folder / results.FILE_NAME, results.load(folder) | {"wall_time_seconds": 12.0})
    nbformat.write(v4.new_notebook(cells=list(cells)), folder / "notebook.ipynb")
    return folder / "notebook.ipynb"


@pytest.fixture
def results_dir(tmp_path):
    results_dir = tmp_path / "laptop"
    script = '<script src="https://example.org/x.js"></script>'
    outputs = [
        v4.new_output("stream", text="progress\n"),
        v4.new_output("display_data", {"image/png": picture(), "text/plain": "<Figure>"}),
        v4.new_output("display_data", {"text/html": script, "text/plain": "in words"}),
        v4.new_output(
            "display_data", {"application/javascript": "fetch()", "text/plain": "a plot"}
        ),
    ]
    code = v4.new_code_cell("print('<b>')", outputs=outputs)
    add_notebook(results_dir, "table_9", v4.new_markdown_cell("# Table 9"))
    add_notebook(results_dir, "figure_1", v4.new_markdown_cell("Neither title nor question"))
    add_notebook(results_dir, "start_here", v4.new_markdown_cell(OPENING), code)
    return results_dir


@pytest.fixture
def pages(results_dir, tmp_path):
    index = book.build(results_dir, tmp_path / "book")
    return {path.name: path for path in index.parent.glob("*.html")}


class Targets(HTMLParser):
    """Collects what a page points to: (tag, address) of every src and href, and its ids."""

    def __init__(self, page):
        super().__init__()
        self.found, self.tags = [], set()
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.found += [(tag, value) for name, value in attrs if name in ("src", "href", "srcset")]


def test_there_is_a_page_for_each_notebook(pages):
    assert set(pages) == {"index.html", "start_here.html", "figure_1.html", "table_9.html"}


def test_pages_ask_for_nothing_outside(pages):
    for page in pages.values():
        targets = Targets(page)
        assert targets.tags.isdisjoint({"script", "iframe", "object", "embed", "style"})
        outside = {tag for tag, address in targets.found if "//" in address}
        assert outside <= {"a"}
    style = (pages["index.html"].parent / "style.css").read_text()
    assert ".highlight" in style and ".contents" in style
    assert "url(" not in style and "@import" not in style


def test_links_and_figures_resolve(pages):
    for page in pages.values():
        local = [a for _, a in Targets(page).found if not a.startswith(("https://", "data:"))]
        assert "style.css" in local
        assert [a for a in local if not (page.parent / a).is_file()] == []


def test_formulas_are_mathml(pages):
    text = pages["start_here.html"].read_text()
    assert text.count("<math") == 2 and '<math display="block">' in text
    assert "<mfrac>" in text and "ℒ" in text and "𝔼" in text
    assert "$" not in text and "\\frac" not in text


def test_links_lead_into_the_book_or_to_the_web_or_are_text(pages):
    text = pages["start_here.html"].read_text()
    assert '<a href="table_9.html"><code>table_9.py</code></a>' in text
    assert '<a href="table_9.html">the table</a>' in text
    assert '<a href="https://example.org">the web</a>' in text
    assert "a file" in text and "a picture" in text and "<code>missing.py</code>" in text
    assert "figures/x.md" not in text and "missing.html" not in text
    assert "<a>" not in text and '"><a' not in text


def test_outputs_are_pictures_and_words(pages):
    text = pages["start_here.html"].read_text()
    assert "progress" in text and "in words" in text and "a plot" in text
    assert "Figure&gt;" not in text and "fetch(" not in text
    (figure,) = (pages["index.html"].parent / "figures").iterdir()
    assert figure.read_bytes() == base64.b64decode(picture())
    assert '<img alt="Figure of the chapter' in text and f'src="figures/{figure.name}"' in text


def test_index_tells_questions_costs_and_what_is_missing(pages):
    text = pages["index.html"].read_text()
    places = [text.index(f'href="{name}.html"') for name in ("start_here", "figure_1", "table_9")]
    assert places == sorted(places)
    assert "Something is known. Is <em>this</em> known too?" in text
    assert "More of it" not in text
    assert text.count("<img") == 1 and text.count("took 12 s") == 3
    assert "<i>laptop</i>" in text and "A &amp; B" in text
    missing = re.search("Not yet run: (.*)", text)[1]
    assert set(re.findall("<code>(.+?)</code>", missing)) == set(book.CHAPTERS) - {
        "start_here",
        "figure_1",
    }


def test_chapters_follow_each_other(pages):
    text = pages["figure_1.html"].read_text()
    assert text.count('rel="prev" href="start_here.html"') == 2  # above and below
    assert text.count('rel="next" href="table_9.html"') == 2
    assert 'rel="prev"' not in pages["start_here.html"].read_text()
    assert 'rel="next"' not in pages["table_9.html"].read_text()


def test_the_explorer_joins_the_book_where_it_is_there(results_dir, tmp_path, pages):
    assert not any(explorer.FILE_NAME in page.read_text() for page in pages.values())
    add_notebook(results_dir, "explorer", v4.new_markdown_cell("# Points"))
    alone = explorer.make_page({"worlds": {}})
    (results_dir / "explorer" / explorer.FILE_NAME).write_text(alone)
    folder = book.build(results_dir, tmp_path / "book").parent
    for name in ("index.html", "start_here.html", "explorer.html", "table_9.html"):
        assert ("a", explorer.FILE_NAME) in Targets(folder / name).found
    copy = (folder / explorer.FILE_NAME).read_text()
    assert "<nav hidden>" in alone and copy == alone.replace("<nav hidden>", "<nav>")
    links = [a for tag, a in Targets(folder / explorer.FILE_NAME).found if tag == "a"]
    assert "index.html" in links and all((folder / link).is_file() for link in links)


@pytest.mark.parametrize(("seconds", "cost"), [(0.14, "0.14 s"), (12.3, "12 s"), (330.0, "6 min")])
def test_costs(seconds, cost):
    chapter = book.Chapter("x", "X", Markup(), seconds, Markup(), {})
    assert chapter.cost == cost


CELL_WITHOUT_OUTPUTS = """{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells":
    [{"cell_type": "code", "metadata": {}, "execution_count": 1, "source": "x"}]}"""


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"cells": 3}', CELL_WITHOUT_OUTPUTS])
def test_damaged_notebooks_are_named(results_dir, tmp_path, capsys, damage):
    path = results_dir / "table_9/notebook.ipynb"
    path.write_text(damage)
    with pytest.raises(SystemExit) as stop:
        book.main(["--results", str(results_dir), "--to", str(tmp_path / "book")])
    assert str(stop.value).startswith(f"error: {path} is damaged")
    assert "\n" not in str(stop.value) and capsys.readouterr().err == ""
    assert not (tmp_path / "book").exists()


def test_nothing_to_read(results_dir, tmp_path):
    with pytest.raises(ValueError, match="holds no executed notebooks"):
        book.build(tmp_path / "nothing", tmp_path / "book")
    (results_dir / "table_9/result.json").unlink()
    with pytest.raises(FileNotFoundError, match=r"table_9/result\.json"):
        book.build(results_dir, tmp_path / "book")


def test_a_run_at_work_is_no_chapter(results_dir):
    shutil.copytree(results_dir / "table_9", results_dir / ".table_9")
    names = [chapter.name for chapter in book.make_chapters(results_dir)]
    assert names == ["start_here", "figure_1", "table_9"]


def test_formulas_that_are_not_understood_are_named(results_dir, tmp_path):
    path = add_notebook(results_dir, "table_9", v4.new_markdown_cell(r"Here: $\unheard{x}$"))
    with pytest.raises(ValueError, match=rf"{path}: formula '.*unheard.*': .*Unknown command"):
        book.build(results_dir, tmp_path / "book")


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_formula_of_the_notebooks_is_understood(notebook):
    cells = [c.source for c in jupytext.read(notebook).cells if c.cell_type == "markdown"]
    text = "".join(book.markdown_to_html(source, set()) for source in cells)
    assert "$" not in text
    assert ("<math" in text) == any("$" in source for source in cells)


def test_order_is_that_of_the_readme():
    assert set(book.CHAPTERS) == {notebook.stem for notebook in NOTEBOOKS}
    section = (ROOT / "README.md").read_text().split("## Read it")[1].split("\n\n")[1]
    assert tuple(re.findall(r"\(notebooks/(\w+)\.py\)", section)) == book.CHAPTERS


LOOK = """<script>
addEventListener("load", () => {
  const height = (element) => element.getBoundingClientRect().height;
  const formulas = [...document.querySelectorAll("math")];
  document.body.dataset.seen = JSON.stringify({
    images: document.images.length,
    broken: [...document.images].filter((image) => image.naturalWidth === 0).length,
    formulas: formulas.length,
    flat: formulas.filter((formula) => height(formula) === 0).length,
    fractions: [...document.querySelectorAll("mfrac")].map((f) => height(f) / height(f.lastChild)),
    styled: getComputedStyle(document.body).maxWidth !== "none",
  });
});
</script>"""


def look_at(page, scratch):
    """What a browser without network makes of a page, and what its console says."""
    seen = page.with_name(f".seen-{page.name}")
    seen.write_text(page.read_text() + LOOK)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--enable-logging=stderr", f"--user-data-dir={scratch}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", seen.as_uri()]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    console = [line for line in answer.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(unescape(re.search('data-seen="(.*?)"', answer.stdout)[1])), console


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
def test_a_browser_shows_every_page(pages, tmp_path):
    for name, page in pages.items():
        seen, console = look_at(page, tmp_path / "browser")
        assert console == [] and seen["styled"], name
        assert seen["broken"] == seen["flat"] == 0, name
        if name == "start_here.html":
            assert (seen["images"], seen["formulas"]) == (1, 2)
            assert all(ratio > 1.5 for ratio in seen["fractions"]) and seen["fractions"]
