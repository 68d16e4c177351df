"""A training run that is stopped and resumed, and the files that it leaves."""

import multiprocessing
import os
import signal

import pytest
import torch

from paperlib import files, training
from paperlib.streams import make_generator

COUNT = 6


class Walk:
    """A random walk, whose steps are drawn from streams of their own."""

    def __init__(self, key=(1,), scale=1.0):
        self.key, self.scale = key, scale
        self.position, self.history = torch.zeros(3), []

    @property
    def iteration(self):
        return len(self.history)

    @property
    def identity(self):
        return {"key": self.key, "scale": self.scale}

    def step(self):
        generator = make_generator(*self.key, self.iteration)
        self.position = self.position + self.scale * torch.randn(3, generator=generator)
        self.history.append(self.position.norm().item())

    def state(self):
        return {"position": self.position}, {"history": self.history}

    def load_state(self, tensors, metadata):
        self.position, self.history = tensors["position"], list(metadata["history"])


def run(walk, checkpoint=None, **options):
    training.run(walk, checkpoint, num_iterations=COUNT, **options)
    return walk


def refuse(self):
    raise AssertionError("trained again")


def stop_after(count):
    done = 0

    def progress(more):
        nonlocal done
        done += more
        if done >= count:
            raise KeyboardInterrupt

    return progress


@pytest.mark.parametrize("checkpoint_every", [1, 4, 40])
@pytest.mark.parametrize("stopped_after", [1, 4, 5])
def test_a_stopped_training_ends_as_the_whole_one(tmp_path, checkpoint_every, stopped_after):
    path, options = tmp_path / "c.safetensors", {"checkpoint_every": checkpoint_every}
    with pytest.raises(KeyboardInterrupt):
        run(Walk(), path, progress=stop_after(stopped_after), **options)
    assert path.exists() == (stopped_after >= checkpoint_every)
    steps = []
    resumed = Walk()
    run(resumed, path, progress=steps.append, **options)
    assert resumed.history == run(Walk()).history
    assert sum(steps) == COUNT and steps[0] == stopped_after // checkpoint_every * checkpoint_every
    assert files.load_tensors(path)[1]["state"]["history"] == resumed.history


def test_a_finished_training_is_not_repeated(tmp_path, monkeypatch):
    path = tmp_path / "c.safetensors"
    whole = run(Walk(), path)
    monkeypatch.setattr(Walk, "step", refuse)
    assert run(Walk(), path).history == whole.history


def test_fewer_iterations_than_the_checkpoint_has(tmp_path):
    path = tmp_path / "c.safetensors"
    run(Walk(), path)
    with pytest.raises(ValueError, match=r"^num_iterations must be at least the 6 that .* got 2$"):
        training.run(Walk(), path, num_iterations=2)
    with pytest.raises(ValueError, match="checkpoint_every must be an integer of at least 1"):
        run(Walk(), path, checkpoint_every=0)


def test_killed_at_every_iteration(tmp_path):
    path, kept = tmp_path / "c.safetensors", []
    for _ in range(COUNT - 1):
        killed = multiprocessing.get_context("fork").Process(target=run_and_be_killed, args=(path,))
        killed.start()
        killed.join()
        assert killed.exitcode == -signal.SIGKILL
        kept.append(len(files.load_tensors(path)[1]["state"]["history"]))
    assert kept == list(range(1, COUNT))
    assert run(Walk(), path).history == run(Walk()).history


def run_and_be_killed(path):
    calls = []

    def progress(done):
        if calls:  # the first call tells what the checkpoint has
            os.kill(os.getpid(), signal.SIGKILL)
        calls.append(done)

    run(Walk(), path, progress=progress)


@pytest.mark.parametrize(
    ("other", "named"), [(Walk(scale=2.0), "scale"), (Walk((2,), 2.0), "key, scale")]
)
def test_the_file_of_another_training_is_named_and_stays(tmp_path, other, named):
    path = tmp_path / "c.safetensors"
    run(other, path)
    before = path.read_bytes()
    message = f"c.safetensors is of another training, which differs in {named}; delete it or"
    with pytest.raises(ValueError, match=message):
        run(Walk(), path)
    assert path.read_bytes() == before


def test_a_restart_takes_nothing_over(tmp_path):
    path = tmp_path / "c.safetensors"
    run(Walk(scale=2.0), path)
    assert run(Walk(), path, restart=True).history == run(Walk()).history
    assert files.load_tensors(path)[1]["training"] == {"key": [1], "scale": 1.0}


@pytest.mark.parametrize("restart", [False, True])
def test_damage_is_an_error_of_one_line(tmp_path, restart):
    path = tmp_path / "c.safetensors"
    run(Walk(), path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ValueError, match=r"^.*c\.safetensors is damaged.*$") as error:
        run(Walk(), path, restart=restart)
    assert "\n" not in str(error.value)


def to_file(walk, path, *, num_iterations=COUNT, **options):
    def result():
        return {"last": walk.position}, {"num_steps": len(walk.history)}

    training.run_to_file(walk, path, result=result, num_iterations=num_iterations, **options)


def test_the_result_is_written_at_the_end_and_kept(tmp_path, monkeypatch):
    path, checkpoint = tmp_path / "w.safetensors", tmp_path / "checkpoints/w.safetensors"
    with pytest.raises(KeyboardInterrupt):
        to_file(Walk(), path, progress=stop_after(2))
    assert checkpoint.exists() and not path.exists()
    to_file(Walk(), path)
    tensors, metadata = files.load_tensors(path)
    assert torch.equal(tensors["last"], run(Walk()).position)
    identity = {"key": [1], "scale": 1.0}
    assert metadata == {"num_steps": COUNT, "num_iterations": COUNT, "training": identity}
    checkpoint.unlink()
    monkeypatch.setattr(Walk, "step", refuse)
    steps = []
    to_file(Walk(), path, progress=steps.append)  # the result is enough
    assert steps == [COUNT]


def test_more_or_fewer_iterations_than_the_result_has(tmp_path, monkeypatch):
    path = tmp_path / "w.safetensors"
    to_file(Walk(), path, num_iterations=2)
    with pytest.raises(ValueError, match=r"at least the 2 that .*/w\.safetensors has, got 1$"):
        to_file(Walk(), path, num_iterations=1)
    to_file(Walk(), path)
    tensors, metadata = files.load_tensors(path)
    assert torch.equal(tensors["last"], run(Walk()).position)
    del metadata["num_iterations"]  # as in older files, which are kept
    files.save_tensors(path, tensors, metadata)
    monkeypatch.setattr(Walk, "step", refuse)
    to_file(Walk(), path, num_iterations=COUNT + 1)


@pytest.mark.parametrize("file", ["w.safetensors", "checkpoints/w.safetensors"])
def test_results_of_another_training(tmp_path, file):
    path = tmp_path / "w.safetensors"
    to_file(Walk(scale=2.0), path)
    if path != tmp_path / file:
        path.unlink()
    with pytest.raises(ValueError, match=f"{file} is of another training"):
        to_file(Walk(), path)
    to_file(Walk(), path, restart=True)
    assert torch.equal(files.load_tensors(path)[0]["last"], run(Walk()).position)
