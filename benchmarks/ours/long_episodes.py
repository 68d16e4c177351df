"""Learning embeddings from wrestlers' episodes of 500 steps, and what limits it.

A unit is a floating-point operation of the networks, counted by PyTorch. The forms: `learn` as it
is; the same updates without drawing episodes, on one draw made beforehand; and products of
large matrices, which are the arithmetic limit of the cores.
"""

from __future__ import annotations

from unittest import mock

import numpy as np
import torch
from protocol import Case, serve
from torch.utils.flop_counter import FlopCounterMode

from paperlib import embeddings, objectives
from paperlib.datasets import InteractionDataset
from paperlib.environments.robosumo_observations import observation_size
from paperlib.streams import make_generator

NUM_AGENTS, NUM_EPISODES, NUM_STEPS = 15, 40, 500
NUM_UPDATES = 20  # updates in one call of `learn`
MATRIX_SIZE = 2048
SETTINGS = embeddings.Settings(
    num_updates=NUM_UPDATES,
    repetitions=3,
    likelihood="gaussian",
    steps_per_episode=50,
)


def make_dataset() -> InteractionDataset:
    """Random episodes in the shape of a wrestler's."""
    rng, count = np.random.default_rng(0), NUM_AGENTS * NUM_EPISODES
    size = observation_size("ant")
    return InteractionDataset.from_arrays(
        rng.normal(size=(count, NUM_STEPS, size)).astype(np.float32),
        rng.normal(size=(count, NUM_STEPS, 8)).astype(np.float32),
        np.arange(count) % NUM_AGENTS,
    )


def make_case(form: str, threads: int) -> Case:
    """A unit is a floating-point operation.

    Args:
        form: "learn", "no drawing" or "matrix products".
        threads: number of PyTorch threads.
    """
    torch.set_num_threads(threads)
    if form == "matrix products":
        left, right = torch.randn(2, MATRIX_SIZE, MATRIX_SIZE)
        return lambda: left @ right, 2 * MATRIX_SIZE**3
    dataset, generator = make_dataset(), make_generator(1)

    def learn() -> None:
        embeddings.learn(dataset, settings=SETTINGS, generator=generator)

    with FlopCounterMode(display=False) as counter:
        learn()
    count = counter.get_total_flops()
    if form == "learn":
        return learn, count
    drawn = objectives.draw_triplets(
        dataset,
        dataset.episodes_of_agents(),
        repetitions=SETTINGS.repetitions,
        steps_per_episode=SETTINGS.steps_per_episode,
        generator=generator,
    )

    def without_drawing() -> None:
        with mock.patch.object(embeddings, "draw_triplets", lambda *_, **__: drawn):
            learn()

    return without_drawing, count


if __name__ == "__main__":
    serve(make_case, packages=("torch",))
