"""Settings of a comparison's encoders, chosen one after another on validation episodes."""

from __future__ import annotations

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
) -> tuple[dict[tuple[str, str, int], Choice], list[dict[str, Any]]]:
    """Chooses λ of Emb-Hyb, then each method's learning rate, then its number of updates. What is
    not chosen yet takes the middle one of its candidates.

    Args:
        comparison: of encoders.
        ratio: IICR of embeddings and their agents.
        kinds: of split.
        identification_weights, learning_rates, update_counts: candidates.

    Returns:
        The choices for all `METHODS` and `CONTROL`, and rows on all candidates; see
        `Comparison.choose`.
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
            methods=(*METHODS, CONTROL),
            kinds=kinds,
        )
        rows += more
    return choices, rows


def _variants(
    choices: Choices, name: str, values: Sequence[float | int], *case: Any
) -> list[Choice]:
    """The choice of a case with each value of one setting."""
    settings = ({name: value} for value in values)
    return [choices[case]._replace(**changed) for changed in settings]
