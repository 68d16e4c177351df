"""Pictures and plots: each takes numbers and an axis, and knows nothing of how they came to be."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import seaborn as sns
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from numpy.typing import ArrayLike

from paperlib import files
from paperlib.environments.particleworld import (
    LANDMARK_COLOURS,
    LANDMARKS,
    MESSAGE,
    NUM_LANDMARKS,
)
from paperlib.graphs import InteractionGraph, Split
from reproduction import statistics, tables
from reproduction.statistics import Estimate

STYLE = Path(__file__).with_name("paper.mplstyle")
SPLIT_COLOURS = {"train": "#0072B2", "validation": "#E69F00", "test": "#D55E00"}
METHOD_COLOURS = {
    **{"Emb-Im": "#0072B2", "Emb-Id": "#D55E00", "Emb-Hyb": "#009E73"},
    **{"no embedding": "0.45", "offline": "#CC79A7", "random": "#E69F00", "oracle": "black"},
}


def use_style() -> None:
    """Makes every figure that follows look like the paper's."""
    plt.style.use(STYLE)


def save_figure(figure: Figure, folder: str | Path, name: str) -> None:
    """Writes ``name.pdf`` and ``name.png``, the same bytes for the same figure."""
    for suffix, metadata in ((".pdf", {"CreationDate": None}), (".png", {"Software": None})):
        with files.replacing(Path(folder) / f"{name}{suffix}") as temporary:
            figure.savefig(temporary, metadata=metadata)


def draw_episode(
    ax: Axes, observations: ArrayLike, *, target: int, title: str | None = None
) -> None:
    """Draws one ParticleWorld episode: the listener's way among the landmarks, and the messages.

    Args:
        ax: to draw on.
        observations: the listener's, (T, 8 + M). The start is the origin: an episode has no other.
        target: index of the target landmark.
        title: above the picture.
    """
    observations = np.asarray(observations)
    landmarks = observations[:, LANDMARKS].reshape(len(observations), NUM_LANDMARKS, 2)
    path = landmarks[0, 0] - landmarks[:, 0]  # landmarks rest, so that they tell the way
    for index, (place, colour) in enumerate(zip(landmarks[0], LANDMARK_COLOURS, strict=True)):
        ax.scatter(*place, s=70, color=colour, zorder=2, linewidths=0)
        if index == target:
            ax.scatter(*place, s=190, facecolors="none", edgecolors=colour, linewidths=1.2)
    ax.plot(*path.T, color="0.55", lw=1, zorder=1)
    ax.scatter(*path.T, c=np.arange(len(path)), cmap="Greys", s=9, vmin=-8, zorder=3)
    ax.scatter(*path[0], marker="s", s=22, color="black", zorder=4)
    ax.set_aspect("equal")
    ax.margins(0.15)
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    sent = ["".join(f"{bit:.0f}" for bit in row) for row in observations[1:, MESSAGE]]
    changes = [sent[0]] + [new for old, new in itertools.pairwise(sent) if new != old]
    heard = " ".join(changes[:4]) + (" ..." if len(changes) > 4 else "")
    ax.set_xlabel(f"message {heard}", family="monospace", fontsize=7)
    if title:
        ax.set_title(title)


def animate_episode(path: str | Path, observations: ArrayLike, *, target: int) -> None:
    """Writes one episode as a GIF of ten steps a second.

    Args:
        path: of the file.
        observations: the listener's, (T, 8 + M).
        target: index of the target landmark.
    """
    observations = np.asarray(observations)
    figure, ax = plt.subplots(figsize=(2.6, 2.8))
    draw_episode(ax, observations, target=target)
    figure.canvas.draw()
    limits = ax.axis()

    def frame(step: int) -> list:
        ax.clear()
        draw_episode(ax, observations[: step + 2], target=target)
        ax.axis(limits)
        return []

    animation = FuncAnimation(figure, frame, frames=len(observations) - 1)
    with files.replacing(path) as temporary:
        animation.save(temporary, writer=PillowWriter(fps=10), dpi=90)
    plt.close(figure)


