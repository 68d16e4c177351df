"""Learning embeddings, computing and saving them."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from paperlib import batches, files, objectives, streams
from paperlib.alternatives.objectives import LIAM, VAE, Classification, InfoNCE
from paperlib.datasets import InteractionDataset
from paperlib.embeddings import PolicyEmbedder, Settings, learn
from paperlib.encoders import ConditionalPolicy, EpisodeEncoder
from paperlib.graphs import InteractionGraph
from paperlib.metrics import intra_inter_clustering_ratio
from paperlib.objectives import Hybrid

SMALL = Settings(
    num_updates=100, learning_rate=1e-2, embedding_size=4, hidden_size=8, policy_hidden_size=8
)


def changed(**changes):
    return dataclasses.replace(SMALL, **changes)


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


@pytest.mark.usefixtures("unchecked")
@pytest.mark.parametrize("weight", [0.0, 1.0, float("inf")])
@pytest.mark.parametrize("form", ["softmax", "margin"])
def test_learning_tells_agents_apart(weight, form, generator):
    data, objective = habits(), Hybrid(weight, form)
    untrained = PolicyEmbedder(2, 3, settings=SMALL, generator=generator).embed(data)
    model = learn(data, objective=objective, settings=SMALL, generator=generator)
    assert model.losses.shape == (100,)
    # over twelve seeds losses fell to 0.6 or less, and the ratio by 0.14 or more
    assert model.losses[-10:].mean() < 0.8 * model.losses[:10].mean()
    before = intra_inter_clustering_ratio(untrained, data.agents)
    assert intra_inter_clustering_ratio(model.embed(data), data.agents) < before - 0.1


@pytest.mark.parametrize("likelihood", ["gaussian", "squared_error"])
def test_learning_from_continuous_actions(likelihood, generator):
    model = learn(
        habits(continuous=True),
        objective=objectives.imitation,
        settings=changed(likelihood=likelihood),
        generator=generator,
    )
    # over eight seeds losses fell to 0.75 or less
    assert model.losses[-10:].mean() < 0.85 * model.losses[:10].mean()


@pytest.mark.parametrize("weight", [0.0, 1.0])
def test_learning_from_some_steps_of_each_episode(weight, generator):
    settings = changed(steps_per_episode=2)
    data = habits()
    untrained = PolicyEmbedder(2, 3, settings=settings, generator=generator).embed(data)
    model = learn(data, objective=Hybrid(weight), settings=settings, generator=generator)
    before = intra_inter_clustering_ratio(untrained, data.agents)
    assert intra_inter_clustering_ratio(model.embed(data), data.agents) < before - 0.1


def test_loss_from_drawn_steps_is_that_of_all_on_average(continuous_dataset, generator):
    data, settings = continuous_dataset, changed(likelihood="gaussian")
    model = PolicyEmbedder(2, 3, settings=settings, generator=generator)
    embedding = torch.zeros(4, 4)
    episodes = torch.arange(0, 12, 3)
    whole = objectives.imitation_loss(model.policy, data.batch(episodes), embedding)
    parts = (data.draw_steps(episodes, 3, generator=generator) for _ in range(2000))
    drawn = [objectives.imitation_loss(model.policy, part, embedding).item() for part in parts]
    error = np.std(drawn) / 2000**0.5
    assert np.std(drawn) > 0 and abs(np.mean(drawn) - whole.item()) < 4 * error


def test_normalised_observations_need_not_be_of_one_scale(generator):
    data = habits()
    scale, shift = torch.tensor([1e4, 0.1]), torch.tensor([1e5, 7.0])
    moved = dataclasses.replace(data, observations=data.observations * scale + shift)
    one, other = (
        learn(
            d,
            settings=changed(normalize_observations=True, num_updates=20),
            generator=streams.make_generator(1),
        )
        for d in (data, moved)
    )
    torch.testing.assert_close(one.embed(data), other.embed(moved), rtol=0.02, atol=0.02)
    seen = data.observations.flatten(0, 1)
    torch.testing.assert_close(one.normalizer.mean.float(), seen.mean(0))
    torch.testing.assert_close(one.normalizer.variance.float(), seen.var(0, unbiased=False))


def test_normalizer_counts_no_padding_and_no_held_out_episode(dataset, generator):
    data = dataclasses.replace(dataset, partners=torch.tensor([4, 5, 4] * 4))
    graph = InteractionGraph((0, 1, 2, 3, 4), ((0, 4), (1, 4), (2, 4), (3, 4)))
    settings = changed(normalize_observations=True, num_updates=1)
    model = learn(data, settings=settings, graph=graph, generator=generator)
    rows = data.rows_on_edges(graph)
    seen = torch.cat([data.observations[row, : data.lengths[row]] for row in rows])
    assert model.normalizer.count == len(seen) < data.lengths.sum()
    torch.testing.assert_close(model.normalizer.mean.float(), seen.mean(0))


def test_a_graph_is_the_same_as_its_part_of_the_data(dataset, generator):
    data = dataclasses.replace(dataset, partners=torch.tensor([4, 5, 4] * 4))
    graph = InteractionGraph((0, 1, 2, 4), ((0, 4), (1, 4), (2, 4)))
    settings = changed(num_updates=3)
    one = learn(data, settings=settings, graph=graph, generator=streams.make_generator(1))
    other = learn(data.on_edges(graph), settings=settings, generator=streams.make_generator(1))
    assert torch.equal(one.embed(data), other.embed(data))
    with pytest.raises(ValueError, match=r"no episode on edge \(0, 7\)"):
        learn(data, graph=InteractionGraph((0, 7), ((0, 7),)), generator=generator)


def test_supervised_learning_names_agents(generator):
    model = learn(habits(), objective=Classification(3, 4), settings=SMALL, generator=generator)
    assert model.losses[0] == pytest.approx(np.log(3), abs=0.5)
    assert model.losses[-10:].mean() < 0.5 * model.losses[:10].mean()


def test_each_update_draws_so_many_steps_and_the_learning_rate_falls(dataset, generator):
    weights, reported = [], []

    def objective(networks, triplets):
        assert triplets.reference.observations.shape == (3, 4, 2, 2)  # n, agents, steps, O
        weights.append(networks.encoder.out.bias.detach().clone())
        return Hybrid()(networks, triplets)

    model = learn(
        dataset,
        objective=objective,
        settings=changed(num_updates=250, repetitions=3, steps_per_episode=2),
        generator=generator,
        progress=reported.append,
    )
    assert len(weights) == 250 and reported == [100, 100, 50]
    # Adam's first step is the learning rate; the last rate is (1 + cos(π 249 / 250)) / 2 of it
    torch.testing.assert_close((weights[1] - weights[0]).abs(), torch.full((4,), 1e-2))
    assert (model.encoder.out.bias - weights[-1]).abs().max() < 1e-5


def test_some_rows_are_embedded_as_all_are(dataset, generator):
    model = PolicyEmbedder(2, 3, settings=changed(normalize_observations=True), generator=generator)
    rows = torch.tensor([7, 2, 11])
    torch.testing.assert_close(model.embed(dataset, rows), model.embed(dataset)[rows])


def test_rows_of_any_integers(dataset, generator, unchecked):
    model = PolicyEmbedder(2, 3, settings=SMALL, generator=generator)
    wanted = model.embed(dataset, torch.tensor([7, 2]))
    others = [np.array([7, 2], dtype=f"uint{bits}") for bits in (16, 32, 64)]
    for rows in ([7, 2], np.array([7, 2]), torch.tensor([7, 2], dtype=torch.uint8), *others):
        assert torch.equal(model.embed(dataset, rows), wanted)


@pytest.mark.parametrize("rows", [[], [99], [-1], [True, False], [0.5], 3])
def test_what_is_embedded_must_be_indices(rows, dataset, generator, unchecked):
    model = PolicyEmbedder(2, 3, settings=SMALL, generator=generator)
    with pytest.raises(ValueError, match="rows must be indices of at least one episode, 0 to "):
        model.embed(dataset, torch.tensor(rows))


def test_there_must_be_an_episode(dataset, generator):
    graph = InteractionGraph((0, 1), ())
    with pytest.raises(ValueError, match="there is no episode to learn from"):
        learn(dataset, graph=graph, settings=SMALL, generator=generator)


def test_learning_is_determined_by_the_generator(dataset):
    one, same, other = (
        learn(dataset, settings=changed(num_updates=3), generator=streams.make_generator(seed))
        for seed in (1, 1, 2)
    )
    assert torch.equal(one.embed(dataset), same.embed(dataset))
    assert not torch.equal(one.embed(dataset), other.embed(dataset))


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_episodes_of_a_row_are_embedded_as_one(at_once, dataset, generator, monkeypatch):
    monkeypatch.setattr(batches, "STEPS_AT_ONCE", at_once * 2 * dataset.observations.shape[1])
    model = PolicyEmbedder(2, 3, settings=changed(normalize_observations=True), generator=generator)
    model.normalizer.update(dataset.observations)
    rows = torch.tensor([[7, 2], [0, 1], [11, 3]])
    for row, found in zip(rows, model.embed(dataset, rows), strict=True):
        steps = [(k, slice(0, dataset.lengths[k])) for k in row]
        observations = torch.cat([dataset.observations[step] for step in steps])
        actions = torch.eye(3)[torch.cat([dataset.actions[step] for step in steps]).long()]
        expected = model.encoder(
            model.normalizer(observations), actions, torch.ones(len(observations))
        )
        torch.testing.assert_close(found, expected)


def test_embeddings_do_not_depend_on_the_batch(dataset, generator, monkeypatch):
    model = PolicyEmbedder(2, 3, settings=SMALL, generator=generator)
    expected = model.embed(dataset)
    monkeypatch.setattr(batches, "STEPS_AT_ONCE", 5 * dataset.observations.shape[1])
    torch.testing.assert_close(model.embed(dataset), expected)


def test_what_cannot_be_learned_from(dataset, continuous_dataset, generator):
    with pytest.raises(ValueError, match="agent 0 has 1 episode"):
        learn(dataset.select(torch.tensor([0, 3, 4])), settings=SMALL, generator=generator)
    with pytest.raises(ValueError, match="only one agent"):
        learn(dataset.select(dataset.agents == 0), settings=SMALL, generator=generator)
    remedy = r'continuous actions; use Settings\(likelihood="gaussian"\)'
    with pytest.raises(ValueError, match=f"'categorical' does not fit {remedy}"):
        learn(continuous_dataset, settings=SMALL, generator=generator)
    remedy = r'categorical actions; use Settings\(likelihood="categorical"\)'
    with pytest.raises(ValueError, match=f"'gaussian' does not fit {remedy}"):
        learn(dataset, settings=changed(likelihood="gaussian"), generator=generator)


def test_integers_of_numpy_will_do(dataset, generator, tmp_path, unchecked):
    settings = changed(num_updates=np.int64(3), embedding_size=np.int32(5))
    model = learn(dataset, settings=settings, generator=generator)
    assert model.embed(dataset).shape == (12, 5)
    model.save(tmp_path / "m.safetensors")
    assert PolicyEmbedder.load(tmp_path / "m.safetensors").settings == settings


@pytest.mark.parametrize("sizes", [(3, 3), (3, 2), (1, 4)])
def test_a_dataset_of_other_sizes(sizes, generator):
    model = PolicyEmbedder(2, 3, settings=SMALL, generator=generator)
    data = InteractionDataset.from_arrays(
        torch.zeros(1, 2, sizes[0]), [[0, 0]], [0], num_actions=sizes[1]
    )
    with pytest.raises(ValueError, match=rf"dataset.*{sizes[0]}.*{sizes[1]}"):
        model.embed(data)


def test_an_embedder_outlives_its_file(dataset, generator, tmp_path):
    settings = changed(normalize_observations=True, num_updates=2)
    model = learn(dataset, settings=settings, generator=generator)
    model.source = {"key": [1]}
    model.save(tmp_path / "m.safetensors")
    again = PolicyEmbedder.load(tmp_path / "m.safetensors")
    assert again.settings == settings and again.source == {"key": [1]}
    assert torch.equal(again.embed(dataset), model.embed(dataset)) and not again.training


def test_a_file_without_an_embedder(tmp_path):
    files.save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match=r"x\.safetensors holds no PolicyEmbedder"):
        PolicyEmbedder.load(tmp_path / "x.safetensors")


# Encoders and objectives of one's own


class LastState(nn.Module):
    """A recurrent encoder: the last state of a GRU, whatever the leading axes."""

    def __init__(self, in_size, embedding_size):
        super().__init__()
        self.gru = nn.GRU(in_size, embedding_size, batch_first=True)

    def forward(self, observations, actions, step_weights):
        steps = torch.cat([observations, actions], dim=-1)
        states, _ = self.gru(steps.flatten(0, -3))
        last = step_weights.flatten(0, -2).gt(0).sum(-1) - 1
        return states[torch.arange(len(states)), last].unflatten(0, steps.shape[:-2])


def info_nce(networks, triplets):
    """van den Oord et al. 2018: which positive episode belongs to a reference?"""
    reference, positive, _ = objectives.embed_triplets(networks.encoder, triplets)
    return -(reference @ positive.mT).log_softmax(-1).diagonal(dim1=-2, dim2=-1).mean()


@pytest.mark.parametrize("own_encoder", [True, False])
@pytest.mark.parametrize("objective", [info_nce, Hybrid()])
def test_learning_with_an_encoder_and_an_objective_of_ones_own(own_encoder, objective, generator):
    data = habits()
    torch.manual_seed(0)
    encoder = LastState(5, 6) if own_encoder else None
    model = learn(data, encoder=encoder, objective=objective, settings=SMALL, generator=generator)
    assert model.embed(data).shape == (18, 6 if own_encoder else 4)
    assert model.settings.embedding_size == (6 if own_encoder else 4) and not model.training
    # over eight seeds losses fell to 0.49 or less, ratios to 0.32
    assert model.losses[-10:].mean() < 0.7 * model.losses[:10].mean()
    assert intra_inter_clustering_ratio(model.embed(data), data.agents) < 0.5


def test_a_copy_of_the_encoder_is_trained(dataset, generator):
    encoder = LastState(5, 6)
    before = encoder.gru.bias_ih_l0.clone()
    model = learn(dataset, encoder=encoder, settings=changed(num_updates=2), generator=generator)
    assert torch.equal(encoder.gru.bias_ih_l0, before)
    # Adam's first two steps move every weight by some 0.01
    assert 0 < (model.encoder.gru.bias_ih_l0 - before).abs().max() < 0.03


class WithDropout(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(5, 6)

    def forward(self, observations, actions, step_weights):
        found = self.linear(torch.cat([observations, actions], dim=-1)).mean(-2)
        return nn.functional.dropout(found, 0.5, training=self.training)


def test_dropout_is_determined_by_the_generator(dataset):
    encoder, losses = WithDropout(), []
    for seed in (1, 2):
        torch.manual_seed(seed)
        options = {"settings": changed(num_updates=3), "generator": streams.make_generator(3)}
        losses.append(learn(dataset, encoder=encoder, **options).losses)
    assert torch.equal(*losses) and encoder.training


def test_an_encoder_of_ones_own_outlives_its_file(dataset, generator, tmp_path):
    path, settings = tmp_path / "m.safetensors", changed(num_updates=2)
    model = learn(dataset, encoder=LastState(5, 6), settings=settings, generator=generator)
    model.save(path)
    fresh = LastState(5, 6)
    again = PolicyEmbedder.load(path, encoder=fresh)
    assert torch.equal(again.embed(dataset), model.embed(dataset))
    assert not torch.equal(fresh.gru.bias_ih_l0, again.encoder.gru.bias_ih_l0)
    for encoder, message in (
        (None, "encoder must be a LastState, .* got EpisodeEncoder"),
        (LastState(5, 7), "encoder: its weights do not have the shapes"),
        (nn.Identity(), "encoder must be a LastState, .* got Identity"),
    ):
        with pytest.raises(ValueError, match=f"^{message}") as error:
            PolicyEmbedder.load(path, encoder=encoder)
        assert "\n" not in str(error.value)


class Returns(nn.Module):
    """An encoder that returns what it is told to."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, observations, actions, step_weights):
        return self.function(observations)


