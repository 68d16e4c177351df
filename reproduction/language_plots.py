"""Plots of languages: dictionaries, shares of words, the silent first step, distances, a map."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from numpy.typing import ArrayLike
from scipy import stats

from paperlib.agents.word_speakers import words
from paperlib.environments.particleworld import LANDMARK_COLOURS
from reproduction import measures, plots
from reproduction.statistics import Estimate

LEAST, MOST = -22.0, -9.0  # returns that are drawn in white and in full colour


def word_names(num_words: int) -> list[str]:
    """Words as their bits, such as "110"; bit 0 stands first."""
    bits = words(num_words.bit_length() - 1).tolist()
    return ["".join(map(str, word)) for word in bits]


def draw_dictionary(ax: Axes, codes: ArrayLike, returns: ArrayLike) -> None:
    """A row for each pair, a column for each word: what the listener takes it for, as colours, and
    what the speaker sends it for, as circles.

    Args:
        ax: axes to draw on.
        codes: p(w | t), (K, 3, W); the area of a circle is proportional to it.
        returns: R, (K, 3, W). A cell has the colour of the landmark with the highest return, the
            stronger the higher that is.
    """
    codes, returns = np.asarray(codes), np.asarray(returns)
    colours = np.array([to_rgb(colour) for colour in LANDMARK_COLOURS])
    strength = np.clip((returns.max(1) - LEAST) / (MOST - LEAST), 0, 1)[..., None]
    cells = 1 - strength * (1 - colours[returns.argmax(1)]) * 0.6  # (K, W, 3)
    ax.imshow(cells, aspect="auto", interpolation="nearest")
    pair, target, word = np.nonzero(codes >= 0.05)
    offset = 0.24 * (target - 1)  # one word may serve several targets
    area = 16 * codes[pair, target, word]
    look = {"c": colours[target], "edgecolors": "black", "linewidths": 0.5}
    ax.scatter(word + offset, pair, s=area, **look)
    ax.set_xticks(range(codes.shape[2]), word_names(codes.shape[2]), family="monospace")
    ax.set(xlabel="word", ylabel="pair", yticks=range(0, len(codes), 5))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)


def draw_word_shares(ax: Axes, shares: Sequence[Estimate]) -> None:
    """Share of all messages that each word has, with 95 % intervals; dotted: equal shares.

    Args:
        ax: axes to draw on.
        shares: share of each word.
    """
    places = np.arange(len(shares))
    mean, spread = plots.error_bars(shares)
    ax.bar(places, mean, color="0.75", width=0.7)
    ax.errorbar(places, mean, spread, fmt="none", ecolor="black", capsize=2, lw=0.9)
    ax.axhline(1 / len(shares), color="black", ls=":", lw=1)
    ax.set_xticks(places, word_names(len(shares)), family="monospace", fontsize=6.5)
    ax.set(xlabel="word", ylabel="share of messages")


def draw_meaning(ax: Axes, meanings: Sequence[Estimate]) -> None:
    """How differently two words are understood, against the number of bits in which they differ.

    Args:
        ax: axes to draw on.
        meanings: mean distances with 95 % intervals, for 1, 2, ... bits.
    """
    places = 1 + np.arange(len(meanings))
    mean, spread = plots.error_bars(meanings)
    ax.errorbar(places, mean, spread, marker="o", color="black", capsize=2)
    ax.set(xlabel="bits in which two words differ", ylabel="distance between meanings\n(return)")
    ax.set_xticks(places)
    ax.set_xlim(0.7, len(meanings) + 0.3)
    ax.set_ylim(0, None)


def draw_delay(ax: Axes, lean: ArrayLike, costs: ArrayLike, uses_silence: ArrayLike) -> None:
    """What the silent first step costs each pair, against how far its listener leans to one
    landmark before it hears anything.

    Args:
        ax: axes to draw on.
        lean: strongest minus weakest mean push towards a landmark, (K,).
        costs: lost return, (K,).
        uses_silence: whether the speaker sends the word of zeros, (K,).
    """
    lean, costs, uses_silence = np.asarray(lean), np.asarray(costs), np.asarray(uses_silence)
    for used, label, look in (
        (False, "does not send 000", {"color": "#0072B2", "marker": "o"}),
        (True, "sends 000", {"color": "#D55E00", "marker": "D"}),
    ):
        own = uses_silence == used
        ax.scatter(lean[own], costs[own], s=12, linewidths=0, alpha=0.75, label=label, **look)
    ax.axhline(0, color="black", lw=0.6, ls=":")
    ax.set(xlabel="lean of first push (fraction of full force)")
    ax.set(ylabel="cost of initial silence (return)")
    ax.legend(loc="upper left", handletextpad=0.2)


def draw_distances(ax: Axes, ours: Sequence[ArrayLike], theirs: Sequence[ArrayLike]) -> None:
    """Distances between embeddings (across) and between languages (up) of the same pairs, as the
    density of their percentiles within each population.

    Args:
        ax: axes to draw on.
        ours: distances between languages, (N, N) for each population.
        theirs: distances between embeddings, likewise.
    """
    sides = []
    for matrices in (theirs, ours):
        pairs = [np.asarray(m)[np.triu_indices(len(m), 1)] for m in matrices]
        sides.append(np.concatenate([100 * stats.rankdata(p) / len(p) for p in pairs]))
    edges = np.linspace(0, 100, 11)
    counts = np.histogram2d(*sides, bins=edges)[0].T
    mesh = ax.pcolormesh(edges, edges, counts, cmap="cividis", vmin=0, rasterized=True)
    ax.figure.colorbar(mesh, ax=ax, label="pairs of listeners", shrink=0.9)
    ax.set_aspect("equal")
    ax.set(xlabel="embeddings (percentile)")
    ax.set(ylabel="languages (percentile)")


def draw_correlations(ax: Axes, comparisons: Mapping[str, Mapping[str, Any]]) -> None:
    """Rank correlations with 95 % intervals over populations, a row each; dots are populations.

    Args:
        ax: axes to draw on.
        comparisons: saved `distances.Agreement`, by name.
    """
    places = np.arange(len(comparisons))[::-1]
    for place, comparison in zip(places, comparisons.values(), strict=True):
        runs, estimate = comparison["runs"], measures.restored(comparison["over_groups"])
        ax.scatter(runs, np.full(len(runs), place), s=10, color="0.65", linewidths=0)
        ax.plot([estimate.low, estimate.high], [place, place], color="#0072B2", lw=1.8)
        ax.plot(estimate.mean, place, "o", color="#0072B2", ms=4)
    ax.axvline(0, color="black", lw=0.6, ls=":")
    ax.set_yticks(places, list(comparisons))
    ax.set(xlim=(-0.5, 1.05), ylim=(-0.6, len(places) - 0.4), xlabel="rank correlation")


def draw_map(ax: Axes, places: ArrayLike, labels: Sequence[int], *, title: str) -> None:
    """Languages in a plane, with a colour and a marker for each of up to eight words.

    Args:
        ax: axes to draw on.
        places: a point for each language, (N, 2), in units of the return.
        labels: the word of each language that its colour and marker show.
        title: title of the legend.
    """
    places, labels = np.asarray(places), np.asarray(labels)
    colours = sns.color_palette("colorblind", 8)
    for word, name in enumerate(word_names(8)):
        own = places[labels == word]
        look = {"color": colours[word], "marker": "osD^vPX*"[word]}
        ax.scatter(*own.T, s=16, linewidths=0, alpha=0.9, label=name, **look)
    left, bottom = places.min(0)
    ax.plot([left, left + 5], [bottom - 1, bottom - 1], color="black", lw=1)
    ax.text(left + 2.5, bottom - 1.4, "5 of return", ha="center", va="top", fontsize=7)
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": 4}
    ax.legend(title=title, handletextpad=0.2, columnspacing=1.2, **below)
