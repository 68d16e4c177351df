"""Games of contextual policies."""

import numpy as np
import torch
from opponent_contexts import make_context

from paperlib.agents.contextual_games import ContextualPolicy, meet
from paperlib.agents.players import Player, UniformlyRandom, ZeroAction
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.streams import make_generator


class Spy(Wrestler):
    """Remembers its contexts."""

    def __init__(self):
        super().__init__(generator=make_generator(0), context_size=6)
        self.contexts = []

    def act(self, observations, memory=None, *, generator, context=None):
        self.contexts.append(context.clone())
        return torch.zeros(len(observations), 8), None


def test_the_second_game_is_played_with_embeddings_of_the_first(model):
    spy, context = Spy(), make_context("online", model, num_episodes=1)
    opponents = [ZeroAction(8), UniformlyRandom(8)]
    numbers = np.array([0, 1] * 4)
    played = meet([(spy, context)], opponents, numbers, key=(1,), max_cycles=5)
    assert len(spy.contexts) == 10 and played.lengths.tolist() == [5] * 8
    assert (spy.contexts[0] == 0).all() and (spy.contexts[4] == 0).all()
    second = spy.contexts[5]
    assert torch.equal(second, spy.contexts[9]) and len(second.unique(dim=0)) == 8
    assert (context.running.counts == 5).all()  # steps of the second game alone
    still, moved = second[::2], second[1::2]
    assert torch.cdist(still, still).mean() < torch.cdist(still, moved).mean()


def test_several_games_before_the_one_that_counts(model):
    spy, context = Spy(), make_context("online", model, num_episodes=3)
    opponents = [ZeroAction(8), UniformlyRandom(8)]
    meet([(spy, context)], opponents, np.array([0, 1] * 4), key=(1,), max_cycles=5)
    assert len(spy.contexts) == 20
    first, second, last = (spy.contexts[5 * k] for k in (1, 2, 3))
    assert (spy.contexts[0] == 0).all() and not torch.equal(first, second)
    steady = [(part[1::2] - part[1::2].mean(0)).norm() for part in (first, last)]
    assert steady[1] < steady[0]  # of the opponent that moves


def test_series_of_games_that_count(model):
    spy, context = Spy(), make_context("online", model, num_episodes=2)
    opponents = [ZeroAction(8), UniformlyRandom(8)]
    options = {"key": (1,), "max_cycles": 5}
    played = meet([(spy, context)], opponents, np.array([0, 1] * 4), num_rounds=3, **options)
    assert len(spy.contexts) == 5 * 5 and len(played.winner) == 3 * 8
    assert len(context.games) == 2  # means over the last ones alone
    torch.testing.assert_close(spy.contexts[20], torch.stack(context.games).mean(0))


def test_a_context_can_be_used_again(model):
    context, seen = make_context("online", model, num_episodes=2), []
    opponents = [ZeroAction(8), UniformlyRandom(8)]
    for _ in range(2):
        spy = Spy()
        meet([(spy, context)], opponents, np.array([0, 1] * 4), key=(1,), max_cycles=5)
        seen.append(torch.stack(spy.contexts))
    assert torch.equal(*seen)


def test_games_without_online_contexts_are_played_once():
    spy = Spy()
    meet(
        [(spy, make_context("oracle"))],
        [ZeroAction(8)] * 2,
        np.array([0, 1] * 4),
        key=(1,),
        max_cycles=5,
    )
    assert len(spy.contexts) == 5 and torch.equal(spy.contexts[0][:2, :2], torch.eye(2))


def test_two_contextual_policies(model):
    sides = [(Spy(), make_context("online", model)), (Spy(), make_context("zeros"))]
    played = meet(sides, [], np.zeros(8, dtype=int), key=(1,), max_cycles=5)
    assert len(played.lengths) == 8
    assert (sides[0][0].contexts[5] != 0).any() and (sides[1][0].contexts[5] == 0).all()


def test_a_contextual_policy_is_a_player():
    player = ContextualPolicy(
        Wrestler(generator=make_generator(0)).with_context(6), torch.zeros(3, 6)
    )
    assert isinstance(player, Player)
    assert player.act(torch.zeros(3, 120), generator=make_generator(0))[0].shape == (3, 8)


def test_a_policy_remembers_the_match():
    wrestler = Wrestler(generator=make_generator(0))
    wrestler = wrestler.with_context(0, memory_size=4, generator=make_generator(1))
    player = ContextualPolicy(wrestler, torch.zeros(3, 0))
    seen = torch.rand(3, 120, generator=make_generator(2))
    _, (contexts, first) = player.act(seen, generator=make_generator(0))
    _, (_, second) = player.act(seen, (contexts, first), generator=make_generator(0))
    assert first.shape == (3, 4) and not torch.equal(first, second)


def test_contexts_follow_their_matches():
    wrestler = Wrestler(generator=make_generator(0)).with_context(6, generator=make_generator(1))
    with torch.no_grad():  # so that actions depend on contexts
        for parameter in wrestler.network.policy.parameters():
            parameter.normal_(generator=make_generator(2))
    contexts = torch.randn(3, 6, generator=make_generator(3))
    seen = torch.rand(3, 120, generator=make_generator(4))
    _, memory = ContextualPolicy(wrestler, contexts).act(seen, generator=make_generator(0))
    rows = torch.tensor([2, 0])
    alone = ContextualPolicy(wrestler, contexts[rows])
    one, _ = alone.act(seen[rows], generator=make_generator(5))
    kept = tuple(part[rows] for part in memory)
    other, _ = ContextualPolicy(wrestler, contexts).act(
        seen[rows], kept, generator=make_generator(5)
    )
    assert torch.equal(one, other)
