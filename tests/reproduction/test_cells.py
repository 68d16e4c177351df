"""Cells: encoders that are learned and judged by exact speakers."""

import math

import pytest
import torch

from reproduction import cells
from reproduction.cells import Cell, WordDirections

QUICK = Cell(pretraining_updates=3, num_updates=4, hidden_size=8)
EVALUATION = {"episode_counts": [1, 3], "num_word_episodes": 48, "num_speaker_updates": 10}


def test_word_directions_by_hand():
    """On word 1 right towards landmark 0, on word 2 up, away from it, once each."""
    observations = torch.zeros(3, 10)
    observations[:, 2:4] = torch.tensor([[2.0, 0.0], [0.0, -3.0], [0.0, 0.0]])  # landmark 0
    observations[0, 8:] = torch.tensor([1.0, 0.0])
    observations[1, 8:] = torch.tensor([0.0, 1.0])
    actions = torch.eye(5)[[2, 4, 0]]  # right, up, nothing
    found = WordDirections()(observations, actions, torch.ones(3)).unflatten(-1, (4, 3))
    expected = torch.zeros(4, 3)
    expected[1, 0], expected[2, 0] = 1 / 3, -1 / 3  # sums over steps / (1 + 2)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("encoder", ["mean-MLP", "gated pooling"])
@pytest.mark.parametrize(("symmetric", "weight"), [(False, 0.01), (True, 0.0), (False, math.inf)])
def test_a_cell_is_learned_once_and_evaluated(task, encoder, symmetric, weight, tmp_path):
    cell = QUICK._replace(encoder=encoder, symmetric=symmetric, identification_weight=weight)
    job = task.job("cell", cell, folder=tmp_path, **EVALUATION)
    found = cells.run_cell(**job, progress=lambda done: None)
    assert len(found["unseen"]) == len(found["training"]) == 2 and len(found["losses"]) == 7
    written = job["path"].stat().st_mtime_ns
    again = cells.run_cell(**job, progress=lambda done: None)
    assert job["path"].stat().st_mtime_ns == written
    assert {**found, "seconds": 0} == {**again, "seconds": 0}
    for changes in ({"num_updates": 5}, {"hidden_size": 6}):
        job["cell"] = cell._replace(**changes)
        cells.run_cell(**job, progress=lambda done: None)
        assert job["path"].stat().st_mtime_ns != written
        written = job["path"].stat().st_mtime_ns
