"""MADDPG: its updates and its checkpoints."""

import dataclasses
import re

import pytest
import torch

from paperlib import streams, training
from paperlib.agents.maddpg import Learners, Settings
from paperlib.agents.networks import StackedMLP, descend, sample_bits, sample_one_hot
from paperlib.agents.populations import cross_play, play
from paperlib.environments.particleworld import MESSAGE, ParticleWorld

TINY = Settings(num_iterations=2, num_episodes=4, replay_iterations=1, batch_size=8, hidden_size=8)


def make_learners(seeds=(0, 1), settings=TINY, **options):
    return Learners([streams.make_generator(seed) for seed in seeds], settings, **options)


def same(one, other):
    """Whether two training runs have the same state: all that they have learned and go on with."""
    kept = []
    for learners in (one, other):
        optimisers = (learners.actor_optimiser, learners.critic_optimiser)
        tensors = {**learners.learned.state_dict(prefix="learned.")}
        tensors |= learners.targets.state_dict(prefix="targets.") | learners.replay.tensors
        for number, optimiser in enumerate(optimisers):
            for index, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{number}.{index}.{name}": tensor for name, tensor in state.items()}
        tensors |= {f"generator.{k}": g.get_state() for k, g in enumerate(learners.generators)}
        kept.append(tensors | {f"returns.{k}": r for k, r in enumerate(learners.returns)})
    assert len(kept[0]) > 30 and set(kept[0]) == set(kept[1])
    return all(torch.equal(tensor, kept[1][name]) for name, tensor in kept[0].items())


def interrupt(learners, after):
    """Makes the training stop as if a user had stopped it, once ``after`` iterations are done."""
    step = learners.step

    def stop():
        if learners.iteration == after:
            raise KeyboardInterrupt
        return step()

    learners.step = stop


def train(learners, checkpoint=None, **options):
    """Trains to the last iteration; returns the learners' curves."""
    num_iterations = learners.settings.num_iterations
    training.run(learners, checkpoint, num_iterations=num_iterations, **options)
    return torch.stack(learners.returns)


# Settings


@pytest.mark.parametrize("name", [field.name for field in dataclasses.fields(Settings)])
def test_settings_out_of_range(name):
    whole = isinstance(getattr(TINY, name), int)
    kind = "an integer of at least 1" if whole else "positive and finite"
    for value in (0, -1) if whole else (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=f"{name} must be {kind}, got {value!r}"):
            Settings(**{name: value})


def test_sizes_that_do_not_fit_the_listeners():
    listeners = make_learners((7, 8, 9)).listeners
    with pytest.raises(ValueError, match=r"num_episodes \(4\) must be a multiple .*\(3\)"):
        make_learners(listeners=listeners)
    settings = dataclasses.replace(TINY, num_episodes=6, batch_size=2)
    with pytest.raises(ValueError, match=r"batch_size \(2\)"):
        make_learners(settings=settings, listeners=listeners)


@pytest.mark.parametrize("shape", [(2, 3, 1, 4), (2, 2, 4)])
def test_contexts_that_do_not_fit(shape):
    listeners = make_learners((7, 8)).listeners
    with pytest.raises(ValueError, match=rf"contexts .*\(2, 2\), got {re.escape(str(shape))}"):
        make_learners(listeners=listeners, contexts=torch.zeros(shape))


def test_listeners_of_another_message_size():
    listeners = make_learners((7, 8), message_size=5).listeners
    with pytest.raises(ValueError, match=r"^listeners must take 11 numbers and return 5, got .*13"):
        make_learners(listeners=listeners)


def test_contexts_are_for_fixed_listeners():
    with pytest.raises(ValueError, match="contexts"):
        make_learners(contexts=torch.zeros(2, 1, 1, 4))


# Learners


@pytest.mark.parametrize("message_size", [1, 5])
def test_shapes_of_pairs(message_size):
    learners = make_learners((0, 1, 2), message_size=message_size)
    assert learners.speakers.sizes == (3, 8, 8, message_size)
    assert learners.listeners.sizes == (8 + message_size, 8, 8, 5)
    assert learners.critics.sizes == (3 + 8 + 2 * message_size + 5, 8, 8, 1)
    returns = learners.step()
    assert returns.shape == (3,) and (returns < 0).all()


