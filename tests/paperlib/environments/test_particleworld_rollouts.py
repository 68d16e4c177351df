"""Whole episodes of ParticleWorld."""

import pytest
import torch

from paperlib import streams
from paperlib.environments import particleworld_rollouts
from paperlib.environments.particleworld import EPISODE_LENGTH, FORCE_SIZE, ParticleWorld
from paperlib.environments.particleworld_rollouts import Rollout

FORMS = pytest.mark.parametrize("compiled", [False, True], ids=["plain", "compiled"])


def make_world(compiled, **options):
    world = ParticleWorld((2, 3), generator=streams.make_generator(0), compiled=compiled, **options)
    world.reset()
    return world


def make_actions(seed=1):
    generator = streams.make_generator(seed)
    shape = EPISODE_LENGTH, 2, 3
    messages = torch.rand(*shape, 3, generator=generator)
    return messages, torch.rand(*shape, FORCE_SIZE, generator=generator)


def stepped(world, messages, forces):
    """The record of single steps."""
    seen, rewards = [world.observe().listener], []
    for message, force in zip(messages, forces, strict=True):
        observations, reward = world.step(message, force)
        seen.append(observations.listener)
        rewards.append(reward)
    return Rollout(torch.stack(seen), torch.stack(rewards))


@FORMS
@pytest.mark.parametrize("dynamics", ["mpe2", "2018"])
@pytest.mark.parametrize("given", ["policy", "actions"])
def test_equals_single_steps(given, dynamics, compiled):
    messages, forces = make_actions()
    alone, together = (make_world(form, dynamics=dynamics) for form in (False, compiled))
    expected = stepped(alone, messages, forces)
    shown = []

    def policy(step, seen):
        assert step == len(shown)
        shown.append(seen.clone())
        return messages[step], forces[step]

    policy = policy if given == "policy" else (messages, forces)
    record = particleworld_rollouts.play(together, policy)
    assert all(map(torch.equal, record, expected))
    assert all(map(torch.equal, together.state, alone.state))
    assert given == "actions" or torch.equal(torch.stack(shown), expected.listener[:-1])


@FORMS
def test_buffers_are_filled_anew(compiled):
    world, fresh = make_world(compiled), make_world(compiled)
    first = particleworld_rollouts.play(world, make_actions(1))
    kept, state = [part.clone() for part in first], [part.clone() for part in world.state]
    before = world.state
    world.reset()
    second = particleworld_rollouts.play(world, make_actions(2), out=first)
    assert all(a is b for a, b in zip(second, first, strict=True))
    assert not any(map(torch.equal, second, kept))
    assert all(map(torch.equal, before, state))  # no part of it lay in the buffers
    particleworld_rollouts.play(fresh, make_actions(1))
    fresh.reset()
    assert all(map(torch.equal, second, particleworld_rollouts.play(fresh, make_actions(2))))


@FORMS
@pytest.mark.parametrize("convert", [torch.Tensor.double, torch.Tensor.numpy, torch.Tensor.tolist])
def test_actions_of_another_type(convert, compiled, unchecked):
    alone, stepping, together = (make_world(compiled) for _ in range(3))
    expected = particleworld_rollouts.play(alone, make_actions())
    given = [convert(actions) for actions in make_actions()]
    assert all(map(torch.equal, stepped(stepping, *given), expected))
    assert all(map(torch.equal, particleworld_rollouts.play(together, given), expected))
    for world in (stepping, together):
        assert all(map(torch.equal, world.state, alone.state))
        assert world.state.message.dtype is torch.float32


@FORMS
def test_goes_on_from_the_present_state(compiled):
    world, messages, forces = make_world(compiled), *make_actions()
    world.step(messages[0], forces[0])
    seen = world.observe().listener
    assert torch.equal(particleworld_rollouts.play(world, (messages, forces)).listener[0], seen)


@FORMS
@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"listener": torch.empty(25, 2, 3, 11)}, r"out.listener must .*\(26, 2, 3, 11\), got "),
        (
            {"rewards": torch.empty(25, 2, 4)},
            r"out.rewards must .*\(25, 2, 3\), got .*\(25, 2, 4\)",
        ),
        ({"rewards": torch.empty(25, 2, 3).half()}, "out.rewards must .*float32 .*got .*float16"),
        ({"listener": torch.empty(2, 3, 26, 11).movedim(2, 0)}, "out.listener must be contiguous"),
    ],
)
def test_buffers_that_do_not_fit(wrong, named, compiled):
    world = make_world(compiled)
    right = Rollout(torch.zeros(26, 2, 3, 11), torch.zeros(25, 2, 3))
    with pytest.raises(ValueError, match=named):
        particleworld_rollouts.play(world, make_actions(), out=right._replace(**wrong))
    assert not right.listener.any() and not right.rewards.any()


@FORMS
def test_actions_that_do_not_fit(compiled):
    world, (messages, forces) = make_world(compiled), make_actions()
    with pytest.raises(ValueError, match=r"messages must .*\(25, 2, 3, 3\), got \(24, 2, 3, 3\)"):
        particleworld_rollouts.play(world, (messages[1:], forces))
    with pytest.raises(ValueError, match=r"forces must .*\(25, 2, 3, 5\), got \(25, 2, 3, 4\)"):
        particleworld_rollouts.play(world, (messages, forces[..., 1:]))
    with pytest.raises(ValueError, match=r"^message must .*\(2, 3, 3\), got \(3, 3\)"):
        particleworld_rollouts.play(world, lambda step, seen: (messages[step, 0], forces[step]))
    with pytest.raises(ValueError, match="reset"):
        particleworld_rollouts.play(
            ParticleWorld(2, generator=torch.Generator(), compiled=compiled), (messages, forces)
        )
