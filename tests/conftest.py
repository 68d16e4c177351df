"""What several tests need."""

import pytest
import torch
from samples import make_dataset

from paperlib import streams

torch.set_num_threads(1)


@pytest.fixture
def generator():
    return streams.make_generator(0)


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def continuous_dataset():
    return make_dataset(continuous=True)
