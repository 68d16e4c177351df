"""Tournaments of wrestlers: whose view each episode is, how it ended, how it was fought."""

import numpy as np
import pytest
import torch

from paperlib.agents import tournaments
from paperlib.agents.matches import UniformlyRandom, ZeroAction
from paperlib.environments.robosumo import observation_fields
from paperlib.graphs import InteractionGraph

FIELDS = observation_fields("ant")


class Constant:
    """Always the same torque: who it is can be seen from its actions."""

    def __init__(self, torque):
        self.torque = torque

    def act(self, observations, memory=None, *, generator):
        return torch.full((len(observations), 8), self.torque), None


PLAYERS = [Constant(0.1), Constant(0.2), Constant(3.0)]


def collect(players=PLAYERS, graph=None, **changes):
    options = {"num_episodes": 3, "key": (7,), "max_cycles": 40, "num_threads": 1} | changes
    return tournaments.collect(players, graph or InteractionGraph.complete(3), **options)


def test_every_episode_is_its_agents_own_view():
    data = collect()
    assert len(data) == 2 * 3 * 3 and data.observation_size == 120
    shown = data.actions[:, 0, 0]
    expected = torch.tensor([0.1, 0.2, 1.0])[data.agents]  # as it acted: within [-1, 1]
    torch.testing.assert_close(shown, expected)


def test_views_of_a_match_are_neighbours():
    data = collect()
    one, other = data.select(torch.arange(0, 18, 2)), data.select(torch.arange(1, 18, 2))
    assert torch.equal(one.agents, other.partners) and torch.equal(one.partners, other.agents)
    assert torch.equal(one.outcomes, -other.outcomes) and torch.equal(one.lengths, other.lengths)
    seen, own = (FIELDS[name] for name in ("opponent_position", "position"))
    assert torch.equal(one.observations[..., seen], other.observations[..., own])


def test_seats_change_from_match_to_match():
    data = collect(graph=InteractionGraph((0, 2), ((0, 2),)), num_episodes=4)
    assert data.agents.tolist() == [0, 2, 2, 0, 0, 2, 2, 0]


def test_padding_is_zero_and_lengths_are_those_of_matches():
    data = collect(players=[UniformlyRandom(8)] * 3, max_cycles=60)
    steps = torch.arange(data.observations.shape[1])
    padding = steps >= data.lengths[:, None]
    assert data.lengths.max() == data.observations.shape[1] and len(data.lengths.unique()) > 1
    assert (data.observations[padding] == 0).all() and (data.actions[padding] == 0).all()
    heights = data.observations[..., FIELDS["position"]][..., 2]
    assert (heights[~padding] > 0).all()


def test_the_same_on_any_number_of_threads():
    players = [UniformlyRandom(8)] * 3
    first, second = (collect(players=players, num_threads=count) for count in (1, 2))
    assert first.checksum() == second.checksum()
    assert first.checksum() != collect(players=players, key=(8,)).checksum()


def test_unknown_player():
    with pytest.raises(ValueError, match="agent 3 is none of the 3 players"):
        collect(graph=InteractionGraph.complete(4))
    with pytest.raises(ValueError, match="num_episodes"):
        collect(num_episodes=0)


def test_win_matrix_by_hand():
    data = collect()
    outcomes = torch.zeros(18, dtype=torch.int8)
    outcomes[:6] = torch.tensor([1, -1, 1, -1, 0, 0])  # the edge (0, 1): who sits first changes
    data.outcomes[:] = outcomes
    found = tournaments.win_matrix(data, 3)
    assert found["won"][0, 1] == 1 and found["won"][1, 0] == 1 and found["drawn"][0, 1] == 1
    assert found["drawn"].sum() == 2 + 12 and (found["lost"] == found["won"].T).all()
    assert (sum(found.values()) == 3 * (1 - np.eye(3))).all()


def test_behaviour_of_robots_that_lie_still():
    data = collect(players=[ZeroAction(8)] * 3)
    found = tournaments.behaviour(data)
    assert found["effort"].tolist() == [0.0] * 18
    apart = found["from centre"].view(-1, 2).sum(1).repeat_interleave(2)  # on opposite sides
    assert (found["distance"] <= apart).all() and (found["distance"] > 0.9 * apart).all()
    assert found["height"].min() > 0.3 and found["height"].max() < 1.0
    assert found["speed"].max() < 0.5 and found["contact"].max() == 0.0


def test_behaviour_leaves_padding_out():
    data = collect(players=[UniformlyRandom(8)] * 3, max_cycles=60)
    whole = tournaments.behaviour(data)["height"]
    row = int(data.lengths.argmin())
    heights = data.observations[row, : data.lengths[row], FIELDS["position"]][:, 2]
    assert whole[row].item() == pytest.approx(heights.mean().item(), rel=1e-5)
