"""Runs the workflow of one profile and prints its results.

It continues from whatever an earlier run finished, however that run ended. A lock, which is
released when its process dies, keeps two runs of one profile apart. Jobs that an earlier run left
on a cluster are cancelled.
"""

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import yaml

from paperlib import files
from reproduction import results, runner, staging, tables

ROOT = Path(__file__).parents[1]
EXECUTORS = ROOT / "workflow/profiles"


def sees_gpu() -> bool:
    import torch  # only where it is asked for: it takes seconds to load

    return torch.cuda.is_available()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--cores", type=int, default=2, help="on this machine alone")
    parser.add_argument("--results", default=ROOT / "results", type=Path)
    parser.add_argument("--executor", default="local", help="a folder of workflow/profiles")
    parser.add_argument("--items", nargs="*", default=[], help="notebooks; all if there are none")
    options = parser.parse_args()
    try:
        runner.check_profile(options.profile)
        runner.check_items(options.items)
        on_slurm = check_executor(options.executor) == "slurm"
        if options.device == "cuda" and not on_slurm and not sees_gpu():
            raise ValueError("TORCH=cuda: PyTorch sees no GPU here; TORCH=cpu needs none")
    except ValueError as error:
        sys.exit(f"error: {error}")
    results_dir = Path(os.path.abspath(options.results)) / options.profile
    results_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        try:
            message = f"another run of profile {options.profile!r} is at work; wait for it"
            lock = stack.enter_context(staging.locked(results_dir / ".lock", message))
            foreign = of_other_parameters(results_dir)
        except ValueError as error:
            sys.exit(f"error: {error}")
        # The same for every run into this folder: a later one finds the jobs of an earlier one
        jobs = f"{options.profile}-{hashlib.sha256(bytes(results_dir.resolve())).hexdigest()[:8]}"
        command = [sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"]
        command += [f"{results_dir}/{item}/{results.FILE_NAME}" for item in options.items]
        if foreign:
            command += ["--forcerun", *foreign]
        command += ["--workflow-profile", str(EXECUTORS / options.executor)]
        command += ["--slurm-jobname-prefix", jobs] if on_slurm else local_limits(options.cores)
        command += ["--rerun-incomplete", "--nolock", "--config", f"profile={options.profile}"]
        command += [f"device={options.device}", f"results={results_dir.parent}"]
        # Rules and jobs on other machines call the Python that runs this script
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        try:
            if on_slurm:
                cancel_jobs(jobs)
            # Snakemake holds the lock as well, in case it outlives this process
            environment = {**os.environ, "PATH": path}
            with subprocess.Popen(
                command, cwd=ROOT, env=environment, pass_fds=[lock.fileno()]
            ) as snakemake:
                code = end_of(snakemake)
        except KeyboardInterrupt:
            sys.exit("interrupted; the same command goes on from here")
        finally:
            if on_slurm:
                cancel_jobs(jobs)
    if code != 0:
        sys.exit(f"error: the workflow failed; see the log above and {results_dir}/*/failed.log")
    try:
        print(tables.terminal_table(results_dir, options.items))
        if not options.items or "claims" in options.items:
            for claim in results.load(results_dir / "claims")["values"]["claims"]:
                print(f"{claim['claim']}  {claim['verdict']:15} {claim['text']}")
        print(f"Tables, figures and executed notebooks: {results_dir}")
        print(f"To read them in a browser: make book PROFILE={options.profile}")
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


def of_other_parameters(results_dir: Path) -> list[str]:
    """Results files of runs by hand, with other parameters than the profile's.

    Raises:
        ValueError: if a results file is damaged.
    """
    found, free = [], {"device", "num_workers"}
    for path in results_dir.glob(f"*/{results.FILE_NAME}"):
        item, given = path.parent.name, results.load(path.parent)["parameters"]
        if (runner.NOTEBOOKS / f"{item}.py").exists():
            wanted = files.plain(runner.parameters_of(item, results_dir.name, results_dir.parent))
            if any(given[n] != wanted[n] for n in given.keys() & wanted.keys() - free):
                found.append(str(path))
    return found


def local_limits(cores: int) -> list[str]:
    """Snakemake's arguments for this machine: jobs share its cores and memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 20
    return ["--cores", str(cores), "--resources", f"mem_mb={memory}"]


def end_of(snakemake: subprocess.Popen) -> int:
    """Waits for Snakemake and returns its exit status.

    An interruption of this process reaches Snakemake as well, which then ends its jobs. After two
    minutes, or at a second interruption, it is killed.
    """
    try:
        return snakemake.wait()
    except KeyboardInterrupt:
        try:
            snakemake.wait(timeout=120)
        except (subprocess.TimeoutExpired, KeyboardInterrupt):
            snakemake.kill()
        raise


def check_executor(name: str) -> str:
    """Snakemake's name of the executor that a folder of workflow/profiles configures.

    Raises:
        ValueError: if there is no such folder, or it needs SLURM and there is none.
    """
    known = sorted(path.parent.name for path in EXECUTORS.glob("*/config.yaml"))
    if name not in known:
        raise ValueError(f"unknown executor {name!r}; there are {', '.join(known)}")
    kind = yaml.safe_load((EXECUTORS / name / "config.yaml").read_text())["executor"]
    if kind == "slurm":
        if importlib.util.find_spec("snakemake_executor_plugin_slurm") is None:
            raise ValueError(
                f"executor {name!r} needs Snakemake's plugin for SLURM, python -m pip install "
                "--no-build-isolation --editable '.[slurm]'"
            )
        if shutil.which("sbatch") is None:
            raise ValueError(f"executor {name!r} needs SLURM's commands; there is no sbatch here")
    return kind


def cancel_jobs(name: str) -> None:
    """Cancels our SLURM jobs whose names begin with ``name_``, and waits until they are gone."""
    if queued := queued_jobs(name):
        print(f"cancelling jobs left in the queue: {' '.join(queued)}", flush=True)
        slurm("scancel", *queued)
    deadline = time.monotonic() + 300
    while left := queued_jobs(name):
        if time.monotonic() > deadline:
            sys.exit(
                f"error: SLURM does not end jobs {' '.join(left)}; see to them, then try again"
            )
        time.sleep(2)


def queued_jobs(name: str) -> list[str]:
    lines = slurm("squeue", "--me", "--noheader", "--format=%i %j").splitlines()
    return [line.split()[0] for line in lines if line.split()[1].startswith(f"{name}_")]


def slurm(*command: str) -> str:
    for pause in (5, 30, 0):  # busy controllers do not always answer
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode == 0:
            return done.stdout
        time.sleep(pause)
    sys.exit(f"error: {command[0]}: {done.stderr.strip()}")


if __name__ == "__main__":
    main()
