"""The objectives: by hand, against a literal Algorithm 1 in NumPy, and their invariances."""

import jaxtyping
import numpy as np
import pytest
import torch

from paperlib import objectives, streams
from paperlib.batches import EpisodeBatch
from paperlib.datasets import InteractionDataset
from paperlib.encoders import LIKELIHOODS, ConditionalPolicy, EpisodeEncoder
from paperlib.objectives import (
    FORMS,
    Hybrid,
    Networks,
    Triplets,
    draw_triplets,
    identification,
    identification_loss,
    imitation,
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
                found = log_likelihood(policy, observation, action, r_reference, likelihood)
                imitation -= found / len(positive[i])
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


def make_networks(generator, *, likelihood="categorical", action_size=3):
    """Small networks in double precision, with standard deviations that are not one."""
    sizes = {"embedding_size": 4, "hidden_size": 6, "generator": generator}
    policy = ConditionalPolicy(2, action_size, likelihood=likelihood, **sizes)
    policy.log_std.data = torch.linspace(-0.5, 0.5, action_size)
    return Networks(EpisodeEncoder(2, action_size, **sizes).double(), policy.double())


def draw(dataset, repetitions, generator):
    episodes = dataset.episodes_of_agents()
    return draw_triplets(dataset, episodes, repetitions=repetitions, generator=generator)


def make_triplets(dataset, generator, *, repetitions=2):
    triplets = draw(dataset, repetitions, generator)
    assert not triplets.positive.step_weights.all()  # some padding
    return Triplets(*map(doubled, triplets))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("likelihood", LIKELIHOODS)
@pytest.mark.parametrize("weight", [0.0, 1.0, 2.5])
def test_equals_algorithm_1(weight, likelihood, form, dataset, continuous_dataset, generator):
    data = dataset if likelihood == "categorical" else continuous_dataset
    networks = make_networks(generator, likelihood=likelihood)
    triplets = make_triplets(data, generator)
    loss = Hybrid(weight, form)(networks, triplets)
    parts = networks.encoder, networks.policy
    numbers = [{n: p.detach().numpy() for n, p in part.named_parameters()} for part in parts]
    draws = [[as_pairs(batch, k) for batch in triplets] for k in range(2)]
    expected = algorithm_1(*numbers, draws, weight=weight, likelihood=likelihood, form=form)
    # sums of some hundred float64 numbers
    assert loss.shape == () and loss.item() == pytest.approx(expected, rel=1e-11)


# Triplets


def numbered_dataset(*, counts=(2, 3, 6)):
    """Observation = (agent, episode), for agents 4, 1 and 9 with so many episodes."""
    agents = [4] * counts[0] + [1] * counts[1] + [9] * counts[2]
    observations = [[[float(agent), float(number)]] for number, agent in enumerate(agents)]
    return InteractionDataset.from_arrays(observations, [[0]] * len(agents), agents)


def test_triplets_are_of_the_right_agents(generator):
    data = numbered_dataset()
    triplets = draw(data, 3000, generator)
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


def references(dataset, generator, *, reference_episodes, repetitions=500, **options):
    """The numbers of the episodes that make up each e*, (n, N, k), and of e+, (n, N)."""
    triplets = draw_triplets(
        dataset,
        dataset.episodes_of_agents(),
        repetitions=repetitions,
        reference_episodes=reference_episodes,
        generator=generator,
        **options,
    )
    names = [batch.observations.long() for batch in triplets]  # one step, (agent, episode)
    assert (names[0][..., 0] == names[1][..., :1, 0]).all()  # all of one agent
    return names[0][..., 1], names[1][..., 0, 1]


@pytest.mark.parametrize("steps_per_episode", [0, 1])
def test_references_of_several_different_episodes(steps_per_episode, generator):
    data = numbered_dataset(counts=(4, 5, 6))
    options = {"repetitions": 3000, "steps_per_episode": steps_per_episode}
    reference, positive = references(data, generator, reference_episodes=(3, 3), **options)
    assert reference.shape == (3000, 3, 3)
    drawn = torch.cat([reference, positive.unsqueeze(-1)], dim=-1)  # all four differ
    assert (drawn.sort(-1).values.diff(dim=-1) > 0).all()
    for column, count in enumerate((5, 4, 6)):
        for place in range(4):
            _, found = drawn[:, column, place].unique(return_counts=True)
            # 5 standard errors, as above
            expected = torch.full((count,), 1 / count)
            torch.testing.assert_close(found / 3000, expected, rtol=0, atol=0.046)


def test_the_number_of_reference_episodes_is_drawn(generator):
    data = numbered_dataset(counts=(4, 5, 6))
    options = {"reference_episodes": (1, 3), "repetitions": 2}
    sizes = [references(data, generator, **options)[0].shape[-1] for _ in range(300)]
    # 5 standard errors of a third of 300 are 41
    assert [abs(sizes.count(size) - 100) < 41 for size in range(5)] == [0, 1, 1, 1, 0]


def test_single_references_are_drawn_as_ever(dataset, generator):
    # the draws that the numbers of the notebooks rest on
    order, starts, counts = dataset.episodes_of_agents()
    triplets = draw(dataset, 2, generator)
    again = streams.make_generator(0)
    numbers = torch.rand(3, 2, 4, generator=again, dtype=torch.float64)
    reference = (numbers[0] * counts).long()
    positive = (numbers[1] * (counts - 1)).long()
    positive += positive >= reference
    negative = (numbers[2] * counts).long()
    for batch, index in zip(triplets, (reference, positive, negative), strict=True):
        assert torch.equal(batch.observations, dataset.observations[order[index + starts]])
    assert torch.equal(torch.rand(3, generator=generator), torch.rand(3, generator=again))


@pytest.mark.parametrize(("counts", "most"), [((4, 1, 2), 1), ((4, 3, 3), 3)])
def test_agents_with_too_few_episodes(counts, most, generator):
    with pytest.raises(ValueError, match=rf"every agent needs {most + 1} episodes, one has"):
        references(numbered_dataset(counts=counts), generator, reference_episodes=(1, most))


def test_some_agents_of_all(generator):
    data = numbered_dataset(counts=(2,) * 3)
    triplets = [
        draw_triplets(
            data, data.episodes_of_agents(), repetitions=1, agents_per_update=2, generator=generator
        )
        for _ in range(300)
    ]
    agents = torch.stack([t.reference.observations[0, :, 0, 0] for t in triplets])  # (300, 2)
    assert (agents[:, 0] != agents[:, 1]).all()
    _, found = agents.unique(return_counts=True)
    # each is in two of three draws; 5 standard errors are 5 · sqrt(300 · 2/9) = 41
    assert (found - 200).abs().max() < 41


def test_references_of_several_episodes_are_embedded_apart(dataset, generator):
    networks = make_networks(generator)
    episodes = dataset.episodes_of_agents()
    options = {"repetitions": 2, "reference_episodes": (2, 2), "generator": generator}
    triplets = Triplets(*map(doubled, draw_triplets(dataset, episodes, **options)))
    embedded = objectives.embed_triplets(networks.encoder, triplets)
    for found, batch in zip(embedded, triplets, strict=True):
        torch.testing.assert_close(found, networks.encoder(*batch))


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
    reference, positive, negative = torch.randn(3, 1, 4, 2, generator=generator)
    loss = identification_loss(reference, positive, negative)
    terms = [
        ((reference[0, i] - positive[0, i]).norm() - (reference[0, i] - negative[0, j]).norm())
        .sigmoid()
        .square()
        for i in range(4)
        for j in range(4)
        if i != j
    ]
    torch.testing.assert_close(loss, torch.stack(terms).sum() / 4)


def test_a_single_agent_cannot_be_identified(generator):
    with pytest.raises(ValueError, match="at least two agents"):
        identification_loss(*torch.randn(3, 4, 1, 2, generator=generator))


def constant_policy(output, likelihood):
    """A policy that always gives the same output."""
    options = {"embedding_size": 2, "likelihood": likelihood, "generator": torch.Generator()}
    policy = ConditionalPolicy(1, len(output), **options)
    for parameter in policy.parameters():
        parameter.data.zero_()
    policy.rest[-1].bias.data = torch.tensor(output)
    return policy


@pytest.mark.parametrize(
    ("likelihood", "expected"),
    [
        ("categorical", np.log(1 + np.e)),  # -log softmax([0, 1])[0] in both steps
        ("squared_error", 0.5 * 2),  # ½ ((1 - 0)² + (0 - 1)²)
        ("gaussian", 0.5 * 2 + np.log(2 * np.pi)),
    ],
)
def test_imitation_by_hand(likelihood, expected):
    actions = torch.tensor([[[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]])
    positive = EpisodeBatch(torch.zeros(1, 3, 1), actions, torch.tensor([[1.0, 1.0, 0.0]]))
    policy = constant_policy([0.0, 1.0], likelihood)
    loss = imitation_loss(policy, positive, torch.zeros(1, 2))
    assert loss.shape == () and loss.item() == pytest.approx(expected)


class Likelihood(torch.nn.Module):
    """A policy whose logarithm is infinite where there is no action."""

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(2))

    def log_prob(self, observations, embedding, actions):
        return (self.logits.softmax(-1) * actions).sum(-1).log()


def test_padding_holds_no_action():
    actions = torch.tensor([[[0.0, 1.0], [0.0, 0.0]]])
    positive = EpisodeBatch(torch.zeros(1, 2, 1), actions, torch.tensor([[1.0, 0.0]]))
    policy = Likelihood()
    loss = imitation_loss(policy, positive, torch.zeros(1, 2))
    loss.backward()
    assert loss.item() == pytest.approx(np.log(2)) and policy.logits.grad.tolist() == [0.5, -0.5]


# Limits, invariances, gradients


def test_hybrid_is_linear_in_its_weight(dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    none, some, pure = (Hybrid(w)(networks, triplets) for w in (0.0, 3.0, float("inf")))
    torch.testing.assert_close(some, none + 3 * pure)
    # λ → 0 and λ → ∞ are the limits: to first order, 1e-9 away
    torch.testing.assert_close(Hybrid(1e-9)(networks, triplets), none, rtol=1e-8, atol=0)
    torch.testing.assert_close(Hybrid(1e9)(networks, triplets) / 1e9, pure, rtol=1e-7, atol=0)


@pytest.mark.parametrize("form", FORMS)
def test_the_three_objectives_are_one_family(form, dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    limits = Hybrid(0.0, form), Hybrid(float("inf"), form)
    assert limits[0](networks, triplets) == imitation(networks, triplets)
    embedded = objectives.embed_triplets(networks.encoder, triplets)
    pure = identification_loss(*embedded, form=form)
    assert limits[1](networks, triplets) == identification(networks, triplets, form=form) == pure


def test_limits_leave_the_other_network_alone(dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    identification(networks, triplets).backward()
    assert all(parameter.grad is None for parameter in networks.policy.parameters())
    assert all(parameter.grad.any() for parameter in networks.encoder.parameters())


def test_emb_im_needs_no_negative(dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    nothing = EpisodeBatch(*(torch.full_like(part, torch.nan) for part in triplets.negative))
    expected = imitation(networks, triplets)
    assert imitation(networks, triplets._replace(negative=nothing)) == expected


def padded(batch, value):
    """The same episodes with two more steps of padding that holds any ``value``."""
    grown = [torch.nn.functional.pad(part, (0, 0, 0, 2)) for part in batch[:2]]
    step_weights = torch.nn.functional.pad(batch.step_weights, (0, 2))
    outside = (step_weights == 0).unsqueeze(-1)
    return EpisodeBatch(*(part.masked_fill(outside, value) for part in grown), step_weights)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_padding_does_not_matter(likelihood, dataset, continuous_dataset, generator):
    data = dataset if likelihood == "categorical" else continuous_dataset
    networks = make_networks(generator, likelihood=likelihood)
    triplets = make_triplets(data, generator)
    more = Triplets(*(padded(batch, 7.0) for batch in triplets))
    torch.testing.assert_close(Hybrid()(networks, more), Hybrid()(networks, triplets))


def reordered(triplets, index, dim):
    return Triplets(*(EpisodeBatch(*(p.index_select(dim, index) for p in b)) for b in triplets))


@pytest.mark.parametrize(("dim", "order"), [(0, [1, 0]), (1, [2, 0, 3, 1])])
def test_the_order_of_repetitions_and_agents_does_not_matter(dim, order, dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    other = reordered(triplets, torch.tensor(order), dim)
    loss = Hybrid()(networks, triplets)
    torch.testing.assert_close(Hybrid()(networks, other), loss)
    swapped = triplets._replace(negative=other.negative)  # whose negative is whose does matter
    assert dim == 0 or not Hybrid()(networks, swapped).isclose(loss)


def test_the_order_of_steps_does_not_matter_to_the_embedding(dataset, generator):
    encoder = make_networks(generator).encoder
    batch = doubled(dataset.batch(torch.arange(3)))
    order = torch.randperm(batch.step_weights.shape[-1], generator=generator)
    shuffled = (batch.observations[:, order], batch.actions[:, order], batch.step_weights[:, order])
    torch.testing.assert_close(encoder(*shuffled), encoder(*batch))


@pytest.mark.parametrize("form", FORMS)
def test_gradients_are_finite_where_episodes_are_the_same(form, dataset, generator):
    networks, triplets = make_networks(generator), make_triplets(dataset, generator)
    one = triplets.reference
    same = EpisodeBatch(*(part[:, :1].expand_as(part) for part in one))
    for some in (Triplets(one, one, triplets.negative), Triplets(same, same, same)):
        networks.encoder.zero_grad()
        Hybrid(1.0, form)(networks, some).backward()
        assert all(p.grad.isfinite().all() for p in networks.encoder.parameters())


def test_gradients_stay_finite_far_apart():
    far = (1e4 * torch.tensor([[[1.0], [-1.0]]])).requires_grad_()
    for form in FORMS:
        loss = identification_loss(far, -far.detach(), far.detach(), form=form)
        (gradient,) = torch.autograd.grad(loss, far)
        assert loss.isfinite() and gradient.isfinite().all()


def test_unknown_names_are_errors():
    r = torch.zeros(2, 3)
    with pytest.raises(ValueError, match=r"form must be one of .* 'hinge'"):
        identification_loss(r, r, r, form="hinge")
    with pytest.raises(ValueError, match=r"form must be one of .* 'hinge'"):
        Hybrid(form="hinge")
    with pytest.raises(ValueError, match=r"likelihood must be one of .* 'poisson'"):
        constant_policy([0.0, 1.0], "poisson")


@pytest.mark.parametrize("weight", [-1.0, float("nan"), "much"])
def test_weights_out_of_range(weight, unchecked):
    with pytest.raises(ValueError, match=r"^identification_weight must be"):
        Hybrid(weight)


def test_shapes_in_signatures_are_checked_here():
    with pytest.raises(jaxtyping.TypeCheckError, match="negative"):
        objectives.identification_loss(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(4, 3))
