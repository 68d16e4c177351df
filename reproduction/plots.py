"""Plots of numbers, in one style: curves, bars, intervals, matrices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from paperlib import files
from reproduction import claims, statistics
from reproduction.statistics import Estimate

STYLE = Path(__file__).with_name("paper.mplstyle")
METHOD_COLOURS = {
    "Emb-Im": "#0072B2",
    "Emb-Id": "#D55E00",
    "Emb-Hyb": "#009E73",
    "no embedding": "0.45",
    "offline": "#CC79A7",
    "random": "#E69F00",
    "oracle": "black",
    "recurrent": "#56B4E9",
}
METHOD_MARKERS = {  # so that methods differ without colours, too
    "Emb-Im": "s",
    "Emb-Id": "^",
    "Emb-Hyb": "o",
    "no embedding": "x",
    "offline": "D",
    "random": "v",
    "oracle": "*",
    "recurrent": "P",
    "summary statistics": "X",
    "supervised": "d",
    "gated pooling": "D",
    "word statistic": "X",
}
VERDICT_LOOKS = {  # colour and marker
    "reproduced": ("#0072B2", "o"),
    "contradicted": ("#D55E00", "X"),
    "equivalent": ("#009E73", "s"),
    "undecided": ("0.5", "D"),
    "too few runs": ("0.75", "v"),
}


def use_style() -> None:
    """Sets the style of all figures that follow."""
    plt.style.use(STYLE)


def save_figure(figure: Figure, folder: str | Path, name: str) -> None:
    """Writes ``name.pdf`` and ``name.png``; equal figures give equal bytes."""
    for suffix, metadata in ((".pdf", {"CreationDate": None}), (".png", {"Software": None})):
        with files.replacing(Path(folder) / f"{name}{suffix}") as temporary:
            figure.savefig(temporary, metadata=metadata)


def draw_learning_curves(
    ax: Axes, steps: ArrayLike, curves: ArrayLike, *, floor: float, bound: float
) -> None:
    """Mean return of every pair against its environment steps, with the bound and the floor.

    Args:
        ax: axes to draw on.
        steps: environment steps of one pair, (R,).
        curves: mean returns, (K, R).
        floor: what every pair must reach.
        bound: upper bound on the return.
    """
    curves = np.asarray(curves)
    ax.set_ylim(-40, -3)
    ax.plot(steps, curves.T, color="#0072B2", lw=0.5, alpha=0.45)
    ax.plot(steps, curves.mean(0), color="black", lw=1.6, label="mean of the pairs")
    ax.axhline(bound, color="#009E73", ls="--", lw=1, label=f"bound {bound:.1f}")
    ax.axhline(floor, color="#D55E00", ls=":", lw=1, label=f"floor {floor:g}")
    ax.set(xlabel="environment steps per pair", ylabel="mean return")
    ax.legend(loc="lower right")


def draw_matrix(ax: Axes, matrix: ArrayLike, *, label: str, xlabel: str, ylabel: str) -> None:
    """A matrix of mean returns as colours, from -30 to -5."""
    sns.heatmap(
        np.asarray(matrix),
        ax=ax,
        cmap="cividis",
        square=True,
        vmax=-5,
        vmin=-30,
        xticklabels=5,
        yticklabels=5,
        cbar_kws={"label": label, "shrink": 0.9},
        rasterized=True,
    )
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.tick_params(length=0)


def error_bars(
    estimates: Iterable[Estimate],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Means, (N,), and lengths of the bars below and above them, (2, N); 0 where there is none."""
    mean, low, high, _ = np.array([*estimates], dtype=float).T
    return mean, np.nan_to_num([mean - low, high - mean])


