"""Diagrams: graphs, boxes, arrows and episodes, element by element."""

import pytest
import torch
from matplotlib.colors import to_hex
from PIL import Image

from paperlib import graphs
from paperlib.environments.particleworld import LANDMARKS, ParticleWorld
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import diagrams


@pytest.fixture
def episode():
    world = ParticleWorld(1, generator=make_generator(0))
    seen = [world.reset().listener[0]]
    for step in range(25):
        message = torch.tensor([[1.0, 0.0, float(step > 10)]])
        seen.append(world.step(message, torch.eye(5)[[2]])[0].listener[0])
    return torch.stack(seen).numpy()


def test_episode_shows_path_and_messages(ax, episode):
    diagrams.draw_episode(ax, episode, target=1)
    path = ax.lines[0].get_xydata()
    assert path.shape == (26, 2) and path[0] == pytest.approx([0, 0])
    assert path[-1][0] > 1  # pushed to the right throughout
    assert ax.get_xlabel() == "message 100 101"
    (ring,) = (dots for dots in ax.collections if len(dots.get_facecolor()) == 0)
    landmarks = episode[0, LANDMARKS].reshape(-1, 2)
    assert ring.get_offsets().tolist() == [pytest.approx(landmarks[1].tolist())]


def test_animation_has_a_frame_for_each_step(tmp_path, episode):
    diagrams.animate_episode(tmp_path / "episode.gif", episode[:6], target=0)
    with Image.open(tmp_path / "episode.gif") as gif:
        assert gif.n_frames == 5
        assert gif.info["duration"] == 100


@pytest.mark.parametrize("graph", [InteractionGraph.complete(6), InteractionGraph.bipartite(4, 4)])
def test_graph_draws_every_edge_and_agent_once(ax, graph):
    split = graphs.weak_split(graph, train_fraction=0.6, generator=make_generator(0))
    diagrams.draw_interaction_graph(ax, graph, split, title="")
    assert len(ax.lines) == len(graph.edges)
    assert sorted(text.get_text() for text in ax.texts) == sorted(map(str, graph.agents))
    places = [tuple(dots.get_offsets()[0]) for dots in ax.collections]
    assert len(set(places)) == graph.num_agents


def test_agents_of_a_strong_split_have_the_colours_of_their_parts(ax):
    graph = InteractionGraph.complete(8)
    split = graphs.strong_split(graph, num_validation=2, num_test=2, generator=make_generator(0))
    diagrams.draw_interaction_graph(ax, graph, split, title="")
    colours = [to_hex(dots.get_facecolor()[0]).upper() for dots in ax.collections]
    of_agent = dict(zip((text.get_text() for text in ax.texts), colours, strict=True))
    for name, colour in diagrams.SPLIT_COLOURS.items():
        agents = getattr(split, name).agents
        assert len(agents) >= 2 and {of_agent[str(agent)] for agent in agents} == {colour}


def test_boxes_and_arrows_are_where_they_should_be(ax):
    diagrams.draw_box(ax, (2.0, 1.0), "encoder", size=(1.6, 0.6))
    diagrams.draw_arrow(ax, (0.0, 0.0), (4.0, 2.0), "vector", offset=(0.0, 0.5))
    box, arrow = ax.patches
    assert (box.get_x(), box.get_y()) == pytest.approx((1.2, 0.7))
    assert (box.get_width(), box.get_height()) == (1.6, 0.6)
    assert arrow._posA_posB == [(0.0, 0.0), (4.0, 2.0)]
    places = {text.get_text(): text.get_position() for text in ax.texts}
    assert places == {"encoder": (2.0, 1.0), "vector": (2.0, 1.5)}
