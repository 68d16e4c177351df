"""Learning embeddings of agents from a dataset of their episodes, and computing them."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from paperlib import files, objectives
from paperlib.datasets import EpisodeBatch, InteractionDataset
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder, RunningNormalizer, initialise
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator

IMITATION, IDENTIFICATION = 0.0, float("inf")  # λ of Emb-Im and Emb-Id


@dataclasses.dataclass(frozen=True)
class Settings:
    """How embeddings are learned; the defaults are those of the notebooks.

    Attributes:
        identification_weight: λ; 0 is Emb-Im, infinity is Emb-Id, anything between is Emb-Hyb.
        num_updates: of Adam.
        repetitions: n, draws of Algorithm 1 for all agents in one step.
        learning_rate: of Adam; falls to zero along half a cosine.
        embedding_size: D.
        hidden_size: of the encoder.
        policy_hidden_size: of the conditional policy.
        likelihood: of actions: "categorical", "gaussian" or "squared_error".
        triplet_form: "softmax" or "margin".
        steps_per_episode: drawn at random from each episode in every step of Adam, which estimates
            the loss without bias of its sums and means; 0 takes all steps.
        normalize_observations: whether observations are standardised by the training data first.
        supervised: learn to name the agents of the training data instead, with labels that the
            paper's methods do without: a reference.
    """

    identification_weight: float = 1.0
    num_updates: int = 2000
    repetitions: int = 2
    learning_rate: float = 5e-3
    embedding_size: int = 100
    hidden_size: int = 100
    policy_hidden_size: int = 64
    likelihood: str = "categorical"
    triplet_form: str = "softmax"
    steps_per_episode: int = 0
    normalize_observations: bool = False
    supervised: bool = False

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
        if self.steps_per_episode < 0:
            raise ValueError(f"steps_per_episode must be at least 0, got {self.steps_per_episode}")
        positive = ("num_updates", "repetitions", "learning_rate", "embedding_size")
        for name in (*positive, "hidden_size", "policy_hidden_size"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")


class PolicyEmbedder(nn.Module):
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
        self.normalizer = (
            RunningNormalizer(observation_size)
            if settings.normalize_observations
            else nn.Identity()
        )

    def prepare(self, batch: EpisodeBatch) -> EpisodeBatch:
        """Episodes as encoder and policy take them."""
        return batch._replace(observations=self.normalizer(batch.observations))

    @torch.no_grad()
    def embed(
        self, dataset: InteractionDataset, rows: Tensor | None = None, *, batch_size: int = 0
    ) -> Tensor:
        """Embeddings of the episodes of ``dataset``, (E, D).

        Args:
            dataset: of the sizes that the encoder was trained with.
            rows: indices of the episodes to embed; all of them by default.
            batch_size: episodes at a time; 0 for some 100,000 steps.

        Raises:
            ValueError: if the dataset's sizes are not those that the encoder was trained with.
        """
        sizes = dataset.observation_size, dataset.action_size
        if sizes != self.sizes:
            raise ValueError(
                f"dataset: observations and actions of {sizes[0]} and {sizes[1]} numbers came; the "
                f"encoder was trained with {self.sizes[0]} and {self.sizes[1]}"
            )
        rows = torch.arange(len(dataset), device=dataset.agents.device) if rows is None else rows
        batch_size = batch_size or max(1, 102400 // dataset.observations.shape[1])
        order = dataset.lengths[rows].argsort(stable=True)  # so that little is padding
        parts = []
        for chosen in rows[order].split(batch_size):
            seen = dataset.first_steps(int(dataset.lengths[chosen[-1]]))
            parts.append(self.encoder(*self.prepare(seen.batch(chosen))))
        embedded = torch.cat(parts)
        return torch.empty_like(embedded).index_copy_(0, order, embedded)

    def save(self, path: str | Path) -> None:
        """Writes weights and settings to one safetensors file with a checksum."""
        settings = dataclasses.asdict(self.settings)
        settings["identification_weight"] = str(settings["identification_weight"])  # may be inf
        sizes = list(self.sizes)
        files.save_tensors(
            path, self.state_dict(), {"sizes": sizes, "settings": settings, "source": self.source}
        )

    @classmethod
    def load(cls, path: str | Path) -> PolicyEmbedder:
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


class RunningEmbedding:
    """Embeddings of episodes that are under way, many at once: f_θ of all steps so far.

    Args:
        model: whose encoder to use.
        num_episodes: N, side by side.
    """

    def __init__(self, model: PolicyEmbedder, num_episodes: int) -> None:
        self.model = model
        self.sums = torch.zeros(num_episodes, model.settings.hidden_size)
        self.counts = torch.zeros(num_episodes, 1)

    @torch.no_grad()
    def watch(
        self,
        observations: Float[Tensor, "episode obs"],
        actions: Float[Tensor, "episode act"],
        going_on: Bool[Tensor, " episode"],
    ) -> None:
        """Takes one more step in, of the episodes that go on."""
        pairs = torch.cat([self.model.normalizer(observations), actions], dim=-1)
        weight = going_on.unsqueeze(-1).to(pairs)
        self.sums += weight * self.model.encoder.pairs(pairs)
        self.counts += weight

    @torch.no_grad()
    def embeddings(self) -> Float[Tensor, "episode embedding"]:
        """What `PolicyEmbedder.embed` would make of the steps so far; of none, f_θ of nothing."""
        return self.model.encoder.out(self.sums / self.counts.clamp(min=1))

    def begin(self, episodes: Tensor) -> None:
        """Forgets what was seen of these."""
        self.sums[episodes], self.counts[episodes] = 0.0, 0.0


def learn(
    dataset: InteractionDataset,
    settings: Settings | None = None,
    *,
    graph: InteractionGraph | None = None,
    generator: torch.Generator,
    progress: Callable[[int], None] = lambda done: None,
) -> PolicyEmbedder:
    """Learns embeddings of the agents of ``dataset`` (Algorithm 1, every agent in every step).

    Args:
        dataset: at least two agents with at least two episodes each.
        settings: see `Settings`.
        graph: whose edges' episodes to learn from; all episodes by default.
        generator: draws weights and episodes; its device is where training runs.
        progress: told of each hundred steps.

    Returns:
        The representation; its attribute ``losses`` is the loss of each step, (num_updates,).

    Raises:
        ValueError: if an agent has a single episode, there is a single agent, an edge has no
            episode, or the likelihood does not fit the kind of actions.
    """
    settings = settings or Settings()
    if (settings.likelihood == "categorical") != bool(dataset.num_actions):
        raise ValueError(
            f"likelihood {settings.likelihood!r} does not fit the dataset's "
            f"{'categorical' if dataset.num_actions else 'continuous'} actions"
        )
    dataset = dataset.to(generator.device)
    rows = None if graph is None else dataset.rows_on_edges(graph)
    dataset.require_episodes(2, rows)
    grouped = dataset.episodes_of_agents(rows)
    num_agents = len(grouped[2])
    if num_agents < 2:
        raise ValueError("dataset: embeddings tell agents apart; it holds only one agent")
    sizes = dataset.observation_size, dataset.action_size
    start = torch.randint(2**62, (), generator=generator, device=generator.device).item()
    weights = torch.Generator().manual_seed(start)
    model = PolicyEmbedder(*sizes, settings, generator=weights).to(generator.device)
    parameters = list(model.parameters())
    loss_of = functools.partial(_loss, model)
    if settings.supervised:
        head = nn.Linear(settings.embedding_size, num_agents)
        initialise(head, weights)
        parameters += head.to(generator.device).parameters()
        loss_of = functools.partial(objectives.classification_loss, model.encoder, head)
    if settings.normalize_observations:
        for part in grouped[0].split(100):
            batch = dataset.batch(part)
            model.normalizer.update(batch.observations[batch.step_weights > 0])
    optimiser = torch.optim.Adam(parameters, lr=settings.learning_rate, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, settings.num_updates)
    losses = torch.zeros(settings.num_updates, device=generator.device)
    for step in range(settings.num_updates):
        triplets = objectives.draw_triplets(
            *(dataset, grouped, settings.repetitions, generator),
            steps_per_episode=settings.steps_per_episode,
        )
        loss = loss_of(objectives.Triplets(*map(model.prepare, triplets)))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        losses[step] = loss.detach()
        if (step + 1) % 100 == 0:
            progress(100)
    model.losses = losses.cpu()
    return model


def _loss(model: PolicyEmbedder, triplets: objectives.Triplets) -> Tensor:
    return objectives.hybrid_loss(
        model.encoder,
        model.policy,
        triplets,
        identification_weight=model.settings.identification_weight,
        likelihood=model.settings.likelihood,
        form=model.settings.triplet_form,
    )


def learn_to_file(
    *,
    dataset: InteractionDataset | Path,
    graph: InteractionGraph | None = None,
    settings: Settings,
    key: tuple[int, ...],
    device: str,
    path: Path,
    progress: Callable[[int], None],
) -> None:
    """Learns from the stream ``key`` and writes ``path``; what is
    there already, from the same settings, key and data, stays.

    Args:
        dataset: or the file that it was saved to, where it is too large to be handed around.
        graph: see `learn`.

    Raises:
        ValueError: if a file is there and damaged.
    """
    dataset = InteractionDataset.load(dataset) if isinstance(dataset, Path) else dataset
    source = {"key": list(key), "data": dataset.checksum()}
    if graph is not None:
        source["edges"] = [list(edge) for edge in graph.edges]
    if path.exists():
        present = PolicyEmbedder.load(path)
        if present.settings == settings and present.source == source:
            progress(settings.num_updates)
            return
    generator = make_generator(*key, device=device)
    model = learn(dataset, settings, graph=graph, generator=generator, progress=progress)
    model.source = source
    model.save(path)


def summary_statistics(dataset: InteractionDataset) -> Tensor:
    """Means and standard deviations of observations and actions of each episode, (E, 2 (O + A)):
    what an encoder must beat."""
    parts = []
    for index in torch.arange(len(dataset), device=dataset.agents.device).split(1000):
        batch = dataset.batch(index)
        pairs = torch.cat([batch.observations, batch.actions], dim=-1)
        weight = (batch.step_weights / batch.step_weights.sum(-1, keepdim=True)).unsqueeze(-1)
        mean = (pairs * weight).sum(-2)
        variance = ((pairs - mean.unsqueeze(-2)).square() * weight).sum(-2)
        parts.append(torch.cat([mean, variance.sqrt()], dim=-1))
    features = torch.cat(parts)
    spread = features.std(0, correction=int(len(features) > 1))
    return features / spread.clamp(min=np.finfo(np.float32).eps)
