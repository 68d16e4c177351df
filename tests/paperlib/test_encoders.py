"""Encoders, conditional policies, and learning them."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib import embeddings, files, objectives, streams
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings, learn, summary_statistics
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder
from paperlib.graphs import InteractionGraph
from paperlib.metrics import intra_inter_clustering_ratio
from paperlib.objectives import draw_triplets

SMALL = Settings(
    num_updates=100, learning_rate=1e-2, embedding_size=4, hidden_size=8, policy_hidden_size=8
)


def changed(**changes):
    return Settings(**{**vars(SMALL), **changes})


def test_shapes_for_every_batch(generator):
    encoder = EpisodeEncoder(2, 3, embedding_size=4, generator=generator)
    policy = ConditionalPolicy(2, 3, embedding_size=4, generator=generator)
    for batch in ((), (5,), (2, 3)):
        observations, actions = torch.zeros(*batch, 7, 2), torch.zeros(*batch, 7, 3)
        embedding = encoder(observations, actions, torch.ones(*batch, 7))
        assert embedding.shape == (*batch, 4)
        assert policy(observations, embedding).shape == (*batch, 7, 3)


def test_an_embedding_is_the_mean_over_steps(generator):
    encoder = EpisodeEncoder(2, 3, embedding_size=4, generator=generator)
    observations = torch.randn(6, 2, generator=generator)
    actions = torch.randn(6, 3, generator=generator)
    steps = encoder(observations[:, None], actions[:, None], torch.ones(6, 1))
    step_weights = torch.tensor([1.0, 1, 1, 1, 0, 0])
    torch.testing.assert_close(encoder(observations, actions, step_weights), steps[:4].mean(0))


def test_a_policy_is_an_mlp_on_observation_and_embedding(generator):
    policy = ConditionalPolicy(2, 3, embedding_size=4, hidden_size=5, generator=generator)
    observations, embedding = torch.randn(6, 2, generator=generator), torch.randn(4)
    joined = torch.nn.Linear(6, 5)
    joined.weight.data = torch.cat([policy.observation_in.weight, policy.embedding_in.weight], 1)
    joined.bias.data = policy.observation_in.bias
    expected = policy.rest(joined(torch.cat([observations, embedding.expand(6, 4)], -1)))
    torch.testing.assert_close(policy(observations, embedding), expected)


def test_weights_come_from_the_generator():
    def weights(seed):
        encoder = EpisodeEncoder(2, 3, generator=streams.make_generator(seed))
        return torch.cat([parameter.flatten() for parameter in encoder.parameters()])

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))
    assert weights(1).abs().max() <= 5**-0.5


# Triplets


def numbered_dataset():
    """Observation = (agent, episode), for agents with 2, 3 and 6 episodes."""
    agents = [4] * 2 + [1] * 3 + [9] * 6
    observations = [[[float(agent), float(number)]] for number, agent in enumerate(agents)]
    return InteractionDataset.from_arrays(observations, [[0]] * len(agents), agents)


def test_triplets_are_of_the_right_agents(generator):
    data = numbered_dataset()
    triplets = draw_triplets(data, data.episodes_of_agents(), 3000, generator)
    names = torch.stack([batch.observations[:, :, 0] for batch in triplets]).long()
    agents, (reference, positive, negative) = names[..., 0], names[..., 1]
    assert (agents == torch.tensor([1, 4, 9])).all()
    assert (reference != positive).all()
    for episodes in (reference, positive, negative):
        for column, count in enumerate((3, 2, 6)):
            _, drawn = episodes[:, column].unique(return_counts=True)
            # 5 standard errors of a frequency are at most 5 * 0.5 / sqrt(3000) = 0.046
            torch.testing.assert_close(
                drawn / 3000, torch.full((count,), 1 / count), rtol=0, atol=0.046
            )


# Learning


def habits(*, continuous=False):
    """Each of three agents does one thing all the time, whatever each episode's weather is."""
    rng = np.random.default_rng(0)
    agents = np.repeat(np.arange(3), 6)
    weather = 3 * rng.standard_normal((18, 1, 2))
    actions = np.repeat(agents[:, None], 5, axis=1)
    if continuous:
        actions = 2 * np.eye(3)[actions] + 0.3 * rng.standard_normal((18, 5, 3))
    observations = weather + rng.standard_normal((18, 5, 2))
    return InteractionDataset.from_arrays(observations, actions, agents)