def draw_estimates(
    ax: Axes,
    series: Mapping[str, Sequence[Estimate]],
    positions: ArrayLike,
    *,
    xlabel: str,
    ylabel: str,
    colours: Mapping[str, str] = METHOD_COLOURS,
) -> None:
    """Means with 95 % error bars against positions on a logarithmic axis, one line per method."""
    for place, (name, estimates) in enumerate(series.items()):
        mean, spread = error_bars(estimates)
        x = np.asarray(positions) * 1.04 ** (place - (len(series) - 1) / 2)  # side by side
        look = {"marker": METHOD_MARKERS.get(name, "o"), "color": colours.get(name)}
        ax.errorbar(x, mean, spread, label=name, capsize=2, **look)
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    ax.set_xticks(positions, [f"{number:g}" for number in positions])
    ax.minorticks_off()


def draw_bars(
    ax: Axes, estimates: Mapping[str, Estimate], *, reference: Mapping[str, float], xlabel: str
) -> None:
    """Means with 95 % error bars, one row per name; the paper's numbers as open diamonds."""
    names = list(estimates)
    rows = np.arange(len(names))[::-1]
    mean, spread = error_bars(estimates.values())
    colours = [METHOD_COLOURS.get(name, "0.45") for name in names]
    ax.barh(rows, mean, color=colours, height=0.62, alpha=0.85)
    ax.errorbar(mean, rows, xerr=spread, fmt="none", ecolor="black", capsize=2, lw=0.9)
    reported = [k for k, name in enumerate(names) if name in reference]
    if reported:
        ax.scatter(
            [reference[names[k]] for k in reported],
            rows[reported],
            marker="D",
            s=24,
            facecolors="white",
            edgecolors="black",
            zorder=3,
            label="paper (unverified)",
        )
    ax.set_yticks(rows, names)
    ax.set_xlabel(xlabel)


def draw_win_rates(ax: Axes, shares: Mapping[str, Mapping[str, Sequence[float | int]]]) -> None:
    """Shares of matches won, with 95 % intervals, and lost; a bar for each condition.

    Args:
        ax: axes to draw on.
        shares: mean, low and high, by condition and then "won" or "lost".
    """
    places = np.arange(len(shares))[::-1]
    won, lost = ([each[how] for each in shares.values()] for how in ("won", "lost"))
    rates, losses = ([share[0] for share in side] for side in (won, lost))
    errors = [[mean - low for mean, low, *_ in won], [high - mean for mean, _, high, *_ in won]]
    ax.barh(places, rates, xerr=errors, color="#0072B2", ecolor="0.2", label="won")
    ax.barh(places, losses, left=1 - np.array(losses), color="#D55E00", label="lost")
    ax.set_yticks(places, list(shares), fontsize=6)
    ax.set(xlim=(0, 1), xlabel="share of matches")
    if shares:
        ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)


def draw_embeddings(ax: Axes, points: ArrayLike, names: Sequence[str]) -> None:
    """Embeddings in two dimensions, one colour and marker per agent.

    Args:
        ax: axes to draw on.
        points: embeddings in two dimensions, (E, 2).
        names: the agent behind each point.
    """
    points, names = np.asarray(points), np.asarray(names)
    colours = sns.color_palette("colorblind")
    for number, name in enumerate(dict.fromkeys(names)):
        own = points[names == name]
        look = {"color": colours[number % len(colours)], "marker": "osD^vPX"[number % 7]}
        ax.scatter(*own.T, s=12, linewidths=0, alpha=0.85, label=name, **look)
    ax.set(xticks=[], yticks=[])
    ax.margins(0.08)


