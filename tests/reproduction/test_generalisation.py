"""Speakers for unseen listeners: who learns with whom, and how they are judged."""

import dataclasses
from pathlib import Path

import pytest
import torch

from reproduction import generalisation
from reproduction.cells import Cell

PAIRS = 6


def test_nobody_is_in_two_parts(task, populations):
    (train,) = task.sources
    parts = train, task.validation, task.test
    assert sorted(pair for part in parts for pair in part.pairs) == [*range(PAIRS)]
    assert all(part.population is populations[1] for part in parts)  # run 3 of two populations
    assert [source.population for source in task.others] == [populations[0]]


def test_other_populations_give_as_many_listeners_as_asked_for(task):
    (source,) = task.of_others(4).sources
    assert source.population is task.others[0].population and len(source.pairs) == 4
    assert task.of_others(4).test is task.test
    for count in (1, 7):
        with pytest.raises(ValueError, match=f"language_counts must be 2 to 6, got {count}"):
            task.of_others(count)


def test_the_mean_mlp_that_does_best_with_validation_listeners_is_chosen(task, monkeypatch):
    asked = []

    def run_cell(*, cell, test, progress, **rest):
        asked.append((cell, test))
        return {"unseen": [-((cell.hidden_size + (7 if cell.symmetric else -7)) ** 2.0)]}

    monkeypatch.setattr(generalisation, "run_cell", run_cell)
    cells = {
        generalisation.title(encoder, symmetric, method): Cell(encoder, symmetric, weight)
        for encoder in ("mean-MLP", "gated pooling")
        for symmetric in (False, True)
        for method, weight in (("Emb-Im", 0.0), ("Emb-Id", float("inf")))
    }
    chosen, rows = generalisation.choose_mean_mlp(
        cells, task, sizes=[1, 8], rates=[0.1], folder=Path("nowhere"), num_workers=1
    )
    assert len(rows) == len(asked) == 4 and all(test is task.validation for _, test in asked)
    assert all(cell.identification_weight == 0 for cell, _ in asked)
    for name, cell in chosen.items():
        if cell.encoder == "mean-MLP":
            size = 1 if cell.symmetric else 8
            assert cell == cells[name]._replace(hidden_size=size, learning_rate=0.1)
        else:
            assert cell == cells[name]


@pytest.mark.parametrize(
    ("weight", "sizes", "message"),
    [
        (float("inf"), [8], "methods: a mean-MLP needs 'Emb-Im'"),
        (0.0, [], "mean_mlp_sizes, mean_mlp_rates: a mean-MLP needs one of each"),
    ],
)
def test_a_mean_mlp_that_cannot_be_chosen_is_refused_at_once(
    task, monkeypatch, weight, sizes, message
):
    monkeypatch.setattr(generalisation, "run_cell", None)
    cells = {"one": Cell("mean-MLP", True, 0.01), "another": Cell("mean-MLP", True, weight)}
    with pytest.raises(ValueError, match=message):
        generalisation.choose_mean_mlp(
            cells, task, sizes=sizes, rates=[0.1], folder=Path("nowhere"), num_workers=1
        )


def test_only_the_code_of_training_listeners_depends_on_them(task):
    found = task.references(num_word_episodes=48)
    assert found["oracle"] > found["one code"] - 3 and found["one code"] < 0
    other = dataclasses.replace(task, sources=task.others).references(num_word_episodes=48)
    changed = {name for name in found if found[name] != other[name]}
    assert changed == {"training listeners' code"}


def test_references_by_hand(task, monkeypatch):
    """Two unseen listeners, three targets, four words; the training listener has another code."""
    unseen = torch.tensor(
        [
            [[-1.0, -9.0, -8.0, -7.0], [-9.0, -2.0, -8.0, -7.0], [-9.0, -8.0, -3.0, -7.0]],
            [[-9.0, -2.0, -5.0, -7.0], [-3.0, -9.0, -5.0, -7.0], [-9.0, -8.0, -5.0, -2.0]],
        ]
    )
    own = torch.full((1, 3, 4), -9.0)
    own[0, [0, 1, 2], [1, 0, 3]] = -1.0

    def word_returns(source, **options):
        return torch.stack([unseen if source is task.test else own] * 2)

    monkeypatch.setattr(type(task.test), "word_returns", word_returns)
    assert task.references(num_word_episodes=1) == pytest.approx(
        {
            "oracle": ((-1 - 2 - 3) / 3 + (-2 - 3 - 2) / 3) / 2,
            "one code": (-5 - 5.5 - 4) / 3,  # words 0, 1 and 2
            "training listeners' code": ((-9 - 9 - 7) / 3 + (-2 - 3 - 2) / 3) / 2,
        }
    )


def test_returns_by_languages_are_named():
    counts = {"True 16": {"3": [-10.0], "14": [-9.0]}, "False 1": {"3": [-18.0]}}
    assert generalisation.by_languages(counts) == {
        "3 languages, symmetries, k = 16": [-10.0],
        "14 languages, symmetries, k = 16": [-9.0],
        "3 languages, no symmetries, k = 1": [-18.0],
    }
