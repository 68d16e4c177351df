"""Proximal policy optimisation (Schulman et al. 2017) for continuous actions."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from paperlib import _checks
from paperlib.agents.actor_critic import ActorCritic, log_prob

Augment = Callable[..., tuple[Tensor, Tensor]]  # (inputs, actions, *, generator) -> new ones


@dataclasses.dataclass(frozen=True)
class Settings:
    """PPO hyperparameters.

    Attributes:
        learning_rate: Adam's learning rate.
        discount: γ.
        gae_lambda: λ of the generalised advantage estimates.
        clip: ε of the clipped objective.
        num_epochs: passes over each rollout.
        minibatch_size: samples in an update, or up to twice as many, since a rollout is divided
            evenly.
        value_coef: weight of the value function's loss.
        entropy_coef: weight of the entropy bonus.
        max_grad_norm: the largest norm of the gradient, which is clipped to it.
        target_kl: KL divergence from the old policy on a minibatch, in nats, beyond which the
            update ends.

    Raises:
        ValueError: if a value is out of range.
    """

    learning_rate: float = 3e-4
    discount: float = 0.995
    gae_lambda: float = 0.95
    clip: float = 0.2
    num_epochs: int = 4
    minibatch_size: int = 2048
    value_coef: float = 0.5
    entropy_coef: float = 0.0
    max_grad_norm: float = 0.5
    target_kl: float = 0.03

    def __post_init__(self) -> None:
        _checks.hyperparameters(self, may_be_zero=["entropy_coef"])
        if self.discount > 1 or self.gae_lambda > 1:
            raise ValueError(f"discount and gae_lambda must not exceed 1, got {self}")


class Rollout(NamedTuple):
    """T steps of B environments.

    Attributes:
        inputs: (T, B, F).
        actions: actions as drawn, (T, B, A).
        log_probs: log-densities of the actions when they were drawn, (T, B).
        values: values of the states, (T, B).
        rewards: (T, B).
        dones: whether the next state begins another episode, (T, B).
        last_values: values of the states after the last step, (B,).
        memory: memory before the first step, (B, M); None for policies without memory.
    """

    inputs: Float[Tensor, "time batch in"]
    actions: Float[Tensor, "time batch act"]
    log_probs: Float[Tensor, "time batch"]
    values: Float[Tensor, "time batch"]
    rewards: Float[Tensor, "time batch"]
    dones: Bool[Tensor, "time batch"]
    last_values: Float[Tensor, " batch"]
    memory: Float[Tensor, "batch memory"] | None = None


def advantages(
    rollout: Rollout, *, discount: float, gae_lambda: float
) -> Float[Tensor, "time batch"]:
    """Generalised advantage estimates (Schulman et al. 2016, eq. 16), cut off where episodes end.

    A_t = δ_t + γλ A_{t+1}, δ_t = r_t + γ V(s_{t+1}) − V(s_t).
    """
    result = torch.empty_like(rollout.rewards)
    value, advantage = rollout.last_values, torch.zeros_like(rollout.last_values)
    for t in reversed(range(len(result))):
        goes_on = (~rollout.dones[t]).to(value)
        delta = rollout.rewards[t] + discount * goes_on * value - rollout.values[t]
        advantage = delta + discount * gae_lambda * goes_on * advantage
        value, result[t] = rollout.values[t], advantage
    return result


def clipped_objective(
    log_ratio: Float[Tensor, " batch"], advantage: Float[Tensor, " batch"], *, clip: float
) -> Float[Tensor, ""]:
    """Mean of min(ρ A, clamp(ρ, 1 − ε, 1 + ε) A) with ρ = exp(log_ratio) (eq. 7)."""
    ratio = log_ratio.exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1 - clip, 1 + clip) * advantage).mean()


def make_optimiser(model: ActorCritic, settings: Settings) -> torch.optim.Adam:
    """Adam on all parameters of a model, with ε = 1e-5."""
    return torch.optim.Adam(model.parameters(), settings.learning_rate, eps=1e-5, fused=True)


def update(
    model: ActorCritic,
    optimiser: torch.optim.Optimizer,
    rollout: Rollout,
    settings: Settings,
    *,
    generator: torch.Generator,
    augment: Augment | None = None,
    fit_critic: bool = False,
) -> dict[str, float]:
    """Improves policy and value function on one rollout, then adds its inputs (as last transformed
    by ``augment``) to the normaliser.

    Where the policy has a memory, minibatches consist of whole environments, and gradients go back
    through all steps of the rollout.

    Args:
        model: updated in place.
        optimiser: updates the model's parameters, see `make_optimiser`.
        rollout: collected with the current model.
        settings: see `Settings`.
        generator: draws the minibatches, and what ``augment`` draws.
        augment: transforms inputs and actions of all samples, anew in each pass, as if the policy
            had acted there: the probability ratio starts at one for these, too.
        fit_critic: whether only the value function learns; policy, memory and normaliser
            stay the same.

    Raises:
        ValueError: if there is an ``augment`` for a policy with a memory.

    Returns:
        Averages over the updates: "objective", "value_loss" and "kl" (nats); "updates", their
        number; and "stopped", whether ``target_kl`` ended them.
    """
    if augment and rollout.memory is not None:
        raise ValueError("augment: what a policy remembers cannot be transformed")
    advantage = advantages(
        rollout, discount=settings.discount, gae_lambda=settings.gae_lambda
    ).flatten()
    targets = advantage + rollout.values.flatten()
    sums, num_updates, stopped = torch.zeros(3), 0, False
    if rollout.memory is None:
        minibatches = _minibatches(model, rollout, settings, generator, augment)
    else:
        minibatches = _sequences(model, rollout, settings, generator, learn_memory=not fit_critic)
    for minibatch in minibatches:
        seen, rows, inputs, actions, old = minibatch
        noise = (actions - model.means(inputs)) / model.log_std.exp()
        log_ratio = log_prob(noise, model.log_std) - old
        part = advantage[rows]
        part = (part - part.mean()) / (part.std(correction=int(part.numel() > 1)) + 1e-8)
        objective = clipped_objective(log_ratio, part, clip=settings.clip)
        value_loss = (model.value(inputs)[..., 0] - targets[rows]).square().mean()
        entropy = model.log_std.sum()  # up to a constant
        loss = settings.value_coef * value_loss
        if not fit_critic:
            loss = loss - objective - settings.entropy_coef * entropy
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), settings.max_grad_norm)
        optimiser.step()
        with torch.no_grad():  # E[ρ − 1 − log ρ] (Schulman 2020)
            kl = (log_ratio.exp() - 1 - log_ratio).mean()
        sums += torch.stack([objective.detach(), value_loss.detach(), kl]).cpu()
        num_updates += 1
        if stopped := bool(kl > settings.target_kl):
            break
    if not fit_critic:
        model.normalizer.update(seen)
    names = "objective", "value_loss", "kl"
    means = dict(zip(names, (sums / num_updates).tolist(), strict=True))
    return means | {"updates": num_updates, "stopped": stopped}


def _minibatches(
    model: ActorCritic,
    rollout: Rollout,
    settings: Settings,
    generator: torch.Generator,
    augment: Augment | None,
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """Yields, for each minibatch, all inputs of the pass, and its own rows, normalised inputs,
    actions, and their log-probabilities before the update."""
    given = raw, actions = rollout.inputs.flatten(0, 1), rollout.actions.flatten(0, 1)
    inputs, old = model.normalizer(raw), rollout.log_probs.flatten()
    before = copy.deepcopy(model) if augment else model
    num_batches = max(1, len(inputs) // settings.minibatch_size)
    for _ in range(settings.num_epochs):
        order = torch.randperm(len(inputs), generator=generator, device=generator.device)
        if augment:
            raw, actions = augment(*given, generator=generator)
            inputs = model.normalizer(raw)
            with torch.no_grad():
                noise = (actions - before.means(inputs)) / before.log_std.exp()
                old = log_prob(noise, before.log_std)
        for rows in order.tensor_split(num_batches):
            yield raw, rows, inputs[rows], actions[rows], old[rows]


def _sequences(
    model: ActorCritic,
    rollout: Rollout,
    settings: Settings,
    generator: torch.Generator,
    *,
    learn_memory: bool,
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor, Tensor]]:
    """Like `_minibatches`, but whole environments, with memories computed by the current model."""
    raw, (time, batch) = rollout.inputs, rollout.rewards.shape
    actions, old = rollout.actions.flatten(0, 1), rollout.log_probs.flatten()
    index = torch.arange(time * batch).view(time, batch)
    num_batches = min(batch, max(1, time * batch // settings.minibatch_size))
    for _ in range(settings.num_epochs):
        order = torch.randperm(batch, generator=generator, device=generator.device)
        for envs in order.tensor_split(num_batches):
            memory, steps = rollout.memory[envs], []
            with torch.set_grad_enabled(learn_memory):
                for inputs, done in zip(raw[:, envs], rollout.dones[:, envs], strict=True):
                    inputs, memory = model.remember(inputs, memory)
                    steps.append(inputs)
                    memory = memory * ~done[:, None]
            rows = index[:, envs].flatten()
            inputs = model.normalizer(torch.cat(steps))
            yield raw.flatten(0, 1), rows, inputs, actions[rows], old[rows]
