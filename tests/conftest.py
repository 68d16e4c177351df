"""What several tests need."""

import pytest
import torch
from samples import make_dataset

from paperlib import streams

torch.set_num_threads(1)


def pytest_collection_modifyitems(items):
    """Whole workflows first, then what else is slow, so that all processes end together."""
    items.sort(key=lambda item: ("test_workflow" not in item.nodeid, is_fast(item)))


def is_fast(item):
    return item.get_closest_marker("slow") is None


@pytest.fixture
def generator():
    return streams.make_generator(0)


@pytest.fixture
def dataset():
    return make_dataset()


@pytest.fixture
def continuous_dataset():
    return make_dataset(continuous=True)
