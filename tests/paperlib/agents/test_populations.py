"""Populations and the episodes that they play."""

import numpy as np
import pytest
import torch

from paperlib import files, pretrained, streams
from paperlib.agents.networks import StackedMLP
from paperlib.agents.populations import Population, against_each, collect, cross_play, play
from paperlib.environments.particleworld import (
    EPISODE_LENGTH,
    LANDMARKS,
    MESSAGE,
    VELOCITY,
    ParticleWorld,
)
from paperlib.graphs import InteractionGraph
from reproduction.statistics import t_interval


def make_stack(*sizes, num_networks=3, seed=0):
    generators = [streams.make_generator(seed, k) for k in range(num_networks)]
    return StackedMLP((sizes[0], 8, sizes[1]), generators=generators)


def make_population(*, num_pairs=3, message_size=3, provenance=None):
    speakers = make_stack(3, message_size, num_networks=num_pairs)
    listeners = make_stack(8 + message_size, 5, num_networks=num_pairs, seed=1)
    return Population(speakers, listeners, provenance=provenance or {})


def always(choice, num_actions):
    """Logits that leave no doubt: one action, or one set of bits."""
    return lambda x: torch.full((*x.shape[:-1], num_actions), -50.0).index_fill(
        -1, torch.tensor(choice), 50.0
    )


