"""A Sphinx extension that draws formulas as MathML, which browsers show without scripts."""

from __future__ import annotations

from docutils import nodes
from math_core import LatexError, LatexToMathML
from sphinx.application import Sphinx
from sphinx.util import logging

CONVERTER = LatexToMathML(fancy_error=False)
logger = logging.getLogger(__name__)


def mathml(formula: str, *, display: bool) -> str:
    """A formula in LaTeX as MathML.

    Args:
        formula: LaTeX without dollar signs.
        display: whether it stands on a line of its own.

    Raises:
        ValueError: if it is not valid.
    """
    try:
        return CONVERTER.convert_with_local_state(formula, displaystyle=display)
    except LatexError as error:
        raise ValueError(f"formula {formula!r}: {error}") from None


def visit(writer: nodes.NodeVisitor, node: nodes.math | nodes.math_block) -> None:
    """Writes a formula to a page; one that is not valid is a warning, and stands there as LaTeX."""
    display = isinstance(node, nodes.math_block)
    try:
        drawn = mathml(node.astext(), display=display)
    except ValueError as error:
        logger.warning("%s", error, location=node)
        drawn = f"<code>{writer.encode(node.astext())}</code>"
    writer.body.append(f'<div class="formula">{drawn}</div>' if display else drawn)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Makes ``html_math_renderer = "mathml"`` known to Sphinx."""
    app.add_html_math_renderer("mathml", (visit, None), (visit, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
