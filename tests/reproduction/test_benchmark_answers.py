"""Tables and answers from rows that are made up."""

import math

import numpy as np
import pytest

from reproduction import benchmark_answers
from reproduction.benchmark_answers import (
    Cell,
    answers,
    answers_table,
    best_cell,
    estimates,
    result_rows,
    table,
    ties,
)

MEANS = {  # of a linear layer
    ("mean-MLP", "Emb-Hyb"): 0.5,
    ("GRU", "Emb-Hyb"): 0.5,
    ("mean-MLP", "InfoNCE"): 0.6,
    ("GRU", "InfoNCE"): 0.7,
    ("mean-MLP", "VAE"): 0.3,
    ("mean-MLP", "supervised"): 0.95,
    ("", "chance"): 0.01,
}
LISTS = {
    "encoders": ["mean-MLP", "GRU"],
    "objectives": ["Emb-Hyb", "InfoNCE", "VAE"],
    "measures": ["linear"],
}


def make_rows(*, num_seeds=5, world="Kuhn", noise=0.003):
    rng = np.random.default_rng(0)
    rows = []
    for seed in range(num_seeds):
        for (encoder, objective), mean in MEANS.items():
            row = {"world": world, "kind": "strong", "seed": seed, "encoder": encoder}
            linear = mean + noise * rng.standard_normal()
            numbers = {"linear": linear, "nearest": linear / 2}
            if encoder:
                numbers |= {"ratio": 0.5, "correlation": None, "seconds": 7.0, "num_weights": 9}
            rows.append({**row, "objective": objective, **numbers})
    return rows


def test_means_over_seeds():
    found = estimates(make_rows(noise=0), "linear")
    assert found[Cell("Kuhn", "strong", "GRU", "InfoNCE")].mean == pytest.approx(0.7)
    assert estimates(make_rows(), "correlation") == {}
    assert Cell("Kuhn", "strong", "", "chance") not in estimates(make_rows(), "ratio")


def test_the_best_cell_has_no_labels():
    assert best_cell(make_rows(), ("Kuhn", "strong")).name == "GRU, InfoNCE"


def test_ties_are_cells_that_are_not_shown_to_be_worse():
    task, rows = ("Kuhn", "strong"), make_rows()
    assert ties(rows, task) == []  # the next one is worse by 0.1
    near = {"encoder": "", "objective": "summary statistics", "world": "Kuhn", "kind": "strong"}
    best = [
        row["linear"] for row in rows if (row["encoder"], row["objective"]) == ("GRU", "InfoNCE")
    ]
    rows += [{**near, "seed": k, "linear": x - 0.001 * k} for k, x in enumerate(best)]
    labelled = [{**row, "encoder": "GRU", "objective": "supervised"} for row in rows[-5:]]
    assert ties(rows + labelled, task) == ["summary statistics"]
    better = [{**row, "linear": row["linear"] + 0.1} for row in rows[-5:]]
    assert ties(rows[:-5] + better, task) == ["summary statistics"]
    assert ties(make_rows(num_seeds=2, noise=0.5), task) == []


def test_one_thing_is_changed_at_a_time():
    (found,) = answers(make_rows(), **LISTS)
    assert found["encoders"] == {"GRU": "equivalent"}
    assert found["objectives"] == {"InfoNCE": "better", "VAE": "worse"}
    assert found["enough"] == "no" and found["best"] == "GRU, InfoNCE"
    without = [row for row in make_rows() if row["encoder"] != "GRU"]
    assert answers(without, **LISTS)[0]["encoders"] == {}
    (few,) = answers(make_rows(num_seeds=2), **LISTS)
    assert {*few["objectives"].values()} == {"too few runs"} and few["enough"] == "open"
    only = {**LISTS, "objectives": ["Emb-Hyb", "VAE"]}
    (found,) = answers(make_rows(), **only)
    assert found["enough"] == "yes"


def test_each_measure_has_its_own_answers():
    rows = make_rows()
    for row in rows:  # by neighbours, the paper's pair is the best one
        if (row["encoder"], row["objective"]) == ("mean-MLP", "Emb-Hyb"):
            row["nearest"] += 0.5
    linear, nearest = answers(rows, **LISTS | {"measures": ["linear", "nearest"]})
    assert (linear["measure"], linear["enough"]) == ("linear", "no")
    assert (nearest["measure"], nearest["enough"]) == ("nearest", "yes")
    assert nearest["best"] == "mean-MLP, Emb-Hyb"
    text = answers_table([linear, nearest])
    assert "| linear layer " in text and "| nearest neighbour " in text


