"""Speakers of one word an episode: their table of returns, and exact training on it."""

import pytest
import torch

from paperlib.agents import populations, word_speakers
from paperlib.agents.networks import StackedMLP
from paperlib.environments.particleworld import ParticleWorld
from paperlib.streams import make_generator

# Two listeners, three targets, four words: each listener has a code of its own
RETURNS = torch.tensor(
    [
        [[-1.0, -9.0, -8.0, -7.0], [-9.0, -2.0, -8.0, -7.0], [-9.0, -8.0, -3.0, -7.0]],
        [[-9.0, -2.0, -5.0, -7.0], [-3.0, -9.0, -5.0, -7.0], [-9.0, -8.0, -5.0, -2.0]],
    ]
)


def one_hot_contexts(num_speakers=1):
    return torch.eye(2)[:, None].expand(num_speakers, -1, -1, -1)  # (K, 2, 1, 2)


def obedient_listeners():
    """One listener that goes where bits 0 and 1 say: right for 1x, left for 01, else nowhere."""
    weights, bias = torch.zeros(1, 11, 5), torch.zeros(1, 1, 5)
    weights[0, 8, 2], weights[0, 9, 1], bias[..., 0] = 60.0, 30.0, 15.0
    return StackedMLP.from_tensors({"weights.0": weights, "biases.0": bias})


def test_words_are_all_bits_lowest_first():
    assert word_speakers.words(2).tolist() == [[0, 0], [1, 0], [0, 1], [1, 1]]
    assert word_speakers.words(8).shape == (256, 8)


def test_the_best_word_is_found_by_trial(generator):
    tables = word_speakers.word_returns(obedient_listeners(), num_episodes=600, generator=generator)
    assert tables.shape == (2, 1, 3, 8)
    # The listener never sees where a target is and best stands still: the mean squared distance of
    # two points in the square is 4/3, 25 times; 600 episodes give it to about 1.5.
    best = word_speakers.best_constant_returns(tables)
    assert best.shape == (1,) and best.item() == pytest.approx(-25 * 4 / 3, abs=5)
    still, moving = tables[:, 0, :, [0, 4]].mean(), tables[:, 0, :, [1, 2, 3]].mean()
    assert still > moving + 50


def test_words_are_chosen_on_one_table_and_judged_on_the_other():
    tables = torch.stack([RETURNS, RETURNS - 1.0])
    tables[1, 0, 0, 0] = -50.0  # the word that the first table prefers
    found = word_speakers.best_constant_returns(tables)
    assert found.tolist() == pytest.approx([(-50 - 3 - 4) / 3, (-3 - 4 - 3) / 3])
    # One code: means over listeners are highest for words 0 (-5), 1 (-5.5) and 2 (-4)
    found = word_speakers.best_code_returns(torch.stack([RETURNS, RETURNS]))
    assert found.tolist() == pytest.approx([(-1 - 2 - 3) / 3, (-9 - 9 - 5) / 3])


def test_expected_returns_by_hand():
    bias = torch.log(torch.tensor([0.5, 0.25, 0.25, 1e-30])).reshape(1, 1, 4)
    speakers = StackedMLP.from_tensors({"weights.0": torch.zeros(1, 5, 4), "biases.0": bias})
    found = word_speakers.expected_returns(speakers, one_hot_contexts(), RETURNS)
    expected = (RETURNS * torch.tensor([0.5, 0.25, 0.25, 0.0])).sum(-1).mean(-1)
    torch.testing.assert_close(found, expected[None])


@pytest.mark.usefixtures("unchecked")
def test_training_finds_each_listeners_code():
    contexts = torch.cat([one_hot_contexts(), torch.zeros(1, 2, 1, 2)])
    generators = [make_generator(k) for k in range(2)]
    speakers, curve = word_speakers.train_speakers(
        contexts, RETURNS, generators=generators, num_updates=600
    )
    told, untold = word_speakers.expected_returns(speakers, contexts, RETURNS)
    assert told.tolist() == pytest.approx([-2, -7 / 3], abs=0.05)
    # Without a context: the best code for both; the next one is 0.17 worse
    assert untold.mean().item() == pytest.approx((-5 - 5.5 - 4) / 3, abs=0.15)
    assert curve.shape == (600, 2) and (curve[-1] > curve[0]).all()


def test_speakers_do_not_depend_on_who_trains_beside_them():
    options = {"num_updates": 20, "hidden_size": 8}
    both, _ = word_speakers.train_speakers(
        one_hot_contexts(2), RETURNS, generators=[make_generator(k) for k in (0, 1)], **options
    )
    alone, _ = word_speakers.train_speakers(
        one_hot_contexts(1), RETURNS, generators=[make_generator(1)], **options
    )
    torch.testing.assert_close(both.weights[1][1:], alone.weights[1])


