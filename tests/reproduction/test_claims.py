"""Claims, judged by their parts."""

import re

import pytest

from reproduction import claims, tables
from reproduction.statistics import Estimate


def row(item, low, high, better="higher"):
    return tables.claim(item, Estimate((low + high) / 2, low, high, 5), better=better)


def judged(*rows):
    found = {"table_9": {"values": {"rows": list(rows)}}, "figure_9": {"values": {}}}
    return {claim["claim"]: claim for claim in claims.judge(found)}


HOLDS, FAILS, OPEN = (0.1, 0.3), (-0.3, -0.1), (-0.1, 0.1)


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ([HOLDS, HOLDS], "reproduced"),
        ([HOLDS, OPEN], "undecided"),
        ([OPEN, FAILS, HOLDS], "not reproduced"),
        ([], "not tested"),
    ],
)
def test_a_claim_is_as_good_as_its_parts(parts, verdict):
    found = judged(*(row(f"C4 part {k}: x > 0", *part) for k, part in enumerate(parts)))
    assert found["C4"]["verdict"] == verdict and len(found["C4"]["parts"]) == len(parts)
    assert found["C1"]["verdict"] == "not tested" and list(found) == list(claims.CLAIMS)


def test_rows_without_a_verdict_on_a_claim_are_no_parts():
    compared = tables.row("C4 level", Estimate(0.5, 0.4, 0.6, 5), paper=0.5)
    assert judged(compared)["C4"]["verdict"] == "not tested"
    assert judged(row("C44: x > 0", *HOLDS))["C4"]["verdict"] == "not tested"


def test_the_sentence_names_the_worst_part():
    found = judged(row("C7, seen: a > 0", *HOLDS), row("C7, unseen: b > 0", *FAILS))["C7"]
    assert found["sentence"] == (
        "1 of 2 parts reproduced; not reproduced: unseen: b > 0, -0.20 [-0.30, -0.10]."
    )
    rows = row("C3 weak: a > 0", 1.0, 1.1), row("C3 strong: b < 0", -0.3, -0.1, better="lower")
    assert judged(*rows)["C3"]["sentence"] == (
        "2 of 2 parts reproduced; the least clear: strong: b < 0, -0.20 [-0.30, -0.10]."
    )


def test_parts_say_how_many_runs_would_decide_them():
    few = Estimate(0.2, 0.1, 0.3, 2), Estimate(0.2, float("nan"), float("nan"), 1)
    rows = [row("C4 weak: x > 0", *HOLDS), row("C4 strong: x > 0", -0.25, 0.75)]
    for name, estimate in zip(("C6", "C5"), few, strict=True):
        rows.append(tables.claim(f"{name} train: z > 0", estimate, better="higher"))
    found = judged(*rows)
    text = "".join(claims.parts_table(found[name]) for name in ("C4", "C5", "C6"))
    text = re.sub(" +", " ", text)
    assert "| C4 weak: x > 0 | 0.20 [0.10, 0.30] | 5 | reproduced | |" in text
    assert "| C4 strong: x > 0 | 0.25 [-0.25, 0.75] | 5 | undecided | 20 |" in text
    assert "| C5 train: z > 0 | 0.20 | 1 | undecided | |" in text
    assert "| C6 train: z > 0 | 0.20 [0.10, 0.30] | 2 | undecided | 3 |" in text


def test_the_table_of_claims():
    found = judged(row("C4 weak: x > 0", *HOLDS), row("C6 train: z > 0", *OPEN))
    lines = re.sub(" +", " ", claims.table(list(found.values()))).splitlines()
    assert len(lines) == 2 + len(claims.CLAIMS)
    assert lines[2].endswith("| **not tested** | No results file holds a test of it. | – |")
    (line,) = (line for line in lines if line.startswith("| C4 |"))
    assert "| **reproduced** | 1 of 1 parts reproduced; the least clear: weak: x > 0" in line
    assert line.endswith("| paired bootstrap over seeds |")
    (line,) = (line for line in lines if line.startswith("| C6 |"))
    assert "**undecided**" in line and line.endswith("| paired Student's t over seeds |")
