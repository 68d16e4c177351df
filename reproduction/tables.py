"""Rows of results, with their verdicts, and the tables made of them.

Every results file may hold ``values["rows"]``: a list of rows with the keys ``item`` (what it is),
``paper`` (reported number or None), ``ours``, ``low``, ``high`` (mean and 95 % interval),
``num_runs`` and ``verdict``. All tables are made from them alone. Rows on a claim, from
`claim_rows`, also hold the data that it is judged by.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from IPython.display import display

from paperlib import files
from reproduction import results, verdicts
from reproduction.statistics import Estimate, t_interval

INTERVAL = re.compile(r"(?<=\d) \[(-?[\d.]+), (?=-?[\d.]+\])")  # an interval and its spaces
Row = Mapping[str, Any]
HEADER = ("item", "paper (unverified)", "ours [95 %]", "runs", "verdict")  # in tables for readers
COLUMNS = ("item", "paper", "ours", "low", "high", "num_runs", "verdict")
# Symbols that pandas leaves unchanged, but that LaTeX's usual fonts lack
LATEX_SYMBOLS = str.maketrans(
    {"<": "$<$", ">": "$>$", "≤": r"$\leq$", "≥": r"$\geq$", "λ": r"$\lambda$"}
    | {"−": "$-$", "–": "--"}
)


def paper_numbers() -> dict[str, Any]:
    """The paper's numbers, from memory and not verified, from the one file that holds them."""
    return json.loads(Path(__file__).with_name("paper_numbers.json").read_text())


def row(item: str, estimate: Estimate, *, paper: float | None = None, verdict: str = "") -> Row:
    """One row of a table.

    Args:
        item: what was measured.
        estimate: our number.
        paper: the paper's number; None where it reports none.
        verdict: if empty, the paper's number is compared with ours: "agrees" where it lies in our
            interval, else "higher" or "lower", for ours; nothing if there is no interval.
    """
    if not verdict and paper is not None and not math.isnan(estimate.low):
        if estimate.low - 0.005 <= paper <= estimate.high + 0.005:  # the paper's are rounded
            verdict = "agrees"
        else:
            verdict = "higher" if estimate.mean > paper else "lower"
    mean, low, high, num_runs = estimate
    return dict(zip(COLUMNS, (item, paper, mean, low, high, num_runs, verdict), strict=True))


def claim_rows(claim: str, parts: Sequence[verdicts.Part]) -> list[Row]:
    """Rows on the parts of one claim, which are judged together (`verdicts.judge_parts`).

    Each is a `row` with the difference, its 95 % interval by Student's t and the number of
    independent runs, and holds the part's data under "claim", "differences", "clusters",
    "smallest_effect" and "expected".

    Args:
        claim: its name, or "control" for differences of exchangeable methods.
        parts: all parts of the claim.
    """
    rows = []
    for part, found in zip(parts, verdicts.judge_parts(parts), strict=True):
        estimate = Estimate(found.mean, found.low, found.high, len(part.units))
        data = {
            "claim": claim,
            "differences": [float(number) for number in part.differences],
            "clusters": None if part.clusters is None else [int(c) for c in part.clusters],
            "smallest_effect": part.smallest_effect,
            "expected": part.expected,
        }
        rows.append({**row(f"{claim} {part.name}", estimate, verdict=found.verdict), **data})
    return rows


def restored_part(entry: Row) -> verdicts.Part:
    """The part of a claim that a row of `claim_rows` is on."""
    data = (entry[name] for name in ("differences", "smallest_effect", "expected", "clusters"))
    return verdicts.Part(entry["item"].removeprefix(f"{entry['claim']} "), *data)


def number(value: float | None, digits: int = 2) -> str:
    """A number as text; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}f}"


def interval(entry: Row) -> str:
    """A row's mean and interval as text, with two decimals, or as many more (up to four) as it
    takes to see the sign of both bounds."""
    bounds = entry["low"], entry["high"]
    if None in bounds or math.isnan(entry["low"]):
        return number(entry["ours"])
    shown = (d for d in (2, 3) if all(round(bound, d) or not bound for bound in bounds))
    digits = next(shown, 4)
    mean, low, high = (number(value, digits) for value in (entry["ours"], *bounds))
    return f"{mean} [{low}, {high}]"


def _frame(header: Sequence[str], body: Iterable[Sequence[Any]]) -> pd.DataFrame:
    return pd.DataFrame([[*map(str, cells)] for cells in body], columns=[*header])


def markdown_table(
    header: Sequence[str], body: Iterable[Sequence[Any]], *, style: str = "pipe"
) -> str:
    """A Markdown table, or one in another of tabulate's styles; cells appear as they are."""
    frame = _frame(header, body)
    return frame.to_markdown(index=False, tablefmt=style, disable_numparse=True) + "\n"


