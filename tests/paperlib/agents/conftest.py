"""Fixtures of the tests of agents."""

import pytest
import torch
from opponent_contexts import SETTINGS

from paperlib.embeddings import PolicyEmbedder


@pytest.fixture
def model(generator):
    model = PolicyEmbedder(120, 8, settings=SETTINGS, generator=generator)
    model.normalizer.update(torch.randn(50, 120, generator=generator))
    return model