@pytest.mark.parametrize("weight", [0.0, 1.0, float("inf")])
@pytest.mark.parametrize("form", ["softmax", "margin"])
def test_learning_tells_agents_apart(weight, form, generator):
    data, settings = habits(), changed(identification_weight=weight, triplet_form=form)
    untrained = PolicyEmbedder(2, 3, settings, generator=generator).embed(data)
    model = learn(data, settings, generator=generator)
    assert model.losses.shape == (100,)
    # over twelve seeds losses fell to 0.6 or less, and the ratio by 0.14 or more
    assert model.losses[-10:].mean() < 0.8 * model.losses[:10].mean()
    before = intra_inter_clustering_ratio(untrained, data.agents)
    assert intra_inter_clustering_ratio(model.embed(data), data.agents) < before - 0.1


@pytest.mark.parametrize("likelihood", ["gaussian", "squared_error"])
def test_learning_from_continuous_actions(likelihood, generator):
    settings = changed(likelihood=likelihood, identification_weight=0.0)
    model = learn(habits(continuous=True), settings, generator=generator)
    # over eight seeds losses fell to 0.75 or less
    assert model.losses[-10:].mean() < 0.85 * model.losses[:10].mean()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_learning_from_some_steps_of_each_episode(weight, generator):
    settings = changed(identification_weight=weight, steps_per_episode=2)
    data = habits()
    untrained = PolicyEmbedder(2, 3, settings, generator=generator).embed(data)
    model = learn(data, settings, generator=generator)
    before = intra_inter_clustering_ratio(untrained, data.agents)
    assert intra_inter_clustering_ratio(model.embed(data), data.agents) < before - 0.1


def test_loss_from_drawn_steps_is_that_of_all_on_average(continuous_dataset, generator):
    data = continuous_dataset
    settings = changed(likelihood="gaussian")
    model = PolicyEmbedder(data.observation_size, data.action_size, settings, generator=generator)
    embedding = torch.zeros(4, 4)
    episodes = torch.arange(0, 12, 3)
    whole = objectives.imitation_loss(
        model.policy, data.batch(episodes), embedding, likelihood="gaussian"
    )
    drawn = [
        objectives.imitation_loss(
            model.policy,
            data.draw_steps(episodes, 3, generator=generator),
            embedding,
            likelihood="gaussian",
        ).item()
        for _ in range(2000)
    ]
    error = np.std(drawn) / 2000**0.5
    assert np.std(drawn) > 0 and abs(np.mean(drawn) - whole.item()) < 4 * error


def test_standardised_observations_need_not_be_of_one_scale(generator):
    data = habits()
    scale, shift = torch.tensor([1e4, 0.1]), torch.tensor([1e5, 7.0])
    moved = dataclasses.replace(data, observations=data.observations * scale + shift)
    one, other = (
        learn(
            d,
            changed(normalize_observations=True, num_updates=20),
            generator=streams.make_generator(1),
        )
        for d in (data, moved)
    )
    torch.testing.assert_close(one.embed(data), other.embed(moved), rtol=0.02, atol=0.02)
    seen = data.observations.flatten(0, 1)
    torch.testing.assert_close(one.normalizer.mean.float(), seen.mean(0))
    torch.testing.assert_close(one.normalizer.variance.float(), seen.var(0, unbiased=False))


def test_standardiser_counts_no_padding_and_no_held_out_episode(dataset, generator):
    data = dataclasses.replace(dataset, partners=torch.tensor([4, 5, 4] * 4))
    graph = InteractionGraph((0, 1, 2, 3, 4), ((0, 4), (1, 4), (2, 4), (3, 4)))
    settings = changed(normalize_observations=True, num_updates=1)
    model = learn(data, settings, graph=graph, generator=generator)
    rows = data.rows_on_edges(graph)
    seen = torch.cat([data.observations[row, : data.lengths[row]] for row in rows])
    assert model.normalizer.count == len(seen) < data.lengths.sum()
    torch.testing.assert_close(model.normalizer.mean.float(), seen.mean(0))


def test_a_graph_is_the_same_as_its_part_of_the_data(dataset, generator):
    data = dataclasses.replace(dataset, partners=torch.tensor([4, 5, 4] * 4))
    graph = InteractionGraph((0, 1, 2, 4), ((0, 4), (1, 4), (2, 4)))
    settings = changed(num_updates=3)
    one = learn(data, settings, graph=graph, generator=streams.make_generator(1))
    other = learn(data.on_edges(graph), settings, generator=streams.make_generator(1))
    assert torch.equal(one.embed(data), other.embed(data))
    with pytest.raises(ValueError, match=r"no episode on edge \(0, 7\)"):
        learn(data, settings, graph=InteractionGraph((0, 7), ((0, 7),)), generator=generator)


def test_supervised_learning_names_agents(generator):
    data = habits()
    model = learn(data, changed(supervised=True), generator=generator)
    assert model.losses[0] == pytest.approx(np.log(3), abs=0.5)
    assert model.losses[-10:].mean() < 0.5 * model.losses[:10].mean()


