"""Settings out of range."""

import pytest

from paperlib.embeddings import Settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"likelihood": "poisson"},
        {"num_updates": 0},
        {"num_updates": 2.5},
        {"num_updates": 2.0},
        {"num_updates": True},
        {"num_updates": "2"},
        {"num_updates": None},
        {"repetitions": 0},
        {"learning_rate": -1e-3},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"learning_rate": "fast"},
        {"steps_per_episode": -1},
        {"embedding_size": 0},
        {"hidden_size": 0},
        {"policy_hidden_size": 0},
        {"agents_per_update": -1},
        {"normalize_observations": "no"},
        {"normalize_observations": 1},
        {"reference_episodes": 2},
        {"reference_episodes": (0, 1)},
        {"reference_episodes": (3, 2)},
        {"reference_episodes": (1, 2, 3)},
        {"reference_episodes": (1, 2.0)},
        {"reference_episodes": (True, 2)},
        {"reference_episodes": "12"},
    ],
)
def test_settings_out_of_range(wrong, unchecked):
    with pytest.raises(ValueError, match=f"^{next(iter(wrong))} must be"):
        Settings(**wrong)
