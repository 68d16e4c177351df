"""VMAS' simple_speaker_listener with random continuous actions, over a batch in PyTorch."""

from __future__ import annotations

import torch
import vmas
from protocol import Case, require_rewards, serve

EPISODE_LENGTH = 25


def make_case(num_episodes: int, threads: int) -> Case:
    """One block is one episode of every place of the batch; a unit is a step of one episode."""
    torch.set_num_threads(threads)
    torch.set_grad_enabled(False)
    env = vmas.make_env(
        "simple_speaker_listener",
        num_envs=num_episodes,
        device="cpu",
        continuous_actions=True,
        seed=0,
    )
    steps = [env.get_random_actions() for _ in range(EPISODE_LENGTH)]

    def play() -> list[torch.Tensor]:
        env.reset()
        return [env.step(actions)[1][1] for actions in steps]

    require_rewards(torch.stack(play())[:, :100].flatten().tolist())
    return play, EPISODE_LENGTH * num_episodes


if __name__ == "__main__":
    serve(make_case, packages=("vmas", "torch"))
