"""What the project's own files say of each other."""

import json
import re

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sources import PROJECT, ROOT, requirements

from paperlib import files
from reproduction import claims, publishing

CONDA_NAMES = {
    "jupyter-client": "jupyter_client",
    "matplotlib": "matplotlib-base",
    "mujoco": "mujoco-python",
    "torch": "pytorch-cpu",
}
# snakemake's channel would be a second one
PIP_INSIDE_CONDA = {"math-core", "mpe2", "open-spiel", "snakemake"}
DEPENDENCIES = requirements("environments", "test")


def test_conda_environment_is_the_same_as_pyproject():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text())
    (pip,) = (entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict))
    conda = [entry for entry in environment["dependencies"] if isinstance(entry, str)]
    found = {Requirement(text).name: Requirement(text).specifier for text in conda + pip}
    for name, wanted in DEPENDENCIES.items():
        assert found.pop(CONDA_NAMES.get(name, name)) == wanted.specifier, name
    assert set(found) == {"python", "make", "pip"}
    assert {Requirement(text).name for text in pip} == PIP_INSIDE_CONDA
    assert found["python"].contains(PROJECT["requires-python"].removeprefix(">="))


def test_lock_holds_versions_only_and_fits_the_bounds():
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    assert all(re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!]+", line) for line in lines)
    locked = {canonicalize_name(name): v for name, v in (line.split("==") for line in lines)}
    for name, wanted in DEPENDENCIES.items():
        assert wanted.specifier.contains(locked[name]), wanted


def test_oldest_mujoco_of_the_bounds_is_the_one_tested():
    bounds = DEPENDENCIES["mujoco"].specifier
    (oldest,) = (bound.version for bound in bounds if bound.operator == ">=")
    (tested,) = re.findall(r"^MUJOCO3 := (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert tested.startswith(oldest + ".") and tested in bounds
    assert "make test-mujoco3" in (ROOT / ".ci/run").read_text()


def readme_blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_readme_code_runs_and_has_ten_lines():
    names = {}
    for code in readme_blocks("python"):
        assert len([line for line in code.splitlines() if line.strip()]) <= 10
        exec(code, names)
    assert names["vectors"].shape[0] == len(names["dataset"])
    assert names["step"].rewards.shape == (64, 2)


def test_readme_commands_are_those_of_ci():
    commands = " ".join(readme_blocks("bash"))
    assert "make reproduce" in commands and "make test" in commands
    assert "make test" in (ROOT / ".ci/run").read_text()


def test_readme_links_lead_somewhere():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert len(links) > 10
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.fixture
def manifest():
    return files.load_json(ROOT / "figures/manifest.json")


@pytest.mark.parametrize("folder", ["figures", "figures/long"])
def test_pages_of_numbers_are_those_of_the_manifest(folder):
    found = files.load_json(ROOT / folder / "manifest.json")
    page = publishing.numbers_page(found, ROOT / folder)
    assert (ROOT / folder / "README.md").read_text() == page


def test_readme_claims_are_those_of_the_manifest(manifest):
    begin, end = publishing.CLAIMS_MARKS
    text = (ROOT / "README.md").read_text().split(begin)[1].split(end)[0].strip()
    assert text == (ROOT / "figures/claims.md").read_text().strip()
    items = {name: {"values": entry} for name, entry in manifest["items"].items()}
    old = {  # Table 1 and Figures 4 and 5: published before claims had smallest effects
        name
        for name, entry in manifest["items"].items()
        if any("claim" not in r and r["verdict"] in claims.OLD_VERDICTS for r in entry["rows"])
    }
    judged = claims.judge({name: item for name, item in items.items() if name not in old})
    assert text == claims.table(judged).strip()


@pytest.mark.parametrize(("folder", "profile"), [("figures", "laptop"), ("figures/long", "long")])
def test_committed_figures_are_those_of_the_manifest(folder, profile):
    manifest = files.load_json(ROOT / folder / "manifest.json")
    assert manifest["profile"] == profile
    listed = {name for entry in manifest["items"].values() for name in entry["files"]}
    there = {path.name for path in (ROOT / folder).iterdir()}
    assert listed == there - {"manifest.json", "README.md", "long"}
    for entry in manifest["items"].values():
        for name, checksum in entry["files"].items():
            assert files.file_checksum(ROOT / folder / name) == checksum, name


def test_committed_population_is_trained(manifest):
    """The floor and the mean that the population must reach, on the committed run."""
    with open(ROOT / "figures/population.csv") as file:
        own = next(line for line in file if line.startswith('"return, own partner"'))
    assert float(own.split(",")[3]) >= -10
    entry = manifest["items"]["population"]
    assert entry["parameters"]["num_pairs"] == 28


def test_version_and_title_are_the_same_everywhere():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    zenodo = json.loads((ROOT / ".zenodo.json").read_text())
    assert citation["version"] == zenodo["version"] == PROJECT["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text()
    assert citation["title"] == zenodo["title"]
    assert citation["license"] == zenodo["license"] == PROJECT["license"]
    assert citation["keywords"] == zenodo["keywords"]
    (paper,) = citation["references"]
    (related,) = zenodo["related_identifiers"]
    assert related["identifier"] == paper["identifiers"][0]["value"]


def test_hosted_ci_calls_our_own_and_builds_the_book():
    (job,) = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[-2:] == [".ci/run", "make book"]


def test_commands_and_files_that_contributors_are_told_of_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    targets = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = re.findall(r"make ([a-z-]+)(?: ([a-z-]+)(?= +#))?", text)
    named = {name for pair in commands for name in pair if name} - {"the"}
    assert len(named) > 6 and named <= {*targets}
    paths = re.findall(r"`((?:paperlib|reproduction|notebooks|workflow|tests|docs)/[\w./]*)`", text)
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []
