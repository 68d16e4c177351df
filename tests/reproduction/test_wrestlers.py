"""Training the wrestlers, and the files that it leaves."""

import pytest
import torch

from paperlib.agents import robosumo_policies
from paperlib.agents.selfplay import Recipe
from reproduction import training_runs, wrestlers
from reproduction.streams import Stream
from reproduction.training_runs import TrainingRun

TINY = Recipe(
    num_iterations=2,
    num_rollouts=1,
    num_envs=8,
    rollout_length=16,
    opponent_pool_size=2,
    symmetries="all",
)
PLAN = {
    run.name: run
    for run in (TrainingRun("alone", 0, TINY, "calm"), TrainingRun("pair", 1, TINY, pair=True))
}


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setattr(training_runs, "RUNS", PLAN)


def weights(folder, name):
    found, _ = robosumo_policies.load(folder / f"{name}.safetensors")
    return {key: wrestler.state_dict() for key, wrestler in found.items()}


def same(one, other):
    return all(torch.equal(one[k][n], other[k][n]) for k in one for n in one[k])


def test_what_is_finished_stays_and_what_was_stopped_goes_on(plan, tmp_path):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    wrestlers.train_all(seed=3, folder=whole, num_workers=1)
    iterations = 0

    def stop(done):
        nonlocal iterations
        iterations += done
        if iterations == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wrestlers.train(name="pair", seed=3, folder=broken, progress=stop)
    assert (broken / "checkpoints/pair.safetensors").exists()
    assert not (broken / "pair.safetensors").exists()
    wrestlers.train_all(seed=3, folder=broken, num_workers=1)
    assert all(same(weights(whole, name), weights(broken, name)) for name in PLAN)
    before = (broken / "alone.safetensors").stat().st_mtime_ns
    wrestlers.train_all(seed=3, folder=broken, num_workers=1)
    assert (broken / "alone.safetensors").stat().st_mtime_ns == before


def test_files_of_another_seed_are_named_and_left_alone(plan, tmp_path):
    wrestlers.train(name="alone", seed=3, folder=tmp_path)
    with pytest.raises(
        ValueError, match=r"alone.safetensors is of another training, which differs in key"
    ):
        wrestlers.train(name="alone", seed=4, folder=tmp_path)
    (tmp_path / "alone.safetensors").unlink()
    with pytest.raises(ValueError, match=r"checkpoints/alone.safetensors is of another training"):
        wrestlers.train(name="alone", seed=4, folder=tmp_path)


def test_an_unknown_run_is_refused_before_anything_is_written(plan, tmp_path):
    with pytest.raises(ValueError, match="name must be one of alone, pair"):
        wrestlers.train(name="nobody", seed=3, folder=tmp_path)
    assert not list(tmp_path.iterdir())


def test_assembled_with_provenance_and_one_noise(plan, tmp_path):
    wrestlers.train_all(seed=3, folder=tmp_path, num_workers=1)
    population, provenance = wrestlers.assemble(tmp_path)
    assert list(population) == list(provenance) == ["alone", "pair-1", "pair-2"]
    one, trained = provenance["pair-2"], weights(tmp_path, "pair")["pair-2"]
    assert one["training_run"] == "pair" and one["learner"] == 1
    assert one["key"] == [3, Stream.WRESTLERS, 1]
    assert one["samples"] == 2 * 16 * (4 + 2)  # steps, matches of self-play and its own
    assert len(one["curve"]) == 2 and one["curve"][-1][0] == one["samples"]
    assert set(one) >= {"seconds", "versions", "machine"}
    assert provenance["alone"]["style"] == "calm"
    assert provenance["alone"]["samples"] == 2 * 16 * (4 + 8)
    for name, tensor in population["pair-2"].state_dict().items():
        if name == "network.log_std":
            assert tensor.exp().tolist() == pytest.approx([wrestlers.ACTION_STD] * 8)
        else:
            assert torch.equal(tensor, trained[name])
