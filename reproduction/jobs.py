"""Runs jobs side by side, each on one thread, with a progress bar."""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import torch
from tqdm import tqdm

from reproduction import results

# Imported once, by the process that workers are forked from; optimisers import torch._dynamo
PRELOADED = (__name__, "torch._dynamo")


def _enter_worker(progress_queue: Any, failed: Any) -> None:
    global _progress, _failed
    _progress, _failed = progress_queue, failed
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()

    def leave_with_parent() -> None:  # otherwise a worker outlives a parent that was killed
        parent.join()
        os._exit(1)

    threading.Thread(target=leave_with_parent, daemon=True).start()


def _work(function: Callable, job: Mapping[str, Any]) -> Any:
    if _failed.is_set():  # workers take jobs up before they can be cancelled
        return None
    try:
        value = function(**job, progress=_progress.put)
        return value, os.getpid(), results.own_peak_memory()
    except BaseException:
        _failed.set()
        raise


def run_jobs(
    function: Callable[..., Any],
    jobs: Sequence[Mapping[str, Any]],
    *,
    num_workers: int,
    units: int,
    name: str,
) -> list[Any]:
    """Calls ``function(**job, progress=...)`` for each job, with a progress bar.

    Every job runs on one thread and must depend on its arguments alone, so that results are the
    same for any number of workers. A single worker works in this process, several in their own;
    their memory is added to `results.worker_memory`.

    Args:
        function: must be importable from a module; calls ``progress`` with the units it has done.
        jobs: keyword arguments of each call.
        num_workers: processes at a time.
        units: units of work in all jobs together.
        name: label of the progress bar.

    Returns:
        The results, in the order of the jobs.

    Raises:
        ValueError: if ``num_workers`` is below 1. A job's error is raised, too, as soon as it
            fails; no other job starts then.
    """
    if num_workers < 1:
        raise ValueError(f"num_workers must be at least 1, got {num_workers}")
    with tqdm(total=units, desc=name) as bar:
        if num_workers == 1 or len(jobs) <= 1:
            threads = torch.get_num_threads()
            torch.set_num_threads(1)
            try:
                return [function(**job, progress=bar.update) for job in jobs]
            finally:
                torch.set_num_threads(threads)
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([function.__module__, *PRELOADED])
        progress_queue, failed = context.Queue(), context.Event()
        pool = ProcessPoolExecutor(
            min(num_workers, len(jobs)),
            context,
            initializer=_enter_worker,
            initargs=(progress_queue, failed),
        )
        try:
            futures = [pool.submit(_work, function, job) for job in jobs]
            while not all(future.done() for future in futures):
                for future in futures:
                    if future.done():
                        future.result()  # raises the job's error
                try:
                    bar.update(progress_queue.get(timeout=0.2))
                except queue.Empty:
                    continue
            while not progress_queue.empty():
                bar.update(progress_queue.get())
            found = [future.result() for future in futures]
            peaks: dict[int, float] = {}
            for _, worker, memory in found:
                peaks[worker] = max(memory, peaks.get(worker, 0.0))
            results.worker_memory.append(sum(peaks.values()))
            return [value for value, *_ in found]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
