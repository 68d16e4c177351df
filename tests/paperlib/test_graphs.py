"""Interaction graphs and their splits."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paperlib import streams
from paperlib.graphs import InteractionGraph, Split, leave_edges_out, strong_split, weak_split

seeds = st.integers(0, 2**32 - 1)


def edges_of(split):
    return [set(map(frozenset, part.edges)) for part in (split.train, split.validation, split.test)]


def test_complete_graph():
    graph = InteractionGraph.complete(25)
    assert graph.num_agents == 25 and len(graph.edges) == 25 * 24 / 2
    assert set(graph.edges) == set(combinations(range(25), 2)) and graph.is_connected()


def test_bipartite_graph():
    graph = InteractionGraph.bipartite(3, 4)
    assert graph.agents == tuple(range(7)) and len(graph.edges) == 12 and graph.is_connected()
    assert all(left < 3 <= right for left, right in graph.edges)


def test_connectedness_by_hand():
    assert not InteractionGraph((0, 1, 2), ((0, 1),)).is_connected()
    assert InteractionGraph((0, 1, 2), ((0, 1), (2, 1))).is_connected()
    assert not InteractionGraph((), ()).is_connected()


@pytest.mark.parametrize("convert", [list, np.array])
def test_agents_and_edges_become_tuples(convert, unchecked):
    agents, edges = (0, 1, 2), ((0, 1), (2, 1))
    graph = InteractionGraph(convert(agents), convert([convert(edge) for edge in edges]))
    assert graph == InteractionGraph(agents, edges) and len({graph}) == 1
    assert {type(number) for number in (*graph.agents, *graph.edges[0])} == {int}


def test_parts_of_a_graph():
    graph = InteractionGraph.complete(5)
    assert graph.with_edges([(3, 4), (0, 3)]).agents == (0, 3, 4)
    induced = graph.induced([4, 1, 2])
    assert induced.agents == (1, 2, 4) and induced.edges == ((1, 2), (1, 4), (2, 4))


@pytest.mark.parametrize(
    ("agents", "edges", "message"),
    [
        ((0, 0), (), "agents"),
        ((0, -1), (), "agents"),
        ((0, 0.5), (), "agents"),
        ((0, 1), ((1, 1),), "edges"),
        ((0, 1), ((0, 2),), "edges"),
        ((0, 1), ((0, 1), (1, 0)), "twice"),
    ],
)
def test_invalid_graphs(agents, edges, message, unchecked):
    with pytest.raises(ValueError, match=message):
        InteractionGraph(agents, edges)


@settings(max_examples=40)
@given(seeds, st.integers(5, 12), st.floats(0.5, 0.8))
def test_weak_splits_share_no_edge_and_know_every_agent(seed, num_agents, fraction):
    graph = InteractionGraph.complete(num_agents)
    generator = streams.make_generator(seed)
    split = weak_split(graph, train_fraction=fraction, generator=generator)
    train, validation, test = edges_of(split)
    assert len(train | validation | test) == len(train) + len(validation) + len(test)
    assert train | validation | test == set(map(frozenset, graph.edges))
    assert split.train.is_connected() and split.train.agents == graph.agents
    assert len(train) == round(fraction * len(graph.edges))
    assert 0 <= len(test) - len(validation) <= 1


def test_weak_split_of_the_paper(generator):
    split = weak_split(InteractionGraph.complete(25), generator=generator)
    assert [len(part) for part in edges_of(split)] == [180, 60, 60]


def test_weak_splits_differ_by_seed_alone():
    graph = InteractionGraph.complete(6)
    one, same, other = (
        weak_split(graph, generator=streams.make_generator(seed)) for seed in (1, 1, 2)
    )
    assert one == same != other


def test_a_training_tree_is_all_that_some_fractions_leave(generator):
    split = weak_split(InteractionGraph.complete(4), train_fraction=0.5, generator=generator)
    assert len(split.train.edges) == 3 and split.train.num_agents == 4


@pytest.mark.parametrize(("fraction", "numbers"), [(0.4, "2 of 6 edges.*3"), (0.9, "5 of 6")])
def test_impossible_fractions(fraction, numbers, generator):
    graph = InteractionGraph.complete(4)
    with pytest.raises(ValueError, match=f"train_fraction {fraction}.*{numbers}"):
        weak_split(graph, train_fraction=fraction, generator=generator)


def test_weak_split_of_a_graph_in_pieces(generator):
    graph = InteractionGraph(tuple(range(6)), ((0, 1), (1, 2), (0, 2), (3, 4), (4, 5), (3, 5)))
    with pytest.raises(ValueError, match="connected"):
        weak_split(graph, generator=generator)


@settings(max_examples=30)
@given(seeds, st.integers(12, 28))
def test_every_listener_loses_one_edge_to_test_and_one_to_validation(seed, num_pairs):
    graph = InteractionGraph.bipartite(num_pairs, num_pairs)
    listeners = graph.agents[num_pairs:]
    split = leave_edges_out(graph, listeners, generator=streams.make_generator(seed))
    for part in (split.validation, split.test):
        assert sorted(listener for _, listener in part.edges) == list(listeners)
    train, validation, test = edges_of(split)
    assert len(train | validation | test) == num_pairs**2 == len(train) + 2 * num_pairs
    assert split.train.is_connected()


def test_a_weak_split_knows_every_agent_or_is_an_error():
    graph, found = InteractionGraph.bipartite(4, 4), []
    for seed in range(60):
        try:
            split = leave_edges_out(graph, range(4, 8), generator=streams.make_generator(seed))
        except ValueError:
            continue
        found.append(split)
        assert {*split.validation.agents} | {*split.test.agents} <= {*split.train.agents}
    assert 0 < len(found) < 60


def test_too_few_edges_to_leave_out(generator):
    with pytest.raises(ValueError, match="agent 2 has 2 edges"):
        leave_edges_out(InteractionGraph.bipartite(2, 2), [2, 3], generator=generator)


@settings(max_examples=40)
@given(seeds, st.integers(2, 4), st.integers(2, 4), st.integers(2, 5))
def test_strong_splits_share_no_agent(seed, num_validation, num_test, num_train):
    size = num_validation + num_test + num_train
    split = strong_split(
        InteractionGraph.complete(size),
        num_validation=num_validation,
        num_test=num_test,
        generator=streams.make_generator(seed),
    )
    parts = split.train, split.validation, split.test
    assert [part.num_agents for part in parts] == [num_train, num_validation, num_test]
    assert set().union(*(part.agents for part in parts)) == set(range(size))
    assert all(part.is_connected() for part in parts)
    assert all(len(part.edges) == part.num_agents * (part.num_agents - 1) / 2 for part in parts)


@settings(max_examples=20)
@given(seeds)
def test_sides_are_split_alike(seed):
    graph = InteractionGraph.bipartite(28, 28)
    sides = graph.agents[:28], graph.agents[28:]
    split = strong_split(
        graph, num_validation=7, num_test=7, sides=sides, generator=streams.make_generator(seed)
    )
    for part, size in ((split.train, 14), (split.validation, 7), (split.test, 7)):
        assert len(part.edges) == size**2 and part.num_agents == 2 * size
        assert {a + 28 for a in part.agents if a < 28} == {a for a in part.agents if a >= 28}


@pytest.mark.parametrize("numbers", [(0, 1), (1, 0), (3, 2), (5, 9)])
def test_impossible_numbers_of_agents(numbers, generator):
    validation, test = numbers
    with pytest.raises(ValueError, match=rf"\({validation}\).*\({test}\).* 5"):
        strong_split(
            InteractionGraph.complete(5),
            num_validation=validation,
            num_test=test,
            generator=generator,
        )


def test_sides_of_different_length(generator):
    with pytest.raises(ValueError, match=r"sides .*\[2, 1\]"):
        strong_split(
            InteractionGraph.complete(3),
            num_validation=1,
            num_test=1,
            sides=[[0, 1], [2]],
            generator=generator,
        )


def parts(*edges):
    """One graph for each set of edges."""
    graph = InteractionGraph.complete(8)
    return [graph.with_edges(some) for some in edges]


@pytest.mark.parametrize(
    ("kind", "edges", "message"),
    [
        ("middle", ([(0, 1)], [(2, 3)], [(4, 5)]), "kind"),
        ("strong", ([(0, 1)], [], [(4, 5)]), "validation graph .* no edge"),
        ("weak", ([(0, 1), (1, 2)], [(0, 1)], [(0, 2)]), "train and validation share an edge"),
        ("weak", ([(0, 1), (1, 2)], [(0, 2)], [(0, 2)]), "validation and test share an edge"),
        ("strong", ([(0, 1)], [(2, 3)], [(3, 4)]), "validation and test share an agent"),
        ("strong", ([(0, 1), (2, 3)], [(4, 5)], [(6, 7)]), "not connected"),
        ("weak", ([(0, 1), (1, 2)], [(0, 2)], [(2, 3)]), "agent"),
    ],
)
def test_invalid_splits(kind, edges, message):
    with pytest.raises(ValueError, match=message):
        Split(kind, *parts(*edges))


def test_edges_alone_may_be_held_out():
    """Agents 2 and 3 are in no training edge, which a weak split does not allow."""
    split = Split("edges", *parts([(0, 1)], [(0, 2)], [(1, 3)]))
    assert split.test.agents == (1, 3)
    with pytest.raises(ValueError, match="share an edge"):
        Split("edges", *parts([(0, 1)], [(0, 2)], [(0, 1)]))
    with pytest.raises(ValueError, match="kind must be 'weak', 'strong' or 'edges', got 'other'"):
        Split("other", *parts([(0, 1)], [(0, 2)], [(1, 3)]))
