"""ParticleWorld with random actions: whole episodes of 25 steps, including resets."""

from __future__ import annotations

import torch
from protocol import Case, require_rewards, serve

from paperlib.environments import particleworld_rollouts
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    ParticleWorld,
    listener_size,
)
from paperlib.streams import make_generator


def make_case(num_episodes: int, form: str, threads: int) -> Case:
    """One block is one episode of every row of the batch; a unit is a step of one episode.

    Args:
        form: "whole episodes" plays them in one call, "compiled" and "plain" call every step. The
            first records all observations and rewards, in the same buffers each time; compiled
            steps have buffers for the observation and the reward of one step.
        threads: number of PyTorch threads.
    """
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    compiled = form != "plain"
    world = ParticleWorld(num_episodes, generator=make_generator(0), compiled=compiled)
    if compiled and not world.compiled:
        raise SystemExit("there is no C++ compiler, without which compiled=True is the plain form")
    draws = make_generator(1)
    messages = torch.rand(EPISODE_LENGTH, num_episodes, world.message_size, generator=draws)
    forces = torch.rand(EPISODE_LENGTH, num_episodes, FORCE_SIZE, generator=draws)
    steps = list(zip(messages.unbind(), forces.unbind(), strict=True))
    world.reset()
    record = particleworld_rollouts.play(world, (messages, forces))
    require_rewards(record.rewards[:, :100].flatten().tolist())
    buffers = None
    if compiled:
        size = listener_size(world.message_size)
        buffers = torch.empty(num_episodes, size), torch.empty(num_episodes)

    def play() -> None:
        world.reset()
        particleworld_rollouts.play(world, (messages, forces), out=record)

    def step() -> None:
        world.reset()
        for message, force in steps:
            world.step(message, force, out=buffers)

    return play if form == "whole episodes" else step, EPISODE_LENGTH * num_episodes


if __name__ == "__main__":
    serve(make_case, packages=("torch",))