def draw_interaction_graph(ax: Axes, graph: InteractionGraph, split: Split, *, title: str) -> None:
    """Draws the agents, and every edge in the colour of its part of the split: on a circle, or in
    two columns where the graph is bipartite."""
    network = graph.to_networkx()
    if nx.is_bipartite(network):
        left = sorted({edge[0] for edge in graph.edges})
        columns = nx.bipartite_layout(network, left)
        places = {a: (0.75 * x, -1.3 * y) for a, (x, y) in columns.items()}  # 0 on top
    else:
        places = nx.circular_layout(network)
    parts = {"train": split.train, "validation": split.validation, "test": split.test}
    drawn = {frozenset(edge) for part in parts.values() for edge in part.edges}
    for edge in graph.edges:
        if frozenset(edge) not in drawn:
            ax.plot(*zip(*(places[a] for a in edge), strict=True), color="0.9", lw=0.6, zorder=1)
    for name, part in parts.items():
        for edge in part.edges:
            line = list(zip(*(places[agent] for agent in edge), strict=True))
            ax.plot(*line, color=SPLIT_COLOURS[name], lw=1.1, alpha=0.8, zorder=2)
    for agent, place in places.items():
        homes = [name for name, part in parts.items() if agent in part.agents]
        colour = SPLIT_COLOURS[homes[0]] if split.kind == "strong" else "0.25"
        ax.scatter(*place, s=130, color=colour, zorder=3, edgecolors="white")
        ax.text(*place, agent, color="white", ha="center", va="center", fontsize=6.5, zorder=4)
    ax.set(title=title, aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    ax.axis("off")


def draw_box(
    ax: Axes, centre: tuple[float, float], text: str, *, size=(1.6, 0.7), colour: str = "#DDE8F3"
) -> None:
    """A box with a text, for diagrams."""
    corner = (centre[0] - size[0] / 2, centre[1] - size[1] / 2)
    style = "round,pad=0.02,rounding_size=0.1"
    ax.add_patch(FancyBboxPatch(corner, *size, boxstyle=style, fc=colour, ec="0.3", lw=0.8))
    ax.text(*centre, text, ha="center", va="center", fontsize=8)


def draw_arrow(
    ax: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    text: str = "",
    *,
    bend: float = 0.0,
    offset: tuple[float, float] = (0.0, 0.12),
) -> None:
    """An arrow with a text beside its middle, for diagrams."""
    curve = f"arc3,rad={bend}"
    arrow = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=9, lw=0.9, color="0.2", connectionstyle=curve
    )
    ax.add_patch(arrow)
    middle = ((start[0] + end[0]) / 2 + offset[0], (start[1] + end[1]) / 2 + offset[1])
    ax.text(*middle, text, ha="center", va="center", fontsize=8)


