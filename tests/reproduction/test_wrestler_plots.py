"""Figures of wrestlers, from values as a notebook saves them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from reproduction import wrestler_plots

NAMES = ["self-a", "pair-b-1", "pair-b-2"]
STYLES = "height", "drawn", "distance", "speed", "contact", "effort", "from centre", "length"


@pytest.fixture
def values():
    won = [[0, 3, 1], [1, 0, 2], [3, 2, 0]]
    curve = [[1000 * k, 0.1 * k, 0.5] for k in range(8)]
    return {
        "names": NAMES,
        "ratings": [[10.0, 0.0, 20.0], [-30.0, -40.0, -20.0], [20.0, 5.0, 30.0]],
        "counts": {"won": won, "lost": np.transpose(won).tolist(), "drawn": np.eye(3).tolist()},
        "styles": {name: [[1.0, 2.0, 3.0], [1.1, 2.2, 2.9]] for name in STYLES},
        "icc": dict.fromkeys(STYLES, 0.9) | {"drawn": None},
        "provenance": {name: {"curve": curve} for name in NAMES},
    }


def test_a_tournament_is_drawn_by_rating(values):
    left, right = wrestler_plots.tournament(values).axes[:2]
    labels = [text.get_text() for text in left.get_yticklabels()]
    assert labels == ["pair-b-2", "self-a", "pair-b-1"]
    assert right.get_lines()[0].get_xdata().tolist() == [20.0, 10.0, -30.0]
    plt.close("all")


def test_styles_name_what_does_not_vary(values):
    titles = [ax.get_title() for ax in wrestler_plots.styles(values).axes[:2]]
    assert titles == ["height in m\nICC 0.90", "drawn\nICC –"]
    plt.close("all")


def test_curves_are_means_of_five_iterations(values):
    won, _ = wrestler_plots.training(values, most_lost=0.15).axes
    line = won.get_lines()[0]
    assert line.get_ydata() == pytest.approx([0.2, 0.3, 0.4, 0.5])
    assert line.get_xdata() == pytest.approx([0.002, 0.003, 0.004, 0.005])
    plt.close("all")


def test_win_matrix_shows_rates_in_order():
    ax = plt.figure().subplots()
    wrestler_plots.draw_win_matrix(ax, [[np.nan, 0.75], [0.25, np.nan]], ["strong", "weak"])
    (mesh,) = ax.collections
    shown = mesh.get_array().reshape(2, 2)
    assert shown[0, 1] == 0.75 and shown[1, 0] == 0.25 and shown.mask.diagonal().all()
    assert [label.get_text() for label in ax.get_yticklabels()] == ["strong", "weak"]
    assert mesh.get_clim() == (0, 1)
