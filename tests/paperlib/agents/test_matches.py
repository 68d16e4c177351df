"""Whole matches: each player acts for its robot, each episode is its agent's own view."""

from typing import NamedTuple

import numpy as np
import pytest
import torch

from paperlib import streams
from paperlib.agents import matches
from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.datasets import DRAW, LOSS, WIN
from paperlib.environments.robosumo import RoboSumo
from paperlib.environments.robosumo_observations import observation_fields
from paperlib.environments.robosumo_rules import NO_ONE, TIME_IS_UP
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator

FIELDS = observation_fields("ant")


class Constant:
    """Always the same torque, so that its actions tell who it is; its memory counts its steps."""

    def __init__(self, torque):
        self.torque, self.counts = torque, []

    def act(self, observations, memory=None, *, generator):
        count = torch.zeros(len(observations)) if memory is None else memory[0] + 1
        self.counts.append(count[0].item())
        return torch.full((len(observations), 8), self.torque), (count,)


def make_env(num_envs=4, **options):
    return RoboSumo(range(num_envs), auto_reset=False, **options)


def test_motionless_robots_stand_until_time_is_up():
    played = matches.play(
        make_env(max_cycles=30),
        [ZeroAction(8)],
        player_ids=np.zeros((4, 2), int),
        generator=make_generator(0),
    )
    assert (played.lengths == 30).all() and (played.reasons == TIME_IS_UP).all()
    assert (played.winner == NO_ONE).all() and not played.lost.any()


def test_each_player_acts_for_its_robot_and_keeps_its_memory():
    players, seen = [Constant(0.25), Constant(-0.5)], []
    player_ids = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    played = matches.play(
        make_env(max_cycles=5),
        players,
        player_ids=player_ids,
        generator=make_generator(0),
        watch=lambda env: seen.append(env.physics.batch.bind("ctrl").copy()),
    )
    torques = np.array([0.25, -0.5])[player_ids].repeat(8, axis=1)
    assert len(seen) == 6 and (seen[1] == torques).all()
    # as the first robot and as the second one, each with a memory of its own
    assert players[0].counts == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert (played.lengths == 5).all()


def test_what_is_recorded():
    rows, env = [], make_env(2, max_cycles=3)
    matches.play(
        env,
        [Constant(3.0)],
        player_ids=[[0, 0]] * 2,
        generator=make_generator(0),
        record=lambda *row: rows.append(row),
    )
    first = RoboSumo(range(2)).reset()
    assert [row[0] for row in rows] == [0, 1, 2]
    np.testing.assert_array_equal(rows[0][1], first)  # before the step
    assert all((actions == 1).all() for row in rows for actions in row[2])  # as they act
    assert all(row[3].all() for row in rows)


class Tags(NamedTuple):
    tags: torch.Tensor


class Tagged:
    """Its torque is a tenth of the number of the match, which it remembers."""

    def __init__(self):
        self.sizes = []

    def act(self, observations, memory=None, *, generator):
        self.sizes.append(len(observations))
        tags = torch.arange(float(len(observations))) if memory is None else memory.tags
        return (tags / 10)[:, None].repeat(1, 8), Tags(tags)


def test_only_matches_in_progress_are_played_and_keep_their_memories():
    rows, player, ids = [], Tagged(), np.tile([0, 1], (8, 1))
    played = matches.play(
        make_env(8, max_cycles=60),
        [player, UniformlyRandom(8)],
        player_ids=ids,
        generator=make_generator(0),
        record=lambda time, seen, acted, playing: rows.append((acted[0].copy(), playing.copy())),
    )
    assert len(set(played.lengths)) > 2
    assert player.sizes == [playing.sum() for _, playing in rows]
    for acted, playing in rows:
        expected = np.arange(8, dtype="f4").repeat(8).reshape(8, 8) / 10
        np.testing.assert_allclose(acted[playing], expected[playing])


def play_against_random(seed):
    players, ids = [ZeroAction(8), UniformlyRandom(8)], np.tile([0, 1], (8, 1))
    return matches.play(make_env(8), players, player_ids=ids, generator=make_generator(seed))


def test_the_winner_is_who_has_not_lost():
    played = play_against_random(0)
    decided = played.lost.sum(1) == 1
    assert decided.any() and (played.winner[decided] == played.lost[decided].argmin(1)).all()
    assert np.array_equal(played.lengths, play_against_random(0).lengths)
    assert not np.array_equal(played.lengths, play_against_random(1).lengths)


def test_shares_by_hand():
    winner = np.array([0, 0, 1, NO_ONE, 0])
    lost, counts = np.zeros((5, 2), dtype=bool), np.zeros(5, dtype=int)
    played = matches.Results(winner, lost, reasons=counts, lengths=np.arange(5))
    assert played == played and played != played.select(np.arange(5))  # by identity
    assert played.shares() == {"won": 0.6, "lost": 0.2, "drawn": 0.2}
    some = played.select(np.array([2, 3]))
    assert some.shares() == {"won": 0.0, "lost": 0.5, "drawn": 0.5}
    assert some.lengths.tolist() == [2, 3] and len(some.lost) == len(some.reasons) == 2


