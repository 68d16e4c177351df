"""Opponent contexts, contextual policies, and the games they play."""

import dataclasses

import numpy as np
import pytest
import torch
from opponent_contexts import make_context

from paperlib import training
from paperlib.agents.contexts import Components, no_context, principal_components
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.agents.selfplay import Recipe, SelfPlay
from paperlib.datasets import InteractionDataset
from paperlib.encoders import RunningEmbedding
from paperlib.streams import make_generator

RECIPE = Recipe(
    num_iterations=3,
    num_rollouts=1,
    num_envs=8,
    rollout_length=40,
    self_play_fraction=0.0,
    zero_action_fraction=0.0,
    random_fraction=0.0,
    fixed_opponent_fraction=1.0,
)


def test_a_single_episode_has_no_direction_and_gives_zeros():
    found = principal_components(torch.ones(1, 3), 1)
    assert found.of(torch.ones(2, 3)).tolist() == [[0.0], [0.0]]


def test_principal_components_have_one_scale():
    spread = torch.tensor([1.0, 9.0, 3.0, 0.1])
    vectors = 5 + spread * torch.randn(4000, 4, generator=make_generator(1))
    found = principal_components(vectors, 3).of(vectors)
    assert found.mean(0).abs().max() < 1e-4
    torch.testing.assert_close(found.std(0), torch.tensor([1, 1 / 3, 1 / 9]), rtol=0.05, atol=0)
    correlation = torch.corrcoef(torch.cat([found, vectors], dim=1).T)[:3, 3:]
    assert correlation[0, 1] > 0.99 and correlation[1, 2] > 0.99 and correlation[2, 0] > 0.99
    for number in (0, 5):
        with pytest.raises(ValueError, match=f"num_components must be 1 to 4, got {number}"):
            principal_components(vectors, number)


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


def test_tables_of_each_kind():
    numbers, opponents = np.arange(8), np.array([0, 1] * 4)
    for kind in ("zeros", "oracle", "offline"):
        context = make_context(kind)
        context.begin(numbers, opponents, generator=make_generator(0))
        assert (context.vectors[0] == context.vectors[2]).all()
        assert torch.equal(context.vectors[0], context.vectors[1]) == (kind == "zeros")
    assert make_context("oracle").table[:, :2].equal(torch.eye(2))
    known = torch.randn(9, 6, generator=make_generator(1))
    components = Components(torch.ones(6), 2 * torch.eye(6))
    table = make_context("offline", components=components, offline=known[:2]).table
    torch.testing.assert_close(table, 2 * (known[:2] - 1))


def test_no_context_is_of_size_zero_whoever_is_met():
    context = no_context(3, 0)
    context.begin(np.array([0, 2]), np.array([4, 7]), generator=make_generator(0))
    assert context.vectors.shape == context.critic_vectors.shape == (3, 0)
    assert (context.name, context.context_size, context.critic_size) == ("none", 0, 0)
    assert context.state() == {}


def test_the_critic_alone_is_told_the_opponent():
    context = make_context("zeros", tells_critic=True)
    context.begin(np.array([1, 3]), np.array([1, 0]), generator=make_generator(0))
    assert context.critic_size == 2 and context.critic_vectors[[1, 3]].equal(torch.eye(2)[[1, 0]])
    assert make_context("zeros").critic_vectors.shape == (8, 0)
    wrestler = Wrestler(generator=make_generator(0))
    wider = wrestler.with_context(6, critic_size=2)
    seen = torch.randn(4, 120, generator=make_generator(1))
    drawn = [
        player.act(seen, generator=make_generator(3), context=c)[0]
        for player, c in ((wrestler, None), (wider, torch.zeros(4, 6)))
    ]
    assert torch.equal(*drawn)
    told = torch.zeros(4, 8)
    told[:2, 6] = 1.0
    wider.network.value[0].weight.data[:, -2:] = 1.0
    values = wider.network.act(wider.inputs(seen, told)[0], generator=make_generator(3))[2]
    others = wider.network.act(wider.inputs(seen, 0 * told)[0], generator=make_generator(3))[2]
    assert (values != others).tolist() == [True, True, False, False]
    assert Wrestler.from_state(wider.state_dict()).critic_size == 2
    with pytest.raises(ValueError, match=r"already: context_size 6, critic_size 2$"):
        wider.with_context(1)


