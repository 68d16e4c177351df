"""Relabelled channels, and listeners behind them."""

import itertools

import pytest
import torch

from paperlib import streams
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population, collect
from paperlib.alternatives.merging import merge_steps
from paperlib.datasets import InteractionDataset
from paperlib.environments.particleworld import MESSAGE
from paperlib.graphs import InteractionGraph
from reproduction import channel_symmetries as symmetries
from reproduction.channel_symmetries import ChannelSymmetry, channel_symmetries

WORDS = torch.tensor(list(itertools.product((0.0, 1.0), repeat=3)))
SHIFT = ChannelSymmetry((1, 2, 0), (0, 1, 1))
OTHER = ChannelSymmetry((2, 0, 1), (1, 1, 0))
IDENTITY = ChannelSymmetry((0, 1, 2), (0, 0, 0))


def make_population(num_pairs=3):
    """Speakers and listeners whose actions leave no doubt: their logits are very large."""
    stacks = []
    for seed, sizes in enumerate([(3, 8, 3), (11, 8, 5)]):
        generators = [streams.make_generator(seed, k) for k in range(num_pairs)]
        stack = StackedMLP(sizes, generators=generators)
        for parameter in (stack.weights[-1], stack.biases[-1]):
            parameter.data *= 1e5
        stacks.append(stack)
    return Population(*stacks, provenance={})


def collect_images(*channels, population=None):
    return symmetries.collect_images(
        population or make_population(),
        InteractionGraph.bipartite(3, 3),
        symmetries=channels,
        num_episodes=2,
        generator=streams.make_generator(3),
    )


def test_a_symmetry_by_hand():
    said = torch.tensor([[1.0, 0, 0], [0, 0, 0], [0, 0.25, 1]])
    expected = torch.tensor([[0.0, 1, 0], [0, 1, 1], [0.25, 0, 1]])
    assert torch.equal(SHIFT(said), expected)


def table(symmetry):
    return tuple(map(tuple, symmetry(WORDS).tolist()))


def test_the_48_symmetries_are_a_group():
    group = channel_symmetries(3)
    tables = {table(symmetry) for symmetry in group}
    assert len(group) == len(tables) == 48 and group[0] == IDENTITY
    assert all(len(set(rows)) == 8 for rows in tables)  # no two words are heard as one
    products = {
        tuple(map(tuple, one(other(WORDS)).tolist()))
        for one, other in itertools.product(group, group)
    }
    assert products == tables


@pytest.mark.parametrize(("message_size", "count"), [(1, 2), (2, 8), (4, 384)])
def test_how_many_symmetries_there_are(message_size, count):
    assert len(set(channel_symmetries(message_size))) == count


def test_behind_the_identity_all_is_as_without_channel():
    graph, generator = InteractionGraph.bipartite(3, 3), streams.make_generator(3)
    plain = collect(make_population(), graph, num_episodes=2, generator=generator)
    assert collect_images(IDENTITY).checksum() == plain.checksum()


def test_images_act_on_what_they_hear_and_silence_is_silence():
    population, graph = make_population(), InteractionGraph.bipartite(3, 3)
    options = {"num_episodes": 20, "generator": streams.make_generator(3), "channel": SHIFT}
    data = collect(population, graph, **options)
    assert (data.observations[:, 0, MESSAGE] == 0).all()
    loud = data.observations.clone()
    loud[..., MESSAGE] = SHIFT(loud[..., MESSAGE])
    through = loud.clone()
    through[:, 0, MESSAGE] = 0.0

    def answers(observations):  # of the listener whose episode it is
        own = population.listeners.rows((data.agents - 3).tolist())
        return own(observations).argmax(-1)

    assert torch.equal(answers(through), data.actions.long())
    assert not torch.equal(answers(data.observations), data.actions.long())
    # in the first step, what a listener would do on hearing T(silence) is another thing
    assert not torch.equal(answers(loud)[:, 0], data.actions[:, 0].long())


