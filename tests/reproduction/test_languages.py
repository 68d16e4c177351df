"""Languages: what codes and tables of returns hold, by hand, and against shuffled words."""

import numpy as np
import pytest
import torch
from scipy import stats

from paperlib.agents import word_speakers
from paperlib.agents.networks import StackedMLP
from paperlib.streams import make_generator
from reproduction import languages
from reproduction.channel_symmetries import channel_symmetries

rng = np.random.default_rng


def sure(*words, num_words=8):
    """Codes of speakers that always send the same word for a target."""
    return np.eye(num_words)[np.array(words)]


def random_codes(num_pairs, seed=0):
    return rng(seed).dirichlet(np.full(8, 0.3), size=(num_pairs, 3))


def random_returns(num_listeners, seed=1):
    return -30 * rng(seed).random((num_listeners, 3, 8))


def test_codes_are_products_over_bits():
    weights, biases = torch.zeros(1, 3, 2), torch.logit(torch.tensor([[[0.9, 0.2]]]))
    speakers = StackedMLP.from_tensors({"weights.0": weights, "biases.0": biases})
    expected = [0.1 * 0.8, 0.9 * 0.8, 0.1 * 0.2, 0.9 * 0.2]  # 00, 10, 01, 11
    np.testing.assert_allclose(languages.speaker_codes(speakers), [[expected] * 3], atol=1e-7)


def test_codes_depend_on_the_target():
    speakers = StackedMLP((3, 8, 3), generators=[make_generator(k) for k in range(4)])
    codes = languages.speaker_codes(speakers)
    np.testing.assert_allclose(codes.sum(-1), 1)
    assert codes.shape == (4, 3, 8) and (codes.std(1).max(-1) > 0).all()


def test_mutual_information_by_hand():
    codes = sure([0, 1, 2], [5, 5, 5], [3, 3, 6])
    codes[0, 0, [0, 7]] = 0.5  # a synonym takes nothing away
    two_thirds = np.log2(3) - 2 / 3
    found = languages.mutual_information(codes)
    np.testing.assert_allclose(found, [np.log2(3), 0, two_thirds], atol=1e-12)


def test_words_that_are_sent_and_understood():
    codes = sure([0, 1, 2])
    codes[0, 0, [0, 1, 2]] = 0.9, 0.06, 0.04
    assert languages.words_sent(codes, threshold=0.05).sum(-1).tolist() == [[2, 1, 1]]
    returns = np.full((1, 3, 8), -20.0)
    returns[0, 0, :3], returns[0, 1, 4], returns[0, 2] = (-8, -8.9, -9.1), -10, -15
    understood = languages.words_understood(returns, tolerance=1.0)
    assert understood.sum(-1).tolist() == [[2, 1, 8]]
    assert understood[0, 0].nonzero()[0].tolist() == [0, 1]


def test_further_words_are_synonyms_if_they_are_understood():
    codes, returns = sure([0, 1, 2]), np.full((1, 3, 8), -20.0)
    codes[0, 0, :3], codes[0, 1, [1, 3]] = (0.5, 0.3, 0.2), (0.9, 0.1)
    returns[0, 0, [0, 2]], returns[0, 1, [1, 3]] = (-9, -9.5), (-9, -12)
    options = {"threshold": 0.05, "tolerance": 1.0}
    assert languages.synonymy(codes, returns, **options) == pytest.approx(1 / 3)
    assert np.isnan(languages.synonymy(sure([0, 1, 2]), returns, **options))


def test_bits_apart_by_hand():
    assert languages.bit_distances(8)[3].tolist() == [2, 1, 1, 0, 3, 2, 2, 1]
    codes = sure([0, 1, 3], [0, 7, 7])
    np.testing.assert_allclose(languages.bits_apart(codes), [4 / 3, 2])
    codes[0, 0, [0, 3]] = 0.5  # 1, 1 or 1, 0 bits from the others
    np.testing.assert_allclose(languages.bits_apart(codes[:1]), [(1 + 1 + 1) / 3])


def test_share_of_silence():
    assert languages.silent_share(sure([0, 1, 0], [1, 2, 3])).tolist() == [2 / 3, 0]


