"""Every encoder with every objective: `learn`, and the same episode by episode.

The loop draws as many episodes for an update as `learn` does, takes each out of the dataset by
itself, without padding, and calls encoder, policy and decoders on one episode at a time; objective
and optimiser are the same. Before anything is timed, both must give the same loss for a draw.

| world           | episodes of an update | steps of each, and what they are                      |
|-----------------|-----------------------|-------------------------------------------------------|
| Kuhn poker      | 3 × 64 agents         | 200, of 6 observations and 2 actions                  |
| Leduc poker     | 3 × 64 agents         | 200, played by random policies; some 80 are different |
| ParticleWorld   | 3 × 28 agents × 3     | 25, all different                                     |
| RoShamBo        | 3 × 43 agents × 2     | 100, of which some 70 are different                   |
| RoboSumo        | 3 × 25 agents × 4     | every tenth of 20 to 500, all different, as in the    |
|                 |                       | benchmark; as long as matches of the notebook table_1 |
| RoboSumo, drawn | 3 × 25 agents × 4     | 20 random ones of the same matches, as in table_1     |

Where steps are equal and their order does not matter to the encoder, `learn` is given equal steps
merged into one, which changes no embedding; merging takes place before, once for all updates. And
it computes equal steps of an update once, as the benchmark's training runs do.
"""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np
import torch
from protocol import Table, serve_table
from torch import Tensor, nn
from torch.nn import functional

from paperlib import embeddings, objectives
from paperlib.alternatives.merging import merge_steps, on_distinct_steps
from paperlib.alternatives.objectives import LIAM
from paperlib.alternatives.sequence_encoders import GRUEncoder
from paperlib.batches import EpisodeBatch, PartnerSteps
from paperlib.comparison import ENCODERS, OBJECTIVES, matched_encoders
from paperlib.datasets import InteractionDataset
from paperlib.encoders import ConditionalPolicy
from paperlib.environments.robosumo_observations import observation_size
from paperlib.streams import make_generator
from reproduction.poker import make_protocol, with_replies

GOAL = 10
BENCHMARKED = tuple(name for name in ENCODERS if name != "Transformer (sequence)")
THROWS = (0.7, 0.2, 0.1)  # probabilities of rock, paper and scissors


class World(NamedTuple):
    """Episodes to learn from, and how.

    Attributes:
        dataset: episodes with the partners' steps.
        settings: settings of `learn`; training runs have more updates, and take as long to start.
        encoders: names of encoders in `ENCODERS`.
        few_steps: whether many steps are equal.
    """

    dataset: InteractionDataset
    settings: embeddings.Settings
    encoders: tuple[str, ...]
    few_steps: bool


def updates(quick: bool) -> int:
    """Number of updates in a training run outside Kuhn poker."""
    return 10 if quick else 30


def poker(quick: bool) -> World:
    """Random episodes in the shape of a poker player's and its partner's, with six information
    states and two actions."""
    rng, count = np.random.default_rng(0), 64 * 4
    states = rng.integers(2, size=(6, 11)).astype(float)
    met, done, coin, reply = rng.integers((6, 2, 2, 2), size=(count, 200, 4)).transpose(2, 0, 1)
    # First moves (states 0 to 2) get a reply, by one of the two other cards; second moves do not
    answered = met < 3
    dataset = InteractionDataset.from_arrays(
        states[met],
        done,
        np.arange(count) % 64,
        num_actions=2,
        partner_observations=states[np.where(answered, (met + 1 + coin) % 3, 3)],
        partner_actions=np.where(answered, reply, 0),
        num_partner_actions=2,
    )
    settings = embeddings.Settings(num_updates=30, repetitions=1)
    return World(dataset, settings, tuple(ENCODERS), True)


def leduc(quick: bool) -> World:
    """Episodes of Leduc poker by the published protocol, with fewer agents."""
    protocol = make_protocol(
        "leduc_poker",
        num_pretraining_agents=64,
        num_evaluation_agents=2,
        num_episodes=4,
        num_train_episodes=1,
        num_test_episodes=1,
        num_steps=200,
        generator=make_generator(0),
    )
    dataset = with_replies(protocol, protocol.pretraining)
    settings = embeddings.Settings(num_updates=updates(quick), repetitions=1)
    return World(dataset, settings, BENCHMARKED, True)