def draw_learning_curves(
    ax: Axes, steps: ArrayLike, curves: ArrayLike, *, floor: float, bound: float
) -> None:
    """Mean return of every pair against its environment steps, with the bound and the floor.

    Args:
        steps: of one pair, (R,).
        curves: (K, R).
        floor: what every pair must reach.
        bound: what nobody can pass.
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
    """A matrix as colours, from -30 to 0 in returns."""
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


def draw_estimates(
    ax: Axes,
    series: Mapping[str, Sequence[Estimate]],
    positions: ArrayLike,
    *,
    xlabel: str,
    ylabel: str,
    colours: Mapping[str, str] = METHOD_COLOURS,
) -> None:
    """Means with 95 % bars against a number, one line for each method, on a logarithmic axis."""
    for place, (name, estimates) in enumerate(series.items()):
        mean = np.array([estimate.mean for estimate in estimates])
        spread = [[e.mean - e.low, e.high - e.mean] for e in estimates]
        spread = np.nan_to_num(np.array(spread).T)
        x = np.asarray(positions) * 1.04 ** (place - (len(series) - 1) / 2)  # side by side
        ax.errorbar(x, mean, spread, label=name, marker="o", capsize=2, color=colours.get(name))
    ax.set(xlabel=xlabel, ylabel=ylabel, xscale="log")
    ax.set_xticks(positions, [f"{number:g}" for number in positions])
    ax.minorticks_off()


def draw_bars(
    ax: Axes, estimates: Mapping[str, Estimate], *, reference: Mapping[str, float], xlabel: str
) -> None:
    """Means with 95 % bars, one row for each name; the paper's numbers as open diamonds."""
    names = list(estimates)
    rows = np.arange(len(names))[::-1]
    mean = np.array([estimates[name].mean for name in names])
    low = np.array([estimates[name].low for name in names])
    high = np.array([estimates[name].high for name in names])
    spread = np.nan_to_num(np.stack([mean - low, high - mean]))
    colours = [METHOD_COLOURS.get(name, "0.45") for name in names]
    ax.barh(rows, mean, color=colours, height=0.62, alpha=0.85)
    ax.errorbar(mean, rows, xerr=spread, fmt="none", ecolor="black", capsize=2, lw=0.9)
    told = [
        (reference[name], row) for name, row in zip(names, rows, strict=True) if name in reference
    ]
    if told:
        ax.scatter(
            *zip(*told, strict=True),
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
    """Draws shares of matches won, with intervals, and lost: a bar for each condition.

    Args:
        ax: to draw on.
        shares: of each condition, by name, those "won" and "lost": mean, low, high.
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


def draw_win_matrix(ax: Axes, rates: ArrayLike, names: Sequence[str]) -> None:
    """Shares of matches that rows won against columns.

    Args:
        ax: to draw on.
        rates: 0 to 1, NaN where nothing is to be drawn, (P, P).
        names: of the players.
    """
    sns.heatmap(
        np.asarray(rates),
        ax=ax,
        cmap="RdBu",
        vmin=0,
        vmax=1,
        xticklabels=False,
        yticklabels=names,
        cbar_kws={"label": "matches won", "shrink": 0.8},
        rasterized=True,
    )
    ax.tick_params(length=0, labelsize=5.5)


def draw_embeddings(ax: Axes, points: ArrayLike, names: Sequence[str]) -> None:
    """Embeddings in two dimensions, one colour and marker for each name.

    Args:
        ax: to draw on.
        points: (E, 2).
        names: of each point's agent.
    """
    points, names = np.asarray(points), np.asarray(names)
    colours = sns.color_palette("colorblind")
    for number, name in enumerate(dict.fromkeys(names)):
        own = points[names == name]
        look = {"color": colours[number % len(colours)], "marker": "osD^vPX"[number % 7]}
        ax.scatter(*own.T, s=12, linewidths=0, alpha=0.85, label=name, **look)
    ax.set(xticks=[], yticks=[])
    ax.margins(0.08)


def draw_band(ax: Axes, positions: ArrayLike, values: ArrayLike, *, label: str) -> None:
    """A mean over runs with its 95 % band, Student's t over runs.

    Args:
        ax: to draw on.
        positions: (P,).
        values: (runs, P).
        label: of the line.
    """
    positions, values = np.asarray(positions), np.asarray(values, dtype=float)
    (line,) = ax.plot(positions, values.mean(0), label=label, color=METHOD_COLOURS.get(label))
    if len(values) > 1:
        mean, reach = values.mean(0), statistics.t_half_width(values)
        ax.fill_between(
            positions, mean - reach, mean + reach, color=line.get_color(), alpha=0.15, lw=0
        )


def draw_outcomes(ax: Axes, outcomes: Mapping[str, ArrayLike]) -> None:
    """Shares of games won, drawn and lost, a bar for each name, with 95 % intervals over runs.

    Args:
        ax: to draw on.
        outcomes: by name, (runs, 3): won, drawn, lost.
    """
    places = np.arange(len(outcomes))[::-1]
    tables = [np.asarray(table, dtype=float) for table in outcomes.values()]
    means = np.array([table.mean(0) for table in tables])  # (names, 3)
    reach = np.array([statistics.t_half_width(table) for table in tables])
    reach[np.isinf(reach)] = 0  # of a single run there is no spread to show
    left = np.zeros(len(means))
    for column, (how, colour) in enumerate(
        {"won": "#0072B2", "drawn": "0.8", "lost": "#D55E00"}.items()
    ):
        ax.barh(places, means[:, column], left=left, color=colour, height=0.62, label=how)
        left += means[:, column]
    ends = {"fmt": "none", "ecolor": "black", "capsize": 2, "lw": 0.9}
    ax.errorbar(means[:, 0], places, xerr=reach[:, 0], **ends)
    ax.errorbar(1 - means[:, 2], places, xerr=reach[:, 2], **ends)
    ax.set_yticks(places, list(outcomes))
    ax.set(xlim=(0, 1), xlabel="share of games")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)


def draw_claims(ax: Axes, parts: Sequence[Mapping[str, float | str]]) -> None:
    """Intervals of differences, one line for each part of a claim, in units of half their width,
    turned so that what the claim says is on the right.

    Args:
        ax: to draw on.
        parts: rows with "item" (which ends in "< 0" or "> 0"), "ours", "low", "high", "verdict".
    """
    colours = {"reproduced": "#0072B2", "not reproduced": "#D55E00", "undecided": "0.5"}
    places = np.arange(len(parts))[::-1]
    for place, part in zip(places, parts, strict=True):
        if turned := tables.signed_effect(part):
            low, mean, high = turned
            ax.plot([low, high], [place, place], color=colours[part["verdict"]], lw=2)
            ax.plot(mean, place, "o", color=colours[part["verdict"]], ms=4)
    ax.axvline(0, color="black", lw=0.7)
    ax.set_yticks(places, [str(part["item"]) for part in parts], fontsize=6)
    ax.set_xscale("symlog", linthresh=2)
    left, right = ax.get_xlim()
    ticks = [k for k in (-100, -10, -5, -2, -1, 0, 1, 2, 5, 10, 100) if left <= k <= right]
    ax.set_xticks(ticks, [str(tick).replace("-", "−") for tick in ticks])
    ax.set_xlabel("difference / half the width of its 95 % interval")
