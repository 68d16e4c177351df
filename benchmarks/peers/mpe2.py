"""mpe2's simple_speaker_listener_v4 with random continuous actions, one environment in a loop."""

from __future__ import annotations

from mpe2 import simple_speaker_listener_v4
from protocol import Case, require_rewards, serve

EPISODE_LENGTH = 25


def make_case() -> Case:
    """One block is one episode; a unit is a step of both agents."""
    env = simple_speaker_listener_v4.parallel_env(
        max_cycles=EPISODE_LENGTH, continuous_actions=True
    )
    env.reset(seed=0)
    actions = [
        {agent: env.action_space(agent).sample() for agent in env.possible_agents}
        for _ in range(EPISODE_LENGTH)
    ]

    def play() -> list[float]:
        env.reset()
        return [env.step(action)[1]["listener_0"] for action in actions]

    require_rewards(play())
    return play, EPISODE_LENGTH


if __name__ == "__main__":
    serve(make_case, packages=("mpe2", "pettingzoo", "numpy"))
