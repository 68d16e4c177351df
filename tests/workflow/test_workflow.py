"""The workflow for real, on the smoke profile: killed in the middle, and taken up again.

Only some notebooks run here; `make smoke` runs all of them.
"""

import fcntl
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import torch

from paperlib import files
from reproduction import results, runner

ROOT = Path(__file__).parents[2]
ASKED = ("table_2", "figure_1")
ITEMS = ("population", *ASKED)  # which a table needs


@contextmanager
def started(folder: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen]:
    """The workflow at work, in a process group that ends with the context."""
    with subprocess.Popen(
        [sys.executable, "workflow/reproduce.py", "--results", str(folder), *options],
        cwd=ROOT,
        env={**os.environ, **environment},
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
    time.sleep(3)  # orphaned kernels notice that their parent is gone


def values(folder: Path) -> dict:
    return {item: results.load(folder / "smoke" / item)["values"] for item in ITEMS}


@pytest.fixture(scope="session")
def whole(tmp_path_factory) -> Path:
    """The folder of a run from start to end, made once for all processes of pytest-xdist."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "whole"
    with open(shared / "whole.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "output.txt").exists():
            (folder / "output.txt").write_text(finish(folder))
    return folder


@pytest.mark.slow
@pytest.mark.xdist_group("whole run")
def test_notebooks_run_after_what_they_need_and_end_with_a_table(whole):
    assert {path.parent.name for path in whole.glob("smoke/*/result.json")} == {*ITEMS}
    table = (whole / "output.txt").read_text()
    assert "IICR strong, Emb-Hyb" in table and "verdict" in table
    assert "figure_1" in table and "own partner" not in table.partition("verdict")[2]


@pytest.mark.slow
@pytest.mark.xdist_group("interrupted run")
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

    by_hand = results.load(broken / "smoke/figure_1")
    by_hand["parameters"] |= {name: -1 for name in by_hand["parameters"]}
    files.save_json(broken / "smoke/figure_1/result.json", by_hand)
    assert "Nothing to be done" not in finish(broken)
    assert -1 not in results.load(broken / "smoke/figure_1")["parameters"].values()
    assert "Nothing to be done" in finish(broken)

    damaged = broken / "smoke/figure_1/result.json"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    code, output = outcome(broken, "--profile", "smoke", timeout=300)
    assert code == 1
    assert "figure_1/result.json is damaged" in output.splitlines()[-1]


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
def test_an_unknown_name_is_one_line(tmp_path, option, name, message):
    assert outcome(tmp_path, option, name) == (1, f"error: {message}\n")
    assert not any(tmp_path.iterdir())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_one_line(tmp_path):
    code, output = outcome(tmp_path, "--device", "cuda")
    assert code == 1
    assert output.startswith("error: TORCH=cuda: PyTorch sees no GPU") and output.count("\n") == 1


@pytest.mark.slow
def test_a_folder_with_a_space_in_its_name_will_do(tmp_path):
    folder, result = tmp_path / "my results", "smoke/figure_1/result.json"
    command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
    command += [str(folder / result), "--nolock", "--cores", "1", "--resources", "mem_mb=1000"]
    command += ["--config", "profile=smoke", f"results={folder}"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)
    assert results.load((folder / result).parent)["item"] == "figure_1"


def test_slurm_that_is_not_there_is_one_line(tmp_path):
    code, output = outcome(tmp_path, "--executor", "slurm", PATH=str(tmp_path))
    assert code == 1
    assert output.startswith("error: executor 'slurm' needs ") and output.count("\n") == 1
    assert not any(tmp_path.iterdir())


def test_second_run_of_a_profile_is_refused(tmp_path):
    home = tmp_path / "smoke"
    home.mkdir()
    with open(home / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = outcome(tmp_path, "--profile", "smoke")
    assert found == (1, "error: another run of profile 'smoke' is at work; wait for it\n")
