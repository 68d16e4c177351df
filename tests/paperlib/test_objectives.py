"""The objectives: by hand, against a literal Algorithm 1 in NumPy, and their invariances."""

import jaxtyping
import numpy as np
import pytest
import torch

from paperlib import objectives
from paperlib.datasets import EpisodeBatch
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder
from paperlib.objectives import (
    LIKELIHOODS,
    TRIPLET_FORMS,
    Triplets,
    draw_triplets,
    hybrid_loss,
    identification_loss,
    imitation_loss,
)

# Algorithm 1 as the paper has it: one agent, one episode, one step at a time, in plain NumPy.


def layer(parameters, name, x):
    bias = parameters.get(f"{name}.bias", 0.0)
    return parameters[f"{name}.weight"] @ x + bias


def embed(parameters, episode):
    total = 0.0
    for observation, action in episode:
        hidden = np.maximum(layer(parameters, "pairs.0", np.concatenate([observation, action])), 0)
        hidden = np.maximum(layer(parameters, "pairs.2", hidden), 0)
        total = total + layer(parameters, "out", hidden)
    return total / len(episode)


def log_likelihood(parameters, observation, action, embedding, likelihood):
    hidden = layer(parameters, "observation_in", observation)
    hidden = np.tanh(hidden + layer(parameters, "embedding_in", embedding))
    output = layer(parameters, "rest.3", np.tanh(layer(parameters, "rest.1", hidden)))
    if likelihood == "categorical":
        return output[action.argmax()] - np.log(np.exp(output).sum())
    if likelihood == "squared_error":
        return -0.5 * ((action - output) ** 2).sum()
    std = np.exp(parameters["log_std"])
    density = np.exp(-0.5 * ((action - output) / std) ** 2) / (np.sqrt(2 * np.pi) * std)
    return np.log(density).sum()


def distance(one, other):
    return np.sqrt(((one - other) ** 2).sum())


def triplet_term(positive, negative, reference, form):
    x = distance(reference, negative) - distance(reference, positive)
    return (1 + np.exp(x)) ** -2 if form == "softmax" else np.log(1 + np.exp(-x))


def algorithm_1(encoder, policy, draws, *, weight, likelihood, form):
    """The mean over repetitions and agents; ``draws`` holds e*, e+, e- of each as pair lists."""
    losses = []
    for reference, positive, negative in draws:
        num_agents = len(reference)
        for i in range(num_agents):
            r_reference, r_positive = embed(encoder, reference[i]), embed(encoder, positive[i])
            imitation = identification = 0.0
            for observation, action in positive[i]:
                imitation -= log_likelihood(policy, observation, action, r_reference, likelihood)
            for j in range(num_agents):
                if j != i:
                    r_negative = embed(encoder, negative[j])
                    identification += triplet_term(r_positive, r_negative, r_reference, form)
            losses.append(imitation + weight * identification)
    return np.mean(losses)


def as_pairs(batch, repetition):
    """The episodes of one repetition as lists of (observation, action), without padding."""
    episodes = zip(*(part[repetition].numpy() for part in batch), strict=True)
    return [[(o, a) for o, a, kept in zip(*episode, strict=True) if kept] for episode in episodes]


def doubled(batch):
    return EpisodeBatch(*(part.double() for part in batch))


def make_networks(generator, *, action_size=3):
    """Small ones in double precision, with standard deviations that are not one."""
    sizes = {"embedding_size": 4, "hidden_size": 6, "generator": generator}
    policy = ConditionalPolicy(2, action_size, **sizes)
    policy.log_std.data = torch.linspace(-0.5, 0.5, action_size)
    return EpisodeEncoder(2, action_size, **sizes).double(), policy.double()


def make_triplets(dataset, generator, *, repetitions=2):
    triplets = draw_triplets(dataset, dataset.episodes_of_agents(), repetitions, generator)
    assert not triplets.positive.step_weights.all()  # some padding
    return Triplets(*map(doubled, triplets))


