"""New policies that condition on embeddings: their training, evaluation and files."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib import policy_optimisation, wrestlers
from paperlib.embeddings import Representation, Settings
from paperlib.policy_optimisation import evaluate, make_informant, optimise
from paperlib.streams import make_generator
from paperlib.wrestlers import Wrestler
from paperlib.wrestling import Recipe

RECIPE = Recipe(
    num_chapters=2,
    num_rounds=1,
    num_matches=4,
    num_steps=30,
    mutual_share=0.0,
    still_share=0.0,
    random_share=0.0,
    rival_share=1.0,
)
STATES = [Wrestler(generator=make_generator(k)).state_dict() for k in range(4)]
GROUPS = {"train": [2, 0], "test": [1, 3]}


@pytest.fixture
def known(tmp_path, generator):
    settings = Settings(embedding_size=6, hidden_size=5, likelihood="gaussian")
    path = tmp_path / "encoder.safetensors"
    Representation(120, 8, settings, generator=generator).save(path)
    embeddings, offline = torch.randn(2, 9, 6, generator=generator)
    shared = {"context_size": 6, "embeddings": embeddings, "offline": offline[:4], "model": path}
    return {kind: {"kind": kind, **shared} for kind in ("online", "offline", "zeros")}


def run(knowledge, folder, **changes):
    options = {
        "name": f"{knowledge['kind']} 0",
        "key": (1,),
        "recipe": RECIPE,
        "start": Wrestler(generator=make_generator(9)).state_dict(),
        "states": STATES,
        "groups": GROUPS,
        "num_games": 2,
        "num_last_games": 2,
    }
    return optimise(knowledge=knowledge, folder=folder, **options | changes)


def test_what_is_known_is_of_the_chosen_opponents(known):
    told = make_informant(known["offline"], 3, [3, 1])
    scale = known["offline"]["embeddings"].std(0)
    shift = known["offline"]["embeddings"].mean(0)
    torch.testing.assert_close(told.table * scale + shift, known["offline"]["offline"][[3, 1]])


def test_a_policy_is_trained_and_judged_before_and_after_each_chapter(known, tmp_path):
    curve = run(known["online"], tmp_path)
    assert [point["chapter"] for point in curve] == [0, 1, 2]
    assert [point["samples"] for point in curve] == [0, 120, 240]
    for point in curve:
        for group in GROUPS:
            assert len(point[group]) == 2
            assert all(sum(share.values()) == pytest.approx(1) for share in point[group])
    (learner,), provenance = (
        part.values() if isinstance(part, dict) and "online 0" in part else part
        for part in wrestlers.load(tmp_path / "online 0.safetensors")
    )
    assert learner.context_size == 6 and provenance["curve"] == curve


def stopped(knowledge, folder, after):
    count = 0

    def stop(done):
        nonlocal count
        count += 1
        if count > after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(knowledge, folder, report=stop)


@pytest.mark.parametrize("kind", ["online", "zeros"])
def test_stopped_and_taken_up_again(known, tmp_path, kind):
    whole = run(known[kind], tmp_path / "whole")
    stopped(known[kind], tmp_path / "broken", after=2)
    assert not (tmp_path / f"broken/{kind} 0.safetensors").exists()
    assert run(known[kind], tmp_path / "broken") == whole
    one, other = (
        wrestlers.load(tmp_path / f"{name}/{kind} 0.safetensors")[0][f"{kind} 0"].state_dict()
        for name in ("whole", "broken")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_what_is_finished_is_not_made_again(known, tmp_path, monkeypatch):
    curve = run(known["zeros"], tmp_path)
    monkeypatch.setattr(policy_optimisation, "evaluate", None)
    assert run(known["zeros"], tmp_path) == curve


def test_another_encoder_makes_another_policy(known, tmp_path):
    run(known["online"], tmp_path)
    before = (tmp_path / "online 0.safetensors").read_bytes()
    changed = {**known["online"], "embeddings": known["online"]["embeddings"] + 1}
    assert run(changed, tmp_path) == run(changed, tmp_path / "anew")  # its checkpoint is not used
    assert (tmp_path / "online 0.safetensors").read_bytes() != before


def test_more_games_are_played_anew(known, tmp_path):
    stopped(known["zeros"], tmp_path, after=2)
    more = run(known["zeros"], tmp_path, num_games=3)
    assert more == run(known["zeros"], tmp_path / "anew", num_games=3)


def test_the_last_games_are_as_many_as_asked_for(known, tmp_path):
    curve = run(known["zeros"], tmp_path, num_last_games=7)
    assert curve[:-1] == run(known["zeros"], tmp_path / "less")[:-1]
    shares = np.array([list(of.values()) for of in curve[-1]["train"] + curve[-1]["test"]])
    np.testing.assert_allclose(7 * shares, np.round(7 * shares), atol=1e-9)


def test_judged_against_the_right_opponents(known):
    still = Wrestler(generator=make_generator(0), deviation=1e-3)
    with torch.no_grad():
        for parameter in still.network.policy.parameters():
            parameter.zero_()
    wild = Wrestler(generator=make_generator(0), deviation=3.0)
    states = [wild.state_dict(), still.state_dict()]
    learner = still.with_context(6)
    options = {"num_games": 4, "key": (1,)}
    one, other = evaluate(learner, known["zeros"], states, [1, 0], **options)
    assert one["drawn"] == 1.0  # two robots that do nothing
    assert other["won"] > 0.5  # one that thrashes about falls


def test_games_do_not_depend_on_the_group_beside(known):
    learner = Wrestler(generator=make_generator(9)).with_context(6)
    options = {"num_games": 2, "key": (1,)}
    one = evaluate(learner, known["online"], STATES, [0, 1], **options)
    assert one == evaluate(learner, known["online"], STATES, [0, 1], **options)


def test_recipes_must_be_of_rivals_only(known, tmp_path):
    with pytest.raises(ValueError, match="rival_share 1"):
        run(known["zeros"], tmp_path, recipe=dataclasses.replace(RECIPE, rival_share=0.5))
