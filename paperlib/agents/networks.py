"""Stacks of small networks, stepped as batched tensors: K networks cost little more than one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from paperlib import files, streams


class StackedMLP(nn.Module):
    """K multilayer perceptrons of one shape with ReLU between layers, each on its own input.

    Args:
        sizes: sizes of input, hidden layers and output.
        generators: one for each network; draws its weights and biases, uniform in
            ±1/sqrt(fan-in) as `torch.nn.Linear` does.
        num_copies: stacks of K networks that share a forward pass, such as the critics of two
            agents. Copies differ in their weights.

    Shapes:
        input (num_copies * K, B, sizes[0]), output (num_copies * K, B, sizes[-1]); network k of
        copy c stands at row c * K + k.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        *,
        generators: Sequence[torch.Generator],
        num_copies: int = 1,
    ) -> None:
        super().__init__()
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for fan_in, fan_out in itertools.pairwise(sizes):
            shape = (len(generators), num_copies, fan_in + 1, fan_out)
            numbers = (2 * streams.uniform(generators, *shape) - 1) / fan_in**0.5
            numbers = numbers.transpose(0, 1).flatten(0, 1)  # (num_copies * K, fan_in + 1, fan_out)
            self.weights.append(nn.Parameter(numbers[:, :-1].contiguous()))
            self.biases.append(nn.Parameter(numbers[:, -1:].contiguous()))

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], *, prefix: str = "") -> StackedMLP:
        """The stack whose `state_dict` is in ``tensors``, under names that begin with ``prefix``.

        Raises:
            ValueError: if the tensors are not those of a stack.
        """
        own = files.without_prefix(prefix, tensors)
        order = sorted(sorted(own), key=len)  # files sort 10 before 2
        weights = [own[name] for name in order if name.startswith("weights.")]
        biases = [own[name] for name in order if name.startswith("biases.")]
        if not weights or len(weights) != len(biases) or any(w.ndim != 3 for w in weights):
            raise ValueError(f"tensors hold no stack of networks under {prefix!r}")
        stack = cls((), generators=())
        stack.weights.extend(nn.Parameter(weight) for weight in weights)
        stack.biases.extend(nn.Parameter(bias) for bias in biases)
        return stack

    @property
    def num_networks(self) -> int:
        """Rows of the stack, num_copies * K."""
        return len(self.biases[0])

    def rows(self, rows: Sequence[int]) -> StackedMLP:
        """A new stack that holds copies of the networks of these rows."""
        state = self.state_dict()
        return StackedMLP.from_tensors({name: t[list(rows)].clone() for name, t in state.items()})

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of input, hidden layers and output."""
        return (self.weights[0].shape[1], *(weight.shape[2] for weight in self.weights))

    def require_sizes(self, name: str, in_size: int, out_size: int) -> None:
        """Checks the sizes of input and output; errors begin with ``name``.

        Raises:
            ValueError: if they are others.
        """
        if (self.sizes[0], self.sizes[-1]) != (in_size, out_size):
            raise ValueError(
                f"{name} must take {in_size} numbers and return {out_size}, got a stack with the "
                f"sizes {self.sizes}"
            )

    def forward(self, x: Tensor) -> Tensor:
        *hidden, (weight, bias) = zip(self.weights, self.biases, strict=True)
        for hidden_weight, hidden_bias in hidden:
            x = torch.baddbmm(hidden_bias, x, hidden_weight).relu_()
        return torch.baddbmm(bias, x, weight)


def descend(
    optimiser: torch.optim.Optimizer,
    loss: Tensor,
    networks: Sequence[StackedMLP],
    *,
    max_grad_norm: float,
) -> None:
    """A step of gradient descent that clips the gradient of each stacked network by its own norm.

    Args:
        optimiser: updates the networks' parameters.
        loss: a scalar.
        networks: the stacks whose gradients are clipped.
        max_grad_norm: the largest norm of one network's gradient.
    """
    optimiser.zero_grad()
    loss.backward()
    for network in networks:
        gradients = [parameter.grad for parameter in network.parameters()]
        norm = sum(gradient.flatten(1).square().sum(1) for gradient in gradients).sqrt()
        scale = (max_grad_norm / (norm + 1e-6)).clamp(max=1)[:, None, None]
        torch._foreach_mul_(gradients, [scale] * len(gradients))
    optimiser.step()


def straight_through(hard: Tensor, soft: Callable[[], Tensor], *, needed: bool) -> Tensor:
    """The value of ``hard`` with the gradient of ``soft()``, if ``needed`` (Bengio et al. 2013)."""
    if not needed:
        return hard
    smooth = soft()
    return hard + (smooth - smooth.detach())


def sample_bits(logits: Tensor, noise: Tensor) -> Tensor:
    """Binary messages, straight-through (Maddison et al. 2017, binary Concrete at temperature 1).

    Args:
        logits: log-odds of each bit being one, shape (..., M).
        noise: uniform in [0, 1), same shape.

    Returns:
        Zeros and ones of shape (..., M), whose gradient is that of
        sigmoid(logits + log u - log(1 - u)).
    """
    noisy = logits + torch.logit(noise, eps=1e-6)
    return straight_through((noisy > 0).to(noisy), noisy.sigmoid, needed=noisy.requires_grad)


def sample_one_hot(logits: Tensor, noise: Tensor) -> Tensor:
    """One-hot actions, straight-through Gumbel-softmax at temperature 1 (Jang et al. 2017).

    Args:
        logits: unnormalised log-probabilities of the actions, shape (..., A).
        noise: uniform in [0, 1), same shape.

    Returns:
        One-hot vectors of shape (..., A), distributed as softmax(logits), with the gradient of
        softmax(logits - log(-log u)).
    """
    gumbel = -(-noise.clamp(1e-6, 1 - 1e-6).log()).log()
    noisy = logits + gumbel
    hard = torch.zeros_like(noisy).scatter_(-1, noisy.argmax(-1, keepdim=True), 1.0)
    return straight_through(hard, lambda: noisy.softmax(-1), needed=noisy.requires_grad)
