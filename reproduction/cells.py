"""Encoders of listeners, evaluated by exact speakers: the cells of one comparison."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperlib import embeddings, files
from paperlib.agents import word_speakers
from paperlib.agents.word_speakers import word_numbers
from paperlib.alternatives.gated_pooling import GatedPoolingEncoder, ReadingPolicy
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.environments.particleworld import FORCE_SIZE, MESSAGE, listener_size
from paperlib.objectives import Hybrid
from paperlib.streams import make_generator
from paperlib.training import Progress
from reproduction.channel_symmetries import by_message, relabelled_returns
from reproduction.listener_sources import Source, channels_of, collect, contexts
from reproduction.listening import pushes
from reproduction.measures import window_means

MAX_IMAGES = 672  # images of listeners that a speaker trains with
MAX_CONTEXTS = 96  # contexts of each image from one episode; fewer from more episodes
ENCODERS = ("mean-MLP", "gated pooling", "word statistic")


class Cell(NamedTuple):
    """One encoder, and how it is trained.

    Attributes:
        encoder: one of `ENCODERS`.
        symmetric: whether encoder and speakers learn with listeners behind relabelled channels.
        identification_weight: λ; 0 is Emb-Im, infinity Emb-Id.
        pretraining_updates: updates on agents split by message (`channel_symmetries.by_message`).
        num_updates: updates after pretraining.
        learning_rate: Adam's learning rate.
        hidden_size: hidden size of the encoder and the policy.
    """

    encoder: str = "gated pooling"
    symmetric: bool = True
    identification_weight: float = 0.0
    pretraining_updates: int = 3000
    num_updates: int = 4000
    learning_rate: float = 6e-3
    hidden_size: int = 128


class WordDirections(nn.Module):
    """An encoder without learning: for each word and landmark, how much the listener pushed towards
    the landmark on hearing the word; a sum over steps, divided by their number + 2."""

    def forward(
        self,
        observations: Float[Tensor, "*batch time obs"],
        actions: Float[Tensor, "*batch time act"],
        step_weights: Float[Tensor, "*batch time"],
    ) -> Float[Tensor, "*batch embedding"]:
        messages = observations[..., MESSAGE]
        words = nn.functional.one_hot(word_numbers(messages), 2 ** messages.shape[-1])
        heard = words * step_weights.unsqueeze(-1)  # (*batch, T, W)
        sums = heard.mT @ pushes(actions, observations)  # (*batch, W, 3)
        return (sums / (heard.sum(-2).unsqueeze(-1) + 2.0)).flatten(-2)


def learn(
    cell: Cell, sources: Sequence[Source], *, key: Sequence[int], path: Path | None = None
) -> nn.Module:
    """Trains the encoder of a cell, with its policy; keeps it in a file.

    Args:
        cell: the encoder, and how it is trained.
        sources: listeners to learn from.
        key: key of the random streams.
        path: file for the encoder; an existing one from the same training is loaded.
    """
    generator = make_generator(*key, 0)
    dataset = collect(sources, symmetric=cell.symmetric, generator=make_generator(*key, 1))
    sizes = dataset.observation_size, dataset.action_size
    options = {"hidden_size": cell.hidden_size, "generator": generator}
    networks: dict[str, nn.Module] = {}
    if cell.encoder == "gated pooling":
        networks["encoder"] = GatedPoolingEncoder(*sizes, **options)
        networks["policy"] = ReadingPolicy(*sizes, **options)
    source = {"cell": repr(cell), "key": list(key), "data": dataset.checksum()}
    if path is not None and path.exists() and files.load_tensors(path)[1].get("source") == source:
        return PolicyEmbedder.load(path, **networks)
    objective, losses = Hybrid(cell.identification_weight), []
    divided = by_message(dataset)
    counts = divided.agents.bincount()[divided.agents]
    stages = (
        (divided.select((counts > 6).nonzero()[:, 0]), (2, 6), cell.pretraining_updates),
        (dataset, (1, 16), cell.num_updates),
    )
    for number, (episodes, reference_episodes, num_updates) in enumerate(stages):
        if num_updates:
            settings = _settings(cell, episodes, reference_episodes, num_updates)
            model = embeddings.learn(
                episodes,
                **networks,
                objective=objective,
                settings=settings,
                generator=make_generator(*key, 2 + number),
            )
            networks = {"encoder": model.encoder, "policy": model.policy}
            losses.append(model.losses)
    model.source, model.losses = source, torch.cat(losses)
    if path is not None:
        model.save(path)
    return model


def _settings(
    cell: Cell, dataset: InteractionDataset, reference_episodes: tuple[int, int], num_updates: int
) -> Settings:
    return Settings(
        num_updates=num_updates,
        learning_rate=cell.learning_rate,
        hidden_size=cell.hidden_size,
        policy_hidden_size=cell.hidden_size,
        steps_per_episode=8,
        reference_episodes=reference_episodes,
        agents_per_update=64,
        repetitions=max(1, 64 // len(dataset.agents.unique())),
    )


def evaluate(
    model: PolicyEmbedder,
    sources: Sequence[Source],
    test: Source,
    *,
    symmetric: bool,
    episode_counts: Sequence[int],
    key: Sequence[int],
    num_word_episodes: int,
    num_speaker_updates: int,
) -> dict[str, list[float]]:
    """Exact expected returns of speakers that are given embeddings of their listeners.

    For each number of episodes, a speaker trains exactly (`word_speakers.train_speakers`) with the
    listeners of ``sources``, all images of them or at most `MAX_IMAGES`, on contexts from new
    episodes. It is evaluated with the listeners of ``test``.

    Args:
        model: embeds episodes.
        sources: listeners to train with.
        test: unseen listeners.
        symmetric: whether speakers train with listeners behind relabelled channels, too.
        episode_counts: k, numbers of episodes in an embedding.
        key: key of the random streams.
        num_word_episodes: episodes of each word with each listener, for the tables of returns.
        num_speaker_updates: Adam updates of each speaker.

    Returns:
        For each k the mean return with training listeners ("training", over the last tenth of the
        updates) and with unseen ones ("unseen").
    """
    channels = channels_of(sources[0], symmetric=symmetric)
    generator, options = make_generator(*key, 0), {"num_episodes": num_word_episodes}
    returns = torch.cat(
        [
            relabelled_returns(
                source.word_returns(**options, generator=generator).mean(0), channels
            )
            for source in sources
        ]
    )
    dataset = collect(sources, symmetric=symmetric, generator=generator)
    agents = torch.randperm(len(returns), generator=generator)[:MAX_IMAGES]
    unseen = test.collect(channels[:1], num_episodes=40, generator=generator)
    unseen_returns = test.word_returns(**options, generator=generator).mean(0)
    found: dict[str, list[float]] = {"training": [], "unseen": []}
    for count in episode_counts:
        draws = {"num_episodes": count, "generator": generator}
        num_contexts = max(16, MAX_CONTEXTS // count)
        given = contexts(model, dataset, agents=agents, num_contexts=num_contexts, **draws)
        others = torch.arange(len(test.pairs))
        asked = contexts(model, unseen, agents=others, num_contexts=64, **draws)
        mean, std = given.flatten(0, 1).mean(0), given.flatten(0, 1).std(0) + 1e-6
        speakers, curve = word_speakers.train_speakers(
            ((given - mean) / std)[None],
            returns[agents],
            generators=[make_generator(*key, 1, count)],
            num_updates=num_speaker_updates,
            hidden_size=64,
            contexts_per_update=1,
        )
        judged = word_speakers.expected_returns(
            speakers, ((asked - mean) / std)[None], unseen_returns
        )
        found["training"].append(curve[-max(1, num_speaker_updates // 10) :].mean().item())
        found["unseen"].append(judged.mean().item())
    return found


def run_cell(
    *,
    cell: Cell,
    sources: Sequence[Source],
    test: Source,
    key: Sequence[int],
    path: Path,
    progress: Progress,
    **evaluation: Any,
) -> dict[str, Any]:
    """A job for `run_jobs`: learns an encoder and evaluates it.

    Returns:
        What `evaluate` returns, the learning curve under "losses", and the "seconds" of learning.
    """
    started = time.perf_counter()
    if cell.encoder == "word statistic":
        sizes = listener_size(sources[0].population.message_size), FORCE_SIZE
        generator = make_generator(*key, 0)
        model = PolicyEmbedder(*sizes, encoder=WordDirections(), generator=generator)
    else:
        model = learn(cell, sources, key=key, path=path)
    seconds = time.perf_counter() - started
    evaluation_key = (*key, 9)
    found = evaluate(
        model, sources, test, symmetric=cell.symmetric, key=evaluation_key, **evaluation
    )
    progress(1)
    losses = window_means(model.losses, num_windows=30)
    return {**found, "losses": losses, "seconds": seconds}
