"""The smoke profile as jobs of a SLURM cluster, broken three times, against the same run here.

    tests/workflow/slurm/cluster.sh .venv/bin/python tests/workflow/slurm/proof.py

One job is cancelled and one is killed; then whoever submits them is, with jobs in the queue. In the
end, the numbers must be those of a run on this machine that nobody disturbed.
"""

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from reproduction import results

ROOT = Path(__file__).parents[3]
PROFILE = {  # of this cluster's user: what workflow/README.md speaks of
    "default-resources": {"slurm_partition": "proof"},
    "slurm-status-command": "squeue",
    "slurm-init-seconds-before-status-checks": 5,
}
START = time.monotonic()


def tell(text: str) -> None:
    print(f"{time.monotonic() - START:6.0f} s  {text}", flush=True)


@dataclass
class Run:
    """The smoke profile at work: ``reproduce.py`` and what it starts, in a session of their own."""

    folder: Path
    options: tuple[str, ...] = ()
    limit: float = 3600

    def __enter__(self) -> "Run":
        self.folder.mkdir(parents=True, exist_ok=True)
        self.deadline = time.monotonic() + self.limit
        self.log = self.folder / f"{len(list(self.folder.glob('*.log')))}.log"
        with open(self.log, "w") as stream:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "workflow/reproduce.py", "--profile", "smoke"),
                    *("--results", str(self.folder), *self.options),
                ],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def until(self, condition: Callable[[], object]) -> None:
        """Waits until the condition is true, which it must become while the run is at work."""
        while not condition():
            self.check(self.process.poll() is None, "it ended too early")
            self.check(time.monotonic() < self.deadline, f"not in {self.limit:.0f} s")
            time.sleep(0.5)

    def finish(self) -> str:
        """Waits until it ends, which must be without an error; returns all that it printed."""
        try:
            code = self.process.wait(self.deadline - time.monotonic())
        except subprocess.TimeoutExpired:
            code = None
        self.check(code == 0, f"it ended with {code}")
        return self.log.read_text()

    def check(self, holds: bool, text: str) -> None:
        if not holds:
            sys.exit(f"error: {text}:\n" + self.log.read_text()[-3000:])


@dataclass
class Job:
    number: int
    state: str
    node: str
    rule: str
    start: str
    end: str


def jobs() -> dict[int, Job]:
    """All jobs that the cluster ever had, by number."""
    shown = ("squeue", "--noheader", "--states=all", "--format=%i|%T|%N|%k|%S|%e")
    lines = subprocess.run(shown, check=True, capture_output=True, text=True).stdout.splitlines()
    found = {}
    for line in lines:
        number, state, node, rule, start, end = line.split("|")
        rule = rule.removeprefix("rule_").replace("_wildcards_", " ")
        found[int(number)] = Job(int(number), state, node, rule, start, end)
    return dict(sorted(found.items()))


def running(rule: str, after: int = 0) -> list[Job]:
    found = (job for job in jobs().values() if job.rule == rule and job.number > after)
    return [job for job in found if job.state == "RUNNING"]


