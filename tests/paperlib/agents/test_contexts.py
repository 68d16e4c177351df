"""What policies are told of their opponents."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib.agents import matches
from paperlib.agents.contexts import ContextualPolicy, OpponentContext, meet
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe, Training
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings
from paperlib.encoders import RunningEmbedding
from paperlib.streams import make_generator

SETTINGS = Settings(
    embedding_size=6, hidden_size=5, likelihood="gaussian", normalize_observations=True
)
RECIPE = Recipe(
    num_iterations=3, num_rollouts=1, num_envs=8, rollout_length=40, self_play_fraction=0.0, fixed_opponent_fraction=1.0,
    zero_action_fraction=0.0, random_fraction=0.0,
)  # fmt: skip


@pytest.fixture
def model(generator):
    model = PolicyEmbedder(120, 8, settings=SETTINGS, generator=generator)
    model.normalizer.update(torch.randn(50, 120, generator=generator))
    return model


def opponent_context(kind, model=None, **changes):
    generator = make_generator(4)
    options = {
        "num_envs": 8,
        "num_opponents": 2,
        "context_size": 6,
        "model": model,
        "embeddings": torch.randn(20, 6, generator=generator),
        "offline": torch.randn(2, 6, generator=generator),
    }
    return OpponentContext(kind, **options | changes)


def test_running_embeddings_are_those_of_episodes(model, generator):
    lengths, size = [3, 7, 1], 7
    observations = torch.randn(3, size, 120, generator=generator)
    actions = torch.randn(3, size, 8, generator=generator)
    rows = [x.numpy()[:n] for x, n in zip(observations, lengths, strict=True)]
    acts = [x.numpy()[:n] for x, n in zip(actions, lengths, strict=True)]
    data = InteractionDataset.from_arrays(rows, acts, [0, 1, 2])
    running = RunningEmbedding(model, 3)
    running.watch(observations[:, 0] + 9, actions[:, 0], torch.tensor([True] * 3))
    running.begin(torch.arange(3))
    for step in range(size):
        going_on = torch.tensor([step < n for n in lengths])
        running.watch(observations[:, step], actions[:, step], going_on)
    torch.testing.assert_close(running.embeddings(), model.embed(data))


def test_tables_of_what_is_known():
    numbers, opponents = np.arange(8), np.array([0, 1] * 4)
    for kind in ("zeros", "oracle", "offline"):
        told = opponent_context(kind)
        told.begin(numbers, opponents, generator=make_generator(0))
        assert (told.contexts[0] == told.contexts[2]).all()
        assert torch.equal(told.contexts[0], told.contexts[1]) == (kind == "zeros")
    assert opponent_context("oracle").table[:, :2].equal(torch.eye(2))
    known = torch.randn(9, 6, generator=make_generator(1))
    standard = opponent_context("offline", embeddings=known, offline=known[:2]).table
    torch.testing.assert_close(standard, ((known - known.mean(0)) / known.std(0))[:2])


def test_random_vectors_are_new_in_every_match():
    told = opponent_context("random")
    told.begin(np.arange(8), np.zeros(8, dtype=int), generator=make_generator(0))
    before = told.contexts.clone()
    told.begin(np.array([3]), np.array([0]), generator=make_generator(1))
    changed = (told.contexts != before).any(1)
    assert changed.tolist() == [k == 3 for k in range(8)]
    assert len(before.unique(dim=0)) == 8


def test_online_is_the_last_episode_of_that_opponent(model):
    told, draw = opponent_context("online", model), np.random.default_rng(0)
    told.begin(np.arange(8), np.array([0, 1] * 4), generator=make_generator(0))
    assert (told.contexts == 0).all()
    seen = draw.normal(size=(8, 120)).astype(np.float32)
    acted = draw.normal(size=(8, 8)).astype(np.float32)
    told.watch(seen, acted, np.ones(8, dtype=bool))
    expected = told.seen()
    told.learn(np.array([2, 5]), np.array([0, 1]))
    assert torch.equal(told.table, expected[[2, 5]])
    told.begin(np.array([2]), np.array([1]), generator=make_generator(0))
    assert torch.equal(told.contexts[2], expected[5]) and (told.contexts[0] == 0).all()
    assert told.running.counts[:, 0].tolist() == [1, 1, 0, 1, 1, 0, 1, 1]


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("none", {}, "kind must be one of zeros"),
        ("oracle", {"num_opponents": 7}, "context_size must be at least 7"),
        ("online", {"embeddings": None}, "embeddings is needed"),
        ("offline", {"offline": None}, "offline is needed"),
        ("online", {}, "model is needed"),
        ("offline", {"context_size": 5}, "context_size is 5, theirs 6"),
        ("offline", {"num_opponents": 9}, r"offline must be \(9, 6\), a row for each opponent"),
    ],
)
def test_what_is_missing_is_named(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        opponent_context(kind, **changes)


def test_a_context_is_not_heeded_at_first():
    wrestler = Wrestler(generator=make_generator(0))
    wider = wrestler.with_context(6)
    observations = torch.randn(4, 120, generator=make_generator(1)).clamp(-1, 1)
    context = torch.randn(4, 6, generator=make_generator(2))
    one, _ = wrestler.act(observations, generator=make_generator(3))
    other, _ = wider.act(observations, generator=make_generator(3), context=context)
    torch.testing.assert_close(one, other)
    parameter = wider.network.policy[0].weight
    wider.network.policy(
        wider.network.normalizer(wider.features(observations, context))
    ).sum().backward()
    assert (parameter.grad[:, -6:] != 0).any()


def train(kind, model=None, iterations=2, path=None, recipe=RECIPE):
    fixed_opponents = [Wrestler(generator=make_generator(k)).state_dict() for k in (1, 2)]
    parent = Wrestler(generator=make_generator(3)).with_context(6).state_dict()
    training = Training(
        (5,),
        recipe,
        parents=[parent],
        fixed_opponents=fixed_opponents,
        opponent_context=opponent_context(kind, model),
    )
    if path is not None and path.exists():
        assert training.load(path)
    while len(training.history) < iterations:
        training.train_iteration()
    if path is not None:
        training.save(path)
    return training


def test_interrupted_training_of_the_informed_goes_on_as_it_was(model, tmp_path):
    whole = train("online", model, 3)
    train("online", model, 1, tmp_path / "c.safetensors")
    broken = train("online", model, 3, tmp_path / "c.safetensors")
    assert whole.history == broken.history and (whole.opponent_context.table != 0).any()
    for name, tensor in whole.learners[0].state_dict().items():
        assert torch.equal(tensor, broken.learners[0].state_dict()[name])


def test_all_variants_meet_the_same_opponents(model):
    met, recipe = [], dataclasses.replace(RECIPE, rollout_length=510)  # matches end after 501 steps
    for kind in ("zeros", "online", "random"):
        training, drawn = train(kind, model, 0, recipe=recipe), []
        begin = training.opponent_context.begin

        def spy(env_ids, opponents, *, generator, begin=begin, drawn=drawn):
            drawn.extend(opponents.tolist())
            begin(env_ids, opponents, generator=generator)

        training.opponent_context.begin = spy
        training.train_iteration()
        met.append(drawn)
    common = min(map(len, met))
    assert common >= 2 * recipe.num_envs and set(met[0]) == {0, 1}
    assert met[0][:common] == met[1][:common] == met[2][:common]


def test_a_checkpoint_is_of_its_informant(model, tmp_path):
    path = tmp_path / "c.safetensors"
    train("zeros", None, 1, path)
    assert not Training(
        (5,),
        RECIPE,
        parents=[Wrestler(generator=make_generator(3)).with_context(6).state_dict()],
        fixed_opponents=[Wrestler(generator=make_generator(k)).state_dict() for k in (1, 2)],
        opponent_context=opponent_context("oracle"),
    ).load(path)


def test_informed_trainings_have_rivals_only():
    with pytest.raises(
        ValueError, match="self_play_fraction must be 0 and fixed_opponent_fraction 1"
    ):
        Training(
            (1,),
            dataclasses.replace(RECIPE, self_play_fraction=0.5),
            opponent_context=opponent_context("zeros"),
        )
    with pytest.raises(
        ValueError, match=r"fixed_opponents: fixed_opponent_fraction is 1\.0, but there are none"
    ):
        Training((1,), RECIPE, opponent_context=opponent_context("zeros"))


def test_an_encoder_of_another_size_is_refused(model):
    size = model.settings.embedding_size
    with pytest.raises(ValueError, match=f"have size {size}, context_size is {size + 1}"):
        vectors = torch.randn(9, size + 1)
        opponent_context("online", model, context_size=size + 1, embeddings=vectors, offline=None)


class Spy(Wrestler):
    """A wrestler that remembers what it is told."""

    def __init__(self):
        super().__init__(generator=make_generator(0), context_size=6)
        self.told = []

    def act(self, observations, memory=None, *, generator, context=None):
        self.told.append(context.clone())
        return torch.zeros(len(observations), 8), None


def test_the_second_match_is_played_with_what_the_first_showed(model):
    spy, told = Spy(), opponent_context("online", model)
    fixed_opponents = [matches.ZeroAction(8), matches.UniformlyRandom(8)]
    numbers = np.array([0, 1] * 4)
    played = meet([(spy, told)], fixed_opponents, numbers, key=(1,), max_cycles=5)
    assert len(spy.told) == 10 and played.lengths.tolist() == [5] * 8
    assert (spy.told[0] == 0).all() and (spy.told[4] == 0).all()
    second = spy.told[5]
    assert torch.equal(second, spy.told[9]) and len(second.unique(dim=0)) == 8
    still, moved = second[::2], second[1::2]
    assert torch.cdist(still, still).mean() < torch.cdist(still, moved).mean()


def test_who_needs_no_episode_plays_once():
    spy = Spy()
    meet(
        [(spy, opponent_context("oracle"))],
        [matches.ZeroAction(8)] * 2,
        np.array([0, 1] * 4),
        key=(1,),
        max_cycles=5,
    )
    assert len(spy.told) == 5 and torch.equal(spy.told[0][:2, :2], torch.eye(2))


def test_two_informed_sides(model):
    sides = [(Spy(), opponent_context("online", model)), (Spy(), opponent_context("zeros"))]
    played = meet(sides, [], np.zeros(8, dtype=int), key=(1,), max_cycles=5)
    assert len(played.lengths) == 8
    assert (sides[0][0].told[5] != 0).any() and (sides[1][0].told[5] == 0).all()


def test_an_informed_wrestler_is_a_player():
    player = ContextualPolicy(
        Wrestler(generator=make_generator(0)).with_context(6), torch.zeros(3, 6)
    )
    assert isinstance(player, matches.Player)
    assert player.act(torch.zeros(3, 120), generator=make_generator(0))[0].shape == (3, 8)
