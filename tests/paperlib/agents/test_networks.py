"""Stacked networks and the discrete samples that gradients pass through."""

import pytest
import torch

from paperlib import streams
from paperlib.agents.networks import StackedMLP, sample_bits, sample_one_hot, straight_through


def make_stack(seeds=(0, 1, 2), *, sizes=(4, 8, 8, 2), num_copies=1):
    generators = [streams.make_generator(seed) for seed in seeds]
    return StackedMLP(sizes, generators=generators, num_copies=num_copies)


def test_equals_one_network_at_a_time(generator):
    stack, x = make_stack(), torch.rand(3, 5, 4, generator=generator)
    for k in range(3):
        row = x[k]
        for layer, (weight, bias) in enumerate(zip(stack.weights, stack.biases, strict=True)):
            row = (row if layer == 0 else row.relu()) @ weight[k] + bias[k]
        torch.testing.assert_close(stack(x)[k], row)


def test_weights_are_uniform_up_to_the_fan_in():
    stack = make_stack(range(20), sizes=(16, 64, 4))
    for parameter, bound in zip(stack.parameters(), (1 / 4, 1 / 8, 1 / 4, 1 / 8), strict=True):
        # the largest of at least 80 uniform numbers reaches nine tenths of the bound
        assert 0.9 * bound < parameter.max() <= bound and -bound <= parameter.min() < -0.9 * bound


def test_a_network_depends_on_its_own_generator_alone():
    three, alone = make_stack((5, 6, 7), num_copies=2), make_stack((6,), num_copies=2)
    for ours, its in zip(three.parameters(), alone.parameters(), strict=True):
        assert torch.equal(ours[[1, 4]], its)  # network k of copy c stands at row c * K + k
        assert not torch.equal(its[0], its[1])


def test_rows_are_copies():
    stack = make_stack()
    some = stack.rows([2, 0])
    x = torch.ones(3, 1, 4)
    assert torch.equal(some(x[:2]), stack(x)[[2, 0]]) and some.sizes == stack.sizes == (4, 8, 8, 2)
    some.weights[0].data.zero_()
    assert stack.weights[0].all()


def test_more_than_ten_layers_keep_their_order():
    stack = StackedMLP((4,) * 13, generators=[streams.make_generator(0)])
    x, state = torch.ones(1, 2, 4), dict(sorted(stack.state_dict().items()))
    assert torch.equal(stack.rows([0])(x), stack(x))
    assert torch.equal(StackedMLP.from_tensors(state)(x), stack(x))


def test_from_tensors_takes_up_a_state_dict():
    stack = make_stack()
    tensors = {f"a.{name}": tensor for name, tensor in stack.state_dict().items()}
    again = StackedMLP.from_tensors(tensors | {"b.weights.0": torch.zeros(1)}, prefix="a.")
    x = torch.ones(3, 1, 4)
    assert torch.equal(again(x), stack(x))


@pytest.mark.parametrize(
    "tensors",
    [
        {},
        {"weights.0": torch.zeros(1, 2, 3)},
        {"weights.0": torch.zeros(2, 3), "biases.0": torch.zeros(1, 3)},
    ],
)
def test_tensors_of_anything_else_are_an_error(tensors):
    with pytest.raises(ValueError, match="no stack"):
        StackedMLP.from_tensors(tensors)


def test_straight_through_has_the_value_of_one_and_the_gradient_of_the_other():
    x = torch.tensor([0.3, 0.7], requires_grad=True)
    result = straight_through(torch.tensor([0.0, 1.0]), x.square, needed=True)
    result.sum().backward()
    assert result.tolist() == [0, 1]
    torch.testing.assert_close(x.grad, 2 * x.detach())
    assert not straight_through(torch.tensor([0.0, 1.0]), x.square, needed=False).requires_grad


def test_bits_follow_the_sigmoid(generator):
    logits = torch.tensor([-2.0, 0.0, 1.0, 30.0])
    bits = sample_bits(logits.expand(20000, 4), torch.rand(20000, 4, generator=generator))
    assert ((bits == 0) | (bits == 1)).all()
    # 5 standard errors of a frequency are at most 5 * 0.5 / sqrt(20000) = 0.018
    torch.testing.assert_close(bits.mean(0), logits.sigmoid(), rtol=0, atol=0.018)


def test_one_hot_actions_follow_the_softmax(generator):
    logits = torch.tensor([-1.0, 0.0, 1.0, 1.5, -30.0])
    actions = sample_one_hot(logits.expand(20000, 5), torch.rand(20000, 5, generator=generator))
    assert (actions.sort(-1).values == torch.tensor([0.0, 0, 0, 0, 1])).all()
    # 5 standard errors, as above
    torch.testing.assert_close(actions.mean(0), logits.softmax(-1), rtol=0, atol=0.018)


def gradient(sample, logits, noise):
    """The gradient of a weighted sum of the sample with respect to the logits."""
    logits = logits.clone().requires_grad_()
    weights = torch.arange(1.0, 1 + logits.shape[-1], dtype=logits.dtype)
    (sample(logits, noise) * weights).sum().backward()
    return logits.grad


def test_gradients_are_those_of_the_soft_samples(generator):
    logits, noise = torch.randn(2, 50, 5, generator=generator, dtype=torch.float64)
    noise = torch.rand(50, 5, generator=generator, dtype=torch.float64)

    def soft_bits(logits, u):
        return (logits + u.log() - (1 - u).log()).sigmoid()

    def soft_one_hot(logits, u):
        return (logits - (-u.log()).log()).softmax(-1)

    for hard, soft in ((sample_bits, soft_bits), (sample_one_hot, soft_one_hot)):
        expected = gradient(soft, logits, noise)
        torch.testing.assert_close(gradient(hard, logits, noise), expected)
        assert expected.abs().min() > 0


def test_samples_are_finite_at_the_ends_of_the_noise():
    ends = torch.tensor([[0.0, 1 - 2**-24]])
    for sample in (sample_bits, sample_one_hot):
        assert gradient(sample, torch.zeros(1, 2), ends).isfinite().all()
