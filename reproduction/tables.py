"""Tables for people: on the terminal, in the README, and as files for a paper.

Every results file may hold ``values["rows"]``: a list of rows with the keys ``item`` (what it is),
``paper`` (reported number or None), ``ours``, ``low``, ``high`` (mean and 95 % interval),
``num_runs`` and ``verdict``. They are all that a report needs.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from paperlib import files
from reproduction import results
from reproduction.statistics import Estimate

Row = Mapping[str, Any]
COLUMNS = ("item", "paper", "ours", "low", "high", "num_runs", "verdict")
README_MARKS = ("<!-- results: begin -->", "<!-- results: end -->")
CLAIMS_MARKS = ("<!-- claims: begin -->", "<!-- claims: end -->")
MIN_RUNS, MIN_RUNS_BY_T = 5, 3  # on which a claim is decided: by bootstrap, by Student's t
FIGURE_SUFFIXES = (".pdf", ".png", ".gif", ".csv", ".md", ".tex")


def paper_numbers() -> dict[str, Any]:
    """What the paper reports, from the one file that holds it; all of it unverified."""
    return json.loads(Path(__file__).with_name("paper_numbers.json").read_text())


def row(item: str, estimate: Estimate, *, paper: float | None = None, verdict: str = "") -> Row:
    """One line of a report. Without a verdict, the paper's number is compared: "agrees" where it
    lies in our interval, else "higher" or "lower", for ours."""
    if not verdict and paper is not None:
        if estimate.low - 0.005 <= paper <= estimate.high + 0.005:  # the paper's are rounded
            verdict = "agrees"
        else:
            verdict = "higher" if estimate.mean > paper else "lower"
    mean, low, high, num_runs = estimate
    return dict(zip(COLUMNS, (item, paper, mean, low, high, num_runs, verdict), strict=True))


def claim(
    item: str, difference: Estimate, *, better: str = "lower", min_runs: int = MIN_RUNS
) -> Row:
    """A claim that a difference has a sign: "reproduced" where its whole 95 % interval has it,
    "not reproduced" where the whole interval has the other, else "undecided". So is what rests on
    fewer runs than ``min_runs``.

    Args:
        item: the claim.
        difference: over paired runs.
        better: "lower" if the claim is that the difference is below zero, else "higher".
        min_runs: `MIN_RUNS` for bootstraps, `MIN_RUNS_BY_T` for intervals by Student's t.
    """
    sign = -1 if better == "lower" else 1
    low, high = sorted((sign * difference.low, sign * difference.high))
    verdict = "reproduced" if low > 0 else "not reproduced" if high < 0 else "undecided"
    if difference.num_runs < min_runs:
        verdict = "undecided"
    return row(item, difference, verdict=verdict)


def signed_effect(part: Row) -> tuple[float, float, float] | None:
    """Low, mean and high of a claim's difference, in units of half its interval's width, signed_effect so
    that what the claim says is above zero; None where there is no interval.

    Args:
        part: from `claim`; its item ends in "< 0" or "> 0".
    """
    low, mean, high = (part[name] for name in ("low", "ours", "high"))
    if low is None or high is None or low == high:
        return None
    half = (high - low) / 2 * (-1 if part["item"].endswith("< 0") else 1)
    one, other = sorted((low / half, high / half))
    return one, mean / half, other


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def interval(entry: Row) -> str:
    """A row's mean with its interval, as text, with two decimals, or those that it takes to see the
    sign of a bound (four at most)."""
    bounds = entry["low"], entry["high"]
    if None in bounds or math.isnan(entry["low"]):
        return _number(entry["ours"])
    shown = (d for d in (2, 3) if all(round(bound, d) or not bound for bound in bounds))
    digits = next(shown, 4)
    mean, low, high = (_number(value, digits) for value in (entry["ours"], *bounds))
    return f"{mean} [{low}, {high}]"


def markdown_table(header: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(str(cell) for cell in cells) + " |" for cells in body]
    return "\n".join(lines) + "\n"


def _latex(text: Any) -> str:
    escaped = str(text).replace("\\", r"\textbackslash ").replace("–", "--").replace("−", "$-$")
    for character in "&%#_{}":
        escaped = escaped.replace(character, "\\" + character)
    for character in "<>":  # the usual fonts have others in their place
        escaped = escaped.replace(character, f"${character}$")
    return escaped.replace("λ", r"$\lambda$").replace("≤", r"$\leq$").replace("≥", r"$\geq$")


def latex_table(header: Sequence[str], body: Iterable[Sequence[Any]]) -> str:
    """A LaTeX tabular for booktabs."""
    lines = [rf"\begin{{tabular}}{{{'l' * len(header)}}}", r"\toprule"]
    lines += [" & ".join(_latex(cell) for cell in header) + r" \\", r"\midrule"]
    lines += [" & ".join(_latex(cell) for cell in cells) + r" \\" for cells in body]
    return "\n".join([*lines, r"\bottomrule", r"\end{tabular}"]) + "\n"


def save_rows(folder: str | Path, name: str, rows: Sequence[Row]) -> None:
    """Writes rows as CSV (full precision), Markdown and LaTeX."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    header = ("item", "paper (unverified)", "ours [95 %]", "runs", "verdict")
    body = [
        (r["item"], _number(r["paper"]), interval(r), r["num_runs"], r["verdict"] or "–")
        for r in rows
    ]
    texts = {
        ".csv": stream.getvalue(),
        ".md": markdown_table(header, body),
        ".tex": latex_table(header, body),
    }
    for suffix, text in texts.items():
        with files.replacing(Path(folder) / f"{name}{suffix}") as temporary:
            temporary.write_text(text)


