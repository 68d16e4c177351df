"""Tables 2 and 3, from measures of embeddings of listeners and returns of speakers for them, and
the claims that they test."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from reproduction import claims, listeners, measures, tables
from reproduction.comparisons import CONTROL, METHODS, REFERENCES
from reproduction.speakers import CODE, CONSTANT, SWAPPED
from reproduction.statistics import Estimate

Measured = Mapping[str, Sequence[float]]  # by name, a number for each run
KINDS = ("weak", "strong")  # kinds of split in Table 2
GATED = "gated pooling"
GROUPS = {"train": "training listeners", "test": "unseen listeners"}


def ratio_rows(
    measured: Measured,
    candidates: Sequence[Mapping[str, Any]],
    *,
    seeds: Sequence[int],
    clusters: Sequence[int],
    paper: Mapping[str, Mapping[str, float]],
) -> list[tables.Row]:
    """Table 2: ratios of single episodes beside the paper's, the claims C2 and C3, a negative
    control, and whether longer training helps.

    Args:
        measured: a number for each run under "KIND METHOD MEASURE COUNT", see
            `listeners.measure_all`.
        candidates: validation ratios of the candidates, see `Comparison.choose`.
        seeds: seeds of the runs.
        clusters: the population of each run; runs that share one count as one.
        paper: the paper's ratios, by kind and method.
    """
    estimate = functools.partial(measures.estimate, measured, clusters=clusters)
    options = {"smallest_effect": "IICR", "clusters": clusters}
    part: Callable[..., Any] = functools.partial(measures.part, measured, **options)
    rows = [
        tables.row(f"IICR {kind}, {m}", estimate(f"{kind} {m} ratio 1"), paper=paper[kind][m])
        for kind, m in product(KINDS, METHODS)
    ]
    key = "{} {} ratio 1".format
    clustering = [
        part(f"{kind}: IICR of Emb-Id minus {m}", key(kind, "Emb-Id"), key(kind, m), "less")
        for kind, m in product(KINDS, ("Emb-Im", "Emb-Hyb"))
    ]
    generalisation = [
        part(f"IICR of {m}, unseen minus known", key("strong", m), key("known", m)) for m in METHODS
    ]
    controls = [
        part(
            f"{kind}: IICR of Emb-Im, other weights minus first",
            key(kind, CONTROL),
            key(kind, "Emb-Im"),
        )
        for kind in KINDS
    ]
    parts = {"C2": clustering, "C3": generalisation, claims.CONTROL: controls}
    rows += [row for claim, own in parts.items() for row in tables.claim_rows(claim, own)]
    for kind, m in product(KINDS, METHODS):
        longer = {m: [listeners.effect_of_length(candidates, kind, m, seed) for seed in seeds]}
        found = measures.estimate(longer, m, clusters=clusters)
        rows.append(tables.row(f"IICR {kind}, {m}, validation: most minus fewest updates", found))
    return rows


def ratio_estimates(
    measured: Measured, episode_counts: Sequence[int], *, clusters: Sequence[int]
) -> tuple[dict[str, dict[str, Estimate]], dict[str, dict[str, list[Estimate]]]]:
    """Estimates that Table 2's figures show.

    Args:
        measured: as for `ratio_rows`.
        episode_counts: numbers of episodes that an embedding averages over.
        clusters: the population of each run.

    Returns:
        Ratios of single episodes under the kind of split, by method; and ratios and the linear
        probe's accuracies against ``episode_counts`` under "KIND MEASURE", by method.
    """
    estimate = functools.partial(measures.estimate, measured, clusters=clusters)
    shown = (*METHODS, *REFERENCES)
    bars = {kind: {m: estimate(f"{kind} {m} ratio 1") for m in shown} for kind in KINDS}
    curves = {
        f"{kind} {name}": {
            m: [estimate(f"{kind} {m} {name} {n}") for n in episode_counts]
            for m in (*METHODS, "summary statistics")
        }
        for kind, name in product(KINDS, ("ratio", "linear"))
    }
    return bars, curves


def return_rows(
    returns: Measured,
    check: Sequence[float],
    episode_counts: Sequence[int],
    *,
    clusters: Sequence[int],
    paper: Mapping[str, Mapping[str, float]],
) -> list[tables.Row]:
    """Table 3: mean returns beside the paper's, the claims C7 and C7b, and a negative control.

    Args:
        returns: a mean return for each run under "PART NAME, k = K".
        check: the mean return of real episodes minus the one that the tables of returns predict,
            for each run; see `speakers.train_exactly`.
        episode_counts: numbers of episodes k; rows show the first and the last.
        clusters: the population of each run.
        paper: the paper's returns, by part and method.
    """
    estimate = functools.partial(measures.estimate, {**returns, "check": check}, clusters=clusters)
    part: Callable[..., Any] = functools.partial(measures.part, returns, clusters=clusters)
    first, last = episode_counts[0], episode_counts[-1]
    shown = dict.fromkeys(("no embedding", "zeros", "random"), (last,))
    shown |= dict.fromkeys(
        (*METHODS, GATED, "no embedding, MADDPG", "Emb-Hyb, MADDPG"), (first, last)
    )
    shown |= dict.fromkeys((SWAPPED, "oracle", CONSTANT, CODE), (last,))
    rows = []
    for (side, group), name in product(GROUPS.items(), shown):
        reported = paper[side].get("MADDPG" if name == "no embedding" else name)
        for k in shown[name] if (name, side) != ("oracle", "test") else ():
            title = f"return, {group}, {name}" + (f", k = {k}" if len(shown[name]) > 1 else "")
            known = reported if k == first or name == "no embedding" else None
            rows.append(tables.row(title, estimate(f"{side} {name}, k = {k}"), paper=known))
    rows.append(tables.row("real episodes minus table", estimate("check")))
    for claim, name in (("C7", "Emb-Hyb"), ("C7b", GATED)):
        parts = []
        for k in (first, last):
            match = f"train {name}, k = {k}", f"train oracle, k = {k}"
            beat = f"test {name}, k = {k}", f"test no embedding, k = {k}"
            title = f"training, k = {k}: {name} minus oracle"
            parts.append(part(title, *match, "equal", smallest_effect="match"))
            title = f"unseen, k = {k}: {name} minus no embedding"
            parts.append(part(title, *beat, smallest_effect="return"))
        rows += tables.claim_rows(claim, parts)
    controls = [
        part(
            f"{group}: return of zeros minus no embedding",
            f"{side} zeros, k = {last}",
            f"{side} no embedding, k = {last}",
            smallest_effect="return",
        )
        for side, group in GROUPS.items()
    ]
    return rows + tables.claim_rows(claims.CONTROL, controls)


def return_estimates(
    returns: Measured, episode_counts: Sequence[int], *, clusters: Sequence[int]
) -> dict[str, dict[str, list[Estimate]]]:
    """Estimates that Table 3's figure shows, by part and name: returns against ``episode_counts``
    for methods with an embedding, and one return, for the last count, for references.

    Args:
        returns: as for `return_rows`.
        episode_counts: numbers of episodes k.
        clusters: the population of each run.
    """
    methods, levels = (*METHODS, GATED), (CONSTANT, "oracle", CODE, "no embedding")
    return {
        side: {
            name: [
                measures.estimate(returns, f"{side} {name}, k = {k}", clusters=clusters)
                for k in (episode_counts if name in methods else episode_counts[-1:])
            ]
            for name in (*methods, *levels)
            if (name, side) != ("oracle", "test")
        }
        for side in GROUPS
    }
