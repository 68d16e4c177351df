"""InfoNCE, LIAM and the VAE: by hand, against NumPy, and what they refuse."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib.alternatives.objectives import LIAM, VAE, Classification, InfoNCE, info_nce_loss
from paperlib.batches import EpisodeBatch
from paperlib.embeddings import Settings, learn
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder
from paperlib.objectives import Networks, Triplets, draw_triplets, imitation_loss
from paperlib.streams import make_generator


def with_partners(dataset, *, continuous=False):
    """Partners see 1 - observation and do the same as the agent, or its observation."""
    seen = dataset.observations
    if continuous:
        return dataclasses.replace(dataset, partner_observations=1 - seen, partner_actions=seen)
    same = {"partner_actions": dataset.actions, "num_partner_actions": dataset.num_actions}
    return dataclasses.replace(dataset, partner_observations=1 - seen, **same)


def make_networks(generator):
    sizes = {"embedding_size": 4, "hidden_size": 6, "generator": generator}
    return Networks(EpisodeEncoder(2, 3, **sizes), ConditionalPolicy(2, 3, **sizes), generator)


def draw(dataset, generator):
    episodes = dataset.episodes_of_agents()
    return draw_triplets(dataset, episodes, repetitions=2, generator=generator)


def objectives_of(dataset):
    return InfoNCE(), LIAM(dataset, 4), VAE(dataset, 4)


def info_nce_in_numpy(embeddings, temperature):
    views, agents = embeddings.shape[:2]
    names = [(view, agent) for view in range(views) for agent in range(agents)]
    z = {name: embeddings[name] / np.linalg.norm(embeddings[name]) for name in names}
    losses = []
    for anchor in names:
        others = [name for name in names if name != anchor]
        total = sum(np.exp(z[anchor] @ z[name] / temperature) for name in others)
        positives = [name for name in others if name[1] == anchor[1]]
        shares = [np.exp(z[anchor] @ z[name] / temperature) / total for name in positives]
        losses.append(-np.mean(np.log(shares)))
    return np.mean(losses)


def test_info_nce_by_hand():
    # two views of two agents on two axes: the positive at cosine 1, two others at cosine 0
    embeddings = torch.tensor([[[2.0, 0], [0, 3]], [[1, 0], [0, 1]]])
    assert info_nce_loss(embeddings, temperature=1.0).item() == pytest.approx(np.log(1 + 2 / np.e))


def test_info_nce_is_the_formula_in_numpy(generator):
    embeddings = torch.randn(3, 5, 4, generator=generator).double()
    found = info_nce_loss(embeddings, temperature=0.3)
    assert found.shape == () and found.item() == pytest.approx(
        info_nce_in_numpy(embeddings.numpy(), 0.3), rel=1e-10
    )


@pytest.mark.parametrize("shape", [(1, 3, 2), (3, 1, 2)])
def test_info_nce_needs_positives_and_negatives(shape):
    with pytest.raises(ValueError, match=r"^embeddings: at least 2 of 2 agents are needed, got "):
        info_nce_loss(torch.ones(shape))


def test_info_nce_needs_three_axes(unchecked):
    with pytest.raises(ValueError, match=r"^embeddings must be \(V, N, D\), got \(6, 4\)$"):
        info_nce_loss(torch.ones(6, 4))


def test_info_nce_takes_all_episodes_in_any_order(dataset, generator):
    networks, triplets = make_networks(generator), draw(dataset, generator)
    embedded = torch.cat([networks.encoder(*batch) for batch in triplets])
    loss = InfoNCE(0.5)(networks, triplets)
    torch.testing.assert_close(loss, info_nce_loss(embedded, temperature=0.5))
    order = torch.tensor([2, 0, 3, 1])
    turned = Triplets(*(batch.map(lambda t: t[:, order].flip(0)) for batch in triplets))
    torch.testing.assert_close(InfoNCE(0.5)(networks, turned), loss)


@pytest.mark.parametrize("continuous", [False, True])
def test_liam_one_step_at_a_time(continuous, dataset, generator):
    data = with_partners(dataset, continuous=continuous)
    networks, objective = make_networks(generator), LIAM(data, 4)
    triplets = draw(data, generator)
    own = triplets.reference
    embedded = networks.encoder(*own)
    seen = [data.partner_observations[e, :n] for e, n in enumerate(data.lengths.tolist())]
    mean, std = torch.cat(seen).mean(0), torch.cat(seen).std(0, unbiased=False)
    losses = []
    for k in np.ndindex(2, 4):
        total, length = 0.0, int(own.step_weights[k].sum())
        for t in range(length):
            inputs = own.observations[k][t : t + 1], embedded[k]
            wanted = (own.partner.observations[k][t] - mean) / std
            total += 0.5 * (wanted - objective.observations(*inputs)[0]).square().sum()
            output, done = objective.actions(*inputs)[0], own.partner.actions[k][t]
            if continuous:
                total += 0.5 * (done - output).square().sum()
            else:
                total -= output.log_softmax(-1)[done.argmax()]
        losses.append(total / length)
    torch.testing.assert_close(objective(networks, triplets), torch.stack(losses).mean())


def test_variational_by_hand(dataset, generator):
    networks, objective = make_networks(generator), VAE(None, 4, kl_weight=3.0)
    triplets = draw(dataset, generator)
    own = triplets.reference
    networks = dataclasses.replace(networks, generator=make_generator(5))
    found = objective(networks, triplets)
    mean = networks.encoder(*own)
    std = (objective.log_variance(mean) / 2).exp()
    noise = torch.randn(mean.shape, generator=make_generator(5))
    normal = torch.distributions.Normal(mean, std)
    divergence = torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0))
    expected = imitation_loss(networks.policy, own, mean + std * noise)
    expected = expected + 3 * (divergence.sum(-1) / own.step_weights.sum(-1)).mean()
    torch.testing.assert_close(found, expected)


def padded(batch):
    """The same episodes with two more steps of padding."""
    axis = batch.step_weights.ndim - 1
    zeros = batch.map(lambda t: t.narrow(axis, 0, 2) * 0)
    joined = [torch.cat(pair, axis) for pair in zip(batch, zeros, strict=True)]
    partner = zip(batch.partner, zeros.partner, strict=True)
    return EpisodeBatch(*joined).with_partner(
        type(batch.partner)(*(torch.cat(pair, axis) for pair in partner))
    )


def test_scalars_gradients_and_padding(dataset, generator):
    data = with_partners(dataset)
    networks, triplets = make_networks(generator), draw(data, generator)
    more = Triplets(*map(padded, triplets))
    for objective in objectives_of(data):
        seeded = dataclasses.replace(networks, generator=make_generator(1))
        loss = objective(seeded, triplets)
        networks.encoder.zero_grad()
        loss.backward()
        assert loss.shape == () and loss.isfinite()
        assert all(p.grad.isfinite().all() and p.grad.any() for p in networks.encoder.parameters())
        seeded = dataclasses.replace(networks, generator=make_generator(1))
        torch.testing.assert_close(objective(seeded, more), loss)


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("number", range(3))
def test_learning_is_determined_by_the_generator_and_lowers_the_loss(number, dataset):
    data = with_partners(dataset)
    settings = Settings(num_updates=60, learning_rate=1e-2, embedding_size=4, hidden_size=8)
    models = []
    for seed in (1, 1, 2):
        torch.manual_seed(len(models))  # the global generator does not matter
        options = {"settings": settings, "generator": make_generator(seed)}
        models.append(learn(data, objective=objectives_of(data)[number], **options))
    first, same, other = (model.losses for model in models)
    assert torch.equal(first, same) and not torch.equal(first, other)
    assert first[-10:].mean() < first[:10].mean()


def test_liam_needs_partners(dataset, generator):
    with pytest.raises(ValueError, match=r"^dataset: LIAM reconstructs partner_observations"):
        LIAM(dataset, 4)
    objective = LIAM(with_partners(dataset), 4)
    settings = Settings(num_updates=1, embedding_size=4)
    with pytest.raises(ValueError, match=r"^dataset: LIAM reconstructs partner_observations"):
        learn(dataset, objective=objective, settings=settings, generator=generator)


def test_what_is_out_of_range(dataset, generator, unchecked):
    with pytest.raises(ValueError, match=r"^temperature must be positive"):
        InfoNCE(0)
    with pytest.raises(ValueError, match=r"^kl_weight must be positive"):
        VAE(None, 4, kl_weight=-1)
    networks = dataclasses.replace(make_networks(generator), generator=None)
    with pytest.raises(ValueError, match=r"^networks\.generator must be"):
        VAE(None, 4)(networks, draw(dataset, generator))


def test_classification_by_hand(generator):
    encoder = EpisodeEncoder(2, 3, embedding_size=4, hidden_size=5, generator=generator)
    policy = ConditionalPolicy(2, 3, embedding_size=4, generator=generator)
    objective = Classification(2, 4)
    shape = (3, 2)  # repetitions, agents
    episodes = [
        EpisodeBatch(torch.randn(*shape, 6, 2), torch.randn(*shape, 6, 3), torch.ones(*shape, 6))
        for _ in range(3)
    ]
    found = objective(Networks(encoder, policy), Triplets(*episodes))
    expected = []
    for batch in episodes:
        scores = objective.head(encoder(*batch)).detach().numpy().astype(float)
        named = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        expected += [-np.log(named[:, agent, agent]) for agent in range(2)]
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)
    found.backward()
    assert all(p.grad.isfinite().all() for p in (*encoder.parameters(), *objective.parameters()))