def particleworld(quick: bool) -> World:
    """Random episodes in the shape of a listener's and its speaker's."""
    rng, count = np.random.default_rng(0), 28 * 16
    dataset = InteractionDataset.from_arrays(
        rng.normal(size=(count, 25, 11)),
        rng.integers(5, size=(count, 25)),
        np.arange(count) % 28,
        num_actions=5,
        partner_observations=rng.normal(size=(count, 25, 3)),
        partner_actions=rng.integers(8, size=(count, 25)),
        num_partner_actions=8,
    )
    settings = embeddings.Settings(num_updates=updates(quick), repetitions=3)
    return World(dataset, settings, BENCHMARKED, False)


def roshambo(quick: bool) -> World:
    """Random episodes in the shape of a bot's and its opponent's, who see both sides' last three
    throws. They favour one throw, so that about as many steps differ as in the bots' matches."""
    rng, count = np.random.default_rng(0), 43 * 8
    throws = rng.choice(3, p=THROWS, size=(count, 103, 2))
    codes = np.eye(3)[throws] - 1 / 3  # never zero, which would be padding
    last = np.concatenate([codes[:, k : k + 100] for k in range(3)], axis=-1)  # (E, 100, 2, 9)
    dataset = InteractionDataset.from_arrays(
        last.reshape(count, 100, 18),
        throws[:, 3:, 0],
        np.arange(count) % 43,
        num_actions=3,
        partner_observations=last[:, :, ::-1].reshape(count, 100, 18),
        partner_actions=throws[:, 3:, 1],
        num_partner_actions=3,
    )
    settings = embeddings.Settings(num_updates=updates(quick), repetitions=2)
    return World(dataset, settings, BENCHMARKED, True)


def robosumo(quick: bool, *, stride: int = 10, steps_per_episode: int = 0) -> World:
    """Random episodes in the shape of a wrestler's and its opponent's."""
    rng, count = np.random.default_rng(0), 25 * 16
    lengths = np.exp(rng.normal(np.log(119), 0.6, size=count)).clip(20, 500).astype(int) // stride
    sizes = observation_size("ant"), 8

    def draw(size: int) -> list[np.ndarray]:
        return [rng.normal(size=(length, size)).astype(np.float32) for length in lengths]

    (seen, done), (partner_seen, partner_done) = (tuple(map(draw, sizes)) for _ in range(2))
    dataset = InteractionDataset.from_arrays(
        seen,
        done,
        np.arange(count) % 25,
        partner_observations=partner_seen,
        partner_actions=partner_done,
    )
    settings = embeddings.Settings(
        num_updates=updates(quick),
        repetitions=4,
        likelihood="gaussian",
        steps_per_episode=steps_per_episode,
    )
    return World(dataset, settings, BENCHMARKED, False)


WORLDS: dict[str, Callable[[bool], World]] = {
    "Kuhn poker": poker,
    "Leduc poker": leduc,
    "ParticleWorld": particleworld,
    "RoShamBo": roshambo,
    "RoboSumo": robosumo,
    "RoboSumo, drawn": partial(robosumo, stride=1, steps_per_episode=20),
}


class OneByOne(nn.Module):
    """An encoder or a policy that is called on one episode after the other, without padding."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, *batch: Tensor) -> Tensor:
        return self._each(self.module, batch, ndim=batch[-1].ndim - 1)

    def log_prob(self, *batch: Tensor) -> Tensor:
        def padded(*episode: Tensor) -> Tensor:
            found = self.module.log_prob(*episode)
            return functional.pad(found, (0, batch[0].shape[-2] - len(found)))

        return self._each(padded, batch, ndim=batch[1].ndim - 1)

    def _each(self, function: Callable, batch: tuple[Tensor, ...], *, ndim: int) -> Tensor:
        shape, num_steps = batch[0].shape[:ndim], batch[0].shape[ndim]
        flat = [part.flatten(0, ndim - 1) for part in batch]
        lengths = flat[0].any(-1).sum(-1).tolist()  # observations are 0 in the padding
        found = []
        for length, *episode in zip(lengths, *flat, strict=True):
            found.append(function(*(x[:length] if len(x) == num_steps else x for x in episode)))
        return torch.stack(found).unflatten(0, shape)


def one_by_one(module: nn.Module) -> nn.Module:
    """An objective whose decoders are called on one episode after the other."""
    for name, child in list(module.named_children()):
        if isinstance(child, ConditionalPolicy):
            setattr(module, name, OneByOne(child))
    return module


def draw(world: World, generator: torch.Generator) -> objectives.Triplets:
    """Algorithm 1's draws for all agents, one episode at a time."""
    dataset, settings = world.dataset, world.settings
    order, starts, counts = dataset.episodes_of_agents()
    take = dataset.batch
    if settings.steps_per_episode:
        take = partial(
            dataset.draw_steps, num_time_steps=settings.steps_per_episode, generator=generator
        )
    rows = []
    for start, count in zip(starts.tolist(), counts.tolist(), strict=True):
        own = order[start : start + count]
        for _ in range(settings.repetitions):
            reference, positive = own[torch.randperm(count, generator=generator)[:2]]
            negative = own[torch.randint(count, (), generator=generator)]
            rows.append([take(episode) for episode in (reference, positive, negative)])
    parts = (_stack(batches) for batches in zip(*rows, strict=True))
    shape = len(counts), settings.repetitions
    return objectives.Triplets(
        *(part.map(lambda x: x.unflatten(0, shape).transpose(0, 1)) for part in parts)
    )


