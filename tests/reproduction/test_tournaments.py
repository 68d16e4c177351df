"""How matches ended and were fought: by hand, and of robots that act as is known."""

import numpy as np
import pytest
import torch

from paperlib.agents import matches
from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.environments.robosumo_observations import observation_fields
from paperlib.environments.robosumo_rules import NO_ONE
from paperlib.graphs import InteractionGraph
from reproduction import tournaments
from reproduction.statistics import wilson_interval

FIELDS = observation_fields("ant")


def collect(player, **changes):
    options = {"num_episodes": 3, "key": (7,), "max_cycles": 40, "num_threads": 1} | changes
    return matches.collect([player] * 3, InteractionGraph.complete(3), **options)


def test_shares_have_wilson_intervals():
    winner = np.array([0] * 8 + [1] + [NO_ONE])
    lost, zeros = np.zeros((10, 2), dtype=bool), np.zeros(10, dtype=int)
    found = tournaments.outcome_shares(matches.Results(winner, lost, zeros, zeros))
    assert {name: share.mean for name, share in found.items()} == {
        "won": 0.8,
        "lost": 0.1,
        "drawn": 0.1,
    }
    for share in found.values():
        count = round(10 * share.mean)
        assert share == wilson_interval([True] * count + [False] * (10 - count))


def test_win_matrix_by_hand():
    data = collect(ZeroAction(8))
    outcomes = torch.zeros(18, dtype=torch.int8)
    outcomes[:6] = torch.tensor([1, -1, 1, -1, 0, 0])  # the edge (0, 1), whose agents change sides
    data.outcomes[:] = outcomes
    found = tournaments.win_matrix(data, 3)
    assert found["won"][0, 1] == 1 and found["won"][1, 0] == 1 and found["drawn"][0, 1] == 1
    assert found["drawn"].sum() == 2 + 12 and (found["lost"] == found["won"].T).all()
    assert (sum(found.values()) == 3 * (1 - np.eye(3))).all()


def test_rows_of_a_win_matrix_are_the_winners():
    data = collect(ZeroAction(8))
    data.outcomes[:] = torch.where(data.agents < data.partners, 1, -1).to(torch.int8)
    found = tournaments.win_matrix(data, 3)
    assert (found["won"] == 3 * np.triu(np.ones((3, 3)), 1)).all()
    assert (found["lost"] == 3 * np.tril(np.ones((3, 3)), -1)).all()


def test_behaviour_of_robots_that_lie_still():
    found = tournaments.behaviour(collect(ZeroAction(8)))
    assert found["effort"].tolist() == [0.0] * 18
    sum_of_both = found["from centre"].view(-1, 2).sum(1).repeat_interleave(2)  # opposite sides
    assert (found["distance"] <= sum_of_both).all()
    assert (found["distance"] > 0.9 * sum_of_both).all()
    assert found["height"].min() > 0.3 and found["height"].max() < 1.0
    assert found["speed"].max() < 0.5 and found["contact"].max() == 0.0


def test_behaviour_leaves_padding_out():
    data = collect(UniformlyRandom(8), max_cycles=60)
    padding = torch.arange(data.observations.shape[1]) >= data.lengths[:, None]
    data.observations[padding], data.actions[padding] = 9.0, 9.0
    found, row = tournaments.behaviour(data), int(data.lengths.argmin())
    steps = slice(int(data.lengths[row]))
    seen = {name: data.observations[row, steps, field] for name, field in FIELDS.items()}
    expected = {
        "height": seen["position"][:, 2],
        "speed": seen["velocity"][:, :2].norm(dim=1),
        "contact": (seen["opponent_contact"] > 0).any(1).float(),
        "effort": data.actions[row, steps].square().mean(1),
        "from centre": seen["position"][:, :2].norm(dim=1),
        "distance": (seen["position"] - seen["opponent_position"])[:, :2].norm(dim=1),
    }
    assert data.lengths[row] < data.lengths.max() and set(found) == set(expected)
    for name, values in expected.items():
        assert found[name][row].item() == pytest.approx(values.mean().item(), rel=1e-5)