def test_some_rows_are_embedded_as_all_are(dataset, generator):
    model = PolicyEmbedder(2, 3, changed(normalize_observations=True), generator=generator)
    rows = torch.tensor([7, 2, 11])
    torch.testing.assert_close(model.embed(dataset, rows), model.embed(dataset)[rows])


def test_datasets_may_come_as_files(tmp_path, dataset):
    dataset.save(tmp_path / "d.safetensors")
    rest = {
        "settings": changed(num_updates=3),
        "key": (1,),
        "device": "cpu",
        "progress": lambda n: None,
    }
    paths = [tmp_path / f"{k}.safetensors" for k in (0, 1)]
    for path, source in zip(paths, (dataset, tmp_path / "d.safetensors"), strict=True):
        embeddings.learn_to_file(dataset=source, path=path, **rest)
    one, other = (PolicyEmbedder.load(path) for path in paths)
    assert torch.equal(one.embed(dataset), other.embed(dataset)) and one.source == other.source


def test_learning_is_determined_by_the_generator(dataset):
    one, same, other = (
        learn(dataset, changed(num_updates=3), generator=streams.make_generator(seed)).embed(
            dataset
        )
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_embeddings_do_not_depend_on_the_batch(dataset, generator):
    model = PolicyEmbedder(2, 3, SMALL, generator=generator)
    torch.testing.assert_close(model.embed(dataset, batch_size=5), model.embed(dataset))


def test_what_cannot_be_learned_from(dataset, continuous_dataset, generator):
    with pytest.raises(ValueError, match="agent 0 has 1 episode"):
        learn(dataset.select(torch.tensor([0, 3, 4])), SMALL, generator=generator)
    with pytest.raises(ValueError, match="only one agent"):
        learn(dataset.select(dataset.agents == 0), SMALL, generator=generator)
    with pytest.raises(ValueError, match=r"'categorical' does not fit .* continuous"):
        learn(continuous_dataset, SMALL, generator=generator)
    with pytest.raises(ValueError, match=r"'gaussian' does not fit .* categorical"):
        learn(dataset, changed(likelihood="gaussian"), generator=generator)


@pytest.mark.parametrize(
    "wrong",
    [
        {"identification_weight": -1.0},
        {"identification_weight": float("nan")},
        {"likelihood": "poisson"},
        {"triplet_form": "hinge"},
        {"num_updates": 0},
        {"repetitions": 0},
        {"learning_rate": -1e-3},
        {"embedding_size": 0},
        {"hidden_size": 0},
        {"policy_hidden_size": 0},
    ],
)
def test_settings_out_of_range(wrong):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
        Settings(**wrong)


@pytest.mark.parametrize("sizes", [(3, 3), (3, 2), (1, 4)])
def test_a_dataset_of_other_sizes(sizes, generator):
    model = PolicyEmbedder(2, 3, SMALL, generator=generator)
    data = InteractionDataset.from_arrays(
        torch.zeros(1, 2, sizes[0]), [[0, 0]], [0], num_actions=sizes[1]
    )
    with pytest.raises(ValueError, match=rf"dataset.*{sizes[0]}.*{sizes[1]}"):
        model.embed(data)


@pytest.mark.parametrize("weight", [1.0, float("inf")])
def test_a_representation_outlives_its_file(weight, dataset, generator, tmp_path):
    settings = changed(identification_weight=weight)
    model = PolicyEmbedder(2, 3, settings, generator=generator)
    model.save(tmp_path / "r.safetensors")
    again = PolicyEmbedder.load(tmp_path / "r.safetensors")
    assert again.settings == settings
    assert torch.equal(again.embed(dataset), model.embed(dataset))


def test_a_file_without_a_representation(tmp_path):
    files.save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match=r"x\.safetensors holds no representation"):
        PolicyEmbedder.load(tmp_path / "x.safetensors")


# What is computed from embeddings


def test_hand_made_features_by_hand():
    data = InteractionDataset.from_arrays(
        [[[0.0], [4.0]], [[1.0], [1.0], [4.0]]], [[0, 1], [0, 0, 0]], [0, 1]
    )
    features = embeddings.summary_statistics(data)
    raw = torch.tensor([[2.0, 0.5, 0.5, 2.0, 0.5, 0.5], [2.0, 1.0, 0.0, 2**0.5, 0.0, 0.0]])
    spread = raw.std(0).clamp(min=torch.finfo(torch.float32).eps)
    torch.testing.assert_close(features, raw / spread)
    assert summary_statistics(data).shape == (2, 6)
