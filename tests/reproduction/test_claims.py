"""Claims: judged by their parts, and reported with everything that belongs to them."""

import base64

import nbformat
import pytest

from reproduction import claims, results, tables
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
    found = judged(row("C7, known: a > 0", *HOLDS), row("C7, unseen: b > 0", *FAILS))["C7"]
    assert found["sentence"] == (
        "1 of 2 parts reproduced; not reproduced: unseen: b > 0, -0.20 [-0.30, -0.10]."
    )
    rows = row("C3 weak: a > 0", 1.0, 1.1), row("C3 strong: b < 0", -0.3, -0.1, better="lower")
    assert judged(*rows)["C3"]["sentence"] == (
        "2 of 2 parts reproduced; the least clear: strong: b < 0, -0.20 [-0.30, -0.10]."
    )


@pytest.fixture
def results_dir(tmp_path):
    results_dir = tmp_path / "laptop"
    rows = [row("C4 weak: x > 0", *HOLDS), row("C4 strong: x > 0", -0.25, 0.75)]
    few = Estimate(0.2, 0.1, 0.3, 2), Estimate(0.2, float("nan"), float("nan"), 1)
    for name, estimate in zip(("C6", "C5"), few, strict=True):
        rows.append(tables.claim(f"{name} train: z > 0", estimate, better="higher"))
    results.Run("table_9", {}).save(results_dir / "table_9", {"rows": rows}, seeds=[0, 1])
    tables.save_rows(results_dir / "table_9", "table_9", rows)
    (results_dir / "table_9/table_9.png").write_bytes(b"picture")
    cells = [
        nbformat.v4.new_markdown_cell("## Ours\n**Where we deviate:** in this."),
        nbformat.v4.new_markdown_cell("- And in that.\n\n## What it cost"),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), results_dir / "table_9/notebook.ipynb")
    return results_dir


def test_the_report_holds_tables_pictures_costs_and_deviations(results_dir):
    found = tables.load_all(results_dir)
    text = claims.report(results_dir, found, claims.judge(found))
    assert "| C5 train: z > 0 | 0.20 | 1 | undecided |  |" in text
    assert "| C6 train: z > 0 | 0.20 [0.10, 0.30] | 2 | undecided | 3 |" in text
    assert "| C4 | Outcomes" in text and "**undecided**" in text
    assert "| C4 weak: x > 0 | – | 0.20 [0.10, 0.30] | 5 | reproduced |" in text
    assert "95 % intervals by paired bootstrap over seeds:" in text
    assert "| C4 weak: x > 0 | 0.20 [0.10, 0.30] | 5 | reproduced |  |" in text
    assert "| C4 strong: x > 0 | 0.25 [-0.25, 0.75] | 5 | undecided | 20 |" in text
    assert "![table_9](table_9/table_9.png)" in text and "seeds [0, 1]" in text
    assert "**Where we deviate.** in this.\n\n- And in that." in text
    assert "What it cost" not in text


def test_the_page_needs_no_other_file(results_dir):
    found = tables.load_all(results_dir)
    text = claims.report(results_dir, found, claims.judge(found))
    page = claims.page(text, results_dir)
    assert f"data:image/png;base64,{base64.b64encode(b'picture').decode()}" in page
    assert "<table>" in page and "table_9.png" not in page and "http" not in page


def test_both_ways_to_tell_of_deviations(tmp_path):
    path = tmp_path / "n.ipynb"
    for source, expected in (
        ("## Where we deviate\n- One.\n- Two.\n\n## Next", "- One.\n- Two."),
        ("Text. **Where we deviate.** So.\n\n### Next", "So."),
        ("Nothing.", ""),
    ):
        cell = nbformat.v4.new_markdown_cell(source)
        nbformat.write(nbformat.v4.new_notebook(cells=[cell]), path)
        assert claims.deviations(path) == expected
