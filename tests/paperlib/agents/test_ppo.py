"""PPO: advantages and objective by hand, a small task solved, and everything repeatable."""

import gymnasium
import numpy as np
import pytest
import torch

from paperlib.agents import ppo
from paperlib.agents.actor_critic import ActorCritic
from paperlib.streams import make_generator


def rollout(rewards, values, dones, last_values, inputs=None):
    rewards = torch.tensor(rewards)
    shape = rewards.shape
    return ppo.Rollout(
        inputs=torch.zeros(*shape, 3) if inputs is None else inputs,
        actions=torch.zeros(*shape, 2),
        log_probs=torch.zeros(shape),
        values=torch.tensor(values),
        rewards=rewards,
        dones=torch.tensor(dones),
        last_values=torch.tensor(last_values),
    )


def test_advantages_by_hand():
    given = rollout([[1.0], [2.0]], [[0.5], [1.0]], [[False], [False]], [3.0])
    found = ppo.advantages(given, discount=0.5, gae_lambda=0.5)
    # δ₁ = 2 + 0.5 · 3 − 1 = 2.5; δ₀ = 1 + 0.5 · 1 − 0.5 = 1; A₀ = 1 + 0.25 · 2.5
    assert found.flatten().tolist() == [1.625, 2.5]


def test_advantages_stop_where_an_episode_ends():
    given = rollout([[1.0], [2.0]], [[0.5], [1.0]], [[True], [False]], [3.0])
    found = ppo.advantages(given, discount=0.5, gae_lambda=0.5)
    assert found.flatten().tolist() == [0.5, 2.5]


def test_advantages_are_returns_minus_values_without_trace_decay():
    generator = make_generator(0)
    rewards, values = torch.rand(2, 20, 4, generator=generator)
    dones = torch.rand(20, 4, generator=generator) < 0.2
    given = rollout(rewards.tolist(), values.tolist(), dones.tolist(), [0.3] * 4)
    found, total = ppo.advantages(given, discount=0.9, gae_lambda=1.0), torch.full((4,), 0.3)
    for t in reversed(range(20)):
        total = rewards[t] + 0.9 * total * ~dones[t]
        assert torch.allclose(found[t], total - values[t], atol=1e-5)


@pytest.mark.parametrize(
    ("ratio", "advantage", "expected"),
    [(1.5, 1.0, 1.2), (1.5, -1.0, -1.5), (0.5, 1.0, 0.5), (0.5, -1.0, -0.8), (1.1, 2.0, 2.2)],
)
def test_clipped_objective_by_hand(ratio, advantage, expected):
    log_ratio = torch.tensor([ratio]).log()
    found = ppo.clipped_objective(log_ratio, torch.tensor([advantage]), clip=0.2)
    assert found.item() == pytest.approx(expected, rel=1e-6)


def test_no_gradient_beyond_the_clip():
    log_ratio = torch.tensor([1.5, 1.1]).log().requires_grad_()
    ppo.clipped_objective(log_ratio, torch.ones(2), clip=0.2).backward()
    assert log_ratio.grad[0] == 0 and log_ratio.grad[1] > 0


def remembered_cue(seed: int, memory_size: int) -> float:
    """Trains on a task that asks for a memory: a cue of ±1 at the first of three steps, seen once,
    is to be repeated at the third. The mean reward there at the end, at most 0."""
    generator = make_generator(seed)
    model = ActorCritic(1 + memory_size, 1, memory_size=memory_size, generator=generator)
    settings = ppo.Settings(learning_rate=3e-3, minibatch_size=192, target_kl=1.0)
    optimiser = ppo.make_optimiser(model, settings)
    for _ in range(150):
        cue = torch.randint(2, (64, 1), generator=generator) * 2.0 - 1
        memory, kept = torch.zeros(64, memory_size), []
        for time in range(3):
            inputs = torch.cat([cue * (time == 0), memory], dim=1)
            with torch.no_grad():
                inputs, memory = model.remember(inputs, memory)
                actions, log_density, values = model.act(inputs, generator=generator)
            reward = -(actions - cue).square()[:, 0] * (time == 2)
            kept.append(
                (inputs, actions, log_density, values, reward, torch.full((64,), time == 2))
            )
        tensors = [torch.stack(part) for part in zip(*kept, strict=True)]
        start = torch.zeros(64, memory_size) if memory_size else None
        rollout = ppo.Rollout(*tensors, last_values=torch.zeros(64), memory=start)
        ppo.update(model, optimiser, rollout, settings, generator=generator)
    return rollout.rewards[2].mean().item()


