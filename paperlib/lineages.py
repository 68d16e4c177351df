"""The twenty-five wrestlers: who is trained how, and from whom."""

from __future__ import annotations

import dataclasses

from paperlib import ppo
from paperlib.wrestling import Recipe, RewardWeights


@dataclasses.dataclass(frozen=True)
class Lineage:
    """One training: of an ancestor, of a wrestler by self-play, or of a pair.

    Attributes:
        name: of the training.
        number: part of the key of its random stream.
        recipe: how.
        parents: trainings whose learners these start from, as (name, learner), one each.
        num_learners: 1 or 2.
    """

    name: str
    number: int
    recipe: Recipe
    parents: tuple[tuple[str, int], ...] = ()
    num_learners: int = 1


ANCESTORS = (
    Lineage(
        name="a",
        number=0,
        recipe=Recipe(
            num_chapters=60,
            rewards=RewardWeights(
                win=2.0, loss=1.0, draw=1.0, approach=1.0, push=1.0, stay=0.5, topple=0.5
            ),
            ppo=ppo.Settings(learning_rate=1e-3, discount=0.99, entropy_weight=1e-3),
            still_share=0.6,
            min_deviation=0.15,
        ),
    ),
    Lineage(
        name="b",
        number=1,
        recipe=Recipe(
            num_chapters=60,
            rewards=RewardWeights(
                win=2.0, loss=1.5, draw=1.0, approach=0.5, push=1.0, stay=0.5, topple=1.0, time=0.01
            ),
            ppo=ppo.Settings(learning_rate=1e-3, discount=0.995, entropy_weight=2e-3),
            still_share=0.5,
            min_deviation=0.2,
        ),
    ),
)
