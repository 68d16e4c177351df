"""RoboSumo policies: networks that see the match in the robot's own frame.

An ant's legs stand in a square, so that it has no front. Its networks take the side nearest to the
opponent as the front: observations are rotated by a multiple of 90 degrees beforehand, and torques
rotated back afterwards. A policy is thus equivariant to quarter turns by construction (a fixed
canonicalisation, as in Kaba et al. 2023).
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from paperlib import _checks, files
from paperlib.agents.actor_critic import ActorCritic
from paperlib.agents.robosumo_features import egocentric, num_features
from paperlib.agents.robosumo_symmetries import Front
from paperlib.environments.robosumo_bodies import ROBOTS


class Wrestler(nn.Module):
    """A policy for one robot, from its observation to torques.

    Args:
        robot: "ant", "bug" or "spider".
        generator: draws the weights.
        hidden_size: size of both hidden layers.
        action_std: standard deviation of the actions at the start.
        context_size: C, inputs of the networks besides the F features of the observation.
        memory_size: M, size of a GRU that reads features and context; its state is an input, too.
        film: whether context and memory scale and shift the policy's first hidden layer (FiLM),
            instead of entering it like features.
        critic_size: K, further inputs of the value function, used only in training.

    Raises:
        ValueError: if there is no such robot, or a size or ``action_std`` is out of range.
    """

    def __init__(
        self,
        robot: str = "ant",
        *,
        generator: torch.Generator,
        hidden_size: int = 64,
        action_std: float = 0.6,
        context_size: int = 0,
        memory_size: int = 0,
        film: bool = False,
        critic_size: int = 0,
    ) -> None:
        super().__init__()
        _checks.one_of("robot", robot, ROBOTS)
        self.robot, self.front = robot, Front(robot)
        self.context_size = _checks.integer("context_size", context_size, minimum=0)
        self.memory_size, self.critic_size = memory_size, critic_size
        # Marks weights of networks with a canonical front; `from_state` refuses others.
        self.register_buffer("num_fronts", torch.tensor(float(self.front.num_turns)))
        self.network = ActorCritic(
            num_features(robot) + context_size + memory_size + critic_size,
            ROBOTS[robot].num_joints,
            critic_size=critic_size,
            memory_size=memory_size,
            film_size=film * (context_size + memory_size),
            generator=generator,
            hidden_size=hidden_size,
            action_std=action_std,
        )

    @classmethod
    def from_state(
        cls, state: Mapping[str, Tensor], *, robot: str = "ant", source: str = "state"
    ) -> Wrestler:
        """A wrestler with these weights; its sizes are inferred from them.

        Args:
            state: a `state_dict` of a wrestler, or its `playing_state`.
            robot: the robot that it controls.
            source: where the weights come from, for error messages.

        Raises:
            ValueError: if the tensors are not those of a wrestler of this robot.
        """
        policy, value, film, memory = (
            state.get(f"network.{part}", torch.zeros(1, 0)).shape
            for part in ("policy.0.weight", "value.0.weight", "film.weight", "memory.weight_hh")
        )
        sizes = {
            "hidden_size": max(1, policy[0]),
            "context_size": max(0, policy[-1] + film[-1] - memory[-1] - num_features(robot)),
            "memory_size": memory[-1],
            "film": film[-1] > 0,
            "critic_size": max(0, value[-1] - policy[-1] - film[-1]),
        }
        new = cls(robot, generator=torch.Generator(), **sizes)
        if not value[-1]:
            missing = {n: t for n, t in new.state_dict().items() if n.startswith("network.value.")}
            state = {name: torch.zeros_like(t) for name, t in missing.items()} | dict(state)
        due = {name: tuple(tensor.shape) for name, tensor in new.state_dict().items()}
        came = {name: tuple(tensor.shape) for name, tensor in state.items()}
        if due != came:
            wrong = min(n for n in {*due, *came} if due.get(n) != came.get(n))
            raise ValueError(
                f"{source} is no wrestler of robot {robot!r}: {wrong} should have the shape "
                f"{due.get(wrong)}, and has {came.get(wrong)}"
            )
        new.load_state_dict(state)
        return new

    @property
    def reactive(self) -> bool:
        """Whether it acts on observations alone, without a context or a memory."""
        return self.context_size == self.memory_size == 0

    def playing_state(self) -> dict[str, Tensor]:
        """The `state_dict` without the value function and its own inputs, which play does not use:
        half the size. `from_state` takes zeros for them."""
        state = {
            name: tensor
            for name, tensor in self.state_dict().items()
            if not name.startswith("network.value.")
        }
        for name in ("network.normalizer.mean", "network.normalizer.variance"):
            state[name] = state[name][: self.network.policy_size]
        return state

    def with_context(
        self,
        context_size: int,
        *,
        memory_size: int = 0,
        film: bool = False,
        critic_size: int = 0,
        generator: torch.Generator | None = None,
    ) -> Wrestler:
        """Adds inputs, zero-weighted, so that behaviour is unchanged.

        Args:
            context_size: C, inputs of policy and value function.
            memory_size: M, size of the memory, another input of both.
            film: whether context and memory enter the policy by FiLM, see `Wrestler`.
            critic_size: K, inputs of the value function alone.
            generator: draws the weights of the memory.

        Raises:
            ValueError: if the wrestler has such inputs already, or a size is negative.
        """
        names = "context_size", "memory_size", "critic_size"
        if found := [f"{name} {getattr(self, name)}" for name in names if getattr(self, name)]:
            raise ValueError(f"this wrestler has further inputs already: {', '.join(found)}")
        state = self.state_dict()
        new = Wrestler(
            self.robot,
            generator=generator or torch.Generator(),
            hidden_size=len(state["network.policy.0.bias"]),
            context_size=context_size,
            memory_size=memory_size,
            film=film,
            critic_size=critic_size,
        )
        for name, tensor in new.state_dict().items():
            own = state.setdefault(name, tensor)
            if own.shape != tensor.shape:  # inputs come last
                fill = 1.0 if name.endswith("variance") else 0.0
                more = own.new_full((*own.shape[:-1], tensor.shape[-1] - own.shape[-1]), fill)
                state[name] = torch.cat([own, more], dim=-1)
        new.load_state_dict(state)
        return new

    def with_action_std(self, action_std: float) -> Wrestler:
        """The same wrestler with another standard deviation of all its actions.

        Raises:
            ValueError: if it is not positive.
        """
        _checks.positive("action_std", action_std)
        new = copy.deepcopy(self)
        new.network.log_std.data.fill_(math.log(action_std))
        return new

    def inputs(
        self,
        observations: Float[Tensor, "batch obs"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> tuple[Float[Tensor, "batch in"], Int[Tensor, " batch"]]:
        """Inputs of the networks, and by how many quarter turns they were rotated, (B,).

        Args:
            observations: (B, O).
            context: (B, C); in training, (B, C + M + K).
        """
        seen = egocentric(observations, self.robot)
        turns = self.front.turns(seen)
        seen = self.front.turned(seen, turns)
        return seen if context is None else torch.cat([seen, context], dim=-1), turns

    @torch.no_grad()
    def act(
        self,
        observations: Float[Tensor, "batch obs"],
        memory: Any = None,
        *,
        generator: torch.Generator,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> tuple[Float[Tensor, "batch act"], Any]:
        """Actions drawn from the policy, (B, A), and its memory; None if it has none.

        Raises:
            ValueError: if it needs a context and gets none, or observations have another size.
        """
        if self.context_size and context is None:
            raise ValueError(f"context: this wrestler needs one of {self.context_size} numbers")
        inputs, turns = self.inputs(observations, context)
        inputs = nn.functional.pad(inputs, (0, self.memory_size + self.critic_size))
        if self.memory_size:
            before = memory[0] if memory else inputs.new_zeros(len(inputs), self.memory_size)
            inputs, after = self.network.remember(inputs, before)
            memory = (after,)
        noise = self.network.draw_noise(len(inputs), generator=generator)
        drawn = self.network.sample(self.network.normalizer(inputs), noise)
        return self.front.torques(drawn, turns), memory


def pack(
    wrestlers: Mapping[str, Wrestler], provenance: Mapping[str, Any], *, to_play: bool = False
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Wrestlers of one robot as tensors and metadata; see `save`."""
    robots = {wrestler.robot for wrestler in wrestlers.values()}
    if len(robots) != 1 or any("/" in name for name in wrestlers):
        raise ValueError(
            "wrestlers: one file holds at least one, all of the same robot, by names without '/'; "
            f"got {', '.join(wrestlers)} of {', '.join(sorted(robots)) or 'no robot'}"
        )
    tensors: dict[str, Tensor] = {}
    for name, wrestler in wrestlers.items():
        state = wrestler.playing_state() if to_play else wrestler.state_dict()
        tensors |= files.with_prefix(f"{name}/", state)
    return tensors, {"robot": robots.pop(), "names": list(wrestlers), "provenance": provenance}