@pytest.mark.usefixtures("unchecked")
def test_a_memory_learns_what_a_policy_without_it_cannot():
    assert remembered_cue(0, memory_size=8) > -0.5
    assert remembered_cue(0, memory_size=0) < -0.9  # the variance of the cue


@pytest.mark.parametrize("film_size", [0, 4])
def test_fitting_the_critic_leaves_policy_and_memory_as_they_are(film_size, generator):
    model = ActorCritic(7, 2, memory_size=4, film_size=film_size, generator=generator)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3, generator=generator)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    inputs, actions = torch.randn(5, 8, 7), torch.randn(5, 8, 2)
    zeros, dones = torch.zeros(5, 8), torch.zeros(5, 8, dtype=torch.bool)
    rewards, start = torch.ones(5, 8), torch.zeros(8, 4)
    steps = inputs, actions, zeros, zeros, rewards, dones
    rollout = ppo.Rollout(*steps, last_values=torch.zeros(8), memory=start)
    settings = ppo.Settings(target_kl=100.0)
    optimiser = ppo.make_optimiser(model, settings)
    ppo.update(model, optimiser, rollout, settings, generator=generator, fit_critic=True)
    moved = {n for n, tensor in model.state_dict().items() if not torch.equal(tensor, before[n])}
    assert moved and all(name.startswith("value") for name in moved)


def swing_up(seed: int, num_rounds: int) -> list[float]:
    """Trains on Gymnasium's Pendulum; mean returns of its 16 episodes of 200 steps, by round."""
    envs = gymnasium.make_vec("Pendulum-v1", num_envs=16)
    generator = make_generator(seed)
    model = ActorCritic(3, 1, generator=generator)
    settings = ppo.Settings(
        learning_rate=1e-3, discount=0.9, minibatch_size=400, num_epochs=10, target_kl=0.1
    )
    optimiser = ppo.make_optimiser(model, settings)
    returns = []
    for number in range(num_rounds):
        seen, kept = envs.reset(seed=1000 * seed + number)[0], []
        for _ in range(200):
            inputs = torch.from_numpy(seen)
            with torch.no_grad():
                actions, log_density, values = model.act(inputs, generator=generator)
            seen, rewards, _, truncated, _ = envs.step(2 * actions.numpy().clip(-1, 1))
            reward, dones = torch.from_numpy(rewards).float(), torch.from_numpy(truncated)
            kept.append((inputs, actions, log_density, values, reward / 10, dones))
        tensors = [torch.stack(part) for part in zip(*kept, strict=True)]
        rollout = ppo.Rollout(*tensors, last_values=torch.zeros(16))
        ppo.update(model, optimiser, rollout, settings, generator=generator)
        returns.append(10 * rollout.rewards.sum(0).mean().item())
    envs.close()
    return returns


@pytest.mark.slow
@pytest.mark.usefixtures("unchecked")
def test_learns_to_swing_a_pendulum_up():
    returns = swing_up(seed=0, num_rounds=40)
    assert returns[0] < -900
    assert np.mean(returns[-5:]) > -400


def test_an_entropy_bonus_widens_the_actions():
    given = rollout([[1.0, 2.0]] * 8, [[0.0, 0.0]] * 8, [[False, False]] * 8, [0.0, 0.0])
    spreads = []
    for weight in (0.0, 1.0):
        model = ActorCritic(3, 2, generator=make_generator(0))
        settings = ppo.Settings(entropy_coef=weight, target_kl=100.0, num_epochs=2)
        optimiser = ppo.make_optimiser(model, settings)
        ppo.update(model, optimiser, given, settings, generator=make_generator(1))
        spreads.append(model.log_std.mean().item())
    assert spreads[1] > spreads[0]


def test_memories_are_not_augmented():
    given = rollout([[1.0]], [[0.0]], [[False]], [0.0])._replace(memory=torch.zeros(1, 2))
    model = ActorCritic(3, 2, memory_size=2, generator=make_generator(0))
    optimiser = ppo.make_optimiser(model, ppo.Settings())
    options = {"generator": make_generator(1), "augment": lambda *parts, generator: parts}
    with pytest.raises(ValueError, match="augment: what a policy remembers"):
        ppo.update(model, optimiser, given, ppo.Settings(), **options)


