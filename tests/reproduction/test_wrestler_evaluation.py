"""Matches that evaluate wrestlers."""

import functools

import numpy as np
import pytest
import torch

from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.streams import make_generator
from reproduction import wrestler_evaluation as evaluation
from reproduction.statistics import icc, wilson_interval
from reproduction.strengths import fit_ratings
from reproduction.wrestler_evaluation import Tournament

PLAYERS = [ZeroAction(8), UniformlyRandom(8), ZeroAction(8)]


def tournament(games, effort):
    """A tournament of three players with these games and one style statistic."""
    counts = {how: np.zeros((3, 3), dtype=np.int64) for how in ("won", "lost", "drawn")}
    for first, second, outcome in games:
        counts[("drawn", "won", "lost")[outcome]][first, second] += 1
        counts[("drawn", "lost", "won")[outcome]][second, first] += 1
    return Tournament(torch.tensor(games), counts, {"effort": effort})


GAMES = [(0, 1, 1), (0, 2, 1), (1, 2, 0), (1, 0, -1), (2, 0, 1), (2, 1, 1)]
PLAYED = [tournament(GAMES, [1.0, 2.0, 5.0]), tournament(GAMES[:4], [2.0, 1.0, 5.0])]


def test_everybody_meets_every_reference(monkeypatch):
    short = functools.partial(evaluation.RoboSumo, max_cycles=30)
    monkeypatch.setattr(evaluation, "RoboSumo", short)
    references = {"motionless": ZeroAction(8), "random": UniformlyRandom(8)}
    found = evaluation.play_references(PLAYERS[:2], references, num_matches=3, seed=1)
    assert list(found) == ["motionless", "random"]
    for shares in found.values():
        assert len(shares) == 2
        for share in shares:
            assert sum(estimate.mean for estimate in share.values()) == pytest.approx(1)
            assert share["won"].num_runs == 3
    assert found["motionless"][0]["drawn"].mean == 1  # two motionless ants


def test_a_tournament_counts_every_match_once():
    found = evaluation.play_tournament(players=PLAYERS, matches_per_edge=2, seed=1)
    assert found.games.shape == (6, 3) and found.games[:2, :2].tolist() == [[0, 1], [1, 0]]
    assert sorted(map(tuple, found.games[:, :2].tolist())) == [
        (a, b) for a in range(3) for b in range(3) if a != b
    ]
    assert (sum(found.counts.values()) == 2 - 2 * np.eye(3)).all()
    assert (found.counts["won"] == found.counts["lost"].T).all()
    assert {"effort", "length", "drawn"} <= found.styles.keys()
    assert found.styles["effort"][0] == 0 < found.styles["effort"][1]
    drawn = found.counts["drawn"].sum(1) / 4
    np.testing.assert_allclose(found.styles["drawn"], drawn)
    again = evaluation.play_tournament(players=PLAYERS, matches_per_edge=2, seed=1)
    assert torch.equal(again.games, found.games) and again.styles == found.styles


def test_icc_of_styles():
    assert evaluation.style_icc(PLAYED) == {"effort": icc([[1.0, 2.0], [2.0, 1.0], [5.0, 5.0]])}


def test_games_are_in_the_order_of_tournaments():
    assert evaluation.games_of(PLAYED).tolist() == [list(game) for game in (*GAMES, *GAMES[:4])]


def test_noise_names_nobody_but_who_has_noise_of_its_own():
    def accuracy(*stds):
        wrestler = Wrestler(generator=make_generator(1))
        players = [wrestler.with_action_std(std) for std in stds]
        return evaluation.noise_accuracy(
            players, num_episodes=40, num_steps=50, generator=make_generator(2)
        )

    assert accuracy(0.25, 0.25, 0.25, 0.25) < 0.4  # chance: 0.25
    assert accuracy(0.1, 0.2, 0.4, 0.8) > 0.95


def test_ratings_are_of_all_matches_with_bounds(monkeypatch):
    monkeypatch.setattr(evaluation, "NUM_RESAMPLES", 20)
    games = np.array([*GAMES, *GAMES[:4]])
    found = evaluation.ratings(PLAYED, generator=np.random.default_rng(0))
    scores = (1 + games[:, 2]) / 2
    assert found[:, 0].tolist() == fit_ratings(games[:, :2], scores, num_players=3).tolist()
    assert (found[:, 1] < found[:, 2]).all() and found[:, 0].argmax() == 0


def test_counts_add_up_and_have_intervals():
    counts = evaluation.total_counts(PLAYED)
    assert counts["won"][0].tolist() == [0, 4, 2] and counts["drawn"][1, 2] == 2
    found = evaluation.win_intervals(counts)
    assert [found[k][k] for k in range(3)] == [None] * 3
    assert found[0][2] == wilson_interval([True, True, False])
    assert found[2][1] == wilson_interval([True, False, False])


def test_matches_have_a_row_for_each_pair():
    rows = evaluation.match_rows(evaluation.total_counts(PLAYED), ["a", "b", "c"])
    assert [(row["wrestler"], row["opponent"]) for row in rows] == [
        ("a", "b"),
        ("a", "c"),
        ("b", "c"),
    ]
    counts = [(row["won"], row["lost"], row["drawn"]) for row in rows]
    assert counts[0] == (4, 0, 0) and counts[2] == (0, 1, 2)