def test_a_pair_draws_the_same_alone_and_among_others():
    three, alone = make_learners((4, 5, 6)), make_learners((5,))
    for name, networks in alone.learned.items():
        ours = three.learned[name].rows([1, 4] if name == "critics" else [1])
        assert all(map(torch.equal, ours.parameters(), networks.parameters()))
    torch.testing.assert_close(three.step()[1:2], alone.step())
    assert torch.equal(three.replay.tensors["actions"][1:2], alone.replay.tensors["actions"])
    three.step()
    alone.step()
    # 50 updates of rounding, 1e-8 over eight seeds; other seeds end 0.1 apart
    for name, networks in alone.learned.items():
        ours = three.learned[name].rows([1, 4] if name == "critics" else [1])
        for one, other in zip(ours.parameters(), networks.parameters(), strict=True):
            torch.testing.assert_close(one, other, rtol=0, atol=1e-5)


def test_training_is_determined_by_the_generators():
    one, again, other = make_learners((0, 1)), make_learners((0, 1)), make_learners((0, 2))
    for learners in (one, again, other):
        learners.step()
    assert same(one, again)
    assert not torch.equal(one.speakers.weights[0][1], other.speakers.weights[0][1])


def test_target_networks_follow_slowly():
    learners = make_learners(settings=dataclasses.replace(TINY, tau=0.25))
    before = [parameter.clone() for parameter in learners.targets.parameters()]
    assert all(map(torch.equal, before, learners.learned.parameters()))
    learners.replay.add(play(learners.speakers, learners.listeners, learners.world))
    learners._update()
    for old, new, learned in zip(
        before, learners.targets.parameters(), learners.learned.parameters(), strict=True
    ):
        torch.testing.assert_close(new, 0.75 * old + 0.25 * learned)
        assert not torch.equal(old, learned)


def test_the_learning_rate_falls_in_the_second_half():
    settings = dataclasses.replace(TINY, num_iterations=40, num_episodes=1, learning_rate=1e-2)
    learners, rates = make_learners((0,), settings), []
    learners._update = lambda: None
    for _ in range(40):
        learners.step()
        rates += [o.param_groups[0]["lr"] for o in learners._optimisers().values()]
    assert rates[: 2 * 21] == [1e-2] * 42
    assert rates[2 * 30 : 2 * 31] == pytest.approx([5e-3] * 2)
    assert rates[-2:] == pytest.approx([5e-4] * 2)


def test_each_network_is_clipped_by_its_own_norm():
    learners = make_learners((0, 1))
    scales = torch.tensor([1e-3, 1e3]).repeat(2)[:, None, None]  # of pairs 0 and 1, both critics
    loss = sum((scales * parameter).sum() for parameter in learners.critics.parameters())
    descend(learners.critic_optimiser, loss, [learners.critics], max_grad_norm=0.5)
    gradients = torch.cat([p.grad.flatten(1) for p in learners.critics.parameters()], 1)
    size = gradients.shape[1] ** 0.5
    torch.testing.assert_close(
        gradients.norm(dim=1), torch.tensor([1e-3 * size, 0.5]).repeat(2), rtol=1e-4, atol=0
    )


def network(stack, row):
    """One network of a stack as a function, and its parameters in the order of the stack's."""
    weights, biases = (
        [p[row].detach().clone().requires_grad_() for p in part]
        for part in (stack.weights, stack.biases)
    )

    def forward(*parts):
        x = torch.cat(parts)
        for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
            x = (x @ weight + bias[0]).relu()
        return x @ weights[-1] + biases[-1][0]

    return forward, [*weights, *biases]


