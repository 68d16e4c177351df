"""Figures of wrestlers, from values as a notebook saves them."""

import itertools

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
    assert titles == ["height (m)\nICC 0.90", "drawn (share of matches)\nICC –"]
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


KINDS = "weak", "strong"


@pytest.fixture
def table():
    """Values of table_1.py; every estimate is a mean with its interval and number of runs."""
    levels = {"weak": (0.4, 0.6), "strong": (0.5, 0.7)}  # majority class, strengths
    values = {"bars": {}, "curves": {}, "measured": {}}
    values["counts"] = {"steps": [10, 501], "episodes": [1, 8]}
    for number, kind in enumerate(KINDS):
        majority, strengths = levels[kind]
        values["measured"] |= {
            f"{kind} Emb-Im majority, 1 episodes": [majority - 0.1, majority + 0.1],
            f"{kind} strengths": [strengths],
            f"{kind} Emb-Im chance, 1 episodes": [0.1 + 0.1 * number],
        }
        for name, mean in (("ratio", 0.3), ("outcome", 0.5)):
            estimate = [mean + 0.1 * number, 0.2, 0.9, 10]
            values["bars"][f"{kind} {name}"] = {"Emb-Im": estimate, "untrained": estimate}
        for unit, name in itertools.product(values["counts"], ("ratio", "linear", "nearest")):
            means = np.array([0.8, 0.6]) + number
            curve = [[mean, mean - 0.1, mean + 0.1, 10] for mean in means]
            values["curves"][f"{kind} {name}, {unit}"] = {"Emb-Im": curve}
    return values


def test_table_1_shows_both_kinds_with_their_levels(table):
    paper = {"IICR": {kind: {"Emb-Im": 0.25} for kind in KINDS}}
    paper["Acc"] = {kind: {} for kind in KINDS}
    figure = wrestler_plots.table_1(table, paper)
    weak, _, weak_outcomes, strong_outcomes = figure.axes
    assert [bar.get_width() for bar in weak.patches] == pytest.approx([0.3, 0.3])
    assert [bar.get_width() for bar in strong_outcomes.patches] == pytest.approx([0.6, 0.6])
    for ax, levels in ((weak_outcomes, (0.4, 0.6)), (strong_outcomes, (0.5, 0.7))):
        drawn = {line.get_label(): line.get_xdata()[0] for line in ax.get_lines()}
        assert drawn["majority class"] == pytest.approx(levels[0])
        assert drawn["strengths"] == levels[1]
        assert drawn["chance"] == 1 / 3
    shown = [text.get_text() for text in figure.legends[0].get_texts()]
    assert shown == ["chance", "majority class", "strengths"]
    plt.close("all")


def test_few_observations_are_of_the_kind_that_is_asked(table):
    figure = wrestler_plots.how_few_observations(table, "strong")
    ratio, linear = figure.axes[0], figure.axes[2]
    assert ratio.get_lines()[0].get_ydata() == pytest.approx([1.8, 1.6])
    assert any(list(line.get_ydata()) == [0.2, 0.2] for line in linear.get_lines())
    assert [ax.get_xlabel() for ax in figure.axes[-2:]] == [
        "first steps of one episode",
        "episodes per embedding",
    ]
    plt.close("all")