def processes(job: Job, what: str) -> Iterator[int]:
    """Processes of a job whose command line holds a word."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            told = (path / "environ").read_bytes().split(b"\0")
            command = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if f"SLURM_JOB_ID={job.number}".encode() in told and what.encode() in command:
            yield int(path.name)


def break_and_finish(folder: Path, limit: float) -> dict[int, Job]:
    """The run on the cluster; the jobs that were harmed, by number."""
    home, harmed = folder / "smoke", {}

    def trained(notebook: str) -> dict[Path, int]:
        places = {"population": "checkpoints/population", "table_2": "encoders/candidates"}
        found = (home / places[notebook]).rglob("[!.]*.safetensors")  # a dot: still being written
        return {path: path.stat().st_mtime_ns for path in found}

    with Run(folder, ("--executor", "slurm"), limit) as run:
        run.until(lambda: trained("population") and running("population"))
        (job,) = running("population")
        tell(f"job {job.number} ({job.rule}, {job.node}) is at work: scancel")
        subprocess.run(["scancel", str(job.number)], check=True)
        harmed[job.number] = job
        run.until(lambda: jobs()[job.number].state == "CANCELLED")
        run.until(lambda: running("population", job.number))
        (again,) = running("population", job.number)
        tell(f"its work is taken up by job {again.number} ({again.node})")

        run.until(lambda: len(trained("table_2")) > 2 and running("table_2"))
        (job,) = running("table_2")
        kept = trained("table_2")
        told = [*processes(job, "reproduction.runner")]
        tell(f"job {job.number} ({job.rule}, {job.node}) is at work: kill -9 {told}")
        for process in told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        harmed[job.number] = job
        run.until(lambda: jobs()[job.number].state == "FAILED")
        run.until(lambda: running("table_2", job.number))
        run.until(lambda: len(trained("table_2")) > len(kept))
        (job,) = running("table_2", job.number)
        tell(f"its work is taken up by job {job.number} ({job.node})")
        assert kept.items() <= trained("table_2").items(), "an encoder was learned again"

        tell(f"kill -9 of reproduce.py {run.process.pid}")
        os.kill(run.process.pid, signal.SIGKILL)
        run.process.wait()
        with Run(folder, ("--executor", "slurm"), limit) as second:
            assert second.process.wait(600) == 1
            assert "another run of profile 'smoke' is at work" in second.log.read_text()
        tell("Snakemake lives on, and a second run is refused: kill -9 of Snakemake")
    kept = trained("table_2")
    left = {n: each for n, each in jobs().items() if each.state in ("RUNNING", "PENDING")}
    assert job.number in left, "the job died, too"
    harmed |= left
    tell(f"nobody is left but jobs {[*left]}")

    with Run(folder, ("--executor", "slurm"), limit) as run:
        run.until(lambda: running("table_2", max(harmed)))
        states = {number: jobs()[number].state for number in left}
        tell(f"the same command again; the jobs that were left: {states}")
        assert "CANCELLED" in states.values() and not {"RUNNING", "PENDING"} & {*states.values()}
        run.finish()
    assert kept.items() <= trained("table_2").items(), "an encoder was learned again"
    tell("the run on the cluster is done")
    with Run(folder, ("--executor", "slurm"), limit) as run:
        assert "Nothing to be done" in run.finish()
    return harmed


def values(folder: Path) -> dict[str, object]:
    files = sorted((folder / "smoke").glob("*/result.json"))
    return {file.parent.name: results.load(file.parent)["values"] for file in files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--local", type=Path, help="results of a run here, to be used again")
    parser.add_argument("--limit", type=float, default=60, help="minutes that a run may take")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    cluster = Path(os.environ["SLURM_CLUSTER"])
    (cluster / "profile").mkdir()
    (cluster / "profile/config.yaml").write_text(yaml.safe_dump(PROFILE))
    local, remote = options.local or cluster / "local", cluster / "slurm"
    with Run(local.resolve(), limit=60 * options.limit) as run:
        run.finish()
    tell("the run on this machine is done")
    os.environ["SNAKEMAKE_PROFILE"] = str(cluster / "profile")
    harmed = break_and_finish(remote, 60 * options.limit)
    here, there = values(local), values(remote)
    print(f"\n{'job':>4}  {'rule':24}{'node':8}{'state':12}started   ended")
    for job in jobs().values():
        times = f"{job.start[-8:]}  {job.end[-8:]}"
        print(f"{job.number:4}  {job.rule:24}{job.node:8}{job.state:12}{times}")
        assert job.state == "COMPLETED" or job.number in harmed, f"job {job.number} {job.state}"
    nodes = {job.node for job in jobs().values()}
    assert {"node1", "node2"} <= nodes, f"only {nodes} had work"
    assert here.keys() == there.keys() and {"table_1", "table_2", "claims"} <= here.keys()
    different = [item for item in here if here[item] != there[item]]
    if different:
        sys.exit(f"error: other numbers on the cluster: {', '.join(different)}")
    print(f"\n{len(here)} results files, {len(harmed)} jobs harmed: the same numbers.")


if __name__ == "__main__":
    main()