def test_only_the_value_function_learns_at_first(model):
    recipe = dataclasses.replace(RECIPE, critic_iterations=1)
    selfplay = make_selfplay("oracle", recipe=recipe)
    before = {n: t.clone() for n, t in selfplay.learners[0].state_dict().items()}
    selfplay.step()
    changed = {n for n, t in selfplay.learners[0].state_dict().items() if not t.equal(before[n])}
    assert changed and all(name.startswith("network.value") for name in changed)
    selfplay.step()
    policy = selfplay.learners[0].state_dict()["network.policy.0.weight"]
    assert not torch.equal(policy, before["network.policy.0.weight"])


def test_random_vectors_are_new_in_every_match():
    context = make_context("random")
    context.begin(np.arange(8), np.zeros(8, dtype=int), generator=make_generator(0))
    before = context.vectors.clone()
    context.begin(np.array([3]), np.array([0]), generator=make_generator(1))
    changed = (context.vectors != before).any(1)
    assert changed.tolist() == [k == 3 for k in range(8)]
    assert len(before.unique(dim=0)) == 8


def test_online_is_the_last_episode_of_that_opponent(model):
    context, draw = make_context("online", model), np.random.default_rng(0)
    context.begin(np.arange(8), np.array([0, 1] * 4), generator=make_generator(0))
    assert (context.vectors == 0).all()
    seen = draw.normal(size=(8, 120)).astype(np.float32)
    acted = draw.normal(size=(8, 8)).astype(np.float32)
    context.watch(seen, acted, np.ones(8, dtype=bool))
    expected = context.running_contexts()
    context.end(np.array([2, 5]), np.array([0, 1]))
    assert torch.equal(context.table, expected[[2, 5]])
    context.begin(np.array([2]), np.array([1]), generator=make_generator(0))
    assert torch.equal(context.vectors[2], expected[5]) and (context.vectors[0] == 0).all()
    assert context.running.counts[:, 0].tolist() == [1, 1, 0, 1, 1, 0, 1, 1]


def test_online_averages_over_the_last_episodes(model):
    context = make_context("online", model, num_episodes=2)
    found = torch.randn(3, 8, 6, generator=make_generator(2))
    for number in range(3):
        context.running_contexts = lambda number=number: found[number]
        context.end(np.array([4]), np.array([1]))
        first = max(0, number - 1)
        expected = found[first : number + 1, 4].mean(0)
        torch.testing.assert_close(context.table[1], expected)
    assert (context.table[0] == 0).all()


@pytest.mark.parametrize(
    ("kind", "changes", "message"),
    [
        ("none", {}, "kind must be one of zeros"),
        ("oracle", {"num_opponents": 7}, "context_size must be at least 7"),
        ("online", {"components": None}, "components is needed"),
        ("offline", {"offline": None}, "offline is needed"),
        ("online", {}, "model is needed"),
        ("offline", {"context_size": 5}, "components: there are 6, context_size is 5"),
        ("offline", {"num_opponents": 9}, r"offline must be \(9, 6\), a row for each opponent"),
    ],
)
def test_what_is_missing_is_named(kind, changes, message):
    with pytest.raises(ValueError, match=message):
        make_context(kind, **changes)


@pytest.mark.parametrize("method", ["running_contexts", "first_game", "next_game"])
def test_only_online_contexts_follow_games(method):
    context = make_context("oracle")
    context.begin(np.arange(8), np.zeros(8, dtype=int), generator=make_generator(0))
    before = context.vectors.clone()
    with pytest.raises(ValueError, match=r"kind must be 'online' .*, got 'oracle'$"):
        getattr(context, method)()
    assert torch.equal(context.vectors, before) and before.any()


def test_behaviour_does_not_depend_on_a_new_context():
    wrestler = Wrestler(generator=make_generator(0))
    wider = wrestler.with_context(6)
    observations = torch.randn(4, 120, generator=make_generator(1)).clamp(-1, 1)
    context = torch.randn(4, 6, generator=make_generator(2))
    one, _ = wrestler.act(observations, generator=make_generator(3))
    other, _ = wider.act(observations, generator=make_generator(3), context=context)
    torch.testing.assert_close(one, other)
    parameter = wider.network.policy[0].weight
    wider.network.policy(
        wider.network.normalizer(wider.inputs(observations, context)[0])
    ).sum().backward()
    assert (parameter.grad[:, -6:] != 0).any()


def make_selfplay(kind, model=None, recipe=RECIPE):
    return SelfPlay(
        (5,),
        recipe,
        parents=[Wrestler(generator=make_generator(3)).with_context(6).state_dict()],
        fixed_opponents=[Wrestler(generator=make_generator(k)).state_dict() for k in (1, 2)],
        context=make_context(kind, model),
    )


def train(kind, model, num_iterations, path=None):
    selfplay = make_selfplay(kind, model)
    training.run(selfplay, path, num_iterations=num_iterations)
    return selfplay