@pytest.mark.parametrize("form", TRIPLET_FORMS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_equals_algorithm_1(weight, likelihood, form, dataset, continuous_dataset, generator):
    data = dataset if likelihood == "categorical" else continuous_dataset
    (encoder, policy), triplets = make_networks(generator), make_triplets(data, generator)
    loss = hybrid_loss(
        encoder, policy, triplets, identification_weight=weight, likelihood=likelihood, form=form
    )
    numbers = [{n: p.detach().numpy() for n, p in m.named_parameters()} for m in (encoder, policy)]
    draws = [[as_pairs(batch, k) for batch in triplets] for k in range(2)]
    expected = algorithm_1(*numbers, draws, weight=weight, likelihood=likelihood, form=form)
    # sums of some hundred float64 numbers
    assert loss.shape == () and loss.item() == pytest.approx(expected, rel=1e-11)


# By hand


def test_identification_by_hand():
    reference = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    positive = torch.tensor([[3.0, 4.0], [10.0, 1.0]])
    negative = torch.tensor([[10.0, 2.0], [4.0, 0.0]])
    # ‖r* - r-‖ - ‖r* - r+‖: agent 0 against 1: 4 - 5 = -1; agent 1 against 0: 2 - 1 = 1
    softmax = ((1 + np.exp(-1)) ** -2 + (1 + np.exp(1)) ** -2) / 2
    margin = (np.log(1 + np.exp(1)) + np.log(1 + np.exp(-1))) / 2
    loss = identification_loss(reference, positive, negative)
    assert loss.shape == () and loss.item() == pytest.approx(softmax)
    assert identification_loss(
        reference, positive, negative, form="margin"
    ).item() == pytest.approx(margin)


def test_identification_sums_over_the_others_and_averages_over_agents():
    same = torch.zeros(2, 5, 3)  # every distance is 0, every term (1 + 1)^-2
    assert identification_loss(same, same, same).item() == pytest.approx(4 * 0.25)


def test_an_agents_own_negative_does_not_count(generator):
    reference, positive, negative = torch.randn(3, 4, 2, generator=generator)
    reference, positive, negative = (r[None] for r in (reference, positive, negative))
    negative = negative.requires_grad_()
    loss = torch.stack(
        [identification_loss(reference[:, [i]], positive[:, [i]], negative[:, [i]]) for i in (0, 1)]
    )
    assert loss.tolist() == [0, 0]


def constant_policy(output, embedding_size=2):
    """A policy that always gives the same output."""
    policy = ConditionalPolicy(
        1, len(output), embedding_size=embedding_size, generator=torch.Generator()
    )
    for parameter in policy.parameters():
        parameter.data.zero_()
    policy.rest[-1].bias.data = torch.tensor(output)
    return policy


@pytest.mark.parametrize(
    ("likelihood", "expected"),
    [
        ("categorical", 2 * np.log(1 + np.e)),  # -log softmax([0, 1])[0], twice
        ("squared_error", 2 * 0.5 * 2),  # ½ ((1 - 0)² + (0 - 1)²), twice
        ("gaussian", 2 * (0.5 * 2 + np.log(2 * np.pi))),
    ],
)
def test_imitation_by_hand(likelihood, expected):
    actions = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]])
    positive = EpisodeBatch(torch.zeros(1, 3, 1), actions, torch.tensor([[1.0, 1.0, 0.0]]))
    policy = constant_policy([0.0, 1.0])
    loss = imitation_loss(policy, positive, torch.zeros(1, 2), likelihood=likelihood)
    assert loss.shape == () and loss.item() == pytest.approx(expected)


# Limits, invariances, gradients


def losses(encoder, policy, triplets, weight=1.0):
    return hybrid_loss(encoder, policy, triplets, identification_weight=weight)


