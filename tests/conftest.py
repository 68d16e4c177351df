"""What several tests need."""

import jaxtyping
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


@pytest.fixture
def unchecked(monkeypatch):
    """Leaves wrong types to the library's own checks, as it is outside of tests."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
