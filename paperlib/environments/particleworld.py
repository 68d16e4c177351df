"""ParticleWorld: the cooperative speaker-listener game, thousands of episodes at once.

Two agents on a plane with three landmarks. The *speaker* sees which landmark is the target and
sends a message; the *listener* sees the landmarks and the message, and moves. The reward of both is
minus the squared distance between listener and target. It is ``simple_speaker_listener_v4`` of the
package mpe2 with continuous actions, step for step, over a batch.

| agent    | observation, in this order                  | size | unit         |
|----------|---------------------------------------------|------|--------------|
| speaker  | ``TARGET_COLOUR``: colour of the target     | 3    | 0.15 or 0.65 |
| listener | ``VELOCITY``: own velocity                  | 2    | length/time  |
|          | ``LANDMARKS``: each landmark's position     | 6    | length       |
|          | relative to the listener, landmark-major    |      |              |
|          | ``MESSAGE``: the speaker's last message     | M    | 0 to 1       |

| agent    | action                                                        | size | range  |
|----------|---------------------------------------------------------------|------|--------|
| speaker  | the message; the listener's next observation holds it         | M    | [0, 1] |
| listener | force: nothing, left, right, down, up                         | 5    | [0, 1] |

An episode starts with listener and landmarks uniform in [-1, 1]^2, everything at rest, the message
all zeros, and lasts 25 steps of 0.1 time units. The message size M is 3 in mpe2.
"""

from __future__ import annotations

from numbers import Integral
from typing import NamedTuple

import torch
from numpy.typing import ArrayLike
from torch import Tensor
from torch.nn import functional

from paperlib import _checks, streams

NUM_LANDMARKS = 3
EPISODE_LENGTH = 25
TIME_STEP = 0.1
DAMPING = 0.25
SENSITIVITY = 5.0  # force of a full action, mass 1
FORCE_SIZE = 5
SPEAKER_SIZE = 3
MAX_MESSAGE_SIZE = 16
DYNAMICS = ("mpe2", "2018")

# Fields of the observations, in the order of the table above.
TARGET_COLOUR = slice(0, 3)
VELOCITY = slice(0, 2)
LANDMARKS = slice(2, 8)
MESSAGE = slice(8, None)

COLOURS = torch.full((NUM_LANDMARKS, 3), 0.15, dtype=torch.float64) + 0.5 * torch.eye(3)
LANDMARK_COLOURS = ("#D55E00", "#009E73", "#0072B2")  # in figures


class State(NamedTuple):
    """The state of a batch of episodes; ``...`` is the shape of the batch.

    Attributes:
        position: the listener's position, shape (..., 2).
        velocity: the listener's velocity, shape (..., 2).
        landmarks: positions of the landmarks, shape (..., 3, 2).
        target: index of the target landmark, integers of shape (...).
        message: what the listener sees next, in [0, 1], shape (..., M).
    """

    position: Tensor
    velocity: Tensor
    landmarks: Tensor
    target: Tensor
    message: Tensor


class Observations(NamedTuple):
    """What both agents see: ``speaker`` of shape (..., 3), ``listener`` of shape (..., 8 + M)."""

    speaker: Tensor
    listener: Tensor


def listener_size(message_size: int) -> int:
    """The size of the listener's observation for messages of ``message_size`` numbers."""
    return MESSAGE.start + message_size


def _target_position(state: State) -> Tensor:
    """The position of each episode's target, (..., 2)."""
    index = state.target[..., None, None].expand(*state.target.shape, 1, 2)
    return state.landmarks.gather(-2, index).squeeze(-2)


def _observe_speaker(state: State) -> Tensor:
    return functional.embedding(state.target, COLOURS.to(state.position))


def _observe_listener(state: State, *, out: Tensor | None = None) -> Tensor:
    relative = state.landmarks - state.position.unsqueeze(-2)
    return torch.cat([state.velocity, relative.flatten(-2), state.message], dim=-1, out=out)


