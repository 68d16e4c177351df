"""Formulas as MathML: what is drawn, and what is named."""

import re
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


PAGE = r"""# Title

The encoder $f_\theta$ minimises

$$ \mathcal L = \mathbb E\Big[\frac{a < b}{2}\Big]. $$

\begin{align*}
a &= b \\
c &= d
\end{align*}

Here: $\unheard{x}$
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The HTML of the page, and the warnings."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("made")
    (source / "conf.py").write_text(CONF)
    (source / "index.md").write_text(PAGE)
    command = [sys.executable, "-m", "sphinx", "--quiet", "--no-color", str(source), str(made)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return (made / "index.html").read_text(), answer.stderr


def test_formulas_of_a_page(built):
    page, _ = built
    assert page.count("<math") == 3 and page.count('<math display="block">') == 2
    assert "<mfrac>" in page and "ℒ" in page and "𝔼" in page and "<msub>" in page
    assert "\\frac" not in page and "mathjax@" not in page


def test_environments(built):
    assert built[0].count("<mtr") == 2


def test_formulas_that_are_not_understood_are_named(built):
    page, warnings = built
    assert warnings.count("WARNING") == 1
    assert "index.md:12: WARNING: formula" in warnings and "Unknown command" in warnings
    assert r"<code>\unheard{x}</code>" in page


def test_the_error_names_the_formula():
    with pytest.raises(ValueError, match=r"formula '.*unheard.*': .*Unknown command"):
        mathml.mathml(r"\unheard{x}", display=False)


def test_every_formula_of_the_notebooks_is_understood():
    cells = [cell for path in NOTEBOOKS for cell in jupytext.read(path).cells]
    prose = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = re.findall(r"(\$\$?)([^$]+)\1", prose)
    assert len(found) > 100
    for dollars, formula in found:
        assert "<math" in mathml.mathml(formula, display=dollars == "$$")