def test_an_update_is_that_of_the_paper():
    settings = dataclasses.replace(TINY, max_grad_norm=1e9, discount=0.9, logit_penalty=0.1)
    learners, k = make_learners((0, 1), settings), 1
    for target in learners.targets.parameters():
        target.data *= 1.5
    learners.replay.add(play(learners.speakers, learners.listeners, learners.world))
    target_speaker, target_listener, *target_critics = (
        network(learners.targets[name], row)[0]
        for name, row in (("speakers", k), ("listeners", k), ("critics", k), ("critics", 2 + k))
    )
    speaker, listener = (network(stack, k) for stack in (learners.speakers, learners.listeners))
    critics = [network(learners.critics, row) for row in (k, 2 + k)]
    generator = torch.Generator()
    generator.set_state(learners.generators[k].get_state())
    learners._update()  # of the critics first; they are what the actors then climb
    new_critics = [network(learners.critics, row)[0] for row in (k, 2 + k)]

    losses = [0.0] * 4  # of both critics and both actors, one transition at a time
    tensors = {name: tensor[k] for name, tensor in learners.replay.tensors.items()}
    for numbers in torch.rand(8, 19, generator=generator):
        choice, *noise = numbers.split([3, 3, 5, 3, 5])
        place, iteration, step = (choice * torch.tensor([4, 1, 25])).int()
        colour, paid = (
            tensors["inputs"][place, iteration],
            tensors["rewards"][place, iteration, step],
        )
        seen, ahead = tensors["listener"][place, iteration, step : step + 2]
        message, force = tensors["actions"][place, iteration, step].float().split([3, 5])
        next_message = sample_bits(target_speaker(colour), noise[0])
        next_force = sample_one_hot(target_listener(ahead), noise[1])
        for agent in (0, 1):
            future = target_critics[agent](colour, ahead, next_message, next_force).detach()
            value = critics[agent][0](colour, seen, message, force)
            losses[agent] += (paid + 0.9 * future - value).square().sum() / 8
        bits, push = speaker[0](colour), listener[0](seen)
        own_message, own_force = sample_bits(bits, noise[2]), sample_one_hot(push, noise[3])
        climbed = new_critics[0](colour, seen, own_message, force).sum()
        losses[2] += (0.1 * bits.square().mean() - climbed) / 8
        climbed = new_critics[1](colour, seen, message, own_force).sum()
        losses[3] += (0.1 * push.square().mean() - climbed) / 8

    stacks = (learners.critics, k), (learners.critics, 2 + k)
    stacks += (learners.speakers, k), (learners.listeners, k)
    parts = zip(losses, (*critics, speaker, listener), stacks, strict=True)
    for loss, (_, parameters), (stack, row) in parts:
        expected = torch.autograd.grad(loss, parameters, retain_graph=True)
        for parameter, gradient in zip(stack.parameters(), expected, strict=True):
            # float32 sums, relative to the largest
            scale = gradient.abs().max().item()
            torch.testing.assert_close(parameter.grad[row], gradient, rtol=0, atol=1e-5 * scale)


def mean_returns(learners):
    generators = [streams.make_generator(9, k) for k in range(2)]
    world = ParticleWorld((2, 500), generator=generators)
    return play(learners.speakers, learners.listeners, world).rewards.sum(-1).mean(-1)


def test_training_improves_on_the_untrained_return():
    settings = Settings(
        num_iterations=14, num_episodes=32, batch_size=64, hidden_size=32, learning_rate=1e-2,
        tau=0.05, max_grad_norm=5.0,
    )  # fmt: skip
    learners = make_learners((0, 1), settings)
    before = mean_returns(learners)
    train(learners)
    after = mean_returns(learners)
    # 48 seeds gained 17 to 26; the standard error of a mean return is below 2
    assert (after - before > 10).all()


# Speakers against fixed listeners


def moody_listeners():
    """Two listeners: one runs away while the first bit is one, the other while it is zero."""
    weight, bias = torch.zeros(2, 11, 5), torch.zeros(2, 1, 5)
    weight[:, MESSAGE.start, 2] = torch.tensor([20.0, -20.0])
    bias[:, 0, 2], bias[:, 0, 0] = torch.tensor([-10.0, 10.0]), 5.0
    return StackedMLP.from_tensors({"weights.0": weight, "biases.0": bias})


def test_fixed_listeners_stay_as_they_are():
    listeners = moody_listeners()
    before = [parameter.clone() for parameter in listeners.parameters()]
    learners = make_learners((0, 1, 2), listeners=listeners)
    assert set(learners.learned) == {"speakers", "critics"}
    assert learners.critics.sizes[0] == 3 + 11 + 3 + 5 + 2  # the critic sees who listens
    assert len(learners.critics.biases[0]) == 3
    start = learners.speakers.weights[0].clone()
    learners.step()
    assert all(map(torch.equal, before, listeners.parameters()))
    assert not torch.equal(start, learners.speakers.weights[0])


def test_each_context_goes_to_the_episodes_of_its_listener(generator):
    contexts = torch.arange(2 * 2 * 3.0).reshape(2, 2, 3, 1).expand(-1, -1, -1, 4)
    settings = dataclasses.replace(TINY, num_episodes=40)
    learners = make_learners(settings=settings, listeners=moody_listeners(), contexts=contexts)
    assert learners.speakers.sizes[0] == 3 + 4
    drawn = learners._draw_context()
    assert drawn.shape == (2, 40, 4)
    for k in range(2):
        for listener in range(2):  # 20 draws miss one of three vectors once in 1000
            share = drawn[k, 20 * listener : 20 * listener + 20]
            assert set(share.unique().tolist()) == set(contexts[k, listener].unique().tolist())


