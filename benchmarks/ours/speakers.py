"""Training speakers for known listeners: exactly, on a table of returns, and with MADDPG.

All speakers see who listens. MADDPG trains as in Table 3. The exact training makes its table,
and learns from it with 60, 120, 240 ... updates, anew each time, until the expected return of its
speakers is at least what MADDPG's end with; the table and all attempts count. Returns are judged
off the clock: expected ones on a larger table of other episodes, MADDPG's in episodes.
"""

from __future__ import annotations

import time
from statistics import median

import torch
from protocol import Table, serve_table
from report import number

from paperlib.agents import maddpg, populations, word_speakers
from paperlib.agents.networks import StackedMLP
from paperlib.streams import make_generator

NUM_LISTENERS, NUM_SPEAKERS = 14, 7  # as in Table 3
PAIRS = maddpg.Settings(num_iterations=120, learning_rate=3e-3, discount=0.9, logit_penalty=1e-5)
SPEAKERS = maddpg.Settings(  # Table 3's
    num_iterations=160,
    num_episodes=4 * NUM_LISTENERS,
    batch_size=9 * NUM_LISTENERS,
    hidden_size=128,
    learning_rate=3e-3,
    discount=0.9,
    logit_penalty=1e-3,
)
NUM_TABLE_EPISODES, NUM_JUDGED = 256, 1024  # episodes of each word with each listener
FEWEST_UPDATES, MOST_UPDATES = 60, 960
EXACT = {"learning_rate": 2e-2, "entropy_weight": 4.0}
GOAL = 50


def make_listeners() -> StackedMLP:
    """Listeners trained with speakers of their own, more briefly than those of a population."""
    learners = maddpg.Learners([make_generator(0, k) for k in range(NUM_LISTENERS)], PAIRS)
    for _ in range(PAIRS.num_iterations):
        learners.step()
    return learners.listeners.requires_grad_(False)


def train_maddpg(listeners: StackedMLP, contexts: torch.Tensor, turn: int) -> tuple[float, float]:
    """Seconds, and the return that the speakers end with."""
    start = time.perf_counter()
    generators = [make_generator(1, turn, k) for k in range(NUM_SPEAKERS)]
    learners = maddpg.Learners(generators, SPEAKERS, listeners=listeners, contexts=contexts)
    for _ in range(SPEAKERS.num_iterations):
        learners.step()
    seconds = time.perf_counter() - start
    played = populations.cross_play(
        learners.speakers,
        listeners,
        generators=make_generator(2, turn),
        num_episodes=256,
        contexts=contexts,
    )
    return seconds, played.mean().item()


def table_of(listeners: StackedMLP, *key: int, num_episodes: int) -> torch.Tensor:
    """Mean returns of each listener, target and word."""
    tables = word_speakers.word_returns(
        listeners, num_episodes=num_episodes, generator=make_generator(*key)
    )
    return tables.mean(0)


def train_exactly(
    listeners: StackedMLP, contexts: torch.Tensor, turn: int, *, judge: torch.Tensor, target: float
) -> tuple[float, float]:
    """Seconds until the expected return reaches the target, and that return."""
    start = time.perf_counter()
    returns = table_of(listeners, 3, turn, num_episodes=NUM_TABLE_EPISODES)
    seconds, num_updates = time.perf_counter() - start, FEWEST_UPDATES
    while num_updates <= MOST_UPDATES:
        start = time.perf_counter()
        speakers, _ = word_speakers.train_speakers(
            contexts,
            returns,
            generators=[make_generator(4, turn, num_updates, k) for k in range(NUM_SPEAKERS)],
            num_updates=num_updates,
            **EXACT,
        )
        seconds += time.perf_counter() - start
        reached = word_speakers.expected_returns(speakers, contexts, judge).mean().item()
        if reached >= target:
            return seconds, reached
        num_updates *= 2
    raise SystemExit(f"exact speakers end with a return of {reached}, MADDPG's with {target}")


def make_table(threads: int, repeats: int, seconds: float) -> Table:
    """A row for each form of training, from at most three runs, whatever time they take."""
    torch.set_num_threads(threads)
    listeners = make_listeners()
    judge = table_of(listeners, 5, num_episodes=NUM_JUDGED)
    contexts = torch.eye(NUM_LISTENERS)[:, None].expand(NUM_SPEAKERS, -1, -1, -1)  # who listens
    train_exactly(listeners, contexts, 0, judge=judge, target=-torch.inf)  # warms up
    found = {"MADDPG": [], "exact": []}
    for turn in range(1, min(repeats, 3) + 1):
        found["MADDPG"].append(train_maddpg(listeners, contexts, turn))
        target = found["MADDPG"][-1][1]
        found["exact"].append(train_exactly(listeners, contexts, turn, judge=judge, target=target))
        print(f"{turn} trainings of speakers, (seconds, return): {found}", flush=True)
    rows = []
    for name, trained in found.items():
        times, returns = zip(*trained, strict=True)
        spread = f"{number(min(times))} to {number(max(times))}"
        rows.append([name, number(median(times)), spread, f"{median(returns):.2f}"])
    ratios = [a[0] / b[0] for a, b in zip(*found.values(), strict=True)]
    note = (
        f"Exact speakers are {number(median(ratios))} times as fast ({number(min(ratios))} to "
        f"{number(max(ratios))}); the goal is {GOAL}. The best word for each listener and target "
        f"returns {judge.max(-1).values.mean().item():.2f}."
    )
    return {"header": ["training", "seconds", "range", "return"], "rows": rows, "note": note}


if __name__ == "__main__":
    serve_table(make_table, packages=("torch",))
