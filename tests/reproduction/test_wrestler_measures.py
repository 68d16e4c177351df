"""What Table 1 measures of embeddings of wrestlers, and the claims that it tests."""

import dataclasses

import numpy as np
import pytest
import torch

from paperlib import embeddings, graphs, metrics
from paperlib.agents import matches, robosumo_features
from paperlib.agents.players import UniformlyRandom
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.datasets import InteractionDataset
from paperlib.streams import make_generator
from reproduction import measures, strengths, wrestler_measures
from reproduction.comparisons import Comparison
from reproduction.streams import Stream
from reproduction.wrestler_measures import OTHER_WEIGHTS, Protocol

pytestmark = pytest.mark.xdist_group("measures of wrestlers")  # `measured` takes seconds
NUM_WRESTLERS = 8
GROUPS = torch.tensor([0, 1, 0, 1, 2, 0, 1, 1])
PROTOCOL = Protocol(GROUPS, step_counts=[2, 5], episode_counts=[1, 2], num_labels=2)
METHODS = ["untrained", OTHER_WEIGHTS, "summary statistics"]


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """Four matches on each edge of eight wrestlers, with random observations."""
    graph = graphs.InteractionGraph.complete(NUM_WRESTLERS)
    pairs = torch.tensor(graph.edges).repeat_interleave(4, dim=0)
    agents, generator = pairs.flatten(), make_generator(1)
    noise = torch.randn(len(agents), 5, 3, generator=generator)
    won = torch.randint(-1, 2, (len(pairs),), generator=generator)
    dataset = InteractionDataset.from_arrays(
        (noise + agents[:, None, None] / 4).numpy(),
        torch.randn(len(agents), 5, 2, generator=generator).numpy(),
        agents.numpy(),
        partners=pairs.flip(1).flatten().numpy(),
        outcomes=torch.stack([won, -won], dim=1).flatten().numpy(),
    )
    settings = embeddings.Settings(embedding_size=4, hidden_size=8, likelihood="gaussian")
    split = graphs.weak_split(graph, train_fraction=0.4, generator=make_generator(2))
    return Comparison(
        tmp_path_factory.mktemp("encoders"),
        {3: dataset},
        {("weak", 3): split},
        settings,
        anchors_per_step=9,
        stream=7,
        untrained_stream=8,
    )


@pytest.fixture(scope="module")
def measured(comparison):
    found = wrestler_measures.measure_all(comparison, METHODS, PROTOCOL, seeds=[3], num_workers=1)
    return {name: value for name, (value,) in found.items()}


def part(comparison, name):
    """Rows of a part of the split, their agents and their untrained embeddings."""
    dataset = comparison.datasets[3]
    rows = dataset.rows_on_edges(getattr(comparison.splits["weak", 3], name))
    return rows, dataset.agents[rows], comparison.embed("weak", "untrained", 3, rows)


def quality(vectors, agents, count=1):
    generator = make_generator(3, Stream.TABLE_1_AVERAGES)
    return measures.averaged_quality(
        vectors, agents, num_episodes=count, generator=generator, num_labels=2
    )


def test_whole_summary_statistics_have_one_scale(comparison, measured):
    rows, agents, _ = part(comparison, "test")
    whole = metrics.summary_statistics(comparison.datasets[3])[rows]
    few = metrics.summary_statistics(comparison.datasets[3].first_steps(2).select(rows))
    for vectors, title in ((whole, "5 steps"), (whole, "1 episodes"), (few, "2 steps")):
        found = measured[f"weak summary statistics ratio, {title}"]
        assert found == quality(vectors, agents)["ratio"]


def test_quality_of_first_steps_and_of_several_episodes(comparison, measured):
    rows, agents, _ = part(comparison, "test")
    for title, steps, number in (("2 steps", 2, 1), ("5 steps", 5, 1), ("2 episodes", 5, 2)):
        seen = comparison.datasets[3].first_steps(steps)
        embedded = comparison.untrained("weak", 3).embed(seen, rows)
        for name, expected in quality(embedded, agents, number).items():
            assert measured[f"weak untrained {name}, {title}"] == expected


def test_ratio_within_groups(comparison, measured):
    _, agents, embedded = part(comparison, "test")
    ratios = []
    for group in (0, 1):  # the third has one wrestler
        mine = GROUPS[agents] == group
        ratios.append(metrics.intra_inter_clustering_ratio(embedded[mine], agents[mine]))
    assert measured["weak untrained ratio within groups"] == pytest.approx(np.mean(ratios))


def test_outcomes_are_predicted_from_training_matches(comparison, measured):
    dataset, parts, same = comparison.datasets[3], [], []
    for name in ("train", "test"):
        rows, agents, embedded = part(comparison, name)
        features = measures.outcome_features(
            embedded,
            agents,
            num_episodes=2,
            generator=make_generator(3, Stream.TABLE_1_OTHER_EPISODES),
        )
        parts.append((features, dataset.outcomes[rows]))
        opponent = embedded.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)
        same.append((torch.cat([embedded, opponent], dim=1), dataset.outcomes[rows]))
    for name, expected in measures.outcome_accuracy(*parts).items():
        assert measured[f"weak untrained {name}, 2 episodes"] == expected
    expected = measures.outcome_accuracy(*same)["outcome"]
    assert measured["weak untrained outcome, same match"] == expected


