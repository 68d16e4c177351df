"""MADDPG (Lowe et al. 2017) for stacks of speaker-listener learners, trained all at once.

Every learner k has its own networks, replay buffer and random stream: its results do not depend on
which other learners train beside it. Two settings share the code:

- **pairs**: speaker and listener learn together, each with a centralised critic of its own;
- **speakers against fixed listeners**: only speakers learn, each with the same L listeners in turn,
  and may see a context, such as an embedding of the listener. Their critic, which is only needed in
  training, also sees which listener is playing.

The messages' bits and the listener's moves are discrete; gradients pass through them by
straight-through binary Concrete and Gumbel-softmax samples. Episodes end only by the time
limit, so that the last step is bootstrapped like any other.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from paperlib import _checks, files, streams
from paperlib.agents.networks import StackedMLP, descend, sample_bits, sample_one_hot
from paperlib.agents.populations import against_each, play
from paperlib.agents.replay import Replay
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    FORCE_SIZE,
    SPEAKER_SIZE,
    ParticleWorld,
    listener_size,
)


@dataclasses.dataclass(frozen=True)
class Settings:
    """Hyperparameters of MADDPG.

    Attributes:
        num_iterations: number of training iterations, in each of which a learner plays
            ``num_episodes`` new episodes of 25 steps, then makes 25 updates.
        num_episodes: episodes per learner and iteration; a multiple of the number of listeners.
        replay_iterations: iterations that the replay buffer holds.
        batch_size: transitions per learner and update; with fixed listeners it is rounded down to a
            multiple of their number, each of which gets an equal share.
        hidden_size: size of the two hidden layers of every network.
        learning_rate: Adam's learning rate; falls linearly to 1/20 in the second half of training.
        discount: γ.
        tau: τ of the soft updates of the target networks.
        logit_penalty: weight of the mean squared logits in the actors' loss, as in the original.
        max_grad_norm: the largest norm of one network's gradient.

    Raises:
        ValueError: if a value is out of range; the message names it.
    """

    num_iterations: int = 220
    num_episodes: int = 64
    replay_iterations: int = 64
    batch_size: int = 128
    hidden_size: int = 64
    learning_rate: float = 2e-3
    discount: float = 0.95
    tau: float = 0.01
    logit_penalty: float = 1e-3
    max_grad_norm: float = 0.5

    def __post_init__(self) -> None:
        _checks.hyperparameters(self)
        if self.discount >= 1:
            raise ValueError(f"discount must be below 1, got {self.discount}")


class Learners:
    """K learners that train side by side.

    Args:
        generators: one for each learner; draws its weights, worlds, actions and batches; its device
            is where the learner trains.
        settings: see `Settings`.
        message_size: bits in a message.
        listeners: fixed listeners that the speakers learn with; without them, pairs learn.
        contexts: what the speakers see besides the colour, shape (K, L, P, C): with listener
            l, each episode draws one of P vectors. Needs ``listeners``.
        dynamics: dynamics of the `ParticleWorld`.
        source: what else determines the result, such as the generators' keys, for checkpoints; by
            default a checksum of the generators' states.

    Raises:
        ValueError: if sizes do not fit each other.
    """

    def __init__(
        self,
        generators: Sequence[torch.Generator],
        settings: Settings,
        *,
        message_size: int = 3,
        listeners: StackedMLP | None = None,
        contexts: Tensor | None = None,
        dynamics: str = "mpe2",
        source: Mapping[str, Any] | None = None,
    ) -> None:
        self.generators, self.settings = list(generators), settings
        self.contexts, self.message_size = contexts, message_size
        self.source = dict(source or {"generators": streams.checksum(self.generators)})
        self.learns_listeners = listeners is None
        self.num_groups = 1 if listeners is None else listeners.num_networks
        _check_sizes(settings, len(self.generators), listeners=listeners, contexts=contexts)
        seen = listener_size(message_size)
        if listeners is not None:
            listeners.require_sizes("listeners", seen, FORCE_SIZE)
            given = listeners.state_dict() | ({} if contexts is None else {"contexts": contexts})
            self.source["given"] = files.tensor_checksum(given, dynamics)
        context_size = 0 if contexts is None else contexts.shape[-1]
        known = self.num_groups if listeners is not None else 0  # the critic sees who listens
        self.world = ParticleWorld(
            (len(self.generators), settings.num_episodes),
            generator=self.generators,
            message_size=message_size,
            dynamics=dynamics,
        )

        def stack(in_size: int, out_size: int, num_copies: int = 1) -> StackedMLP:
            sizes = (in_size, settings.hidden_size, settings.hidden_size, out_size)
            return StackedMLP(sizes, generators=self.generators, num_copies=num_copies)

        self.speakers = stack(SPEAKER_SIZE + context_size, message_size)
        actors = {"speakers": self.speakers}
        if listeners is None:
            listeners = actors["listeners"] = stack(seen, FORCE_SIZE)
        self.listeners = listeners
        self.num_critics = len(actors)
        self.critics = stack(
            SPEAKER_SIZE + seen + message_size + FORCE_SIZE + known, 1, self.num_critics
        )
        self.learned = nn.ModuleDict({**actors, "critics": self.critics})
        self.targets = copy.deepcopy(self.learned).requires_grad_(False)
        self.actors = [p for actor in actors.values() for p in actor.parameters()]
        rate = settings.learning_rate
        self.actor_optimiser = torch.optim.Adam(self.actors, lr=rate, fused=True)
        self.critic_optimiser = torch.optim.Adam(self.critics.parameters(), lr=rate, fused=True)
        self.replay = Replay(settings.replay_iterations)
        self.returns: list[Tensor] = []  # mean returns of each iteration, (K,)
        share = settings.batch_size // self.num_groups  # transitions for each listener
        self.batch_size = share * self.num_groups
        one_hot = torch.eye(self.num_groups, device=self.generators[0].device)[:, :known]
        one_hot = one_hot.repeat_interleave(share, dim=0)
        self.listener_one_hot = one_hot.expand(len(self.generators), -1, -1)  # (K, B, known)

    def _listeners(self, listeners: StackedMLP) -> Callable[[Tensor], Tensor]:
        return listeners if self.learns_listeners else against_each(listeners)

    def _draw_context(self) -> Tensor | None:
        if self.contexts is None:
            return None
        num_learners, num_listeners, num_vectors, _ = self.contexts.shape
        shape = (num_learners, num_listeners, self.settings.num_episodes // num_listeners)
        index = (streams.uniform(self.generators, *shape) * num_vectors).long()
        index = index.clamp(max=num_vectors - 1).unsqueeze(-1)
        index = index.expand(-1, -1, -1, self.contexts.shape[-1])
        return self.contexts.gather(2, index).flatten(1, 2)  # (K, N, C)

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return len(self.returns)

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that determines the result, as JSON."""
        return {
            "settings": dataclasses.asdict(self.settings),
            "sizes": {name: list(stack.sizes) for name, stack in self.learned.items()},
            "num_learners": len(self.generators),
            "dynamics": self.world.dynamics,
            **self.source,
        }

    def step(self) -> Tensor:
        """Plays one iteration, then updates; returns each learner's mean return in it, (K,)."""
        policy = self._listeners(self.listeners)
        episodes = play(self.speakers, policy, self.world, context=self._draw_context())
        self.replay.add(episodes)
        progress = self.iteration / self.settings.num_iterations
        rate = self.settings.learning_rate * max(0.05, min(1.0, 2 * (1 - progress)))
        for optimiser in self._optimisers().values():
            optimiser.param_groups[0]["lr"] = rate
        for _ in range(EPISODE_LENGTH):
            self._update()
        self.returns.append(episodes.rewards.sum(-1).mean(-1).cpu())
        return self.returns[-1]

    def _update(self) -> None:
        size, norm = self.message_size, self.settings.max_grad_norm
        shape = (len(self.generators), self.batch_size, 3 + 2 * (size + FORCE_SIZE))
        choice, *noise = streams.uniform(self.generators, *shape).split(
            [3, size, FORCE_SIZE, size, FORCE_SIZE], dim=-1
        )
        inputs, seen, next_seen, actions, rewards = self.replay.sample(choice, self.num_groups)
        colour = inputs[..., :SPEAKER_SIZE]
        message, force = actions.split([size, FORCE_SIZE], dim=-1)

        # The critics: y = r + γ Q'(o', a') with a' from the target policies (Lowe et al., eq. 6).
        with torch.no_grad():
            next_message = sample_bits(self.targets["speakers"](inputs), noise[0])
            listeners = self.targets["listeners"] if self.learns_listeners else self.listeners
            next_force = sample_one_hot(self._listeners(listeners)(next_seen), noise[1])
            ahead = [(next_seen, next_message, next_force)] * self.num_critics
            future = self._values(self.targets["critics"], colour, ahead)
            goal = rewards.repeat(self.num_critics, 1) + self.settings.discount * future
        now = [(seen, message, force)] * self.num_critics
        error = self._values(self.critics, colour, now) - goal
        loss = error.square().mean(-1).sum()
        descend(self.critic_optimiser, loss, [self.critics], max_grad_norm=norm)

        # The actors: ascend Q(o, a) in one's own action, the other's from the replay (eq. 5).
        message_logits = self.speakers(inputs)
        penalty = message_logits.square().mean((1, 2)).sum()
        situations = [(seen, sample_bits(message_logits, noise[2]), force)]
        if self.learns_listeners:
            force_logits = self.listeners(seen)
            penalty = penalty + force_logits.square().mean((1, 2)).sum()
            situations.append((seen, message, sample_one_hot(force_logits, noise[3])))
        self.critics.requires_grad_(False)
        gain = self._values(self.critics, colour, situations).mean(-1).sum()
        loss = self.settings.logit_penalty * penalty - gain
        actors = [net for name, net in self.learned.items() if name != "critics"]
        descend(self.actor_optimiser, loss, actors, max_grad_norm=norm)
        self.critics.requires_grad_(True)

        with torch.no_grad():
            targets, learned = (list(n.parameters()) for n in (self.targets, self.learned))
            torch._foreach_lerp_(targets, learned, self.settings.tau)

    def _values(
        self, critics: StackedMLP, colour: Tensor, situations: Sequence[tuple[Tensor, ...]]
    ) -> Tensor:
        """Q_c(situation c), for each of the critics: (critics * K, B)."""
        rows = [torch.cat([colour, *s, self.listener_one_hot], dim=-1) for s in situations]
        return critics(torch.cat(rows)).squeeze(-1)

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that the next iteration needs."""
        tensors = files.with_prefix("learned.", self.learned.state_dict())
        tensors |= files.with_prefix("targets.", self.targets.state_dict())
        tensors |= files.with_prefix("replay.", self.replay.tensors)
        tensors |= {f"generator.{k}": g.get_state() for k, g in enumerate(self.generators)}
        for name, optimiser in self._optimisers().items():
            tensors |= files.with_prefix(f"{name}.", files.optimiser_tensors(optimiser))
        tensors["returns"] = torch.stack(self.returns) if self.returns else torch.zeros(0)
        return tensors, {"num_iterations": self.replay.num_iterations}

    def load_state(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        """Loads what `state` returned."""
        device = self.generators[0].device
        tensors = {name: tensor.to(device, copy=True) for name, tensor in tensors.items()}

        def part(prefix: str) -> dict[str, Tensor]:
            return files.without_prefix(prefix, tensors)

        self.learned.load_state_dict(part("learned."))
        self.targets.load_state_dict(part("targets."))
        self.replay.tensors = part("replay.")
        self.replay.num_iterations = metadata["num_iterations"]
        for row, generator in enumerate(self.generators):  # by number: the file sorts 10 before 2
            generator.set_state(tensors[f"generator.{row}"].cpu())
        for name, optimiser in self._optimisers().items():
            files.restore_optimiser(optimiser, part(f"{name}."))
        self.returns = list(tensors["returns"].cpu())

    def _optimisers(self) -> dict[str, torch.optim.Optimizer]:
        return {"actor_optimiser": self.actor_optimiser, "critic_optimiser": self.critic_optimiser}


def _check_sizes(
    settings: Settings, num_learners: int, *, listeners: StackedMLP | None, contexts: Tensor | None
) -> None:
    num_listeners = 1 if listeners is None else listeners.num_networks
    if settings.num_episodes % num_listeners or settings.batch_size < num_listeners:
        raise ValueError(
            f"num_episodes ({settings.num_episodes}) must be a multiple of the number of listeners "
            f"({num_listeners}), and batch_size ({settings.batch_size}) at least that number"
        )
    if contexts is not None and listeners is None:
        raise ValueError("contexts are for speakers that learn with fixed listeners; give both")
    due = num_learners, num_listeners
    if contexts is not None and (contexts.ndim != 4 or contexts.shape[:2] != due):
        raise ValueError(
            "contexts must have the shape (learners, listeners, vectors, size), which begins with "
            f"{due}, got {tuple(contexts.shape)}"
        )
