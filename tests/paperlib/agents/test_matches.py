"""Whole matches: each player in its seat, each ending where it belongs."""

import numpy as np
import pytest
import torch

from paperlib.agents import matches
from paperlib.agents.matches import UniformlyRandom, ZeroAction
from paperlib.environments.robosumo import MAX_CYCLES, NO_ONE, TIME_IS_UP, RoboSumo
from paperlib.streams import make_generator
from reproduction.statistics import wilson_interval


class Counter:
    """A player whose memory counts its steps; it pushes with all its torques by its number."""

    def __init__(self, torque):
        self.torque, self.counts = torque, []

    def act(self, observations, memory=None, *, generator):
        count = torch.zeros(len(observations)) if memory is None else memory[0] + 1
        self.counts.append(count[0].item())
        return torch.full((len(observations), 8), self.torque), (count,)


def arena(num_envs=4, **options):
    return RoboSumo(range(num_envs), auto_reset=False, **options)


def test_still_robots_stand_until_time_is_up():
    played = matches.play(
        arena(), [ZeroAction(8)], np.zeros((4, 2), int), generator=make_generator(0)
    )
    assert (played.lengths == MAX_CYCLES).all() and (played.reasons == TIME_IS_UP).all()
    assert (played.winner == NO_ONE).all() and not played.lost.any()


def test_each_acts_in_its_seat_and_keeps_its_memory():
    players, seen = [Counter(0.25), Counter(-0.5)], []
    player_ids = np.array([[0, 1], [1, 0], [0, 0], [1, 1]])
    env = arena(max_cycles=5)
    played = matches.play(
        *(env, players, player_ids),
        generator=make_generator(0),
        watch=lambda env: seen.append(env.batch.bind("ctrl").copy()),
    )
    torques = np.array([0.25, -0.5])[player_ids].repeat(8, axis=1)
    assert len(seen) == 6 and (seen[1] == torques).all()
    assert players[0].counts == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]  # in either seat
    assert (played.lengths == 5).all()


def test_who_wins_is_who_the_environment_says():
    def run(seed):
        return matches.play(
            *(arena(8), [ZeroAction(8), UniformlyRandom(8)], np.tile([0, 1], (8, 1))),
            generator=make_generator(seed),
        )

    played = run(0)
    decided = played.lost.sum(1) == 1
    assert decided.any() and (played.winner[decided] == played.lost[decided].argmin(1)).all()
    assert np.array_equal(played.lengths, run(0).lengths)
    assert not np.array_equal(played.lengths, run(1).lengths)


def test_shares_add_up():
    played = matches.play(
        *(arena(8), [UniformlyRandom(8)], np.zeros((8, 2), int)), generator=make_generator(0)
    )
    shares = played.shares()
    assert sum(share.mean for share in shares.values()) == pytest.approx(1)


def test_wilson_interval_by_hand():
    # Wilson: (p + z²/2n ± z sqrt(p(1 − p)/n + z²/4n²)) / (1 + z²/n)
    found, z, p, n = wilson_interval([True] * 8 + [False] * 2), 1.959964, 0.8, 10
    middle, half = p + z * z / 20, z * np.sqrt(p * (1 - p) / n + z * z / 400)
    bounds = [(middle - half) / (1 + z * z / n), (middle + half) / (1 + z * z / n)]
    assert found.mean == 0.8 and [found.low, found.high] == pytest.approx(bounds, rel=1e-5)


def test_refuses_an_environment_that_resets_itself():
    with pytest.raises(ValueError, match="auto_reset"):
        matches.play(RoboSumo([0]), [ZeroAction(8)], [[0, 0]], generator=make_generator(0))


@pytest.mark.parametrize("player_ids", [[[0, 1]] * 4, [[0, 0]] * 3, [[0, -1]] * 4])
def test_refuses_seats_that_do_not_fit(player_ids):
    with pytest.raises(ValueError, match="player_ids"):
        matches.play(arena(), [ZeroAction(8)], player_ids, generator=make_generator(0))
