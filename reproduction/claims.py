"""The paper's claims, judged from the results of all notebooks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from reproduction import tables, verdicts

CLAIMS = {
    "C1": "On RoboSumo, Emb-Hyb has the lowest IICR, weak and strong.",
    "C2": "On ParticleWorld, Emb-Id has the lowest IICR.",
    "C3": "On ParticleWorld, IICR is worse with strong than with weak generalisation.",
    "C4": "Outcomes are predicted better than by chance (the majority class), weak and strong.",
    "C5": "PPO with Emb-Hyb wins more than PPO without, against training and test opponents.",
    "C6": "Online embeddings win more than offline, zero and random ones.",
    "C7": "Speakers with embeddings match the baseline on seen listeners, beat it on unseen.",
    "C7b": "The same with gated pooling and relabelled channels for the paper's encoder.",
}
CONTROL = "control"  # rows on methods that could be exchanged
# Δ: a smaller difference would not matter to a reader of the paper
SMALLEST_EFFECTS = {
    "IICR": 0.02,
    "accuracy": 0.02,  # two predictions in a hundred
    "win rate": 0.05,  # one match in twenty
    "return": 1.0,  # the squared distance to the target, summed over an episode
}

Claim = Mapping[str, Any]


def smallest_effect(quantity: str) -> float:
    """Δ of a quantity.

    Raises:
        ValueError: if none was written down.
    """
    if quantity not in SMALLEST_EFFECTS:
        raise ValueError(
            f"a claim on {quantity!r} has no smallest effect; there are those of "
            f"{', '.join(SMALLEST_EFFECTS)}"
        )
    return SMALLEST_EFFECTS[quantity]


def judge(all_results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Every claim with its verdict and the evidence for it.

    A claim's parts are the rows with its name, which one notebook judged together.

    Args:
        all_results: from `tables.load_all`.

    Returns:
        For each claim "claim", "text", "verdict" (see `verdicts.whole`, or "not tested" without
        parts), "sentence", and its "parts": rows.

    Raises:
        ValueError: if parts of a claim come from several notebooks.
    """
    judged = []
    for name, text in CLAIMS.items():
        parts = rows_of(all_results, name)
        if len(notebooks := {part["notebook"] for part in parts}) > 1:
            raise ValueError(f"{name} must be judged in one notebook, got {sorted(notebooks)}")
        verdict = verdicts.whole(part["verdict"] for part in parts) if parts else "not tested"
        sentence = _sentence(parts)
        judged.append(
            {"claim": name, "text": text, "verdict": verdict, "sentence": sentence, "parts": parts}
        )
    return judged


def rows_of(all_results: Mapping[str, Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """All rows on a claim, or on `CONTROL`, with their notebooks."""
    return [
        {**row, "notebook": notebook}
        for notebook, result in all_results.items()
        for row in result["values"].get("rows", [])
        if row.get("claim") == name
    ]


def _sentence(parts: Sequence[tables.Row]) -> str:
    """How many parts are reproduced, and the part that speaks for the claim the least."""
    if not parts:
        return "No results file holds a test of it."

    def rank(part: tables.Row) -> tuple[int, float]:
        return verdicts.VERDICTS.index(part["verdict"]), signed_effect(part)[1]

    worst = min(parts, key=rank)
    reproduced = sum(part["verdict"] == "reproduced" for part in parts)
    how = "the least clear" if reproduced == len(parts) else worst["verdict"]
    what = re.sub(r"^C\w+ ", "", worst["item"])
    return (
        f"{reproduced} of {len(parts)} parts reproduced; {how}: {what}, {tables.interval(worst)}."
    )


def signed_effect(part: tables.Row) -> tuple[float, float, float]:
    """Low, mean and high of a part's difference in units of its smallest effect, with the sign that
    makes positive values speak for the claim; as it is where no difference is claimed."""
    scale = part["smallest_effect"] * (-1 if part["expected"] == "less" else 1)
    low, mean, high = (
        float("nan") if part[name] is None else part[name] / scale
        for name in ("low", "ours", "high")
    )
    return (high, mean, low) if scale < 0 else (low, mean, high)


def table(judged: Sequence[Claim]) -> str:
    """The claims as a Markdown table, one line for each."""
    header = ("claim", "what it says", "verdict", "evidence: difference [95 %]")
    body = [
        (claim["claim"], claim["text"], f"**{claim['verdict']}**", claim["sentence"])
        for claim in judged
    ]
    return tables.markdown_table(header, body)


def parts_table(parts: Sequence[tables.Row]) -> str:
    """Parts of one claim as a Markdown table, with the number of runs that would decide them."""
    signs = {"greater": "> 0", "less": "< 0", "equal": "≈ 0"}
    body = [
        (
            f"{part['item']} {signs[part['expected']]}",
            tables.interval(part),
            part["smallest_effect"],
            part["num_runs"],
            part["verdict"],
            part["needed"] or "",
        )
        for part in parts
    ]
    runs = "independent runs", "verdict", "runs it would take, about"
    return tables.markdown_table(("part", "difference", "smallest effect", *runs), body)


def controls_table(rows: Sequence[tables.Row]) -> str:
    """Negative controls as a Markdown table: a decided difference is a false alarm."""
    body = [
        (
            part["notebook"],
            part["item"].removeprefix(f"{CONTROL} "),
            tables.interval(part),
            part["smallest_effect"],
            part["num_runs"],
            "false alarm" if part["verdict"] in ("reproduced", "contradicted") else part["verdict"],
        )
        for part in rows
    ]
    header = ("notebook", "control", "difference", "smallest effect", "independent runs", "verdict")
    return tables.markdown_table(header, body)
