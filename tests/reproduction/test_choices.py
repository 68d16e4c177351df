"""Settings that are chosen one after another."""

import itertools

from reproduction.choices import choose_one_by_one
from reproduction.comparisons import CONTROL, IDENTIFICATION, IMITATION, Choice, Comparison


def test_settings_are_chosen_one_after_another(comparison, monkeypatch):
    """The ratio is lowest at λ = 0.1, then at the higher rate, then with the fewest updates."""
    asked = []

    def choose(self, candidates, ratio, *, methods, kinds):
        chosen = {}
        for kind, method, seed in itertools.product(kinds, methods, self.seeds):
            found = candidates(kind, method, seed)
            asked.append((method, seed, found))
            weight, rate, count = zip(*found, strict=True)
            best = (0.1 if method == "Emb-Hyb" else weight[0]), max(rate), min(count)
            chosen[kind, method, seed] = Choice(*best)
        return chosen, [{"asked": len(asked)}]

    monkeypatch.setattr(Comparison, "choose", choose)
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
