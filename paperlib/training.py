"""Runs any kind of training to its end, resuming after interruptions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from paperlib import _checks, files

Progress = Callable[[int], None]  # called with the number of iterations that were just done
State = tuple[dict[str, Tensor], dict[str, Any]]  # tensors, and what JSON can hold


def no_progress(done: int) -> None:
    """Ignores progress."""


@runtime_checkable
class Training(Protocol):
    """A training run whose iterations depend on its state alone."""

    @property
    def iteration(self) -> int:
        """Iterations done."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """Everything that determines the result, as JSON: streams, settings, iterations, data
        checksums."""
        ...

    def step(self) -> Any:
        """Does one iteration."""
        ...

    def state(self) -> State:
        """Everything that the next iteration needs; `step` may change these tensors in place."""
        ...

    def load_state(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]) -> None:
        """Loads copies of what `state` returned."""
        ...


def run(
    training: Training,
    checkpoint: str | Path | None = None,
    *,
    num_iterations: int,
    progress: Progress = no_progress,
    checkpoint_every: int = 1,
    restart: bool = False,
) -> None:
    """Trains to the last iteration, from the checkpoint if there is one.

    A run that was interrupted, at any moment, ends with the same numbers as one that was not.

    Args:
        training: what to train.
        checkpoint: a file, written after the last iteration and every ``checkpoint_every`` before.
        num_iterations: number of training iterations, those in the checkpoint included.
        progress: called with iterations as they are done; first with those in the checkpoint.
        checkpoint_every: iterations between two checkpoints.
        restart: whether to start over if the checkpoint is from another training run; by default,
            that is an error.

    Raises:
        ValueError: if the checkpoint is damaged, has more iterations than asked for, or is from
            another training run and not ``restart``.
    """
    checkpoint_every = _checks.integer("checkpoint_every", checkpoint_every, minimum=1)
    if checkpoint is not None and (found := _load(training, Path(checkpoint), restart=restart)):
        tensors, metadata = found
        training.load_state(tensors, metadata["state"])
        _require_at_least(training.iteration, checkpoint, num_iterations)
    progress(training.iteration)
    while training.iteration < num_iterations:
        training.step()
        done = training.iteration
        if checkpoint is not None and (done % checkpoint_every == 0 or done == num_iterations):
            tensors, state = training.state()
            files.save_tensors(checkpoint, tensors, {**_signature(training), "state": state})
        progress(1)


def run_to_file(
    training: Training,
    path: str | Path,
    *,
    result: Callable[[], State],
    num_iterations: int,
    progress: Progress = no_progress,
    restart: bool = False,
) -> None:
    """Trains as `run` does and writes the result to ``path``; a finished file is kept, unless more
    iterations are asked for than it has.

    The checkpoint has the same name, in the folder ``checkpoints`` beside ``path``.

    Args:
        training: what to train.
        path: the finished file; its metadata hold the run's identity under "training", and its
            "num_iterations".
        result: content of the finished file.
        num_iterations, progress, restart: see `run`.

    Raises:
        ValueError: if a file is damaged, has more iterations than asked for, or is from another
            training run and not ``restart``.
    """
    path = Path(path)
    if found := _load(training, path, restart=restart):
        done = found[1].get("num_iterations", num_iterations)  # which older files lack
        _require_at_least(done, path, num_iterations)
        if done == num_iterations:
            progress(num_iterations)
            return
    checkpoint = path.parent / "checkpoints" / path.name
    run(training, checkpoint, num_iterations=num_iterations, progress=progress, restart=restart)
    tensors, metadata = result()
    finished = {"num_iterations": training.iteration, **_signature(training)}
    files.save_tensors(path, tensors, metadata | finished)


def _require_at_least(done: int, path: str | Path, num_iterations: int) -> None:
    if done > num_iterations:
        raise ValueError(
            f"num_iterations must be at least the {done} that {path} has, got {num_iterations}"
        )


def _signature(training: Training) -> dict[str, Any]:
    return {"training": files.plain(training.identity)}


def _load(training: Training, path: Path, *, restart: bool) -> State | None:
    """Content of this run's file; None if there is none, or another run's is to be replaced."""
    if not path.exists():
        return None
    tensors, metadata = files.load_tensors(path)
    found, own = metadata.get("training"), _signature(training)["training"]
    if found == own:
        return tensors, metadata
    if restart:
        return None
    found = found or {}
    different = sorted(n for n in {*own, *found} if own.get(n) != found.get(n))
    raise ValueError(
        f"{path} is of another training, which differs in {', '.join(different)}; delete it or "
        "choose another folder"
    )
