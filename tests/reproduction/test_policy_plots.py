"""Figures of policies that meet opponents, from values as a notebook saves them."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from reproduction import policy_plots

CURVE = [[1000 * k, 0.5 + 0.05 * k] for k in range(8)]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_scores_in_training_without_the_oracle_where_it_knows_nobody():
    curves = [[0.5, 0.6], [0.7, 0.8]]
    names = [f"{v} {part}" for v in ("Emb-Hyb", "oracle") for part in ("train", "test")]
    values = {"samples": [0, 2_000_000], "curves": dict.fromkeys(names, curves)}
    axes = policy_plots.learning_curves(values).axes
    assert [[line.get_label() for line in ax.lines] for ax in axes] == [
        ["Emb-Hyb", "oracle"],
        ["Emb-Hyb"],
        ["Emb-Hyb"],
        ["Emb-Hyb"],
    ]
    assert axes[0].lines[0].get_xdata().tolist() == [0, 2]
    assert axes[0].lines[0].get_ydata() == pytest.approx([0.6, 0.7])


def test_gains_stand_beside_the_best_responses():
    found = {"Emb-Hyb": [0.02, 0.01, 0.03, 8], "best responses": [0.1, 0.05, 0.15, 8]}
    values = {"gains": {"train": found, "test": found}}
    left, _ = policy_plots.gains(values, ["Emb-Hyb", "oracle"]).axes
    assert [text.get_text() for text in left.get_yticklabels()] == ["Emb-Hyb", "oracle"]
    assert any(list(line.get_xdata()) == [0.1, 0.1] for line in left.lines)


def test_best_responses_frame_their_own_opponents():
    names = ["a", "b", "c", "d"]
    shown = [*names, "all", "start"]
    values = {
        "opponents": names,
        "groups": {"train": names[:2], "test": names[2:]},
        "scores": {name: [0.5, 0.6, 0.9, 0.1] for name in shown},
        "curves": dict.fromkeys(shown[:-1], CURVE),
    }
    left, right = policy_plots.best_responses(values, {"all": "black"}, "start").axes
    assert [text.get_text() for text in left.get_yticklabels()] == shown
    assert [box.get_xy() for box in left.patches] == [(k - 0.5, k - 0.5) for k in range(4)]
    assert [text.get_text() for text in left.texts[:4]] == [".50", ".60", ".90", ".10"]
    line = next(line for line in right.lines if line.get_label() == "best responses")
    assert line.get_ydata() == pytest.approx([0.6, 0.65, 0.7, 0.75])
    assert line.get_xdata() == pytest.approx(np.linspace(4 / 7, 1, 4))


def test_short_curves_are_not_smoothed():
    values = {
        "opponents": ["a"],
        "groups": {"train": ["a"], "test": []},
        "scores": {name: [0.5] for name in ("a", "start")},
        "curves": {"a": CURVE[:2]},
    }
    _, right = policy_plots.best_responses(values, {}, "start", label="specialists").axes
    assert right.lines[0].get_label() == "specialists"
    assert right.lines[0].get_ydata() == pytest.approx([0.5, 0.55])
