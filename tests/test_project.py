"""What the project's own files say of each other."""

import ast
import json
import os
import re
import subprocess

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sources import PROJECT, ROOT, modules, requirements

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
    assert "make test-mujoco3" in (ROOT / ".ci/run").read_text().splitlines()


def blocks(place: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / place).read_text(), re.DOTALL)


def compare_output(shown: str, printed: str) -> None:
    """Compares two texts, whose numbers may differ as they do between CPUs."""
    number = r"\d+\.\d+"
    assert re.sub(number, "x", printed) == re.sub(number, "x", shown)
    pairs = zip(re.findall(number, shown), re.findall(number, printed), strict=True)
    assert all(abs(float(one) - float(other)) < 0.05 for one, other in pairs), printed


def test_readme_code_runs_prints_what_it_shows_and_has_ten_lines(capsys):
    code, outputs = blocks("README.md", "python"), blocks("README.md", "text")
    assert len(code) == len(outputs) == 2
    for block, output in zip(code, outputs, strict=True):
        assert len([line for line in block.splitlines() if line.strip()]) <= 10
        names = {}
        exec(block, names)
        compare_output(output, capsys.readouterr().out)
    assert names["model"].embed(names["new"]).shape == (120, 100)


def test_another_output_is_noticed():
    compare_output("a 0.50 (2)\n", "a 0.52 (2)\n")
    for other in ("a 0.56 (2)\n", "a 0.50 (3)\n", "b 0.50 (2)\n"):
        with pytest.raises(AssertionError):
            compare_output("a 0.50 (2)\n", other)


def test_code_of_the_guide_runs():
    names = {}
    for code in blocks("docs/guide.md", "python"):
        exec(code, names)
    assert names["model"].embed(names["dataset"]).shape[0] == 60
    assert names["step"].rewards.shape == (64, 2)


def test_readme_commands_are_those_of_ci():
    commands = " ".join(blocks("README.md", "bash"))
    assert "make reproduce" in commands and "make test" in commands
    assert "make test" in (ROOT / ".ci/run").read_text().splitlines()


@pytest.mark.xdist_group("named")
def test_groups_of_tests_stay_together(request):
    """pytest-xdist names the group of a test after its name; with pytest 9.2, it did not, and tests
    of one group ran in several processes."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        assert request.node.nodeid.endswith("@named")


def visible_words(text: str) -> int:
    """Words of Markdown that a reader sees, but for code."""
    text = re.sub(r"<!--.*?-->", "", text)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"!\[[^]]*\]\([^)]*\)", "", text)  # figures
    text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", text)  # links
    return len(re.findall(r"[^\s|]*\w[^\s|]*", text))


def test_readme_has_at_most_a_thousand_words():
    assert visible_words((ROOT / "README.md").read_text()) <= 1000


def test_words_are_counted():
    text = "# A *title*\n\n<!-- a mark -->\n| C1 | no |\n\n```bash\nmake it\n```\n"
    text += "\n![a picture](x.png) One [two three](y.md): four.\n\n| five | – |\n|---|---|\n"
    assert visible_words(text) == 9


def test_links_lead_somewhere():
    command = ["git", "ls-files", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    documents = [ROOT / name for name in listed.splitlines()]
    links = {path: re.findall(r"\]\(([^)#:]+)\)", path.read_text()) for path in documents}
    assert len(links[ROOT / "README.md"]) > 10
    dead = [(path, link) for path in links for link in links[path]]
    assert [(path, link) for path, link in dead if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("package", ["paperlib", "reproduction"])
def test_maps_name_every_module(package):
    text = ast.get_docstring(ast.parse((ROOT / package / "__init__.py").read_text()))
    named = re.findall(r"`(\w+)`", text)
    there = [path.stem for path in modules(package) if not path.name.startswith("_")]
    folders = [p.name for p in (ROOT / package).iterdir() if (p / "__init__.py").is_file()]
    assert set(named) == {*there, *folders}


def test_reference_lists_every_public_module():
    listed = re.findall(r"^ +(paperlib\.\S+)$", (ROOT / "docs/reference.md").read_text(), re.M)
    there = [path.relative_to(ROOT).with_suffix("").parts for path in modules("paperlib")]
    assert sorted(listed) == sorted(".".join(p) for p in there if not p[-1].startswith("_"))


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
    items = {name: {"values": entry} for name, entry in manifest["items"].items()}
    table = claims.table(claims.judge(items))
    assert table == (ROOT / "figures/claims.md").read_text()
    assert text == publishing.select_columns(table, publishing.CLAIMS_COLUMNS).strip()


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
    steps = [step for step in job["steps"] if "run" in step]
    assert [step["run"] for step in steps][-2:] == [".ci/run", "make book"]
    assert steps[-2]["env"] == {"PAPERLIB_NEEDS_BROWSER": 1}


def test_commands_and_files_that_contributors_are_told_of_exist():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    targets = re.findall(r"^([a-z0-9-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = re.findall(r"make ([a-z-]+)(?: ([a-z-]+)(?= +#))?", text)
    named = {name for pair in commands for name in pair if name} - {"the"}
    assert len(named) > 6 and named <= {*targets}
    paths = re.findall(r"`((?:paperlib|reproduction|notebooks|workflow|tests|docs)/[\w./]*)`", text)
    assert [path for path in paths if "NAME" not in path and not (ROOT / path).exists()] == []


def test_make_sets_utf8_whatever_the_locale_says():
    command = ["make", "--silent", "-f", "Makefile", "-f", "-", "shown"]
    answer = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        input="shown: ; @echo $$PYTHONUTF8\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == "1\n"
