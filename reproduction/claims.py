"""The paper's claims, judged from the results of all notebooks, and the report on all of it."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt

from reproduction import results, statistics, tables

VERDICTS = ("reproduced", "not reproduced", "undecided")
CLAIMS = {
    "C1": "On RoboSumo, Emb-Hyb has the lowest IICR, weak and strong.",
    "C2": "On ParticleWorld, Emb-Id has the lowest IICR.",
    "C3": "On ParticleWorld, IICR is worse with strong than with weak generalisation.",
    "C4": "Outcomes are predicted better than by chance (the majority class), weak and strong.",
    "C5": "PPO with Emb-Hyb wins more than PPO without, against training and test opponents.",
    "C6": "Online embeddings win more than offline, zero and random ones.",
    "C7": "Speakers with embeddings match the baseline on known listeners and beat it on unseen.",
}
TESTS = {  # how the intervals of a claim were made
    "C5": "paired Student's t over seeds",
    "C6": "paired Student's t over seeds",
}
PAIRED = "paired bootstrap over seeds"
STYLE = """body{max-width:60em;margin:2em auto;padding:0 1em;font:16px/1.5 sans-serif;color:#222}
table{border-collapse:collapse;font-size:.85em;display:block;overflow-x:auto}
td,th{border:1px solid #ccc;padding:.2em .6em;text-align:left}img{max-width:100%}"""

Results = Mapping[str, Mapping[str, Any]]


def judge(all_results: Results) -> list[dict[str, Any]]:
    """Every claim with its verdict and what it rests on.

    A claim has parts: the rows of all results whose item begins with its name. It is "reproduced"
    where all parts are, "not reproduced" where one is not, "not tested" where there is none, and
    else "undecided".

    Args:
        all_results: as `reports.load_all` gives them.

    Returns:
        For each claim "claim", "text", "verdict", "test", "sentence", and its "parts": rows.
    """
    judged = []
    for name, text in CLAIMS.items():
        parts = [
            {**row, "notebook": notebook}
            for notebook, result in all_results.items()
            for row in result["values"].get("rows", [])
            if re.match(rf"{name}\b", row["item"]) and row["verdict"] in VERDICTS
        ]
        found = [part["verdict"] for part in parts]
        if not parts:
            verdict = "not tested"
        elif "not reproduced" in found:
            verdict = "not reproduced"
        else:
            verdict = "undecided" if "undecided" in found else "reproduced"
        judged.append(
            {
                "claim": name,
                "text": text,
                "verdict": verdict,
                "test": TESTS.get(name, PAIRED),
                "sentence": _sentence(parts),
                "parts": parts,
            }
        )
    return judged


def _sentence(parts: Sequence[tables.Row]) -> str:
    """How many parts hold, and the one that speaks for the claim the least."""
    if not parts:
        return "No results file holds a test of it."
    order = ("not reproduced", "undecided", "reproduced")

    def rank(part: tables.Row) -> tuple[int, float]:
        _, mean, _ = tables.signed_effect(part) or (0.0, 0.0, 0.0)
        return order.index(part["verdict"]), mean

    worst = min(parts, key=rank)
    held = sum(part["verdict"] == "reproduced" for part in parts)
    how = "the least clear" if held == len(parts) else worst["verdict"]
    what = re.sub(r"^C\d[:,]? ?", "", worst["item"])
    return f"{held} of {len(parts)} parts reproduced; {how}: {what}, {tables.interval(worst)}."


def table(judged: Sequence[Mapping[str, Any]]) -> str:
    """The claims as a Markdown table, one line for each."""
    header = ("claim", "what it says", "verdict", "on what grounds", "95 % intervals by")
    lines = [
        (
            c["claim"],
            c["text"],
            f"**{c['verdict']}**",
            c["sentence"],
            c["test"] if c["parts"] else "–",
        )
        for c in judged
    ]
    return tables.markdown_table(header, lines)


def deviations(notebook: str | Path) -> str:
    """What an executed notebook says under "Where we deviate"; empty where it says nothing."""
    cells = nbformat.read(notebook, as_version=4).cells
    text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    found = re.search(
        r"(?:\*\*Where we deviate[.:]\*\*|## Where we deviate)(.*?)(?=\n#|\Z)", text, re.S
    )
    return found[1].strip() if found else ""


def report(
    results_dir: str | Path,
    found: Mapping[str, Mapping[str, Any]],
    judged: Sequence[Mapping[str, Any]],
) -> str:
    """All of one profile in Markdown: claims, every table and figure, costs, deviations.

    Args:
        results_dir: folder of the profile's results; pictures are named relative to it.
        found: its results files, by notebook.
        judged: from `judge`.
    """
    results_dir = Path(results_dir)
    parts = [f"# Report on profile {results_dir.name}", "## The claims", table(judged)]
    for claim in (claim for claim in judged if claim["parts"]):
        parts.append(f"**{claim['claim']}**, 95 % intervals by {claim['test']}:")
        lines = [
            (
                *(part["item"], tables.interval(part), part["num_runs"], part["verdict"]),
                _needed(part, student=claim["test"] != PAIRED),
            )
            for part in claim["parts"]
        ]
        header = ("part", "difference", "runs", "verdict", "runs it would take, about")
        parts.append(tables.markdown_table(header, lines))
    for name, result in found.items():
        seconds, cores = results.seconds(result), result["machine"]["cores"]
        parts.append(f"## {name}")
        parts.append(f"{seconds:.0f} s on {cores} cores; seeds {result['seeds']}.")
        if (results_dir / name / f"{name}.md").exists():
            parts.append((results_dir / name / f"{name}.md").read_text())
        pictures = sorted((results_dir / name).glob("*.png"))
        parts += [f"![{picture.stem}]({name}/{picture.name})" for picture in pictures]
        told = deviations(results_dir / name / "notebook.ipynb")
        if told:
            parts.append(f"**Where we deviate.** {told}")
    return "\n\n".join(parts) + "\n"


def _needed(part: tables.Row, *, student: bool) -> int | str:
    """How many runs would decide a part that is undecided."""
    mean, low, high, num_runs = (part[name] for name in ("ours", "low", "high", "num_runs"))
    if part["verdict"] != "undecided" or low is None:
        return ""
    estimate = statistics.Estimate(mean, low, high, num_runs)
    least = tables.MIN_RUNS_BY_T if student else tables.MIN_RUNS
    return statistics.required_num_runs(estimate, student=student, min_runs=least) or ""


def page(markdown: str, results_dir: str | Path) -> str:
    """A report as one HTML page that needs no other file: pictures are part of it.

    Args:
        markdown: from `report`.
        results_dir: what its pictures are relative to.
    """

    def embed(match: re.Match) -> str:
        content = base64.b64encode(
            (Path(results_dir) / html.unescape(match[1])).read_bytes()
        ).decode()
        return f'src="data:image/png;base64,{content}"'

    body = MarkdownIt("commonmark").enable("table").render(markdown)
    body = re.sub(r'src="([^"]+\.png)"', embed, body)
    title = html.escape(markdown.splitlines()[0].lstrip("# "))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body>{body}</body></html>\n"
    )
