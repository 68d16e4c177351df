"""Learning embeddings: paperlib.embeddings.learn, and Algorithm 1 of the paper as it is written.

An *anchor* is one agent in one pass of the algorithm: its imitation term, on one e+ and one e*, and
its identification terms, with one e- of each other agent. Both forms count anchors, which hold the
same number of terms in both. The loop draws and embeds every e- anew, as the paper has it; `learn`
draws and embeds one e- of each agent, which serves all others of its pass.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from protocol import Case, serve
from torch import Tensor

from paperlib import embeddings, objectives
from paperlib.batches import EpisodeBatch
from paperlib.datasets import InteractionDataset
from paperlib.environments.particleworld import EPISODE_LENGTH, FORCE_SIZE, listener_size
from paperlib.streams import make_generator

NUM_AGENTS, NUM_EPISODES = 14, 100  # episodes of each agent
NUM_UPDATES = 50  # updates in one call of `learn`
WEIGHT = 1.0  # λ

Draw = tuple[EpisodeBatch, EpisodeBatch, list[EpisodeBatch]]  # e+, e*, an e- of each other agent


def make_dataset() -> InteractionDataset:
    """Random episodes in the shape of a listener's."""
    rng = np.random.default_rng(0)
    count = NUM_AGENTS * NUM_EPISODES
    return InteractionDataset.from_arrays(
        rng.normal(size=(count, EPISODE_LENGTH, listener_size(3))),
        rng.integers(FORCE_SIZE, size=(count, EPISODE_LENGTH)),
        np.arange(count) % NUM_AGENTS,
        num_actions=FORCE_SIZE,
    )


def draw(episodes: list[list[EpisodeBatch]], rng: random.Random) -> Iterator[Draw]:
    """Yields what Algorithm 1 draws for one agent after the other."""
    for agent, own in enumerate(episodes):
        positive, reference = rng.sample(own, 2)
        negatives = [rng.choice(theirs) for i, theirs in enumerate(episodes) if i != agent]
        yield positive, reference, negatives


def looped_loss(model: embeddings.PolicyEmbedder, draws: Iterable[Draw]) -> Tensor:
    """The loss of one pass of Algorithm 1, one episode at a time, averaged over agents."""
    losses = []
    for positive, reference, negatives in draws:
        embedding = model.encoder(*reference)
        logits = model.policy(positive.observations, embedding)
        loss = -(logits.log_softmax(-1) * positive.actions).sum()  # eq. 1
        positive_distance = torch.linalg.vector_norm(embedding - model.encoder(*positive))
        for negative in negatives:
            negative_distance = torch.linalg.vector_norm(embedding - model.encoder(*negative))
            x = negative_distance - positive_distance
            loss = loss + WEIGHT * (1 + x.exp()) ** -2  # eq. 2
        losses.append(loss)
    return torch.stack(losses).mean()


def require_same_loss(model: embeddings.PolicyEmbedder, dataset: InteractionDataset) -> None:
    """Checks that both forms compute the same loss where the loop gets the library's draws."""
    triplets = objectives.draw_triplets(
        dataset, dataset.episodes_of_agents(), repetitions=1, generator=make_generator(2)
    )
    networks = objectives.Networks(model.encoder, model.policy)
    batched = objectives.Hybrid(WEIGHT)(networks, triplets)
    rows = [
        [EpisodeBatch(*(part[0, agent] for part in batch)) for agent in range(NUM_AGENTS)]
        for batch in (triplets.positive, triplets.reference, triplets.negative)
    ]
    negatives = [rows[2][:agent] + rows[2][agent + 1 :] for agent in range(NUM_AGENTS)]
    looped = looped_loss(model, zip(rows[0], rows[1], negatives, strict=True))
    if not torch.allclose(batched, looped, rtol=1e-4):
        raise SystemExit(f"the batched loss is {batched.item()}, the looped one {looped.item()}")


def make_case(form: str, repetitions: int, threads: int) -> Case:
    """A unit is an anchor.

    Args:
        form: "batched", as in the library, or "looped".
        repetitions: passes in each update of the batched form; the loop has one.
        threads: number of PyTorch threads.
    """
    torch.set_num_threads(threads)
    dataset = make_dataset()
    settings = embeddings.Settings(num_updates=NUM_UPDATES, repetitions=repetitions)
    objective, generator = objectives.Hybrid(WEIGHT), make_generator(1)
    sizes = dataset.observation_size, dataset.action_size
    model = embeddings.PolicyEmbedder(*sizes, settings=settings, generator=generator)
    require_same_loss(model, dataset)
    if form == "batched":

        def learn() -> None:
            embeddings.learn(dataset, objective=objective, settings=settings, generator=generator)

        return learn, NUM_UPDATES * repetitions * NUM_AGENTS
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate, fused=True)
    order, _, counts = dataset.episodes_of_agents()
    episodes = [[dataset.batch(index) for index in own] for own in order.split(counts.tolist())]
    rng = random.Random(0)

    def step() -> None:
        optimiser.zero_grad()
        looped_loss(model, draw(episodes, rng)).backward()
        optimiser.step()

    return step, NUM_AGENTS


if __name__ == "__main__":
    serve(make_case, packages=("torch",))
