"""The workflow for real, on the smoke profile: killed in the middle, and taken up again.

Only some notebooks run here; `make smoke` runs all of them.
"""

import fcntl
import importlib.util
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

import pytest
import torch
from processes import wait_until_gone
from sources import ROOT

from paperlib import files
from reproduction import results, runner

ASKED = ("table_2", "figure_1")
ITEMS = ("population", *ASKED)  # which a table needs


@contextmanager
def started(folder: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen]:
    """The workflow at work, in a process group that ends with the context; kernels, which are in
    groups of their own, end soon after."""
    mark = {"PAPERLIB_TEST_RUN": uuid4().hex}
    with subprocess.Popen(
        [sys.executable, "workflow/reproduce.py", "--results", str(folder), *options],
        cwd=ROOT,
        env={**os.environ, **environment, **mark},
        start_new_session=True,
        # Tests in the background of a script are deaf to SIGINT, and so would be what they start
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            kill(process)
            wait_until_gone(*mark.values())


def kill(process: subprocess.Popen) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def outcome(
    folder: Path, *options: str, timeout: float = 60, **environment: str
) -> tuple[int, str]:
    """The exit code of a run, and what it printed."""
    with started(folder, *options, **environment) as process:
        output, _ = process.communicate(timeout=timeout)
    return process.returncode, output


def finish(folder: Path) -> str:
    code, output = outcome(folder, "--profile", "smoke", "--items", *ASKED, timeout=900)
    assert code == 0, output
    return output


def stop_when(folder: Path, condition, sign: signal.Signals) -> None:
    with started(folder, "--profile", "smoke", "--items", *ASKED) as process:
        deadline = time.monotonic() + 600
        while not condition():
            if process.poll() is not None or time.monotonic() > deadline:
                kill(process)
                pytest.fail(f"ended or took too long: {process.communicate(timeout=60)[0]}")
            time.sleep(0.05)
        os.killpg(process.pid, sign)
        process.communicate(timeout=240)  # a busy machine takes its time to stop kernels
    assert process.returncode != 0


def values(folder: Path) -> dict:
    return {item: results.load(folder / "smoke" / item)["values"] for item in ITEMS}


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """The folder of a run from start to end, made once for all processes of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "whole run"  # a space in its name will do
    with open(shared / "whole.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "output.txt").exists():
            (folder / "output.txt").write_text(finish(folder))
    return folder


@pytest.mark.slow
def test_notebooks_run_after_what_they_need_and_end_with_a_table(whole):
    assert {path.parent.name for path in whole.glob("smoke/*/result.json")} == {*ITEMS}
    table = (whole / "output.txt").read_text()
    assert "IICR strong, Emb-Hyb" in table and "verdict" in table
    assert "figure_1" in table and "own partner" not in table.partition("verdict")[2]


@pytest.mark.slow
def test_interrupted_workflow_ends_with_the_same_numbers(tmp_path, request):
    broken = tmp_path / "broken"
    population = broken / "smoke/checkpoints/population/0/0_0.safetensors"
    stop_when(broken, population.exists, signal.SIGINT)  # as Ctrl-C does

    def encoders() -> dict[Path, int]:  # a leading dot marks a file that is still being written
        found = (broken / "smoke/encoders/candidates").glob("[!.]*_Emb*.safetensors")
        return {path: path.stat().st_mtime_ns for path in found}

    stop_when(broken, lambda: len(encoders()) > 5, signal.SIGKILL)
    assert (broken / "smoke/population/result.json").exists()
    assert not (broken / "smoke/table_2/result.json").exists()
    kept = encoders()

    finish(broken)
    assert values(broken) == values(request.getfixturevalue("whole"))
    assert kept.items() <= encoders().items(), "an encoder was learned again"
    assert "Nothing to be done" in finish(broken)


@pytest.fixture(scope="module")
def reproduce():
    """The script, as a module."""
    spec = importlib.util.spec_from_file_location("reproduce", ROOT / "workflow/reproduce.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def last_words(reproduce, monkeypatch):
    """A function that calls the script's main function, which must fail; what it then says."""

    def call(folder: Path, *options: str) -> str:
        monkeypatch.setattr(sys, "argv", ["reproduce.py", "--results", str(folder), *options])
        with pytest.raises(SystemExit) as ended:
            reproduce.main()
        return ended.value.code

    return call


def test_an_error_is_one_line_and_a_status(tmp_path):
    message = "error: unknown profile 'lapptop'; there are laptop, long, smoke, paper\n"
    assert outcome(tmp_path, "--profile", "lapptop") == (1, message)


@pytest.fixture
def figure(tmp_path):
    """The results file of a figure that was made with the parameters of its profile."""
    parameters = runner.parameters_of("figure_1", "smoke", tmp_path)
    folder = tmp_path / "smoke/figure_1"
    results.Run("figure_1", {**parameters, "device": "other"}).save(folder, {}, seeds=[0])
    return folder / results.FILE_NAME


@pytest.mark.slow
def test_what_was_run_by_hand_with_other_parameters_is_run_again(
    tmp_path, figure, reproduce, monkeypatch, capfd
):
    start, dry_run = subprocess.Popen, ["--dry-run"]
    monkeypatch.setattr(subprocess, "Popen", lambda command, **kw: start(command + dry_run, **kw))
    options = ["--results", str(tmp_path), "--profile", "smoke", "--items", "figure_1"]
    monkeypatch.setattr(sys, "argv", ["reproduce.py", *options])
    assert reproduce.of_other_parameters(figure.parents[1]) == []
    by_hand = results.load(figure.parent)
    by_hand["parameters"]["seed"] = -1
    files.save_json(figure, by_hand)
    assert reproduce.of_other_parameters(figure.parents[1]) == [str(figure)]
    reproduce.main()
    assert re.search(r"^figure_1 +1$", "".join(capfd.readouterr()), re.MULTILINE)


def test_a_damaged_results_file_is_one_line(tmp_path, figure, last_words):
    figure.write_bytes(figure.read_bytes()[:-100])
    said = last_words(tmp_path, "--profile", "smoke")
    assert re.fullmatch(r"error: \S*figure_1/result\.json is damaged[^\n]*", said)


@pytest.mark.parametrize("profile", ["smoke", "laptop", "long", "paper"])
def test_table_3_fits_what_it_takes_from_others(profile):
    own, table_2, generalisation = (
        runner.parameters_of(name, profile, "results")
        for name in ("table_3", "table_2", "generalisation")
    )
    for name in ("num_populations", "num_validation", "num_test"):
        assert generalisation[name] == table_2[name]
    for name in ("seeds", "episode_counts"):
        assert generalisation[name] == own[name]
    assert {*own["seeds"]} <= {*table_2["seeds"]}


@pytest.mark.slow
@pytest.mark.parametrize("profile", ["laptop", "paper"])
def test_notebooks_run_again_when_the_weights_that_they_load_change(tmp_path, profile):
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile", "--dry-run"]
    command += ["--nolock", "--cores", "1", "--config", f"profile={profile}", f"results={tmp_path}"]
    shown = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    found = {
        rule: {*re.findall(r"paperlib/(\S+)\.safetensors", inputs)}
        for rule, inputs in re.findall(r"^rule (\w+):\n    input: (.+)$", shown, re.MULTILINE)
    }
    agents, encoders = "agents/weights", "weights/robosumo"
    wrestlers = {
        "wrestlers": {f"{agents}/wrestlers"},
        "best_responses": {
            f"{agents}/wrestlers_best_responses",
            f"{agents}/wrestlers_specialists",
        },
        "figure_4": {f"{agents}/wrestlers_contextual"}
        | {f"{encoders}/emb-{method}-strong" for method in ("hyb", "id", "im")},
        "population": {f"{agents}/population_{number}" for number in (1, 2, 3, 4)},
    }
    assert {rule: names for rule, names in found.items() if names} == (
        wrestlers if profile == "laptop" else {}
    )


@pytest.mark.parametrize(
    ("option", "name", "message"),
    [
        ("--profile", "lapptop", "unknown profile 'lapptop'; there are laptop, long, smoke, paper"),
        ("--items", "tabel_2", "there is no notebook 'tabel_2'; did you mean 'table_2'?"),
        ("--executor", "slrum", "unknown executor 'slrum'; there are local, slurm"),
    ],
)
def test_an_unknown_name_is_one_line(tmp_path, last_words, option, name, message):
    assert last_words(tmp_path, option, name) == f"error: {message}"
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path, last_words):
    said = last_words(tmp_path, "--device", "cuda")
    assert said.startswith("error: TORCH=cuda: PyTorch sees no GPU") and "\n" not in said


def test_slurm_that_is_not_there_is_one_line(tmp_path, last_words, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    said = last_words(tmp_path, "--executor", "slurm")
    assert said.startswith("error: executor 'slurm' needs ") and "\n" not in said
    assert not any(tmp_path.iterdir())


def test_second_run_of_a_profile_is_refused(tmp_path, last_words):
    home = tmp_path / "smoke"
    home.mkdir()
    with open(home / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = last_words(tmp_path, "--profile", "smoke")
    assert said == "error: another run of profile 'smoke' is at work; wait for it"
