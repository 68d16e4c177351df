"""ParticleWorld's step as one loop in C++, which `ParticleWorld(compiled=True)` calls.

PyTorch needs some 25 calls for a step, and passes over the arrays as often. The loop does the same
arithmetic with the same rounding, so that its numbers agree to the last bit, but it has no
gradients. It is compiled once per machine, in about a second, into the cache of
``torch.compile``.
"""

from __future__ import annotations

import ctypes
import functools

import torch
from torch import Tensor

from paperlib import streams
from paperlib.environments.particleworld import (
    DAMPING,
    FORCE_SIZE,
    NUM_LANDMARKS,
    SENSITIVITY,
    TIME_STEP,
    State,
    listener_size,
)

REALS = {torch.float32: "float", torch.float64: "double"}
CHUNK = 4096  # the fewest episodes that are worth a thread

# Lines and names are those of `particleworld.advance` and its observations.
SOURCE = r"""
#include <algorithm>
#include <cstdint>

extern "C" void run(
    int64_t episodes, int64_t message_size, int64_t steps, int threads, int dynamics_of_2018,
    const Real* position, const Real* velocity, const Real* landmarks, const int64_t* target,
    const Real* messages, const Real* forces,  // of all steps; without forces, nothing moves
    Real* last_position, Real* last_velocity, Real* listener, Real* rewards)
{
    const int64_t share = (episodes + threads - 1) / threads;
    #pragma omp parallel for num_threads(threads) if (threads > 1)
    for (int64_t start = 0; start < episodes; start += share)
    for (int64_t step = 0; step < steps; ++step) {
        const Real* message = messages + message_size * episodes * step;
        const Real* force = forces ? forces + FORCES * episodes * step : nullptr;
        Real* seen = listener + (2 + 2 * LANDMARKS + message_size) * episodes * step;
        const Real* old_position = step ? last_position : position;
        const Real* old_velocity = step ? last_velocity : velocity;
        const int64_t end = std::min(episodes, start + share);
        for (int64_t i = start; i < end; ++i) {
            const Real* landmark = landmarks + 2 * LANDMARKS * i;
            Real* row = seen + (2 + 2 * LANDMARKS + message_size) * i;
            Real x[2], v[2];
            for (int d = 0; d < 2; ++d) {
                x[d] = old_position[2 * i + d];
                v[d] = old_velocity[2 * i + d];
                if (force) {
                    const Real* f = force + FORCES * i + 2 * d;
                    const Real push = SENSITIVITY * (f[2] - f[1]), before = v[d];
                    v[d] = before * KEPT + push * TIME_STEP;
                    x[d] = x[d] + (dynamics_of_2018 ? v[d] : before) * TIME_STEP;
                    last_position[2 * i + d] = x[d];
                    last_velocity[2 * i + d] = v[d];
                }
                row[d] = v[d];
            }
            for (int k = 0; k < 2 * LANDMARKS; ++k) row[2 + k] = landmark[k] - x[k % 2];
            for (int64_t k = 0; k < message_size; ++k)
                row[2 + 2 * LANDMARKS + k] = message[message_size * i + k];
            if (force) {
                const int64_t last = LANDMARKS - 1, chosen = target[i];
                const Real* goal = landmark + 2 * (chosen < 0 ? 0 : chosen > last ? last : chosen);
                const Real right = x[0] - goal[0], up = x[1] - goal[1];
                rewards[episodes * step + i] = -(right * right + up * up);
            }
        }
    }
}
"""


