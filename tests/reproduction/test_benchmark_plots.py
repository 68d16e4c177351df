"""Figures of rows that are made up: what they show, and that they can be drawn."""

import pytest
from matplotlib.figure import Figure

from reproduction import benchmark_plots, statistics
from reproduction.benchmark_answers import Cell

CELLS = [("mean-MLP", "Emb-Hyb"), ("GRU", "Emb-Hyb"), ("mean-MLP", "InfoNCE"), ("", "chance")]
CURVES = {"losses": [2.0, 1.0, 0.5], "by_labels": [0.1, 0.2], "by_steps": [0.1] * 5}


@pytest.fixture
def rows():
    return [
        {"world": world, "kind": "strong", "seed": seed, "encoder": encoder, "objective": objective}
        | {"linear": 0.1 * (number + 1), "nearest": 0.1}
        | (CURVES if encoder else {})
        for world in ("Kuhn", "RoShamBo")
        for seed in (0, 1)
        for number, (encoder, objective) in enumerate(CELLS)
    ]


def test_the_best_cell_and_the_published_numbers_stand_out(rows):
    (ax,) = benchmark_plots.overview(rows).axes
    assert [text.get_text() for text in ax.texts] == ["mean-MLP, InfoNCE"] * 2
    assert [label.get_text() for label in ax.get_yticklabels()] == [
        "RoShamBo, strong",
        "Kuhn, strong",
    ]
    shown = [x for line in ax.lines for x in line.get_xdata()]
    assert {47.9, 25.7} <= {*shown}


def test_ceilings_are_likelihoods():
    task = "Kuhn", "strong"
    found = {Cell(*task, "GRU", "supervised"): 70.0, Cell(*task, "GRU", "VAE"): 80.0}
    assert benchmark_plots.ceiling(found) == 80.0  # there is none
    found[Cell(*task, "", "pooled counts")] = 65.0
    assert benchmark_plots.ceiling(found) == 65.0
    assert benchmark_plots.ceiling({**found, Cell(*task, "", "true policies"): 90.0}) == 90.0


def test_every_cell_has_a_learning_curve(rows):
    figure = benchmark_plots.learning_curves(rows)
    drawn = [len(ax.lines) for ax in figure.axes]
    assert sorted(drawn) == [1, 1, 2, 2]
    assert figure.axes[0].lines[0].get_ydata().tolist() == [1.0, 0.5, 0.25]


def test_encoders_that_a_world_goes_without_have_no_panel_there(rows):
    kept = [row for row in rows if (row["world"], row["encoder"]) != ("Kuhn", "GRU")]
    axes = benchmark_plots.learning_curves(kept).axes
    assert [ax.axison for ax in axes] == [True, False, True, True]


def test_learning_curves_have_bands_over_seeds(rows):
    for row in rows:
        row["losses"] = [2.0, 1.0 + row["seed"]] if row["encoder"] else None
    ax = benchmark_plots.learning_curves(rows).axes[0]
    (low, high) = ax.collections[0].get_datalim(ax.transData).intervaly
    half = statistics.t_half_width([0.5, 1.0])
    assert (low, high) == pytest.approx((0.75 - half, 0.75 + half))


def test_curves_are_of_the_best_and_of_the_papers(rows):
    figure = benchmark_plots.curves(rows)
    assert isinstance(figure, Figure)
    drawn = [[line for line in ax.lines if len(line.get_xdata())] for ax in figure.axes]
    assert [*map(len, drawn)] == [4, 4]
