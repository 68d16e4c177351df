"""Whole episodes of ParticleWorld, in reusable buffers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from paperlib import _checks
from paperlib.environments import particleworld_loops
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    ParticleWorld,
    listener_size,
)

# Maps a step's number and the listener's observation, (..., 8 + M), to a message and a force
Policy = Callable[[int, Tensor], tuple[Tensor, Tensor]]


class Rollout(NamedTuple):
    """Episodes of a batch of shape (...).

    Attributes:
        listener: the listener's observations, (26, ..., 8 + M), the last one after the last step.
        rewards: minus the squared distance to the target, (25, ...).
    """

    listener: Tensor
    rewards: Tensor


@torch.no_grad()
def play(
    world: ParticleWorld,
    policy: Policy | tuple[ArrayLike, ArrayLike],
    *,
    out: Rollout | None = None,
) -> Rollout:
    """Plays 25 steps from the current state of ``world``.

    Args:
        world: the world, after a `reset`.
        policy: called with the number of the step, 0 to 24, and the listener's observation, a row
            of the record, which it must not change; returns the arguments of `ParticleWorld.step`.
            Or all messages and forces, (25, ..., M) and (25, ..., 5): a compiled world then plays
            all steps in one call.
        out: an earlier record to overwrite and return; by default a new one.

    Raises:
        ValueError: if a buffer or an action does not fit, or `reset` was never called.
    """
    if world.state is None:
        raise ValueError("play: no episode was started; call reset() first")
    like, rewards_shape = world.state.position, (EPISODE_LENGTH, *world.batch_shape)
    size = listener_size(world.message_size)
    listener_shape = EPISODE_LENGTH + 1, *world.batch_shape, size
    if out is None:
        out = Rollout(like.new_empty(listener_shape), like.new_empty(rewards_shape))
    _checks.buffer("out.listener", out.listener, shape=listener_shape, like=like)
    _checks.buffer("out.rewards", out.rewards, shape=rewards_shape, like=like)
    seen, rewards = out.listener.unbind(), out.rewards.unbind()
    world.observe(out=seen[0])
    if not callable(policy):
        policy = [
            _checks.tensor_like(name, actions, (*rewards_shape, size), like=like)
            for name, actions, size in zip(
                ("messages", "forces"), policy, (world.message_size, FORCE_SIZE), strict=True
            )
        ]
        if world.compiled:
            following = out.listener[1:], out.rewards
            world.state, *_ = particleworld_loops.step(
                world.state, *policy, dynamics=world.dynamics, out=following
            )
            return out
        policy = _follow(*policy)
    for step in range(EPISODE_LENGTH):
        world.step(*policy(step, seen[step]), out=(seen[step + 1], rewards[step]))
    return out


def _follow(messages: Tensor, forces: Tensor) -> Policy:
    return lambda step, _: (messages[step], forces[step])
