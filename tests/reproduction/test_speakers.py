"""Table 3's speakers: what they are given, and how they are evaluated."""

import dataclasses

import pytest
import torch

from paperlib import graphs, metrics, streams
from paperlib.agents import maddpg, populations
from paperlib.agents.networks import StackedMLP
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.streams import make_generator
from reproduction import speakers, trainings
from reproduction.comparisons import METHODS
from reproduction.speakers import CONSTANT, SPEAKERS, SWAPPED

SIZE = 4  # pairs


@pytest.fixture(scope="module")
def task():
    """Two training listeners and one test listener of a population of random networks."""
    generators = [make_generator(k) for k in range(SIZE)]
    population = populations.Population(
        StackedMLP((3, 8, 2), generators=generators),
        StackedMLP((10, 8, 5), generators=generators),
        provenance={"dynamics": "mpe2"},
    )
    graph = graphs.InteractionGraph.bipartite(SIZE, SIZE)
    collect = [
        populations.collect(population, graph, num_episodes=2, generator=make_generator(9, k))
        for k in range(2)
    ]
    sides = [range(SIZE), range(SIZE, 2 * SIZE)]
    split = graphs.strong_split(
        graph, num_validation=1, num_test=1, sides=sides, generator=make_generator(3)
    )
    settings = Settings(embedding_size=3, hidden_size=8, policy_hidden_size=8)
    encoders = {
        m: PolicyEmbedder(10, 5, settings=settings, generator=make_generator(5)) for m in METHODS
    }
    return speakers.Task(6, population, split, *collect, encoders, episode_counts=[1, 2])


def test_listeners_of_a_part(task):
    assert task.num_training_listeners == 2
    ids = [agent - SIZE for agent in task.split.train.agents if agent >= SIZE]
    expected = task.population.listeners.rows(ids)
    assert torch.equal(task.listeners("train").weights[0], expected.weights[0])
    assert len(task.listeners("test").biases[0]) == 1


def test_embeddings_have_one_mean_and_scale(task):
    train = task.dataset.on_edges(task.split.train)
    alone = dataclasses.replace(task, episode_counts=[4])  # all episodes of a listener
    found = alone.averages("Emb-Im", train, num_averages=3)
    assert found.shape == (2, 1, 3, 3)
    torch.testing.assert_close(found.mean(0), torch.zeros(1, 3, 3), atol=1e-5, rtol=0)
    embedded = task.encoders["Emb-Im"].embed(train)
    mean = embedded[train.agents == train.agents.min()].mean(0) - embedded.mean(0)
    torch.testing.assert_close(found[0, 0, 0], mean / embedded.std(0).mean())


def test_each_count_draws_its_own_episodes(task):
    train = task.dataset.on_edges(task.split.train)
    embedded = task.encoders["Emb-Im"].embed(train)
    found = task.averages("Emb-Im", train, num_averages=3)
    for index, count in enumerate(task.episode_counts):
        expected = metrics.average_episodes(
            (embedded - embedded.mean(0)) / embedded.std(0).mean(),
            train.agents,
            num_episodes=count,
            num_averages=3,
            generator=make_generator(6, streams.Stream.TABLE_3_AVERAGES, count),
        )
        assert torch.equal(found[:, index], expected)


def test_what_each_speaker_is_given(task):
    contexts = task.contexts("train", num_averages=3)
    assert contexts.shape == (len(SPEAKERS), 2, 2, 3, SIZE)  # an identity takes four numbers
    given = dict(zip(SPEAKERS, contexts, strict=True))
    assert (given["no embedding"] == 0).all() and (given["zeros"] == 0).all()
    noise = given["random"]
    assert torch.equal(noise[0], noise[1]) and len(noise[0].flatten(0, 1).unique(dim=0)) == 6
    for listener in range(2):
        assert (given["oracle"][listener] == torch.eye(SIZE)[listener]).all()
    averages = task.averages("Emb-Id", task.dataset.on_edges(task.split.train), num_averages=3)
    assert torch.equal(given["Emb-Id"][..., :3], averages) and (given["Emb-Id"][..., 3] == 0).all()


def test_the_oracle_knows_training_listeners_only(task):
    oracle = SPEAKERS.index("oracle")
    assert (task.contexts("test", num_averages=3)[oracle] == 0).all()


def test_new_episodes_give_other_embeddings_alone(task):
    old, new = (task.contexts("train", num_averages=3, new_episodes=new) for new in (False, True))
    same = [torch.equal(a, b) for a, b in zip(old, new, strict=True)]
    assert same == [name not in METHODS for name in SPEAKERS]


def test_speakers_train_and_are_evaluated(task, tmp_path):
    settings = maddpg.Settings(num_iterations=1, num_episodes=2, batch_size=8, hidden_size=8)
    job = task.training(
        settings=settings,
        averages_per_count=3,
        checkpoint=tmp_path / "c.safetensors",
        device="cpu",
    )
    assert job["contexts"].shape == (len(SPEAKERS), 2, 6, SIZE)
    assert job["key"] == (6, streams.Stream.TABLE_3_SPEAKERS)
    networks, curves = trainings.train_speakers(**job, progress=lambda done: None)
    assert curves.shape == (1, len(SPEAKERS))
    for part in ("train", "test"):
        found = task.evaluate(networks, part, num_episodes=48)
        assert list(found) == [*SPEAKERS, SWAPPED, CONSTANT]
        assert all(len(found[name]) == 2 for name in SPEAKERS) and len(found[CONSTANT]) == 1
    assert task.evaluate(networks, "test", num_episodes=48) == found


def test_the_swapped_speaker_is_given_another_listeners_embedding(task, monkeypatch):
    played = []

    def spy(stack, listeners, *, contexts, **options):
        played.append((stack, contexts))
        return torch.zeros(len(contexts), contexts.shape[1], 1)

    monkeypatch.setattr(speakers.populations, "cross_play", spy)
    generators = [make_generator(k) for k in range(len(SPEAKERS))]
    stack = StackedMLP((3 + SIZE, 8, 2), generators=generators)
    networks = {name: tensor.numpy() for name, tensor in stack.state_dict().items()}
    task.evaluate(networks, "train", num_episodes=48)
    expected = task.contexts("train", num_averages=speakers.NUM_VECTORS, new_episodes=True)
    hybrid = SPEAKERS.index("Emb-Hyb")
    for index, (used, contexts) in enumerate(played):
        assert torch.equal(contexts[:-1], expected[:, :, index])
        assert torch.equal(contexts[-1], contexts[hybrid].flip(0))  # of two listeners
        assert torch.equal(used.weights[0][-1], stack.weights[0][hybrid])
    assert len(played) == 2


def test_returns_without_embedding_do_not_depend_on_the_count():
    measured = {"train Emb-Im": [[1.0, 2.0], [3.0, 4.0]], "train zeros": [[1.0, 2.0], [3.0, 5.0]]}
    assert speakers.returns_by_count(measured, [1, 16]) == {
        "train Emb-Im, k = 1": [1.0, 3.0],
        "train Emb-Im, k = 16": [2.0, 4.0],
        "train zeros, k = 1": [1.5, 4.0],
        "train zeros, k = 16": [1.5, 4.0],
    }
