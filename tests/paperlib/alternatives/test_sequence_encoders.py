"""GRU and Transformer: against NumPy, against torch's own layers, and what does not matter."""

import numpy as np
import pytest
import torch
from torch import nn

from paperlib.alternatives.sequence_encoders import (
    GRUEncoder,
    TransformerEncoder,
    positional_encoding,
)
from paperlib.batches import EpisodeBatch
from paperlib.embeddings import PolicyEmbedder, Settings, learn
from paperlib.streams import make_generator

KINDS = ("GRU", "set", "sequence")
each_kind = pytest.mark.parametrize("kind", KINDS)


def make_encoder(kind, generator):
    sizes = {"embedding_size": 4, "hidden_size": 6, "generator": generator}
    if kind == "GRU":
        return GRUEncoder(2, 3, **sizes).double()
    return TransformerEncoder(2, 3, positions=kind == "sequence", **sizes).double()


def make_batch(generator, *shape):
    draw = [torch.randn(*shape, 7, size, generator=generator).double() for size in (2, 3)]
    return EpisodeBatch(*draw, torch.ones(*shape, 7).double())


def numbers_of(module):
    return {name: parameter.detach().numpy() for name, parameter in module.named_parameters()}


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru_in_numpy(p, pairs, weights):
    state, total = np.zeros(6), 0.0
    for pair, weight in zip(pairs, weights, strict=True):
        if weight:
            inputs = p["gru.weight_ih_l0"] @ pair + p["gru.bias_ih_l0"]
            recurrent = p["gru.weight_hh_l0"] @ state + p["gru.bias_hh_l0"]
            reset = sigmoid(inputs[:6] + recurrent[:6])
            update = sigmoid(inputs[6:12] + recurrent[6:12])
            new = np.tanh(inputs[12:] + reset * recurrent[12:])
            state = (1 - update) * new + update * state
        total = total + weight * state
    return p["out.weight"] @ (total / weights.sum()) + p["out.bias"]


def normalized(p, name, x):
    centred = x - x.mean(-1, keepdims=True)
    scale = np.sqrt(x.var(-1, keepdims=True) + 1e-5)
    return centred / scale * p[f"{name}.weight"] + p[f"{name}.bias"]


def linear(p, name, x):
    return x @ p[f"{name}.weight"].T + p[f"{name}.bias"]


def transformer_in_numpy(p, pairs, weights, *, positions):
    """Only the steps that count, one head and one query at a time."""
    kept = weights > 0
    x, weights = linear(p, "steps", pairs[kept]), weights[kept]
    if positions:
        x = x + positional_encoding(len(x), 6).numpy()
    for layer in ("layers.0", "layers.1"):
        joint = linear(p, f"{layer}.queries_keys_values", normalized(p, f"{layer}.norms.0", x))
        queries, keys, values = np.split(joint, 3, axis=1)
        found = np.zeros_like(x)
        for head in (slice(0, 3), slice(3, 6)):
            for t in range(len(x)):
                shares = weights * np.exp(keys[:, head] @ queries[t, head] / np.sqrt(3))
                found[t, head] = shares / shares.sum() @ values[:, head]
        x = x + linear(p, f"{layer}.attended", found)
        hidden = linear(p, f"{layer}.mlp.0", normalized(p, f"{layer}.norms.1", x))
        x = x + linear(p, f"{layer}.mlp.2", np.maximum(hidden, 0))
    return linear(p, "out", normalized(p, "norm", weights @ x / weights.sum()))


@each_kind
def test_an_embedding_is_the_formula_in_numpy(kind, generator):
    encoder, batch = make_encoder(kind, generator), make_batch(generator)
    weights = torch.tensor([1.0, 0, 2.5, 1, 0, 1, 0]).double()
    pairs = torch.cat(batch[:2], dim=-1).numpy()
    arguments = numbers_of(encoder), pairs, weights.numpy()
    if kind == "GRU":
        expected = gru_in_numpy(*arguments)
    else:
        expected = transformer_in_numpy(*arguments, positions=kind == "sequence")
    found = encoder(*batch[:2], weights)
    torch.testing.assert_close(found, torch.from_numpy(expected))


def test_a_layer_is_that_of_torch(generator):
    ours = make_encoder("set", generator).layers[0]
    theirs = nn.TransformerEncoderLayer(6, 2, 12, 0.0, batch_first=True, norm_first=True).double()
    pairs = {
        "self_attn.in_proj_": ours.queries_keys_values,
        "self_attn.out_proj.": ours.attended,
        "linear1.": ours.mlp[0],
        "linear2.": ours.mlp[2],
        "norm1.": ours.norms[0],
        "norm2.": ours.norms[1],
    }
    theirs.load_state_dict(
        {a + b: t for a, module in pairs.items() for b, t in module.state_dict().items()}
    )
    x = torch.randn(3, 5, 6, generator=generator).double()
    torch.testing.assert_close(ours(x, None), theirs(x))