@pytest.mark.usefixtures("unchecked")
def test_one_seed_one_training():
    assert swing_up(seed=1, num_rounds=2) == swing_up(seed=1, num_rounds=2)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("minibatch_size", 0, "minibatch_size must be an integer of at least 1, got 0"),
        ("learning_rate", 0.0, "learning_rate must be positive and finite, got 0.0"),
        ("discount", 0.0, "discount must be positive and finite, got 0.0"),
        ("clip", 0.0, "clip must be positive and finite, got 0.0"),
        ("learning_rate", float("inf"), "learning_rate must be positive and finite, got inf"),
        ("target_kl", 0.0, "target_kl must be positive and finite, got 0.0"),
        ("entropy_coef", -1.0, "entropy_coef must be positive and finite, got -1.0"),
        ("discount", 1.01, "discount and gae_lambda must not exceed 1"),
        ("gae_lambda", 1.5, "discount and gae_lambda must not exceed 1"),
    ],
)
def test_settings_out_of_range(name, value, message):
    with pytest.raises(ValueError, match=message):
        ppo.Settings(**{name: value})
    assert ppo.Settings(entropy_coef=0.0).entropy_coef == 0


def augmented(augment, **changes):
    """A model after one update on what it did itself, and how often ``augment`` was called."""
    generator, calls = make_generator(2), []

    def count(inputs, actions, *, generator):
        calls.append(inputs)
        return augment(inputs, actions)

    model = ActorCritic(3, 2, generator=make_generator(0))
    inputs = torch.randn((8, 4, 3), generator=generator)
    with torch.no_grad():
        acted = model.act(inputs.flatten(0, 1), generator=generator)
    actions, log_probs, values = (part.unflatten(0, (8, 4)) for part in acted)
    rewards, dones = torch.randn((8, 4), generator=generator), torch.zeros((8, 4)) > 0
    given = ppo.Rollout(inputs, actions, log_probs, values, rewards, dones, torch.zeros(4))
    settings = ppo.Settings(num_epochs=3, target_kl=100.0, minibatch_size=8)
    optimiser = ppo.make_optimiser(model, settings)
    options = {"generator": make_generator(1), "augment": augment and count}
    log = ppo.update(model, optimiser, given, settings, **options)
    return model, log, calls


def test_an_augmentation_that_changes_nothing():
    plain, log, _ = augmented(None)
    same, same_log, calls = augmented(lambda inputs, actions: (inputs, actions))
    assert len(calls) == 3 and same_log == pytest.approx(log, rel=1e-4)
    for one, other in zip(plain.parameters(), same.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


def test_a_minibatch_of_one_step():
    given = rollout([[1.0]], [[0.0]], [[False]], [0.0])
    model, settings = ActorCritic(3, 2, generator=make_generator(0)), ppo.Settings(num_epochs=1)
    optimiser = ppo.make_optimiser(model, settings)
    ppo.update(model, optimiser, given, settings, generator=make_generator(1))
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_an_update_ends_at_the_minibatch_that_goes_too_far():
    given = rollout([[1.0, 2.0]] * 8, [[0.0, 0.0]] * 8, [[False, False]] * 8, [0.0, 0.0])
    made = []
    for target_kl in (1e-9, 100.0):
        settings = ppo.Settings(target_kl=target_kl, num_epochs=3, minibatch_size=4)
        model = ActorCritic(3, 2, generator=make_generator(0))
        optimiser, options = ppo.make_optimiser(model, settings), {"generator": make_generator(1)}
        made.append(ppo.update(model, optimiser, given, settings, **options)["updates"])
    assert made[0] < made[1] == 12


def test_an_augmented_policy_starts_from_ratio_one_and_is_normalised_by_what_it_saw():
    mirrored, log, _ = augmented(lambda inputs, actions: (3 - inputs, -actions))
    plain, *_ = augmented(None)
    assert log["kl"] < 0.1  # an old density from elsewhere would make it huge
    torch.testing.assert_close(mirrored.normalizer.mean, 3 - plain.normalizer.mean)
    assert not torch.equal(mirrored.policy[0].weight, plain.policy[0].weight)
