"""Claims and negative controls, judged by their parts."""

import numpy as np
import pytest
from samples import squeezed

from paperlib import files
from reproduction import claims, tables, verdicts
from reproduction.statistics import Estimate
from reproduction.verdicts import Part

SPREAD = np.array([-0.1, 0.1, 0.0, 0.05, -0.05])
HOLDS, FAILS, EQUAL, OPEN, FEW = 1 + SPREAD, -1 + SPREAD, SPREAD, 5 * SPREAD, 1 + SPREAD[:3]


def rows(claim, *parts, expected="greater"):
    return tables.claim_rows(
        claim, [Part(f"part {k}", part, 0.2, expected) for k, part in enumerate(parts)]
    )


def results(*rows, **others):
    by_notebook = {"table_9": list(rows), **others}
    return {name: {"values": {"rows": found}} for name, found in by_notebook.items()}


def judged(*rows, **others):
    return {claim["claim"]: claim for claim in claims.judge(results(*rows, **others))}


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([HOLDS, HOLDS], "reproduced"),
        ([HOLDS, OPEN], "undecided"),
        ([HOLDS, EQUAL], "equivalent"),
        ([OPEN, FAILS, FEW], "contradicted"),
        ([HOLDS, OPEN, FEW], "too few runs"),
        ([], "not tested"),
    ],
)
def test_a_claim_is_as_good_as_its_parts(parts, verdict):
    found = judged(*rows("C4", *parts)) if parts else judged()
    assert found["C4"]["verdict"] == verdict and len(found["C4"]["parts"]) == len(parts)
    assert found["C1"]["verdict"] == "not tested" and list(found) == list(claims.CLAIMS)


def test_claims_are_judged_from_a_results_file_as_from_memory(tmp_path):
    part = Part("weak", np.repeat(OPEN, 2), 0.2, "less", clusters=np.arange(5).repeat(2))
    made = tables.claim_rows("C4", [part])
    files.save_json(tmp_path / "a.json", files.plain(results(*made)))
    assert claims.judge(files.load_json(tmp_path / "a.json")) == claims.judge(results(*made))
    (found,) = judged(*made)["C4"]["parts"]
    assert found["num_runs"] == 5 and found["notebook"] == "table_9"


def test_rows_that_are_on_no_claim_are_no_parts():
    compared = tables.row("C4 level", Estimate(0.5, 0.4, 0.6, 5), paper=0.5)
    assert judged(compared)["C4"]["verdict"] == "not tested"


def test_every_part_needs_a_smallest_effect():
    old = tables.row("C4 weak: x > 0", Estimate(0.2, 0.1, 0.3, 5), verdict="not reproduced")
    with pytest.raises(
        ValueError, match=r"^table_9: 'C4 weak: x > 0' is judged without a .*again$"
    ):
        judged(old)
    lacking = [{**row, "smallest_effect": None} for row in rows("C4", HOLDS)]
    with pytest.raises(ValueError, match=r"^smallest_effect of 'part 0' must be .*; got None$"):
        judged(*lacking)
    with pytest.raises(
        ValueError, match=r"^smallest effect of 'elo' is not written down; known: I"
    ):
        claims.smallest_effect("elo")


def test_parts_are_judged_together_and_in_one_notebook():
    with pytest.raises(ValueError, match="C4 has parts in table_9 and table_8; all must be"):
        judged(*rows("C4", HOLDS), table_8=rows("C4", HOLDS))
    weak = OPEN + 0.55  # p = 0.04 alone
    (alone,) = rows("C4", weak)
    assert alone["verdict"] == "reproduced"
    with pytest.raises(ValueError, match="is undecided beside all parts of its claim, but reprod"):
        judged(alone, alone)
    with pytest.raises(ValueError, match="table_9: 'C44 part 0' is on none of C1, C2"):
        judged(*rows("C44", HOLDS))


def test_controls_that_differ_are_false_alarms():
    of_table = rows("control", EQUAL, OPEN, FAILS)
    of_figure = rows("control", FEW)
    found = results(*of_table, figure_9=of_figure)
    outcomes = [row["verdict"] for row in claims.controls(found)]
    assert outcomes == ["equivalent", "undecided", claims.FALSE_ALARM, "too few runs"]
    assert "| false alarm: a difference between" in claims.parts_table(claims.controls(found))
    assert {claim["verdict"] for claim in claims.judge(found)} == {"not tested"}
    (one_sided,) = claims.controls(results(*rows("control", HOLDS)))
    assert one_sided["verdict"] == claims.FALSE_ALARM
    (small,) = rows(
        "control", 0.05 + 0.1 * EQUAL
    )  # far below the smallest effect, and yet not zero
    assert small["verdict"] == "equivalent"
    assert claims.controls(results(small))[0]["verdict"] == claims.FALSE_ALARM


def test_effects_speak_for_the_claim_where_they_are_positive():
    (less,) = rows("C4", FAILS, expected="less")
    low, mean, high = claims.effect(less)
    assert mean == pytest.approx(5) and low == pytest.approx(-less["high"] / 0.2) and low < high
    (alone,) = rows("C4", HOLDS[:1])
    assert np.isnan(claims.effect({**alone, "low": None, "high": None})[0])


def test_the_sentence_names_the_worst_part():
    found = judged(*rows("C7", HOLDS, FAILS))["C7"]
    assert found["sentence"] == (
        "1 of 2 parts reproduced; contradicted: part 1: -1.00 [-1.10, -0.90] (claimed > 0)."
    )
    found = judged(*rows("C3", 2 * FAILS, FAILS, expected="less"))["C3"]
    assert found["sentence"].startswith("2 of 2 parts reproduced; the least clear: part 1: -1")


def test_parts_say_how_many_runs_would_decide_them():
    made = judged(*rows("C4", HOLDS, OPEN + 0.3), *rows("C5", FEW), *rows("C6", FEW[:1]))
    needed = verdicts.required_num_runs(Part("", OPEN + 0.3, 0.2), num_parts=2)
    assert needed > 5
    text = "".join(claims.parts_table(made[name]["parts"]) for name in ("C4", "C5", "C6"))
    text = squeezed(text)
    assert "| C4 part 0 | > 0 | 1.00 [0.90, 1.10] | 0.2 | 5 | reproduced | |" in text
    assert f"| 0.2 | 5 | undecided | {needed} |" in text
    assert "| 0.2 | 3 | too few runs | 5 |" in text
    assert "| C6 part 0 | > 0 | 0.90 | 0.2 | 1 | too few runs | |" in text


def test_the_table_of_claims():
    lines = claims.table(list(judged(*rows("C4", HOLDS), *rows("C6", OPEN)).values()))
    lines = squeezed(lines).splitlines()
    assert len(lines) == 2 + len(claims.CLAIMS)
    assert lines[2].endswith("| **not tested** | No results file holds a test of it. | – |")
    (line,) = (line for line in lines if line.startswith("| C4 |"))
    assert "| **reproduced** | 1 of 1 parts reproduced; the least clear: part 0: 1.00" in line
    assert line.startswith("| C4 | Table 1 |") and line.endswith(" | 5 |")
    assert {*claims.PLACES} == {*claims.CLAIMS}


def test_the_table_of_smallest_effects():
    lines = squeezed(claims.effects_table()).splitlines()
    assert len(lines) == 2 + len(claims.SMALLEST_EFFECTS)
    assert lines[2].startswith("| IICR | 0.02 | a ratio | ")
