"""The replay of stacked learners."""

import pytest
import torch

from paperlib.agents.populations import Episodes
from paperlib.agents.replay import Replay


def numbered_episodes(*, num_episodes, iteration):
    """Episodes of two learners that hold learner, episode, iteration and step."""
    shape = (2, num_episodes, 26)
    learner, episode, step = torch.meshgrid(*map(torch.arange, shape), indexing="ij")
    names = torch.stack([learner, episode, torch.full(shape, iteration), step], -1).float()
    return Episodes(
        colour=names[:, :, 0, :3],
        context=names[:, :, 0, :0],
        listener=names,
        messages=names[:, :, :-1],
        forces=names[:, :, :-1],
        rewards=(names[..., 3] + 100 * names[..., 1])[:, :, :-1],
    )


@pytest.mark.parametrize("num_iterations", [2, 7])
def test_transitions_belong_together(num_iterations, generator):
    replay = Replay(3)
    for iteration in range(num_iterations):
        replay.add(numbered_episodes(num_episodes=4, iteration=iteration))
    numbers = torch.rand(2, 400, 3, generator=generator)
    inputs, seen, ahead, actions, rewards = replay.sample(numbers, num_groups=2)
    learner, episode, iteration, step = seen.unbind(-1)
    assert (learner == torch.tensor([[0], [1]])).all()
    assert torch.equal(ahead - seen, torch.tensor([0.0, 0, 0, 1]).expand_as(seen))
    assert (
        torch.equal(actions, torch.cat([seen, seen], -1))
        and (rewards == step + 100 * episode).all()
    )
    assert torch.equal(inputs, seen[..., :3])
    assert (episode // 2 == (torch.arange(400) >= 200)).all()  # each listener's half of the batch
    iterations = range(num_iterations)[-3:]  # the last ones that fit
    assert set(iteration.unique().tolist()) == set(iterations) and set(
        step.unique().tolist()
    ) == set(range(25))