def draw_band(
    ax: Axes,
    positions: ArrayLike,
    values: ArrayLike,
    *,
    label: str,
    has_band: bool = True,
    linestyle: str = "-",
    color: str | None = None,
) -> None:
    """Mean over runs with its 95 % band by Student's t.

    Args:
        ax: axes to draw on.
        positions: (P,).
        values: (runs, P).
        label: label of the line.
        has_band: whether to draw the band; more than three hide one another.
        linestyle, color: Matplotlib's; by default the colour is that of the method ``label``.
    """
    positions, values = np.asarray(positions), np.asarray(values, dtype=float)
    color = METHOD_COLOURS.get(label) if color is None else color
    look = {"label": label, "color": color, "linestyle": linestyle}
    if label in METHOD_MARKERS:
        look |= {"marker": METHOD_MARKERS[label], "markevery": max(1, len(positions) // 6)}
    (line,) = ax.plot(positions, values.mean(0), **look)
    if has_band and len(values) > 1:
        mean, half = values.mean(0), statistics.t_half_width(values)
        ax.fill_between(
            positions, mean - half, mean + half, color=line.get_color(), alpha=0.15, lw=0
        )


def draw_outcomes(ax: Axes, outcomes: Mapping[str, ArrayLike]) -> None:
    """Shares of games won, drawn and lost, a bar per name, and the score, 1 for a win and ½ for a
    draw, with its 95 % interval over runs.

    Args:
        ax: axes to draw on.
        outcomes: shares won, drawn and lost by name, (runs, 3) each.
    """
    places = np.arange(len(outcomes))[::-1]
    runs = [np.asarray(table, dtype=float) for table in outcomes.values()]
    means = np.array([table.mean(0) for table in runs])  # (names, 3)
    scores = [table @ [1, 0.5, 0] for table in runs]
    half = np.array([statistics.t_half_width(score) for score in scores])
    left = np.zeros(len(means))
    for column, (how, colour) in enumerate(
        {"won": "#0072B2", "drawn": "0.8", "lost": "#D55E00"}.items()
    ):
        ax.barh(places, means[:, column], left=left, color=colour, height=0.62, label=how)
        left += means[:, column]
    middle = [score.mean() for score in scores]
    ax.errorbar(middle, places, xerr=half, fmt="o", ms=3, color="black", capsize=2, lw=0.9)
    ax.axvline(0.5, color="black", lw=0.7, ls=":")
    ax.set_yticks(places, list(outcomes))
    ax.set(xlim=(0, 1), xlabel="share of games")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def draw_claims(ax: Axes, parts: Sequence[Mapping[str, Any]]) -> None:
    """Intervals of differences, one line for each part of a claim, in units of the smallest effect,
    and with the sign that puts the paper's claim on the right; shaded: effects that do not matter.

    Args:
        ax: axes to draw on.
        parts: rows of `tables.claim_rows`.
    """
    places = np.arange(len(parts))[::-1]
    ax.axvspan(-1, 1, color="0.9", lw=0)
    for place, part in zip(places, parts, strict=True):
        low, mean, high = claims.effect(part)
        colour, marker = VERDICT_LOOKS[part["verdict"]]
        ax.plot([low, high], [place, place], color=colour, lw=2)
        ax.plot(mean, place, marker, color=colour, ms=4.5)
    for verdict in dict.fromkeys(part["verdict"] for part in parts):
        colour, marker = VERDICT_LOOKS[verdict]
        ax.plot([], [], marker=marker, color=colour, ms=4.5, lw=2, label=verdict)
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=5)
    ax.axvline(0, color="black", lw=0.7)
    ax.set_yticks(places, [str(part["item"]) for part in parts], fontsize=6)
    ax.set_xscale("symlog", linthresh=2)
    left, right = (1.15 * end for end in ax.get_xlim())
    ax.set_xlim(left, right)
    ticks = [k for k in (-100, -10, -5, -2, -1, 0, 1, 2, 5, 10, 100) if left <= k <= right]
    ax.set_xticks(ticks, [str(tick).replace("-", "−") for tick in ticks])
    ax.set_xlabel("difference in the direction of the claim / smallest effect of interest")


def moving_means(curve: ArrayLike) -> NDArray[np.float64]:
    """Means of five successive points; a curve of at most five points is unchanged."""
    points = np.asarray(curve, dtype=float)
    return np.convolve(points, np.ones(5) / 5, mode="valid") if len(points) > 5 else points