def test_a_cell_is_not_both_worse_and_tied(monkeypatch):
    rows = make_rows()
    everyone = [f"{encoder}, {objective}" for encoder, objective in MEANS]
    monkeypatch.setattr(benchmark_answers, "ties", lambda rows, task, **options: everyone)
    for row in rows:
        if (row["encoder"], row["objective"]) == ("mean-MLP", "Emb-Hyb"):
            row["linear"] += 0.3
    (found,) = answers(rows, **LISTS)  # the paper's pair is the best one
    assert {*everyone} - {*found["ties"]} == {"GRU, Emb-Hyb", "mean-MLP, InfoNCE", "mean-MLP, VAE"}
    for row in rows:
        if (row["encoder"], row["objective"]) == ("mean-MLP", "InfoNCE"):
            row["linear"] += 0.3
    (found,) = answers(rows, **LISTS)  # mean-MLP with InfoNCE is
    assert {*everyone} - {*found["ties"]} == {"mean-MLP, Emb-Hyb"}


def test_answers_are_grouped_in_the_table():
    text = answers_table(answers(make_rows(), **LISTS))
    assert "| GRU, InfoNCE | – " in " ".join(text.split())
    assert "| equivalent: GRU" in text and "| better: InfoNCE; worse: VAE" in text


def test_many_ties_are_counted():
    (found,) = answers(make_rows(), **LISTS)
    names = [f"GRU, {number}" for number in range(10)]
    assert "GRU, 9" in answers_table([{**found, "ties": names}])
    text = answers_table([{**found, "ties": ["summary statistics", *names]}])
    assert "| 11 others, summary statistics among them" in text and "GRU, 9" not in text


def test_seconds_on_a_gpu_are_marked_and_not_added():
    rows = [row | {"seconds": 3600.0, "device": "cpu"} for row in make_rows()]
    on_gpu = [row | {"device": "NVIDIA"} if row["objective"] == "InfoNCE" else row for row in rows]
    hours = [table(part).split("All trainings: ")[1].split()[0] for part in (rows, on_gpu)]
    num_gpu = sum(row["device"] == "NVIDIA" for row in on_gpu)
    assert num_gpu > 0 and float(hours[0]) - float(hours[1]) == num_gpu
    lines = [line for line in table(on_gpu).splitlines() if "3600" in line]
    assert all(("3600 (GPU)" in line) == ("InfoNCE" in line) for line in lines)


def test_every_cell_and_the_published_numbers_are_in_the_table():
    text = table(make_rows() + make_rows(world="RoShamBo"))
    lines = text.splitlines()
    assert len(lines) == 2 + 2 * len(MEANS) + 2 + 2
    assert sum("published" in line for line in lines) == 2
    (published,) = (line for line in lines if "contrastive Transformer" in line)
    assert "47.9 ± 0.6" in published and "39.9 ± 1.3" in published
    (chance,) = (line for line in lines if "chance" in line and "Kuhn" in line)
    assert chance.count("–") == 4
    (gru,) = (line for line in lines if "GRU" in line and "InfoNCE" in line and "Kuhn" in line)
    assert "| 7 " in gru and "| 9 " in gru


def test_points_of_curves_are_means_over_seeds():
    rows = [row for row in make_rows() if row["encoder"] == "GRU"]
    for row in rows:
        row["by_labels"] = [row["seed"] / 10, 0.5]
        row["by_steps"] = [0.1, 0.2, 0.3, 0.4, 0.5]
    points = benchmark_answers.curve_points(rows)
    assert len(points) == 2 * (2 + 5)
    first = points.iloc[0]
    assert (first["encoder"], first["curve"], first["at"]) == ("GRU", "by_labels", 1)
    assert first["nearest"] == pytest.approx(0.2) and first["low"] < 0.2 < first["high"]
    shares = points[points["curve"] == "by_steps"]["at"].unique()
    assert shares.tolist() == [0.05, 0.1, 0.25, 0.5, 1.0]
    assert benchmark_answers.curve_points(make_rows()).empty


def test_an_interrupted_training_does_not_count_as_its_cost():
    rows = make_rows()
    slow = next(row for row in rows if row["encoder"] == "GRU")
    slow["seconds"] = 5000.0
    assert "5000" not in table(rows) and "1006" not in table(rows)
    assert "All trainings: 0.1 core hours." in table(rows)
    assert "All trainings: 7.0 core hours." in table([{**row, "seconds": 720.0} for row in rows])


def test_results_stand_beside_what_was_published():
    rows = {row["item"]: row for row in result_rows(make_rows())}
    assert rows["Kuhn, strong: mean-MLP, Emb-Hyb, linear"]["paper"] == pytest.approx(0.257)
    assert rows["Kuhn, strong: GRU, InfoNCE, nearest"]["paper"] == pytest.approx(0.399)
    assert rows["Kuhn, strong: GRU, InfoNCE, linear"]["verdict"] == "higher"
    others = result_rows(make_rows(world="RoboSumo"))
    assert len(others) == 4 and all(row["paper"] is None for row in others)


def test_numbers_that_are_not_there():
    assert benchmark_answers._text(None, 100.0) == "–"
    single = estimates(make_rows(num_seeds=1), "linear")
    assert math.isnan(next(iter(single.values())).low)
    assert "[" not in table(make_rows(num_seeds=1))