def test_an_update_may_take_some_of_the_contexts():
    noise = torch.randn((1, 2, 6, 2), generator=make_generator(4))
    options = {"num_updates": 5, "hidden_size": 8}
    speakers = [
        word_speakers.train_speakers(
            noise,
            RETURNS,
            contexts_per_update=count,
            generators=[make_generator(0)],
            **options,
        )[0]
        for count in (0, 6, 2)
    ]
    whole, same, some = (stack.weights[0] for stack in speakers)
    assert torch.equal(whole, same) and not torch.equal(whole, some)


def test_contexts_are_drawn_by_each_speakers_own_generator():
    contexts = torch.randn((2, 2, 6, 2), generator=make_generator(4))
    options = {"num_updates": 10, "hidden_size": 8, "contexts_per_update": 2}
    both, _ = word_speakers.train_speakers(
        contexts, RETURNS, generators=[make_generator(k) for k in (0, 1)], **options
    )
    alone, _ = word_speakers.train_speakers(
        contexts[1:], RETURNS, generators=[make_generator(1)], **options
    )
    torch.testing.assert_close(both.weights[1][1:], alone.weights[1])


@pytest.mark.slow
def test_the_table_predicts_real_episodes():
    """By real episodes with drawn words: their mean lies within five standard errors."""
    listeners = obedient_listeners()
    tables = word_speakers.word_returns(listeners, num_episodes=4000, generator=make_generator(0))
    speakers = StackedMLP((3, 8, 8), generators=[make_generator(1)])  # random words
    expected = word_speakers.expected_returns(speakers, torch.zeros(1, 1, 1, 0), tables.mean(0))
    episodes = populations.play(
        word_speakers.as_policies(speakers, generator=make_generator(2)),
        listeners,
        ParticleWorld((1, 20_000), generator=make_generator(3)),
    )
    assert (episodes.messages == episodes.messages[:, :, :1]).all()  # one word an episode
    assert len(episodes.messages[0, :, 0].unique(dim=0)) == 8
    returns = episodes.rewards.sum(-1)[0]
    error = returns.std() / 20_000**0.5 + tables[:, 0].std(0).mean() / 2**0.5
    assert abs(returns.mean() - expected.item()) < 5 * error


def test_too_many_words_for_a_table(generator):
    listeners = StackedMLP((17, 5), generators=[generator])
    options = {"num_episodes": 2, "generator": generator}
    with pytest.raises(ValueError, match="message_size must be at most 8"):
        word_speakers.word_returns(listeners, **options)


def test_too_few_episodes_for_every_target(generator):
    with pytest.raises(ValueError, match="num_episodes: 2 of each word are too few"):
        word_speakers.word_returns(obedient_listeners(), num_episodes=2, generator=generator)


def test_sizes_that_do_not_fit(unchecked):
    speakers = StackedMLP((6, 4), generators=[make_generator(0)])
    with pytest.raises(ValueError, match=r"speakers with 6 inputs and 4 words do not fit"):
        word_speakers.expected_returns(speakers, one_hot_contexts(1), RETURNS)
    others = torch.zeros(1, 4, 1, 2)  # could be taken for two contexts of each of two listeners
    with pytest.raises(ValueError, match="returns must be of the 4 listeners of contexts, got 2"):
        word_speakers.expected_returns(speakers, others, RETURNS)
    with pytest.raises(ValueError, match="returns must be of the 4 listeners of contexts, got 2"):
        word_speakers.train_speakers(others, RETURNS, generators=[make_generator(0)])
    for wrong in ({"contexts_per_update": -1}, {"entropy_weight": -1.0}, {"learning_rate": 0.0}):
        with pytest.raises(ValueError, match=f"{min(wrong)} must be"):
            word_speakers.train_speakers(
                one_hot_contexts(1), RETURNS, generators=[make_generator(0)], **wrong
            )
    with pytest.raises(ValueError, match="generators: got 1 for 2 speakers"):
        word_speakers.train_speakers(one_hot_contexts(2), RETURNS, generators=[make_generator(0)])


@pytest.mark.parametrize("message_size", [1, 3, 8])
def test_words_and_their_numbers(message_size):
    bits = word_speakers.words(message_size)
    found = word_speakers.word_numbers(bits.float())
    assert torch.equal(found, torch.arange(2**message_size))
    share = torch.tensor([[0.4, 0.6, 0.5]])  # of the steps in which a bit was sent
    assert word_speakers.word_numbers(share).tolist() == [2]
