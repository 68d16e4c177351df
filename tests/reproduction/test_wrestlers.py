"""Training the wrestlers, from parents to children, and the files that it leaves."""

import pytest
import torch

from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from paperlib.streams import Stream, make_generator
from reproduction import training_runs, wrestlers
from reproduction.training_runs import TrainingRun

TINY = Recipe(num_iterations=2, num_rollouts=1, num_envs=8, rollout_length=16, opponent_pool_size=2)
PLAN = {
    run.name: run
    for run in (
        TrainingRun("root", 0, TINY),
        TrainingRun("alone", 1, TINY, ("root",), ("",)),
        TrainingRun("pair", 2, TINY, ("root", "root"), ("", "y")),
        TrainingRun("last", 3, TINY, ("pair-2",), ("",)),
    )
}


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setattr(training_runs, "RUNS", PLAN)


def train(folder, names=tuple(PLAN)):
    wrestlers.train_all(seed=3, folder=folder, num_workers=1, names=names)


def weights(folder, name):
    found, _ = robosumo_policies.load(folder / f"{name}.safetensors")
    return {key: wrestler.state_dict() for key, wrestler in found.items()}


def same(one, other):
    return all(torch.equal(one[k][n], other[k][n]) for k in one for n in one[k])


def test_children_start_from_their_parents(plan, tmp_path):
    train(tmp_path)
    (root,) = weights(tmp_path, "root").values()
    one, other = weights(tmp_path, "pair").values()
    far = weights(tmp_path, "alone")["alone"]
    last = weights(tmp_path, "last")["last"]
    other_weights = Wrestler(generator=make_generator(9)).state_dict()
    reflected = Wrestler.from_state(root).reflected((1, -1)).state_dict()
    name = "network.policy.0.weight"
    for child, parent in ((one, root), (other, reflected), (far, root), (last, other)):
        assert (
            0
            < (child[name] - parent[name]).norm()
            < 0.2 * (other_weights[name] - parent[name]).norm()
        )
    assert not torch.equal(one[name], other[name])


def test_what_is_finished_stays_and_what_was_stopped_goes_on(plan, tmp_path, monkeypatch):
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(whole)
    iterations = 0

    def stop(done):
        nonlocal iterations
        iterations += done
        if iterations == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        wrestlers.train(name="root", seed=3, folder=broken, progress=stop)
    assert (broken / "checkpoints/root.safetensors").exists()
    assert not (broken / "root.safetensors").exists()
    train(broken)
    assert all(same(weights(whole, name), weights(broken, name)) for name in PLAN)
    before = (broken / "alone.safetensors").stat().st_mtime_ns
    train(broken)
    assert (broken / "alone.safetensors").stat().st_mtime_ns == before


def test_files_of_another_seed_are_named_and_left_alone(plan, tmp_path):
    train(tmp_path, names=("root",))
    with pytest.raises(
        ValueError, match=r"root.safetensors is of another training, which differs in key"
    ):
        wrestlers.train(name="root", seed=4, folder=tmp_path)
    (tmp_path / "root.safetensors").unlink()
    with pytest.raises(ValueError, match=r"checkpoints/root.safetensors is of another training"):
        wrestlers.train(name="root", seed=4, folder=tmp_path)


def test_a_missing_parent_is_named(plan, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root.safetensors"):
        wrestlers.train(name="alone", seed=3, folder=tmp_path)
    with pytest.raises(ValueError, match="name must be one of root, alone, pair"):
        wrestlers.train(name="nobody", seed=3, folder=tmp_path)


def test_assembled_with_provenance(plan, tmp_path):
    train(tmp_path)
    population, provenance = wrestlers.assemble(tmp_path)
    assert list(population) == list(provenance) == ["root", "alone", "pair-1", "pair-2", "last"]
    one = provenance["pair-2"]
    per_iteration = 16 * (4 + 2)  # steps, matches of self-play and its own
    assert one["parent"] == "root" and one["learner"] == 1
    assert one["key"] == [3, Stream.WRESTLERS, 2]
    assert one["samples"] == 2 * per_iteration
    assert one["total_samples"] == 2 * per_iteration + 2 * 16 * 12
    assert provenance["last"]["parent"] == "pair-2"
    assert provenance["last"]["total_samples"] == one["total_samples"] + 2 * 16 * 12
    assert len(one["curve"]) == 2 and one["curve"][-1][0] == one["samples"]
    assert set(one) >= {"seconds", "versions", "machine", "training_run"}
