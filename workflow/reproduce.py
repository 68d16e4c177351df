"""Runs the workflow of one profile and prints what came of it.

It goes on from whatever an earlier run finished, however that run ended. A lock that dies with its
process keeps two runs of one profile apart.
"""

import argparse
import fcntl
import subprocess
import sys
from pathlib import Path

from paperlib import reports, results, runner

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="laptop")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--results", default=ROOT / "results", type=Path)
    parser.add_argument("--executor", default="local", help="a folder of workflow/profiles")
    options = parser.parse_args()
    try:
        runner.load_profile(options.profile, "")
    except ValueError as error:
        sys.exit(f"error: {error}")
    home = options.results.resolve() / options.profile
    home.mkdir(parents=True, exist_ok=True)
    with open(home / ".lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit(f"error: another run of profile {options.profile!r} is at work; wait for it")
        try:
            for path in home.glob("*/result.json"):
                results.load(path.parent)
        except ValueError as error:
            sys.exit(f"error: {error}")
        command = [
            *(sys.executable, "-m", "snakemake", "--snakefile", "workflow/Snakefile"),
            *("--workflow-profile", f"workflow/profiles/{options.executor}"),
            *("--cores", str(options.cores), "--rerun-incomplete", "--nolock"),
            *("--config", f"profile={options.profile}", f"device={options.device}"),
            f"results={home.parent}",
        ]
        try:
            code = subprocess.run(command, cwd=ROOT).returncode
        except KeyboardInterrupt:
            sys.exit("interrupted; the same command goes on from here")
    if code != 0:
        sys.exit(f"error: the workflow failed; see the log above and {home}/*/failed.log")
    try:
        print(reports.terminal_table(home))
        for claim in results.load(home / "claims")["values"]["claims"]:
            print(f"{claim['claim']}  {claim['verdict']:15} {claim['text']}")
        print(f"The whole report: {home}/claims/report.html")
    except (ValueError, FileNotFoundError) as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
