"""Plots: what they show, and that files are the same every time."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.container import ErrorbarContainer

from reproduction import plots, verdicts
from reproduction.statistics import Estimate


def test_figures_are_the_same_bytes_each_time(tmp_path):
    for folder in ("one", "other"):
        figure, ax = plt.subplots()
        ax.plot([0, 1])
        plots.save_figure(figure, tmp_path / folder, "line")
        plt.close(figure)
    for suffix in ("pdf", "png"):
        one, other = ((tmp_path / f / f"line.{suffix}").read_bytes() for f in ("one", "other"))
        assert one == other


def test_estimates_show_means_and_intervals(ax):
    estimates = [Estimate(0.5, 0.4, 0.7, 5), Estimate(0.3, 0.2, 0.35, 5)]
    plots.draw_estimates(ax, {"Emb-Im": estimates}, [1, 8], xlabel="x", ylabel="y")
    (container,) = ax.containers
    assert container.lines[0].get_ydata() == pytest.approx([0.5, 0.3])
    segments = np.array(container.lines[2][0].get_segments())[:, :, 1]
    assert segments == pytest.approx(np.array([[0.4, 0.7], [0.2, 0.35]]))


def test_bars_show_the_numbers_that_the_paper_reports(ax):
    estimates = {"Emb-Im": Estimate(0.5, 0.4, 0.6, 5), "other": Estimate(0.9, np.nan, np.nan, 1)}
    plots.draw_bars(ax, estimates, reference={"Emb-Im": 0.55}, xlabel="x")
    assert ax.collections[-1].get_offsets().tolist() == [[0.55, 1.0]]
    plots.draw_bars(ax, estimates, reference={"other": 0.8, "third": 0.1}, xlabel="x")
    assert ax.collections[-1].get_offsets().tolist() == [[0.8, 0.0]]


def test_win_rates_are_bars_with_their_intervals():
    ax = plt.figure().subplots()
    shares = {"one": {"won": [0.6, 0.5, 0.7, 40], "lost": [0.1, 0.0, 0.2, 40]}}
    plots.draw_win_rates(ax, shares)
    won, lost = ax.patches
    assert (won.get_x(), won.get_width()) == (0, 0.6)
    assert (lost.get_x(), lost.get_width()) == pytest.approx((0.9, 0.1))
    assert [text.get_text() for text in ax.get_yticklabels()] == ["one"]


def test_no_win_rates_are_an_empty_plot():
    ax = plt.figure().subplots()
    plots.draw_win_rates(ax, {})
    assert not ax.patches


def test_embeddings_have_a_colour_for_each_agent(ax):
    points = np.arange(10.0).reshape(5, 2)
    plots.draw_embeddings(ax, points, ["a", "b", "a", "c", "b"])
    offsets = [part.get_offsets().tolist() for part in ax.collections]
    assert offsets == [[[0, 1], [4, 5]], [[2, 3], [8, 9]], [[6, 7]]]
    assert [part.get_label() for part in ax.collections] == ["a", "b", "c"]
    assert len({tuple(part.get_facecolor()[0]) for part in ax.collections}) == 3


def test_band_is_of_students_t(ax):
    plots.draw_band(ax, [0, 1], [[0.0, 1.0], [1.0, 1.0], [2.0, 1.0]], label="Emb-Hyb")
    (line,), (band,) = ax.lines, ax.collections
    assert line.get_ydata().tolist() == [1.0, 1.0]
    low, high = band.get_paths()[0].vertices[:, 1].min(), band.get_paths()[0].vertices[:, 1].max()
    # t(0.975, 2) = 4.3027, standard error 1 / √3
    assert [low, high] == pytest.approx([1 - 4.3027 / 3**0.5, 1 + 4.3027 / 3**0.5], abs=1e-3)


def test_band_of_a_single_run_is_a_line(ax):
    plots.draw_band(ax, [0, 1], [[0.0, 1.0]], label="x")
    assert len(ax.lines) == 1 and len(ax.collections) == 0


def test_a_line_may_do_without_its_band(ax):
    plots.draw_band(ax, [0, 1], [[0.0, 1.0], [1.0, 1.0]], label="x", has_band=False)
    assert len(ax.lines) == 1 and len(ax.collections) == 0


def test_outcomes_fill_the_bar(ax):
    plots.draw_outcomes(ax, {"a": [[0.5, 0.2, 0.3], [0.7, 0.2, 0.1]], "b": [[1, 0, 0], [1, 0, 0]]})
    widths = [patch.get_width() for patch in ax.patches]
    assert widths == pytest.approx([0.6, 1.0, 0.2, 0.0, 0.2, 0.0])
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["won", "drawn", "lost"]


def test_the_score_stands_at_wins_and_half_the_draws_with_its_interval(ax):
    plots.draw_outcomes(ax, {"a": [[0.5, 0.2, 0.3], [0.7, 0.2, 0.1]]})
    (bar,) = (c for c in ax.containers if isinstance(c, ErrorbarContainer))
    assert bar.lines[0].get_xdata() == pytest.approx([0.7])
    ((low, high),) = (s[:, 0] for s in bar.lines[2][0].get_segments())
    # t(0.975, 1) = 12.706, standard error 0.1
    assert [low, high] == pytest.approx([0.7 - 1.2706, 0.7 + 1.2706], abs=1e-3)


def test_outcomes_of_a_single_run_have_no_intervals(ax):
    plots.draw_outcomes(ax, {"a": [[0.5, 0.2, 0.3]], "b": [[0.4, 0.2, 0.4]]})
    bars = [container for container in ax.containers if isinstance(container, ErrorbarContainer)]
    shown = [segment for bar in bars for segment in bar.lines[2][0].get_segments()]
    assert len(bars) == 1 and [segment for segment in shown if len(segment)] == []


def test_claims_point_to_the_right_where_they_hold(ax):
    data = {"smallest_effect": 0.05, "low": -0.3, "high": -0.1, "ours": -0.2}
    alone = {**data, "low": None, "high": None, "verdict": "too few runs"}
    parts = [
        {"item": "C1 a", "expected": "less", "verdict": "reproduced", **data},
        {"item": "C1 b", "expected": "greater", "verdict": "contradicted", **data},
        {"item": "C1 c", "expected": "less", **alone},
    ]
    plots.draw_claims(ax, parts)
    spans = [line.get_xdata() for line in ax.lines if line.get_marker() == "None"][:3]
    assert spans[0] == pytest.approx([2, 6]) and spans[1] == pytest.approx([-6, -2])
    assert np.isnan(spans[2]).all()
    drawn = [line for line in ax.lines if len(line.get_xdata()) == 1]
    means = [line.get_xdata()[0] for line in drawn if line.get_marker() != "None"]
    assert means == pytest.approx([4, -4, 4])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["reproduced", "contradicted", "too few runs"]
    assert len({line.get_color() for line in ax.lines[:6]}) == 3
    (shaded,) = ax.patches
    assert (shaded.get_x(), shaded.get_width()) == (-1, 2)


def test_every_verdict_has_a_look_of_its_own():
    assert set(plots.VERDICT_LOOKS) == set(verdicts.VERDICTS)
    assert all(
        len({*kind}) == len(kind) for kind in zip(*plots.VERDICT_LOOKS.values(), strict=True)
    )


def test_means_of_successive_points():
    assert plots.moving_means([0.0, 1, 2, 3, 4, 10]).tolist() == [2, 4]
    assert plots.moving_means([3.0, 1, 2]).tolist() == [3, 1, 2]
