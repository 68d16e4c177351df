"""Training one contextual policy: its curve of games, interruptions and files."""

import dataclasses

import numpy as np
import pytest
import torch
from opponent_contexts import make_specs

from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from paperlib.streams import make_generator
from reproduction import policy_training
from reproduction.policy_training import (
    OUTCOME,
    num_points,
    outcome_recipe,
    train_policy,
)

pytestmark = pytest.mark.usefixtures("short_games")

RECIPE = Recipe(
    num_iterations=2,
    num_rollouts=1,
    num_envs=4,
    rollout_length=30,
    self_play_fraction=0.0,
    zero_action_fraction=0.0,
    random_fraction=0.0,
    fixed_opponent_fraction=1.0,
)
OPPONENTS = [Wrestler(generator=make_generator(k)).state_dict() for k in range(4)]
GROUPS = {"train": [2, 0], "test": [1, 3]}


@pytest.fixture
def specs(tmp_path, generator):
    return make_specs(tmp_path, generator)


def run(context_spec, folder, **changes):
    options = {
        "name": f"{context_spec['kind']} 0",
        "key": (1,),
        "recipe": RECIPE,
        "initial_policy": Wrestler(generator=make_generator(9)).state_dict(),
        "opponents": OPPONENTS,
        "groups": GROUPS,
        "num_games": 1,
    }
    return train_policy(context_spec=context_spec, folder=folder, **options | changes)


def test_a_policy_is_trained_and_judged_before_and_after_each_iteration(specs, tmp_path):
    curve = run(specs["online"], tmp_path)
    assert [point["iteration"] for point in curve] == [0, 1, 2]
    assert [point["samples"] for point in curve] == [0, 120, 240]
    for point in curve:
        for group in GROUPS:
            assert len(point[group]) == 2
            assert all(sum(share.values()) == pytest.approx(1) for share in point[group])
    (learner,), provenance = (
        part.values() if isinstance(part, dict) and "online 0" in part else part
        for part in robosumo_policies.load(tmp_path / "online 0.safetensors")
    )
    assert learner.context_size == 6 and provenance["curve"] == curve


def stopped(context_spec, folder, after, **changes):
    count = 0

    def stop(done):
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(context_spec, folder, progress=stop, **changes)


@pytest.mark.parametrize(
    ("kind", "learner"),
    [(kind, {}) for kind in ("online", "offline", "random", "zeros", "oracle")]
    + [("zeros", {"memory_size": 3}), ("zeros", {"memory_size": 3, "film": True})],
)
def test_stopped_and_taken_up_again(specs, tmp_path, kind, learner):
    whole = run(specs[kind], tmp_path / "whole", learner=learner)
    stopped(specs[kind], tmp_path / "broken", after=2, learner=learner)
    assert not (tmp_path / f"broken/{kind} 0.safetensors").exists()
    assert run(specs[kind], tmp_path / "broken", learner=learner) == whole
    one, other = (
        robosumo_policies.load(tmp_path / f"{name}/{kind} 0.safetensors")[0][
            f"{kind} 0"
        ].state_dict()
        for name in ("whole", "broken")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_finished_is_not_made_again(specs, tmp_path, monkeypatch):
    curve = run(specs["zeros"], tmp_path)
    monkeypatch.setattr(policy_training, "evaluate_groups", None)
    assert run(specs["zeros"], tmp_path) == curve


def test_another_encoder_makes_another_policy(specs, tmp_path):
    run(specs["online"], tmp_path)
    before = (tmp_path / "online 0.safetensors").read_bytes()
    components = specs["online"]["components"]
    changed = {**specs["online"], "components": components._replace(shift=components.shift + 1)}
    assert run(changed, tmp_path) == run(changed, tmp_path / "anew")  # its checkpoint is not used
    assert (tmp_path / "online 0.safetensors").read_bytes() != before


def test_more_games_are_played_anew(specs, tmp_path):
    stopped(specs["zeros"], tmp_path, after=2)
    more = run(specs["zeros"], tmp_path, num_games=2)
    assert more == run(specs["zeros"], tmp_path / "anew", num_games=2)


def test_games_are_as_many_as_asked_for(specs, tmp_path):
    for point in run(specs["zeros"], tmp_path, num_games=3):
        shares = np.array([list(of.values()) for of in point["train"] + point["test"]])
        np.testing.assert_allclose(3 * shares, np.round(3 * shares), atol=1e-9)


def test_rarer_games_change_nothing_else(specs, tmp_path):
    recipe = dataclasses.replace(RECIPE, num_iterations=3)
    every = run(specs["online"], tmp_path / "every", recipe=recipe)
    for games_every, points in ((1, [0, 1, 2, 3]), (2, [0, 2, 3]), (9, [0, 3])):
        folder = tmp_path / str(games_every)
        found = run(specs["online"], folder, recipe=recipe, games_every=games_every)
        assert found == [every[iteration] for iteration in points]
        assert len(points) == num_points(3, games_every)


def test_all_opponents_must_be_fixed(specs, tmp_path):
    with pytest.raises(
        ValueError, match="needs self_play_fraction 0 and fixed_opponent_fraction 1"
    ):
        run(
            specs["zeros"],
            tmp_path,
            recipe=dataclasses.replace(RECIPE, fixed_opponent_fraction=0.5),
        )


def test_the_reward_is_the_outcome_and_so_is_the_score():
    recipe = outcome_recipe(num_iterations=1, num_rollouts=2, num_envs=3, learning_rate=1e-4)
    assert recipe.only_fixed_opponents and recipe.rewards == OUTCOME
    assert dataclasses.asdict(OUTCOME) | {"win": 0, "loss": 0} == dict.fromkeys(
        dataclasses.asdict(OUTCOME), 0
    )
    assert OUTCOME.win == OUTCOME.loss == 1


@pytest.mark.parametrize("film", [False, True])
def test_a_policy_with_a_memory_is_trained(specs, tmp_path, film):
    spec = {"kind": "zeros", "context_size": 0}
    run(spec, tmp_path, learner={"memory_size": 3, "film": film})
    (learner,) = robosumo_policies.load(tmp_path / "zeros 0.safetensors")[0].values()
    assert learner.memory_size == 3 and learner.network.film_size == 3 * film
    assert learner.network.value[0].weight[:, -3:].abs().max() > 0  # it learned to use it