class Habit(nn.Module):
    """A policy that heeds the embedding alone."""

    def __init__(self, embedding_size, action_size=3):
        super().__init__()
        self.logits = nn.Linear(embedding_size, action_size)

    def log_prob(self, observations, embedding, actions):
        return (self.logits(embedding).log_softmax(-1).unsqueeze(-2) * actions).sum(-1)


def test_learning_with_a_policy_of_ones_own(generator, tmp_path):
    data, policy, path = habits(), Habit(4), tmp_path / "m.safetensors"
    before = policy.logits.weight.clone()
    options = {"objective": objectives.imitation, "settings": SMALL, "generator": generator}
    model = learn(data, policy=policy, **options)
    assert torch.equal(policy.logits.weight, before)  # a copy is trained
    assert model.losses[-10:].mean() < 0.5 * model.losses[:10].mean()
    model.save(path)
    again = PolicyEmbedder.load(path, policy=Habit(4))
    assert torch.equal(again.policy.logits.weight, model.policy.logits.weight)
    for given, message in (
        (None, "policy must be a Habit, .* got ConditionalPolicy"),
        (nn.Identity(), "policy must be a Habit, .* got Identity"),
        (Habit(5), r"policy must have log_prob.* \(2, 1, 4\).* got RuntimeError: "),
    ):
        with pytest.raises(ValueError, match=f"^{message}") as error:
            PolicyEmbedder.load(path, policy=given)
        assert "\n" not in str(error.value)


