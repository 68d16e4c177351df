"""Comparing encoders and objectives: equal sizes, halves, rows, and errors before any training."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from samples import make_dataset

from paperlib.comparison import (
    OBJECTIVES,
    compare,
    hold_out,
    matched_encoders,
    matched_hidden_size,
)
from paperlib.embeddings import Settings
from paperlib.encoders import EpisodeEncoder, count_weights
from paperlib.objectives import imitation
from paperlib.streams import make_generator

# Listeners, ants, and who plays Kuhn and Leduc poker: numbers in an observation and an action
WORLDS = {"ParticleWorld": (11, 5), "RoboSumo": (121, 8), "Kuhn": (11, 2), "Leduc": (30, 3)}
SETTINGS = Settings(num_updates=2)


@pytest.mark.parametrize("world", WORLDS)
def test_encoders_have_as_many_weights(world, generator):
    makers = matched_encoders(*WORLDS[world])
    counts = [count_weights(m(*WORLDS[world], generator=generator)) for m in makers.values()]
    assert len(counts) == 7 and max(counts) < 1.1 * min(counts)
    assert counts[0] == count_weights(EpisodeEncoder(*WORLDS[world], generator=generator))


def data(num_agents=4, num_episodes=8, **options):
    return make_dataset(num_agents=num_agents, num_episodes=num_episodes, **options)


def test_halves_of_episodes_and_of_agents(generator):
    whole = data(num_agents=5)
    train, test = hold_out(whole, split="episodes", generator=generator)
    assert train.agents.bincount().tolist() == test.agents.bincount().tolist() == [4] * 5
    assert not set(train.returns.tolist()) & set(test.returns.tolist())
    train, test = hold_out(whole, split="agents", generator=generator)
    assert len(test.agents.unique()) == 2 and len(train) + len(test) == len(whole)
    assert not set(train.agents.tolist()) & set(test.agents.tolist())


def small(observation_size, action_size, *, generator):
    sizes = {"embedding_size": 3, "hidden_size": 4, "generator": generator}
    return EpisodeEncoder(observation_size, action_size, **sizes)


@pytest.mark.parametrize("split", ["episodes", "agents"])
def test_a_row_for_every_cell_and_reference(split, unchecked):
    whole = data()
    names = [name for name in OBJECTIVES if name != "LIAM"]  # no partner's steps
    rows, reported = [], []
    for _ in range(2):
        options = {"encoders": {"small": small}, "settings": SETTINGS, "seeds": np.arange(2)}
        rows.append(compare(whole, split=split, progress=reported.append, **options))
    found = [(row.encoder, row.objective) for row in rows[0]]
    references = [("", "chance"), ("", "summary statistics")]
    trained = [("small", name) for name in [*names, "supervised", "untrained"]]
    assert found == 2 * (references + trained) and reported == rows[0] + rows[1]
    for one, same in zip(*rows, strict=True):
        assert 0 <= one.linear <= 1 and 0 <= one.nearest <= 1
        assert one._replace(seconds=0, ratio=0) == same._replace(seconds=0, ratio=0)
        assert one.ratio == same.ratio or (math.isnan(one.ratio) and math.isnan(same.ratio))
        assert (one.num_weights > 0) == (one.encoder == "small")
        assert (one.seconds > 0) == (one.encoder == "small" and one.objective != "untrained")
    assert rows[0][0].linear == rows[0][0].nearest == (0.25 if split == "episodes" else 0.5)
    assert {row.seed for row in rows[0]} == {0, 1}


def test_liam_where_there_are_partners():
    whole = data()
    whole = dataclasses.replace(
        whole,
        partner_observations=whole.observations,
        partner_actions=whole.actions,
        num_partner_actions=3,
    )
    options = {"encoders": {"small": small}, "settings": SETTINGS, "seeds": [0]}
    found = compare(whole, references=False, **options)
    assert [row.objective for row in found] == list(OBJECTIVES)


def no_scalar(networks, triplets):
    return networks.encoder(*triplets.reference)


class NoVector(torch.nn.Module):
    def __init__(self, observation_size, action_size, *, generator):
        super().__init__()

    def forward(self, observations, actions, step_weights):
        return observations


ENCODER = EpisodeEncoder(2, 3, generator=make_generator(0))  # instead of a class


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"objectives": {"mine": no_scalar}}, "small, mine: objective must return a scalar"),
        ({"objectives": {"LIAM": OBJECTIVES["LIAM"]}}, "small, LIAM: dataset: LIAM reconstructs"),
        ({"encoders": {"mine": NoVector}}, "mine, good: encoder must return"),
        ({"objectives": {"supervised": imitation}}, "objectives: the name 'supervised' is taken"),
        ({"objectives": {"chance": imitation}}, "objectives: the name 'chance' is taken"),
        ({"seeds": [0, 1, 0]}, "seeds must differ from each other"),
        ({"split": "halves"}, "split must be one of"),
        ({"seeds": []}, "seeds: at least one"),
        ({"seeds": 3}, "seeds must be a sequence of integers, got 3$"),
        ({"seeds": ["a"]}, "seeds: each must be an integer of at least 0, got 'a'$"),
        ({"encoders": {"mine": lambda o, a: None}}, "mine, good: TypeError: .*'generator'$"),
        ({"encoders": {"mine": ENCODER}}, "mine, good: TypeError: .*'generator'$"),
        ({"objectives": {"mine": "Emb-Im"}}, "small, mine: objective must be a function or an"),
    ],
)
def test_errors_come_before_any_training(changed, message, unchecked):
    calls = []

    def good(networks, triplets):
        calls.append(1)
        return imitation(networks, triplets)

    objectives = {"good": good, **changed.get("objectives", {})}
    options = {"encoders": {"small": small}, "settings": SETTINGS, "seeds": [0], **changed}
    with pytest.raises(ValueError, match=f"^{message}") as error:
        compare(data(), **{**options, "objectives": objectives})
    assert "\n" not in str(error.value)
    assert len(calls) <= 1


def test_too_little_data(generator):
    with pytest.raises(ValueError, match="needs at least four agents, got 3"):
        hold_out(data(num_agents=3), generator=generator)
    with pytest.raises(ValueError, match="4 are needed"):
        hold_out(data(num_episodes=3), generator=make_generator(0))


def test_a_hidden_size_for_a_number_of_weights(generator):
    def make(hidden_size):
        return EpisodeEncoder(2, 3, embedding_size=4, hidden_size=hidden_size, generator=generator)

    # 5 H + H + H² + H + 4 H + 4 weights: 64 of H = 4, 84 of H = 5
    assert count_weights(make(4)) == 64 and count_weights(make(5)) == 84
    found = [matched_hidden_size(make, number) for number in (1, 73, 75, 84)]
    assert found == [1, 4, 5, 5] and matched_hidden_size(make, 75, multiple_of=4) == 4
