"""Players: who acts in which row, and several wrestlers at once as each of them alone."""

import numpy as np
import pytest
import torch

from paperlib.agents.players import (
    UNASSIGNED,
    Player,
    UniformlyRandom,
    ZeroAction,
    act_together,
    sample_actions,
)
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.environments.robosumo import RoboSumo
from paperlib.streams import make_generator

NOISE = 1e-6  # standard deviation of actions: too little to see
RANDOM = UniformlyRandom(8)


class Constant:
    """Always the same torque, so that its actions tell who it is."""

    def __init__(self, torque):
        self.torque = torque

    def act(self, observations, memory=None, *, generator):
        return torch.full((len(observations), 8), self.torque), None


def make_wrestler(seed, *, action_std=NOISE, **sizes):
    generator = make_generator(seed)
    wrestler = Wrestler(generator=generator, action_std=action_std, **sizes)
    with torch.no_grad():  # not close to zero, as at first
        wrestler.network.policy[-1].weight.normal_(generator=generator)
    return wrestler


@pytest.fixture(scope="module")
def observations():
    """Observations of 12 matches, after some random steps."""
    env = RoboSumo(range(12))
    seen, generator = env.reset(), make_generator(0)
    for _ in range(20):
        actions = [RANDOM.act(torch.from_numpy(s), generator=generator)[0].numpy() for s in seen]
        seen = env.step(actions).observations
    return seen[0].copy()


def sampled(players, player_ids, observations, memories=None):
    actions = np.full((len(observations), 8), 9.0, dtype="f4")
    sample_actions(
        actions,
        observations,
        players=players,
        player_ids=np.asarray(player_ids),
        memories={} if memories is None else memories,
        generator=make_generator(1),
    )
    return actions


def test_rows_without_a_player_keep_their_actions():
    players = [Constant(0.25), Constant(-0.5)]
    actions = sampled(players, [1, UNASSIGNED, 0], np.zeros((3, 120), dtype="f4"))
    np.testing.assert_array_equal(actions, np.array([[-0.5], [9.0], [0.25]]).repeat(8, axis=1))


def test_wrestlers_act_together_as_each_alone(observations):
    wrestlers = [make_wrestler(0), make_wrestler(1, critic_size=3), make_wrestler(2)]
    players = [wrestlers[0], Constant(0.25), *wrestlers[1:], ZeroAction(8)]
    ids = np.array([3, 0, 2, UNASSIGNED, 1, 0, 3, 2, 2, 4, 0, 3])
    memories = {}
    actions = sampled(players, ids, observations, memories)
    for number in (0, 2, 3):
        alone, _ = players[number].act(
            torch.from_numpy(observations[ids == number]), generator=make_generator(2)
        )
        assert alone.std(0).min() > 0.01  # rows differ
        np.testing.assert_allclose(actions[ids == number], alone, atol=1e-4)
    assert (actions[3] == 9).all() and (actions[4] == 0.25).all() and (actions[9] == 0).all()
    assert memories == {1: None, 4: None}  # reactive wrestlers have none


def test_each_wrestler_has_its_own_noise(observations):
    wrestlers = [make_wrestler(0, action_std=0.3), make_wrestler(0, action_std=0.6)]
    rows = torch.from_numpy(observations[:1]).expand(6000, -1)
    members = torch.arange(6000) % 2
    actions = act_together(wrestlers, rows, members, generator=make_generator(3))
    for member, expected in enumerate((0.3, 0.6)):
        own = actions[members == member]
        np.testing.assert_allclose(own.std(0), expected, rtol=0.06)
        # independent between rows and between torques
        assert np.corrcoef(own.T)[~np.eye(8, dtype=bool)].max() < 0.1
        assert abs(np.corrcoef(own[:-1, 0], own[1:, 0])[0, 1]) < 0.1


def test_wrestlers_with_a_memory_or_other_ways_to_act_act_alone(observations):
    class Still(Wrestler):
        def act(self, observations, memory=None, *, generator):
            return torch.zeros(len(observations), 8), None

    recurrent = make_wrestler(0, memory_size=4)
    players, memories = [make_wrestler(1), recurrent, Still(generator=make_generator(0))], {}
    assert [player.reactive for player in players] == [True, False, True]
    actions = sampled(players, [0, 1, 2, 1], observations[:4], memories)
    assert (actions[2] == 0).all() and (actions[[0, 1, 3]] != 0).all()
    assert memories[1][0].shape == (2, 4) and set(memories) == {1, 2}
    assert not make_wrestler(0, context_size=2).reactive


class Answer:
    """Returns whatever it was given."""

    def __init__(self, answer):
        self.answer = answer

    def act(self, observations, memory=None, *, generator):
        return self.answer, None


def test_actions_of_any_kind():
    wanted = np.arange(16.0).reshape(2, 8)
    for answer in (wanted, wanted.tolist(), torch.tensor(wanted, requires_grad=True)):
        found = sampled([Answer(answer)], [0, 0], np.zeros((2, 120), dtype="f4"))
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize(
    ("answer", "got"),
    [(torch.zeros(8), r"\(8,\)"), (torch.zeros(1, 8), r"\(1, 8\)"), (None, r"\(\)")],
)
def test_actions_of_another_shape_are_refused(answer, got, unchecked):
    with pytest.raises(ValueError, match=rf"^player 1: act must return .* \(2, 8\), got {got}$"):
        sampled([RANDOM, Answer(answer)], [1, 0, 1], np.zeros((3, 120), dtype="f4"))


def test_simple_players():
    seen = torch.zeros(500, 120)
    assert (ZeroAction(8).act(seen, generator=make_generator(0))[0] == torch.zeros(500, 8)).all()
    drawn, memory = RANDOM.act(seen, generator=make_generator(0))
    assert memory is None and drawn.shape == (500, 8)
    assert -1 <= drawn.min() < -0.98 and 0.98 < drawn.max() <= 1 and abs(drawn.mean()) < 0.05
    assert all(isinstance(player, Player) for player in (RANDOM, ZeroAction(8), make_wrestler(0)))
