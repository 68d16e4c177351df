"""Every encoder with every objective: `learn`, and the same episode by episode.

The loop draws as many episodes for an update as `learn` does, takes each out of the dataset by
itself, and calls encoder, policy and decoders on one episode at a time; objective and optimiser are
the same. Before anything is timed, both must give one loss for one draw. Episodes are as long as
Kuhn poker's of the published protocol, with as many different observations and actions. Where the
order of steps does not matter to the encoder, `learn` is given equal steps as one, which changes no
embedding; merging takes place before, once for all updates. And it computes equal steps of an
update once, as trainings in poker do.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from statistics import median

import numpy as np
import torch
from protocol import Table, serve_table
from torch import Tensor, nn

from paperlib import embeddings, objectives
from paperlib.alternatives.merging import merge_steps, on_distinct_steps
from paperlib.alternatives.objectives import LIAM
from paperlib.alternatives.sequence_encoders import GRUEncoder
from paperlib.batches import EpisodeBatch, PartnerSteps
from paperlib.comparison import OBJECTIVES, matched_encoders
from paperlib.datasets import InteractionDataset
from paperlib.encoders import ConditionalPolicy
from paperlib.streams import make_generator

NUM_AGENTS, NUM_EPISODES, NUM_STEPS = 64, 4, 200  # agents of an update, episodes of each
OBSERVATION_SIZE, NUM_ACTIONS, NUM_STATES = 11, 2, 6
NUM_UPDATES = 30  # of one call of `learn`; trainings have hundreds, beside which a start is little
GOAL = 10
SETTINGS = embeddings.Settings(num_updates=NUM_UPDATES, repetitions=1)


def make_dataset() -> InteractionDataset:
    """Random episodes of the shape of a poker player's, and of its partner's: each of them meets
    `NUM_STATES` information states."""
    rng, count = np.random.default_rng(0), NUM_AGENTS * NUM_EPISODES
    states = rng.integers(2, size=(NUM_STATES, OBSERVATION_SIZE)).astype(float)
    shape = count, NUM_STEPS
    met, done, coin, reply = rng.integers((NUM_STATES, 2, 2, 2), size=(*shape, 4)).transpose(
        2, 0, 1
    )
    # Who bets or passes first is answered, with one of two cards; the second time it is not
    answered = met < 3
    partner_met = np.where(answered, (met + 1 + coin) % 3, 3)
    partner_done = np.where(answered, reply, 0)
    seen, partner_seen = states[met], states[partner_met]
    return InteractionDataset.from_arrays(
        seen,
        done,
        np.arange(count) % NUM_AGENTS,
        num_actions=NUM_ACTIONS,
        partner_observations=partner_seen,
        partner_actions=partner_done,
        num_partner_actions=NUM_ACTIONS,
    )


class OneByOne(nn.Module):
    """An encoder or a policy that is called on one episode after the other."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *batch: Tensor) -> Tensor:
        return self._each(self.module, batch, ndim=batch[-1].ndim - 1)

    def log_prob(self, *batch: Tensor) -> Tensor:
        return self._each(self.module.log_prob, batch, ndim=batch[1].ndim - 1)

    def _each(self, function: Callable, batch: tuple[Tensor, ...], *, ndim: int) -> Tensor:
        shape = batch[0].shape[:ndim]
        flat = [part.flatten(0, ndim - 1) for part in batch]
        found = [function(*episode) for episode in zip(*flat, strict=True)]
        return torch.stack(found).unflatten(0, shape)


def one_by_one(module: nn.Module) -> nn.Module:
    """An objective whose decoders are called on one episode after the other."""
    for name, child in list(module.named_children()):
        if isinstance(child, ConditionalPolicy):
            setattr(module, name, OneByOne(child))
    return module


def draw(dataset: InteractionDataset, generator: torch.Generator) -> objectives.Triplets:
    """Algorithm 1's draws for all agents, one episode at a time."""
    order, starts, counts = dataset.episodes_of_agents()
    rows = []
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        own = order[start : start + count]
        reference, positive = own[torch.randperm(count, generator=generator)[:2]]
        negative = own[torch.randint(count, (), generator=generator)]
        rows.append([dataset.batch(episode) for episode in (reference, positive, negative)])
    return objectives.Triplets(*(_stack(batches) for batches in zip(*rows, strict=True)))


