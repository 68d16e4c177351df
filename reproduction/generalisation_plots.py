"""Figures of the generalisation study, from saved estimates: a panel for each encoder and channel.

Cells are called "ENCODER, CHANNELS, METHOD", see `generalisation.title`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reproduction import measures
from reproduction.comparison_plots import LEVELS, draw_losses, draw_returns
from reproduction.statistics import t_interval

STATISTIC = "word statistic"
CHANNELS = {"True": "all channels", "False": "the plain channel"}


def panels(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Names of the cells of each panel, by "ENCODER, CHANNELS" and the label of the line. A panel
    has the word statistic of its channels, too."""
    names = [name for name in names if name not in LEVELS]
    found: dict[str, dict[str, str]] = {}
    for name in names:
        encoder, channels, *method = name.split(", ")
        if method:
            found.setdefault(f"{encoder}, {channels}", {})[method[0]] = name
    for title, cells in found.items():
        statistic = f"{STATISTIC}, {title.split(', ')[1]}"
        if statistic in names:
            cells[STATISTIC] = statistic
    return found


def _grid(count: int, *, height: float) -> tuple[Figure, list[Axes]]:
    columns = min(2, count)
    rows = -(-count // columns)
    size = (4.4, height) if count == 1 else (6.75, height * rows)
    figure, axes = plt.subplots(rows, columns, figsize=size, sharex=True, squeeze=False)
    return figure, list(axes.flat)


def unseen_returns(drawn: Mapping[str, Any], counts: Sequence[int]) -> Figure:
    """Returns with unseen listeners against the number of episodes.

    Args:
        drawn: saved estimates, one for each of ``counts``, and those of `LEVELS`.
        counts: numbers of episodes in an embedding.
    """
    lines = measures.restored(drawn)
    levels = {name: lines[name] for name in LEVELS if name in lines}
    cells = panels(lines)
    figure, axes = _grid(len(cells), height=2.7)
    shown = [(e.mean, e.low, e.high) for line in lines.values() for e in line]
    low, high = np.nanmin(shown), np.nanmax(shown)  # a single run has no interval
    for ax, (title, own) in zip(axes, cells.items(), strict=False):
        draw_returns(ax, {label: lines[name] for label, name in own.items()} | levels, counts)
        ax.set_title(title)
        ax.set(ylabel="mean return, unseen listeners", ylim=(low - 0.5, high + 0.5))
    handles = axes[0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=4 if len(cells) > 1 else 3)
    return figure


def returns_by_languages(counts: Mapping[str, Mapping[str, Sequence[float]]]) -> Figure:
    """Returns with unseen listeners against the number of training listeners: means with 95 %
    intervals, and each population as a dot.

    Args:
        counts: returns of each population, under "SYMMETRIC EPISODES", such as "True 16", and the
            number of training listeners.
    """
    episodes = list(dict.fromkeys(name.split()[1] for name in counts))
    figure, axes = plt.subplots(1, len(episodes), figsize=(6.75, 2.8), sharey=True, squeeze=False)
    for ax, k in zip(axes[0], episodes, strict=True):
        ticks: set[int] = set()
        for side, (key, channels) in zip((-1, 1), CHANNELS.items(), strict=True):
            returns = counts.get(f"{key} {k}", {})
            found = [t_interval(values) for values in returns.values()]
            if not found:
                continue
            x = np.array([int(count) for count in returns]) * 1.06**side
            means = [estimate.mean for estimate in found]
            spread = [estimate.high - estimate.mean for estimate in found]
            colour = f"C{(side + 1) // 2}"
            ax.errorbar(x, means, yerr=spread, capsize=2, color=colour, marker="o", label=channels)
            for place, values in zip(x, returns.values(), strict=True):
                ax.plot([place] * len(values), values, ".", color=colour, ms=4, alpha=0.5)
            ticks |= {int(count) for count in returns}
        ax.set_xscale("log", base=2)
        ax.set_xticks(sorted(ticks), [str(count) for count in sorted(ticks)])
        ax.minorticks_off()
        ax.set(xlabel="training listeners", title=f"k = {k}")
    axes[0, 0].set_ylabel("mean return, unseen listeners")
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def learning_curves(curves: Mapping[str, Sequence[Sequence[float]]]) -> Figure:
    """Losses in units of their first value, means over runs with 95 % bands.

    Args:
        curves: losses of each run, (runs, windows), by the name of a cell; empty where nothing is
            learned.
    """
    cells = panels(name for name, of_runs in curves.items() if of_runs[0])
    figure, axes = _grid(len(cells), height=2.2)
    for ax, (title, own) in zip(axes, cells.items(), strict=False):
        draw_losses(ax, {label: curves[name] for label, name in own.items()})
        ax.set_title(title)
    axes[0].legend()
    return figure