@each_kind
def test_shapes_for_every_batch(kind, generator):
    encoder = make_encoder(kind, generator)
    for shape in ((), (5,), (2, 3)):
        assert encoder(*make_batch(generator, *shape)).shape == (*shape, 4)
    stacked = make_batch(generator, 2, 3)
    one = stacked.map(lambda tensor: tensor[1, 2])
    torch.testing.assert_close(encoder(*stacked)[1, 2], encoder(*one))


@each_kind
def test_padding_does_not_matter_wherever_it_is(kind, generator):
    encoder, batch = make_encoder(kind, generator), make_batch(generator, 2)
    places = torch.tensor([[0, 1, 2, 4, 6, 7, 9], [1, 2, 3, 4, 5, 8, 9]])  # where steps come to lie
    grown = batch.map(lambda t: torch.zeros(2, 10, *t.shape[2:]).to(t))
    for wide, tensor in zip(grown, batch, strict=True):
        index = places if tensor.ndim == 2 else places[..., None].expand_as(tensor)
        wide.scatter_(1, index, tensor)
    expected = encoder(*batch)
    torch.testing.assert_close(encoder(*grown), expected)
    outside = (grown.step_weights == 0).unsqueeze(-1)
    other = grown._replace(actions=grown.actions.masked_fill(outside, 7.0))
    torch.testing.assert_close(encoder(*other), expected)


@each_kind
def test_an_episode_is_embedded_as_if_it_were_alone(kind, generator):
    encoder, batch = make_encoder(kind, generator), make_batch(generator, 13)
    lengths = torch.randint(1, 8, (13,), generator=generator)
    within = torch.arange(7) < lengths[:, None]
    batch = batch._replace(step_weights=batch.step_weights * within)
    alone = [
        encoder(*batch.map(lambda tensor, row=row, length=length: tensor[row, :length]))
        for row, length in enumerate(lengths.tolist())
    ]
    torch.testing.assert_close(encoder(*batch), torch.stack(alone))


@each_kind
def test_the_order_of_steps_matters_to_sequences_alone(kind, generator):
    encoder, batch = make_encoder(kind, generator), make_batch(generator)
    turned = encoder(*batch.map(lambda tensor: tensor.flip(0)))
    assert torch.allclose(turned, encoder(*batch)) == (kind == "set")


def test_a_step_of_weight_two_is_two_steps(generator):
    encoder, batch = make_encoder("set", generator), make_batch(generator)
    twice = batch.map(lambda tensor: torch.cat([tensor, tensor[:1]]))
    heavier = batch._replace(step_weights=torch.tensor([2.0, 1, 1, 1, 1, 1, 1]).double())
    torch.testing.assert_close(encoder(*heavier), encoder(*twice))


@each_kind
def test_gradients_are_finite(kind, generator):
    encoder, batch = make_encoder(kind, generator), make_batch(generator, 3)
    weights = batch.step_weights.clone()
    weights[0, 1:] = 0
    encoder(*batch[:2], weights).square().sum().backward()
    assert all(p.grad.isfinite().all() and p.grad.any() for p in encoder.parameters())


@each_kind
def test_weights_come_from_the_generator(kind):
    one, same, other = (make_encoder(kind, make_generator(seed)) for seed in (1, 1, 2))
    state, again, different = (module.state_dict() for module in (one, same, other))
    assert all(torch.equal(state[name], again[name]) for name in state)
    assert not torch.equal(state["out.weight"], different["out.weight"])


@each_kind
def test_an_embedder_outlives_its_file(kind, dataset, generator, tmp_path):
    encoder = make_encoder(kind, generator).float()
    settings = Settings(num_updates=2, reference_episodes=(1, 2))
    one, again = (
        learn(dataset, encoder=encoder, settings=settings, generator=make_generator(3))
        for _ in range(2)
    )
    assert torch.equal(one.losses, again.losses)
    one.save(tmp_path / "m.safetensors")
    loaded = PolicyEmbedder.load(tmp_path / "m.safetensors", encoder=encoder)
    assert torch.equal(loaded.embed(dataset), one.embed(dataset))


def test_positions_by_hand():
    # sizes 0 and 1 turn by 1 a step, sizes 2 and 3 by 10000^(-2/4) = 0.01
    expected = [[0, 1, 0, 1], [np.sin(1), np.cos(1), np.sin(0.01), np.cos(0.01)]]
    torch.testing.assert_close(positional_encoding(2, 4), torch.tensor(expected).float())


def test_sizes_out_of_range(generator, unchecked):
    with pytest.raises(ValueError, match=r"^hidden_size must be"):
        GRUEncoder(2, 3, hidden_size=0, generator=generator)
    with pytest.raises(ValueError, match=r"^hidden_size must be a multiple of num_heads, got 5"):
        TransformerEncoder(2, 3, hidden_size=5, generator=generator)
    for name in ("embedding_size", "num_layers"):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            TransformerEncoder(2, 3, **{name: 0}, generator=generator)
