"""Cells: kept in files, chosen on validation episodes; and errors before any training."""

import dataclasses
import math
import sys

import jupytext
import pytest
import torch
from sources import ROOT

from paperlib import comparison
from paperlib.alternatives.merging import OnDistinctRows
from paperlib.alternatives.scaling import ScaledEncoder
from paperlib.encoders import EpisodeEncoder
from reproduction import benchmark, benchmark_worlds
from reproduction.benchmark import Benchmark, Case, Choice
from reproduction.benchmark_measures import learning_data, without_partners
from reproduction.benchmark_tasks import Sizes
from reproduction.benchmark_worlds import WORLDS

SIZES = Sizes(num_agents=10, num_episodes={"Kuhn": 4}, num_steps=12, num_labelled=2)
REFERENCES = 6  # in poker


def make(tmp_path, **changes):
    arguments = {"worlds": ["Kuhn"], "encoders": ["mean-MLP"], "objectives": ["Emb-Hyb"]}
    arguments |= {
        "sizes": SIZES,
        "folders": {},
        "num_updates": dict.fromkeys(WORLDS, 1) | {"Kuhn": 3},
        "anchors_per_update": 4,
    }
    return Benchmark(tmp_path / "cells", **(arguments | changes))


def choose(made, *, rates=(0.003,), weights=(1.0,)):
    return made.choose(learning_rates=rates, identification_weights=weights, seed=0)


def test_a_row_for_every_cell_and_reference(tmp_path):
    made = make(tmp_path, encoders=["mean-MLP", "GRU"], objectives=["Emb-Hyb", "LIAM"])
    choices, candidates = choose(made)
    assert candidates == []
    rows = made.measure(choices, [0, 1])
    assert len(rows) == 2 * (REFERENCES + 2 * 4)
    trained = [row for row in rows if row["encoder"]]
    assert {row["objective"] for row in trained} == {"Emb-Hyb", "LIAM", "supervised", "untrained"}
    for row in trained:
        assert 0 <= row["linear"] <= 1 and row["num_weights"] > 0
        assert all(map(math.isfinite, row["losses"]))
        assert bool(row["losses"]) == (row["objective"] != "untrained")


def test_finished_cells_are_kept(tmp_path, monkeypatch):
    made = make(tmp_path)
    choices, _ = choose(made)
    first = made.measure(choices, [0])
    files = sorted(made.folder.iterdir())
    times = [path.stat().st_mtime_ns for path in files]
    assert made.measure(choices, [0]) == first
    assert [path.stat().st_mtime_ns for path in files] == times
    (one,) = made.folder.glob("*supervised*")
    one.unlink()
    calls = []
    train = Benchmark.train

    def counted(*arguments, **options):
        calls.append(arguments)
        return train(*arguments, **options)

    monkeypatch.setattr(Benchmark, "train", counted)
    again = made.measure(choices, [0])
    without = [[{**r, "seconds": 0} for r in rows] for rows in (first, again)]
    assert len(calls) == 1 and without[0] == without[1]
    more = dataclasses.replace(made, num_updates={"Kuhn": 4})
    more.measure(choices, [0])
    assert len(calls) == 1 + 3  # other settings are other cells


def test_other_data_are_other_cells(tmp_path, monkeypatch):
    data, made = tmp_path / "data", make(tmp_path)
    monkeypatch.setattr(benchmark_worlds, "input_file", lambda *arguments: data)
    times = []
    for content in ("one", "one", "other"):
        data.write_text(content)
        made.measure(choose(made)[0], [0])
        (cell,) = made.folder.glob("*Emb-Hyb*")
        times.append(cell.stat().st_mtime_ns)
    assert times[0] == times[1] < times[2]


def test_what_names_most_is_chosen(tmp_path):
    made = make(tmp_path, objectives=["Emb-Hyb", "VAE"])
    choices, candidates = choose(made, rates=(0.001, 0.01), weights=(0.1, 1.0))
    assert len(candidates) == 4 + 2  # λ is of Emb-Hyb alone
    assert {row["part"] for row in candidates} == {"validation"}
    for objective in made.objectives:
        own = [row for row in candidates if row["objective"] == objective]
        best = max(own, key=lambda row: row["linear"])
        expected = Choice(best["learning_rate"], best["identification_weight"])
        assert choices["Kuhn", "strong", "mean-MLP", objective] == expected
    supervised = choices["Kuhn", "strong", "mean-MLP", "supervised"]
    assert supervised == choices["Kuhn", "strong", "mean-MLP", "Emb-Hyb"]


def test_embeddings_begin_with_unit_variance_and_equal_steps_are_computed_once(tmp_path):
    made = make(tmp_path)
    task = made.task(Case("Kuhn", "strong", 0))
    data = learning_data(task, "mean-MLP", "Emb-Hyb", {})
    options = {"few_steps": True, "num_updates": 1, "key": (0,)}
    model = made.train(data, "mean-MLP", "untrained", Choice(0.1, 1.0), **options)
    assert isinstance(model.encoder, ScaledEncoder)
    assert isinstance(model.encoder.encoder, EpisodeEncoder)
    assert isinstance(model.encoder.encoder.pairs, OnDistinctRows)
    torch.testing.assert_close(model.embed(data).var(0, correction=0).mean(), torch.tensor(1.0))


