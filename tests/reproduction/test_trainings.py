"""Populations whose failed pairs start again, and speakers for fixed listeners."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib import embeddings, streams, training
from paperlib.agents import maddpg
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import play
from paperlib.environments.particleworld import ParticleWorld
from paperlib.graphs import InteractionGraph
from paperlib.objectives import Hybrid
from reproduction import comparison_files, trainings
from reproduction.jobs import run_jobs

TINY = maddpg.Settings(
    num_iterations=2, num_episodes=4, batch_size=8, hidden_size=8, replay_iterations=2
)


def population(**changes):
    options = {"num_pairs": 4, "seed": 0, "settings": TINY, "pairs_per_job": 2, "floor": -1e9}
    return trainings.train_population(num_evaluation_episodes=5, **{**options, **changes})


def test_population_is_the_same_on_any_number_of_workers():
    alone, together = population(), population(num_workers=2)
    for one, other in zip(alone.parameters(), together.parameters(), strict=True):
        assert torch.equal(one, other)
    assert alone.provenance == together.provenance
    assert alone.provenance["attempts"] == [1] * 4


def test_only_failed_pairs_start_again_and_are_counted():
    first = population().provenance["selection_returns"]
    floor = float(np.median(first))  # two pairs stay below it
    with pytest.warns(UserWarning, match=r"pairs \[.*\] stay below the floor of .* 1 restarts"):
        again = population(floor=floor, max_restarts=1)
    attempts = np.array(again.provenance["attempts"])
    assert (attempts == np.where(np.array(first) < floor, 2, 1)).all()
    kept = again.provenance["selection_returns"]
    for pair in np.flatnonzero(attempts == 1):
        assert kept[pair] == first[pair]
    assert all(len(curve) == TINY.num_iterations for curve in again.provenance["curves"])


def test_finished_jobs_are_not_done_again(tmp_path, monkeypatch):
    whole = population(folder=tmp_path)

    def refuse(self):
        raise AssertionError("trained again")

    monkeypatch.setattr(maddpg.Learners, "step", refuse)
    again = population(folder=tmp_path)
    for one, other in zip(whole.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_speakers_learn_with_fixed_listeners_in_a_worker(generator):
    listeners = StackedMLP((11, 8, 5), generators=[generator] * 2)
    contexts = torch.randn(3, 2, 4, 6, generator=generator)
    job = {
        "key": (1, 2),
        "settings": TINY,
        "listeners": listeners,
        "contexts": contexts,
        "message_size": 3,
        "dynamics": "mpe2",
        "checkpoint": None,
        "device": "cpu",
    }
    function = trainings.train_speakers
    options = {"num_workers": 2, "units": 1, "name": ""}
    (networks, curves), other = run_jobs(function, [job, job], **options)
    speakers = StackedMLP.from_tensors({n: torch.from_numpy(a) for n, a in networks.items()})
    assert speakers.sizes == (9, 8, 8, 3) and curves.shape == (2, 3)
    assert np.array_equal(curves, other[1])


def test_representations_are_learned_once(tmp_path, dataset, monkeypatch):
    settings = embeddings.Settings(num_updates=3, repetitions=1, embedding_size=4, hidden_size=8)
    dataset.save(tmp_path / "d.safetensors")
    job = {
        "dataset": tmp_path / "d.safetensors",
        "graph": InteractionGraph((0, 1, 2), ((0, 1), (1, 2))),
        "objective": Hybrid(),
        "settings": settings,
        "key": (0,),
        "device": "cpu",
        "path": tmp_path / "r.safetensors",
        "progress": lambda done: None,
    }
    comparison_files.learn_to_file(**job)
    first = job["path"].stat().st_mtime_ns
    comparison_files.learn_to_file(**job)
    assert job["path"].stat().st_mtime_ns == first
    comparison_files.learn_to_file(
        **{**job, "settings": dataclasses.replace(settings, num_updates=4)}
    )
    assert job["path"].stat().st_mtime_ns != first


def test_a_damaged_representation_is_an_error_and_stays(tmp_path, dataset):
    path = tmp_path / "r.safetensors"
    path.write_bytes(b"nothing of the kind")
    dataset.save(tmp_path / "d.safetensors")
    job = {"dataset": tmp_path / "d.safetensors", "settings": embeddings.Settings(), "key": (0,)}
    job |= {
        "graph": InteractionGraph((0, 1, 2), ((0, 1), (1, 2))),
        "objective": Hybrid(),
        "device": "cpu",
    }
    with pytest.raises(ValueError, match=r"r\.safetensors is damaged"):
        comparison_files.learn_to_file(**job, path=path, progress=lambda done: None)
    assert path.read_bytes() == b"nothing of the kind"


def train_population(**options):
    settings = {"num_pairs": 2, "seed": 5, "settings": TINY, "num_evaluation_episodes": 10}
    return trainings.train_population(**settings | options)


def test_pairs_below_the_floor_start_again():
    with pytest.warns(UserWarning, match=r"pairs \[0, 1\] stay below the floor of 0.0, after 1 "):
        population = train_population(floor=0.0, max_restarts=1)  # no return is above 0
    assert population.provenance["attempts"] == [2, 2]
    assert len(population.provenance["curves"][0]) == TINY.num_iterations
    for row in range(2):
        last = maddpg.Learners([streams.make_generator(5, row, 1)], TINY)
        training.run(last, num_iterations=TINY.num_iterations)
        # alone and among others: rounding, as above
        for ours, its in zip(
            population.speakers.rows([row]).parameters(), last.speakers.parameters(), strict=True
        ):
            torch.testing.assert_close(ours, its, rtol=0, atol=1e-5)


def test_pairs_above_the_floor_stay():
    first = train_population(floor=-1e9)
    assert first.provenance["attempts"] == [1, 1]
    returns = first.provenance["selection_returns"]
    middle = train_population(floor=max(returns), max_restarts=1)
    expected = [2 if value == min(returns) else 1 for value in returns]
    assert middle.provenance["attempts"] == expected
    for row, attempts in enumerate(expected):
        same = torch.equal(first.speakers.weights[0][row], middle.speakers.weights[0][row])
        assert same == (attempts == 1)


@pytest.mark.filterwarnings("ignore:pairs .* stay below the floor:UserWarning")
def test_a_population_goes_on_from_its_folder(tmp_path):
    first = train_population(floor=0.0, max_restarts=1, folder=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2
    again = train_population(floor=0.0, max_restarts=1, folder=tmp_path)
    assert first.provenance == again.provenance
    assert all(map(torch.equal, first.parameters(), again.parameters()))


def test_evaluation_plays_new_episodes_of_each_pair():
    learners = maddpg.Learners([streams.make_generator(seed) for seed in (3, 4)], TINY)
    keys = (1, 2), (5, 6)
    generators = [streams.make_generator(*key) for key in keys]
    returns = trainings.evaluate(learners, generators=generators, num_episodes=7)
    assert returns.shape == (2, 7)
    world = ParticleWorld((1, 7), generator=[streams.make_generator(5, 6)])
    alone = play(learners.speakers.rows([1]), learners.listeners.rows([1]), world)
    torch.testing.assert_close(returns[1:], alone.rewards.sum(-1))


def test_a_pair_is_selected_for_itself_alone():
    together, apart = train_population(floor=-1e9), train_population(floor=-1e9, pairs_per_job=1)
    returns = [p.provenance["selection_returns"] for p in (together, apart)]
    assert returns[0] == pytest.approx(returns[1], rel=1e-4)  # rounding, as above
    assert len(set(returns[0])) == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_everything_trains_on_a_gpu(dataset):
    assert population(device="cuda").num_pairs == 4
    settings = embeddings.Settings(num_updates=3)
    generator = streams.make_generator(0, device="cuda")
    model = embeddings.learn(dataset, settings=settings, generator=generator)
    assert model.embed(dataset.to("cuda")).is_cuda
