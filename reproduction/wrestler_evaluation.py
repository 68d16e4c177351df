"""How strong wrestlers are and how they fight: matches with references and among themselves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from paperlib import metrics
from paperlib.agents import matches
from paperlib.agents.players import Player
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import observation_size
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from paperlib.training import Progress, no_progress
from reproduction import tournaments
from reproduction.statistics import Estimate, icc, wilson_interval
from reproduction.streams import Stream
from reproduction.strengths import fit_ratings

NUM_RESAMPLES = 200  # bootstrap samples of matches, for the bounds of ratings


def play_references(
    players: Sequence[Player],
    references: Mapping[str, Player],
    *,
    num_matches: int,
    seed: int,
) -> dict[str, list[dict[str, Estimate]]]:
    """Shares of matches "won", "lost" and "drawn" by each player against each reference.

    Args:
        players: the players to evaluate.
        references: opponents, by name.
        num_matches: matches of each player with each reference.
        seed: seed of the first match.
    """
    shares, count = {}, len(players)
    for number, (title, reference) in enumerate(references.items()):
        first = np.repeat(np.arange(count), num_matches)
        player_ids = np.stack([first, np.full_like(first, count)], axis=1)
        env = RoboSumo(range(seed, seed + len(player_ids)), auto_reset=False)
        generator = make_generator(seed, Stream.WRESTLERS_REFERENCES, number)
        played = matches.play(
            env, [*players, reference], player_ids=player_ids, generator=generator
        )
        own = [played.select(first == player) for player in range(count)]
        shares[title] = [tournaments.outcome_shares(part) for part in own]
    return shares


@dataclasses.dataclass(frozen=True)
class Tournament:
    """Matches of P players, each with each other one.

    Attributes:
        games: first player, second player and outcome (+1, 0, -1) of each match, (M, 3).
        counts: how often rows "won", "lost" and "drawn" against columns, (P, P) each.
        styles: means of the statistics of `tournaments.behaviour`, of the length of a match and of
            the share that is drawn, for each player.
    """

    games: Tensor
    counts: dict[str, NDArray[np.int64]]
    styles: dict[str, list[float]]


def play_tournament(
    *,
    players: Sequence[Player],
    matches_per_edge: int,
    seed: int,
    progress: Progress = no_progress,
) -> Tournament:
    """A job for `jobs.run_jobs`: every player meets every other one ``matches_per_edge`` times."""
    dataset = matches.collect(
        players,
        InteractionGraph.complete(len(players)),
        num_episodes=matches_per_edge,
        key=(seed, Stream.WRESTLERS_TOURNAMENT),
        num_threads=1,
    )
    progress(1)
    behaviour = {
        **tournaments.behaviour(dataset),
        "length": dataset.lengths.double(),
        "drawn": (dataset.outcomes == 0).double(),
    }
    own = [dataset.agents == player for player in range(len(players))]
    views = torch.stack([dataset.agents, dataset.partners, dataset.outcomes], dim=1)
    return Tournament(
        games=views[::2],  # the first robot's view of each match
        counts=tournaments.win_matrix(dataset, len(players)),
        styles={name: [float(x[rows].mean()) for rows in own] for name, x in behaviour.items()},
    )


def style_icc(played: Sequence[Tournament]) -> dict[str, float]:
    """Share of the variance of each style statistic that lies between players, when tournaments are
    repeated measurements (`statistics.icc`).

    Args:
        played: at least two tournaments.
    """
    return {
        name: icc(np.array([part.styles[name] for part in played]).T) for name in played[0].styles
    }


def noise_accuracy(
    players: Sequence[Wrestler], *, num_episodes: int, num_steps: int, generator: torch.Generator
) -> float:
    """Accuracy of a linear probe that identifies wrestlers by the noise of their actions alone: by
    the mean and the standard deviation, for each joint, of actions minus the policy's mean.

    Half of the episodes are labelled, the other half is to be identified.

    Args:
        players: the wrestlers to identify.
        num_episodes: episodes of each wrestler, at least 2.
        num_steps: steps of each episode.
        generator: draws what they see, at random, and their actions.
    """
    features = []
    for player in players:
        shape = num_episodes * num_steps, observation_size(player.robot)
        seen = torch.randn(shape, generator=generator)
        inputs, turns = player.inputs(seen)
        with torch.no_grad():
            mean = player.network.policy(player.network.normalizer(inputs))
        drawn, _ = player.act(seen, generator=generator)
        noise = (drawn - player.front.torques(mean, turns)).unflatten(0, (num_episodes, num_steps))
        features.append(torch.cat([noise.mean(1), noise.std(1)], dim=1))
    own = torch.arange(len(players)).repeat_interleave(num_episodes).numpy()
    found, known = torch.cat(features).numpy(), np.arange(len(own)) % 2 == 0
    return metrics.classifier_accuracy(found[known], own[known], found[~known], own[~known])


def games_of(played: Sequence[Tournament]) -> NDArray[np.int64]:
    """All games of tournaments: first player, second player, outcome, (M, 3)."""
    return torch.cat([part.games for part in played]).numpy()


def ratings(played: Sequence[Tournament], *, generator: np.random.Generator) -> NDArray[np.float64]:
    """Ratings of all players with 95 % bootstrap bounds over matches, (P, 3): mean, low, high.

    Args:
        played: tournaments.
        generator: draws `NUM_RESAMPLES` resamples.
    """
    games = games_of(played)
    num_players = len(played[0].counts["won"])
    scores = 0.5 + 0.5 * games[:, 2]
    resampled = []
    for _ in range(NUM_RESAMPLES):
        rows = generator.integers(len(games), size=len(games))
        resampled.append(fit_ratings(games[rows, :2], scores[rows], num_players=num_players))
    bounds = np.quantile(resampled, [0.025, 0.975], axis=0)
    rating = fit_ratings(games[:, :2], scores, num_players=num_players)
    return np.stack([rating, *bounds], axis=1)


def total_counts(played: Sequence[Tournament]) -> dict[str, NDArray[np.int64]]:
    """The counts of all tournaments together."""
    return {how: sum(part.counts[how] for part in played) for how in ("won", "lost", "drawn")}


def match_rows(
    counts: Mapping[str, NDArray[np.int64]], names: Sequence[str]
) -> list[dict[str, str | int]]:
    """A row for each pair of wrestlers: how many of their matches the first one "won" and "lost",
    and how many were "drawn"."""
    return [
        {"wrestler": names[row], "opponent": names[column]}
        | {how: int(found[row, column]) for how, found in counts.items()}
        for row, column in np.ndindex(counts["won"].shape)
        if row < column
    ]


def win_intervals(counts: Mapping[str, NDArray[np.int64]]) -> list[list[Estimate | None]]:
    """Share of matches that rows won against columns, with Wilson intervals; None with itself."""
    total = sum(counts.values())
    players = range(len(total))

    def interval(row: int, column: int) -> Estimate | None:
        if row == column:
            return None
        return wilson_interval(np.arange(total[row, column]) < counts["won"][row, column])

    return [[interval(row, column) for column in players] for row in players]
