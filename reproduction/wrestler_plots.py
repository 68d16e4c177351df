"""Figures of the wrestlers, and of Table 1's measures of their embeddings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from reproduction import comparison_plots, measures, plots

UNITS = {
    "distance": "m",
    "height": "m",
    "speed": "m/s",
    "contact": "share of steps",
    "effort": "mean squared action",
    "from centre": "m",
    "length": "steps",
    "drawn": "share of matches",
}
# Colour, marker and line of wrestlers by whether they were trained in a pair
LOOKS = {False: ("#0072B2", "o", "-", "by self-play"), True: ("#D55E00", "^", "--", "in a pair")}
Values = Mapping[str, Any]  # values that a notebook saved


def tournament(values: Values) -> Figure:
    """Who beat whom, and ratings, both sorted by rating."""
    ratings = np.array(values["ratings"])
    order = np.argsort(-ratings[:, 0])
    counts = {how: np.array(m)[np.ix_(order, order)] for how, m in values["counts"].items()}
    total = np.maximum(sum(counts.values()), 1)
    rates = np.where(np.eye(len(order), dtype=bool), np.nan, counts["won"] / total)
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.75, 3.6), width_ratios=[1.6, 1])
    draw_win_matrix(left, rates, [values["names"][k] for k in order])
    ratings, ranks = ratings[order], np.arange(len(order))
    errors = np.abs(ratings[:, 1:] - ratings[:, :1]).T
    look = {"fmt": "o", "ms": 3, "capsize": 2, "color": "#0072B2"}
    right.errorbar(ratings[:, 0], ranks, xerr=errors, **look)
    right.set(xlabel="rating (Elo points)", yticks=[], ylim=(len(order) - 0.5, -0.5))
    return figure


def draw_win_matrix(ax: Axes, rates: ArrayLike, names: Sequence[str]) -> None:
    """Shares of matches that row players won against column players.

    Args:
        ax: axes to draw on.
        rates: (P, P), in [0, 1]; NaN cells are grey.
        names: names of the players.
    """
    sns.heatmap(
        np.asarray(rates),
        ax=ax,
        cmap="RdBu",
        vmin=0,
        vmax=1,
        xticklabels=False,
        yticklabels=names,
        cbar_kws={"label": "share of matches won", "location": "bottom", "shrink": 0.6},
        rasterized=True,
    )
    ax.set_facecolor("0.8")
    ax.set_xlabel("opponents, in the same order", fontsize=7)
    ax.tick_params(length=0, labelsize=5.5)


def styles(values: Values) -> Figure:
    """Statistics of each wrestler's style in two tournaments."""
    figure, axes = plt.subplots(2, 4, figsize=(6.75, 3.4))
    pairs = np.array([name.startswith("pair") for name in values["names"]])
    for ax, (name, measured) in zip(axes.flat, values["styles"].items(), strict=True):
        one, other = np.array(measured)[:2]
        for in_pair, (colour, marker, _, title) in LOOKS.items():
            own = pairs == in_pair
            ax.scatter(one[own], other[own], s=10, color=colour, marker=marker, label=title)
        ends = [min(*one, *other), max(*one, *other)]
        ax.plot(ends, ends, color="0.6", lw=0.7)
        icc = values["icc"][name]  # None where a statistic does not vary
        spread = "–" if icc is None else f"{icc:.2f}"
        ax.set_title(f"{name} ({UNITS[name]})\nICC {spread}", fontsize=7)
        ax.tick_params(labelsize=6)
    handles = axes[0, 0].get_legend_handles_labels()
    figure.legend(*handles, title="trained", loc="outside upper center", ncols=2)
    figure.supxlabel("first evaluation seed", fontsize=8)
    figure.supylabel("second evaluation seed", fontsize=8)
    return figure


def training(values: Values, *, most_lost: float) -> Figure:
    """Matches won and lost against a motionless ant by samples, means of five iterations.

    Args:
        values: values saved by wrestlers.py.
        most_lost: share of matches lost, drawn as a dotted line.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.75, 2.5), sharex=True)
    for name, own in values["provenance"].items():
        samples, *shares = np.array(own["curve"], dtype=float).T
        colour, _, line, _ = LOOKS[name.startswith("pair")]
        look = {"lw": 0.8, "alpha": 0.7, "color": colour, "ls": line}
        for ax, share in zip(axes, shares, strict=True):
            smooth = plots.moving_means(share)
            skipped = (len(share) - len(smooth)) // 2  # at either end
            ax.plot(samples[skipped : skipped + len(smooth)] / 1e6, smooth, **look)
    axes[1].axhline(most_lost, color="black", lw=0.7, ls=":")
    for ax, title in zip(axes, ("won", "lost"), strict=True):
        ax.set(xlabel="samples in millions", ylabel=f"share of matches {title}", ylim=(0, 1))
    for colour, _, line, title in LOOKS.values():
        axes[1].plot([], [], color=colour, ls=line, label=title)
    axes[1].legend(title="trained", loc="upper right")
    return figure


def table_1(values: Values, paper: Mapping[str, Any]) -> Figure:
    """IICR and accuracy of outcomes of each method, from one episode.

    Args:
        values: values saved by table_1.py.
        paper: the paper's numbers.
    """
    figure, axes = plt.subplots(2, 2, sharex="row", figsize=(6.75, 4.2))
    panels = (
        ("ratio", "IICR", "IICR (lower is better)"),
        ("outcome", "Acc", "accuracy of predicted outcomes"),
    )
    for column, kind in zip(axes.T, ("weak", "strong"), strict=True):
        for ax, (name, title, xlabel) in zip(column, panels, strict=True):
            bars = measures.restored(values["bars"][f"{kind} {name}"])
            plots.draw_bars(ax, bars, reference=paper[title][kind], xlabel=xlabel)
        column[0].set_title(f"{kind} generalisation")
        column[0].axvline(1, color="black", lw=0.6, ls=":")
        measured = values["measured"]
        levels = {
            "chance": (1 / 3, ":"),
            "majority class": (np.mean(measured[f"{kind} Emb-Im majority, 1 episodes"]), "--"),
            "strengths": (np.mean(measured[f"{kind} strengths"]), "-"),
        }
        for label, (level, line) in levels.items():
            column[1].axvline(level, color="black", lw=0.8, ls=line, label=label)
    figure.legend(*axes[1, 1].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    return figure


def how_few_observations(values: Values, kind: str) -> Figure:
    """IICR and accuracy of probes by first steps of one episode, and by number of episodes.

    Args:
        values: values saved by table_1.py.
        kind: kind of split.
    """
    probes = {"linear": "accuracy,\nlinear probe", "nearest": "accuracy,\nnearest neighbour"}
    labels = {"ratio": "IICR", **probes}
    xlabels = {"steps": "first steps of one episode", "episodes": "episodes per embedding"}
    figure, axes = plt.subplots(3, 2, sharex="col", sharey="row", figsize=(6.75, 5.6))
    chance = values["measured"][f"{kind} Emb-Im chance, 1 episodes"][0]
    for column, (unit, counts) in zip(axes.T, values["counts"].items(), strict=True):
        for ax, (name, label) in zip(column, labels.items(), strict=True):
            curves = values["curves"][f"{kind} {name}, {unit}"]
            level = None if name == "ratio" else chance
            comparison_plots.draw_curves(ax, curves, counts, ylabel=label, chance=level)
        column[-1].set_xlabel(xlabels[unit])
    handles = axes[0, 1].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=len(handles[0]))
    figure.suptitle(f"{kind} generalisation", fontsize=9)
    return figure
