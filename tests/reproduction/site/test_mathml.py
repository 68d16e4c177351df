"""Formulas as MathML: what is drawn, and what is named."""

import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

from reproduction.site import mathml

NOTEBOOKS = sorted((Path(__file__).parents[3] / "notebooks").glob("*.py"))
CONF = """
extensions = ["myst_parser", "reproduction.site.mathml"]
html_math_renderer = "mathml"
myst_enable_extensions = ["amsmath", "dollarmath"]
html_theme = "basic"
"""


def build(tmp_path, text):
    """The HTML of a page, and the warnings."""
    source, made = tmp_path / "source", tmp_path / "made"
    source.mkdir()
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(f"# Title\n\n{text}\n")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--no-color", str(source), str(made)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return (made / "index.html").read_text(), answer.stderr


def test_formulas_of_a_page(tmp_path):
    display = r"$$ \mathcal L = \mathbb E\Big[\frac{a < b}{2}\Big]. $$"
    page, warnings = build(tmp_path, "The encoder $f_\\theta$ minimises\n\n" + display)
    assert warnings == "" and page.count("<math") == 2 and '<math display="block">' in page
    assert "<mfrac>" in page and "ℒ" in page and "𝔼" in page and "<msub>" in page
    assert "\\frac" not in page and "mathjax@" not in page


def test_environments(tmp_path):
    page, warnings = build(tmp_path, "\\begin{align*}\na &= b \\\\\nc &= d\n\\end{align*}")
    assert warnings == "" and page.count("<mtr") == 2


def test_formulas_that_are_not_understood_are_named(tmp_path):
    page, warnings = build(tmp_path, r"Here: $\unheard{x}$")
    assert "index.md:3: WARNING: formula" in warnings and "Unknown command" in warnings
    assert r"<code>\unheard{x}</code>" in page


def test_the_error_names_the_formula():
    with pytest.raises(ValueError, match=r"formula '.*unheard.*': .*Unknown command"):
        mathml.mathml(r"\unheard{x}", display=False)


def test_every_formula_of_the_notebooks_is_understood(tmp_path):
    notebooks = (jupytext.read(path) for path in NOTEBOOKS)
    cells = [c.source for notebook in notebooks for c in notebook.cells if "$" in c.source]
    page, warnings = build(tmp_path, "\n\n".join(cells))
    assert "WARNING: formula" not in warnings
    assert page.count("<math") > 100
