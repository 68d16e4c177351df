"""The plan of the twenty-five wrestlers, their training, and the files that hold them."""

from pathlib import Path

import pytest
import torch

from paperlib import files
from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe
from paperlib.streams import make_generator
from reproduction import wrestlers
from reproduction.wrestlers import ANCESTORS, LINEAGES, MEMBERS, STEADIER, Lineage

TINY = Recipe(num_iterations=2, num_rollouts=1, num_envs=8, rollout_length=16, opponent_pool_size=2)
PLAN = {
    lineage.name: lineage
    for lineage in (
        Lineage("root", 0, TINY),
        Lineage("alone", 1, TINY, ("root",)),
        Lineage("pair", 2, TINY, ("root", "root"), num_learners=2, images=("", "y")),
        Lineage("last", 3, TINY, ("pair-2",)),
    )
}


@pytest.fixture
def plan(monkeypatch):
    monkeypatch.setattr(wrestlers, "LINEAGES", PLAN)


def train(folder, names=tuple(PLAN)):
    wrestlers.train_all(seed=3, folder=folder, num_workers=1, names=names)


def weights(folder, name):
    found, _ = robosumo_policies.load(folder / f"{name}.safetensors")
    return {key: wrestler.state_dict() for key, wrestler in found.items()}


def same(one, other):
    return all(torch.equal(one[k][n], other[k][n]) for k in one for n in one[k])


def test_the_plan_is_of_twenty_five():
    assert len(wrestlers.member_names()) == 25 == len(set(wrestlers.member_names()))
    assert len({lineage.number for lineage in LINEAGES.values()}) == len(LINEAGES)
    assert len(LINEAGES) == len(ANCESTORS) + len(MEMBERS) + len(STEADIER)
    assert all(lineage.name in wrestlers.member_names() for lineage in STEADIER)
    known = set()
    for lineage in LINEAGES.values():  # parents come before their children
        assert len(lineage.parents) in (0, lineage.num_learners) and known.issuperset(
            lineage.parents
        )
        known.update(lineage.wrestlers())


def test_the_plan_has_self_play_and_pairs_in_many_styles():
    recipes = {(lineage.recipe.rewards, lineage.parents, lineage.images) for lineage in MEMBERS}
    assert len(recipes) == len(MEMBERS)
    assert {lineage.num_learners for lineage in MEMBERS} == {1, 2}
    assert len({lineage.recipe.min_action_std for lineage in MEMBERS}) > 1


def test_descent():
    assert wrestlers.descent("c") == ("c", "") and wrestlers.descent("self-hasty-e") == ("e", "")
    assert wrestlers.descent("self-balanced-c-steady") == ("c", "")  # by its heir and its draft
    assert wrestlers.descent("self-distant-dy") == ("d", "y")
    assert wrestlers.descent("pair-toppler-gx-fy-2") == ("f", "y")


def test_images_of_images(monkeypatch):
    child = Lineage("child", 90, TINY, ("self-distant-dy",), images=("xy",))
    monkeypatch.setattr(wrestlers, "LINEAGES", LINEAGES | {"child": child})
    assert wrestlers.descent("child") == ("d", "x")


def test_every_image_of_every_ancestor_is_there():
    assert len({wrestlers.descent(name) for name in wrestlers.member_names()}) == 20


