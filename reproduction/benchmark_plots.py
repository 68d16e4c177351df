"""Figures of the benchmark, drawn from its saved rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reproduction import plots
from reproduction.benchmark_answers import PAPERS, Cell, best_cell, estimates, published
from reproduction.benchmark_measures import STEP_SHARES, Row

COLOURS = {
    **plots.METHOD_COLOURS,
    "InfoNCE": "#CC79A7",
    "LIAM": "#E69F00",
    "VAE": "#56B4E9",
    "supervised": "black",
}
MARKERS = {"weak": "o", "strong": "^"}
CEILINGS = ("true policies", "pooled counts")  # the first one that a task has


def overview(rows: Sequence[Row]) -> Figure:
    """Every cell's accuracy by the linear layer, a line for each task.

    Lines go from chance to a ceiling (`CEILINGS`), dots have the colours of their objectives; the
    paper's cell, the best one, and what was published stand out.
    """
    found = estimates(rows, "linear")
    tasks = list(dict.fromkeys(cell[:2] for cell in found))
    figure, ax = plt.subplots(figsize=(6.75, 0.9 + 0.62 * len(tasks)), layout="constrained")
    for place, task in enumerate(reversed(tasks)):
        own = {cell: 100 * e.mean for cell, e in found.items() if cell[:2] == task}
        ends = [own[Cell(*task, "", "chance")], ceiling(own)]
        ax.plot(ends, [place, place], color="0.85", lw=7, solid_capstyle="butt", zorder=0)
        cells = {c: x for c, x in own.items() if c.encoder and c.objective in COLOURS}
        encoders = list(dict.fromkeys(cell.encoder for cell in cells))
        for cell, x in cells.items():
            y = place + 0.3 * (encoders.index(cell.encoder) + 1) / (len(encoders) + 1) - 0.15
            ax.plot(x, y, ".", ms=5, color=COLOURS[cell.objective])
        papers, best = own[Cell(*task, *PAPERS)], best_cell(rows, task)
        ax.plot(papers, place, "o", ms=11, mfc="none", mec=COLOURS[PAPERS[1]], mew=1.5)
        ax.plot(own[best], place, "*", ms=10, color=COLOURS[best.objective], mec="black", zorder=4)
        ax.annotate(best.name, (own[best], place + 0.22), ha="center", va="bottom", fontsize=7)
        for marker, numbers in zip("Dd", published(task[0]).values(), strict=False):
            ax.plot(numbers["linear"][0], place, marker, ms=6, mfc="white", mec="black", zorder=3)
    for name in dict.fromkeys(c.objective for c in found if c.encoder and c.objective in COLOURS):
        ax.plot([], [], ".", color=COLOURS[name], label=name)
    for marker, label in (("D", "published best"), ("d", "published, paper's method")):
        ax.plot([], [], marker, ms=6, mfc="white", mec="black", label=label)
    ring = {"ms": 9, "mfc": "none", "mec": COLOURS[PAPERS[1]], "mew": 1.5}
    ax.plot([], [], "o", **ring, label="the paper's encoder and objective")
    ax.plot([], [], "*", ms=9, color="white", mec="black", label="best cell")
    ax.plot([], [], color="0.85", lw=7, label="from chance to the ceiling")
    ax.set_yticks(range(len(tasks)), [", ".join(task) for task in reversed(tasks)])
    ax.set(xlim=(0, 100), ylim=(-0.5, len(tasks)), xlabel="agents identified by a linear layer, %")
    figure.legend(loc="outside lower center", ncols=4)
    return figure


def ceiling(accuracies: Mapping[Cell, float]) -> float:
    """The accuracy that likelihoods reach in one task (`CEILINGS`), else the best cell's."""
    for name in CEILINGS:
        if of_name := [x for cell, x in accuracies.items() if cell.objective == name]:
            return max(of_name)
    return max(accuracies.values())


def learning_curves(rows: Sequence[Row]) -> Figure:
    """Losses of every cell in units of their first value, means over seeds with 95 % bands: a row
    of panels for each task, a panel for each encoder."""
    trained = [row for row in rows if row.get("losses")]
    tasks = list(dict.fromkeys((row["world"], row["kind"]) for row in trained))
    encoders = list(dict.fromkeys(row["encoder"] for row in trained))
    figure, axes = plt.subplots(
        len(tasks),
        len(encoders),
        sharex=True,
        squeeze=False,
        figsize=(1.2 + 1.4 * len(encoders), 0.8 + 1.1 * len(tasks)),
    )
    for line, task in zip(axes, tasks, strict=True):
        for ax, encoder in zip(line, encoders, strict=True):
            own = [r for r in trained if (r["world"], r["kind"], r["encoder"]) == (*task, encoder)]
            for objective in dict.fromkeys(row["objective"] for row in own):
                losses = np.array([r["losses"] for r in own if r["objective"] == objective])
                shares, places = losses / np.abs(losses[:, :1]), np.linspace(0, 1, losses.shape[1])
                plots.draw_band(ax, places, shares, label=objective, color=COLOURS[objective])
            ax.tick_params(labelsize=5)
            if not own:  # an encoder that is left out
                ax.set_axis_off()
        line[0].set_ylabel("\n".join(task), fontsize=6)
    for ax, encoder in zip(axes[0], encoders, strict=True):
        ax.set_title(encoder, fontsize=6)
    for ax in axes[-1]:
        ax.set_xlabel("fraction of training", fontsize=6)
    figure.supylabel("loss / its first value", fontsize=8)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def curves(rows: Sequence[Row]) -> Figure:
    """Accuracy of the nearest neighbour against labelled episodes (left) and the share of an
    episode that is seen (right): the paper's cell and the best one by this measure of every task,
    a colour for each world and a marker for each kind of split."""
    figure, axes = plt.subplots(1, 2, sharey=True, figsize=(6.75, 3.0), layout="constrained")
    tasks = dict.fromkeys((row["world"], row["kind"]) for row in rows if row["encoder"])
    worlds = list(dict.fromkeys(world for world, _ in tasks))
    colours = dict(zip(worlds, sns.color_palette("colorblind", len(worlds)), strict=True))
    for task in tasks:
        look = {"color": colours[task[0]], "marker": MARKERS[task[1]], "ms": 4}
        cells = {"-": best_cell(rows, task, measure="nearest"), ":": Cell(*task, *PAPERS)}
        for style, cell in cells.items():
            for ax, name in zip(axes, ("by_labels", "by_steps"), strict=True):
                mean = _mean_curve(rows, cell, name)
                places = range(1, len(mean) + 1) if name == "by_labels" else STEP_SHARES
                label = ", ".join(task) if style == "-" else None
                ax.plot(places, 100 * mean, style, **look, label=label)
    axes[0].set(
        xlabel="labelled episodes of each agent", ylabel="identified by nearest neighbour, %"
    )
    axes[0].xaxis.set_major_locator(MaxNLocator(integer=True))
    for style, label in (("-", "best cell"), (":", "the paper's pair")):
        axes[0].plot([], [], style, color="0.3", label=label)
    axes[1].set(xlabel="share of an episode that is seen")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=7
    )
    return figure


def _mean_curve(rows: Iterable[Row], cell: Cell, name: str) -> np.ndarray:
    own = [row[name] for row in rows if tuple(row[n] for n in Cell._fields) == cell]
    return np.array(own, dtype=float).mean(0)
