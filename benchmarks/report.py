"""Medians and ratios of the measured rates, as a table and as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any


@dataclasses.dataclass(frozen=True)
class Question:
    """A ratio of two rates.

    Attributes:
        what: what is compared.
        ours: label of the numerator.
        peers: labels of peers; the fastest of them is the denominator.
        goal: what the ratio should reach; None without a goal.
    """

    what: str
    ours: str
    peers: tuple[str, ...]
    goal: float | None = None


@dataclasses.dataclass(frozen=True)
class Answer:
    """A ratio as measured: the median over repeats, with the range of single repeats."""

    what: str
    ours: str
    our_rate: float
    peer: str
    peer_rate: float
    ratio: float
    lowest: float
    highest: float
    goal: float | None
    met: str


def answer(question: Question, rates: Mapping[str, Sequence[float]]) -> Answer | None:
    """The ratio that ``question`` asks for; None if either side is missing.

    The ratio is taken within each repeat, where both were measured one after the other. A goal
    against the fastest of several peers stays open while one of them is missing.
    """
    present = [label for label in question.peers if label in rates]
    if question.ours not in rates or not present:
        return None
    peer = max(present, key=lambda label: median(rates[label]))
    ratios = [a / b for a, b in zip(rates[question.ours], rates[peer], strict=True)]
    if question.goal is None:
        met = ""
    elif len(present) < len(question.peers):
        met = "open: a peer is missing"
    else:
        met = "yes" if median(ratios) >= question.goal else "no"
    return Answer(
        question.what,
        question.ours,
        median(rates[question.ours]),
        peer,
        median(rates[peer]),
        median(ratios),
        min(ratios),
        max(ratios),
        question.goal,
        met,
    )


def ratio_table(answers: Sequence[Answer]) -> str:
    rows = [
        [
            a.what,
            f"{a.ours}: {number(a.our_rate)}",
            f"{a.peer}: {number(a.peer_rate)}",
            number(a.ratio),
            f"{number(a.lowest)} to {number(a.highest)}",
            "" if a.goal is None else f"at least {number(a.goal)}",
            a.met,
        ]
        for a in answers
    ]
    return table(
        ["what", "ours, a second", "peer, a second", "ratio", "range", "goal", "met"], rows
    )


def rate_table(groups: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        [g["name"], label, g["unit"], *map(number, (median(rates), min(rates), max(rates)))]
        for g in groups
        for label, rates in g["rates"].items()
    ]
    return table(["measurement", "who", "a second", "median", "lowest", "highest"], rows)


def survey_parts(survey: Mapping[str, Any]) -> list[str]:
    if survey["table"] is None:
        return []
    header, rows, note = (survey["table"].get(name) for name in ("header", "rows", "note"))
    return [f"## {survey['name']}", table(header, rows), *([note] if note else [])]


def number(value: float) -> str:
    """A number with three significant digits, for readers."""
    if value >= 1e6:
        return f"{value / 1e6:.3g} million"
    return f"{float(f'{value:.3g}'):,.0f}" if value >= 100 else f"{value:.3g}"


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, which also reads well on a terminal."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |"
        for row in (header, *rows)
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def write(
    folder: Path,
    *,
    facts: Mapping[str, Any],
    groups: Sequence[Mapping[str, Any]],
    surveys: Sequence[Mapping[str, Any]],
) -> str:
    """Writes ``benchmarks.json`` and ``benchmarks.md``; returns the text of the latter.

    Args:
        folder: where to write; created if need be.
        facts: facts about the machine and the run, by name.
        groups: each comparison's name, unit, rates, versions, missing contenders and answers.
        surveys: each survey's name, versions, missing workers and table.
    """
    answers = [one for group in groups for one in group["answers"]]
    measured = *groups, *surveys
    versions = {k: v for g in measured for used in g["versions"].values() for k, v in used.items()}
    missing: dict[tuple[str, str], list[str]] = {}
    for group in measured:
        for absence in group["missing"].items():
            missing.setdefault(absence, []).append(group["name"])
    parts = [
        "# Speed against others",
        "; ".join(f"{name}: {value}" for name, value in facts.items()) + ".",
        *(["## Ratios", ratio_table(answers), "## Rates", rate_table(groups)] if groups else []),
        *(part for survey in surveys for part in survey_parts(survey)),
        "Versions: " + ", ".join(f"{name} {version}" for name, version in versions.items()) + ".",
        *(f"Not measured: {who}: {why} ({'; '.join(g)})." for (who, why), g in missing.items()),
    ]
    text = "\n\n".join(parts) + "\n"
    content = {
        "facts": facts,
        "groups": [{**g, "answers": [dataclasses.asdict(a) for a in g["answers"]]} for g in groups],
        "surveys": surveys,
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in (("benchmarks.json", json.dumps(content, indent=1)), ("benchmarks.md", text)):
        temporary = folder / f".{name}.new"
        temporary.write_text(data, encoding="utf-8")
        temporary.replace(folder / name)
    return text
