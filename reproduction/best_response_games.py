"""Games of best responses: their scores against all opponents, and their leads over one another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from paperlib.agents import matches
from paperlib.agents.players import Player
from paperlib.environments.robosumo import RoboSumo
from paperlib.streams import make_generator
from paperlib.training import Progress, no_progress
from reproduction.best_responses import ALL, SEEN, BestResponses
from reproduction.jobs import run_jobs
from reproduction.policy_games import score


def scores(
    *,
    policy: Player,
    opponents: Sequence[Player],
    num_games: int,
    key: Sequence[int],
    seed: int,
    progress: Progress = no_progress,
) -> list[float]:
    """A job for `jobs.run_jobs`: the `score` of a policy against each opponent.

    Args:
        policy: plays the first robot.
        opponents: play the second robot.
        num_games: games against each opponent.
        key: key of the random stream for actions.
        seed: seed of the first game; games begin alike for all policies.
        progress: called after all games.
    """
    second = 1 + np.arange(len(opponents)).repeat(num_games)
    played = matches.play(
        RoboSumo(range(seed, seed + len(second)), auto_reset=False, num_threads=1),
        [policy, *opponents],
        player_ids=np.stack([np.zeros_like(second), second], axis=1),
        generator=make_generator(*key),
    )
    progress(1)
    return [score(played.select(second == 1 + k).shares()) for k in range(len(opponents))]


def play_matrix(
    study: BestResponses,
    policies: Mapping[str, Player],
    *,
    num_games: int,
    key: Sequence[int],
    seed: int,
    num_workers: int = 1,
) -> dict[str, NDArray[np.float64]]:
    """`scores` of the starting and all trained policies against all opponents, (Q,) each, by name.

    Args:
        study: names the policies and their opponents.
        policies: trained policies, by name.
        num_games: games of each policy with each opponent.
        key: key of the random streams for actions.
        seed: seed of the first game.
        num_workers: number of processes; does not affect the results.
    """
    players = {study.start: study.population[study.start]}
    players |= {name: policies[name] for name in study.policies}
    opponents = [study.population[name] for name in study.opponents]
    jobs = [
        {"policy": policy, "opponents": opponents, "key": (*key, number)}
        | {"num_games": num_games, "seed": seed}
        for number, policy in enumerate(players.values())
    ]
    found = run_jobs(scores, jobs, num_workers=num_workers, units=len(jobs), name="games")
    return dict(zip(players, np.array(found), strict=True))


def leads(
    title: str, scores: Mapping[str, NDArray[np.float64]], study: BestResponses
) -> dict[str, NDArray[np.float64]]:
    """How much more one policy scores than another against each opponent, (Q,) each: the best
    response to that opponent, `ALL` and, if it is there, `SEEN`.

    Args:
        title: what best responses are called in the names of differences.
        scores: scores of each policy against each opponent, see `play_matrix`.
        study: who trained against whom, and where training started.
    """
    matrix = np.array([scores[name] for name in study.opponents])  # (Q, Q)
    own = np.diag(matrix)
    other = (matrix.sum(0) - own) / (len(own) - 1)
    first = study.start if study.from_start else SEEN
    found = {
        f"V: {title} minus {ALL}": own - scores[ALL],
        f"{title} minus {first}": own - scores[first],
        f"{title} minus those to other opponents": own - other,
        f"{ALL} minus {first}": scores[ALL] - scores[first],
    }
    if not study.from_start:
        found[f"{SEEN} minus {study.start}"] = scores[SEEN] - scores[study.start]
    return found
