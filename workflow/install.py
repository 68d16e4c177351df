"""Installs requirements.lock and this package into the environment of the running Python.

TORCH=cpu asks pip for the small CPU build of torch first, which it finds where it is told of
PyTorch's CPU wheels (see README.md here); everywhere else, and with TORCH=cuda, the registry's
build of the same version serves.
"""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def pip(*arguments: str) -> bool:
    command = [sys.executable, "-m", "pip", "install", *arguments]
    return subprocess.run(command, cwd=ROOT).returncode == 0


def has_cpu_build() -> bool:
    """Whether the small build is there, which pip takes for the usual one."""
    try:
        return importlib.metadata.version("torch").endswith("+cpu")
    except importlib.metadata.PackageNotFoundError:
        return False


def main() -> None:
    build = os.environ.get("TORCH", "cpu")
    if build not in ("cpu", "cuda"):
        sys.exit(f"error: TORCH must be cpu or cuda, got {build!r}")
    locked = (ROOT / "requirements.lock").read_text().splitlines()
    torch = next(line for line in locked if line.startswith("torch=="))
    quiet = ("--quiet", "--disable-pip-version-check")
    if build == "cuda" and has_cpu_build():
        subprocess.run([sys.executable, "-m", "pip", "uninstall", "--quiet", "--yes", "torch"])
    installed = build == "cpu" and pip(*quiet, f"{torch}+cpu")
    if not installed and not pip(*quiet, torch):
        sys.exit(f"error: {torch} could not be installed")
    if not pip(*quiet, "--requirement", "requirements.lock"):
        sys.exit("error: requirements.lock could not be installed")
    if not pip(*quiet, "--no-deps", "--no-build-isolation", "--editable", "."):
        sys.exit("error: paperlib could not be installed")


if __name__ == "__main__":
    main()
