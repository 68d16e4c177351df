"""RoboSumo policies: networks that see the match in the robot's own frame."""

from __future__ import annotations

import copy
import importlib.resources
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from paperlib import _checks, files
from paperlib.agents import ppo
from paperlib.environments.robosumo_bodies import (
    ROBOTS,
    TATAMI_SIZE,
    Matrix,
    mapped_joints,
)
from paperlib.environments.robosumo_observations import observation_fields, observation_size


def rotation(quaternion: Float[Tensor, "batch 4"]) -> Float[Tensor, "batch 3 3"]:
    """Matrices whose columns are a body's axes in the world; quaternions of any length, w first."""
    w, x, y, z = (quaternion / quaternion.norm(dim=-1, keepdim=True).clamp(min=1e-8)).unbind(-1)
    rows = [
        torch.stack([1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)], dim=-1),
        torch.stack([2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)], dim=-1),
        torch.stack([2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)], dim=-1),
    ]
    return torch.stack(rows, dim=-2)


def egocentric(observations: Float[Tensor, "batch obs"], robot: str) -> Tensor:
    """Features of observations in the robot's own frame, (B, F): input of a wrestler's networks.

    Only the two positions depend on how the match is turned about the vertical, so that a gait
    learned in one direction works in all of them.
    """
    field = {name: observations[:, at] for name, at in observation_fields(robot).items()}
    own, other = rotation(field["orientation"]), rotation(field["opponent_orientation"])
    to_own = own.transpose(1, 2)

    def seen(vector: Tensor) -> Tensor:
        return (to_own @ vector.unsqueeze(-1)).squeeze(-1)

    position, opponent = field["position"], field["opponent_position"]
    to_centre = torch.cat([-position[:, :2], torch.zeros_like(position[:, :1])], dim=-1)
    to_opponent = opponent - position
    to_border = [TATAMI_SIZE - p[:, :2].abs().amax(-1, keepdim=True) for p in (position, opponent)]
    parts = [
        position,
        opponent,
        *to_border,
        to_opponent[:, :2].norm(dim=-1, keepdim=True),
        seen(to_opponent),
        seen(to_centre),
        seen(field["velocity"]),
        field["angular_velocity"],
        to_own[:, :, 2],  # the vertical
        (to_own @ other)[:, :, [0, 2]].flatten(1),  # the opponent's axes
        field["joint_angles"],
        field["joint_velocities"],
        field["contact_forces"],
        field["opponent_contact"],
    ]
    return torch.cat(parts, dim=-1)


def num_features(robot: str) -> int:
    """F, how many numbers `egocentric` returns."""
    return egocentric(torch.ones(1, observation_size(robot)), robot).shape[1]


