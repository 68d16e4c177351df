"""Learning embeddings of agents from a dataset of their episodes, and computing them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from paperlib import files, objectives
from paperlib.datasets import InteractionDataset
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder
from paperlib.streams import make_generator

IMITATION, IDENTIFICATION = 0.0, float("inf")  # λ of Emb-Im and Emb-Id


@dataclasses.dataclass(frozen=True)
class Settings:
    """How embeddings are learned; the defaults are those of the notebooks.

    Attributes:
        identification_weight: λ; 0 is Emb-Im, infinity is Emb-Id, anything between is Emb-Hyb.
        num_steps: of Adam.
        repetitions: n, draws of Algorithm 1 for all agents in one step.
        learning_rate: of Adam; falls to zero along half a cosine.
        embedding_size: D.
        hidden_size: of the encoder.
        policy_hidden_size: of the conditional policy.
        likelihood: of actions: "categorical", "gaussian" or "squared_error".
        triplet_form: "softmax" or "margin".
    """

    identification_weight: float = 1.0
    num_steps: int = 2000
    repetitions: int = 2
    learning_rate: float = 5e-3
    embedding_size: int = 100
    hidden_size: int = 100
    policy_hidden_size: int = 64
    likelihood: str = "categorical"
    triplet_form: str = "softmax"

    def __post_init__(self) -> None:
        if not self.identification_weight >= 0:
            raise ValueError(
                f"identification_weight must be at least 0, got {self.identification_weight}"
            )
        if self.likelihood not in objectives.LIKELIHOODS:
            raise ValueError(
                f"likelihood must be one of {objectives.LIKELIHOODS}, got {self.likelihood!r}"
            )
        if self.triplet_form not in objectives.TRIPLET_FORMS:
            raise ValueError(
                f"triplet_form must be one of {objectives.TRIPLET_FORMS}, got {self.triplet_form!r}"
            )
        chosen = ("identification_weight", "likelihood", "triplet_form")
        for name, value in dataclasses.asdict(self).items():
            if name not in chosen and not value > 0:
                raise ValueError(f"{name} must be positive, got {value}")


class Representation(nn.Module):
    """A trained encoder f_θ with its conditional policy π_φ.

    Args:
        observation_size: O.
        action_size: A.
        settings: with which it is or was trained.
        generator: draws the weights.
    """

    def __init__(
        self,
        observation_size: int,
        action_size: int,
        settings: Settings,
        *,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        self.settings = settings
        self.sizes = observation_size, action_size
        self.source: dict[str, Any] = {}  # which stream and data it was learned from
        sizes = {"embedding_size": settings.embedding_size, "generator": generator}
        self.encoder = EpisodeEncoder(
            observation_size, action_size, hidden_size=settings.hidden_size, **sizes
        )
        self.policy = ConditionalPolicy(
            observation_size, action_size, hidden_size=settings.policy_hidden_size, **sizes
        )

    @torch.no_grad()
    def embed(self, dataset: InteractionDataset, *, batch_size: int = 4096) -> Tensor:
        """The embedding of every episode of ``dataset``, (E, D).

        Raises:
            ValueError: if the dataset's sizes are not those that the encoder was trained with.
        """
        sizes = dataset.observation_size, dataset.action_size
        if sizes != self.sizes:
            raise ValueError(
                f"dataset: observations and actions of {sizes[0]} and {sizes[1]} numbers came; the "
                f"encoder was trained with {self.sizes[0]} and {self.sizes[1]}"
            )
        indices = torch.arange(len(dataset), device=dataset.agents.device).split(batch_size)
        return torch.cat([self.encoder(*dataset.batch(index)) for index in indices])

    def save(self, path: str | Path) -> None:
        """Writes weights and settings to one safetensors file with a checksum."""
        settings = dataclasses.asdict(self.settings)
        settings["identification_weight"] = str(settings["identification_weight"])  # may be inf
        sizes = list(self.sizes)
        files.save_tensors(
            path, self.state_dict(), {"sizes": sizes, "settings": settings, "source": self.source}
        )

    @classmethod
    def load(cls, path: str | Path) -> Representation:
        """Reads what `save` wrote.

        Raises:
            ValueError: if the file is damaged or holds no representation.
        """
        tensors, metadata = files.load_tensors(path)
        if set(metadata) != {"sizes", "settings", "source"}:
            raise ValueError(f"{path} holds no representation")
        settings = metadata["settings"]
        settings["identification_weight"] = float(settings["identification_weight"])
        new = cls(*metadata["sizes"], Settings(**settings), generator=torch.Generator())
        new.load_state_dict(tensors)
        new.source = metadata["source"]
        return new


def draw_triplets(
    dataset: InteractionDataset,
    episodes_of_agents: tuple[Tensor, Tensor, Tensor],
    repetitions: int,
    generator: torch.Generator,
) -> objectives.Triplets:
    """Episodes for ``repetitions`` passes of Algorithm 1: for every agent i two different episodes
    e+ and e*, uniformly from its own, and one e-, which serves as negative for the others."""
    order, starts, counts = episodes_of_agents
    shape = (3, repetitions, len(counts))
    numbers = torch.rand(shape, generator=generator, device=generator.device, dtype=torch.float64)
    available = counts - torch.tensor([0, 1, 0], device=counts.device)[:, None]  # (3, N)
    index = (numbers * available[:, None]).long()
    index[1] += index[1] >= index[0]  # the second of two different ones
    reference, positive, negative = order[index + starts]
    return objectives.Triplets(*(dataset.batch(e) for e in (reference, positive, negative)))


def learn(
    dataset: InteractionDataset,
    settings: Settings | None = None,
    *,
    generator: torch.Generator,
    report: Callable[[int], None] = lambda done: None,
) -> Representation:
    """Learns embeddings of the agents of ``dataset`` (Algorithm 1, every agent in every step).

    Args:
        dataset: at least two agents with at least two episodes each.
        settings: see `Settings`.
        generator: draws weights and episodes; its device is where training runs.
        report: told of each hundred steps.

    Returns:
        The representation; its attribute ``losses`` is the loss of each step, (num_steps,).

    Raises:
        ValueError: if an agent has a single episode, there is a single agent, or the likelihood
            does not fit the kind of actions.
    """
    settings = settings or Settings()
    dataset.require_episodes(2)
    if len(dataset.agent_ids) < 2:
        raise ValueError("dataset: embeddings tell agents apart; it holds only one agent")
    if (settings.likelihood == "categorical") != bool(dataset.num_actions):
        raise ValueError(
            f"likelihood {settings.likelihood!r} does not fit the dataset's "
            f"{'categorical' if dataset.num_actions else 'continuous'} actions"
        )
    dataset = dataset.to(generator.device)
    sizes = dataset.observation_size, dataset.action_size
    start = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    weights = torch.Generator().manual_seed(start)
    model = Representation(*sizes, settings, generator=weights).to(generator.device)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.num_steps)
    grouped = dataset.episodes_of_agents()
    losses = torch.zeros(settings.num_steps, device=generator.device)
    for step in range(settings.num_steps):
        triplets = draw_triplets(dataset, grouped, settings.repetitions, generator)
        loss = objectives.hybrid_loss(
            model.encoder,
            model.policy,
            triplets,
            identification_weight=settings.identification_weight,
            likelihood=settings.likelihood,
            form=settings.triplet_form,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses[step] = loss.detach()
        if (step + 1) % 100 == 0:
            report(100)
    model.losses = losses.cpu()
    return model


def learn_to_file(
    *,
    dataset: InteractionDataset,
    settings: Settings,
    key: tuple[int, ...],
    device: str,
    path: Path,
    report: Callable[[int], None],
) -> None:
    """A job for `trainings.run_jobs`: learns from the stream ``key`` and writes ``path``; what is
    there already, from the same settings, key and data, stays.

    Raises:
        ValueError: if a file is there and damaged.
    """
    source = {"key": list(key), "data": dataset.checksum()}
    if path.exists():
        present = Representation.load(path)
        if present.settings == settings and present.source == source:
            report(settings.num_steps)
            return
    generator = make_generator(*key, device=device)
    model = learn(dataset, settings, generator=generator, report=report)
    model.source = source
    model.save(path)


def average_episodes(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    num_averages: int,
    generator: torch.Generator,
) -> Float[Tensor, "agent average embedding"]:
    """Means of the embeddings of several episodes of one agent: what is known of it after them.

    Args:
        embeddings: of single episodes.
        agents: whose they are.
        num_episodes: how many different episodes one mean is taken over.
        num_averages: how many means of each agent; each draws its episodes anew.

    Returns:
        Rows for agents in ascending order of their ids.

    Raises:
        ValueError: if an agent has fewer than ``num_episodes``.
    """
    result = []
    for agent in agents.unique().tolist():
        own = embeddings[agents == agent]
        if len(own) < num_episodes:
            raise ValueError(f"agent {agent} has {len(own)} episodes, num_episodes={num_episodes}")
        noise = torch.rand(num_averages, len(own), generator=generator, device=generator.device)
        chosen = noise.argsort(dim=-1)[:, :num_episodes].to(own.device)
        result.append(own[chosen].mean(1))
    return torch.stack(result)


def disjoint_averages(
    embeddings: Float[Tensor, "episode embedding"],
    agents: Int[Tensor, " episode"],
    *,
    num_episodes: int,
    generator: torch.Generator,
) -> tuple[Float[Tensor, "average embedding"], Int[Tensor, " average"]]:
    """Means over disjoint groups of ``num_episodes`` random episodes of one agent, and whose each
    is. Independent given the agent, unlike `average_episodes`: what a metric needs.

    Raises:
        ValueError: if an agent has fewer than two groups.
    """
    means, owners = [], []
    for agent in agents.unique().tolist():
        own = embeddings[agents == agent]
        count = len(own) // num_episodes
        if count < 2:
            raise ValueError(
                f"agent {agent} has {len(own)} episodes; two groups of num_episodes={num_episodes} "
                f"take {2 * num_episodes}"
            )
        order = torch.randperm(len(own), generator=generator, device=generator.device).to(
            own.device
        )
        means.append(own[order[: count * num_episodes]].unflatten(0, (count, -1)).mean(1))
        owners.append(agents.new_full((count,), agent))
    return torch.cat(means), torch.cat(owners)


def hand_made_features(dataset: InteractionDataset) -> Tensor:
    """Means and standard deviations of observations and actions of each episode, (E, 2 (O + A)):
    what an encoder must beat."""
    batch = dataset.batch(torch.arange(len(dataset), device=dataset.agents.device))
    pairs = torch.cat([batch.observations, batch.actions], dim=-1)
    weight = (batch.mask / batch.mask.sum(-1, keepdim=True)).unsqueeze(-1)
    mean = (pairs * weight).sum(-2)
    variance = ((pairs - mean.unsqueeze(-2)).square() * weight).sum(-2)
    features = torch.cat([mean, variance.sqrt()], dim=-1)
    spread = features.std(0, correction=int(len(features) > 1))
    return features / spread.clamp(min=np.finfo(np.float32).eps)
