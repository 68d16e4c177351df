"""Table 1 and its claims, from numbers whose verdict is known."""

import pytest
import torch

from reproduction import wrestler_tables
from reproduction.wrestler_measures import OTHER_WEIGHTS
from reproduction.wrestler_tables import claim_rows

KINDS = "weak", "strong"


def test_rows_stand_beside_the_papers_numbers():
    numbers = [0.5, 0.6]
    measured = {
        f"{kind} {method} {name}": numbers
        for kind in KINDS
        for method in ("Emb-Im", "Emb-Id", "Emb-Hyb")
        for name in (
            *("ratio, 1 episodes", "outcome, 1 episodes"),
            *("ratio within groups", "outcome, same match"),
        )
    }
    measured |= {f"egocentric {name}": value for name, value in measured.items()}
    measured |= {f"{kind} strengths": [0.7, 0.7] for kind in KINDS}
    ones = dict.fromkeys(("Emb-Im", "Emb-Id", "Emb-Hyb"), 0.55)
    paper = {title: dict.fromkeys(KINDS, ones) for title in ("IICR", "Acc")}
    rows = {row["item"]: row for row in wrestler_tables.table_rows(measured, KINDS, paper)}
    assert len(rows) == 2 * 2 * 3 + 2 * 3 * 3 + 2
    assert rows["IICR weak, Emb-Hyb"]["ours"] == pytest.approx(0.55)
    assert rows["IICR weak, Emb-Hyb"]["verdict"] == "agrees"
    assert rows["Acc strong, from strengths"]["ours"] == pytest.approx(0.7)


def test_estimates_for_figures():
    measured = {
        f"weak {m} {name}, 1 {unit}": [0.1, 0.3]
        for m in ("untrained", "Emb-Im")
        for name in ("ratio", "linear", "nearest", "outcome")
        for unit in ("steps", "episodes")
    }
    counts = {"steps": [1], "episodes": [1]}
    bars, curves = wrestler_tables.estimates(measured, ["weak"], ["untrained", "Emb-Im"], counts)
    assert list(bars["weak ratio"]) == ["untrained", "Emb-Im"]
    assert list(curves["weak linear, steps"]) == ["Emb-Im"]
    assert bars["weak outcome"]["Emb-Im"].mean == pytest.approx(0.2)


def test_claims_compare_methods_in_the_same_seed():
    """IICR of Emb-Hyb is 0.1 lower than Emb-Im's, all else is equal; accuracies are 0.1 higher than
    that of the majority class."""
    spread = torch.tensor([-0.01, 0.0, 0.01, -0.005, 0.005])
    numbers = {"ratio": 0.5 + 9 * spread, "outcome": 0.6 + spread, "majority": 0.5 - spread}
    measured = {
        f"{kind} {method} {name}, 1 episodes": values.tolist()
        for kind in KINDS
        for method in ("Emb-Im", "Emb-Id", "Emb-Hyb", "untrained", OTHER_WEIGHTS)
        for name, values in numbers.items()
    }
    measured["weak Emb-Im ratio, 1 episodes"] = (0.6 + 9 * spread).tolist()
    rows = claim_rows(measured, ["weak", "strong"])
    found = {row["item"]: (row["verdict"], pytest.approx(row["ours"], abs=1e-6)) for row in rows}
    assert len(found) == 14
    assert found["C1 weak: IICR of Emb-Hyb minus Emb-Im"] == ("reproduced", -0.1)
    assert found["C1 strong: IICR of Emb-Hyb minus Emb-Id"] == ("equivalent", 0)
    assert found["C4 strong: Acc of Emb-Id minus majority class"] == ("reproduced", 0.1)
    controls = [row for row in rows if row["claim"] == "control"]
    assert [(row["verdict"], row["expected"]) for row in controls] == [
        ("equivalent", "greater")
    ] * 4
    assert {row["smallest_effect"] for row in controls} == {0.02}