def load_all(results_dir: str | Path) -> dict[str, dict[str, Any]]:
    """All results of one profile, by item.

    Raises:
        ValueError: if there is none, or one is damaged.
    """
    # Of a notebook that is running, the folder begins with a dot.
    folders = sorted(path.parent for path in Path(results_dir).glob(f"[!.]*/{results.FILE_NAME}"))
    if not folders:
        raise ValueError(f"{results_dir} holds no results; run `make reproduce` first")
    return {folder.name: results.load(folder) for folder in folders}


def terminal_table(results_dir: str | Path) -> str:
    """Item, paper, ours with its interval, verdict, seconds, file: everything of one profile."""
    lines = [("item", "paper", "ours [95 %]", "verdict", "seconds", "file")]
    for name, result in load_all(results_dir).items():
        file = (
            f"{Path(results_dir).parent.name}/{Path(results_dir).name}/{name}/{results.FILE_NAME}"
        )
        seconds = f"{results.seconds(result):.0f}"
        rows = result["values"].get("rows", [])
        if not rows:
            lines.append((name, "–", "–", "drawn", seconds, file))
        for rank, r in enumerate(rows):
            cost = (seconds, file) if rank == 0 else ("", "")
            lines.append((r["item"], _number(r["paper"]), interval(r), r["verdict"], *cost))
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    texts = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    texts.insert(1, "-" * max(map(len, texts)))
    note = "paper: reported numbers, unverified; intervals: 95 %, over seeds where there are some"
    return "\n".join([*texts, note])


def readme_table(all_results: Mapping[str, Mapping[str, Any]]) -> str:
    """The table of the README: item, notebook, file, ours against the paper's."""
    body = []
    for name, result in all_results.items():
        link = f"[`{name}.py`](notebooks/{name}.py)"
        for r in result["values"].get("rows", []):
            file = f"[figures/{name}.md](figures/{name}.md)"
            body.append((r["item"], link, file, _number(r["paper"]), interval(r), r["verdict"]))
    header = ("item", "notebook", "file", "paper (unverified)", "ours [95 %]", "verdict")
    return markdown_table(header, body)


def publish(
    results_dir: str | Path,
    figures: str | Path,
    readme: str | Path | None = None,
    *,
    items: Sequence[str] = (),
) -> None:
    """Copies a profile's figures and tables to a folder, with a manifest, and writes the tables of
    the README anew.

    Args:
        results_dir: folder of the profile's results.
        figures: the folder.
        readme: the README; None leaves it as it is.
        items: notebooks whose figures and tables these are; none for all.

    Raises:
        ValueError: if there are no results, or none of an item, or the README lacks the marks
            around its tables, or is to be written from some items alone.
    """
    all_results, figures = load_all(results_dir), Path(figures)
    if readme and items:
        raise ValueError(f"items: the tables of {readme} need all; got {', '.join(items)} alone")
    if unknown := {*items} - {*all_results}:
        raise ValueError(f"items: {results_dir} holds no results of {', '.join(sorted(unknown))}")
    all_results = {name: all_results[name] for name in all_results if not items or name in items}
    text = Path(readme).read_text() if readme else ""
    for mark in (*README_MARKS, *CLAIMS_MARKS) if readme else ():
        if mark not in text:
            raise ValueError(f"{readme} must hold {mark}")
    manifest: dict[str, Any] = {"profile": Path(results_dir).name, "items": {}}
    for name, result in all_results.items():
        made = sorted(
            p for p in (Path(results_dir) / name).iterdir() if p.suffix in FIGURE_SUFFIXES
        )
        for file in made:
            with files.replacing(figures / file.name) as temporary:
                shutil.copyfile(file, temporary)
        entry = {key: result[key] for key in result if key not in ("item", "values")}
        entry["rows"] = result["values"].get("rows", [])
        entry["files"] = {file.name: files.file_checksum(figures / file.name) for file in made}
        manifest["items"][name] = entry
    files.save_json(figures / "manifest.json", manifest)
    if not readme:
        return
    text = _between(text, README_MARKS, readme_table(all_results))
    if any("claims.md" in entry["files"] for entry in manifest["items"].values()):
        text = _between(text, CLAIMS_MARKS, (figures / "claims.md").read_text())
    with files.replacing(readme) as temporary:
        temporary.write_text(text)


def _between(text: str, marks: tuple[str, str], new: str) -> str:
    """The text with something new between two marks."""
    begin, end = marks
    return f"{text.split(begin)[0]}{begin}\n{new}{end}{text.split(end)[1]}"


def main(arguments: list[str] | None = None) -> None:
    """The command line: ``python -m reproduction.tables show|publish``."""
    parser = argparse.ArgumentParser(description="Report on the results of one profile.")
    parser.add_argument("what", choices=("show", "publish"))
    parser.add_argument("--results", default="results/laptop")
    parser.add_argument("--to", default="figures")
    parser.add_argument("--readme", help="whose tables are written anew")
    parser.add_argument("--items", nargs="+", default=(), help="notebooks; all where none is given")
    options = parser.parse_args(arguments)
    try:
        if options.what == "publish":
            publish(options.results, options.to, options.readme, items=options.items)
        print(terminal_table(options.results))
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
