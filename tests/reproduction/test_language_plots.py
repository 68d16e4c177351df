"""Plots of languages: what they show."""

import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from reproduction import language_plots
from reproduction.statistics import Estimate


def test_words_are_named_by_their_bits():
    assert language_plots.word_names(4) == ["00", "10", "01", "11"]


def test_a_dictionary_shows_both_sides(ax):
    codes = np.eye(8)[[[0, 1, 2], [4, 4, 7]]]
    returns = np.full((2, 3, 8), -30.0)
    returns[0, 2, 5], returns[1, 0, 0] = -8.0, -15.0
    language_plots.draw_dictionary(ax, codes, returns)
    (image,), (circles,) = ax.images, ax.collections
    cells = image.get_array()
    assert (cells[0, 4] == 1).all()  # nothing is understood
    assert cells[0, 5].argmin() == 0 and (cells[0, 5] < 0.99).any()  # blue, for landmark 2
    assert cells[1, 0].argmin() == 2  # red, paler
    assert np.ptp(cells[1, 0]) < np.ptp(cells[0, 5])
    places = circles.get_offsets()
    assert places[:, 1].tolist() == [0, 0, 0, 1, 1, 1]
    assert places[:, 0].round().tolist() == [0, 1, 2, 4, 4, 7]
    assert len(np.unique(places, axis=0)) == 6


def test_shares_of_words_have_intervals(ax):
    shares = [Estimate(0.3, 0.2, 0.4, 5), Estimate(0.7, np.nan, np.nan, 1)]
    language_plots.draw_word_shares(ax, shares)
    assert [patch.get_height() for patch in ax.patches] == [0.3, 0.7]
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0", "1"]
    (bars,) = (part for part in ax.containers if isinstance(part, ErrorbarContainer))
    segments = bars.lines[2][0].get_segments()
    assert segments[0][:, 1] == pytest.approx([0.2, 0.4])
    assert ax.lines[-1].get_ydata()[0] == 0.5


def test_meanings_are_drawn_against_bits(ax):
    language_plots.draw_meaning(ax, [Estimate(5, 4, 6, 5), Estimate(9, 8, 11, 5)])
    line = ax.containers[0].lines[0]
    assert line.get_xdata().tolist() == [1, 2] and line.get_ydata().tolist() == [5, 9]


def test_delays_are_split_by_who_sends_zeros(ax):
    language_plots.draw_delay(ax, [0.1, 0.2, 0.3], [1.0, 2.0, 3.0], [False, True, False])
    shown = [points.get_offsets().tolist() for points in ax.collections]
    assert shown == [[[0.1, 1], [0.3, 3]], [[0.2, 2]]]


def test_distances_are_percentiles_within_a_population(ax):
    near = np.array([[0, 1, 2], [1, 0, 3], [2, 3, 0.0]])
    language_plots.draw_distances(ax, [near, 100 * near], [near, near])
    (mesh,) = ax.collections
    counts = mesh.get_array().reshape(10, 10)
    assert counts.sum() == 6 and counts[3, 3] == counts[6, 6] == counts[9, 9] == 2


def test_correlations_show_populations_and_intervals(ax):
    comparison = {"runs": [0.1, 0.3], "over_groups": [0.2, 0.0, 0.4, 2]}
    language_plots.draw_correlations(ax, {"a": comparison, "b": comparison})
    assert ax.collections[0].get_offsets().tolist() == [[0.1, 1], [0.3, 1]]
    assert list(ax.lines[0].get_xdata()) == [0.0, 0.4]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["a", "b"]


def test_a_map_has_a_look_for_each_word(ax):
    language_plots.draw_map(ax, np.arange(16).reshape(8, 2), list(range(8)), title="word")
    assert len(ax.collections) == 8
    assert ax.collections[3].get_offsets().tolist() == [[6, 7]]
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == language_plots.word_names(8)