def _stack(batches: tuple[EpisodeBatch, ...]) -> EpisodeBatch:
    """Shapes (1, N, T, ·)."""
    stacked = EpisodeBatch(*(torch.stack(parts)[None] for parts in zip(*batches, strict=True)))
    partners = zip(*(batch.partner for batch in batches), strict=True)
    return stacked.with_partner(PartnerSteps(*(torch.stack(parts)[None] for parts in partners)))


class Cell:
    """An encoder and an objective, with both ways to train them."""

    def __init__(self, dataset: InteractionDataset, encoder: nn.Module, kind: object) -> None:
        self.dataset, self.generator = dataset, make_generator(1)
        self.encoder = on_distinct_steps(copy.deepcopy(encoder))  # of `learn`
        without = {"partner_observations": None, "partner_actions": None, "num_partner_actions": 0}
        self.given = dataset if kind is LIAM else dataclasses.replace(dataset, **without)
        if not (isinstance(encoder, GRUEncoder) or getattr(encoder, "positions", False)):
            self.given = merge_steps(self.given)
        self.objective = kind(dataset, 100) if isinstance(kind, type) else kind
        sizes = dataset.observation_size, dataset.action_size
        self.model = embeddings.PolicyEmbedder(*sizes, encoder=encoder, generator=self.generator)
        self.networks = objectives.Networks(
            OneByOne(self.model.encoder), OneByOne(self.model.policy), self.generator
        )
        self.looped, parameters = self.objective, list(self.model.parameters())
        if isinstance(self.objective, nn.Module):
            self.looped = one_by_one(copy.deepcopy(self.objective))
            parameters += self.looped.parameters()
        self.optimiser = torch.optim.Adam(parameters, lr=SETTINGS.learning_rate, fused=True)

    def require_same_loss(self) -> None:
        """Checks that both forms compute one loss for one draw."""
        triplets = draw(self.dataset, self.generator)
        batched = self.encoder, self.networks.policy.module
        losses = [
            objective(objectives.Networks(*networks, make_generator(2)), triplets).item()
            for objective, networks in (
                (self.objective, batched),
                (self.looped, (self.networks.encoder, self.networks.policy)),
            )
        ]
        if not np.isclose(*losses, rtol=1e-3):
            raise SystemExit(f"the batched loss is {losses[0]}, the looped one {losses[1]}")

    def learn(self) -> None:
        """So many updates of the library."""
        options = {"objective": self.objective, "settings": SETTINGS, "generator": self.generator}
        embeddings.learn(self.given, encoder=self.encoder, **options)

    def loop(self) -> None:
        """One update, episode by episode."""
        self.optimiser.zero_grad()
        self.looped(self.networks, draw(self.dataset, self.generator)).backward()
        self.optimiser.step()


def seconds_of(block: Callable[[], None]) -> float:
    start = time.perf_counter()
    block()
    return time.perf_counter() - start


def make_table(threads: int, repeats: int, seconds: float) -> Table:
    """A row for each encoder and objective: milliseconds of an update, batched and looped, median
    of three at most."""
    torch.set_num_threads(threads)
    dataset, rows, fewest = make_dataset(), [], []
    makers = matched_encoders(dataset.observation_size, dataset.action_size)
    for encoder_name, make in makers.items():
        sizes = dataset.observation_size, dataset.action_size
        for name, kind in OBJECTIVES.items():
            cell = Cell(dataset, make(*sizes, generator=make_generator(0)), kind)
            cell.require_same_loss()
            cell.learn()
            pairs = [
                (seconds_of(cell.learn), seconds_of(cell.loop)) for _ in range(min(repeats, 3))
            ]
            batched, looped = (median(times) for times in zip(*pairs, strict=True))
            batched /= NUM_UPDATES
            ratios = [NUM_UPDATES * loop / learn for learn, loop in pairs]
            fewest.append(median(ratios))
            numbers = [f"{1e3 * batched:.0f}", f"{1e3 * looped:.0f}", f"{median(ratios):.1f}"]
            rows.append([encoder_name, name, *numbers])
            print(*rows[-1], sep=", ", flush=True)
    note = (
        f"Milliseconds of an update with {3 * NUM_AGENTS} episodes of {NUM_STEPS} steps; the goal "
        f"is a ratio of {GOAL}, the smallest is {min(fewest):.1f}."
    )
    header = ["encoder", "objective", "learn, ms", "episode by episode, ms", "ratio"]
    return {"header": header, "rows": rows, "note": note}


if __name__ == "__main__":
    serve_table(make_table, packages=("torch",))