def compiler_available() -> bool:
    """Whether there is a C++ compiler."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    try:
        get_cpp_compiler()
    except Exception:  # torch raises several kinds, all of which mean: no compiler
        return False
    return True


@functools.cache
def _build(dtype: torch.dtype) -> ctypes._CFuncPtr:
    from torch._inductor.codecache import CppCodeCache  # takes a second to import

    numbers = {"KEPT": 1 - DAMPING, "SENSITIVITY": SENSITIVITY, "TIME_STEP": TIME_STEP}
    lines = [f"using Real = {REALS[dtype]};"]
    lines += [f"constexpr Real {name} = {value!r};" for name, value in numbers.items()]
    lines += [f"constexpr int LANDMARKS = {NUM_LANDMARKS}, FORCES = {FORCE_SIZE};"]
    run = CppCodeCache.load("\n".join(lines) + SOURCE).run
    run.argtypes = [ctypes.c_int64] * 3 + [ctypes.c_int] * 2 + [ctypes.c_void_p] * 10
    run.restype = None
    return run


def serve(generator: streams.Generators, dtype: torch.dtype) -> bool:
    """Whether the loop can step such a world: float32 or float64, on a CPU, with a compiler."""
    first = generator if isinstance(generator, torch.Generator) else generator[0]
    return dtype in REALS and first.device.type == "cpu" and compiler_available()


def step(
    state: State, message: Tensor, force: Tensor, *, dynamics: str, out: tuple
) -> tuple[State, Tensor, Tensor]:
    """The next state, the listener's observation of it, and the reward, the latter two in ``out``
    if it holds buffers. With a further first axis, T, of actions and results, does T steps.

    Raises:
        ValueError: if a part of the state has a wrong shape.
    """
    listener, reward = out
    like, steps = state.position, message.shape[: message.ndim - state.message.ndim]
    if listener is None:
        shape = *steps, *state.target.shape
        reward = like.new_empty(shape)
        listener = like.new_empty((*shape, listener_size(message.shape[-1])))
    position, velocity = (
        torch.empty_like(like, memory_format=torch.contiguous_format) for _ in range(2)
    )
    newest = dynamics == "2018"
    _run(state, message, force, (position, velocity, listener, reward), steps, newest=newest)
    last = message[-1] if steps else message
    return State(position, velocity, state.landmarks, state.target, last), listener, reward


def observe_listener(state: State, *, out: Tensor | None = None) -> Tensor:
    """The listener's observation of ``state``, in ``out`` if it is given."""
    if out is None:
        size = listener_size(state.message.shape[-1])
        out = state.position.new_empty((*state.target.shape, size))
    _run(state, state.message, None, (None, None, out, None), ())
    return out


def _run(
    state: State,
    message: Tensor,
    force: Tensor | None,
    out: tuple,
    steps: tuple[int, ...],
    *,
    newest: bool = False,
) -> None:
    """Runs the loop over all episodes; without ``force``, only to observe."""
    dtype, batch, size = out[2].dtype, state.target.shape, message.shape[-1]
    given = [  # must live until the loop has ended
        _ready("position", state.position, (*batch, 2), dtype),
        _ready("velocity", state.velocity, (*batch, 2), dtype),
        _ready("landmarks", state.landmarks, (*batch, NUM_LANDMARKS, 2), dtype),
        _ready("target", state.target, batch, torch.int64),
        _ready("message", message, (*steps, *batch, size), dtype),
        None if force is None else _ready("force", force, (*steps, *batch, FORCE_SIZE), dtype),
    ]
    num_episodes = batch.numel()
    threads = max(1, min(torch.get_num_threads(), num_episodes // CHUNK))
    pointers = [None if tensor is None else tensor.data_ptr() for tensor in (*given, *out)]
    _build(dtype)(num_episodes, size, steps[0] if steps else 1, threads, newest, *pointers)


def _ready(name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """The tensor in the form that the loop reads: contiguous, on the CPU and of this dtype."""
    if tensor.shape != shape:
        raise ValueError(f"{name} must have the shape {tuple(shape)}, got {tuple(tensor.shape)}")
    if tensor.dtype is dtype and tensor.is_cpu and tensor.is_contiguous():
        return tensor
    return tensor.to("cpu", dtype).contiguous()
