"""Agent-interaction graphs (Section 4 of the paper) and their weak and strong splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from numbers import Integral

import networkx as nx
import torch
from jaxtyping import Bool, Int
from torch import Tensor

Edge = tuple[int, int]


@dataclass(frozen=True)
class InteractionGraph:
    """Agents as nodes; an edge holds the episodes that its two agents played together.

    Attributes:
        agents: non-negative integers, each once.
        edges: pairs of different agents, each pair once; in a bipartite graph (left, right). Both
            may be given as lists or arrays, and become tuples.

    Raises:
        ValueError: if agents are not different non-negative integers, or an edge is a loop, is
            listed twice, or names an unknown agent.
    """

    agents: tuple[int, ...]
    edges: tuple[Edge, ...]

    def __post_init__(self) -> None:
        whole = all(isinstance(agent, Integral) and agent >= 0 for agent in self.agents)
        if not whole or len(set(self.agents)) != len(self.agents):
            raise ValueError(f"agents must be different non-negative integers, got {self.agents}")
        known, seen = set(self.agents), set()
        for edge in self.edges:
            if len(edge) != 2 or edge[0] == edge[1] or not known.issuperset(edge):
                raise ValueError(f"edges: {edge} is not a pair of different agents of the graph")
            if frozenset(edge) in seen:
                raise ValueError(f"edges: {edge} is listed twice")
            seen.add(frozenset(edge))
        object.__setattr__(self, "agents", tuple(map(int, self.agents)))
        object.__setattr__(self, "edges", tuple((int(a), int(b)) for a, b in self.edges))

    @classmethod
    def complete(cls, num_agents: int) -> InteractionGraph:
        """The graph in which agents 0 to num_agents - 1 all meet each other."""
        agents = tuple(range(num_agents))
        return cls(agents, tuple(combinations(agents, 2)))

    @classmethod
    def bipartite(cls, num_left: int, num_right: int) -> InteractionGraph:
        """Each of agents 0 to num_left - 1 meets each of the num_right agents that follow."""
        left = range(num_left)
        right = range(num_left, num_left + num_right)
        return cls((*left, *right), tuple(product(left, right)))

    @property
    def num_agents(self) -> int:
        return len(self.agents)

    def is_connected(self) -> bool:
        """Whether a path leads from every agent to every other."""
        return self.num_agents > 0 and nx.is_connected(self.to_networkx())

    def to_networkx(self) -> nx.Graph:
        """The same graph for networkx."""
        graph = nx.Graph()
        graph.add_nodes_from(self.agents)
        graph.add_edges_from(self.edges)
        return graph

    def holds(
        self, agents: Int[Tensor, " episode"], partners: Int[Tensor, " episode"]
    ) -> Bool[Tensor, " episode"]:
        """Which episodes were played on edges of this graph, from either side.

        Raises:
            ValueError: if an edge has no episode.
        """
        pairs = torch.stack([agents, partners], dim=-1).sort(dim=-1).values
        met, index = pairs.unique(dim=0, return_inverse=True)
        wanted = {tuple(sorted(edge)) for edge in self.edges}
        missing = wanted - set(map(tuple, met.tolist()))
        if missing:
            raise ValueError(f"the dataset has no episode on edge {min(missing)} of the graph")
        on_edge = [tuple(pair) in wanted for pair in met.tolist()]
        return torch.tensor(on_edge, device=index.device)[index]

    def with_edges(self, edges: Iterable[Edge]) -> InteractionGraph:
        """The graph of these edges and the agents on them."""
        edges = tuple(edges)
        met = {agent for edge in edges for agent in edge}
        return InteractionGraph(tuple(a for a in self.agents if a in met), edges)

    def induced(self, agents: Iterable[int]) -> InteractionGraph:
        """The graph of these agents and all edges between them."""
        kept = set(agents)
        return InteractionGraph(
            tuple(a for a in self.agents if a in kept),
            tuple(edge for edge in self.edges if kept.issuperset(edge)),
        )


@dataclass(frozen=True)
class Split:
    """Training, validation and test graphs of one interaction graph.

    Attributes:
        kind: "weak" (no edge in two graphs, and training sees every agent), "strong" (no agent in
            two graphs either), or "edges" (no edge in two graphs).

    Raises:
        ValueError: if the kind is unknown, if graphs share what they must not, if one is empty, if
            the training graph is not connected, or if a weak split holds out an agent that training
            never sees.
    """

    kind: str
    train: InteractionGraph
    validation: InteractionGraph
    test: InteractionGraph

    def __post_init__(self) -> None:
        if self.kind not in ("weak", "strong", "edges"):
            raise ValueError(f"kind must be 'weak', 'strong' or 'edges', got {self.kind!r}")
        parts = {"train": self.train, "validation": self.validation, "test": self.test}
        for name, graph in parts.items():
            if not graph.edges:
                raise ValueError(f"the {name} graph of this {self.kind} split has no edge")
        for (one, a), (other, b) in combinations(parts.items(), 2):
            if {frozenset(e) for e in a.edges} & {frozenset(e) for e in b.edges}:
                raise ValueError(f"{one} and {other} share an edge")
            if self.kind == "strong" and set(a.agents) & set(b.agents):
                raise ValueError(f"{one} and {other} share an agent in a strong split")
        if not self.train.is_connected():
            raise ValueError("the training graph is not connected")
        held_out = {*self.validation.agents, *self.test.agents}
        unknown = held_out - set(self.train.agents)
        if self.kind == "weak" and unknown:
            raise ValueError(
                f"the training graph of a weak split lacks agent {min(unknown)} of the others"
            )


def _shuffled(items: Sequence, generator: torch.Generator) -> list:
    return [items[index] for index in torch.randperm(len(items), generator=generator).tolist()]


def weak_split(
    graph: InteractionGraph, *, train_fraction: float = 0.6, generator: torch.Generator
) -> Split:
    """Seen agents, unseen edges: a connected training graph on all agents; validation and test
    halve the other edges.

    The training graph is a random spanning tree, plus random edges up to the fraction.

    Args:
        graph: a connected graph.
        train_fraction: share of the edges to use for training.
        generator: draws the edges.

    Raises:
        ValueError: if the graph is not connected, or the fraction leaves too few edges for a part.
    """
    if not graph.is_connected():
        raise ValueError("graph must be connected")
    count, tree_size = round(train_fraction * len(graph.edges)), graph.num_agents - 1
    if not tree_size <= count <= len(graph.edges) - 2:
        raise ValueError(
            f"train_fraction {train_fraction} asks for {count} of {len(graph.edges)} edges; a "
            f"connected training graph takes {tree_size}, validation and test one each"
        )
    order = _shuffled(graph.edges, generator)
    weighted = nx.Graph()
    weighted.add_weighted_edges_from((*edge, rank) for rank, edge in enumerate(order))
    tree = {frozenset(edge) for edge in nx.minimum_spanning_edges(weighted, data=False)}
    order.sort(key=lambda edge: frozenset(edge) not in tree)  # stable: the tree, then the rest
    half = count + (len(order) - count) // 2
    parts = (graph.with_edges(p) for p in (order[:count], order[count:half], order[half:]))
    return Split("weak", *parts)


def leave_edges_out(
    graph: InteractionGraph, agents: Sequence[int], *, generator: torch.Generator
) -> Split:
    """Seen agents, unseen edges: one random edge of each of ``agents`` for test, one more for
    validation (the weak split of ParticleWorld, whose agents are the listeners).

    Raises:
        ValueError: if an agent has fewer than three edges, two agents hold out the same edge, or
            the training graph is no longer connected.
    """
    held_out: tuple[list[Edge], list[Edge]] = ([], [])
    for agent in agents:
        edges = [edge for edge in graph.edges if agent in edge]
        if len(edges) < 3:
            raise ValueError(f"agent {agent} has {len(edges)} edges; a weak split takes three")
        for part, edge in zip(held_out, _shuffled(edges, generator), strict=False):
            part.append(edge)
    out = {edge for part in held_out for edge in part}
    rest = (edge for edge in graph.edges if edge not in out)
    return Split("weak", graph.with_edges(rest), *(graph.with_edges(part) for part in held_out))


def strong_split(
    graph: InteractionGraph,
    *,
    num_validation: int,
    num_test: int,
    sides: Sequence[Sequence[int]] | None = None,
    generator: torch.Generator,
) -> Split:
    """Unseen agents: three induced subgraphs on disjoint sets of agents.

    Args:
        graph: the graph to split; edges between parts are left out.
        num_validation: agents held out for validation.
        num_test: agents held out for test; the others are for training.
        sides: sequences of agents that are split in parallel, such as the speakers and the
            listeners of a bipartite graph: agents at the same index stay together, and the numbers
            above count indices. By default all agents are one side.
        generator: draws the parts.

    Raises:
        ValueError: if no agents are left for training, a part is empty, sides differ in length, or
            the training graph is not connected.
    """
    sides = [graph.agents] if sides is None else sides
    if not sides:
        raise ValueError("sides must hold at least one set of agents")
    size = len(sides[0])
    if any(len(side) != size for side in sides):
        raise ValueError(f"sides must have one length, got {[len(side) for side in sides]}")
    if num_validation < 1 or num_test < 1 or num_validation + num_test >= size:
        raise ValueError(
            f"num_validation ({num_validation}) and num_test ({num_test}) must be at least 1 and "
            f"leave agents for training: there are {size}"
        )
    places = _shuffled(range(size), generator)
    test, validation = places[:num_test], places[num_test : num_test + num_validation]
    train = places[num_test + num_validation :]
    parts = (
        graph.induced(side[place] for side in sides for place in part)
        for part in (train, validation, test)
    )
    return Split("strong", *parts)
