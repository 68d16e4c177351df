"""What tables measure of embeddings, and the intervals of it."""

import json
from functools import partial

import numpy as np
import pytest
import torch

from paperlib import files, metrics
from paperlib.streams import make_generator
from reproduction import measures
from reproduction.statistics import Estimate, t_interval


def clusters(generator, *, spread, counts):
    """Embeddings around (agent, 0, 0), as many of each agent as ``counts`` says."""
    agents = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    centres = torch.eye(3)[0] * agents[:, None]
    return centres + spread * torch.randn(len(agents), 3, generator=generator), agents


def test_no_agent_has_more_than_its_share(generator):
    agents = torch.tensor([4] * 9 + [1] * 2 + [4])
    rows = measures.draw_of_each(agents, max_per_agent=3, generator=generator)
    assert agents[rows].tolist() == [1, 1, 4, 4, 4] and len(rows.unique()) == 5
    other = measures.draw_of_each(agents, max_per_agent=3, generator=generator)
    assert not torch.equal(rows, other)


def test_agents_with_too_few_episodes_are_left_out(generator):
    embeddings, agents = clusters(generator, spread=0.1, counts=[4, 3, 5])
    options = {"num_episodes": 2, "generator": torch.Generator().manual_seed(7)}
    found = measures.averaged_quality(embeddings, agents, **options)
    options["generator"].manual_seed(7)
    kept = agents != 1
    groups = metrics.disjoint_averages(embeddings[kept], agents[kept], **options)
    assert found == metrics.embedding_quality(*groups) and found["chance"] == 0.5


def test_one_agent_alone_has_no_quality(generator):
    embeddings, agents = clusters(generator, spread=0.1, counts=[4, 3, 3])
    with pytest.raises(ValueError, match=r"num_episodes: fewer than two agents .* the most is 4"):
        measures.averaged_quality(embeddings, agents, num_episodes=2, generator=generator)


def test_ratio_within_groups_leaves_out_who_is_alone(generator):
    embeddings, agents = clusters(generator, spread=0.3, counts=[3, 3, 3, 3, 3])
    groups = torch.tensor([7, 8, 7, 9, 8])
    ratio = metrics.intra_inter_clustering_ratio
    expected = [
        ratio(embeddings[own], agents[own])
        for own in ((agents == 0) | (agents == 2), (agents == 1) | (agents == 4))
    ]
    assert measures.ratio_within(embeddings, agents, groups) == np.mean(expected)
    assert np.isnan(measures.ratio_within(embeddings, agents, torch.arange(5)))


def test_an_outcome_is_predicted_from_other_episodes_of_both(generator):
    agents = torch.tensor([0, 1, 1, 0, 0, 1])  # three matches, both views of each
    found = measures.outcome_features(torch.eye(6), agents, num_episodes=9, generator=generator)
    own, opponent = found.split(6, dim=1)
    assert own[0].tolist() == [0, 0, 0, 0.5, 0.5, 0] and opponent[0].tolist() == own[1].tolist()
    for match in range(3):
        rows = slice(2 * match, 2 * match + 2)
        assert (found[rows][:, rows] == 0).all() and torch.equal(opponent[rows], own[rows].flip(0))


def test_outcomes_beside_the_majority_class():
    features = torch.tensor([[-2.0], [-1.0], [1.0], [2.0]])
    train = features, torch.tensor([-1, -1, 1, 1], dtype=torch.int8)
    assert measures.outcome_accuracy(train, train) == {"outcome": 1.0, "majority": 0.5}
    test = features[:3], torch.tensor([1, -1, 0], dtype=torch.int8)
    train = train[0], torch.tensor([-1, -1, -1, 1], dtype=torch.int8)
    assert measures.outcome_accuracy(train, test)["majority"] == pytest.approx(1 / 3)


MEASURED = {"a": [1.0, 2.0, 4.0, float("nan")], "b": [0.5, 0.0, 1.0, 2.0]}


def test_estimates_of_numbers_and_of_paired_differences():
    estimate = partial(measures.estimate, MEASURED)
    assert estimate("a") == t_interval([1.0, 2.0, 4.0])
    assert estimate("a", "b") == t_interval([0.5, 2.0, 3.0])
    assert estimate("b") == t_interval(MEASURED["b"])
    assert estimate("a", clusters=[7, 3, 7, 3]) == t_interval([2.0, 2.5])


def test_parts_of_claims_are_paired_differences():
    measured = {"a": MEASURED["a"][:3], "b": MEASURED["b"][:3]}
    options = {"smallest_effect": "score", "clusters": [0, 1, 1]}
    part = measures.part(measured, "x", "a", "b", "less", **options)
    assert part.differences.tolist() == [0.5, 2.0, 3.0] and part.units.tolist() == [0.5, 2.5]
    assert (part.name, part.smallest_effect, part.expected) == ("x", 0.05, "less")
    with pytest.raises(ValueError, match="smallest effect of 'elo' is not written down"):
        measures.part(measured, "x", "a", "b", smallest_effect="elo")


def test_runs_in_long_form():
    measured = {"a": [0.5, 1.5], "b": [2.5, 3.5]}
    first, *_, last = measures.as_runs(measured, [4, 5], [0, 1])
    assert first == {"seed": 4, "population": 0, "quantity": "a", "value": 0.5}
    assert last == {"seed": 5, "population": 1, "quantity": "b", "value": 3.5}
    assert measures.as_runs({"a": [0.5]}, [4]) == [{"seed": 4, "quantity": "a", "value": 0.5}]
    with pytest.raises(ValueError, match="longer"):
        measures.as_runs(measured, [4])


def test_estimates_survive_a_results_file():
    one, alone = Estimate(1.0, 0.5, 2.0, 3), Estimate(4.0, np.nan, np.nan, 1)
    saved = json.loads(json.dumps(files.plain({"x": {"y": [one, alone]}, "z": one})))
    found = measures.restored(saved)
    assert found["z"] == one and found["x"]["y"][0] == one
    assert found["x"]["y"][1].mean == 4.0 and np.isnan(found["x"]["y"][1].low)


def test_rise_compares_halves():
    assert measures.rise([0.0, 1.0, 100.0, 4.0, 6.0]) == 5.0 - 0.5
    assert measures.rise([0.2, 0.5]) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="a curve of 1 points neither rises nor falls"):
        measures.rise([0.5])


def test_some_episodes_of_some_agents(generator):
    agents = torch.tensor([5, 2, 5, 9, 5, 2, 5, 9, 2, 2])
    chosen = measures.choose_episodes(agents, num_agents=2, num_episodes=3, generator=generator)
    assert len(set(chosen.tolist())) == len(chosen)
    whose, counts = agents[chosen].unique_consecutive(return_counts=True)
    assert len(whose) == 2 and whose[0] < whose[1]
    assert counts.tolist() == [min(3, (agents == who).sum().item()) for who in whose]
    again = measures.choose_episodes(agents, num_agents=9, num_episodes=9, generator=generator)
    assert sorted(again.tolist()) == list(range(10))


def test_draws_depend_on_the_generator_alone():
    agents = torch.arange(100) % 7
    first, same, other = (
        measures.choose_episodes(
            agents, num_agents=4, num_episodes=5, generator=make_generator(seed)
        )
        for seed in (0, 0, 1)
    )
    assert torch.equal(first, same) and not torch.equal(first, other)
