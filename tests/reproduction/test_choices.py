"""Settings that are chosen one after another."""

import itertools

import pytest

from reproduction.choices import choose_in_first_seed, choose_one_by_one, settings_of
from reproduction.comparisons import CONTROL, IDENTIFICATION, IMITATION, Choice, Comparison


@pytest.fixture
def choose_by(monkeypatch):
    """Replaces `Comparison.choose` by a rule: what is best for a method in a seed. Returns a list
    that grows with every method, seed and candidates that it is asked for."""

    def replace(best):
        asked = []

        def choose(self, candidates, ratio, *, methods, kinds):
            chosen = {}
            for kind, method, seed in itertools.product(kinds, methods, self.seeds):
                found = candidates(kind, method, seed)
                asked.append((method, seed, found))
                chosen[kind, method, seed] = best(method, seed, found)
            return chosen, [{"asked": len(asked)}]

        monkeypatch.setattr(Comparison, "choose", choose)
        return asked

    return replace


def test_settings_are_chosen_one_after_another(comparison, choose_by):
    """The ratio is lowest at λ = 0.1, then at the higher rate, then with the fewest updates."""

    def best(method, seed, found):
        weight, rate, count = zip(*found, strict=True)
        return Choice(0.1 if method == "Emb-Hyb" else weight[0], max(rate), min(count))

    asked = choose_by(best)
    chosen, rows = choose_one_by_one(
        comparison,
        lambda embedded, agents: 0.0,
        kinds=["weak"],
        identification_weights=[0.01, 0.1],
        learning_rates=[0.1, 0.2, 0.3],
        update_counts=[7, 9],
    )
    assert asked[0] == ("Emb-Hyb", 3, [Choice(0.01, 0.2, 9), Choice(0.1, 0.2, 9)])
    of_control = [found for method, seed, found in asked if (method, seed) == (CONTROL, 5)]
    assert of_control == [
        [Choice(IMITATION, rate, 9) for rate in (0.1, 0.2, 0.3)],
        [Choice(IMITATION, 0.3, count) for count in (7, 9)],
    ]
    assert chosen["weak", "Emb-Hyb", 3] == Choice(0.1, 0.3, 7)
    assert chosen["weak", "Emb-Id", 5] == Choice(IDENTIFICATION, 0.3, 7)
    assert len(chosen) == 8 and [row["asked"] for row in rows] == [2, 10, 18]


def test_the_first_seed_chooses_for_all_but_the_weight(comparison, choose_by):
    """The ratio is lowest at λ = SEED / 10 and at the higher rate."""

    def best(method, seed, found):
        weight, rate, count = zip(*found, strict=True)
        nearest = min(weight, key=lambda w: abs(w - seed / 10))
        return Choice(nearest if method == "Emb-Hyb" else weight[0], max(rate), count[0])

    asked = choose_by(best)
    candidates = {"learning_rates": [0.1, 0.2], "update_counts": [7]}
    options = {"kinds": ["weak"], "identification_weights": [0.3, 0.5], **candidates}
    chosen, rows = choose_in_first_seed(comparison, lambda embedded, agents: 0.0, **options)
    assert [chosen["weak", "Emb-Hyb", seed] for seed in (3, 5)] == [
        Choice(0.3, 0.2, 7),
        Choice(0.5, 0.2, 7),
    ]
    assert chosen["weak", "Emb-Id", 5] == Choice(IDENTIFICATION, 0.2, 7)
    assert len(chosen) == 6 and len(rows) == 4
    cases = [(method, seed) for method, seed, _ in asked]
    assert CONTROL not in dict(cases) and ("Emb-Im", 5) not in cases
    settings = settings_of(chosen, ["weak"], ["Emb-Hyb"], [3, 5])
    assert settings["weak Emb-Hyb chosen identification_weight"] == [0.3, 0.5]
