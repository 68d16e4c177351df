"""Settings of a comparison's encoders, chosen one after another on validation episodes."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence
from typing import Any

from reproduction.comparison_files import METHODS
from reproduction.comparisons import (
    CONTROL,
    IDENTIFICATION,
    IMITATION,
    Choice,
    Choices,
    Comparison,
    Ratio,
)


def choose_one_by_one(
    comparison: Comparison,
    ratio: Ratio,
    *,
    kinds: Sequence[str],
    identification_weights: Sequence[float],
    learning_rates: Sequence[float],
    update_counts: Sequence[int],
    methods: Sequence[str] = (*METHODS, CONTROL),
) -> tuple[dict[tuple[str, str, int], Choice], list[dict[str, Any]]]:
    """Chooses λ of Emb-Hyb, then each method's learning rate, then its number of updates.
    Settings that are not chosen yet take the middle one of their candidates.

    Args:
        comparison: encoders whose settings are chosen.
        ratio: function of embeddings and their agents that returns their IICR.
        kinds: kinds of split.
        identification_weights, learning_rates, update_counts: candidates.
        methods: `METHODS`, and `CONTROL` if wanted.

    Returns:
        The choices for all methods, and rows on all candidates; see `Comparison.choose`.
    """
    middle = (sorted(part)[len(part) // 2] for part in (learning_rates, update_counts))
    usual = Choice(IMITATION, *middle)
    choices, rows = comparison.choose(
        lambda *case: [usual._replace(identification_weight=w) for w in identification_weights],
        ratio,
        methods=["Emb-Hyb"],
        kinds=kinds,
    )
    for kind, seed in itertools.product(kinds, comparison.seeds):
        choices[kind, "Emb-Im", seed] = choices[kind, CONTROL, seed] = usual
        choices[kind, "Emb-Id", seed] = usual._replace(identification_weight=IDENTIFICATION)
    stages = {"learning_rate": learning_rates, "num_updates": update_counts}
    for name, values in stages.items():
        so_far = choices
        choices, more = comparison.choose(
            functools.partial(_variants, so_far, name, values),
            ratio,
            methods=methods,
            kinds=kinds,
        )
        rows += more
    return choices, rows


def choose_in_first_seed(
    comparison: Comparison,
    ratio: Ratio,
    *,
    kinds: Sequence[str],
    identification_weights: Sequence[float],
    **candidates: Sequence[float | int],
) -> tuple[dict[tuple[str, str, int], Choice], list[dict[str, Any]]]:
    """Like `choose_one_by_one`, but all seeds take what is chosen in the first one, and only λ of
    Emb-Hyb is chosen again in every seed. There are no choices for `CONTROL`."""
    first = comparison.seeds[0]
    of_first = dataclasses.replace(
        comparison,
        datasets={first: comparison.datasets[first]},
        splits={(kind, first): comparison.splits[kind, first] for kind in kinds},
    )
    options: Any = {"kinds": kinds, "identification_weights": identification_weights, **candidates}
    usual, rows = choose_one_by_one(of_first, ratio, methods=METHODS, **options)
    weights, more = comparison.choose(
        lambda kind, method, _: [
            usual[kind, method, first]._replace(identification_weight=w)
            for w in identification_weights
        ],
        ratio,
        methods=["Emb-Hyb"],
        kinds=kinds,
    )
    cases = itertools.product(kinds, METHODS, comparison.seeds)
    chosen = {(kind, m, seed): usual[kind, m, first] for kind, m, seed in cases}
    return chosen | weights, rows + more


def settings_of(
    choices: Choices, kinds: Sequence[str], methods: Sequence[str], seeds: Sequence[int]
) -> dict[str, list[float]]:
    """The settings chosen in each seed, under "KIND METHOD chosen SETTING"."""
    return {
        f"{kind} {method} chosen {name}": [getattr(choices[kind, method, s], name) for s in seeds]
        for kind, method, name in itertools.product(kinds, methods, Choice._fields)
    }


def _variants(
    choices: Choices, name: str, values: Sequence[float | int], *case: Any
) -> list[Choice]:
    """The choice of a case with each value of one setting."""
    settings = ({name: value} for value in values)
    return [choices[case]._replace(**changed) for changed in settings]
