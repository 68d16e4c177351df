"""The web book as ``make book`` builds it: its pages, and what a browser without network shows."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from html import unescape
from html.parser import HTMLParser
from urllib.parse import unquote

import pytest
from browsing import Browser, needs_browser
from sources import ROOT, modules

from reproduction.site import explorer

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("book")]
PUBLISHED = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The book, built from the published notebooks as if they were results, and an explorer."""
    folder = tmp_path_factory.mktemp("book")
    made = ("api", "chapters", "extra")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns(*made))
    for path in PUBLISHED:
        (folder / "results" / path.stem).mkdir(parents=True)
        shutil.copy(path, folder / "results" / path.stem / "notebook.ipynb")
    (folder / "results/explorer").mkdir(exist_ok=True)
    page = explorer.make_page({"worlds": {}})
    (folder / "results/explorer" / explorer.FILE_NAME).write_text(page)
    command = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet"]
    command += [str(folder / "docs"), str(folder / "book")]
    environment = {**os.environ, "RESULTS": str(folder / "results")}
    answer = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr
    return folder / "book"


class Targets(HTMLParser):
    """Collects what a page points to, (tag, address) of every src and href, its ids, and the
    alternative texts of its images."""

    def __init__(self, page):
        super().__init__()
        self.found, self.ids, self.described, self.formulas = [], set(), [], 0
        self.feed(page.read_text())

    def handle_starttag(self, tag, attrs):
        self.formulas += tag == "math"
        self.found += [(tag, value) for name, value in attrs if name in ("src", "href")]
        self.ids |= {value for name, value in attrs if name == "id"}
        self.described += [value for name, value in attrs if tag == "img" and name == "alt"]


@pytest.fixture(scope="module")
def pages(book):
    return {page: Targets(page) for page in sorted(book.rglob("*.html"))}


def test_there_is_a_page_for_each_notebook_and_each_module(book, pages):
    for path in PUBLISHED:
        assert book / f"chapters/{path.stem}.html" in pages
    for path in modules("paperlib"):
        if not path.name.startswith("_"):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            assert book / f"api/{name}.html" in pages


def test_pages_ask_for_nothing_outside(book, pages):
    for page, targets in pages.items():
        assert {tag for tag, address in targets.found if "//" in address} <= {"a"}, page
    assert "@import" not in (book / "_static/book.css").read_text()


def test_every_link_resolves(pages):
    for page, targets in pages.items():
        if page.name == explorer.FILE_NAME and "explorer" not in {p.stem for p in PUBLISHED}:
            continue  # it leads to its notebook
        for _, address in targets.found:
            if address.startswith(("https://", "http://", "data:", "mailto:")):
                continue
            place, _, part = address.partition("#")
            target = (page.parent / unquote(place.partition("?")[0])).resolve() if place else page
            assert target.is_file(), f"{page}: {address}"
            if part and target in pages:
                assert unquote(part) in pages[target].ids, f"{page}: {address}"


def test_every_figure_is_described_by_a_text_of_its_own(book, pages):
    chapters = [targets for page, targets in pages.items() if page.parent == book / "chapters"]
    texts = [text for targets in chapters for text in targets.described]
    images = [tag for targets in chapters for tag, _ in targets.found if tag == "img"]
    assert len(images) == len(texts) == len({*texts}) >= len(PUBLISHED)
    assert all(text.startswith("Figure of “") for text in texts)


def test_shapes_and_sources_stand_in_the_reference(book):
    text = (book / "api/paperlib.metrics.html").read_text()
    entry = text.split('id="paperlib.metrics.intra_inter_clustering_ratio"')[1].split("</dt>")[0]
    plain = "".join(part.partition(">")[2] for part in entry.split("<"))
    assert "embeddings: Float[Tensor, 'episode embedding']" in unescape(plain)
    assert "_modules/paperlib/metrics.html#intra_inter_clustering_ratio" in entry
    assert "ArrayLike" in text and "_SupportsArray" not in text


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with closing(Browser(tmp_path_factory.mktemp("browser"))) as found:
        yield found


@needs_browser
def test_a_browser_shows_every_page(pages, browser):
    flat = "[...document.querySelectorAll('math')].filter(m => !m.getBoundingClientRect().height)"
    broken = "[...document.images].filter(image => !image.naturalWidth).map(image => image.src)"
    for page, targets in pages.items():
        if page.name == explorer.FILE_NAME:
            continue  # empty here; test_explorer.py sees it full
        browser.open(page)
        assert browser.ask(broken) == [], page
        assert browser.ask(f"{flat}.length") == 0, page
        assert browser.ask("document.querySelectorAll('math').length") == targets.formulas, page
        assert browser.complaints() == [], page
    assert sum(targets.formulas for targets in pages.values()) > 10


@needs_browser
def test_the_index_shows_figures(book, browser):
    browser.open(book / "index.html")
    assert browser.ask("document.querySelectorAll('.sd-card img').length") == len(PUBLISHED)
    assert browser.ask(f"document.querySelector('a[href=\"{explorer.FILE_NAME}\"]') !== null")


@needs_browser
def test_search_finds_a_function(book, browser):
    browser.open(book / "index.html")
    browser.press("input[name=q]")
    browser.call("Input.insertText", text="intra_inter_clustering_ratio")
    enter = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13, "text": "\r"}
    browser.call("Input.dispatchKeyEvent", type="keyDown", **enter)
    browser.wait("location.href.includes('search.html')")
    browser.wait("document.querySelectorAll('#search-results li a').length > 0")
    first = browser.ask("document.querySelector('#search-results li a').href")
    assert first.endswith("metrics.html#paperlib.metrics.intra_inter_clustering_ratio")
    assert browser.complaints() == []
