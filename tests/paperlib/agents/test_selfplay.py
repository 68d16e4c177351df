"""Self-play: training runs that resume, learners that change, and recipes that make sense."""

import dataclasses

import pytest
import torch

from paperlib import training
from paperlib.agents import ppo
from paperlib.agents.rewards import RewardWeights
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe, SelfPlay
from paperlib.streams import make_generator

TINY = Recipe(
    num_iterations=3, num_rollouts=1, num_envs=16, rollout_length=24, opponent_pool_size=2
)


def run(selfplay, path=None, num_iterations=3, **options):
    training.run(selfplay, path, num_iterations=num_iterations, **options)
    return selfplay


def same(one, other):
    states = [[w.state_dict() for w in selfplay.learners] for selfplay in (one, other)]
    return all(torch.equal(a[n], b[n]) for a, b in zip(*states, strict=True) for n in a)


@pytest.mark.parametrize("num_learners", [1, 2])
def test_interrupted_training_ends_as_the_whole_one(tmp_path, num_learners):
    path, options = tmp_path / "c.safetensors", {"num_learners": num_learners}
    whole = run(SelfPlay((1,), TINY, **options))
    run(SelfPlay((1,), TINY, **options), path, num_iterations=1)
    resumed = run(SelfPlay((1,), TINY, **options), path)
    assert whole.history == resumed.history and len(whole.history) == 3
    assert len(resumed.seconds) == 3 and min(resumed.seconds) > 0
    assert same(whole, resumed)


def test_interrupted_with_a_full_pool(tmp_path):
    path, recipe = tmp_path / "c.safetensors", dataclasses.replace(TINY, num_iterations=5)
    whole = run(SelfPlay((1,), recipe), num_iterations=5)
    run(SelfPlay((1,), recipe), path, num_iterations=4)
    resumed = run(SelfPlay((1,), recipe), path, num_iterations=5)
    pools = [selfplay.opponents.pools[0] for selfplay in (whole, resumed)]
    assert len(pools[0]) == len(pools[1]) == TINY.opponent_pool_size
    for one, other in zip(*pools, strict=True):
        assert torch.equal(one.network.policy[0].weight, other.network.policy[0].weight)
    assert not torch.equal(
        pools[0][0].network.policy[0].weight, pools[0][1].network.policy[0].weight
    )
    assert same(whole, resumed)


def test_learners_of_a_pair_differ_and_change():
    selfplay = SelfPlay((1,), TINY, num_learners=2)
    before = [w.network.policy[0].weight.clone() for w in selfplay.learners]
    selfplay.step()
    after = [w.network.policy[0].weight for w in selfplay.learners]
    assert not torch.equal(before[0], before[1])
    assert all(not torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_children_start_from_their_parents():
    parent = Wrestler(generator=make_generator(9)).state_dict()
    child = SelfPlay((2,), TINY, parents=[parent]).learners[0].state_dict()
    assert all(torch.equal(parent[name], child[name]) for name in parent)


def test_noise_is_bounded_by_the_recipe():
    parent = Wrestler(generator=make_generator(9), action_std=0.6).state_dict()
    recipe = dataclasses.replace(TINY, action_std=0.3, min_action_std=0.3)
    selfplay = SelfPlay((2,), recipe, parents=[parent])
    torch.testing.assert_close(selfplay.learners[0].network.log_std.exp(), torch.full((8,), 0.3))
    assert selfplay.step()["action_std"][0] >= 0.3 - 1e-6


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"key": (2,)}, "key"),
        ({"recipe": dataclasses.replace(TINY, rewards=RewardWeights(win=2.0))}, "recipe"),
        ({"parents": [Wrestler(generator=make_generator(9)).state_dict()]}, "parents"),
    ],
)
def test_a_checkpoint_of_another_training_is_refused(tmp_path, other, named):
    path = tmp_path / "c.safetensors"
    run(SelfPlay((1,), TINY), path, num_iterations=1)
    arguments = {"key": (1,), "recipe": TINY} | other
    with pytest.raises(ValueError, match=f"another training, which differs in {named};"):
        run(SelfPlay(**arguments), path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_rollouts": 0},
        {"opponent_pool_size": 0},
        {"self_play_fraction": 1.5},
        {"zero_action_fraction": 0.8, "random_fraction": 0.3},
        {"lr_decay": 1.5},
        {"critic_iterations": -1},
        {"hidden_size": 0},
        {"action_std": 0.1, "min_action_std": 0.2},
    ],
)
def test_recipes_refuse_nonsense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        dataclasses.replace(TINY, **wrong)


