"""Figures of the generalisation study, from saved estimates."""

import numpy as np
import pytest

from reproduction import generalisation, generalisation_plots

SAVED = [[-9.0, -9.5, -8.5, 5], [-8.0, -8.5, -7.5, 5]]
CELLS = [
    generalisation.title(encoder, symmetric, method)
    for encoder in ("mean-MLP", "gated pooling")
    for symmetric in (False, True)
    for method in ("Emb-Im", "Emb-Id")
]
STATISTICS = [generalisation.title("word statistic", symmetric) for symmetric in (False, True)]


def test_a_panel_for_each_encoder_and_channel():
    found = generalisation_plots.panels([*CELLS, *STATISTICS, "oracle"])
    assert list(found) == [
        "mean-MLP, no symmetries",
        "mean-MLP, symmetries",
        "gated pooling, no symmetries",
        "gated pooling, symmetries",
    ]
    assert found["gated pooling, symmetries"] == {
        "Emb-Im": "gated pooling, symmetries, Emb-Im",
        "Emb-Id": "gated pooling, symmetries, Emb-Id",
        "word statistic": "word statistic, symmetries",
    }


@pytest.mark.parametrize("names", [[*CELLS, *STATISTICS], [CELLS[-1]]])
def test_every_cell_and_the_oracle_are_drawn(names):
    drawn = {name: SAVED for name in names} | {"oracle": SAVED[:1]}
    axes = generalisation_plots.unseen_returns(drawn, [1, 16]).axes
    assert len(axes) == (4 if len(names) > 1 else 1)
    for ax in axes:
        lines = [np.asarray(line.get_ydata(), dtype=float).tolist() for line in ax.lines]
        assert lines.count([-9.0, -8.0]) == (3 if len(names) > 1 else 1)
        assert [-9.0, -9.0] in lines
        assert ax.get_ylim()[0] < -9.5 and ax.get_ylim()[1] > -7.5


def test_a_single_run_is_drawn_without_intervals():
    single = [[-9.0, None, None, 1], [-8.0, None, None, 1]]
    (ax,) = generalisation_plots.unseen_returns({CELLS[-1]: single}, [1, 16]).axes
    assert ax.get_ylim() == (-9.5, -7.5)


def test_languages_show_means_and_every_population():
    counts = {
        "True 1": {"3": [-16.0, -15.0], "14": [-12.0, -13.0]},
        "True 16": {"3": [-10.0, -11.0], "14": [-9.0, -9.5]},
        "False 16": {"14": [-14.0, -13.0]},
    }
    first, second = generalisation_plots.returns_by_languages(counts).axes
    assert [ax.get_title() for ax in (first, second)] == ["k = 1", "k = 16"]
    lines = [np.asarray(line.get_ydata(), dtype=float).tolist() for line in second.lines]
    assert [-10.5, -9.25] in lines and [-10.0, -11.0] in lines and [-14.0, -13.0] in lines
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["3", "14"]


def test_losses_start_at_one_and_what_learns_nothing_is_left_out():
    curves = {CELLS[0]: [[4.0, 2.0], [2.0, 1.0]], STATISTICS[0]: [[], []]}
    (ax,) = generalisation_plots.learning_curves(curves).axes
    (line,) = ax.lines
    assert line.get_ydata().tolist() == [1.0, 0.5]
