"""Every world: agents to learn from and to identify, differences, ceilings, and errors."""

import numpy as np
import pytest
import torch

from paperlib.agents import robosumo_policies
from paperlib.agents.robosumo_policies import Wrestler
from paperlib.graphs import InteractionGraph
from paperlib.streams import make_generator
from reproduction import benchmark_worlds, roshambo
from reproduction.benchmark_tasks import Sizes
from reproduction.benchmark_worlds import WORLDS, make_task

SIZES = Sizes(
    num_agents=10,
    num_episodes={"Kuhn": 4, "Leduc": 4},
    num_steps=20,
    num_throws=20,
    episodes_per_edge=4,
    num_matches=2,
    step_stride=2,
    num_labelled=2,
    num_asked=2,
    num_word_episodes=60,
)


@pytest.fixture
def folders(tmp_path, populations):
    """Populations, nine wrestlers, and matches that they did not play."""
    for number, population in enumerate(populations):
        population.save(tmp_path / f"population/population_{number}.safetensors")
    rng = np.random.default_rng(0)
    pairs = np.repeat(np.array(InteractionGraph.complete(9).edges), 4, axis=0)
    agents, scores = pairs.reshape(-1), rng.choice([-1, 0, 1], len(pairs))
    dataset = benchmark_worlds.InteractionDataset.from_arrays(
        rng.normal(5.0, 3.0, (len(agents), 6, 120)),
        rng.normal(size=(len(agents), 6, 8)).clip(-1, 1),
        agents,
        partners=pairs[:, ::-1].reshape(-1),
        outcomes=np.stack([scores, -scores], 1).reshape(-1),
    )
    dataset.save(tmp_path / "sumo/episodes_0.safetensors")
    members = {f"w{k}": Wrestler(generator=make_generator(k)) for k in range(9)}
    robosumo_policies.save(tmp_path / "wrestlers/population.safetensors", members, {})
    named = {"ParticleWorld": "population", "RoboSumo": "sumo", "wrestlers": "wrestlers"}
    return {name: tmp_path / folder for name, folder in named.items()}


@pytest.fixture
def few_bots(monkeypatch):
    pytest.importorskip("pyspiel")
    names = roshambo.bot_names()[:11]
    monkeypatch.setattr(roshambo, "bot_names", lambda: names)


def make(world, kind, folders, *, part="test", seed=0):
    return make_task(world, kind, seed, part, sizes=SIZES, folders=folders)


@pytest.mark.parametrize(("world", "kind"), [(w, kind) for w in WORLDS for kind in WORLDS[w]])
def test_tasks(world, kind, folders, few_bots):
    task = make(world, kind, folders)
    agents = task.labelled.agents.unique()
    assert (task.labelled.agents.bincount()[agents] == 2).all()
    assert torch.equal(task.queries.agents.unique(), agents)
    seen = torch.isin(agents, task.learning.agents)
    assert seen.all() if kind == "weak" else not seen.any()
    assert task.differences.shape == (len(agents), len(agents))
    np.testing.assert_allclose(task.differences, task.differences.T, atol=1e-6)
    assert np.ptp(task.differences) > 0 and (np.diag(task.differences) == 0).all()
    for labelled, queries in task.references.values():
        assert len(labelled) == len(task.labelled) and len(queries) == len(task.queries)
    assert task.learning.has_partner_steps
    assert task.ceilings and all(0 <= accuracy <= 1 for accuracy in task.ceilings.values())


@pytest.mark.parametrize("world", ["Kuhn", "ParticleWorld", "RoboSumo"])
def test_validation_and_test_differ(world, folders):
    kind = WORLDS[world][-1]
    parts = [make(world, kind, folders, part=part) for part in ("validation", "test")]
    checksums = {task.queries.checksum() for task in parts}
    again = make(world, kind, folders)
    assert len(checksums) == 2 and again.queries.checksum() in checksums
    other = make(world, kind, folders, seed=1)
    assert other.queries.checksum() not in checksums
    if world == "Kuhn":  # four fifths to learn from, one fifth to identify
        counts = [len(task.learning.agents.unique()) for task in parts]
        assert counts == [8, 10] and len(parts[0].queries.agents.unique()) == 2


def test_observations_of_wrestlers_are_normalised(folders):
    task = make("RoboSumo", "weak", folders)
    assert task.learning.observations.shape[1] == 3  # of six, every second
    assert task.learning.observations.mean().abs() < 0.1
    assert 0.8 < task.learning.observations.std() < 1.2


def test_trials_are_tiny(folders, few_bots):
    for world in WORLDS:
        task = make(world, WORLDS[world][0], folders, part="trial")
        assert len(task.learning) < 300


def test_the_file_behind_a_world(folders):
    found = {w: benchmark_worlds.input_file(w, 3, folders.get(w)) for w in WORLDS}
    assert found["ParticleWorld"].exists() and found["RoboSumo"].name == "episodes_0.safetensors"
    assert [world for world, path in found.items() if path is None] == ["Kuhn", "Leduc", "RoShamBo"]


def test_matches_of_several_runs_are_refused(tmp_path):
    for seed in (0, 1):
        (tmp_path / f"episodes_{seed}.safetensors").touch()
    with pytest.raises(ValueError, match=r"one run of table_1, got episodes_0.*, episodes_1"):
        benchmark_worlds.input_file("RoboSumo", 0, tmp_path)


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="run the notebook table_1 first, or leave RoboS"):
        make("RoboSumo", "weak", {"RoboSumo": tmp_path})
    with pytest.raises(FileNotFoundError, match="population_0"):
        make("ParticleWorld", "weak", {"ParticleWorld": tmp_path})


def test_missing_wrestlers_are_noticed_on_tiny_data(folders):
    (folders["wrestlers"] / "population.safetensors").unlink()
    with pytest.raises(FileNotFoundError, match="wrestlers"):
        make("RoboSumo", "weak", folders, part="trial")