def advance(
    state: State,
    message: Tensor,
    force: Tensor,
    *,
    dynamics: str = "mpe2",
    out: Tensor | None = None,
) -> tuple[State, Tensor]:
    """One step of the dynamics: returns the next state and the reward in it, of shape (...),
    written to ``out`` if given.

    With dt = 0.1, x the position, v the velocity and f = 5 (right - left, up - down),
    mpe2:  x' = x + v dt,   v' = 0.75 v + f dt  (the old velocity moves the listener);
    2018:  v' = 0.75 v + f dt,   x' = x + v' dt  (the new one does).
    The reward is -|x' - target|^2.
    """
    push = SENSITIVITY * (force[..., 2::2] - force[..., 1::2])  # (..., 2): right-left, up-down
    velocity = state.velocity * (1 - DAMPING) + push * TIME_STEP
    moving = velocity if dynamics == "2018" else state.velocity
    position = state.position + moving * TIME_STEP
    target = _target_position(state)
    reward = torch.neg((position - target).square().sum(-1), out=out)
    return State(position, velocity, state.landmarks, state.target, message), reward


def _step(
    state: State, message: Tensor, force: Tensor, *, dynamics: str, out: tuple
) -> tuple[State, Tensor, Tensor]:
    """`advance`, and the listener's observation; ``out`` holds buffers for it and the reward."""
    state, reward = advance(state, message, force, dynamics=dynamics, out=out[1])
    return state, _observe_listener(state, out=out[0]), reward


