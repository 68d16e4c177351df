"""The paper's claims, and negative controls, judged from the results of all notebooks."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from reproduction import tables, verdicts

CLAIMS = {
    "C1": "On RoboSumo, Emb-Hyb has the lowest IICR, weak and strong.",
    "C2": "On ParticleWorld, Emb-Id has the lowest IICR.",
    "C3": "On ParticleWorld, IICR is worse with strong than with weak generalisation.",
    "C4": "Outcomes are predicted better than by chance (the majority class), weak and strong.",
    "C5": "PPO with Emb-Hyb scores more than PPO without, against training and test opponents.",
    "C6": "Online Emb-Hyb scores more than offline or random embeddings (zeros: see C5).",
    "C7": "Speakers with Emb-Hyb match the oracle on seen listeners, beat no embedding on unseen.",
    "C7b": "Ours, not the paper's: C7 with gated pooling and relabelled channels.",
}
PLACES = {  # where the paper makes each claim
    "C1": "Table 1",
    "C2": "Table 2",
    "C3": "Table 2",
    "C4": "Table 1",
    "C5": "Figures 4, 5",
    "C6": "Figure 4",
    "C7": "Table 3",
    "C7b": "–",
}
CONTROL = "control"  # the "claim" that two exchangeable methods are equal
# The smallest differences that matter, by quantity, chosen before the runs: size, unit, reason
SMALLEST_EFFECTS = {
    "IICR": (0.02, "a ratio", "the least lead of Emb-Hyb in the paper's Table 1"),
    "accuracy": (0.02, "a share", "the lead of the paper's best method, weak; one match in fifty"),
    "score": (0.05, "a share", "one game in twenty; fewer would hardly be noticed"),
    "return": (0.5, "reward in an episode", "under half of the least gain in the paper's Table 3"),
    "match": (1.0, "reward in an episode", "for two speakers to match: below that least gain"),
}
OLD_VERDICTS = ("reproduced", "not reproduced", "undecided")  # on rows without a smallest effect
EXPECTED = {"greater": "> 0", "less": "< 0", "equal": "= 0"}
FALSE_ALARM = "false alarm: a difference between methods with the same information"

Claim = Mapping[str, Any]
Results = Mapping[str, Mapping[str, Any]]


def smallest_effect(quantity: str) -> float:
    """The smallest difference of a quantity that matters.

    Raises:
        ValueError: if `SMALLEST_EFFECTS` has none.
    """
    if quantity not in SMALLEST_EFFECTS:
        known = ", ".join(SMALLEST_EFFECTS)
        raise ValueError(f"smallest effect of {quantity!r} is not written down; known: {known}")
    return SMALLEST_EFFECTS[quantity][0]


def judge(all_results: Results) -> list[dict[str, Any]]:
    """Every claim with its verdict (`verdicts.judge`) and the evidence for it.

    Args:
        all_results: results of all notebooks, see `tables.load_all`.

    Returns:
        For each claim "claim", "text", "verdict" ("not tested" without parts), "sentence", and its
        "parts": rows with "notebook" and "required_num_runs", which is None where a part is decided
        or no number of runs would suffice.

    Raises:
        ValueError: if a row has no smallest effect or is on an unknown claim, or if the parts of a
            claim were not judged together or come from several notebooks.
    """
    found: dict[str, dict[str, list[tables.Row]]] = {name: {} for name in CLAIMS}
    for notebook, rows in _rows(all_results).items():
        for row in rows:
            if row["claim"] == CONTROL:
                continue
            if row["claim"] not in CLAIMS:
                raise ValueError(f"{notebook}: {row['item']!r} is on none of {', '.join(CLAIMS)}")
            found[row["claim"]].setdefault(notebook, []).append(row)
    judged = []
    for name, text in CLAIMS.items():
        if len(found[name]) > 1:
            raise ValueError(
                f"{name} has parts in {' and '.join(found[name])}; all must be judged in one"
            )
        verdict, parts = "not tested", []
        for notebook, rows in found[name].items():
            verdict, parts = _judge(notebook, rows)
        judged.append(
            {
                "claim": name,
                "text": text,
                "verdict": verdict,
                "sentence": _sentence(parts),
                "parts": parts,
            }
        )
    return judged


def controls(all_results: Results) -> list[tables.Row]:
    """The negative controls of all notebooks: rows like the parts of `judge`, whose verdict is
    "equivalent", "undecided", "too few runs" or, wherever a difference is found, even one below the
    smallest effect, `FALSE_ALARM`."""
    found = []
    for notebook, rows in _rows(all_results).items():
        if rows := [row for row in rows if row["claim"] == CONTROL]:
            for row, one in zip(rows, _judge(notebook, rows)[1], strict=True):
                differs = one["difference_p"] < verdicts.LEVEL
                found.append({**one, "verdict": FALSE_ALARM if differs else row["verdict"]})
    return found


def _rows(all_results: Results) -> dict[str, list[tables.Row]]:
    """Rows that are judged, by notebook."""
    found = {}
    for notebook, result in all_results.items():
        rows = result["values"].get("rows", [])
        if old := [row for row in rows if "claim" not in row and row["verdict"] in OLD_VERDICTS]:
            raise ValueError(
                f"{notebook}: {old[0]['item']!r} is judged without a smallest effect; run it again"
            )
        found[notebook] = [row for row in rows if "claim" in row]
    return found


def _judge(notebook: str, rows: Sequence[tables.Row]) -> tuple[str, list[dict[str, Any]]]:
    """The verdict on the parts of one claim together, and on each of them."""
    parts = [tables.restored_part(row) for row in rows]
    verdict, judged = verdicts.judge(parts)
    found = []
    for row, part, one in zip(rows, parts, judged, strict=True):
        if one.verdict != row["verdict"]:
            raise ValueError(
                f"{notebook}: {row['item']!r} is {one.verdict} beside all parts of its claim, but "
                f"{row['verdict']} in the results; judge them in one call of tables.claim_rows"
            )
        needed = None
        if one.verdict in ("undecided", verdicts.TOO_FEW):
            needed = verdicts.required_num_runs(part, num_parts=len(parts))
        more = {"difference_p": one.difference_p, "required_num_runs": needed}
        found.append({**row, "notebook": notebook, **more})
    return verdict, found


def effect(part: tables.Row) -> tuple[float, float, float]:
    """Low, mean and high of a part's difference, in units of its smallest effect, and with the sign
    that makes positive values speak for the claim."""
    unit = part["smallest_effect"] * (-1 if part["expected"] == "less" else 1)
    low, mean, high = (
        math.nan if part[name] is None else part[name] / unit for name in ("low", "ours", "high")
    )
    return (low, mean, high) if unit > 0 else (high, mean, low)


def _sentence(parts: Sequence[tables.Row]) -> str:
    """How many parts are reproduced, and the part that speaks for the claim the least."""
    if not parts:
        return "No results file holds a test of it."

    def rank(part: tables.Row) -> tuple[int, float]:
        low, mean, high = effect(part)
        low, high = (mean, mean) if math.isnan(low) else (low, high)
        support = -max(abs(low), abs(high)) if part["expected"] == "equal" else low
        return verdicts.VERDICTS.index(part["verdict"]), support

    worst = min(parts, key=rank)
    reproduced = sum(part["verdict"] == "reproduced" for part in parts)
    how = "the least clear" if reproduced == len(parts) else worst["verdict"]
    what = f"{tables.restored_part(worst).name}: {tables.interval(worst)}"
    claimed = EXPECTED[worst["expected"]]
    return f"{reproduced} of {len(parts)} parts reproduced; {how}: {what} (claimed {claimed})."


def table(judged: Sequence[Claim]) -> str:
    """The claims as a Markdown table, one line for each."""
    header = ("claim", "in the paper", "what it says", "verdict", "evidence", "runs")
    body = [
        (
            claim["claim"],
            PLACES[claim["claim"]],
            claim["text"],
            f"**{claim['verdict']}**",
            claim["sentence"],
            min((part["num_runs"] for part in claim["parts"]), default="–"),
        )
        for claim in judged
    ]
    return tables.markdown_table(header, body)


def parts_table(parts: Sequence[tables.Row]) -> str:
    """Parts of claims, or controls, as a Markdown table."""
    header = ("part", "claimed", "difference [95 %]", "smallest effect", "independent runs")
    header = (*header, "verdict", "runs it would take, about")
    body = [
        (
            part["item"],
            EXPECTED[part["expected"]],
            tables.interval(part),
            f"{part['smallest_effect']:g}",
            part["num_runs"],
            part["verdict"],
            part["required_num_runs"] or "",
        )
        for part in parts
    ]
    return tables.markdown_table(header, body)


def effects_table() -> str:
    """The smallest effects of interest as a Markdown table."""
    body = [(name, f"{size:g}", *rest) for name, (size, *rest) in SMALLEST_EFFECTS.items()]
    return tables.markdown_table(("quantity", "smallest effect", "unit", "reason"), body)
