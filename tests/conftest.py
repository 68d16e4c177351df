"""Fixtures and settings that all tests share."""

import functools
import os

# A thread for each process, as the runner sets for notebooks: scikit-learn's threads wait for each
# other without end where cores are busy. Libraries read this while they are loaded.
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

# While jaxtyping's hook loads one of our modules, all that it imports is compiled anew, even whole
# libraries: some ten seconds. Importing them here first avoids that.
import beartype.door  # noqa: F401
import hypothesis
import jaxtyping
import matplotlib.pyplot  # noqa: F401
import networkx  # noqa: F401
import papermill  # noqa: F401
import pytest
import scipy.stats  # noqa: F401
import seaborn  # noqa: F401
import sklearn.linear_model  # noqa: F401
import torch
from samples import make_dataset

from paperlib import streams

torch.set_num_threads(1)

# The same examples in every run, however long they take on a busy machine
hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


def pytest_collection_modifyitems(items):
    """Runs whole workflows first, then other slow tests, so that all processes end together."""
    items.sort(key=lambda item: ("test_workflow" not in item.nodeid, is_fast(item)))


def is_fast(item):
    return item.get_closest_marker("slow") is None


@pytest.fixture(autouse=True)
def seeded_modules():
    """Torch's own modules, as a user's may hold, draw their weights from the global generator."""
    torch.manual_seed(0)


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
    """Turns jaxtyping's checks off, as outside of tests: for tests of the library's own checks, and
    for long training runs, in which jaxtyping's take half the time."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def short_games(monkeypatch, request):
    """Ends the games that judge Figure 4's policies after 8 steps, or a parameter's number."""
    from paperlib.agents import contextual_games  # loads MuJoCo, which most tests do without

    max_cycles = getattr(request, "param", 8)
    short = functools.partial(contextual_games.meet, max_cycles=max_cycles)
    monkeypatch.setattr(contextual_games, "meet", short)
