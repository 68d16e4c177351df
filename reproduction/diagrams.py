"""Diagrams: interaction graphs, boxes and arrows, and ParticleWorld episodes."""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
from matplotlib.animation import FuncAnimation, PillowWriter
from matplotlib.axes import Axes
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

SPLIT_COLOURS = {"train": "#0072B2", "validation": "#E69F00", "test": "#D55E00"}


def draw_interaction_graph(ax: Axes, graph: InteractionGraph, split: Split, *, title: str) -> None:
    """Draws agents and edges, coloured by part of the split: on a circle, or in two columns if the
    graph is bipartite."""
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
        own = [name for name, part in parts.items() if agent in part.agents]
        colour = SPLIT_COLOURS[own[0]] if split.kind == "strong" else "0.25"
        ax.scatter(*place, s=130, color=colour, zorder=3, edgecolors="white")
        ax.text(*place, agent, color="white", ha="center", va="center", fontsize=6.5, zorder=4)
    ax.set(title=title, aspect="equal", xlim=(-1.2, 1.2), ylim=(-1.2, 1.2))
    ax.axis("off")


def draw_box(
    ax: Axes, centre: tuple[float, float], text: str, *, size=(1.6, 0.7), colour: str = "#DDE8F3"
) -> None:
    """A box with a text in it."""
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
    """An arrow with a text beside its middle."""
    curve = f"arc3,rad={bend}"
    arrow = FancyArrowPatch(
        start, end, arrowstyle="-|>", mutation_scale=9, lw=0.9, color="0.2", connectionstyle=curve
    )
    ax.add_patch(arrow)
    middle = ((start[0] + end[0]) / 2 + offset[0], (start[1] + end[1]) / 2 + offset[1])
    ax.text(*middle, text, ha="center", va="center", fontsize=8)


def draw_episode(
    ax: Axes, observations: ArrayLike, *, target: int, title: str | None = None
) -> None:
    """Draws one ParticleWorld episode: the listener's path among the landmarks, and the messages.

    Args:
        ax: axes to draw on.
        observations: the listener's observations, (T, 8 + M). Their positions are relative: the
            path starts at (0, 0).
        target: index of the target landmark.
        title: title above the picture.
    """
    observations = np.asarray(observations)
    landmarks = observations[:, LANDMARKS].reshape(len(observations), NUM_LANDMARKS, 2)
    path = landmarks[0, 0] - landmarks[:, 0]  # landmarks do not move
    for index, (place, colour) in enumerate(zip(landmarks[0], LANDMARK_COLOURS, strict=True)):
        ax.scatter(*place, s=70, color=colour, zorder=2, linewidths=0, clip_on=False)
        if index == target:
            ring = {"facecolors": "none", "edgecolors": colour, "linewidths": 1.2}
            ax.scatter(*place, s=190, clip_on=False, **ring)
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
    """Writes one ParticleWorld episode as a GIF, ten steps per second.

    Args:
        path: file to write.
        observations: the listener's observations, (T, 8 + M).
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