def test_an_environment_that_resets_itself_is_refused():
    with pytest.raises(ValueError, match="auto_reset"):
        matches.play(
            RoboSumo([0]), [ZeroAction(8)], player_ids=[[0, 0]], generator=make_generator(0)
        )


@pytest.mark.parametrize(
    "player_ids", [[[0, 1]] * 4, [[0, 0]] * 3, [[0, -1]] * 4, [[0.0, 0.0]] * 4, np.zeros((0, 2))]
)
def test_player_ids_that_do_not_fit_are_refused(player_ids):
    with pytest.raises(ValueError, match=r"^player_ids must be \(4, 2\) indices of the 1 players"):
        matches.play(
            make_env(), [ZeroAction(8)], player_ids=player_ids, generator=make_generator(0)
        )


PLAYERS = [Constant(0.1), Constant(0.2), Constant(3.0)]
RANDOM = [UniformlyRandom(8)] * 3


def collect(players=PLAYERS, graph=None, **changes):
    options = {"num_episodes": 3, "key": (7,), "max_cycles": 40, "num_threads": 1} | changes
    return matches.collect(players, graph or InteractionGraph.complete(3), **options)


def test_every_episode_is_its_agents_own_view():
    data = collect()
    assert len(data) == 2 * 3 * 3 and data.observation_size == 120
    shown = data.actions[:, 0, 0]
    expected = torch.tensor([0.1, 0.2, 1.0])[data.agents]  # cut to [-1, 1]
    torch.testing.assert_close(shown, expected)


def test_views_of_a_match_are_neighbours():
    data = collect()
    one, other = data.select(torch.arange(0, 18, 2)), data.select(torch.arange(1, 18, 2))
    assert torch.equal(one.agents, other.partners) and torch.equal(one.partners, other.agents)
    assert torch.equal(one.outcomes, -other.outcomes) and torch.equal(one.lengths, other.lengths)
    seen, own = (FIELDS[name] for name in ("opponent_position", "position"))
    assert torch.equal(one.observations[..., seen], other.observations[..., own])


def test_outcomes_are_those_of_the_match_seen_from_each_side():
    key, graph = (11,), InteractionGraph.complete(3)
    players = [UniformlyRandom(8), ZeroAction(8), UniformlyRandom(8)]
    data = collect(players, graph, key=key, num_episodes=6, max_cycles=100)
    # the same matches, played without a data set
    seeds = torch.randint(2**62, (18,), generator=streams.make_generator(*key, 0)).tolist()
    env = RoboSumo(seeds, auto_reset=False, max_cycles=100)
    ids, generator = data.agents.view(-1, 2).numpy(), streams.make_generator(*key, 1)
    winner = matches.play(env, players, player_ids=ids, generator=generator).winner
    views = {0: [WIN, LOSS], 1: [LOSS, WIN], NO_ONE: [DRAW, DRAW]}
    assert {0, 1, NO_ONE} == set(winner.tolist())
    assert data.outcomes.view(-1, 2).tolist() == [views[who] for who in winner.tolist()]


def test_agents_change_sides_from_match_to_match():
    data = collect(graph=InteractionGraph((0, 2), ((0, 2),)), num_episodes=4)
    assert data.agents.tolist() == [0, 2, 2, 0, 0, 2, 2, 0]


def test_padding_is_zero_and_lengths_are_those_of_matches():
    data = collect(players=RANDOM, max_cycles=60)
    steps = torch.arange(data.observations.shape[1])
    padding = steps >= data.lengths[:, None]
    assert data.lengths.max() == data.observations.shape[1] and len(data.lengths.unique()) > 1
    assert (data.observations[padding] == 0).all() and (data.actions[padding] == 0).all()
    heights = data.observations[..., FIELDS["position"]][..., 2]
    assert (heights[~padding] > 0).all()


def test_the_same_on_any_number_of_threads():
    first, second = (collect(players=RANDOM, num_threads=count) for count in (1, 2))
    assert first.checksum() == second.checksum()
    assert first.checksum() != collect(players=RANDOM, key=(8,)).checksum()


def test_matches_that_cannot_be_collected_are_refused(unchecked):
    with pytest.raises(ValueError, match="agent 3 is none of players 0 to 2"):
        collect(graph=InteractionGraph.complete(4))
    with pytest.raises(ValueError, match="graph: there is no edge"):
        collect(graph=InteractionGraph((), ()))
    for wrong in ({"num_episodes": 0}, {"num_episodes": 2.5}, {"max_cycles": 2.5}):
        with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be an integer"):
            collect(**wrong)
