"""Training pairs of a speaker and a listener side by side with paperlib.agents.maddpg."""

from __future__ import annotations

import torch
from protocol import Case, serve

from paperlib.agents import maddpg, populations
from paperlib.environments.particleworld import EPISODE_LENGTH
from paperlib.streams import make_generator


def make_case(num_pairs: int, threads: int) -> Case:
    """One block is one iteration of all pairs, with a full replay; a unit is a pair's step."""
    torch.set_num_threads(threads)
    settings = maddpg.Settings()
    learners = maddpg.Learners([make_generator(0, pair) for pair in range(num_pairs)], settings)
    for _ in range(settings.replay_iterations):
        learners.replay.add(populations.play(learners.speakers, learners.listeners, learners.world))
    return learners.step, num_pairs * settings.num_episodes * EPISODE_LENGTH


if __name__ == "__main__":
    serve(make_case, packages=("torch",))
