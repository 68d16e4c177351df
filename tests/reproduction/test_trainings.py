"""Populations whose failed pairs start again, and speakers for fixed listeners."""

import numpy as np
import pytest
import torch

from paperlib import embeddings, streams, training
from paperlib.agents import maddpg
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import play
from paperlib.environments.particleworld import ParticleWorld
from reproduction import trainings
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
    before = population()
    first = before.provenance["selection_returns"]
    floor = float(np.median(first))  # two pairs stay below it
    with pytest.warns(UserWarning, match=r"pairs \[.*\] stay below the floor of .* 1 restarts"):
        again = population(floor=floor, max_restarts=1)
    attempts = np.array(again.provenance["attempts"])
    assert (attempts == np.where(np.array(first) < floor, 2, 1)).all()
    kept = again.provenance["selection_returns"]
    for pair, attempt in enumerate(attempts):
        one, other = (found.speakers.weights[0][pair] for found in (before, again))
        assert (kept[pair] == first[pair]) == torch.equal(one, other) == (attempt == 1)
    assert all(len(curve) == TINY.num_iterations for curve in again.provenance["curves"])


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


def test_pairs_below_the_floor_start_again():
    with pytest.warns(UserWarning, match=r"pairs \[0, 1\] stay below the floor of 0.0, after 1 "):
        found = population(num_pairs=2, floor=0.0, max_restarts=1)  # no return is above 0
    assert found.provenance["attempts"] == [2, 2]
    assert len(found.provenance["curves"][0]) == TINY.num_iterations
    for row in range(2):
        last = maddpg.Learners([streams.make_generator(0, row, 1)], TINY)
        training.run(last, num_iterations=TINY.num_iterations)
        # sums are rounded differently alone and among others
        for ours, its in zip(
            found.speakers.rows([row]).parameters(), last.speakers.parameters(), strict=True
        ):
            torch.testing.assert_close(ours, its, rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore:pairs .* stay below the floor:UserWarning")
def test_finished_jobs_are_not_done_again(tmp_path, monkeypatch):
    options = {"num_pairs": 2, "floor": 0.0, "max_restarts": 1, "folder": tmp_path}
    first = population(**options)
    assert len(list(tmp_path.iterdir())) == 2

    def refuse(self):
        raise AssertionError("trained again")

    monkeypatch.setattr(maddpg.Learners, "step", refuse)
    again = population(**options)
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
    together, apart = population(num_pairs=2), population(num_pairs=2, pairs_per_job=1)
    returns = [p.provenance["selection_returns"] for p in (together, apart)]
    assert returns[0] == pytest.approx(returns[1], rel=1e-4)  # but for rounding
    assert len(set(returns[0])) == 2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_everything_trains_on_a_gpu(dataset):
    assert population(device="cuda").num_pairs == 4
    settings = embeddings.Settings(num_updates=3)
    generator = streams.make_generator(0, device="cuda")
    model = embeddings.learn(dataset, settings=settings, generator=generator)
    assert model.embed(dataset.to("cuda")).is_cuda
