"""The package as others install it: from a wheel, without the repository beside it."""

import email
import importlib.metadata
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sources import ROOT, requirements

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]
SOURCES = ("paperlib", "reproduction", "pyproject.toml", "README.md", "LICENSE")
# Runs before each script: no network, and no package but those that the wheel asks for
GUARD = """
import json, socket, sys
from importlib.machinery import PathFinder

hidden = set(json.loads(sys.argv[1]))

class Declared(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        found = name.partition(".")[0] not in hidden
        return super().find_spec(name, path, target) if found else None

def refuse(*arguments):
    raise OSError("there is no network")

sys.meta_path = [Declared if finder is PathFinder else finder for finder in sys.meta_path]
socket.socket.connect = socket.getaddrinfo = refuse
"""
LEARN = """
import numpy as np
from paperlib import datasets, embeddings, streams

rng = np.random.default_rng(0)
observations, actions = rng.normal(size=(12, 5, 4)), rng.integers(0, 3, (12, 5))
dataset = datasets.InteractionDataset.from_arrays(observations, actions, np.arange(12) // 4)
settings = embeddings.Settings(num_updates=2)
model = embeddings.learn(dataset, settings=settings, generator=streams.make_generator(0))
assert model.embed(dataset).shape == (12, 100)

from paperlib import pretrained

kinds = {name: type(pretrained.load(name)).__name__ for name in pretrained.names()}
assert set(kinds.values()) == {"PolicyEmbedder", "Population", "dict"}
"""
PLAY = """
from importlib import resources

import numpy as np
import torch
from paperlib import streams
from paperlib.agents import robosumo_policies
from paperlib.environments.particleworld import ParticleWorld
from paperlib.environments.pettingzoo import ParticleWorldEnv, RoboSumoEnv
from paperlib.environments.rendering import picture_of_state
from paperlib.environments.robosumo import RoboSumo

world = ParticleWorld(8, generator=streams.make_generator(0))
world.reset()
_, rewards = world.step(torch.zeros(8, 3), torch.zeros(8, 5))
assert rewards.shape == (8,)
assert picture_of_state(world.state).shape == (320, 320, 3)

shipped = resources.files("paperlib.agents") / "weights/wrestlers.safetensors"
wrestlers, _ = robosumo_policies.load(shipped)
assert len(wrestlers) >= 25
sumo = RoboSumo(seeds=range(2), robots=("ant", "ant"))
seen = [torch.as_tensor(each, dtype=torch.float32) for each in sumo.reset()]
generator = streams.make_generator(1)
actions = [next(iter(wrestlers.values())).act(each, generator=generator)[0] for each in seen]
assert np.abs(sumo.step(actions).rewards).sum() > 0

for env in (ParticleWorldEnv(), RoboSumoEnv()):
    env.reset(seed=0)
    env.step({agent: env.action_space(agent).sample() for agent in env.agents})
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__")  # other tests write there meanwhile
            shutil.copytree(ROOT / name, folder / "source" / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / "source" / name)
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(command, cwd=folder / "source", capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def closure(names):
    """These distributions and everything that they require, directly or not, on this machine."""
    found, waiting = set(), set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        for text in importlib.metadata.requires(name) or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                waiting |= {canonicalize_name(wanted.name)} - found
    return found


def run(script, folder, *extras, cwd):
    """Runs a script that imports the wheel, the packages its extras ask for, and nothing else.

    Without ``site`` (-S) the editable installation is not on the path.
    """
    present = closure(requirements(*extras))
    known = importlib.metadata.packages_distributions().items()
    hidden = [top for top, names in known if present.isdisjoint(map(canonicalize_name, names))]
    hidden = sorted(set(hidden) - {"paperlib", "_distutils_hack"})
    places = [str(folder), sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    check = f"import paperlib; assert paperlib.__file__.startswith({str(folder)!r})\n"
    done = subprocess.run(
        [sys.executable, "-S", "-c", GUARD + check + script, json.dumps(hidden)],
        cwd=cwd,
        env={"PYTHONPATH": os.pathsep.join(places), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr


def test_wheel_asks_for_six_packages(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("/METADATA"))
        metadata = email.message_from_bytes(archive.read(name))
    wanted = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    core = {canonicalize_name(each.name) for each in wanted if each.marker is None}
    assert core == set(requirements())
    assert all(re.search(r"extra ==", str(each.marker)) for each in wanted if each.marker)


def test_wheel_holds_every_file_of_the_library_and_nothing_else(wheel):
    files = {path for path in (ROOT / "paperlib").rglob("*") if path.is_file()}
    kept = {path for path in files if "__pycache__" not in path.parts}
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == {path.relative_to(ROOT).as_posix() for path in kept}


def test_wheel_learns_embeddings_with_the_core_alone(installed, tmp_path):
    run(LEARN, installed, cwd=tmp_path)


def test_wheel_plays_with_the_shipped_wrestlers(installed, tmp_path):
    run(PLAY, installed, "environments", cwd=tmp_path)
