"""Training of wrestlers with PPO, and its limit: the same matches in the environment alone.

A unit is a sample: one action of a learner that PPO learns from. The limit begins the very same
matches and steps the very same actions, without policies, training rewards, or updates. Updates
use every minibatch of every epoch: a KL limit would end them sooner or later, depending on the
run's progress, and so change the rate.
"""

from __future__ import annotations

import dataclasses

import torch
from protocol import Case, serve

from paperlib import pretrained
from paperlib.agents.selfplay import SelfPlay
from reproduction import training_runs

NO_LIMIT = 1e9  # nats
ENDLESS = 10**9  # iterations, so that the learning rate stays as it is


def make_case(form: str, num_rollouts: int, threads: int) -> Case:
    """A unit is a sample.

    Args:
        form: "ppo", or "environment", the limit.
        num_rollouts: rollouts in a block.
        threads: number of threads of the physics and of PyTorch.
    """
    torch.set_num_threads(threads)
    shipped = pretrained.load("robosumo/wrestlers")
    recipe = training_runs.RUNS["self-balanced"].recipe
    recipe = dataclasses.replace(
        recipe,
        ppo=dataclasses.replace(recipe.ppo, target_kl=NO_LIMIT),
        num_iterations=ENDLESS,
        num_rollouts=num_rollouts,
    )
    parents = [shipped["self-balanced"].state_dict()]
    training = SelfPlay((1,), recipe, parents=parents, num_threads=threads)
    env, actions, begun = training.rollouts.env, [], []
    step, reset = env.step, env.reset

    def recorded_step(chosen: list) -> object:
        actions.append([part.copy() for part in chosen])
        return step(chosen)

    def recorded_reset(*, seeds: list[int]) -> object:
        begun.extend(seeds)
        return reset(seeds=seeds)

    env.step, env.reset = recorded_step, recorded_reset
    samples = training.step()["samples"]
    env.step, env.reset = step, reset
    if form == "ppo":
        return training.step, samples

    def block() -> None:
        env.reset(seeds=begun)
        for chosen in actions:
            env.step(chosen)

    return block, samples


if __name__ == "__main__":
    serve(make_case, packages=("torch", "mujoco"))