class OneHot(Habit):
    """A policy that refuses actions which are not one-hot."""

    def log_prob(self, observations, embedding, actions):
        logits = self.logits(embedding).unsqueeze(-2)
        return torch.distributions.OneHotCategorical(logits=logits).log_prob(actions)


def test_a_policy_is_given_actions_that_exist(dataset, generator):
    options = {"objective": objectives.imitation, "settings": changed(num_updates=2)}
    model = learn(dataset, policy=OneHot(4), generator=generator, **options)
    assert len(dataset.lengths.unique()) > 1 and model.losses.isfinite().all()


def test_a_policys_weights_of_another_shape(dataset, generator, tmp_path):
    def policy(hidden_size):
        return ConditionalPolicy(
            2, 3, embedding_size=4, hidden_size=hidden_size, generator=generator
        )

    model = PolicyEmbedder(2, 3, settings=SMALL, policy=policy(5), generator=generator)
    model.save(tmp_path / "m.safetensors")
    with pytest.raises(ValueError, match=r"^policy: its weights do not have the shapes in"):
        PolicyEmbedder.load(tmp_path / "m.safetensors", policy=policy(6))


def test_files_from_before_policies_of_ones_own(dataset, generator, tmp_path):
    model = PolicyEmbedder(2, 3, settings=SMALL, generator=generator)
    model.save(tmp_path / "m.safetensors")
    tensors, metadata = files.load_tensors(tmp_path / "m.safetensors")
    del metadata["policy"]
    for name in ("agents_per_update", "reference_episodes"):
        del metadata["settings"][name]
    files.save_tensors(tmp_path / "old.safetensors", tensors, metadata)
    again = PolicyEmbedder.load(tmp_path / "old.safetensors")
    assert again.settings == SMALL
    assert torch.equal(again.embed(dataset), model.embed(dataset))


