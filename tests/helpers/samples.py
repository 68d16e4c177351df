"""Small datasets, and other small things, that several tests use."""

import re

import numpy as np

from paperlib.datasets import InteractionDataset


def make_dataset(seed=0, *, num_agents=4, num_episodes=3, continuous=False):
    """Episodes of 3 to 6 steps; observations (T, 2) lie around the agent's number."""
    rng = np.random.default_rng(seed)
    agents = np.repeat(np.arange(num_agents), num_episodes)
    lengths = rng.integers(3, 7, len(agents))
    pairs = list(zip(agents, lengths, strict=True))
    shapes = [(length, 3) if continuous else length for length in lengths]
    draw = rng.standard_normal if continuous else lambda shape: rng.integers(0, 3, shape)
    return InteractionDataset.from_arrays(
        [agent + 0.3 * rng.standard_normal((length, 2)) for agent, length in pairs],
        [draw(shape) for shape in shapes],
        agents,
        partners=(agents + 1) % num_agents,
        returns=rng.standard_normal(len(agents)),
        num_actions=None if continuous else 3,
    )


def squeezed(table):
    """The table without the spaces that align its columns."""
    return re.sub(r" +", " ", table)
