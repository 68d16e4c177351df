"""Jobs side by side."""

import os
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from uuid import uuid4

import numpy as np
import pytest
import torch
from processes import processes, wait_until_gone

from reproduction import results
from reproduction.jobs import run_jobs


def draw(*, seed, progress):
    progress(1)
    return os.getpid(), torch.get_num_threads(), np.random.default_rng(seed).random()


def fail(*, seed, progress):
    if seed == 1:
        raise ValueError(f"seed {seed} is unlucky")


def fail_at_once(*, seed, folder, progress):
    (folder / str(seed)).touch()
    if seed == 1:
        raise ValueError(f"seed {seed} is unlucky")
    time.sleep(8)


def run(function, num_workers):
    return run_jobs(
        function, [{"seed": seed} for seed in range(3)], num_workers=num_workers, units=3, name=""
    )


def test_results_come_in_order_from_any_number_of_workers():
    alone, together = run(draw, 1), run(draw, 2)
    assert [number for *_, number in alone] == [number for *_, number in together]
    assert {threads for _, threads, _ in alone + together} == {1}
    assert os.getpid() in {pid for pid, *_ in alone}
    assert os.getpid() not in {pid for pid, *_ in together}


def fill_memory(*, seed, progress):
    np.ones(25_000_000 * (1 + seed))  # 0.2, 0.4 and 0.6 GB
    progress(1)


def test_memory_of_workers_counts(monkeypatch):
    monkeypatch.setattr(results, "worker_memory", [])
    run(fill_memory, 2)
    (used,) = results.worker_memory
    assert used > 0.6
    assert results.peak_memory() == pytest.approx(results.own_peak_memory() + used, abs=0.02)


@pytest.mark.parametrize("num_workers", [1, 2])
def test_an_error_in_a_job_is_raised(num_workers):
    with pytest.raises(ValueError, match="seed 1 is unlucky"):
        run(fail, num_workers)


def die(*, seed, progress):
    os._exit(1)


def test_the_death_of_a_worker_is_an_error():
    with pytest.raises(BrokenProcessPool):
        run(die, 2)


def test_an_error_does_not_wait_for_other_jobs_and_no_other_job_starts(tmp_path):
    jobs = [{"seed": seed, "folder": tmp_path} for seed in range(6)]
    with pytest.raises(ValueError, match="seed 1 is unlucky"):
        run_jobs(fail_at_once, jobs, num_workers=2, units=6, name="")
    raised = time.time()
    assert raised - (tmp_path / "1").stat().st_mtime < 6
    time.sleep(0.5)
    assert {path.name for path in tmp_path.iterdir()} <= {"0", "1"}


def wait(*, folder, progress):
    (folder / str(os.getpid())).touch()
    time.sleep(120)


def test_workers_leave_with_a_parent_that_was_killed(tmp_path):
    code = f"""
import pathlib
from reproduction.jobs import run_jobs
from test_jobs import wait
if __name__ == "__main__":
    jobs = [{{"folder": pathlib.Path({str(tmp_path)!r})}}] * 2
    run_jobs(wait, jobs, num_workers=2, units=2, name="")
"""
    here, mark = os.pathsep.join([os.path.dirname(__file__), *sys.path]), uuid4().hex
    environment = {**os.environ, "PYTHONPATH": here, "PAPERLIB_TEST_RUN": mark}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 60
        while len(os.listdir(tmp_path)) < 2 and time.monotonic() < deadline:
            time.sleep(0.1)
        at_work = [*processes(mark)]
        parent.kill()
    assert {int(name) for name in os.listdir(tmp_path)} <= {*at_work} and len(at_work) > 2
    wait_until_gone(mark)


def test_no_workers():
    with pytest.raises(ValueError, match="num_workers must be at least 1, got 0"):
        run(draw, 0)


def test_no_jobs_have_no_results():
    for num_workers in (1, 2):
        assert run_jobs(print, [], num_workers=num_workers, units=0, name="nothing") == []