def test_updates_of_a_learner_with_a_memory_are_not_augmented():
    recipe = dataclasses.replace(
        TINY, self_play_fraction=0.0, zero_action_fraction=0.0, random_fraction=0.0,
        fixed_opponent_fraction=1.0, symmetries="all",
    )  # fmt: skip
    opponent = Wrestler(generator=make_generator(3))
    parent = opponent.with_context(0, memory_size=3, generator=make_generator(4)).state_dict()
    states = [
        run(
            SelfPlay((1,), each, parents=[parent], fixed_opponents=[opponent.state_dict()]),
            num_iterations=1,
        )
        for each in (recipe, dataclasses.replace(recipe, symmetries="none"))
    ]
    assert same(*states)


def test_parents_must_be_one_each():
    with pytest.raises(ValueError, match="parents"):
        SelfPlay((1,), TINY, num_learners=2, parents=[{}])


def test_learning_rate_falls():
    selfplay, rates = SelfPlay((1,), TINY), []
    for _ in range(3):
        selfplay.step()
        rates.append(selfplay.optimisers[0].param_groups[0]["lr"])
    assert rates == pytest.approx([ppo.Settings().learning_rate * x for x in (1, 0.7, 0.4)])


@pytest.mark.parametrize("fixed", [False, True])
def test_only_fixed_opponents_have_a_stream_of_their_own(fixed):
    """Mixed opponents are drawn from the rollouts' stream, as in the shipped training runs."""
    fractions = {"zero_action_fraction": 0.0, "random_fraction": 0.0, "self_play_fraction": 0.0}
    recipe = dataclasses.replace(TINY, fixed_opponent_fraction=1.0, **fractions) if fixed else TINY
    opponent = Wrestler(generator=make_generator(9)).state_dict()
    selfplay, given = SelfPlay((1,), recipe, fixed_opponents=[opponent]), {}
    begin = selfplay.rollouts.begin
    selfplay.rollouts.begin = lambda **generators: given.update(generators) or begin(**generators)
    selfplay.step()
    assert (given["opponent_generator"] is given["generator"]) == (not fixed)
    assert len(selfplay.opponents.pools[0]) == (not fixed)


def test_history_counts_samples_and_averages_updates():
    selfplay = run(SelfPlay((1,), TINY), num_iterations=2)
    per_iteration = 24 * (16 + 8)  # steps; the learner is both robots in half of the matches
    assert [entry["samples"] for entry in selfplay.history] == [per_iteration, 2 * per_iteration]
    assert selfplay.history[0]["updates"] == 4 and selfplay.history[0]["kl"] >= 0


def test_symmetries_change_a_training_that_resumes_all_the_same(tmp_path):
    path, recipe = tmp_path / "c.safetensors", dataclasses.replace(TINY, symmetries="all")
    whole = run(SelfPlay((1,), recipe))
    run(SelfPlay((1,), recipe), path, num_iterations=1)
    assert same(whole, run(SelfPlay((1,), recipe), path))
    assert not same(whole, run(SelfPlay((1,), TINY)))


@pytest.mark.parametrize(("stopped", "factor"), [(0.0, 1.02), (1.0, 0.9)])
def test_the_learning_rate_falls_where_an_update_stopped_early(monkeypatch, stopped, factor):
    used = []

    def update(network, optimiser, *others, **options):
        used.append(optimiser.param_groups[0]["lr"])
        return {"stopped": stopped}

    monkeypatch.setattr(ppo, "update", update)
    selfplay = SelfPlay((1,), TINY)
    selfplay.step()
    assert used == [TINY.learning_rate(0)]
    assert selfplay.learning_rates == [pytest.approx(used[0] * factor)]
    selfplay.step()
    assert used[1] == pytest.approx(min(used[0] * factor, TINY.learning_rate(1)))


def test_parents_that_do_not_fit_are_refused():
    wrestler = Wrestler(generator=make_generator(0))
    wider = wrestler.with_context(3).state_dict()
    with pytest.raises(ValueError, match="parents: they must be like the context, which has"):
        SelfPlay((1,), TINY, parents=[wider])
    remembering = Wrestler(generator=make_generator(0), memory_size=2).state_dict()
    with pytest.raises(ValueError, match="parents: one with a memory must meet fixed opponents"):
        SelfPlay((1,), TINY, parents=[remembering])
