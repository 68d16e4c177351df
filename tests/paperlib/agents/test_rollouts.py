"""Who plays whom, and what is collected from the games."""

import numpy as np
import pytest
import torch

from paperlib.agents.contexts import no_context
from paperlib.agents.players import UNASSIGNED
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.rollouts import OpponentSampler, RolloutCollector
from paperlib.environments.robosumo import RoboSumo
from paperlib.streams import make_generator


def wrestler(number):
    return Wrestler(generator=make_generator(number))


def sampler(num_envs=12, **changes):
    options = {
        "num_learners": 1,
        "action_size": 8,
        "fixed_opponents": [],
        "self_play_fraction": 0.0,
        "zero_action_fraction": 0.3,
        "random_fraction": 0.2,
        "fixed_opponent_fraction": 0.0,
        "pool_size": 2,
    }
    return OpponentSampler(num_envs, **options | changes)


def test_opponents_are_drawn_by_their_shares():
    fixed = [wrestler(5), wrestler(6)]
    opponents = sampler(2000, fixed_opponents=fixed, fixed_opponent_fraction=0.4)
    opponents.add_versions([wrestler(0)], make_generator(0))
    opponents.draw(np.arange(2000), make_generator(0))
    shares = np.bincount(opponents.player_ids, minlength=5) / 2000
    assert shares == pytest.approx([0.3, 0.2, 0.2, 0.2, 0.1], abs=0.04)
    kinds = [opponents.kind(env_id) for env_id in range(2000)]
    counts = [kinds.count(kind) / 2000 for kind in ("zero action", "random", "fixed opponent")]
    assert counts == pytest.approx([0.3, 0.2, 0.4], abs=0.04)
    assert kinds.count("earlier") == (opponents.player_ids == 4).sum() > 0


@pytest.mark.parametrize("sizes", [{"context_size": 2}, {"context_size": 0, "memory_size": 3}])
def test_opponents_that_would_miss_what_they_need_are_refused(sizes):
    told = wrestler(5).with_context(**sizes)
    with pytest.raises(ValueError, match="one needs a context or a memory"):
        sampler(fixed_opponents=[wrestler(6), told])


def test_each_learner_meets_earlier_versions_of_itself():
    options = {"zero_action_fraction": 0.0, "random_fraction": 0.0, "num_learners": 2}
    opponents = sampler(400, self_play_fraction=0.5, **options)
    opponents.add_versions([wrestler(0), wrestler(1)], make_generator(0))
    opponents.add_versions([wrestler(2), wrestler(3)], make_generator(0))
    opponents.draw(np.arange(400), make_generator(0))
    drawn = opponents.player_ids
    assert (drawn[:200] == UNASSIGNED).all()
    assert set(drawn[200:300]) == {2, 3} and set(drawn[300:]) == {4, 5}
    expected = [wrestler(k).network.policy[0].weight for k in (0, 2, 1, 3)]
    for player, weight in zip(opponents.players[2:], expected, strict=True):
        assert torch.equal(player.network.policy[0].weight, weight)


def test_nobody_is_at_rest_once_there_are_earlier_versions():
    opponents = sampler(50, zero_action_fraction=0.0, random_fraction=0.0)
    opponents.draw(np.arange(50), make_generator(0))
    assert (opponents.player_ids == 0).all()  # no version yet
    opponents.add_versions([wrestler(0)], make_generator(0))
    opponents.draw(np.arange(10), make_generator(0))
    assert (opponents.player_ids[:10] == 2).all() and (opponents.player_ids[10:] == 0).all()


def test_a_full_pool_loses_a_random_member():
    lost = set()
    for seed in range(20):
        opponents, learner = sampler(), wrestler(0)
        for number in range(3):
            learner.network.log_std.data.fill_(float(number))
            opponents.add_versions([learner], make_generator(seed))
        kept = [int(old.network.log_std[0]) for old in opponents.pools[0]]
        assert len(kept) == 2 and kept[-1] == 2
        pool = [parameter for old in opponents.pools[0] for parameter in old.parameters()]
        assert pool and not any(parameter.requires_grad for parameter in pool)
        assert all(parameter.requires_grad for parameter in learner.parameters())
        lost |= {0, 1} - {*kept}
    assert lost == {0, 1}


def test_who_sits_where():
    alone = sampler(12, self_play_fraction=0.5)
    first, second = alone.env_ids_of(0)
    assert first.tolist() == [*range(12)] and second.tolist() == [*range(6)]
    pair = sampler(12, self_play_fraction=0.5, num_learners=2)
    places = [[part.tolist() for part in pair.env_ids_of(learner)] for learner in (0, 1)]
    assert places == [[[*range(9)], []], [[9, 10, 11], [*range(6)]]]


