"""JaxMARL's simple speaker-listener with random continuous actions: jit, vmap and lax.scan.

One compiled call resets the whole batch, does 25 steps, and returns all observations and rewards,
which XLA would otherwise leave out. The steps draw noise of scale zero: one key for the whole batch
suffices instead of one for each episode. With two devices, XLA treats each core as a device of its
own, which does half of the batch.
"""

from __future__ import annotations

import jax
from protocol import Case, require_rewards, serve

EPISODE_LENGTH = 25


def make_case(num_episodes: int, devices: int) -> Case:
    """One block is one episode of every place of the batch; a unit is a step of one episode."""
    jax.config.update("jax_num_cpu_devices", devices)
    import jaxmarl  # computes on its import, after which the number of devices is fixed
    from jaxmarl.environments.mpe.default_params import CONTINUOUS_ACT

    env = jaxmarl.make("MPE_simple_speaker_listener_v4", action_type=CONTINUOUS_ACT)
    share = num_episodes // devices
    key = jax.random.PRNGKey(0)
    actions = {
        agent: jax.random.uniform(
            jax.random.fold_in(key, index),
            (devices, EPISODE_LENGTH, share, *env.action_space(agent).shape),
        )
        for index, agent in enumerate(env.agents)
    }
    step = jax.vmap(env.step_env, in_axes=(None, 0, 0))

    def play(key: jax.Array, actions: dict[str, jax.Array]) -> tuple:
        _, start = jax.vmap(env.reset)(jax.random.split(key, share))

        def advance(state, chosen: dict[str, jax.Array]) -> tuple:
            observations, state, rewards, _, _ = step(key, state, chosen)
            return state, (observations, rewards)

        return jax.lax.scan(advance, start, actions)[1]

    if devices == 1:
        run, inputs = jax.jit(play), (key, {name: value[0] for name, value in actions.items()})
    else:
        run, inputs = jax.pmap(play), (jax.random.split(key, devices), actions)
    rewards = run(*inputs)[1]["listener_0"].reshape(-1, share)
    require_rewards(rewards[:, :100].flatten().tolist())
    return lambda: jax.block_until_ready(run(*inputs)), EPISODE_LENGTH * num_episodes


if __name__ == "__main__":
    serve(make_case, packages=("jaxmarl", "jax", "jaxlib"))
