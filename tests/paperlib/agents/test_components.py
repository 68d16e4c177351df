"""Principal components of embeddings."""

import pytest
import torch

from paperlib.agents.components import principal_components
from paperlib.streams import make_generator


def test_a_single_episode_has_no_direction_and_gives_zeros():
    found = principal_components(torch.ones(1, 3), 1)
    assert found.of(torch.ones(2, 3)).tolist() == [[0.0], [0.0]]


def test_principal_components_have_one_scale():
    spread = torch.tensor([1.0, 9.0, 3.0, 0.1])
    vectors = 5 + spread * torch.randn(4000, 4, generator=make_generator(1))
    found = principal_components(vectors, 3).of(vectors)
    assert found.mean(0).abs().max() < 1e-4
    torch.testing.assert_close(found.std(0), torch.tensor([1, 1 / 3, 1 / 9]), rtol=0.05, atol=0)
    correlation = torch.corrcoef(torch.cat([found, vectors], dim=1).T)[:3, 3:]
    assert correlation[0, 1] > 0.99 and correlation[1, 2] > 0.99 and correlation[2, 0] > 0.99
    for number in (0, 5):
        with pytest.raises(ValueError, match=f"num_components must be 1 to 4, got {number}"):
            principal_components(vectors, number)