class ParticleWorld:
    """A batch of speaker-listener episodes that step together.

    Args:
        batch_shape: number of episodes, or a shape such as (pairs, episodes).
        generator: draws the starting states; its device is the episodes' device. A sequence holds
            one generator for each row of the batch's first axis.
        message_size: M, numbers in a message, 1 to 16.
        dynamics: "mpe2", or "2018" for the original, which moves with the new velocity.
        dtype: data type of drawn states; observations and rewards have that of the state.
        compiled: whether to step in one C++ loop, with the same numbers but without gradients. It
            needs float32 or float64 on a CPU, and a C++ compiler (see
            `particleworld_loops.compiler_available`); otherwise it steps in PyTorch.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        batch_shape: int | tuple[int, ...],
        *,
        generator: streams.Generators,
        message_size: int = 3,
        dynamics: str = "mpe2",
        dtype: torch.dtype = torch.float32,
        compiled: bool = False,
    ) -> None:
        sizes = batch_shape if isinstance(batch_shape, tuple | list) else (batch_shape,)
        whole = all(isinstance(n, Integral) and not isinstance(n, bool) and n >= 1 for n in sizes)
        if not sizes or not whole:
            raise ValueError(
                f"batch_shape must be a positive integer or a tuple of some, got {batch_shape!r}"
            )
        message_size = _checks.integer("message_size", message_size, minimum=1)
        if message_size > MAX_MESSAGE_SIZE:
            raise ValueError(f"message_size must be at most {MAX_MESSAGE_SIZE}, got {message_size}")
        _checks.one_of("dynamics", dynamics, DYNAMICS)
        self.batch_shape = tuple(int(size) for size in sizes)
        self.generator = generator
        self.message_size = message_size
        self.dynamics = dynamics
        self.dtype = dtype
        self.state: State | None = None
        self._step, self._observe_listener = _step, _observe_listener
        if compiled:
            from paperlib.environments import particleworld_loops as loops  # imports this module

            if compiled := loops.serve(generator, dtype):
                self._step, self._observe_listener = loops.step, loops.observe_listener
        self.compiled = compiled

    def reset(self, state: State | None = None) -> Observations:
        """Starts new episodes: from ``state`` if it is given, else drawn from the generator.

        Raises:
            ValueError: if a part of the state is not of the batch's shape.
        """
        if state is not None:
            sizes = (2,), (2,), (NUM_LANDMARKS, 2), (), (self.message_size,)
            for name, part, size in zip(State._fields, state, sizes, strict=True):
                self._check_shape(f"state.{name}", part, *size)
        self.state = self._draw() if state is None else state
        self._colour = _observe_speaker(self.state)  # it stays the same for the whole episode
        return Observations(self._colour, self._observe_listener(self.state))

    def observe(self, *, out: Tensor | None = None) -> Observations:
        """Both agents' observations of the current state, the listener's in ``out`` if given."""
        if self.state is None:
            raise ValueError("observe: no episode was started; call reset() first")
        if out is not None:
            self._check_buffer("out", out, listener_size(self.message_size))
        return Observations(self._colour, self._observe_listener(self.state, out=out))

    def _check_shape(self, name: str, tensor: Tensor, *size: int) -> None:
        if tensor.shape != (shape := (*self.batch_shape, *size)):
            raise ValueError(f"{name} must have the shape {shape}, got {tuple(tensor.shape)}")

    def _check_buffer(self, name: str, buffer: Tensor, *size: int) -> None:
        _checks.buffer(name, buffer, shape=(*self.batch_shape, *size), like=self.state.position)

    def _draw(self) -> State:
        *batch, last = self.batch_shape
        size = 2 + 2 * NUM_LANDMARKS + 1
        numbers = streams.uniform(self.generator, *batch, last, size, dtype=self.dtype)
        position, landmarks = 2 * numbers[..., :2] - 1, 2 * numbers[..., 2:-1] - 1
        target = (numbers[..., -1] * NUM_LANDMARKS).long().clamp(max=NUM_LANDMARKS - 1)
        return State(
            position=position,
            velocity=torch.zeros_like(position),
            landmarks=landmarks.unflatten(-1, (NUM_LANDMARKS, 2)),
            target=target,
            message=position.new_zeros(*self.batch_shape, self.message_size),
        )

    def step(
        self, message: ArrayLike, force: ArrayLike, *, out: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Observations, Tensor]:
        """One step of every episode.

        Args:
            message: the speaker's action, in [0, 1], shape (..., M); the state keeps the tensor.
            force: the listener's action, in [0, 1], shape (..., 5). Both are converted to the
                state's type if they have another.
            out: buffers for the listener's next observation, (..., 8 + M), and the reward, which
                are returned; by default new ones. They do not carry gradients.

        Returns:
            The next observations, and the reward that both agents share, shape (...), at most 0.

        Raises:
            ValueError: if a shape is wrong, or `reset` was never called. The range is not checked:
                it would cost more than the step; the PettingZoo view does.
        """
        if self.state is None:
            raise ValueError("step: no episode was started; call reset() first")
        shape, like = self.batch_shape, self.state.position
        message = _checks.tensor_like("message", message, (*shape, self.message_size), like=like)
        force = _checks.tensor_like("force", force, (*shape, FORCE_SIZE), like=like)
        listener, reward = out or (None, None)
        if out is not None:
            self._check_buffer("out[0]", listener, listener_size(self.message_size))
            self._check_buffer("out[1]", reward)
        self.state, listener, reward = self._step(
            self.state, message, force, dynamics=self.dynamics, out=(listener, reward)
        )
        return Observations(self._colour, listener), reward


def best_returns(state: State, *, dynamics: str = "mpe2", num_iterations: int = 300) -> Tensor:
    """The highest return that any listener can reach from ``state``: an upper bound on results.

    The axes are independent, and positions x = A f + b on one are linear in its pushes f in
    [-1, 1]^25, so that the best return, -min_f |A f + b - target|^2, is a box-constrained convex
    problem. FISTA (Beck and Teboulle 2009, eq. 4.1 to 4.3) solves all of them at once, short of
    the optimum by at most 2 L |f*|^2 / num_iterations^2, under 0.02 for 300 iterations.

    Args:
        state: starting states of a batch of shape (...), with velocity zero.

    Returns:
        The sum over 25 steps of minus the squared distance to the target, shape (...).
    """
    _checks.one_of("dynamics", dynamics, DYNAMICS)
    gain = torch.zeros(EPISODE_LENGTH, EPISODE_LENGTH, dtype=torch.float64)  # A: (step, push)
    velocity, position = torch.zeros(2, EPISODE_LENGTH, dtype=torch.float64)
    for step in range(EPISODE_LENGTH):
        pushed = (1 - DAMPING) * velocity
        pushed[step] += SENSITIVITY * TIME_STEP
        position = position + (pushed if dynamics == "2018" else velocity) * TIME_STEP
        velocity = pushed
        gain[step] = position
    gain = gain.to(state.position.device)
    target = _target_position(state)
    away = (state.position - target).double().unsqueeze(-1)  # (..., 2, 1): b - target
    step_size = 1 / torch.linalg.matrix_norm(gain, 2).square()
    push = extrapolated = torch.zeros(*away.shape[:-1], EPISODE_LENGTH).to(away)
    momentum = 1.0
    for _ in range(num_iterations):
        gradient = (extrapolated @ gain.T + away) @ gain
        previous, push = push, (extrapolated - step_size * gradient).clamp(-1, 1)
        momentum, last = (1 + (1 + 4 * momentum**2) ** 0.5) / 2, momentum
        extrapolated = push + (last - 1) / momentum * (push - previous)
    return -(push @ gain.T + away).square().sum((-2, -1)).to(state.position.dtype)