def test_every_learner_needs_a_match():
    assert sampler(1, self_play_fraction=1.0, num_learners=2).num_self_play == 1
    with pytest.raises(ValueError, match=r"^num_envs must be an integer of at least 2, got 1$"):
        sampler(1, num_learners=2)


def test_more_learners_than_matches_for_opponents():
    opponents = sampler(6, self_play_fraction=0.9, num_learners=2)
    opponents.draw(np.arange(6), make_generator(0))
    assert (opponents.player_ids[:5] == UNASSIGNED).all() and opponents.player_ids[5] >= 0


class Constant(Wrestler):
    """A wrestler whose actions are all one number."""

    def __init__(self, number):
        super().__init__(generator=make_generator(0), action_std=1e-6)
        for parameter in self.network.policy.parameters():
            parameter.data.zero_()
        self.network.policy[4].bias.data.fill_(number)


class SpyEnv(RoboSumo):
    """Keeps the actions of the last step."""

    def step(self, actions):
        self.last_actions = [part.copy() for part in actions]
        return super().step(actions)


def collector(num_envs=8, num_learners=2, **options):
    env = SpyEnv(range(num_envs), max_cycles=options.pop("max_cycles", 501))
    opponents = sampler(num_envs, num_learners=num_learners, self_play_fraction=0.5, **options)
    learners = [Constant(0.1 * (k + 1)) for k in range(num_learners)]
    rollouts = RolloutCollector(
        env,
        learners,
        opponents,
        context=no_context(num_envs, len(opponents.fixed_opponents)),
        rewards=RewardWeights(),
    )
    generator = make_generator(3)
    rollouts.begin(
        generator=generator, opponent_generator=generator, context_generator=make_generator(4)
    )
    return rollouts


def test_every_robot_does_what_its_player_chose():
    rollouts = collector(zero_action_fraction=1.0, random_fraction=0.0)
    one, other = rollouts.collect(3)
    first, second = (part[:, 0].tolist() for part in rollouts.env.last_actions)
    assert first == pytest.approx([0.1] * 6 + [0.2] * 2, abs=1e-4)
    assert second == pytest.approx([0.2] * 4 + [0.0] * 4, abs=1e-4)
    assert one.actions.shape == (3, 6, 8) and other.actions.shape == (3, 6, 8)
    assert one.actions.mean() == pytest.approx(0.1, abs=1e-3)
    assert other.actions.mean() == pytest.approx(0.2, abs=1e-3)


def test_rollouts_hold_what_each_learner_saw():
    rollouts = collector(zero_action_fraction=1.0, random_fraction=0.0)
    seen = [part.copy() for part in rollouts.observations]
    one, other = rollouts.collect(1)
    env_ids = rollouts.env_ids[1]
    own = np.concatenate([seen[0][env_ids[0]], seen[1][env_ids[1]]])
    torch.testing.assert_close(
        other.inputs[0], rollouts.learners[1].inputs(torch.from_numpy(own))[0]
    )
    assert one.rewards.shape == (1, 6) and not torch.equal(one.rewards, other.rewards)
    assert one.last_values.shape == (6,) and not one.dones.any()


def test_matches_that_end_are_counted_and_begin_anew():
    rollouts = collector(max_cycles=5, zero_action_fraction=1.0, random_fraction=0.0)
    one, _ = rollouts.collect(10)
    assert one.dones.nonzero()[:, 0].unique().tolist() == [4, 9]
    found = rollouts.summary()
    assert found["self-play"] == [{"matches": 8, "won": 0.0, "lost": 0.0, "length": 5.0}] * 2
    assert [part["matches"] for part in found["zero action"]] == [4, 4]
    assert found["random"] == [{"matches": 0, "won": None, "lost": None, "length": None}] * 2


def test_outcomes_are_those_of_the_learner():
    rollouts = collector(zero_action_fraction=1.0, random_fraction=0.0)
    rollouts.env.physics.positions[0, 0] = 2.5  # the first robot of match 0, self-play, is outside
    rollouts.env.physics.positions[7, 15] = 2.5  # the second robot of match 7, learner 1's opponent
    rollouts.collect(1)
    found = rollouts.summary()
    assert [(part["won"], part["lost"]) for part in found["self-play"]] == [(0, 1), (1, 0)]
    assert found["zero action"][0]["matches"] == 0 and found["zero action"][1]["won"] == 1.0


def test_each_learner_is_paid_for_its_own_robot():
    rollouts = collector(zero_action_fraction=1.0, random_fraction=0.0)
    rollouts.env.physics.positions[0, 0] = 2.5  # the first robot of match 0, self-play, is outside
    one, other = rollouts.collect(1)
    # Match 0 is the first of learner 0, and, after two with opponents, the third of learner 1
    assert one.rewards[0, 0] < -0.5 and other.rewards[0, 2] > 0.5
    assert one.rewards[0, 1:].abs().max() < 0.5
