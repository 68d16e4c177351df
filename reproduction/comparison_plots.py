"""The panels that Tables 1 and 2 draw from their saved estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes

from reproduction import measures, plots

COLOURS = {**plots.METHOD_COLOURS, "summary statistics": "0.55", "supervised": "#CC79A7"}


def draw_curves(
    ax: Axes,
    curves: Mapping[str, Any],
    counts: Sequence[int],
    *,
    ylabel: str,
    chance: float | None = None,
) -> None:
    """Estimates of several methods against how much an encoder saw.

    Args:
        ax: to draw on.
        curves: saved estimates by method, one for each of ``counts``.
        counts: of steps or episodes.
        ylabel: what was measured.
        chance: a dotted line; none by default.
    """
    series = measures.restored(curves)
    plots.draw_estimates(ax, series, counts, xlabel="", ylabel=ylabel, colours=COLOURS)
    if chance is not None:
        ax.axhline(chance, color="black", lw=0.6, ls=":")