def test_interrupted_training_with_a_context_ends_as_the_whole_one(model, tmp_path):
    whole = train("online", model, 3)
    train("online", model, 1, tmp_path / "c.safetensors")
    resumed = train("online", model, 3, tmp_path / "c.safetensors")
    assert whole.history == resumed.history and (whole.context.table != 0).any()
    for name, tensor in whole.learners[0].state_dict().items():
        assert torch.equal(tensor, resumed.learners[0].state_dict()[name])


def test_what_is_known_of_opponents_outlives_an_interruption(model, tmp_path):
    path, known = tmp_path / "c.safetensors", torch.randn(2, 6, generator=make_generator(8))
    first = make_selfplay("online", model)
    first.context.table = known
    training.run(first, path, num_iterations=1)
    resumed = train("online", model, 1, path)
    assert torch.equal(resumed.context.table, first.context.table) and (known != 0).all()


def test_all_variants_meet_the_same_opponents(model):
    met, recipe = [], dataclasses.replace(RECIPE, rollout_length=30)
    for kind in ("zeros", "online", "random"):
        selfplay, drawn = make_selfplay(kind, model, recipe), []
        selfplay.rollouts.env.max_cycles = 20  # steps until a match ends
        begin = selfplay.context.begin

        def spy(env_ids, opponents, *, generator, begin=begin, drawn=drawn):
            drawn.extend(opponents.tolist())
            begin(env_ids, opponents, generator=generator)

        selfplay.context.begin = spy
        selfplay.step()
        met.append(drawn)
    common = min(map(len, met))
    assert common >= 2 * recipe.num_envs and set(met[0]) == {0, 1}
    assert met[0][:common] == met[1][:common] == met[2][:common]


def test_learners_see_the_context_of_their_match(model):
    selfplay = make_selfplay("oracle")
    generator = make_generator(0)
    selfplay.rollouts.begin(
        generator=generator, opponent_generator=generator, context_generator=generator
    )
    opponents = selfplay.opponents.fixed_ids(np.arange(8))
    (rollout,) = selfplay.rollouts.collect(1)
    assert set(opponents) == {0, 1}
    assert torch.equal(rollout.inputs[0, :, -6:-4], torch.eye(2)[opponents])


def test_running_embeddings_watch_the_opponent(model):
    selfplay = make_selfplay("online", model)
    generator = make_generator(0)
    selfplay.rollouts.begin(
        generator=generator, opponent_generator=generator, context_generator=generator
    )
    watched, observations = [], selfplay.rollouts.observations[1].copy()
    selfplay.context.watch = lambda *step: watched.append([part.copy() for part in step])
    selfplay.rollouts.collect(1)
    ((seen, acted, playing),) = watched
    assert np.array_equal(seen, observations) and playing.all()
    assert acted.shape == (8, 8) and (acted != 0).any()


def test_a_checkpoint_is_of_its_context(tmp_path):
    path = tmp_path / "c.safetensors"
    train("zeros", None, 1, path)
    with pytest.raises(ValueError, match="another training, which differs in context;"):
        train("oracle", None, 1, path)


def test_trainings_with_a_context_have_fixed_opponents_only():
    with pytest.raises(ValueError, match="context: it needs self_play_fraction 0 and"):
        SelfPlay(
            (1,),
            dataclasses.replace(RECIPE, self_play_fraction=0.5),
            context=make_context("zeros"),
        )
    with pytest.raises(ValueError, match=r"there are none, but fixed_opponent_fraction is 1\.0"):
        SelfPlay((1,), RECIPE, context=make_context("zeros"))


@pytest.mark.parametrize("changes", [{"num_envs": 9}, {"num_opponents": 3}])
def test_a_context_for_other_matches_or_opponents(changes):
    fixed = [Wrestler(generator=make_generator(0)).state_dict()] * 2
    with pytest.raises(ValueError, match="context: it is "):
        SelfPlay((1,), RECIPE, context=make_context("zeros", **changes), fixed_opponents=fixed)


def test_running_embeddings_are_those_of_the_papers_encoder(model):
    model.encoder = torch.nn.Identity()
    with pytest.raises(ValueError, match="model needs an EpisodeEncoder, got Identity"):
        make_context("online", model)


def test_an_encoder_of_another_size_is_refused(model):
    size = model.settings.embedding_size
    with pytest.raises(ValueError, match=f"size {size}, components are of size {size + 1}"):
        components = principal_components(torch.randn(9, size + 1), 6)
        make_context("online", model, components=components, offline=None)
