"""Networks of policies and value functions: their densities, FiLM and memory."""

import torch

from paperlib.agents.actor_critic import ActorCritic
from paperlib.streams import make_generator


def test_log_density_is_that_of_torch():
    model = ActorCritic(3, 2, generator=make_generator(0), action_std=0.7)
    inputs = torch.randn(5, 3, generator=make_generator(1))
    actions, log_density, values = model.act(inputs, generator=make_generator(2))
    means = model.policy(model.normalizer(inputs))
    expected = torch.distributions.Normal(means, 0.7).log_prob(actions).sum(-1)
    assert torch.allclose(log_density, expected, atol=1e-5)
    assert values.shape == (5,)


def test_film_scales_and_shifts_the_first_hidden_layer():
    sizes = {"film_size": 2, "critic_size": 1, "hidden_size": 5}
    model = ActorCritic(6, 2, generator=make_generator(0), **sizes)
    inputs = torch.randn(4, 6, generator=make_generator(1))
    hidden = torch.tanh(model.policy[0](inputs[:, :3]))
    torch.testing.assert_close(model.means(inputs), model.policy[2:](hidden))  # nothing at first
    torch.nn.init.normal_(model.film.weight, generator=make_generator(2))
    scale, shift = (inputs[:, 3:5] @ model.film.weight.T).split(5, dim=1)
    expected = model.policy[2:](hidden * (1 + scale) + shift)
    torch.testing.assert_close(model.means(inputs), expected)


def test_memory_is_the_state_of_a_gru():
    sizes = {"memory_size": 2, "critic_size": 1}
    model = ActorCritic(6, 2, generator=make_generator(0), **sizes)
    inputs = torch.randn(4, 6, generator=make_generator(1))
    memory = torch.randn(4, 2, generator=make_generator(2))
    seen, after = model.remember(inputs, memory)
    torch.testing.assert_close(after, model.memory(model.normalizer(inputs)[:, :3], memory))
    torch.testing.assert_close(seen, torch.cat([inputs[:, :3], after, inputs[:, 5:]], dim=1))
    other = ActorCritic(6, 2, generator=make_generator(0))
    assert other.remember(inputs, memory[:, :0])[0] is inputs  # one without memory