def test_children_start_from_their_parents(plan, tmp_path):
    train(tmp_path)
    (root,) = weights(tmp_path, "root").values()
    one, other = weights(tmp_path, "pair").values()
    far = weights(tmp_path, "alone")["alone"]
    last = weights(tmp_path, "last")["last"]
    stranger = Wrestler(generator=make_generator(9)).state_dict()
    mirrored = Wrestler.from_state(root).reflected((1, -1)).state_dict()
    name = "network.policy.0.weight"
    for child, parent in ((one, root), (other, mirrored), (far, root), (last, other)):
        assert (
            0 < (child[name] - parent[name]).norm() < 0.2 * (stranger[name] - parent[name]).norm()
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
    with pytest.raises(ValueError, match=r"root.safetensors is of another seed"):
        wrestlers.train(name="root", seed=4, folder=tmp_path)
    (tmp_path / "root.safetensors").unlink()
    with pytest.raises(ValueError, match=r"checkpoints/root.safetensors is of another seed"):
        wrestlers.train(name="root", seed=4, folder=tmp_path)


def test_a_missing_parent_is_named(plan, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"root.safetensors"):
        wrestlers.train(name="alone", seed=3, folder=tmp_path)
    with pytest.raises(ValueError, match="name must be one of root, alone, pair"):
        wrestlers.train(name="nobody", seed=3, folder=tmp_path)


def test_command_line(tmp_path, capsys):
    with pytest.raises(SystemExit, match=r"error: .*a.safetensors: no such file"):
        wrestlers.main(["c", "--folder", str(tmp_path)])
    with pytest.raises(SystemExit):
        wrestlers.main(["nobody", "--folder", str(tmp_path)])
    assert "invalid choice: 'nobody'" in capsys.readouterr().err


def test_assembled_with_provenance(plan, tmp_path):
    train(tmp_path)
    population, provenance = wrestlers.assemble(tmp_path)
    assert list(population) == list(provenance) == ["root", "alone", "pair-1", "pair-2", "last"]
    one = provenance["pair-2"]
    per_chapter = 16 * (4 + 2)  # steps, mutual matches and its own
    assert one["parent"] == "root" and one["learner"] == 1 and one["key"] == [3, 2]
    assert one["samples"] == 2 * per_chapter
    assert one["samples_with_ancestors"] == 2 * per_chapter + 2 * 16 * 12
    assert provenance["last"]["parent"] == "pair-2"
    assert (
        provenance["last"]["samples_with_ancestors"] == one["samples_with_ancestors"] + 2 * 16 * 12
    )
    assert len(one["curve"]) == 2 and one["curve"][-1][0] == one["samples"]
    assert set(one) >= {"seconds", "versions", "machine", "lineage"}


def test_shipped_wrestlers_are_of_the_plan():
    found, provenance = robosumo_policies.load(wrestlers.SHIPPED)
    assert {name for x in LINEAGES.values() for name in x.wrestlers()} == set(found)
    for name, told in provenance.items():
        lineage = LINEAGES[told["lineage"]]
        assert name in lineage.wrestlers() and told["key"] == [0, lineage.number]
        assert len(told["curve"]) == lineage.recipe.num_iterations
        action_std = found[name].network.log_std.exp().min().item()
        assert action_std >= lineage.recipe.min_action_std - 1e-6
    assert wrestlers.SHIPPED.stat().st_size < 5e6
    assert (Path(wrestlers.SHIPPED).parent / "README.md").exists()


def two():
    return {name: Wrestler(generator=make_generator(k)) for k, name in enumerate(("x", "y"))}


def test_wrestlers_come_back_as_they_were(tmp_path):
    saved = two()
    robosumo_policies.save(tmp_path / "w.safetensors", saved, {"from": "a test"})
    found, provenance = robosumo_policies.load(tmp_path / "w.safetensors")
    assert list(found) == ["x", "y"] and provenance == {"from": "a test"}
    states = [{k: w.state_dict() for k, w in part.items()} for part in (saved, found)]
    assert same(*states)


def test_damaged_wrestlers_are_noticed(tmp_path):
    path = tmp_path / "w.safetensors"
    robosumo_policies.save(path, two(), {})
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        robosumo_policies.load(path)


def test_wrestlers_of_another_robot(tmp_path):
    bug = {"x": Wrestler("bug", generator=make_generator(0))}
    robosumo_policies.save(tmp_path / "w.safetensors", bug, {})
    with pytest.raises(ValueError, match="holds wrestlers of robot 'bug', not 'ant'"):
        robosumo_policies.load(tmp_path / "w.safetensors")
    assert robosumo_policies.load(tmp_path / "w.safetensors", robot="bug")[0]["x"].robot == "bug"


def test_wrestlers_of_another_shape():
    state = dict(Wrestler(generator=make_generator(0)).state_dict())
    state["network.policy.4.weight"] = torch.zeros(9, 64)
    with pytest.raises(
        ValueError, match=r"policy.4.weight should have the shape \(8, 64\), and has"
    ):
        Wrestler.from_state(state)
    with pytest.raises(ValueError, match="is no wrestler"):
        Wrestler.from_state({})
    wide = Wrestler(generator=make_generator(0), hidden_size=16)
    assert Wrestler.from_state(wide.state_dict()).network.policy[0].out_features == 16


def test_other_files_are_no_wrestlers(tmp_path):
    files.save_tensors(tmp_path / "w.safetensors", {"x": torch.zeros(1)}, {"a": 1})
    with pytest.raises(ValueError, match="holds no wrestlers"):
        robosumo_policies.load(tmp_path / "w.safetensors")
