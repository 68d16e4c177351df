"""Table 3's speakers: what they are given, and how they are evaluated."""

import dataclasses

import pytest
import torch

from paperlib import graphs
from paperlib.agents import maddpg, populations
from paperlib.agents.networks import StackedMLP
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.streams import make_generator
from reproduction import speakers, trainings
from reproduction.comparison_files import METHODS, encoder_path
from reproduction.listeners import ListenerRun
from reproduction.speakers import BY_MADDPG, CODE, CONSTANT, SPEAKERS, SWAPPED
from reproduction.streams import Stream

SIZE = 4  # pairs
shares_exact_training = pytest.mark.xdist_group("exact speakers")


@pytest.fixture(scope="module")
def run():
    """Two training listeners and one test listener of a population of random networks."""
    generators = [make_generator(k) for k in range(SIZE)]
    population = populations.Population(
        StackedMLP((3, 8, 2), generators=generators),
        StackedMLP((10, 8, 5), generators=generators),
        provenance={"dynamics": "mpe2"},
    )
    graph = graphs.InteractionGraph.bipartite(SIZE, SIZE)
    sides = [range(SIZE), range(SIZE, 2 * SIZE)]
    split = graphs.strong_split(
        graph, num_validation=1, num_test=1, sides=sides, generator=make_generator(3)
    )
    dataset = populations.collect(population, graph, num_episodes=2, generator=make_generator(9))
    return ListenerRun(population, dataset, {"strong": split})


@pytest.fixture(scope="module")
def encoders(run, tmp_path_factory):
    """The folder where Table 2 left the encoders of the run."""
    folder = tmp_path_factory.mktemp("encoders")
    settings = Settings(embedding_size=3, hidden_size=8, policy_hidden_size=8)
    edges = [list(edge) for edge in run.splits["strong"].train.edges]
    for method in METHODS:
        model = PolicyEmbedder(10, 5, settings=settings, generator=make_generator(5))
        model.source = {"data": run.dataset.checksum(), "edges": edges}
        model.save(encoder_path(folder, "strong", method, 6))
    return folder


@pytest.fixture(scope="module")
def task(run, encoders):
    return speakers.make_task(6, run, encoders=encoders, num_new_episodes=2, episode_counts=[1, 2])


def test_encoders_that_saw_other_listeners_are_refused(run, encoders):
    options = {"encoders": encoders, "num_new_episodes": 2, "episode_counts": [1, 2]}
    split = run.splits["strong"]
    swapped = dataclasses.replace(split, train=split.test, test=split.train)
    refused = r"strong_Emb-Im_6\.safetensors learned from other agents or edges .* table_2 again"
    with pytest.raises(ValueError, match=refused):
        speakers.make_task(6, dataclasses.replace(run, splits={"strong": swapped}), **options)


def test_listeners_of_a_part(task):
    assert task.num_training_listeners == 2
    ids = [agent - SIZE for agent in task.split.train.agents if agent >= SIZE]
    expected = task.population.listeners.rows(ids)
    assert torch.equal(task.listeners("train").weights[0], expected.weights[0])
    assert len(task.listeners("test").biases[0]) == 1


def test_embeddings_have_one_mean_and_scale(task):
    train = task.episodes["train"]
    alone = dataclasses.replace(task, episode_counts=[4])  # all episodes of a listener
    found = alone.averages("Emb-Im", "train", num_averages=3)
    assert found.shape == (2, 1, 3, 3)
    torch.testing.assert_close(found.mean(0), torch.zeros(1, 3, 3), atol=1e-5, rtol=0)
    embedded = task.encoders["Emb-Im"].embed(train)
    mean = embedded[train.agents == train.agents.min()].mean(0) - embedded.mean(0)
    torch.testing.assert_close(found[0, 0, 0], mean / embedded.std(0).mean())


def test_each_count_draws_its_own_episodes(task):
    found = task.averages("Emb-Im", "train", num_averages=3)
    for index, count in enumerate(task.episode_counts):
        alone = dataclasses.replace(task, episode_counts=[count])
        assert torch.equal(found[:, [index]], alone.averages("Emb-Im", "train", num_averages=3))
    assert not torch.equal(found[:, 0], found[:, 1])