def test_hybrid_is_linear_in_its_weight(dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    none, some, pure = (losses(*networks, triplets, w) for w in (0.0, 3.0, float("inf")))
    torch.testing.assert_close(some, none + 3 * pure)
    # λ → 0 and λ → ∞ are the limits: to first order, 1e-9 away
    torch.testing.assert_close(losses(*networks, triplets, 1e-9), none, rtol=1e-8, atol=0)
    torch.testing.assert_close(losses(*networks, triplets, 1e9) / 1e9, pure, rtol=1e-7, atol=0)


def test_limits_leave_the_other_network_alone(dataset, generator):
    (encoder, policy), triplets = make_networks(generator), make_triplets(dataset, generator)
    losses(encoder, policy, triplets, float("inf")).backward()
    assert all(parameter.grad is None for parameter in policy.parameters())
    assert all(parameter.grad.any() for parameter in encoder.parameters())


def test_emb_im_needs_no_negative(dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    nothing = EpisodeBatch(*(torch.full_like(part, torch.nan) for part in triplets.negative))
    expected = losses(*networks, triplets, 0.0)
    assert losses(*networks, triplets._replace(negative=nothing), 0.0) == expected


def padded(batch, value):
    """The same episodes with two more steps of padding that holds any ``value``."""
    grown = [torch.nn.functional.pad(part, (0, 0, 0, 2)) for part in batch[:2]]
    step_weights = torch.nn.functional.pad(batch.step_weights, (0, 2))
    outside = (step_weights == 0).unsqueeze(-1)
    return EpisodeBatch(*(part.masked_fill(outside, value) for part in grown), step_weights)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_padding_does_not_matter(likelihood, dataset, continuous_dataset, generator):
    data = dataset if likelihood == "categorical" else continuous_dataset
    networks, triplets = make_networks(generator), make_triplets(data, generator)
    options = {"identification_weight": 1.0, "likelihood": likelihood}
    more = Triplets(*(padded(batch, 7.0) for batch in triplets))
    expected = hybrid_loss(*networks, triplets, **options)
    torch.testing.assert_close(hybrid_loss(*networks, more, **options), expected)


def reordered(triplets, index, dim):
    return Triplets(*(EpisodeBatch(*(p.index_select(dim, index) for p in b)) for b in triplets))


@pytest.mark.parametrize(("dim", "order"), [(0, [1, 0]), (1, [2, 0, 3, 1])])
def test_the_order_of_repetitions_and_agents_does_not_matter(dim, order, dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    other = reordered(triplets, torch.tensor(order), dim)
    torch.testing.assert_close(losses(*networks, other), losses(*networks, triplets))
    swapped = triplets._replace(negative=other.negative)  # whose negative is whose does matter
    assert dim == 0 or not losses(*networks, swapped).isclose(losses(*networks, triplets))


def test_the_order_of_steps_does_not_matter_to_the_embedding(dataset, generator):
    encoder, _ = make_networks(generator)
    batch = doubled(dataset.batch(torch.arange(3)))
    order = torch.randperm(batch.step_weights.shape[-1], generator=generator)
    shuffled = (batch.observations[:, order], batch.actions[:, order], batch.step_weights[:, order])
    torch.testing.assert_close(encoder(*shuffled), encoder(*batch))


@pytest.mark.parametrize("form", TRIPLET_FORMS)
def test_gradients_are_finite_where_episodes_are_the_same(form, dataset, generator):
    (encoder, policy), triplets = make_networks(generator), make_triplets(dataset, generator)
    one = triplets.reference
    same = EpisodeBatch(*(part[:, :1].expand_as(part) for part in one))
    for some in (Triplets(one, one, triplets.negative), Triplets(same, same, same)):
        encoder.zero_grad()
        hybrid_loss(encoder, policy, some, identification_weight=1.0, form=form).backward()
        assert all(p.grad.isfinite().all() for p in encoder.parameters())


def test_gradients_stay_finite_far_apart():
    far = (1e4 * torch.tensor([[[1.0], [-1.0]]])).requires_grad_()
    for form in TRIPLET_FORMS:
        loss = identification_loss(far, -far.detach(), far.detach(), form=form)
        (gradient,) = torch.autograd.grad(loss, far)
        assert loss.isfinite() and gradient.isfinite().all()


def test_unknown_names_are_errors():
    r = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"form must be one of .* 'hinge'"):
        identification_loss(r, r, r, form="hinge")
    batch = EpisodeBatch(torch.zeros(1, 1, 1), torch.zeros(1, 1, 2), torch.ones(1, 1))
    with pytest.raises(ValueError, match=r"likelihood must be one of .* 'poisson'"):
        imitation_loss(constant_policy([0.0, 1.0]), batch, torch.zeros(1, 2), likelihood="poisson")


def test_shapes_in_signatures_are_checked_here():
    with pytest.raises(jaxtyping.TypeCheckError, match="negative"):
        objectives.identification_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(4, 3))


def test_classification_by_hand(generator):
    encoder = EpisodeEncoder(2, 3, embedding_size=4, hidden_size=5, generator=generator)
    head = torch.nn.Linear(4, 2)
    shape = (3, 2)  # repetitions, agents
    episodes = [
        EpisodeBatch(torch.randn(*shape, 6, 2), torch.randn(*shape, 6, 3), torch.ones(*shape, 6))
        for _ in range(3)
    ]
    found = objectives.classification_loss(encoder, head, Triplets(*episodes))
    expected = []
    for batch in episodes:
        scores = head(encoder(*batch)).detach().numpy().astype(float)
        named = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        expected += [-np.log(named[:, agent, agent]) for agent in range(2)]
    assert found.item() == pytest.approx(np.mean(expected), rel=1e-5)
    found.backward()
    assert all(p.grad.isfinite().all() for p in (*encoder.parameters(), *head.parameters()))