def test_classes_are_those_of_channel_symmetries():
    words, powers = word_speakers.words(3).float(), torch.tensor([1, 2, 4])
    for code, name in (([0, 1, 3], "1 1 2"), ([5, 2, 3], "1 2 3"), ([1, 2, 4], "2 2 2")):
        images = [
            (symmetry(words[code]).long() @ powers).tolist() for symmetry in channel_symmetries(3)
        ]
        assert languages.code_classes(sure(*images)) == {name: 48}
    assert languages.code_classes(sure([1, 1, 2])) == {"0 2 2": 1}


def test_shared_words_by_brute_force():
    codes = random_codes(5)
    pairs = [(i, j) for i in range(5) for j in range(5) if i != j]
    expected = np.mean([(codes[i] * codes[j]).sum(-1).mean() for i, j in pairs])
    assert languages.shared_words(codes) == pytest.approx(expected)
    assert languages.shared_words(sure([0, 1, 2], [0, 1, 5])) == pytest.approx(2 / 3)


def test_likeness_of_neighbours_is_spearmans():
    returns = random_returns(3)
    first, second = np.triu_indices(8, 1)
    bits = languages.bit_distances(8)[first, second]
    expected = [
        stats.spearmanr(bits, np.linalg.norm(r[:, first] - r[:, second], axis=0)).statistic
        for r in returns
    ]
    np.testing.assert_allclose(languages.likeness_of_neighbours(returns), expected)
    assert languages.likeness_of_neighbours(np.ones((1, 3, 8))).tolist() == [0]


def test_meaning_distances_by_hand():
    returns = np.zeros((1, 3, 4))
    returns[0, :2, 3] = 3, 4  # 5 from all others: one of two pairs at two bits, two of four at one
    np.testing.assert_allclose(languages.meaning_distances(returns), [[2.5], [2.5]])


def test_shuffling_finds_structure_in_bits():
    codes = [sure(*rng(k).permuted(np.tile([0, 3, 5], (12, 1)), axis=1)) for k in range(2)]
    options = {"num_shuffles": 200, "generator": rng(0)}
    found = languages.shuffle_test(languages.bits_apart, codes, **options)
    assert found.values.tolist() == [2, 2]
    assert found.shuffled == pytest.approx(12 / 7, abs=0.03)  # mean of two different words
    assert found.p_value == pytest.approx(1 / 201)


def test_shuffling_leaves_alone_what_does_not_depend_on_bits():
    options = {"num_shuffles": 20, "generator": rng(0)}
    found = languages.shuffle_test(languages.mutual_information, [random_codes(4)], **options)
    assert found.values[0] == pytest.approx(found.shuffled) and found.p_value == 1


def test_p_values_of_words_at_random_are_uniform():
    options = {"num_shuffles": 99, "generator": rng(0)}
    p_values = [
        languages.shuffle_test(languages.silent_share, [random_codes(6, seed)], **options).p_value
        for seed in range(100)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01


def test_returns_of_codes_by_brute_force():
    codes, returns = random_codes(2), random_returns(3)
    found = languages.returns_of_codes(codes, returns)
    for i, j in np.ndindex(2, 3):
        assert found[i, j] == pytest.approx((codes[i] * returns[j]).sum(-1).mean())


def test_exchange_losses_by_hand():
    found = np.array([[-8.0, -20.0], [-14.0, -9.0]])  # rows are speakers
    # Listener 1 loses 11 with speaker 0, listener 0 loses 6 with speaker 1
    np.testing.assert_allclose(languages.exchange_losses(found), [[0, 8.5], [8.5, 0]])


def test_language_distances_do_not_depend_on_names_of_words():
    codes, returns = random_codes(4), random_returns(4)
    order = rng(0).permutation(8)
    found = languages.language_distances(codes, returns)
    renamed = languages.language_distances(codes[..., order], returns[..., order])
    np.testing.assert_allclose(renamed, found)
    codes[1], returns[1] = codes[0], returns[0]
    assert languages.language_distances(codes, returns)[0, 1] == pytest.approx(0)