def test_against_each_routes_places_to_listeners(generator):
    listeners = make_stack(11, 5)
    seen = torch.randn(2, 6, 11, generator=generator)
    logits = against_each(listeners)(seen)
    assert logits.shape == (2, 6, 5)
    for place in range(6):
        alone = listeners.rows([place // 2])
        torch.testing.assert_close(logits[:, place], alone(seen[:, place][None])[0])


@pytest.mark.parametrize("dynamics", ["mpe2", "2018"])
def test_recorded_actions_lead_to_the_recorded_observations(dynamics):
    population, worlds = make_population(), []
    for _ in range(2):
        generators = [streams.make_generator(5, k) for k in range(3)]
        worlds.append(ParticleWorld((3, 4), generator=generators, dynamics=dynamics))
    episodes = play(population.speakers, population.listeners, worlds[0])
    observations = worlds[1].reset()
    assert torch.equal(episodes.colour, observations.speaker)
    assert torch.equal(episodes.listener[:, :, 0], observations.listener)
    for step in range(EPISODE_LENGTH):
        actions = episodes.messages[:, :, step], episodes.forces[:, :, step]
        observations, reward = worlds[1].step(*actions)
        assert torch.equal(episodes.listener[:, :, step + 1], observations.listener)
        assert torch.equal(episodes.rewards[:, :, step], reward)


@pytest.mark.parametrize("message_size", [1, 3, 16])
def test_shapes_of_episodes(message_size, generator):
    population = make_population(message_size=message_size)
    world = ParticleWorld((3, 2), generator=generator, message_size=message_size)
    episodes = play(population.speakers, population.listeners, world)
    shapes = [(3,), (0,), (26, 8 + message_size), (25, message_size), (25, 5), (25,)]
    assert [part.shape for part in episodes] == [(3, 2, *shape) for shape in shapes]
    assert ((episodes.messages == 0) | (episodes.messages == 1)).all()
    assert (episodes.forces.sum(-1) == 1).all()


def test_episodes_can_start_anywhere_with_a_message_in_the_channel(generator):
    population, world = make_population(), ParticleWorld((3, 4), generator=generator)
    world.reset()
    start = world.state._replace(message=torch.ones(3, 4, 3))
    episodes = play(population.speakers, population.listeners, world, start=start)
    assert torch.equal(episodes.listener[:, :, 0], world.reset(start).listener)
    assert torch.equal(episodes.colour.argmax(-1), start.target)
    assert torch.equal(episodes.listener[:, :, 1, MESSAGE], episodes.messages[:, :, 0])


def test_agents_do_what_their_policies_say(generator):
    world = ParticleWorld((1, 4), generator=generator)
    episodes = play(always([0, 2], 3), always([2], 5), world)
    assert (episodes.messages == torch.tensor([1.0, 0, 1])).all()
    assert (episodes.forces.argmax(-1) == 2).all()  # right
    assert (episodes.listener[:, :, 1:, VELOCITY][..., 0] > 0).all()
    assert (episodes.listener[:, :, 1:, MESSAGE] == torch.tensor([1.0, 0, 1])).all()


def test_speakers_see_colour_and_context(generator):
    seen, context = [], torch.rand(2, 3, 4, generator=generator)

    def speakers(x):
        seen.append(x)
        return x[..., :3]

    episodes = play(
        speakers, always([0], 5), ParticleWorld((2, 3), generator=generator), context=context
    )
    assert torch.equal(seen[0], torch.cat([episodes.colour, context], -1))
    assert torch.equal(episodes.context, context)


def test_episodes_of_a_speaker_depend_on_its_own_generator_alone():
    population = make_population()

    def returns(rows):
        generators = [streams.make_generator(7, row) for row in rows]
        world = ParticleWorld((len(rows), 5), generator=generators)
        return play(population.speakers.rows(rows), population.listeners.rows(rows), world).rewards

    torch.testing.assert_close(returns([0, 1, 2])[1:2], returns([1]))


def test_cross_play_of_each_with_each():
    speakers, listeners = make_stack(3, 3, num_networks=2), make_stack(11, 5)
    generators = [streams.make_generator(2, k) for k in range(2)]
    returns = cross_play(speakers, listeners, generators=generators, num_episodes=4)
    assert returns.shape == (2, 3, 4) and (returns < 0).all()
    world = ParticleWorld((1, 12), generator=[streams.make_generator(2, 1)])
    episodes = play(speakers.rows([1]), against_each(listeners), world)
    torch.testing.assert_close(returns[1].flatten(), episodes.rewards.sum(-1)[0])


def test_cross_play_takes_contexts_in_turn():
    weight = (
        torch.tensor([0.0, 0, 0, 1]).repeat(3, 1).T[None]
    )  # bits are ones where contexts are > 0
    speakers = StackedMLP.from_tensors({"weights.0": weight, "biases.0": torch.zeros(1, 1, 3)})
    listeners = make_stack(11, 5)

    def returns(*values):
        contexts = torch.tensor(values).expand(1, 3, -1).unsqueeze(-1)
        generator = streams.make_generator(0)
        return cross_play(
            speakers, listeners, generators=generator, num_episodes=6, contexts=contexts
        )

    both, low, high = returns(-50.0, 50.0), returns(-50.0), returns(50.0)
    assert torch.equal(both[..., 0::2], low[..., 0::2])
    assert torch.equal(both[..., 1::2], high[..., 1::2])
    assert not torch.equal(low, high)


def test_collected_episodes_say_who_played(generator):
    population = make_population()
    for k, bias in enumerate(population.listeners.biases[-1].data):
        bias[:, k + 1] = 50.0  # listener k always pushes to side k + 1
    graph = InteractionGraph(tuple(range(6)), ((0, 3), (0, 5), (2, 4)))
    data = collect(population, graph, num_episodes=4, generator=generator)
    edges = torch.stack([data.partners, data.agents], -1).tolist()
    assert edges == [[0, 3]] * 4 + [[0, 5]] * 4 + [[2, 4]] * 4
    assert (data.actions == (data.agents - 3 + 1)[:, None]).all() and data.num_actions == 5
    assert data.observations.shape == (12, 25, 11) and (data.lengths == 25).all()
    assert (data.outcomes == -128).all()


def test_collected_speakers_are_those_of_the_episodes():
    population, graph = make_population(), InteractionGraph.bipartite(3, 3)
    made = [
        collect(
            population,
            graph,
            num_episodes=2,
            generator=streams.make_generator(0),
            with_speakers=speakers,
        )
        for speakers in (True, False)
    ]
    heard = made[0].observations[:, 1:, MESSAGE]
    assert torch.equal(heard, made[0].partner_actions[:, :-1])
    colours = made[0].partner_observations
    assert (colours == colours[:, :1]).all() and (colours[:, 0].amax(-1) > 0.5).all()
    assert not made[1].has_partner_steps
    assert torch.equal(made[0].observations, made[1].observations)


def test_collected_returns_are_those_of_the_episodes(generator):
    graph = InteractionGraph.bipartite(3, 3)
    data = collect(make_population(), graph, num_episodes=2, generator=generator)
    relative = data.observations[..., LANDMARKS].unflatten(-1, (3, 2))
    distances = relative.square().sum(-1)  # (18, 25, 3), to each landmark, before each step
    # the reward of step t is in observation t + 1: 24 of 25 are there, the last is above -10^2
    missing = (data.returns[:, None] + distances[:, 1:].sum(1)).abs()
    ended = (relative[:, -1] - 0.1 * data.observations[:, -1:, VELOCITY]).square().sum(-1)
    assert torch.isclose(missing, ended, rtol=1e-4, atol=1e-4).any(-1).all()


def test_edges_that_the_population_lacks(generator):
    population = make_population()
    for edge in ((0, 1), (4, 5), (0, 6)):
        graph = InteractionGraph(tuple(range(7)), (edge,))
        with pytest.raises(ValueError, match="graph"):
            collect(population, graph, num_episodes=1, generator=generator)


def test_a_population_outlives_its_file(tmp_path):
    population = make_population(message_size=2, provenance={"seed": 3, "attempts": [1, 2, 1]})
    population.save(tmp_path / "p.safetensors")
    again = Population.load(tmp_path / "p.safetensors")
    assert again.provenance == population.provenance
    assert (again.num_pairs, again.message_size) == (3, 2)
    for name, tensor in population.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_dynamics_are_those_of_the_training():
    assert make_population(provenance={"dynamics": "2018"}).dynamics == "2018"
    assert make_population().dynamics == "mpe2"


def test_a_file_without_a_population(tmp_path):
    files.save_tensors(tmp_path / "x.safetensors", {"a": torch.zeros(1)}, {})
    with pytest.raises(ValueError, match=r"x\.safetensors holds no population"):
        Population.load(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    "parts",
    [
        (make_stack(4, 3), make_stack(11, 5)),
        (make_stack(3, 3), make_stack(12, 5)),
        (make_stack(3, 3), make_stack(11, 4)),
    ],
)
def test_networks_that_do_not_fit_the_game(parts):
    population = Population(*parts, provenance={})
    with pytest.raises(ValueError, match="sizes"):
        Population.from_tensors(population.state_dict(), provenance={})


def test_as_many_speakers_as_listeners():
    population = Population(make_stack(3, 3), make_stack(11, 5, num_networks=2), provenance={})
    with pytest.raises(ValueError, match=r"3 speakers, but 2 listeners"):
        Population.from_tensors(population.state_dict(), provenance={})


def shipped_means():
    populations = [pretrained.load(f"particleworld/population-{k}") for k in (1, 2, 3, 4)]
    return [np.mean(p.provenance["selection_returns"]) for p in populations]


def test_the_shipped_populations_are_trained():
    population = pretrained.load("particleworld/population-3")
    assert population.num_pairs == 28 and population.provenance["seed"] == 3
    assert {"command", "versions", "machine", "samples_per_pair"} <= set(population.provenance)
    assert max(shipped_means()) < -8.5 and min(shipped_means()) > -9.5


def test_the_interval_over_populations_covers_a_training_on_another_cpu():
    """The first population's mean return was -9.11 on one CPU and -8.80 on another."""
    one, other = (t_interval([mean, *shipped_means()]) for mean in (-9.11, -8.80))
    assert one.low < other.mean < one.high and other.low < one.mean < other.high
