"""Training in ParticleWorld: populations of pairs, and speakers for a population's listeners."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from paperlib import streams, training
from paperlib.agents import maddpg
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population, play
from paperlib.environments.particleworld import ParticleWorld
from paperlib.training import Progress
from reproduction.jobs import run_jobs
from reproduction.streams import device_source


def evaluate(
    learners: maddpg.Learners, *, generators: Sequence[torch.Generator], num_episodes: int
) -> Tensor:
    """Returns of each pair of learners in new episodes, (K, num_episodes).

    Args:
        learners: K pairs.
        generators: one for each pair; draw its episodes.
        num_episodes: number of episodes of each pair.
    """
    world = ParticleWorld(
        (len(learners.generators), num_episodes),
        generator=generators,
        message_size=learners.message_size,
        dynamics=learners.world.dynamics,
    )
    return play(learners.speakers, learners.listeners, world).rewards.sum(-1)


def train_pairs(
    *,
    pairs: Sequence[int],
    attempt: int,
    seed: int,
    settings: maddpg.Settings,
    message_size: int,
    dynamics: str,
    num_evaluation_episodes: int,
    checkpoint: Path | None,
    device: str,
    progress: Progress,
) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """A job of `train_population`: trains and evaluates some of its pairs.

    Returns:
        The networks, their mean returns in an evaluation, (K,), and in training, (iterations, K).
    """
    learners = maddpg.Learners(
        [streams.make_generator(seed, pair, attempt, device=device) for pair in pairs],
        settings,
        message_size=message_size,
        dynamics=dynamics,
        source={"seed": seed, "pairs": list(pairs), "attempt": attempt} | device_source(device),
    )
    _train(learners, checkpoint, progress)
    fresh = [streams.make_generator(seed, pair, attempt, 1, device=device) for pair in pairs]
    returns = evaluate(learners, generators=fresh, num_episodes=num_evaluation_episodes)
    networks = {
        f"{name}.{part}": tensor.cpu().numpy()
        for name in ("speakers", "listeners")
        for part, tensor in learners.learned[name].state_dict().items()
    }
    curves = torch.stack(learners.returns).numpy()
    return networks, returns.mean(-1).cpu().numpy(), curves


def train_population(
    *,
    num_pairs: int,
    seed: int,
    settings: maddpg.Settings,
    message_size: int = 3,
    dynamics: str = "mpe2",
    floor: float = -12.5,
    max_restarts: int = 5,
    num_evaluation_episodes: int = 1000,
    pairs_per_job: int = 14,
    num_workers: int = 1,
    folder: str | Path | None = None,
    device: str = "cpu",
) -> Population:
    """Trains pairs of speaker and listener; those that end below ``floor`` start again.

    Pair k draws from the stream (seed, k, a) in its a-th attempt, and is evaluated on the stream
    (seed, k, a, 1). Since these evaluations decide on restarts, they are biased: evaluate the
    population again before reporting its returns.

    Args:
        num_pairs: K.
        seed: seed of all random streams.
        settings: settings of MADDPG.
        floor: mean return over ``num_evaluation_episodes`` that a pair must reach; there is a
            warning if some never do.
        max_restarts: maximum number of restarts of a pair.
        pairs_per_job: pairs whose networks are stacked; affects the last digits.
        num_workers: jobs at a time; does not affect the results.
        folder: folder for the checkpoints, one for each job.

    Returns:
        The population; its ``provenance`` holds, for each pair, ``attempts`` (1: no restart),
        ``selection_returns`` and ``curves``, the mean return in each iteration of its last attempt.
    """
    pairs = list(range(num_pairs))
    attempts, selection = [0] * num_pairs, [0.0] * num_pairs
    curves: list[list[float]] = [[]] * num_pairs
    states: list[dict[str, np.ndarray]] = [{}] * num_pairs
    for attempt in range(max_restarts + 1):
        parts = [pairs[at : at + pairs_per_job] for at in range(0, len(pairs), pairs_per_job)]
        jobs = [
            {
                "pairs": part,
                "attempt": attempt,
                "seed": seed,
                "settings": settings,
                "message_size": message_size,
                "dynamics": dynamics,
                "num_evaluation_episodes": num_evaluation_episodes,
                "checkpoint": folder and Path(folder) / f"{attempt}_{part[0]}.safetensors",
                "device": device,
            }
            for part in parts
        ]
        units = settings.num_iterations * len(parts)
        name = f"{len(pairs)} pairs, attempt {attempt + 1}"
        done = run_jobs(train_pairs, jobs, num_workers=num_workers, units=units, name=name)
        failed = []
        for part, (networks, returns, returns_by_round) in zip(parts, done, strict=True):
            for row, pair in enumerate(part):
                states[pair] = {name: array[row] for name, array in networks.items()}
                attempts[pair] = attempt + 1
                selection[pair] = returns[row].item()
                curves[pair] = returns_by_round[:, row].tolist()
                if returns[row] < floor:
                    failed.append(pair)
        pairs = failed
        if not pairs:
            break
    if pairs:
        warnings.warn(
            f"pairs {pairs} stay below the floor of {floor}, after {max_restarts} restarts",
            stacklevel=2,
        )
    tensors = {n: torch.from_numpy(np.stack([s[n] for s in states])) for n in states[0]}
    provenance = {
        "seed": seed,
        "settings": dataclasses.asdict(settings),
        "dynamics": dynamics,
        "floor": floor,
        "attempts": attempts,
        "selection_returns": selection,
        "curves": curves,
    }
    return Population.from_tensors(tensors, provenance=provenance)


def train_speakers(
    *,
    key: Sequence[int],
    settings: maddpg.Settings,
    listeners: StackedMLP,
    contexts: Tensor,
    message_size: int,
    dynamics: str,
    checkpoint: Path | None,
    device: str,
    progress: Progress,
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """A job for `run_jobs`: K new speakers that learn with the same fixed listeners.

    Args:
        key: speaker k draws from the stream (*key, k).
        settings: settings of MADDPG.
        listeners: a stack of L listeners.
        contexts: what the speakers are given with each listener, (K, L, P, C).
        checkpoint: file for this run's checkpoint.

    Returns:
        The speakers' networks, for `StackedMLP.from_tensors`, and their curves, (iterations, K).
    """
    learners = maddpg.Learners(
        [streams.make_generator(*key, row, device=device) for row in range(len(contexts))],
        settings,
        message_size=message_size,
        listeners=listeners.to(device),
        contexts=contexts.to(device),
        dynamics=dynamics,
        source={"key": list(key), **device_source(device)},
    )
    _train(learners, checkpoint, progress)
    networks = {n: t.cpu().numpy() for n, t in learners.speakers.state_dict().items()}
    return networks, torch.stack(learners.returns).numpy()


def _train(learners: maddpg.Learners, checkpoint: Path | None, progress: Progress) -> None:
    training.run(
        learners,
        checkpoint,
        num_iterations=learners.settings.num_iterations,
        progress=progress,
        checkpoint_every=40,
        restart=True,
    )
