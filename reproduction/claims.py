"""The paper's claims, judged from the results of all notebooks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reproduction import statistics, tables

VERDICTS = ("not reproduced", "undecided", "reproduced")  # the worst first
CLAIMS = {
    "C1": "On RoboSumo, Emb-Hyb has the lowest IICR, weak and strong.",
    "C2": "On ParticleWorld, Emb-Id has the lowest IICR.",
    "C3": "On ParticleWorld, IICR is worse with strong than with weak generalisation.",
    "C4": "Outcomes are predicted better than by chance (the majority class), weak and strong.",
    "C5": "PPO with Emb-Hyb wins more than PPO without, against training and test opponents.",
    "C6": "Online embeddings win more than offline, zero and random ones.",
    "C7": "Speakers with embeddings match the baseline on seen listeners, beat it on unseen.",
}
STUDENT = ("C5", "C6")  # whose intervals are by Student's t; all others are bootstraps

Claim = Mapping[str, Any]


def judge(all_results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every claim with its verdict and the evidence for it.

    A claim's parts are the rows, in all results, whose item begins with its name. It is
    "reproduced" if all parts are, "not reproduced" if any part is, "not tested" if it has no parts,
    and else "undecided".

    Args:
        all_results: from `tables.load_all`.

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
        verdicts = [part["verdict"] for part in parts]
        test = "Student's t" if name in STUDENT else "bootstrap"
        judged.append(
            {
                "claim": name,
                "text": text,
                "verdict": min(verdicts, key=VERDICTS.index, default="not tested"),
                "test": f"paired {test} over seeds",
                "sentence": _sentence(parts),
                "parts": parts,
            }
        )
    return judged


def _sentence(parts: Sequence[tables.Row]) -> str:
    """How many parts are reproduced, and the part that speaks for the claim the least."""
    if not parts:
        return "No results file holds a test of it."

    def rank(part: tables.Row) -> tuple[int, float]:
        _, mean, _ = tables.signed_effect(part) or (0.0, 0.0, 0.0)
        return VERDICTS.index(part["verdict"]), mean

    worst = min(parts, key=rank)
    reproduced = sum(part["verdict"] == "reproduced" for part in parts)
    how = "the least clear" if reproduced == len(parts) else worst["verdict"]
    what = re.sub(r"^C\d[:,]? ?", "", worst["item"])
    return (
        f"{reproduced} of {len(parts)} parts reproduced; {how}: {what}, {tables.interval(worst)}."
    )


def table(judged: Sequence[Claim]) -> str:
    """The claims as a Markdown table, one line for each."""
    header = ("claim", "what it says", "verdict", "evidence", "95 % intervals by")
    body = [
        (
            claim["claim"],
            claim["text"],
            f"**{claim['verdict']}**",
            claim["sentence"],
            claim["test"] if claim["parts"] else "–",
        )
        for claim in judged
    ]
    return tables.markdown_table(header, body)


def parts_table(claim: Claim) -> str:
    """One claim's parts as a Markdown table, with the number of runs that would decide it."""
    body = [
        (
            part["item"],
            tables.interval(part),
            part["num_runs"],
            part["verdict"],
            _required_num_runs(part, student=claim["claim"] in STUDENT),
        )
        for part in claim["parts"]
    ]
    header = ("part", "difference", "runs", "verdict", "runs it would take, about")
    return tables.markdown_table(header, body)


def _required_num_runs(part: tables.Row, *, student: bool) -> int | str:
    """How many runs would decide a part that is undecided; empty where that cannot be said."""
    mean, low, high, num_runs = (part[name] for name in ("ours", "low", "high", "num_runs"))
    if part["verdict"] != "undecided" or low is None:
        return ""
    estimate = statistics.Estimate(mean, low, high, num_runs)
    least = tables.MIN_RUNS_BY_T if student else tables.MIN_RUNS
    return statistics.required_num_runs(estimate, student=student, min_runs=least) or ""