def _stack(batches: tuple[EpisodeBatch, ...]) -> EpisodeBatch:
    """Stacks single episodes, (T, ·) each, into shapes (episodes, T, ·)."""
    stacked = EpisodeBatch(*(torch.stack(parts) for parts in zip(*batches, strict=True)))
    partners = zip(*(batch.partner for batch in batches), strict=True)
    return stacked.with_partner(PartnerSteps(*(torch.stack(parts) for parts in partners)))


class Cell:
    """An encoder and an objective, with both ways to train them."""

    def __init__(self, world: World, encoder: nn.Module, kind: object) -> None:
        self.world, self.generator, dataset = world, make_generator(1), world.dataset
        self.encoder = copy.deepcopy(encoder)  # for `learn`
        without = {"partner_observations": None, "partner_actions": None, "num_partner_actions": 0}
        self.given = dataset if kind is LIAM else dataclasses.replace(dataset, **without)
        if world.few_steps:
            self.encoder = on_distinct_steps(self.encoder)
            if not (isinstance(encoder, GRUEncoder) or getattr(encoder, "positions", False)):
                self.given = merge_steps(self.given)
        self.objective = kind(dataset, 100) if isinstance(kind, type) else kind
        sizes = dataset.observation_size, dataset.action_size
        self.model = embeddings.PolicyEmbedder(
            *sizes, settings=world.settings, encoder=encoder, generator=self.generator
        )
        self.networks = objectives.Networks(
            OneByOne(self.model.encoder), OneByOne(self.model.policy), self.generator
        )
        self.looped, parameters = self.objective, list(self.model.parameters())
        if isinstance(self.objective, nn.Module):
            self.looped = one_by_one(copy.deepcopy(self.objective))
            parameters += self.looped.parameters()
        self.optimiser = torch.optim.Adam(parameters, lr=world.settings.learning_rate, fused=True)

    def require_same_loss(self) -> None:
        """Checks that both forms compute the same loss for a draw."""
        triplets = draw(self.world, self.generator)
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
        """All updates of the settings, by the library."""
        embeddings.learn(
            self.given,
            encoder=self.encoder,
            objective=self.objective,
            settings=self.world.settings,
            generator=self.generator,
        )

    def loop(self) -> None:
        """One update, episode by episode."""
        self.optimiser.zero_grad()
        self.looped(self.networks, draw(self.world, self.generator)).backward()
        self.optimiser.step()


def seconds_of(block: Callable[[], None]) -> float:
    start = time.process_time()  # on one thread; other programs' time does not count
    block()
    return time.process_time() - start


def make_table(world: str, quick: bool, repeats: int, seconds: float) -> Table:
    """A row for each encoder and objective: milliseconds of an update, batched and looped, median
    of three at most."""
    torch.set_num_threads(1)
    given, rows, fewest = WORLDS[world](quick), [], []
    sizes = given.dataset.observation_size, given.dataset.action_size
    num_updates = given.settings.num_updates
    for encoder_name, make in matched_encoders(*sizes, names=given.encoders).items():
        for name, kind in OBJECTIVES.items():
            cell = Cell(given, make(*sizes, generator=make_generator(0)), kind)
            cell.require_same_loss()
            cell.learn()
            pairs = [
                (seconds_of(cell.learn) / num_updates, seconds_of(cell.loop))
                for _ in range(min(repeats, 3))
            ]
            ratio = median(looped / batched for batched, looped in pairs)
            fewest.append(ratio)
            times = (f"{1e3 * median(part):.0f}" for part in zip(*pairs, strict=True))
            rows.append([encoder_name, name, *times, f"{ratio:.1f}"])
            print(*rows[-1], sep=", ", flush=True)
    note = (
        f"Milliseconds of a core for an update; the goal is a ratio of {GOAL}, the smallest is "
        f"{min(fewest):.1f}."
    )
    header = ["encoder", "objective", "learn, ms", "episode by episode, ms", "ratio"]
    return {"header": header, "rows": rows, "note": note}


if __name__ == "__main__":
    serve_table(make_table, packages=("torch",))