def test_labels_of_many_agents_take_half_the_updates(tmp_path):
    made = make(tmp_path)
    data = learning_data(made.task(Case("Kuhn", "strong", 0)), "mean-MLP", "VAE", {})
    options = {"few_steps": True, "num_updates": 8, "key": (0,)}
    for anchors, num_updates in ((4, 4), (10, 8)):
        other = dataclasses.replace(made, anchors_per_update=anchors)
        model = other.train(data, "mean-MLP", "supervised", Choice(0.1, 1.0), **options)
        assert len(model.losses) == num_updates


class NoVector(torch.nn.Module):
    def __init__(self, observation_size, action_size, *, hidden_size=1, generator):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(30_000))

    def forward(self, observations, actions, step_weights):
        return observations


def no_scalar(networks, triplets):
    return networks.encoder(*triplets.reference)


def not_a_number(networks, triplets):
    return networks.encoder(*triplets.reference).sum() * torch.nan


def test_errors_of_encoders_and_objectives_come_before_any_training(tmp_path, monkeypatch):
    monkeypatch.setitem(comparison.ENCODERS, "mine", (NoVector, 1))
    with pytest.raises(ValueError, match=r"^Kuhn, mine, Emb-Hyb: encoder must return"):
        make(tmp_path, encoders=["mean-MLP", "mine"]).check()
    for mine, message in ((no_scalar, "a scalar tensor"), (not_a_number, "a finite loss, got nan")):
        monkeypatch.setitem(benchmark.OBJECTIVES, "mine", mine)
        with pytest.raises(ValueError, match=rf"^Kuhn, mean-MLP, mine: objective must.*{message}"):
            make(tmp_path, objectives=["Emb-Hyb", "mine"]).check()
    assert not (tmp_path / "cells").exists()


def test_a_world_without_partners_is_named(tmp_path, monkeypatch):
    whole = benchmark_worlds.make_task

    def alone(*arguments, **options):
        task = whole(*arguments, **options)
        return task._replace(learning=without_partners(task.learning))

    monkeypatch.setattr(benchmark_worlds, "make_task", alone)
    with pytest.raises(ValueError, match=r"^Kuhn, mean-MLP, LIAM: dataset: LIAM reconstructs"):
        make(tmp_path, objectives=["Emb-Hyb", "LIAM"]).check()


def test_unknown_names_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"worlds must be one of .*; got 'Texas'"):
        make(tmp_path, worlds=["Texas"])
    with pytest.raises(ValueError, match=r"encoders must be one of .*; got 'MLP'"):
        make(tmp_path, encoders=["MLP"])
    with pytest.raises(ValueError, match=r"objectives must be one of .*; got 'Emb'"):
        make(tmp_path, objectives=["Emb"])
    with pytest.raises(ValueError, match=r"objectives must be one of .*; got 'supervised'"):
        make(tmp_path, objectives=["Emb-Hyb", "supervised"])
    with pytest.raises(ValueError, match="objectives must differ from each other"):
        make(tmp_path, objectives=["Emb-Hyb", "Emb-Hyb"])
    with pytest.raises(ValueError, match="num_updates: there is no number for Kuhn"):
        make(tmp_path, num_updates={"Leduc": 3})
    with pytest.raises(ValueError, match="encoders must hold 'mean-MLP'"):
        make(tmp_path, encoders=["GRU"])
    with pytest.raises(ValueError, match="device: PyTorch cannot use 'abacus' here"):
        make(tmp_path, device="abacus")


def run_until_check(**parameters):
    """The notebook's code, with these parameters, as far as the check of all cells."""
    names = {}
    for cell in jupytext.read(ROOT / "notebooks/benchmark.py").cells:
        if cell.cell_type == "code":
            exec(cell.source, names)
            if "parameters" in cell.metadata.get("tags", []):
                names.update(parameters)
            if "benchmark.check()" in cell.source:
                return names["benchmark"]
    raise AssertionError("the notebook checks nothing")


def test_the_notebook_says_that_openspiel_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspiel", None)
    folders = {"benchmark_cells_folder": str(tmp_path / "cells"), "output_folder": str(tmp_path)}
    with pytest.raises(ValueError, match=r"^RoShamBo: OpenSpiel is not installed; pip install"):
        run_until_check(worlds=["Kuhn", "RoShamBo"], **folders)
    made = run_until_check(worlds=["Kuhn"], **folders)
    assert made.tasks == [("Kuhn", "strong")]
    with pytest.raises(ValueError, match=r"^RoboSumo: .*run the notebook table_1 first"):
        run_until_check(worlds=["RoboSumo"], sumo_encoders_folder=str(tmp_path), **folders)