def test_file_with_unknown_settings(generator, tmp_path):
    PolicyEmbedder(2, 3, settings=SMALL, generator=generator).save(tmp_path / "m.safetensors")
    tensors, metadata = files.load_tensors(tmp_path / "m.safetensors")
    metadata["settings"]["temperature"] = 1.0
    files.save_tensors(tmp_path / "other.safetensors", tensors, metadata)
    with pytest.raises(ValueError, match=r"other.safetensors holds unknown settings: temperature$"):
        PolicyEmbedder.load(tmp_path / "other.safetensors")


class Answers(nn.Module):
    """A policy that returns what it is told to."""

    def __init__(self, function):
        super().__init__()
        self.log_prob = function


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        (Answers(lambda o, e, a: a.sum()), r"have log_prob.* \(2, 1, 3\); got \(\)$"),
        (Answers(lambda o, e, a: a), r"have log_prob.* got \(2, 1, 3, 3\)$"),
        (Answers(lambda o, e, a: None), r"have log_prob.* got NoneType$"),
        (Answers(lambda o, e: o), r"have log_prob.* got TypeError: "),
        (Habit(7), r"have log_prob.* \(2, 1, 4\).* got RuntimeError: "),
        (nn.Identity(), "be a torch.nn.Module with a method log_prob, got Identity$"),
    ],
)
def test_what_is_no_policy(policy, message, dataset, generator):
    with pytest.raises(ValueError, match=f"^policy must {message}") as error:
        learn(dataset, policy=policy, settings=SMALL, generator=generator)
    assert "\n" not in str(error.value)


