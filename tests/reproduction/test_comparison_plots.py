"""Panels of Tables 1 and 2 from saved estimates."""

import numpy as np
from matplotlib.figure import Figure

from reproduction import comparison_plots


def test_curves_show_saved_means_and_chance():
    ax = Figure().add_subplot()
    curves = {"Emb-Im": [[0.5, 0.4, 0.6, 5], [0.7, 0.6, 0.8, 5]]}
    comparison_plots.draw_curves(ax, curves, [1, 4], ylabel="accuracy", chance=0.1)
    lines = [np.asarray(line.get_ydata(), dtype=float).tolist() for line in ax.lines]
    assert [0.5, 0.7] in lines and [0.1, 0.1] in lines
    assert ax.get_ylabel() == "accuracy"


def test_chance_is_drawn_where_it_is_given_only():
    drawn = []
    for chance in (None, 0.1):
        ax = Figure().add_subplot()
        curves = {"supervised": [[0.5, 0.4, 0.6, 5], [0.7, 0.6, 0.8, 5]]}
        comparison_plots.draw_curves(ax, curves, [1, 4], ylabel="", chance=chance)
        drawn.append(len(ax.lines))
    assert drawn[1] == drawn[0] + 1
