"""The step in C++ against the plain one, to the last bit."""

import pytest
import torch

from paperlib import streams
from paperlib.environments import particleworld_loops
from paperlib.environments.particleworld import FORCE_SIZE, ParticleWorld

pytestmark = pytest.mark.skipif(
    not particleworld_loops.compiler_available(), reason="needs a C++ compiler"
)


def make_worlds(shape, **options):
    """A plain and a compiled world, in the middle of the same episodes."""
    worlds = [
        ParticleWorld(shape, generator=streams.make_generator(0), compiled=compiled, **options)
        for compiled in (False, True)
    ]
    assert [world.compiled for world in worlds] == [False, True]
    return worlds


def actions_of(world, *steps, seed=1):
    generator, shape = streams.make_generator(seed), (*steps, *world.batch_shape)
    numbers = torch.rand(*shape, world.message_size + FORCE_SIZE, generator=generator)
    parts = numbers.to(world.dtype).split([world.message_size, FORCE_SIZE], -1)
    return [part.contiguous() for part in parts]


def everything(world, *, step=None):
    """What a world shows and holds, after a step if there is one."""
    observations, reward = (world.observe(), torch.zeros(())) if step is None else world.step(*step)
    return [*observations, reward, *world.state]


def assert_same(worlds, *, step=None):
    plain, compiled = (everything(world, step=step) for world in worlds)
    for one, other in zip(plain, compiled, strict=True):
        assert one.dtype == other.dtype and one.shape == other.shape
        assert torch.equal(one, other)


@pytest.mark.parametrize("dynamics", ["mpe2", "2018"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("shape", "message_size"), [((7,), 3), ((2, 3), 1), ((2, 1, 2), 16)])
def test_equals_the_plain_step(shape, message_size, dtype, dynamics):
    worlds = make_worlds(shape, message_size=message_size, dtype=dtype, dynamics=dynamics)
    first, second = (torch.cat(world.reset(), -1) for world in worlds)
    assert torch.equal(first, second)
    for seed in range(25):
        assert_same(worlds, step=actions_of(worlds[0], seed=seed))
    assert_same(worlds)


def test_threads_share_the_episodes():
    count, before = 2 * particleworld_loops.CHUNK + 1, torch.get_num_threads()
    worlds = make_worlds(count)
    torch.set_num_threads(2)
    try:
        for world in worlds:
            world.reset()
        for seed in range(3):
            assert_same(worlds, step=actions_of(worlds[0], seed=seed))
    finally:
        torch.set_num_threads(before)


def test_takes_actions_and_states_of_any_layout():
    plain, compiled = make_worlds(4)
    plain.reset()
    state = plain.state
    strided = [part.repeat_interleave(2, -1)[..., ::2] for part in state]
    assert not any(part.is_contiguous() for part in strided)
    compiled.reset(state._replace(**dict(zip(state._fields, strided, strict=True))))
    message, force = actions_of(plain)
    _, expected = plain.step(message, force)
    observations, reward = compiled.step(message.T.contiguous().T, force.double())
    assert torch.equal(reward, expected)
    assert torch.equal(observations.listener, plain.observe().listener)


def test_states_of_another_batch_are_refused():
    _, world = make_worlds(4)
    other, _ = make_worlds(5)
    world.reset()
    other.reset()
    before = world.state
    for name in ("position", "velocity", "landmarks", "target"):
        world.state = before._replace(**{name: getattr(other.state, name)})
        with pytest.raises(ValueError, match=r"must have the shape \(.*, got \("):
            world.step(*actions_of(world))


@pytest.mark.parametrize("options", [{"dtype": torch.bfloat16}, {"device": "meta"}])
def test_other_types_and_devices_have_the_plain_form(options):
    class Elsewhere(torch.Generator):
        device = torch.device(options.pop("device", "cpu"))

    assert not ParticleWorld(2, generator=Elsewhere(), compiled=True, **options).compiled


def test_without_a_compiler_the_plain_form_serves(monkeypatch, generator):
    monkeypatch.setattr(particleworld_loops, "compiler_available", lambda: False)
    assert not ParticleWorld(2, generator=generator, compiled=True).compiled
