"""Figures of policies that meet opponents: Figure 4, and the best responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike

from reproduction import measures, plots
from reproduction.statistics import Estimate

TITLES = {"train": "training opponents", "test": "unseen opponents"}
SETS = (  # variants in each row of Figure 4
    ("no embedding", "Emb-Im", "Emb-Id", "Emb-Hyb", "oracle", "recurrent"),
    ("Emb-Hyb", "offline", "no embedding", "random"),
)
Values = Mapping[str, Any]  # values that a notebook saved


def learning_curves(values: Values) -> Figure:
    """Scores in training, means over seeds, with 95 % bands for two variants: a row of panels for
    each of `SETS`, a column for training opponents and one for unseen ones.

    Args:
        values: values saved by figure_4.py.
    """
    figure, axes = plt.subplots(2, 2, figsize=(6.75, 4.6), sharex=True, sharey=True)
    places = np.array(values["samples"]) / 1e6
    for line, shown in zip(axes, SETS, strict=True):
        for ax, (part, title) in zip(line, TITLES.items(), strict=True):
            for variant in shown:
                curves = values["curves"].get(f"{variant} {part}")
                if curves is None or (variant, part) == ("oracle", "test"):
                    continue
                has_band = variant in ("no embedding", "Emb-Hyb")
                plots.draw_band(ax, places, curves, label=variant, has_band=has_band)
            ax.set_title(title)
        line[0].set_ylabel("score")
        handles = line[0].get_legend_handles_labels()
        line[1].legend(*handles, fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.supxlabel("samples in millions", fontsize=8)
    return figure


def gains(values: Values, variants: Sequence[str]) -> Figure:
    """How much each variant gains in score over no embedding, beside the lead of best responses.

    Args:
        values: values saved by figure_4.py.
        variants: variants from top to bottom.
    """
    figure, axes = plt.subplots(1, 2, figsize=(6.75, 2.6), sharex=True, sharey=True)
    nothing = Estimate(np.nan, np.nan, np.nan, 0)  # for the oracle, which knows no unseen opponents
    for ax, (part, title) in zip(axes, TITLES.items(), strict=True):
        found = measures.restored(values["gains"][part])
        best = found.pop("best responses")
        bars = {variant: found.get(variant, nothing) for variant in variants}
        plots.draw_bars(ax, bars, reference={}, xlabel="gain in score over no embedding")
        ax.axvspan(best.low, best.high, color="0.85", zorder=0)
        ax.axvline(best.mean, color="black", lw=0.8, ls="--")
        ax.set_title(title)
    return figure


def best_responses(
    values: Values, generalists: Mapping[str, str], start: str, *, label: str = "best responses"
) -> Figure:
    """The best-response matrix, and learning curves.

    Args:
        values: values saved by best_responses.py.
        generalists: colours of the policies trained against several opponents, by name.
        start: the wrestler that training started from.
        label: what the policies against one opponent are called.
    """
    names, num_train = values["opponents"], len(values["groups"]["train"])
    shown = [*names, *generalists, start]
    figure, (left, right) = plt.subplots(1, 2, figsize=(6.75, 3.3), width_ratios=[1.5, 1])
    draw_scores(left, [values["scores"][name] for name in shown], rows=shown, columns=names)
    for k in range(len(names)):
        left.add_patch(Rectangle((k - 0.5, k - 0.5), 1, 1, fill=False, ec="black", clip_on=False))
    for draw in (left.axvline, left.axhline):
        draw(num_train - 0.5, color="white", lw=2, zorder=0.9)
    left.axhline(len(names) - 0.5, color="white", lw=2, zorder=0.9)
    left.set(xlabel="opponent", ylabel="trained against")
    scores = {name: [score for _, score in curve] for name, curve in values["curves"].items()}
    drawn = {label: ("#0072B2", [scores[name] for name in names])}
    drawn |= {name: (colour, [scores[name]]) for name, colour in generalists.items()}
    for name, (colour, curves) in drawn.items():
        smooth = np.array([plots.moving_means(curve) for curve in curves])
        first = 1 - (smooth.shape[1] - 1) / max(1, len(curves[0]) - 1)
        places = np.linspace(first, 1, smooth.shape[1])
        plots.draw_band(right, places, smooth, label=name, color=colour)
    right.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3, fontsize=6)
    right.set(xlabel="fraction of training", ylabel="score in training")
    return figure


def draw_scores(
    ax: Axes, scores: ArrayLike, *, rows: Sequence[str], columns: Sequence[str]
) -> None:
    """Scores from 0 to 1 as a matrix of colours with numbers.

    Args:
        ax: axes to draw on.
        scores: scores to draw, (R, C).
        rows, columns: names of the rows and columns.
    """
    scores = np.asarray(scores)
    ax.imshow(scores, cmap="RdBu", vmin=0, vmax=1, aspect="auto")
    for (row, column), score in np.ndenumerate(scores):
        colour = "white" if abs(round(score, 2) - 0.5) > 0.35 else "black"
        number = f"{score:.2f}".lstrip("0")
        ax.text(column, row, number, ha="center", va="center", fontsize=6, color=colour)
    ax.set_xticks(range(len(columns)), columns, rotation=90, fontsize=6)
    ax.set_yticks(range(len(rows)), rows, fontsize=6)
    ax.tick_params(length=0)
    ax.grid(False)
