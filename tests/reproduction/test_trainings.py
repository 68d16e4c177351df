"""Jobs side by side, and populations whose failures start again."""

import dataclasses
import os

import numpy as np
import pytest
import torch

from paperlib import embeddings, streams
from paperlib.agents import maddpg
from paperlib.agents.networks import StackedMLP
from reproduction import comparisons, trainings
from reproduction.jobs import run_jobs

TINY = maddpg.Settings(
    num_iterations=2, num_episodes=4, batch_size=8, hidden_size=8, replay_iterations=2
)


def draw(*, seed, progress):
    progress(1)
    return os.getpid(), torch.get_num_threads(), np.random.default_rng(seed).random()


def fail(*, seed, progress):
    if seed == 1:
        raise ValueError(f"seed {seed} is unlucky")


def run(function, num_workers):
    return run_jobs(
        function, [{"seed": seed} for seed in range(3)], num_workers=num_workers, units=3, name=""
    )


def test_results_come_in_order_from_any_number_of_workers():
    alone, together = run(draw, 1), run(draw, 2)
    assert [number for *_, number in alone] == [number for *_, number in together]
    assert {threads for _, threads, _ in alone + together} == {1}
    assert os.getpid() in {pid for pid, *_ in alone}
    assert os.getpid() not in {pid for pid, *_ in together}


@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_error_in_a_job_is_raised(num_workers):
    with pytest.raises(ValueError, match="seed 1 is unlucky"):
        run(fail, num_workers)


def test_no_workers():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        run(draw, 0)


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

    monkeypatch.setattr(maddpg.Learners, "train_iteration", refuse)
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
    job = {
        "dataset": dataset,
        "settings": settings,
        "key": (0,),
        "device": "cpu",
        "path": tmp_path / "r.safetensors",
        "progress": lambda done: None,
    }
    comparisons.learn_to_file(**job)
    first = job["path"].stat().st_mtime_ns
    comparisons.learn_to_file(**job)
    assert job["path"].stat().st_mtime_ns == first
    comparisons.learn_to_file(**{**job, "settings": dataclasses.replace(settings, num_updates=4)})
    assert job["path"].stat().st_mtime_ns != first


def test_a_damaged_representation_is_an_error_and_stays(tmp_path, dataset):
    path = tmp_path / "r.safetensors"
    path.write_bytes(b"nothing of the kind")
    job = {"dataset": dataset, "settings": embeddings.Settings(), "key": (0,), "device": "cpu"}
    with pytest.raises(ValueError, match=r"r\.safetensors is damaged"):
        comparisons.learn_to_file(**job, path=path, progress=lambda done: None)
    assert path.read_bytes() == b"nothing of the kind"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_everything_trains_on_a_gpu(dataset):
    assert population(device="cuda").num_pairs == 4
    settings = embeddings.Settings(num_updates=3)
    generator = streams.make_generator(0, device="cuda")
    model = embeddings.learn(dataset, settings=settings, generator=generator)
    assert model.embed(dataset.to("cuda")).is_cuda
