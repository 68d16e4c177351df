"""From the folder that a notebook writes to while it runs to that of its results."""

import json
from pathlib import Path

import pytest

from reproduction import results, staging


def test_a_lock_is_held_once_and_released(tmp_path):
    path, message = tmp_path / ".tiny.lock", "another run"
    for _ in range(2):
        taken = pytest.raises(ValueError, match=f"^{message}$")
        with staging.locked(path, message), taken, staging.locked(path, message):
            pass


def test_paths_are_renamed_but_pictures_stay(monkeypatch):
    monkeypatch.setattr(results, "ROOT", Path("/w"))
    here, there = Path("/w/results/.tiny"), Path("/w/results/tiny")
    data = {"image/png": "iVB/w/A", "image/svg+xml": ["</w/>"], "text/plain": ["½ /w/x"]}
    notebook = {
        "cells": [{"outputs": [{"data": data}, {"text": "results/.tiny/y"}]}],
        "nbformat": 4,
    }
    text = staging.rename_in_notebook(json.dumps(notebook), here, there)
    outputs = [{"data": data | {"text/plain": ["½ x"]}}, {"text": "results/tiny/y"}]
    assert json.loads(text) == {"cells": [{"outputs": outputs}], "nbformat": 4}
    assert "½" in text
    assert staging.rename("at /w/results/.tiny/y", here, there) == "at results/tiny/y"


def test_files_move_and_stale_ones_go(tmp_path):
    here, there = tmp_path / ".tiny", tmp_path / "tiny"
    for folder, name in ((here, results.FILE_NAME), (here, "a.png"), (there, "old.png")):
        folder.mkdir(exist_ok=True)
        (folder / name).touch()
    staging.publish(here, there)
    assert {path.name for path in there.iterdir()} == {results.FILE_NAME, "a.png"}
    assert not here.exists()


def test_files_of_two_runs_are_never_taken_for_one(tmp_path, monkeypatch):
    here, there = tmp_path / ".tiny", tmp_path / "tiny"
    for folder in (here, there):
        folder.mkdir()
        for name in (results.FILE_NAME, "a.csv", "b.csv"):
            (folder / name).write_text(folder.name)
    move = Path.replace

    def interrupted(file, target):
        if file.name == "b.csv":
            raise KeyboardInterrupt
        return move(file, target)

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        staging.publish(here, there)
    assert (there / "a.csv").read_text() == ".tiny" and not (there / results.FILE_NAME).exists()