def mapped_features(
    robot: str, *, ring: tuple[int, int], own: Matrix
) -> tuple[Int[Tensor, " feature"], Float[Tensor, " feature"]]:
    """Index and sign of the feature of `egocentric` that each becomes in a symmetry.

    Args:
        robot: "ant", "bug" or "spider".
        ring: factors of x and y in the ring, and in the opponent's own axes: 1 or -1.
        own: map of the robot's own axes, see `robosumo_bodies.mapped_joints`.
    """
    joints, joint_signs = mapped_joints(robot, own)
    (a, b), (c, d) = own
    places, factors = [0 if a else 1, 0 if c else 1, 2], [float(a + b), float(c + d), 1.0]
    across = [float(a * d - b * c) * factor for factor in factors]
    flip = [*map(float, ring), 1.0]
    axes = [2 * place + column for place in places for column in (0, 1)]
    bodies = [0] + [1 + 3 * (joint // 2) + part for joint in joints[::2] for part in range(3)]
    forces = [6 * body + number for body in bodies for number in range(6)]
    origins: list[int] = []
    signs: list[float] = []
    for block, block_signs in (
        *[(range(3), flip)] * 2,  # position, opponent
        (range(3), [1.0] * 3),  # distances to the border and between them
        *[(places, factors)] * 3,  # to_opponent, to_centre, velocity
        (places, across),  # angular_velocity, a pseudovector
        (places, factors),  # the vertical
        (axes, [factor * sign for factor in factors for sign in (flip[0], flip[2])]),
        *[(joints, joint_signs)] * 2,  # joint_angles, joint_velocities
        (forces, [1.0] * len(forces)),
        (range(6), [1.0] * 6),  # opponent_contact
    ):
        origins += [len(origins) + place for place in block]
        signs += block_signs
    return torch.tensor(origins), torch.tensor(signs)


class Wrestler(nn.Module):
    """A policy for one robot, from its observation to torques.

    Args:
        robot: "ant", "bug" or "spider".
        generator: draws the weights.
        hidden_size: of both hidden layers.
        action_std: of the actions at the start.
        context_size: C, inputs of the networks beside the features of the observation.
    """

    def __init__(
        self,
        robot: str = "ant",
        *,
        generator: torch.Generator,
        hidden_size: int = 64,
        action_std: float = 0.6,
        context_size: int = 0,
    ) -> None:
        super().__init__()
        self.robot, self.context_size = robot, context_size
        in_size = num_features(robot) + context_size
        self.network = ppo.ActorCritic(
            in_size,
            ROBOTS[robot].num_joints,
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
            state: a `state_dict`.
            robot: which robot it controls.
            source: where the weights come from, for error messages.

        Raises:
            ValueError: if the tensors are not those of a wrestler of this robot.
        """
        shape = state.get("network.policy.0.weight", torch.zeros(1, 0)).shape
        hidden_size, context_size = max(1, shape[0]), max(0, shape[-1] - num_features(robot))
        sizes = {"hidden_size": hidden_size, "context_size": context_size}
        new = cls(robot, generator=torch.Generator(), **sizes)
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

    def with_context(self, context_size: int) -> Wrestler:
        """Adds C zero-weighted inputs; behaviour is unchanged."""
        state = self.state_dict()
        for name in ("policy", "value"):
            weight = state[f"network.{name}.0.weight"]
            more = weight.new_zeros(len(weight), context_size)
            state[f"network.{name}.0.weight"] = torch.cat([weight, more], dim=1)
        for name, fill in (("mean", 0.0), ("variance", 1.0)):
            seen = state[f"network.normalizer.{name}"]
            more = seen.new_full((context_size,), fill)
            state[f"network.normalizer.{name}"] = torch.cat([seen, more])
        hidden_size = len(state["network.policy.0.bias"])
        sizes = {"hidden_size": hidden_size, "context_size": self.context_size + context_size}
        new = Wrestler(self.robot, generator=torch.Generator(), **sizes)
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

    def features(
        self,
        observations: Float[Tensor, "batch obs"],
        context: Float[Tensor, "batch context"] | None = None,
    ) -> Tensor:
        """Input of the networks, (B, F + C)."""
        seen = egocentric(observations, self.robot)
        return seen if context is None else torch.cat([seen, context], dim=-1)

    @torch.no_grad()
    def act(
        self,
        observations: Float[Tensor, "batch obs"],
        memory: Any = None,
        *,
        generator: torch.Generator,
        context: Float[Tensor, "batch context"] | None = None,
    ) -> tuple[Float[Tensor, "batch act"], None]:
        """Actions drawn from the policy, (B, A); it has no memory."""
        return self.network.act(self.features(observations, context), generator=generator)[0], None


def pack(
    wrestlers: Mapping[str, Wrestler], provenance: Mapping[str, Any]
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Wrestlers of one robot as tensors and metadata; see `save`."""
    tensors: dict[str, Tensor] = {}
    for name, wrestler in wrestlers.items():
        tensors |= files.with_prefix(f"{name}/", wrestler.state_dict())
    robot = next(iter(wrestlers.values())).robot
    return tensors, {"robot": robot, "names": list(wrestlers), "provenance": provenance}


def save(
    path: str | Path, wrestlers: Mapping[str, Wrestler], provenance: Mapping[str, Any]
) -> None:
    """Writes wrestlers of one robot to one safetensors file with a checksum.

    Args:
        path: of the file.
        wrestlers: by name, at least one.
        provenance: where they come from; whatever JSON can hold.
    """
    files.save_tensors(path, *pack(wrestlers, provenance))


def load(path: str | Path, *, robot: str = "ant") -> tuple[dict[str, Wrestler], dict[str, Any]]:
    """Reads wrestlers, in their order, and their provenance.

    In a file that `training.run_to_file` wrote, the provenance holds the identity of the training
    under "training".

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is damaged, holds no wrestlers, or wrestlers of another robot or of
            another shape than this version's.
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


def load_shipped() -> tuple[dict[str, Wrestler], dict[str, Any]]:
    """The wrestlers that come with the package, by name, and the provenance of each."""
    weights = importlib.resources.files("paperlib.agents") / "weights" / "wrestlers.safetensors"
    with importlib.resources.as_file(weights) as path:
        return load(path)
