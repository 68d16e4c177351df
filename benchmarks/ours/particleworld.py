"""ParticleWorld with random actions: whole episodes of 25 steps, their restart included."""

from __future__ import annotations

import torch
from protocol import Case, require_rewards, serve

from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    ParticleWorld,
    compiler_available,
)
from paperlib.streams import make_generator


def make_case(num_episodes: int, compiled: bool, threads: int) -> Case:
    """One block is one episode of every row of the batch; a unit is a step of one episode."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    if compiled and not compiler_available():
        raise SystemExit("there is no C++ compiler, without which compiled=True is the plain form")
    world = ParticleWorld(num_episodes, generator=make_generator(0), compiled=compiled)
    draws = make_generator(1)
    messages = torch.rand(EPISODE_LENGTH, num_episodes, world.message_size, generator=draws)
    forces = torch.rand(EPISODE_LENGTH, num_episodes, FORCE_SIZE, generator=draws)
    steps = list(zip(messages.unbind(), forces.unbind(), strict=True))

    def play() -> list[torch.Tensor]:
        world.reset()
        return [world.step(message, force)[1] for message, force in steps]

    require_rewards(torch.stack(play())[:, :100].flatten().tolist())
    return play, EPISODE_LENGTH * num_episodes


if __name__ == "__main__":
    serve(make_case, packages=("torch",))
