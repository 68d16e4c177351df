"""Who imports whom, and that all that is imported is declared."""

import importlib.metadata
import json
import subprocess
import sys

import pytest
from packaging.utils import canonicalize_name
from sources import EXTRAS, PROJECT, ROOT, imports, modules, name_of, requirements

DISTRIBUTIONS = importlib.metadata.packages_distributions()
SIX = {"jaxtyping", "networkx", "numpy", "safetensors", "scikit-learn", "torch"}
PRETRAINED = ROOT / "paperlib/pretrained.py"  # loads whatever is asked for
CORE = [*sorted((ROOT / "paperlib").glob("*.py")), *modules("paperlib/alternatives")]
CORE.remove(PRETRAINED)
ADDED = [PRETRAINED, *modules("paperlib/environments", "paperlib/agents")]
REPRODUCTION = [
    *modules("reproduction", "notebooks", "workflow", "docs"),
    ROOT / "workflow/Snakefile",
]
TESTS = [path for path in modules("tests", "benchmarks") if "peers" not in path.parts]
HELPERS = {path.stem for path in modules("tests/helpers")}
BESIDE = {"benchmarks": {path.stem for path in (ROOT / "benchmarks").iterdir()}, "tests": HELPERS}
# No file imports these: kernels, JupyterLab and workflows are started, Sphinx loads its extensions
# and theme by name, and pandas writes Markdown by tabulate and LaTeX by Jinja
STARTED = {"furo", "ipykernel", "jinja2", "jupyterlab", "myst-nb", "snakemake", "sphinx-design"}
STARTED |= {"tabulate"}
STARTED_BY_TESTS = {"beartype", "hatchling", "pytest-xdist", "ruff"}
HEAVY = {"matplotlib", "papermill", "reproduction", "seaborn", "snakemake", "sphinx"}


def undeclared(path, declared, *, own):
    """What a file imports that is neither Python's, nor ours, nor in a distribution declared."""
    found = set()
    for module, lazy in imports(path):
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top in own:
            continue
        names = {canonicalize_name(name) for name in DISTRIBUTIONS.get(top, [])}
        # An environment may open a window where matplotlib is at hand
        if not names & set(declared) and not (lazy and top == "matplotlib" and path in ADDED):
            found.add(module)
    return found


def test_the_core_asks_for_six_packages():
    assert set(requirements()) == SIX


@pytest.mark.parametrize(
    ("paths", "extras", "own"),
    [
        (CORE, (), {"paperlib"}),
        (ADDED, ("environments",), {"paperlib"}),
        (REPRODUCTION, ("environments", "benchmark", "book"), {"paperlib", "reproduction"}),
        (TESTS, ("environments", "test"), {"paperlib", "reproduction"}),
    ],
    ids=["core", "environments and agents", "reproduction", "tests and benchmarks"],
)
def test_what_is_imported_is_declared(paths, extras, own):
    declared = requirements(*extras)
    found = {}
    for path in paths:
        beside = BESIDE.get(path.relative_to(ROOT).parts[0], set())
        if missing := undeclared(path, declared, own=own | beside):
            found[name_of(path)] = missing
    assert found == {}


def test_what_is_declared_is_imported():
    imported = set()
    for path in [*CORE, *ADDED, *REPRODUCTION, *TESTS]:
        for module, _ in imports(path):
            names = DISTRIBUTIONS.get(module.partition(".")[0], [])
            imported |= {canonicalize_name(name) for name in names}
    declared = requirements("environments", "test")
    assert set(declared) - imported - STARTED - STARTED_BY_TESTS == set()


def test_every_extra_is_known():
    assert set(EXTRAS) == {"benchmark", "book", "environments", "reproduce", "slurm", "test"}
    assert PROJECT["name"] == "paperlib"


def test_core_modules_import_neither_environments_nor_agents():
    parts = ("paperlib.environments", "paperlib.agents")
    found = {name_of(p): [m for m, _ in imports(p) if m.startswith(parts)] for p in CORE}
    assert {name: wrong for name, wrong in found.items() if wrong} == {}


def loaded_with(paths) -> set[str]:
    """Modules that a fresh Python holds after it imported these files as modules."""
    names = [name_of(path).removesuffix(".py").replace("/", ".") for path in paths]
    names = [name.removesuffix(".__init__") for name in names]
    code = f"import json, sys, {', '.join(names)}; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-c", code]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_the_core_loads_no_more_than_it_needs():
    loaded = loaded_with([*CORE, PRETRAINED])
    assert loaded & (HEAVY | {"gymnasium", "mpe2", "mujoco", "pettingzoo"}) == set()
    assert loaded & {"paperlib.environments", "paperlib.agents"} == set()


def test_the_library_loads_nothing_of_the_reproduction():
    assert loaded_with([*CORE, *ADDED]) & HEAVY == set()
