"""RoboSumo's published policies: openai/robosumo's parameter files as torch modules.

RoboSumo's authors (Al-Shedivat et al. 2018) trained them and published flat arrays of float32.
With a clone of github.com/openai/robosumo, `load` reads any of them; none comes with this package.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib.environments.robosumo_bodies import ROBOTS
from paperlib.environments.robosumo_observations import observation_size

FOLDER_VARIABLE = "ROBOSUMO_POLICIES"
HIDDEN_SIZE = 64
FORGET_BIAS = 1.0
MAX_NORMALIZED = 5.0
MIN_VARIANCE = 0.01


class Memory(NamedTuple):
    """Cell state and hidden state of an LSTM, (B, 64) each."""

    cell: Tensor
    hidden: Tensor


class PublishedPolicy(nn.Module):
    """A Gaussian policy and its value function, without memory or with an LSTM.

    Both normalise the observation by the mean and standard deviation seen in training, and clip it
    to ±5.

    Attributes:
        robot: "ant", "bug" or "spider".
        kind: "mlp" or "lstm".
    """

    def __init__(self, robot: str, kind: str) -> None:
        super().__init__()
        self.robot, self.kind = robot, kind
        inputs, outputs = observation_size(robot), ROBOTS[robot].num_joints
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("std", torch.ones(inputs))
        self.value = _body(kind, inputs, 1)
        self.policy = _body(kind, inputs, outputs)
        self.log_std = nn.Parameter(torch.zeros(outputs))

    def initial(self, batch_size: int) -> Memory | None:
        """The memory at the start of a match; None if the policy has no memory."""
        if self.kind == "mlp":
            return None
        zeros = torch.zeros(batch_size, HIDDEN_SIZE)
        return Memory(zeros, zeros)

    def forward(
        self, observations: Float[Tensor, "batch obs"], memory: Memory | None = None
    ) -> tuple[Float[Tensor, "batch act"], Memory | None]:
        """Means of the actions, (B, A), and the memory for the next step.

        Args:
            observations: (B, O).
            memory: what the last step returned, or `initial`.
        """
        inputs = (observations - self.mean) / self.std
        inputs = inputs.clamp(-MAX_NORMALIZED, MAX_NORMALIZED)
        if self.kind == "mlp":
            return self.policy(inputs), None
        return self.policy(inputs, self.initial(len(inputs)) if memory is None else memory)

    @torch.no_grad()
    def act(
        self,
        observations: Float[Tensor, "batch obs"],
        memory: Memory | None = None,
        *,
        generator: torch.Generator,
    ) -> tuple[Float[Tensor, "batch act"], Memory | None]:
        """Actions drawn from the Gaussian, (B, A), and the memory for the next step."""
        means, memory = self(observations, memory)
        noise = torch.randn(means.shape, generator=generator)
        return means + self.log_std.exp() * noise, memory


class _RecurrentBody(nn.Module):
    """Dense layer with ReLU, LSTM, dense layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, HIDDEN_SIZE)
        self.gates = nn.Linear(2 * HIDDEN_SIZE, 4 * HIDDEN_SIZE)
        self.output = nn.Linear(HIDDEN_SIZE, outputs)

    def forward(self, inputs: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        features = torch.cat([torch.relu(self.dense(inputs)), memory.hidden], dim=-1)
        write, candidate, forget, output = self.gates(features).chunk(4, dim=-1)
        cell = torch.sigmoid(forget + FORGET_BIAS) * memory.cell
        cell = cell + torch.sigmoid(write) * torch.tanh(candidate)
        hidden = torch.sigmoid(output) * torch.tanh(cell)
        return self.output(hidden), Memory(cell, hidden)


def _body(kind: str, inputs: int, outputs: int) -> nn.Module:
    if kind == "lstm":
        return _RecurrentBody(inputs, outputs)
    return nn.Sequential(
        nn.Linear(inputs, HIDDEN_SIZE),
        nn.Tanh(),
        nn.Linear(HIDDEN_SIZE, HIDDEN_SIZE),
        nn.Tanh(),
        nn.Linear(HIDDEN_SIZE, outputs),
    )


def load(path: Path | str, *, robot: str, kind: str) -> PublishedPolicy:
    """Reads a parameter file.

    The numbers are in this order: sum, sum of squares and count of the returns; sums, sums of
    squares and count of the observations; weights (inputs × outputs) and biases of the value
    function's layers, then of the policy's; logarithm of the standard deviation.

    Args:
        path: a `.npy` file of float32.
        robot: "ant", "bug" or "spider".
        kind: "mlp" or "lstm".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the kind or robot is unknown, or the file is not an array of finite
            floating-point numbers, as many as the robot's policy has, with a positive count of
            observations.
    """
    if kind not in ("mlp", "lstm"):
        raise ValueError(f"kind must be 'mlp' or 'lstm', got {kind!r}")
    policy = PublishedPolicy(robot, kind)
    layers = [layer for layer in policy.modules() if isinstance(layer, nn.Linear)]
    size = len(policy.mean)
    wanted = 3 + 2 * size + 1 + sum(parameter.numel() for parameter in policy.parameters())
    with open(path, "rb") as file:
        try:
            numbers = np.lib.format.read_array(file, allow_pickle=False)
        except ValueError as error:
            raise ValueError(f"path: {path} is no array of numbers: {error}") from error
    if numbers.dtype.kind != "f":
        raise ValueError(f"path: {path} is no array of floating-point numbers: {numbers.dtype}")
    if numbers.shape != (wanted,):
        raise ValueError(
            f"path: {path} holds an array of shape {numbers.shape}; the {kind} policy of {robot} "
            f"has {wanted} numbers"
        )
    with np.errstate(over="ignore"):
        numbers = numbers.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError(f"path: {path} holds numbers that are not finite")
    rest = torch.from_numpy(numbers)[3:]  # without the statistics of the returns

    def take(*shape: int) -> Tensor:
        nonlocal rest
        part, rest = rest.split([int(np.prod(shape)), len(rest) - int(np.prod(shape))])
        return part.reshape(shape)

    total, squares, count = take(size), take(size), take(1)
    if count <= 0:
        raise ValueError(f"path: {path} counts {count.item()} observations, not more than 0")
    with torch.no_grad():
        policy.mean.copy_(total / count)
        # σ² = Σx² / n − μ²
        variance = squares / count - policy.mean.square()
        policy.std.copy_(variance.clamp(min=MIN_VARIANCE).sqrt())
        for layer in layers:  # the value function's come first
            layer.weight.copy_(take(layer.in_features, layer.out_features).T)
            layer.bias.copy_(take(layer.out_features))
        policy.log_std.copy_(take(len(policy.log_std)))
    return policy.requires_grad_(False)


def find(robot: str, kind: str, *, folder: Path | str | None = None) -> Path | None:
    """The path of a policy's file, version 1, in a clone of openai/robosumo; None if there is none.

    Args:
        robot: "ant", "bug" or "spider".
        kind: "mlp" or "lstm".
        folder: the clone, or a folder with files named like "ant-mlp-v1.npy"; by default the value
            of the environment variable ROBOSUMO_POLICIES.
    """
    folder = folder or os.environ.get(FOLDER_VARIABLE)
    if not folder:
        return None
    short = Path(folder) / f"{robot}-{kind}-v1.npy"
    long = Path(folder).glob(f"**/{robot}/{kind}/agent-params-v1.npy")
    return short if short.is_file() else next(long, None)