def comparison_table(compared: Iterable[Row]) -> str:
    """What `paperlib.comparison.compare` found, by accuracy of the linear classifier: means over
    seeds with the half-width of their 95 % interval (Student's t).

    Args:
        compared: its results as dictionaries; None stands for NaN.
    """
    measures = {"linear": "linear", "nearest": "nearest", "ratio": "IICR"}
    groups = pd.DataFrame(compared).groupby(["encoder", "objective"])

    def shown(numbers: pd.Series) -> str:
        if numbers.isna().any():
            return "–"
        found = t_interval(numbers)
        spread = "" if math.isnan(found.high) else f" ± {found.high - found.mean:.2f}"
        return f"{found.mean:.2f}{spread}"

    body = []
    for names, own in sorted(groups, key=lambda group: -group[1]["linear"].mean()):
        body.append([*names, *(shown(own[name]) for name in measures), own["num_weights"].iloc[0]])
    return markdown_table(["encoder", "objective", *measures.values(), "weights"], body)


def latex_table(header: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    """A LaTeX tabular for the package booktabs."""
    text = _frame(header, body).to_latex(index=False, escape=True, column_format="l" * len(header))
    return text.translate(LATEX_SYMBOLS)


def show(markdown: str) -> None:
    """Displays Markdown, such as a table: rendered in Jupyter and on pages, where intervals stay on
    one line, elsewhere as text."""
    rendered = INTERVAL.sub("\u00a0[\\1,\u00a0", markdown)
    display({"text/markdown": rendered, "text/plain": markdown}, raw=True)


def cells(entry: Row) -> tuple[Any, ...]:
    """A row as the cells below `HEADER`."""
    shown = number(entry["paper"]), interval(entry), entry["num_runs"]
    return entry["item"], *shown, entry["verdict"] or "–"


def save_rows(folder: str | Path, name: str, rows: Sequence[Row]) -> None:
    """Writes rows as CSV (full precision), Markdown and LaTeX."""
    table = [["" if r[name] is None else r[name] for name in COLUMNS] for r in rows]
    frame = pd.DataFrame(table, columns=[*COLUMNS], dtype=object)
    body = [*map(cells, rows)]
    texts = {
        ".csv": frame.to_csv(index=False, na_rep="nan"),
        ".md": markdown_table(HEADER, body),
        ".tex": latex_table(HEADER, body),
    }
    for suffix, text in texts.items():
        files.save_text(Path(folder) / f"{name}{suffix}", text)


def save_runs(
    folder: str | Path, name: str, runs: pd.DataFrame | Sequence[Mapping[str, Any]]
) -> None:
    """Writes the numbers of all runs, whose means a table shows, to ``NAME_runs.csv``.

    Args:
        folder: folder to write to.
        name: name of the table.
        runs: one row for each run and quantity, or for each run, with its seed and the like.

    Raises:
        ValueError: if there are no runs.
    """
    frame = pd.DataFrame(runs)
    if frame.empty:
        raise ValueError(f"runs: {name} has none to save")
    files.save_text(Path(folder) / f"{name}_runs.csv", frame.to_csv(index=False, na_rep="nan"))


def load_all(results_dir: str | Path) -> dict[str, dict[str, Any]]:
    """All results of one profile, by notebook.

    Raises:
        ValueError: if there are none, or one is damaged.
    """
    # While a notebook runs, the name of its folder begins with a dot
    folders = sorted(path.parent for path in Path(results_dir).glob(f"[!.]*/{results.FILE_NAME}"))
    if not folders:
        raise ValueError(f"{results_dir} holds no results; run `make reproduce` first")
    return {folder.name: results.load(folder) for folder in folders}


def terminal_table(results_dir: str | Path, items: Sequence[str] = ()) -> str:
    """The rows of one profile, with the seconds that each notebook took.

    Args:
        results_dir: results of the profile.
        items: notebooks to show; all that there are by default.
    """
    body = []
    for name, result in load_all(results_dir).items():
        if items and name not in items:
            continue
        parent, profile = Path(results_dir).parent.name, Path(results_dir).name
        file = f"{parent}/{profile}/{name}/{results.FILE_NAME}"
        seconds = f"{result['wall_time_seconds']:.0f}"
        rows = result["values"].get("rows", [])
        if not rows:
            body.append((name, "–", "–", "drawn", seconds, file))
        for rank, r in enumerate(rows):
            cost = (seconds, file) if rank == 0 else ("", "")
            body.append((r["item"], number(r["paper"]), interval(r), r["verdict"], *cost))
    header = ("item", "paper", "ours [95 %]", "verdict", "seconds", "file")
    note = "paper: reported numbers, unverified; intervals: 95 %, over seeds where there are some"
    return markdown_table(header, body, style="simple") + note
