"""``make lab``: JupyterLab shows the notebooks, as text and executed, and has their kernel."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from sources import ROOT

TOKEN = "for-this-test"


def ask(server, path):
    headers = {"Authorization": f"token {TOKEN}"}
    request = urllib.request.Request(f"{server['url']}{path}", headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read().decode()


@pytest.fixture
def server(tmp_path):
    """What a running server says of itself."""
    options = "--no-browser --allow-root --port=0 --ServerApp.log_level=ERROR"
    command = ["make", "lab", "READY=", f"BIN={Path(sys.executable).parent}"]
    command.append(f"LAB={options} --IdentityProvider.token={TOKEN}")
    folders = {
        f"JUPYTER_{name}_DIR": str(tmp_path / name) for name in ("RUNTIME", "CONFIG", "DATA")
    }
    with open(tmp_path / "log.txt", "w") as log:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **folders, "HOME": str(tmp_path)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        deadline, found = time.monotonic() + 120, {}
        while not found:
            assert process.poll() is None, (tmp_path / "log.txt").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.1)
            for path in (tmp_path / "RUNTIME").glob("jpserver-*.json"):
                with suppress(json.JSONDecodeError):  # while it is being written
                    found = json.loads(path.read_text())
        yield found
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


@pytest.mark.slow
def test_lab_shows_notebooks_and_has_their_kernel(server):
    assert Path(server["root_dir"]) == ROOT
    for suffix in ("py", "ipynb"):  # jupytext opens text as a notebook
        found = json.loads(
            ask(server, f"api/contents/notebooks/start_here.{suffix}?type=notebook&content=1")
        )
        cells = found["content"]["cells"]
        assert found["type"] == "notebook" and "# Start here" in cells[0]["source"]
        has_outputs = any(cell.get("outputs") for cell in cells)
        assert has_outputs == (suffix == "ipynb")
    assert "<title>JupyterLab" in ask(server, "lab/tree/notebooks/start_here.ipynb")
    specs = json.loads(ask(server, "api/kernelspecs"))["kernelspecs"]
    assert "ipykernel_launcher" in specs["python3"]["spec"]["argv"]
