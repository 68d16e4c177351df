"""Encoders, conditional policies, and learning them."""

import numpy as np
import pytest
import torch

from paperlib import embeddings, files, streams
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import (
    Representation,
    Settings,
    average_episodes,
    draw_triplets,
    hand_made_features,
    learn,
)
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder
from paperlib.metrics import intra_inter_clustering_ratio

SMALL = Settings(
    num_steps=100, learning_rate=1e-2, embedding_size=4, hidden_size=8, policy_hidden_size=8
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
    mask = torch.tensor([1.0, 1, 1, 1, 0, 0])
    torch.testing.assert_close(encoder(observations, actions, mask), steps[:4].mean(0))


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
    untrained = Representation(2, 3, settings, generator=generator).embed(data)
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


def test_learning_is_determined_by_the_generator(dataset):
    one, same, other = (
        learn(dataset, changed(num_steps=3), generator=streams.make_generator(seed)).embed(dataset)
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)


def test_embeddings_do_not_depend_on_the_batch(dataset, generator):
    model = Representation(2, 3, SMALL, generator=generator)
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
        {"num_steps": 0},
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
    model = Representation(2, 3, SMALL, generator=generator)
    data = InteractionDataset.from_arrays(
        torch.zeros(1, 2, sizes[0]), [[0, 0]], [0], num_actions=sizes[1]
    )
    with pytest.raises(ValueError, match=rf"dataset.*{sizes[0]}.*{sizes[1]}"):
        model.embed(data)


@pytest.mark.parametrize("weight", [1.0, float("inf")])
def test_a_representation_outlives_its_file(weight, dataset, generator, tmp_path):
    settings = changed(identification_weight=weight)
    model = Representation(2, 3, settings, generator=generator)
    model.save(tmp_path / "r.safetensors")
    again = Representation.load(tmp_path / "r.safetensors")
    assert again.settings == settings
    assert torch.equal(again.embed(dataset), model.embed(dataset))


def test_a_file_without_a_representation(tmp_path):
    files.save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match=r"x\.safetensors holds no representation"):
        Representation.load(tmp_path / "x.safetensors")


# What is computed from embeddings


def test_averages_of_all_episodes_are_means(generator):
    r, agents = torch.randn(6, 2, generator=generator), torch.tensor([3, 1, 3, 1, 3, 1])
    means = average_episodes(r, agents, num_episodes=3, num_averages=2, generator=generator)
    expected = torch.stack([r[agents == 1].mean(0), r[agents == 3].mean(0)])
    torch.testing.assert_close(means, expected[:, None].expand(2, 2, 2))


def test_averages_are_over_different_episodes(generator):
    r, agents = 2.0 ** torch.arange(8)[:, None], torch.tensor([0] * 4 + [1] * 4)
    options = {"num_episodes": 2, "num_averages": 300, "generator": generator}
    sums = 2 * average_episodes(r, agents, **options)[..., 0]
    pairs = {2.0**i + 2.0**j for i in range(4) for j in range(i)}
    # a pair of six is missed in 300 draws once in 10^23
    assert set(sums[0].tolist()) == pairs and set(sums[1].tolist()) == {16 * p for p in pairs}


def test_too_few_episodes_to_average(generator):
    options = {"num_episodes": 2, "num_averages": 1, "generator": generator}
    with pytest.raises(ValueError, match="agent 5 has 1 episodes, num_episodes=2"):
        average_episodes(torch.zeros(3, 2), torch.tensor([5, 0, 0]), **options)


def test_hand_made_features_by_hand():
    data = InteractionDataset.from_arrays(
        [[[0.0], [4.0]], [[1.0], [1.0], [4.0]]], [[0, 1], [0, 0, 0]], [0, 1]
    )
    features = embeddings.hand_made_features(data)
    raw = torch.tensor([[2.0, 0.5, 0.5, 2.0, 0.5, 0.5], [2.0, 1.0, 0.0, 2**0.5, 0.0, 0.0]])
    spread = raw.std(0).clamp(min=torch.finfo(torch.float32).eps)
    torch.testing.assert_close(features, raw / spread)
    assert hand_made_features(data).shape == (2, 6)


def test_disjoint_averages_share_no_episode(generator):
    agents = torch.tensor([3] * 7 + [5] * 4)
    one_hot = torch.eye(11)
    means, owners = embeddings.disjoint_averages(
        one_hot, agents, num_episodes=2, generator=generator
    )
    assert owners.tolist() == [3, 3, 3, 5, 5]
    assert ((means > 0).sum(0) <= 1).all() and ((means == 0.5).sum(1) == 2).all()
    assert (one_hot[agents == 5].sum(0) * means[:3]).sum() == 0


def test_disjoint_averages_need_two_groups(generator):
    agents = torch.tensor([0] * 6 + [1] * 5)
    with pytest.raises(ValueError, match="agent 1 has 5 episodes; two groups"):
        embeddings.disjoint_averages(
            torch.zeros(11, 2), agents, num_episodes=3, generator=generator
        )