def test_the_likelihood_of_a_policy_of_ones_own(continuous_dataset, generator):
    options = {"embedding_size": 4, "generator": generator}
    gaussian = ConditionalPolicy(2, 3, likelihood="gaussian", **options)
    learn(continuous_dataset, policy=gaussian, settings=changed(num_updates=1), generator=generator)
    categorical = ConditionalPolicy(2, 3, **options)
    with pytest.raises(ValueError, match=r'; use ConditionalPolicy\(likelihood="gaussian"\)'):
        learn(continuous_dataset, policy=categorical, settings=SMALL, generator=generator)


@pytest.mark.parametrize("steps_per_episode", [0, 3])
def test_learning_from_references_of_several_episodes(steps_per_episode, generator):
    seen, data = set(), habits()

    def objective(networks, triplets):
        shapes = [batch.observations.shape for batch in triplets]
        length = steps_per_episode or 5
        assert shapes[1] == shapes[2] == (2, 2, length, 2)  # n, agents, steps, O
        seen.add(shapes[0][2] // length)
        return Hybrid()(networks, triplets)

    settings = changed(
        steps_per_episode=steps_per_episode, reference_episodes=(1, 3), agents_per_update=2
    )
    model = learn(data, objective=objective, settings=settings, generator=generator)
    assert seen == {1, 2, 3}
    assert intra_inter_clustering_ratio(model.embed(data), data.agents) < 0.5
    with pytest.raises(ValueError, match=r"has 6 episode\(s\) in the dataset; 7 are needed"):
        learn(data, settings=changed(reference_episodes=(1, 6)), generator=generator)


class Bilinear(nn.Module):
    """An objective with weights of its own."""

    def __init__(self, size):
        super().__init__()
        self.products = nn.Linear(size, size, bias=False)

    def forward(self, networks, triplets):
        reference, positive, _ = objectives.embed_triplets(networks.encoder, triplets)
        scores = self.products(reference) @ positive.mT
        return -scores.log_softmax(-1).diagonal(dim1=-2, dim2=-1).mean()


def test_weights_of_an_objective_are_drawn_anew_and_trained(dataset, generator):
    first, second = (
        learn(dataset, objective=objective, settings=SMALL, generator=streams.make_generator(1))
        for objective in (Bilinear(4), Bilinear(4))
    )
    assert torch.equal(first.losses, second.losses)
    objective = Bilinear(4)
    given, seen = objective.products.weight.clone(), []
    objective.register_forward_hook(lambda module, *_: seen.append(module.products.weight.clone()))
    learn(dataset, objective=objective, settings=changed(num_updates=3), generator=generator)
    assert torch.equal(objective.products.weight, given)
    assert len(seen) == 3 and len({weight.sum().item() for weight in seen}) == 3


@pytest.mark.parametrize(
    ("function", "got"),
    [
        (lambda o: o, r"\(2, 1, 5, 3, 2\)"),
        (lambda o: o.mean((-1, -2)), r"\(2, 1, 5\)"),
        (lambda o: o.mean(-2).flatten(0, 1), r"\(2, 5, 2\)"),
        (lambda o: o.mean(2), r"\(2, 1, 3, 2\)"),  # right for two leading axes
        (lambda o: o.mean(-1), r"\(2, 5, 4\)"),  # a number for each step
        (lambda o: o.sum(), r"\(\)"),
        (lambda o: None, "NoneType"),
        (lambda o: o.unflatten(5, (1, 1)), "IndexError: .*"),
    ],
)
def test_an_encoder_must_return_vectors(function, got, dataset, generator):
    with pytest.raises(ValueError, match=rf"^encoder must return \(\*batch, D\): .*; got {got}$"):
        learn(dataset, encoder=Returns(function), settings=SMALL, generator=generator)


@pytest.mark.parametrize(
    ("objective", "message"),
    [
        (lambda n, t: n.encoder(*t.reference), r"return a scalar tensor, got \(2, 4, 4\)"),
        (lambda n, t: 1.0, "return a scalar tensor, got float"),
        (lambda n, t: None, "return a scalar tensor, got NoneType"),
        (lambda n, t: torch.tensor(1.0), "return a loss that depends on networks"),
        (lambda n, t: n.encoder(*t.reference).sum() * torch.nan, "return a finite loss, got nan"),
        (lambda n, t: n.encoder(*t.reference).sum() + torch.inf, "return a finite loss, got inf"),
    ],
)
def test_an_objective_must_return_a_scalar(objective, message, dataset, generator):
    with pytest.raises(ValueError, match=f"^objective must {message}") as error:
        learn(dataset, objective=objective, settings=SMALL, generator=generator)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("objective", [LIAM, VAE, InfoNCE, Hybrid, "Emb-Im"])
def test_an_objective_is_no_class_or_name(objective, dataset, generator, unchecked):
    with pytest.raises(ValueError, match=r"^objective must be a function or an .* builds classes$"):
        learn(dataset, objective=objective, settings=SMALL, generator=generator)


@pytest.mark.parametrize("other", [0, np.random.default_rng(0)])
def test_a_generator_is_pytorchs(other, dataset, unchecked):
    with pytest.raises(ValueError, match=r"^generator must be a torch\.Generator, such as .*, got"):
        learn(dataset, settings=SMALL, generator=other)


def test_classification_of_another_number_of_agents(dataset, generator):
    with pytest.raises(ValueError, match=r"^num_agents must be 4, as in an update, got 3"):
        learn(dataset, objective=Classification(3, 4), settings=SMALL, generator=generator)


def test_a_loss_that_turns_nan_is_noticed(dataset, generator):
    losses = iter([1.0, 1.0, float("nan")] + [1.0] * 300)

    def objective(networks, triplets):
        return networks.encoder(*triplets.reference).sum() * 0 + next(losses)

    with pytest.raises(
        ValueError, match=r"^objective must return finite losses, got nan in update 2"
    ):
        learn(dataset, objective=objective, settings=changed(num_updates=250), generator=generator)
    assert len(list(losses)) == 203  # noticed after 100 updates


def test_a_gaussian_policy_that_diverges_is_named_in_one_line(continuous_dataset, generator):
    settings = changed(num_updates=120, learning_rate=1e30, likelihood="gaussian")
    with pytest.raises(ValueError, match=r"^objective must return finite losses, got [^\n]*$"):
        learn(continuous_dataset, settings=settings, generator=generator)


def test_generators_of_gpus_are_left_alone(dataset, generator, monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    learn(dataset, settings=SMALL, generator=generator)
    assert not seeded


def test_dropout_is_off_in_what_is_not_trained(dataset, generator):
    encoder = EpisodeEncoder(2, 3, generator=generator)
    encoder.pairs.append(torch.nn.Dropout())
    model = PolicyEmbedder(2, 3, settings=SMALL, encoder=encoder, generator=generator)
    assert torch.equal(model.embed(dataset), model.embed(dataset))


def test_an_encoder_of_other_sizes(dataset, generator):
    encoder = EpisodeEncoder(5, 3, generator=generator)
    with pytest.raises(ValueError, match=r"^encoder must return .* got RuntimeError: mat1"):
        learn(dataset, encoder=encoder, settings=SMALL, generator=generator)


def test_noise_of_an_objective_comes_from_the_generator(dataset):
    def objective(networks, triplets):
        embedding = networks.encoder(*triplets.reference)
        return torch.rand((), generator=networks.generator) + 0 * embedding.sum()

    settings = changed(num_updates=3)
    one, other = (
        learn(dataset, objective=objective, settings=settings, generator=streams.make_generator(1))
        for _ in range(2)
    )
    assert torch.equal(one.losses, other.losses) and len(one.losses.unique()) == 3


def test_default_networks_do_not_depend_on_the_default_type(generator):
    data, settings = habits(), changed(num_updates=2)
    torch.set_default_dtype(torch.float64)
    try:
        model = learn(data, settings=settings, generator=generator)
        assert model.embed(data).dtype == torch.float32
        with pytest.raises(ValueError, match=r"encoder must return .* got "):
            learn(data, encoder=LastState(5, 4), settings=settings, generator=generator)
    finally:
        torch.set_default_dtype(torch.float32)
