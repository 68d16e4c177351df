"""Embeddings of agents: learned from their episodes, computed, and saved."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from paperlib import _dataset_checks, files, objectives, streams
from paperlib.batches import EpisodeBatch, in_parts, join_episodes
from paperlib.datasets import InteractionDataset
from paperlib.encoders import (
    ConditionalPolicy,
    EpisodeEncoder,
    RunningNormalizer,
    check_policy,
    embedding_size_of,
    initialise,
)
from paperlib.graphs import InteractionGraph
from paperlib.objectives import Networks, Objective, Triplets, draw_triplets
from paperlib.settings import Settings
from paperlib.training import Progress, no_progress


class PolicyEmbedder(nn.Module):
    """An encoder f_θ with its conditional policy π_φ: what `learn` returns.

    Args:
        observation_size: O.
        action_size: A.
        settings: see `Settings`.
        encoder: a copy of it is taken; by default an `EpisodeEncoder`.
        policy: a copy of it is taken; by default a `ConditionalPolicy`.
        generator: draws the weights of the default encoder and policy.

    Raises:
        ValueError: if the encoder does not return one vector for each episode, or the policy does
            not take such vectors or return one number for each step.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        *,
        settings: Settings | None = None,
        encoder: nn.Module | None = None,
        policy: nn.Module | None = None,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        settings = settings or Settings()
        self.sizes = observation_size, action_size
        self.source: dict[str, Any] = {}  # which stream and data it was learned from
        self.losses = torch.zeros(0)  # one for each update
        if encoder is None:
            self.encoder = EpisodeEncoder(
                observation_size,
                action_size,
                embedding_size=settings.embedding_size,
                hidden_size=settings.hidden_size,
                generator=generator,
            ).float()  # like datasets, whatever PyTorch's default
        else:
            self.encoder = copy.deepcopy(encoder)
            found = embedding_size_of(self.encoder, *self.sizes)
            settings = dataclasses.replace(settings, embedding_size=found)
        self.settings = settings
        if policy is None:
            self.policy = ConditionalPolicy(
                observation_size,
                action_size,
                embedding_size=settings.embedding_size,
                hidden_size=settings.policy_hidden_size,
                likelihood=settings.likelihood,
                generator=generator,
            ).float()
        else:
            self.policy = copy.deepcopy(policy)
            check_policy(self.policy, *self.sizes, embedding_size=settings.embedding_size)
        normalizes = settings.normalize_observations
        self.normalizer = RunningNormalizer(observation_size) if normalizes else nn.Identity()
        self.eval()

    def prepare(self, batch: EpisodeBatch) -> EpisodeBatch:
        """The batch with normalised observations, as encoder and policy take it."""
        return batch._replace(observations=self.normalizer(batch.observations))

    @torch.no_grad()
    def embed(
        self, dataset: InteractionDataset, rows: Int[Tensor, "row ..."] | None = None
    ) -> Float[Tensor, "row embedding"]:
        """Embeddings of the episodes of ``dataset``, (E, D), on its device.

        Args:
            dataset: must have the observation and action sizes that the encoder was trained with.
            rows: indices of the episodes to embed, (R,); all of them by default. Or (R, k): the
                k episodes of a row are concatenated and get a single embedding.

        Raises:
            ValueError: if the dataset's sizes are not the encoder's, or ``rows`` are no indices.
        """
        sizes = dataset.observation_size, dataset.action_size
        if sizes != self.sizes:
            raise ValueError(
                f"dataset has observations and actions of {sizes[0]} and {sizes[1]} numbers, the "
                f"encoder was trained with {self.sizes[0]} and {self.sizes[1]}"
            )
        rows = torch.arange(len(dataset)) if rows is None else rows
        rows = _dataset_checks.rows(rows, count=len(dataset)).to(dataset.agents.device)
        rows = rows.reshape(len(rows), -1)  # (R, k)
        device = next(self.parameters()).device
        order = dataset.lengths[rows].amax(1).argsort(stable=True)  # to pad less
        rows, num_steps = rows[order], dataset.observations.shape[1] * rows.shape[1]
        parts = []
        for chosen in in_parts(rows, num_steps):
            own = dataset.select(chosen.flatten()).to(device)
            shortened = own.first_steps(int(own.lengths.amax()))
            index = torch.arange(len(own), device=device).view(chosen.shape)
            joined = self.prepare(join_episodes(shortened.batch(index)))
            parts.append(self.encoder(*joined).to(chosen.device))
        return torch.cat(parts)[order.argsort()]

    def save(self, path: str | Path) -> None:
        """Writes weights, settings and losses to one safetensors file with a checksum."""
        metadata = {
            "sizes": list(self.sizes),
            "settings": files.plain(dataclasses.asdict(self.settings)),
            "encoder": type(self.encoder).__name__,
            "policy": type(self.policy).__name__,
            "source": self.source,
        }
        files.save_tensors(path, {**self.state_dict(), "losses": self.losses}, metadata)

    @classmethod
    def load(
        cls,
        path: str | Path,
        *,
        encoder: nn.Module | None = None,
        policy: nn.Module | None = None,
    ) -> PolicyEmbedder:
        """Reads what `save` wrote.

        Args:
            path: the file to read.
            encoder: a module like the one that was trained, unless it was the default; the weights
                are loaded into a copy of it.
            policy: likewise, for the policy.

        Raises:
            ValueError: if the file is damaged, is not one that `save` wrote, or holds the weights
                of another encoder or policy.
        """
        tensors, metadata = files.load_tensors(path)
        metadata.setdefault("policy", ConditionalPolicy.__name__)  # missing in older files
        if set(metadata) != {"sizes", "settings", "encoder", "policy", "source"}:
            raise ValueError(f"{path} holds no PolicyEmbedder")
        given = {
            "encoder": EpisodeEncoder if encoder is None else type(encoder),
            "policy": ConditionalPolicy if policy is None else type(policy),
        }
        for role, kind in given.items():
            if kind.__name__ != metadata[role]:
                raise ValueError(
                    f"{role} must be a {metadata[role]}, whose weights {path} holds; "
                    f"got {kind.__name__}"
                )
        if unknown := {*metadata["settings"]} - {f.name for f in dataclasses.fields(Settings)}:
            raise ValueError(f"{path} holds unknown settings: {', '.join(sorted(unknown))}")
        settings = Settings(**metadata["settings"])
        parts = {"settings": settings, "encoder": encoder, "policy": policy}
        new = cls(*metadata["sizes"], **parts, generator=torch.Generator())
        for role in given:
            try:
                getattr(new, role).load_state_dict(files.without_prefix(f"{role}.", tensors))
            except RuntimeError:
                raise ValueError(f"{role}: its weights do not have the shapes in {path}") from None
        new.losses = tensors.pop("losses", new.losses)  # older files lack them
        new.load_state_dict(tensors)
        new.source = metadata["source"]
        return new.eval()