def save(
    path: str | Path,
    wrestlers: Mapping[str, Wrestler],
    provenance: Mapping[str, Any],
    *,
    to_play: bool = False,
) -> None:
    """Writes wrestlers of one robot to one safetensors file with a checksum.

    Args:
        path: the file to write.
        wrestlers: wrestlers by name, at least one.
        provenance: where they come from; anything that JSON can hold.
        to_play: whether to leave out value functions, see `Wrestler.playing_state`.
    """
    files.save_tensors(path, *pack(wrestlers, provenance, to_play=to_play))


def load(path: str | Path, *, robot: str = "ant") -> tuple[dict[str, Wrestler], dict[str, Any]]:
    """Reads wrestlers, in their order, and their provenance.

    In a file that `training.run_to_file` wrote, the provenance holds the training run's identity
    under "training".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, holds no wrestlers, or wrestlers of another robot or
            whose weights have other shapes than in this version.
    """
    tensors, metadata = files.load_tensors(path)
    if not {"robot", "names", "provenance"} <= set(metadata):
        raise ValueError(f"{path} holds no wrestlers")
    if metadata["robot"] != robot:
        raise ValueError(f"{path} holds wrestlers of robot {metadata['robot']!r}, not {robot!r}")
    found = {}
    for name in metadata["names"]:
        state = files.without_prefix(f"{name}/", tensors)
        found[name] = Wrestler.from_state(state, robot=robot, source=f"{path}: {name}")
    provenance = metadata["provenance"]
    if "training" in metadata:
        provenance = {**provenance, "training": metadata["training"]}
    return found, provenance
