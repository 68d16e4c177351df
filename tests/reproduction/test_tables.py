"""Rows, verdicts and tables."""

import csv
import math

import pytest
from samples import squeezed

from reproduction import results, statistics, tables
from reproduction.statistics import Estimate
from reproduction.verdicts import Part


def estimate(mean, low, high, runs=5):
    return Estimate(mean, low, high, runs)


@pytest.mark.parametrize(
    ("paper", "verdict"), [(0.5, "agrees"), (0.304, "higher"), (0.71, "lower"), (None, "")]
)
def test_row_compares_with_the_paper(paper, verdict):
    assert tables.row("x", estimate(0.5, 0.4, 0.6), paper=paper)["verdict"] == verdict
    assert tables.row("x", estimate(0.5, math.nan, math.nan, 1), paper=paper)["verdict"] == ""


def test_parts_of_a_claim_are_judged_together():
    weak = [0.9, 1.1, 1.0, 0.8, 1.2, 1.0, 0.95, 1.05, 1.1, 0.9]
    weak = [10 * number - 9.1 for number in weak]  # p = 0.04 alone
    parts = [Part("weak: x", weak, 0.5), Part("strong: x", weak, 0.5, "less", [0, 1] * 5)]
    (alone,), (first, second) = tables.claim_rows("C9", parts[:1]), tables.claim_rows("C9", parts)
    assert (alone["verdict"], first["verdict"]) == ("reproduced", "undecided")
    assert first["item"] == "C9 weak: x" and first["differences"] == weak
    interval = statistics.t_interval(weak)
    assert [first[name] for name in ("ours", "low", "high")] == pytest.approx(interval[:3])
    assert (second["verdict"], second["num_runs"]) == ("too few runs", 2)
    data = ("claim", "clusters", "smallest_effect", "expected", "paper")
    assert [second[name] for name in data] == ["C9", [0, 1] * 5, 0.5, "less", None]
    assert tables.restored_part(second) == parts[1]


def test_runs_are_saved(tmp_path):
    runs = [{"seed": 0, "quantity": "λ", "value": 0.1 + 0.2}, {"seed": 1, "quantity": "x"}]
    tables.save_runs(tmp_path, "table_9", runs)
    text = (tmp_path / "table_9_runs.csv").read_text()
    assert text == "seed,quantity,value\n0,λ,0.30000000000000004\n1,x,nan\n"
    with pytest.raises(ValueError, match="runs: table_9 has none"):
        tables.save_runs(tmp_path, "table_9", [])


def test_saved_tables(results_dir):
    folder = results_dir / "table_9"
    with open(folder / "table_9.csv") as file:
        first, second = csv.DictReader(file)
    assert (first["ours"], first["paper"], first["verdict"]) == ("0.5", "0.45", "agrees")
    assert second["paper"] == "" and second["low"] == "nan"
    text = squeezed((folder / "table_9.md").read_text())
    assert text.startswith("| item | paper (unverified) | ours [95 %] | runs | verdict |\n|:---")
    assert "| return | – | -9.00 | 1 | – |\n" in text
    assert "| IICR, λ_1 | 0.45 | 0.50 [0.40, 0.60] | 5 | agrees |\n" in text
    assert r"IICR, $\lambda$\_1 & 0.45 & 0.50 [0.40, 0.60]" in (folder / "table_9.tex").read_text()


def test_a_table_is_shown_as_such_and_as_text(monkeypatch):
    shown = []
    monkeypatch.setattr(tables, "display", lambda data, raw: shown.append((data, raw)))
    tables.show("| a, b | -0.5 [-1.0, 0] |")
    text, rendered = "| a, b | -0.5 [-1.0, 0] |", "| a, b | -0.5\u00a0[-1.0,\u00a00] |"
    assert shown == [({"text/markdown": rendered, "text/plain": text}, True)]


def test_symbols_in_latex(tmp_path):
    tables.save_rows(tmp_path, "a", [tables.row("x < 0", estimate(-1.0, -2.0, -0.5))])
    assert "x $<$ 0 & -- & -1.00 " in (tmp_path / "a.tex").read_text()
    text = tables.latex_table(["share [%]"], [["λ ≥ 1 − a_b"]])
    assert r"share [\%] \\" in text and r"$\lambda$ $\geq$ 1 $-$ a\_b \\" in text


def test_notebooks_that_are_running_do_not_count(results_dir):
    results.Run("table_8", {}).save(results_dir / ".table_8", {}, seeds=[0])
    assert list(tables.load_all(results_dir)) == ["figure_9", "table_9"]


def test_terminal_table(results_dir):
    lines = tables.terminal_table(results_dir).splitlines()
    assert lines[0].split()[:2] == ["item", "paper"]
    assert any(line.startswith("figure_9") and "drawn" in line for line in lines)
    assert any("0.50 [0.40, 0.60]" in line and "agrees" in line for line in lines)
    assert any("results/laptop/table_9/result.json" in line for line in lines)


def test_terminal_table_of_one_notebook(results_dir):
    table = tables.terminal_table(results_dir, ["table_9"])
    assert "table_9" in table and "figure_9" not in table


def test_paper_numbers_are_marked_unverified():
    assert "unverified" in tables.paper_numbers()["status"]


def test_a_bound_shows_its_sign():
    def text(*numbers):
        return tables.interval(tables.row("x", Estimate(*numbers, 5)))

    assert text(0.5, 0.0, 1.0) == "0.50 [0.00, 1.00]"
    assert text(0.0123, 0.0021, 0.0225) == "0.012 [0.002, 0.022]"
    assert text(0.01, -0.00012, 0.02) == "0.0100 [-0.0001, 0.0200]"
    assert text(0.01, 1e-9, 0.02) == "0.0100 [0.0000, 0.0200]"


def test_no_results(tmp_path):
    with pytest.raises(ValueError, match="holds no results"):
        tables.terminal_table(tmp_path / "nothing")


def test_a_comparison_is_a_table_of_means_with_half_widths():
    found = [
        {"encoder": "", "objective": "chance", "linear": 0.1, "nearest": 0.1, "ratio": None},
        {"encoder": "mine", "objective": "Emb-Im", "linear": 0.5, "nearest": 0.4, "ratio": 0.8},
        {"encoder": "mine", "objective": "Emb-Im", "linear": 0.7, "nearest": 0.4, "ratio": 0.8},
    ]
    text = tables.comparison_table([row | {"num_weights": 9} for row in found])
    best, chance = ([cell.strip() for cell in line.split("|")] for line in text.splitlines()[2:])
    half = 12.706 * 0.1  # Student's t with one degree of freedom, times the standard error
    assert best[1:7] == ["mine", "Emb-Im", f"0.60 ± {half:.2f}", "0.40 ± 0.00", "0.80 ± 0.00", "9"]
    assert chance[2:6] == ["chance", "0.10", "0.10", "–"]
