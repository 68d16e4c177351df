"""Games of one policy against some of its opponents."""

import numpy as np
import pytest
import torch
from opponent_contexts import make_specs

from paperlib.agents.robosumo_policies import Wrestler
from paperlib.streams import make_generator
from reproduction.policy_games import (
    evaluate,
    evaluate_groups,
    make_opponent_context,
    mean_score,
    meet,
    score,
    score_error,
)

pytestmark = pytest.mark.usefixtures("short_games")

OPPONENTS = [Wrestler(generator=make_generator(k)).state_dict() for k in range(4)]
GROUPS = {"train": [2, 0], "test": [1, 3]}


@pytest.fixture
def specs(tmp_path, generator):
    return make_specs(tmp_path, generator)


def test_a_context_is_about_the_chosen_opponents(specs):
    context = make_opponent_context(specs["offline"], 3, [3, 1])
    expected = specs["offline"]["components"].of(specs["offline"]["offline"][[3, 1]])
    torch.testing.assert_close(context.table, expected)


@pytest.mark.parametrize("short_games", [100], indirect=True)
def test_policies_are_judged_against_the_right_opponents(specs):
    still = Wrestler(generator=make_generator(0), action_std=1e-3)
    with torch.no_grad():
        for parameter in still.network.policy.parameters():
            parameter.zero_()
    wild = Wrestler(generator=make_generator(0), action_std=3.0)
    states = [wild.state_dict(), still.state_dict()]
    learner = still.with_context(6)
    options = {"num_games": 4, "key": (1,)}
    one, other = evaluate(learner, specs["zeros"], states, [1, 0], **options)
    assert one["drawn"] == 1.0  # two robots that do nothing
    assert other["won"] > 0.5  # one that thrashes about falls


@pytest.mark.parametrize("short_games", [100], indirect=True)
def test_games_do_not_depend_on_the_group_beside(specs):
    options = {
        "learner": Wrestler(generator=make_generator(9)).with_context(6),
        "context_spec": specs["online"],
        "opponents": OPPONENTS,
        "num_games": 4,
        "key": (1,),
    }
    alone = evaluate_groups(groups={"train": GROUPS["train"]}, **options)
    assert alone["train"] == evaluate_groups(groups=GROUPS, **options)["train"]
    assert any(share["drawn"] < 1 for share in alone["train"])


def test_groups_play_games_of_their_own(specs):
    options = {
        "learner": Wrestler(generator=make_generator(9)).with_context(6),
        "context_spec": specs["online"],
        "opponents": OPPONENTS,
        "num_games": 2,
        "num_rounds": 3,
    }
    done = []
    found = evaluate_groups(groups=GROUPS, key=(1,), progress=done.append, **options)
    assert done == [1, 1] and [len(found[group]) for group in GROUPS] == [2, 2]
    assert found["test"] == evaluate(chosen=GROUPS["test"], key=(1, 1), **options)
    shares = np.array([list(share.values()) for share in found["train"]])
    np.testing.assert_allclose(6 * shares, np.round(6 * shares), atol=1e-9)


def test_games_are_played_side_by_side_where_nothing_passes_between_them(specs):
    learner = Wrestler(generator=make_generator(9)).with_context(6)
    common = (learner, specs["zeros"], OPPONENTS, [0, 1])
    found = evaluate(*common, num_games=2, num_rounds=3, key=(1,))
    assert found == evaluate(*common, num_games=6, key=(1,))


def test_two_policies_meet(specs):
    sides = [
        (Wrestler(generator=make_generator(k)).with_context(6), specs["online"]) for k in (1, 2)
    ]
    options = {"num_games": 2, "num_rounds": 2, "max_cycles": 5, "key": (1,)}
    found, done = meet(sides=sides, **options), []
    assert len(found) == 3 and sum(found) == pytest.approx(1)
    assert found == meet(sides=sides, progress=done.append, **options) and done == [1]


def test_a_draw_is_half_a_win():
    shares = {"won": 0.5, "drawn": 0.25, "lost": 0.25}
    assert score(shares) == mean_score([shares, shares]) == 0.625


def test_the_error_of_a_mean_score_is_that_of_games():
    scores = np.array([0.5, 0.9])
    generator = np.random.default_rng(0)
    means = (generator.random((20_000, 50, 2)) < scores).mean((1, 2))
    assert score_error(scores, 50) == pytest.approx(means.std(), rel=0.03)
