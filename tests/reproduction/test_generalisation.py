"""Speakers for unseen listeners: who learns with whom, and how they are judged."""

import dataclasses
from pathlib import Path

import pytest
import torch

from paperlib.agents import symmetries
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder
from paperlib.streams import make_generator
from reproduction import generalisation, sources
from reproduction.generalisation import Cell, WordDirections

PAIRS = 6
QUICK = Cell(pretraining_updates=3, num_updates=4, hidden_size=8)
EVALUATION = {"episode_counts": [1, 3], "num_word_episodes": 48, "num_speaker_updates": 10}


@pytest.fixture(scope="module")
def populations():
    """Two of random networks."""
    return [
        Population(
            *(
                StackedMLP(sizes, generators=[make_generator(n, seed, k) for k in range(PAIRS)])
                for seed, sizes in enumerate([(3, 8, 2), (10, 8, 5)])
            ),
            provenance={"dynamics": "mpe2"},
        )
        for n in (0, 1)
    ]


@pytest.fixture
def task(populations):
    return generalisation.make_task(3, populations=populations, num_validation=2, num_test=2)


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


def test_images_are_numbered_channel_by_channel(task):
    """Row n of the relabelled returns is agent n of the episodes."""
    (source,) = task.sources
    channels = symmetries.channel_symmetries(2)[:3]
    found = source.collect(channels, num_episodes=1, generator=make_generator(1))
    count = len(source.pairs)
    assert found.agents.unique().tolist() == [*range(3 * count)]
    assert found.agents.bincount().tolist() == [count] * (3 * count)  # one for each speaker
    both = sources.collect([source, source], symmetric=True, generator=make_generator(1))
    assert both.agents.unique().tolist() == [*range(2 * 8 * count)]
    assert both.agents.bincount().min() >= sources.EPISODES_PER_IMAGE


def test_contexts_are_of_different_episodes_of_one_agent(dataset, generator):
    observations = torch.arange(len(dataset)).view(-1, 1, 1).float()
    episodes = InteractionDataset.from_arrays(
        observations.numpy(), [[0]] * len(dataset), dataset.agents.numpy(), num_actions=2
    )

    class Numbers(torch.nn.Module):
        def forward(self, observations, actions, step_weights):
            one_hot = torch.nn.functional.one_hot(observations[..., 0].long(), len(dataset))
            return one_hot.sum(-2).float()

    model = PolicyEmbedder(1, 2, encoder=Numbers(), generator=generator)
    agents = torch.tensor([2, 0])
    options = {"num_episodes": 2, "num_contexts": 5, "generator": generator}
    found = sources.contexts(model, episodes, agents=agents, **options)
    assert found.shape == (2, 5, len(dataset)) and (found.sum(-1) == 2).all() and found.max() == 1
    for own, agent in zip(found, (2, 0), strict=True):
        assert set(dataset.agents[own.sum(0) > 0].tolist()) == {agent}


def test_word_directions_by_hand():
    """On word 1 right towards landmark 0, on word 2 up, away from it, once each."""
    observations = torch.zeros(3, 10)
    observations[:, 2:4] = torch.tensor([[2.0, 0.0], [0.0, -3.0], [0.0, 0.0]])  # landmark 0
    observations[0, 8:] = torch.tensor([1.0, 0.0])
    observations[1, 8:] = torch.tensor([0.0, 1.0])
    actions = torch.eye(5)[[2, 4, 0]]  # right, up, nothing
    found = WordDirections()(observations, actions, torch.ones(3)).unflatten(-1, (4, 3))
    expected = torch.zeros(4, 3)
    expected[1, 0], expected[2, 0] = 1 / 3, -1 / 3  # sums over steps / (1 + 2)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("encoder", ["mean-MLP", "gated pooling"])
@pytest.mark.parametrize("symmetric", [False, True])
def test_a_cell_is_learned_once_and_evaluated(task, encoder, symmetric, tmp_path):
    cell = QUICK._replace(encoder=encoder, symmetric=symmetric)
    job = task.job("cell", cell, folder=tmp_path, **EVALUATION)
    found = generalisation.run_cell(**job, progress=lambda done: None)
    assert len(found["unseen"]) == len(found["training"]) == 2 and len(found["losses"]) == 7
    written = job["path"].stat().st_mtime_ns
    again = generalisation.run_cell(**job, progress=lambda done: None)
    assert job["path"].stat().st_mtime_ns == written
    assert {**found, "seconds": 0} == {**again, "seconds": 0}
    job["cell"] = cell._replace(num_updates=5)
    generalisation.run_cell(**job, progress=lambda done: None)
    assert job["path"].stat().st_mtime_ns != written


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


def test_references_do_not_depend_on_embeddings(task):
    found = task.references(num_word_episodes=48)
    assert found["oracle"] > found["one code"] - 3 and found["one code"] < 0
    assert dataclasses.replace(task, sources=task.others).references(num_word_episodes=48) != found