def test_the_control_has_weights_of_its_own(comparison, measured):
    rows, agents, embedded = part(comparison, "test")
    other = dataclasses.replace(comparison, untrained_stream=Stream.TABLE_1_CONTROL)
    vectors = other.embed("weak", "untrained", 3, rows)
    assert not torch.equal(vectors, embedded)
    found = measured[f"weak {OTHER_WEIGHTS} ratio, 1 episodes"]
    assert found == quality(vectors, agents)["ratio"]


def test_ceilings_predict_test_matches_from_other_games(comparison):
    rng = np.random.default_rng(0)
    games = np.array([(a, b, 1 if a < b else -1) for a in range(8) for b in range(8) if a != b])
    games = games[rng.integers(len(games), size=300)]
    rows = part(comparison, "test")[0][::2]
    dataset = comparison.datasets[3]
    tested = torch.stack([dataset.agents, dataset.partners, dataset.outcomes], dim=1)[rows]
    expected = strengths.accuracy_from_strengths(games, tested.numpy(), num_players=8)
    assert wrestler_measures.ceilings(comparison, games, [3]) == {"weak strengths": [expected]}


def test_games_have_the_counts_that_they_come_from():
    won = [[0, 3, 1], [2, 0, 0], [4, 5, 0]]
    counts = {"won": won, "lost": np.transpose(won), "drawn": [[0, 1, 0], [1, 0, 2], [0, 2, 0]]}
    games = wrestler_measures.games_of_counts(counts).tolist()
    assert len(games) == 3 + 2 + 1 + 4 + 0 + 5 + 1 + 2
    assert games.count([0, 1, 1]) == 3 and games.count([0, 1, -1]) == 2
    assert games.count([1, 2, 0]) == 2 and games.count([1, 2, -1]) == 5


def test_similar_wrestlers_are_of_one_group():
    speed = [[1.0, 1.1, 5.0, 5.1, 1.05], [1.0, 1.0, 5.0, 5.0, 1.0]]
    height = [[0.5, 0.5, 0.5, 0.5, 0.9]] * 2
    found = wrestler_measures.similar_wrestlers({"speed": speed, "height": height}, num_groups=3)
    assert found[0] == found[1] and found[2] == found[3]
    assert len({found[0].item(), found[2].item(), found[4].item()}) == 3


def test_splits_of_every_seed():
    graph = graphs.InteractionGraph.complete(9)
    options = {"train_fraction": 0.6, "num_validation": 3, "num_test": 3}
    found = wrestler_measures.make_splits([0, 1], graph, **options)
    assert list(found) == [("weak", 0), ("strong", 0), ("weak", 1), ("strong", 1)]
    assert len(found["weak", 0].train.edges) == round(0.6 * 36)
    strong = found["strong", 1]
    parts = strong.train, strong.validation, strong.test
    assert [len(part.agents) for part in parts] == [3, 3, 3]
    assert found["strong", 0] == wrestler_measures.strong_split(0, 9, num_validation=3, num_test=3)
    assert found["strong", 0] != found["strong", 1]


def test_egocentric_features_take_the_place_of_observations():
    graph = graphs.InteractionGraph.complete(2)
    players = [UniformlyRandom(8)] * 2
    dataset = matches.collect(players, graph, num_episodes=1, key=(1,), max_cycles=4)
    found = wrestler_measures.seen_by_robots(dataset)
    expected = robosumo_features.egocentric(dataset.observations[1], "ant")
    assert torch.equal(found.observations[1], expected)
    assert torch.equal(found.actions, dataset.actions)


def test_likelihoods_find_the_wrestler_that_acted():
    players = [Wrestler(generator=make_generator(k), action_std=0.3) for k in range(3)]
    for k, player in enumerate(players):
        player.network.policy[-1].bias.data.fill_((-0.9, 0.0, 0.9)[k])
    generator = make_generator(9)
    observations = torch.randn(6, 5, 120, generator=generator)
    acted = [
        players[k % 3].act(seen, generator=generator)[0] for k, seen in enumerate(observations)
    ]
    dataset = InteractionDataset.from_arrays(
        observations.numpy(), torch.stack(acted).clamp(-1, 1).numpy(), np.arange(6) % 3
    )
    found = wrestler_measures.log_likelihoods(players, dataset)
    assert found.shape == (6, 3) and found.argmax(1).tolist() == [0, 1, 2, 0, 1, 2]
    assert (dataset.actions.abs() == 1).any()


def test_likelihoods_of_clipped_actions_are_probabilities():
    player = Wrestler(generator=make_generator(0), action_std=0.5)
    actions = np.linspace(-1, 1, 401)[:, None, None].repeat(8, axis=2)  # (401, 1, 8)
    dataset = InteractionDataset.from_arrays(np.zeros((401, 1, 120)), actions, np.arange(401))
    density = wrestler_measures.log_likelihoods([player], dataset)[:, 0].double().exp()
    # All eight torques are equal here; each has the eighth root of the density
    each = density ** (1 / 8)
    assert each[0] + each[-1] + each[1:-1].sum() * 2 / 400 == pytest.approx(1, abs=0.01)
