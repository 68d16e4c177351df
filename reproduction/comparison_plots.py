"""The panels that Tables 1 and 2 draw from their saved estimates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction import measures, plots
from reproduction.statistics import Estimate

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
        ax: axes to draw on.
        curves: saved estimates by method, one for each of ``counts``.
        counts: numbers of steps or episodes.
        ylabel: what was measured.
        chance: accuracy by chance, drawn as a dotted line; none by default.
    """
    series = measures.restored(curves)
    plots.draw_estimates(ax, series, counts, xlabel="", ylabel=ylabel, colours=COLOURS)
    if chance is not None:
        ax.axhline(chance, color="black", lw=0.6, ls=":")


def ratio_bars(bars: Mapping[str, Any], paper: Mapping[str, Mapping[str, float]]) -> Figure:
    """IICR of each method, a panel for each kind of generalisation.

    Args:
        bars: saved estimates by kind and method.
        paper: the paper's numbers by kind and method.
    """
    figure, axes = plt.subplots(1, 2, sharex=True, figsize=(6.75, 2.2))
    for ax, (kind, estimates) in zip(axes, measures.restored(bars).items(), strict=True):
        plots.draw_bars(ax, estimates, reference=paper[kind], xlabel="IICR (lower is better)")
        ax.set_title(f"{kind} generalisation")
        ax.axvline(1, color="black", lw=0.6, ls=":")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center")
    return figure


def draw_losses(ax: Axes, losses: Mapping[str, Sequence[Sequence[float]]]) -> None:
    """Losses in units of their first value, means over runs with 95 % bands.

    Args:
        ax: axes to draw on.
        losses: losses of each run, (runs, windows), by the label of the line.
    """
    for number, (label, of_runs) in enumerate(losses.items()):
        curves = np.array(of_runs)
        places = np.linspace(0, 1, curves.shape[1])
        style = "--" if number == len(losses) - 1 else "-"  # so that a line below it is seen
        plots.draw_band(ax, places, curves / curves[:, :1], label=label, linestyle=style)
    ax.set(xlabel="fraction of training", ylabel="loss / its first value")


def learning_curves(losses: Mapping[str, Any], methods: Sequence[str]) -> Figure:
    """Losses in units of their first value, a panel for each kind of generalisation.

    Args:
        losses: losses of each run, (runs, windows), under "KIND METHOD".
        methods: methods to draw.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.75, 2.2))
    for ax, kind in zip(axes, ("weak", "strong"), strict=True):
        draw_losses(ax, {method: losses[f"{kind} {method}"] for method in methods})
        ax.set_title(f"{kind} generalisation")
    axes[0].legend()
    return figure


def episode_curves(
    curves: Mapping[str, Any], measured: Mapping[str, Sequence[float]], counts: Sequence[int]
) -> Figure:
    """IICR (above) and accuracy of a linear probe (below) against the number of episodes.

    Args:
        curves: saved estimates of each method, under "KIND ratio" and "KIND linear".
        measured: measures of all runs, which hold the accuracy by chance.
        counts: numbers of episodes that one embedding averages over.
    """
    figure, axes = plt.subplots(2, 2, sharex=True, sharey="row", figsize=(6.75, 4.2))
    for (above, below), kind in zip(axes.T, ("weak", "strong"), strict=True):
        chance = measured[f"{kind} Emb-Im chance 1"][0]
        draw_curves(above, curves[f"{kind} ratio"], counts, ylabel="")
        draw_curves(below, curves[f"{kind} linear"], counts, ylabel="", chance=chance)
        above.set_title(f"{kind} generalisation")
        below.set_xlabel("episodes per embedding")
    axes[0, 0].set_ylabel("IICR (lower is better)")
    axes[1, 0].set_ylabel("accuracy of a linear probe")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


LEVELS = {  # drawn as lines, which do not depend on the number of episodes
    "best constant message": ":",
    "oracle": "-.",
    "no embedding": "--",
    "best single code": (0, (1, 4)),
    "one code": "--",
    "training listeners' code": (0, (1, 4)),
}


def draw_returns(ax: Axes, lines: Mapping[str, Sequence[Estimate]], counts: Sequence[int]) -> None:
    """Mean returns against the number of episodes in an embedding, and `LEVELS` as lines.

    Args:
        ax: axes to draw on.
        lines: estimates by name, one for each of ``counts``, or a single one.
        counts: numbers of episodes.
    """
    series = {name: line for name, line in lines.items() if name not in LEVELS}
    colours = {"gated pooling": "#CC79A7", "word statistic": "0.6", **plots.METHOD_COLOURS}
    labels = {"xlabel": "episodes per embedding", "ylabel": "mean return"}
    plots.draw_estimates(ax, series, counts, colours=colours, **labels)
    for name in (name for name in LEVELS if name in lines):
        (level,) = lines[name]
        ax.axhline(level.mean, color="0.3", ls=LEVELS[name], lw=1, label=name)
        ax.axhspan(level.low, level.high, color="0.3", alpha=0.1, lw=0)