def test_contexts_pay_where_listeners_differ():
    settings = Settings(
        num_iterations=16, num_episodes=16, batch_size=64, hidden_size=32, learning_rate=5e-3,
        discount=0.9, tau=0.1, logit_penalty=0.1, max_grad_norm=5.0,
    )  # fmt: skip
    listeners, given = moody_listeners(), torch.tensor([1.0, 1, 1, 0, 0, 0])
    contexts = given[:, None, None, None] * torch.eye(2)[None, :, None]  # (6, 2, 1, 2)
    learners = make_learners((0, 1, 2) * 2, settings, listeners=listeners, contexts=contexts)
    train(learners)
    options = {"generators": streams.make_generator(3), "num_episodes": 100}
    returns = cross_play(learners.speakers, listeners, contexts=contexts, **options).mean((1, 2))
    # over 24 seeds those that see who listens gained 19 to 39
    assert (returns[:3] > returns[3:] + 10).all()


# Checkpoints


def test_a_resumed_training_ends_where_an_uninterrupted_one_does(tmp_path):
    file, settings = (
        tmp_path / "c.safetensors",
        dataclasses.replace(TINY, num_iterations=3, replay_iterations=2),
    )
    whole, first, second = (make_learners(range(12), settings) for _ in range(3))
    curves = train(whole)
    interrupt(first, 2)
    with pytest.raises(KeyboardInterrupt):
        train(first, checkpoint=file, checkpoint_every=1)
    assert torch.equal(train(second, checkpoint=file, checkpoint_every=1), curves)
    assert same(whole, second)


def test_a_loaded_training_shares_nothing_with_the_one_it_came_from():
    whole, first, second = (make_learners() for _ in range(3))
    for learners in (whole, first):
        learners.step()
    second.load_state(*first.state())
    for learners in (whole, first, second):
        learners.step()
    assert same(whole, first) and same(whole, second)


def test_the_state_before_the_first_iteration():
    first, second = make_learners(), make_learners()
    second.load_state(*first.state())
    first.step()
    second.step()
    assert same(first, second)


def test_a_resumed_training_repeats_no_iteration(tmp_path):
    file, first, second = tmp_path / "c.safetensors", make_learners(), make_learners()
    train(first, checkpoint=file)
    interrupt(second, TINY.num_iterations)  # would stop at any further iteration
    assert train(second, checkpoint=file).shape == (TINY.num_iterations, 2)


@pytest.mark.parametrize("contexts", [None, torch.arange(48.0).reshape(2, 2, 3, 4) / 48])
def test_speakers_resume_too(contexts, tmp_path):
    file, listeners = tmp_path / "c.safetensors", moody_listeners()
    whole, first, second = (make_learners(listeners=listeners, contexts=contexts) for _ in range(3))
    train(whole)
    interrupt(first, 1)
    with pytest.raises(KeyboardInterrupt):
        train(first, checkpoint=file, checkpoint_every=1)
    train(second, checkpoint=file)
    assert same(whole, second)


def test_the_checkpoint_for_other_listeners_or_contexts_is_not_taken_up(tmp_path):
    file, options = tmp_path / "c.safetensors", {"listeners": moody_listeners()}
    options["contexts"] = torch.zeros(2, options["listeners"].num_networks, 1, 4)
    train(make_learners(**options), file)
    others = moody_listeners()
    others.biases[0].data += 1
    for changed in ({"listeners": others}, {"contexts": options["contexts"] + 1}):
        with pytest.raises(ValueError, match="of another training, which differs in given"):
            train(make_learners(**{**options, **changed}), file)


def test_the_checkpoint_of_another_seed_is_not_taken_up(tmp_path):
    file = tmp_path / "c.safetensors"
    train(make_learners((0, 1)), file)
    train(make_learners((0, 1)), file)
    with pytest.raises(ValueError, match="of another training, which differs in generators"):
        train(make_learners((0, 2)), file)


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"source": {"seed": 2}}, "seed"),
        ({"message_size": 5}, "sizes"),
        ({"settings": dataclasses.replace(TINY, learning_rate=1e-3)}, "settings"),
        ({"seeds": (0, 1, 2)}, "num_learners"),
        ({"dynamics": "2018"}, "dynamics"),
    ],
)
def test_the_checkpoint_of_another_training_is_not_taken_up(other, named, tmp_path):
    file = tmp_path / "c.safetensors"
    train(make_learners(source={"seed": 1}), file)
    options = {"source": {"seed": 1}} | other
    with pytest.raises(ValueError, match=f"of another training, which differs in {named}"):
        train(make_learners(**options), file)
    learners = make_learners(**options)
    interrupt(learners, 0)  # before the first iteration
    with pytest.raises(KeyboardInterrupt):
        train(learners, file, restart=True)
