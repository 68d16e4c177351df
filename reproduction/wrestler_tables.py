"""Table 1, from measures of embeddings of wrestlers, and the claims that it tests."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from reproduction import claims, measures, tables
from reproduction.comparisons import METHODS
from reproduction.statistics import Estimate
from reproduction.wrestler_measures import OTHER_WEIGHTS

Measured = Mapping[str, Sequence[float]]  # numbers of all seeds, see `wrestler_measures`


def table_rows(
    measured: Measured, kinds: Sequence[str], paper: Mapping[str, Any]
) -> list[tables.Row]:
    """Rows beside the paper's numbers, then further ones that explain them.

    Args:
        measured: numbers of all seeds.
        kinds: kinds of split.
        paper: the paper's numbers, by measure, kind and method.
    """
    estimate = functools.partial(measures.estimate, measured)
    rows = []
    for (title, name), kind, m in product((("IICR", "ratio"), ("Acc", "outcome")), kinds, METHODS):
        found = estimate(f"{kind} {m} {name}, 1 episodes")
        rows.append(tables.row(f"{title} {kind}, {m}", found, paper=paper[title][kind][m]))
    for kind, m in product(kinds, METHODS):
        more = {
            f"IICR {kind}, {m}, within groups": f"{kind} {m} ratio within groups",
            f"IICR {kind}, {m}, egocentric": f"egocentric {kind} {m} ratio, 1 episodes",
            f"Acc {kind}, {m}, same match (a leak)": f"{kind} {m} outcome, same match",
        }
        rows += [tables.row(title, estimate(name)) for title, name in more.items()]
    for kind in kinds:
        rows.append(tables.row(f"Acc {kind}, from strengths", estimate(f"{kind} strengths")))
    return rows


def estimates(
    measured: Measured,
    kinds: Sequence[str],
    methods: Sequence[str],
    counts: Mapping[str, Sequence[int]],
) -> tuple[dict[str, dict[str, Estimate]], dict[str, dict[str, list[Estimate]]]]:
    """Estimates that the figures show.

    Args:
        measured: numbers of all seeds.
        kinds: kinds of split.
        methods: all that were measured.
        counts: numbers of "steps" and "episodes".

    Returns:
        Measures of single episodes under "KIND MEASURE", by method; and against counts under
        "KIND MEASURE, UNIT", by method, untrained encoders left out.
    """
    estimate = functools.partial(measures.estimate, measured)
    bars = {
        f"{kind} {name}": {m: estimate(f"{kind} {m} {name}, 1 episodes") for m in methods}
        for kind, name in product(kinds, ("ratio", "outcome"))
    }
    curves = {
        f"{kind} {name}, {unit}": {
            m: [estimate(f"{kind} {m} {name}, {n} {unit}") for n in counts[unit]]
            for m in methods
            if m != "untrained"
        }
        for kind, unit, name in product(kinds, counts, ("ratio", "linear", "nearest"))
    }
    return bars, curves


def claim_rows(measured: Measured, kinds: Sequence[str]) -> list[tables.Row]:
    """Rows on C1, C4 and a negative control, all from single episodes.

    Args:
        measured: numbers of all seeds.
        kinds: kinds of split.
    """
    part: Callable[..., Any] = functools.partial(measures.part, measured)
    key = "{} {} {}, 1 episodes".format
    clustering = [
        part(
            f"{kind}: IICR of Emb-Hyb minus {other}",
            key(kind, "Emb-Hyb", "ratio"),
            key(kind, other, "ratio"),
            "less",
            smallest_effect="IICR",
        )
        for kind, other in product(kinds, ("Emb-Im", "Emb-Id"))
    ]
    outcomes = [
        part(
            f"{kind}: Acc of {method} minus majority class",
            key(kind, method, "outcome"),
            key(kind, method, "majority"),
            smallest_effect="accuracy",
        )
        for kind, method in product(kinds, METHODS)
    ]
    quantities = (("IICR", "ratio", "IICR"), ("Acc", "outcome", "accuracy"))
    controls = [
        part(
            f"{kind}: {title} of {OTHER_WEIGHTS}, minus untrained",
            key(kind, OTHER_WEIGHTS, name),
            key(kind, "untrained", name),
            smallest_effect=effect,
        )
        for kind, (title, name, effect) in product(kinds, quantities)
    ]
    parts = {"C1": clustering, "C4": outcomes, claims.CONTROL: controls}
    return [row for claim, own in parts.items() for row in tables.claim_rows(claim, own)]