def test_what_each_speaker_is_given(task):
    contexts = task.contexts("train", num_averages=3)
    assert contexts.shape == (len(SPEAKERS), 2, 2, 3, SIZE)  # an identity takes four numbers
    given = dict(zip(SPEAKERS, contexts, strict=True))
    assert (given["no embedding"] == 0).all() and (given["zeros"] == 0).all()
    noise = given["random"]
    assert torch.equal(noise[0], noise[1]) and len(noise[0].flatten(0, 1).unique(dim=0)) == 6
    for listener in range(2):
        assert (given["oracle"][listener] == torch.eye(SIZE)[listener]).all()
    averages = task.averages("Emb-Id", "train", num_averages=3)
    assert torch.equal(given["Emb-Id"][..., :3], averages) and (given["Emb-Id"][..., 3] == 0).all()


def test_the_oracle_knows_training_listeners_only(task):
    oracle = SPEAKERS.index("oracle")
    assert (task.contexts("test", num_averages=3)[oracle] == 0).all()


def test_new_episodes_give_other_embeddings_alone(task):
    old, new = (task.contexts(episodes, num_averages=3) for episodes in ("train", "new"))
    same = [torch.equal(a, b) for a, b in zip(old, new, strict=True)]
    assert same == [name not in METHODS for name in SPEAKERS]


def test_maddpgs_speakers_train_and_are_evaluated(task, tmp_path):
    settings = maddpg.Settings(num_iterations=1, num_episodes=2, batch_size=8, hidden_size=8)
    job = task.by_maddpg(
        settings=settings,
        averages_per_count=3,
        checkpoint=tmp_path / "c.safetensors",
        device="cpu",
    )
    assert job["contexts"].shape == (len(BY_MADDPG), 2, 6, SIZE)
    assert job["key"] == (6, Stream.TABLE_3_SPEAKERS)
    networks, curves = trainings.train_speakers(**job, progress=lambda done: None)
    assert curves.shape == (1, len(BY_MADDPG))
    for part in ("train", "test"):
        found = task.evaluate_maddpg(networks, part, num_episodes=8)
        assert list(found) == [f"{name}, MADDPG" for name in BY_MADDPG]
        assert all(len(numbers) == 2 for numbers in found.values())
    assert task.evaluate_maddpg(networks, "test", num_episodes=8) == found


EXACT = {"averages_per_count": 3, "num_updates": 5, "num_word_episodes": 48, "num_without": 2}


@pytest.fixture(scope="module")
def found(task):
    options = {**EXACT, "num_updates": 200, "num_word_episodes": 3000, "num_check_episodes": 4000}
    return speakers.train_exactly(task=task, **options, progress=lambda done: None)


@shares_exact_training
def test_every_speaker_is_judged_with_known_and_unseen_listeners(found):
    for part in ("train", "test"):
        names = (*SPEAKERS, SWAPPED)
        assert all(len(found[f"{part} {name}"]) == 2 for name in names)
        assert len(found[f"{part} {CONSTANT}"]) == len(found[f"{part} {CODE}"]) == 1


@shares_exact_training
def test_the_oracle_reaches_the_best_messages_and_no_embedding_the_best_code(found):
    """With training listeners. Messages are chosen on half of the episodes that judge speakers."""
    assert found["train oracle"][1] == pytest.approx(found[f"train {CONSTANT}"][0], abs=1.5)
    assert found["train no embedding"][0] == pytest.approx(found[f"train {CODE}"][0], abs=1.5)
    assert found["train oracle"][1] >= max(found["train no embedding"]) - 0.1


@shares_exact_training
def test_real_episodes_bring_what_the_table_says(found):
    assert abs(found["check"][0]) < 2  # of a table of few episodes


def test_exact_training_depends_on_its_task_alone(task):
    options = {**EXACT, "num_check_episodes": 3, "progress": lambda done: None}
    one, again = (speakers.train_exactly(task=task, **options) for _ in range(2))
    assert one == again
    other = speakers.train_exactly(task=dataclasses.replace(task, seed=7), **options)
    assert other != one


def test_returns_that_do_not_depend_on_the_count():
    measured = {"train Emb-Im": [[1.0, 2.0], [3.0, 4.0]], "test best": [[1.0], [3.0]]}
    assert speakers.returns_by_count(measured, [1, 16]) == {
        "train Emb-Im, k = 1": [1.0, 3.0],
        "train Emb-Im, k = 16": [2.0, 4.0],
        "test best, k = 1": [1.0, 3.0],
        "test best, k = 16": [1.0, 3.0],
    }
