"""Random streams."""

import pytest
import torch

from paperlib import streams


def draw(*key):
    return torch.rand(4, generator=streams.make_generator(*key)).tolist()


def test_equal_keys_give_equal_streams():
    assert draw(3, 1, 4) == draw(3, 1, 4)


def test_every_part_of_a_key_matters():
    keys = [(1,), (2,), (1, 0), (0, 1), (1, 0, 0), (1, 1), (1, 2), (2, 1), (2**32 - 1,)]
    assert len({tuple(draw(*key)) for key in keys}) == len(keys)


@pytest.mark.parametrize("key", [(), (-1,), (True,), (1, -2), (2**32, 5)])
def test_a_key_of_anything_else_is_an_error(key):
    with pytest.raises(ValueError, match="key must be"):
        streams.make_generator(*key)


def test_a_device_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="device: PyTorch cannot use 'abacus' here"):
        streams.make_generator(0, device="abacus")


def test_uniform_numbers_fill_zero_to_one(generator):
    numbers = streams.uniform(generator, 1000, 10, dtype=torch.float64)
    assert numbers.shape == (1000, 10) and numbers.dtype == torch.float64
    assert 0 <= numbers.min() < 0.01 and 0.99 < numbers.max() < 1
    assert abs(numbers.mean() - 0.5) < 0.015  # 5 standard errors, 0.289 / sqrt(10^4) each


def test_a_row_depends_on_its_own_generator_alone():
    three = streams.uniform([streams.make_generator(k) for k in (5, 6, 7)], 3, 4, 2)
    alone = streams.uniform([streams.make_generator(6)], 1, 4, 2)
    assert torch.equal(three[1:2], alone) and not torch.equal(three[0], three[1])


def test_each_row_needs_a_generator(generator):
    with pytest.raises(ValueError, match="got 1 for 2 rows"):
        streams.uniform([generator], 2, 3)


def test_the_global_generator_has_a_seed_for_a_while():
    torch.manual_seed(5)
    wanted = torch.rand(3)
    before = torch.get_rng_state()
    with streams.global_seed(5, torch.device("cpu")):
        assert torch.equal(torch.rand(3), wanted)
    assert torch.equal(torch.get_rng_state(), before)