def learn(
    dataset: InteractionDataset,
    *,
    encoder: nn.Module | None = None,
    policy: nn.Module | None = None,
    objective: Objective | None = None,
    settings: Settings | None = None,
    graph: InteractionGraph | None = None,
    generator: torch.Generator,
    progress: Progress = no_progress,
) -> PolicyEmbedder:
    """Learns embeddings of the agents of ``dataset`` (Algorithm 1, every agent in every update).

    Args:
        dataset: at least two agents, each with at least one episode more than a reference takes.
        encoder: any module ``(observations, actions, step_weights) -> embedding`` of shapes
            (*batch, T, O), (*batch, T, A), (*batch, T) -> (*batch, D), any leading axes. Steps
            weigh 1 and padding 0; sampled or merged steps have other positive weights. A copy of it
            is trained, starting from its weights; by default an `EpisodeEncoder`.
        policy: any module with ``log_prob(observations, embedding, actions)`` of shapes
            (*batch, T, O), (*batch, D), (*batch, T, A) -> (*batch, T). A copy of it is trained,
            starting from its weights; by default a `ConditionalPolicy`.
        objective: any callable ``(networks, triplets) -> scalar``; by default
            `objectives.Hybrid()`. If it is a module, a copy is trained as well, from new weights of
            its linear layers, and not returned. Noise must come from ``networks.generator``.
        settings: see `Settings`.
        graph: learn only from episodes on its edges; from all episodes by default.
        generator: draws weights and episodes; its device is where training runs.
        progress: called with the number of updates since the last call.

    Returns:
        The trained networks; the attribute ``losses`` holds the loss of each update.

    Raises:
        ValueError: if an agent has too few episodes, there is a single agent, an edge has no
            episode, the likelihood does not fit the kind of actions, the encoder does not return
            one vector per episode or the policy one number per step, or the objective does not
            return a finite scalar, at the start or later (noticed within 100 updates), is a class
            or no callable, or the generator is not PyTorch's.
    """
    settings = settings or Settings()
    objective = objectives.Hybrid() if objective is None else objective
    objectives.require_objective(objective)
    streams.require_generator(generator)
    likelihood = getattr(policy, "likelihood", settings.likelihood if policy is None else None)
    if likelihood and (likelihood == "categorical") != bool(dataset.num_actions):
        kind, fit = ("categorical",) * 2 if dataset.num_actions else ("continuous", "gaussian")
        remedy = f'{"Settings" if policy is None else type(policy).__name__}(likelihood="{fit}")'
        raise ValueError(f"likelihood {likelihood!r} does not fit {kind} actions; use {remedy}")
    dataset = dataset.to(generator.device)
    rows = None if graph is None else dataset.rows_on_edges(graph)
    agents = dataset.agents if rows is None else dataset.agents[rows]
    _dataset_checks.enough_episodes(agents, minimum=settings.reference_episodes[1] + 1)
    grouped = dataset.episodes_of_agents(rows)
    if len(grouped.counts) < 2:
        raise ValueError("dataset: embeddings tell agents apart; it holds only one agent")
    start = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    weights = torch.Generator().manual_seed(start)
    model = PolicyEmbedder(
        dataset.observation_size,
        dataset.action_size,
        settings=settings,
        encoder=encoder,
        policy=policy,
        generator=weights,
    ).to(generator.device)
    parameters = list(model.parameters())
    if isinstance(objective, nn.Module):
        objective = copy.deepcopy(objective).cpu()
        initialise(objective, weights)
        parameters += objective.to(generator.device).parameters()
    if settings.normalize_observations:
        for part in in_parts(grouped.order, dataset.observations.shape[1]):
            batch = dataset.batch(part)
            repeats = batch.step_weights.long().flatten()  # 0 in padding, more than 1 if merged
            model.normalizer.update(batch.observations.flatten(0, 1).repeat_interleave(repeats, 0))
    networks = Networks(model.train().encoder, model.policy, generator)
    optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.num_updates)
    losses = torch.zeros(settings.num_updates, device=generator.device)
    with streams.global_seed(start, generator.device):  # for dropout in the user's networks
        for update in range(settings.num_updates):
            triplets = draw_triplets(
                dataset,
                grouped,
                repetitions=settings.repetitions,
                steps_per_episode=settings.steps_per_episode,
                agents_per_update=settings.agents_per_update,
                reference_episodes=settings.reference_episodes,
                generator=generator,
            )
            loss = objective(networks, Triplets(*map(model.prepare, triplets)))
            if update == 0:
                objectives.require_scalar(loss)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses[update] = loss.detach()
            if (update + 1) % 100 == 0 or update + 1 == settings.num_updates:
                objectives.require_finite(losses[: update + 1])
                progress(update % 100 + 1)
    model.losses = losses.cpu()
    return model.eval()