def test_speakers_say_what_they_always_say():
    population = make_population()
    colours = torch.full((3, 3), 0.15) + 0.5 * torch.eye(3)
    words = population.speakers(colours.expand(3, 3, 3)) > 0  # (speaker, colour, bit)
    data = collect_images(IDENTITY, SHIFT, OTHER, population=population)
    for row, speaker in enumerate(data.partners.tolist()):
        said = data.observations[row, 1:, MESSAGE]
        assert (said == said[0]).all() and said[0].tolist() in words[speaker].float().tolist()


def test_every_image_is_an_agent_of_its_own():
    data = collect_images(IDENTITY, SHIFT, OTHER)
    assert data.agents.unique().tolist() == list(range(3, 12))
    blocks = data.agents.unflatten(0, (3, -1))
    assert torch.equal(blocks[1], blocks[0] + 3) and torch.equal(blocks[2], blocks[0] + 6)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (((0, 2), (0, 0)), "order must be a permutation"),
        (((0, 0), (0, 0)), "order must be a permutation"),
        (((), ()), "order must be a permutation"),
        (((1, 0), (0,)), "flips must be 2 zeros and ones"),
        (((1, 0), (0, 2)), "flips must be 2 zeros and ones"),
    ],
)
def test_what_is_no_symmetry(parts, message):
    with pytest.raises(ValueError, match=f"^{message}") as error:
        ChannelSymmetry(*parts)
    assert "\n" not in str(error.value)


def test_symmetries_of_another_size_and_data_without_messages():
    small = ChannelSymmetry((1, 0), (0, 0))
    with pytest.raises(ValueError, match=r"^symmetry: it is one of 2 bits, messages have 3$"):
        collect_images(small)
    with pytest.raises(ValueError, match=r"^symmetry: it is one of 2 bits, messages have 3$"):
        small(WORDS)
    with pytest.raises(ValueError, match=r"^symmetries must hold at least one"):
        collect_images()
    for size in (0, 6):
        with pytest.raises(ValueError, match=r"^message_size must be"):
            channel_symmetries(size)


def test_returns_behind_a_channel():
    """Row s·L + l, word w: what listener l brings when it hears T_s(w)."""
    returns = torch.arange(2 * 3 * 8.0).unflatten(0, (2, 3, 8))
    found = symmetries.relabelled_returns(returns, [IDENTITY, SHIFT])
    assert found.shape == (4, 3, 8) and torch.equal(found[:2], returns)
    bits = torch.tensor([1.0, 0.0, 0.0])  # word 1 is heard as 0, 1, 0: word 2
    assert SHIFT(bits).tolist() == [0, 1, 0]
    assert torch.equal(found[2:, :, 1], returns[:, :, 2])


def test_the_best_word_stays_the_best_behind_every_channel():
    returns = torch.rand((2, 3, 8), generator=streams.make_generator(1))
    found = symmetries.relabelled_returns(returns, channel_symmetries(3))
    assert torch.equal(found.amax(-1), returns.amax(-1).repeat(48, 1))


def test_agents_are_divided_by_the_message_they_heard():
    observations = torch.zeros(3, 4, 11)
    observations[0, 1:, MESSAGE] = torch.tensor([1.0, 0.0, 1.0])  # word 5
    observations[1, 1:3, MESSAGE] = torch.tensor([0.0, 1.0, 0.0])  # word 2, in both its steps
    observations[2, 1, MESSAGE] = 1.0  # once in three steps: mostly silent
    dataset = InteractionDataset.from_arrays(
        [observations[0].numpy(), observations[1, :3].numpy(), observations[2].numpy()],
        [[0] * 4, [0] * 3, [0] * 4],
        [4, 4, 7],
    )
    assert symmetries.by_message(dataset).agents.tolist() == [8 * 4 + 5, 8 * 4 + 2, 8 * 7]


def test_merged_steps_have_lost_which_was_the_first():
    merged = merge_steps(collect_images(IDENTITY))
    with pytest.raises(ValueError, match="dataset: equal steps were merged"):
        symmetries.by_message(merged)


def test_a_dataset_without_messages_is_not_divided():
    silent = InteractionDataset.from_arrays(torch.zeros(2, 3, 8), [[0] * 3] * 2, [0, 1])
    with pytest.raises(ValueError, match=r"^dataset: messages follow 8 .* these have 8$"):
        symmetries.by_message(silent)
