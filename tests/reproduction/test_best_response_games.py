"""Best responses play every opponent alike, and their leads are right."""

import functools

import numpy as np
import pytest
from response_studies import make_study

from paperlib.agents.players import UniformlyRandom, ZeroAction
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.streams import make_generator
from reproduction import best_response_games
from reproduction.best_responses import ALL, SEEN

POPULATION = {name: Wrestler(generator=make_generator(k)) for k, name in enumerate("abcd")}


@pytest.fixture
def shorten(monkeypatch):
    """A function that sets options of all matches."""

    def set_options(**options):
        short = functools.partial(best_response_games.RoboSumo, **options)
        monkeypatch.setattr(best_response_games, "RoboSumo", short)

    return set_options


@pytest.fixture
def study(tmp_path):
    """A study with two or three opponents; all policies start from d."""

    def of(opponents, from_start):
        groups = {"train": opponents}
        return make_study(POPULATION, groups, start="d", folder=tmp_path, from_start=from_start)

    return of


def test_scores_of_policies_against_opponents(shorten):
    shorten(max_cycles=30)
    players = [ZeroAction(8), UniformlyRandom(8)]
    options = {"opponents": players, "num_games": 4, "key": (1,), "seed": 3}
    found = np.array([best_response_games.scores(policy=policy, **options) for policy in players])
    assert found.shape == (2, 2) and found[0, 0] == 0.5
    assert ((found >= 0) & (found <= 1)).all()
    done: list[int] = []
    options["progress"] = done.append
    again = np.array([best_response_games.scores(policy=policy, **options) for policy in players])
    assert (found == again).all() and done == [1, 1]


def test_the_matrix_has_the_scores_of_the_start_and_each_policy(study, shorten):
    shorten(max_cycles=100, tatami_size=1.5)  # on a ring so small that matches are decided
    policies = {"a": ZeroAction(8), "b": UniformlyRandom(8), ALL: ZeroAction(8)}
    options = {"num_games": 2, "seed": 3}
    found = best_response_games.play_matrix(study("ab", True), policies, key=(1,), **options)
    assert list(found) == ["d", "a", "b", ALL]
    options["opponents"] = [POPULATION["a"], POPULATION["b"]]
    for number, policy in enumerate([POPULATION["d"], *policies.values()]):
        own = best_response_games.scores(policy=policy, key=(1, number), **options)
        assert found[[*found][number]].tolist() == own
    assert len({tuple(row.tolist()) for row in found.values()}) > 1


SCORES = {
    name: np.array(row)
    for name, row in {
        "a": [0.9, 0.2, 0.3],
        "b": [0.4, 0.8, 0.5],
        "c": [0.6, 0.4, 0.7],
        ALL: [0.5, 0.5, 0.5],
        SEEN: [0.4, 0.5, 0.6],
        "d": [0.1, 0.2, 0.3],
    }.items()
}


def test_leads_by_hand(study):
    found = best_response_games.leads("responses", SCORES, study("abc", False))
    assert {name: lead.round(9).tolist() for name, lead in found.items()} == {
        "V: responses minus all": [0.4, 0.3, 0.2],
        "responses minus all-seen": [0.5, 0.3, 0.1],
        "responses minus those to other opponents": [0.4, 0.5, 0.3],
        "all minus all-seen": [0.1, 0.0, -0.1],
        "all-seen minus d": [0.3, 0.3, 0.3],
    }


def test_leads_of_policies_that_all_begin_at_the_start(study):
    known = {name: row for name, row in SCORES.items() if name != SEEN}
    found = best_response_games.leads("specialists", known, study("abc", True))
    assert list(found) == [
        "V: specialists minus all",
        "specialists minus d",
        "specialists minus those to other opponents",
        "all minus d",
    ]
    assert found["specialists minus d"] == pytest.approx([0.8, 0.6, 0.4])
    assert found["all minus d"] == pytest.approx([0.4, 0.3, 0.2])
