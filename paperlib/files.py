"""Files that are written atomically, with checksums that reveal damage."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError, safe_open

if TYPE_CHECKING:  # loading torch takes a second or more, and half of these functions do without
    import torch
    from torch import Tensor


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` to write to; moves the file into place on success."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(8)}{path.suffix}")
    temporary.touch(exist_ok=False)
    mode = temporary.stat().st_mode
    try:
        yield temporary
        temporary.chmod(mode)  # safetensors replaces it with a private file
        with open(temporary, "r+b") as file:
            os.fsync(file.fileno())  # or a power failure might leave the new name with no content
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _canonical(content: Any) -> str:
    return json.dumps(content, sort_keys=True, allow_nan=False)


def text_checksum(content: Any) -> str:
    """SHA-256 of a JSON value, independent of the order of keys."""
    return hashlib.sha256(_canonical(content).encode()).hexdigest()


def file_checksum(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tensor_checksum(tensors: Mapping[str, Tensor], metadata: str = "") -> str:
    """SHA-256 of named tensors and a text that goes with them."""
    import torch

    digest = hashlib.sha256(metadata.encode())
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, Any]
) -> None:
    """Writes tensors and JSON metadata to one safetensors file with a checksum, atomically.

    Args:
        path: the file to write; its folder is created if need be.
        tensors: any shapes, dtypes and devices.
        metadata: a JSON object.
    """
    from safetensors.torch import save_file

    text = _canonical(metadata)
    header = {"metadata": text, "sha256": tensor_checksum(tensors, text)}
    copies, taken = {}, set()
    for name, tensor in tensors.items():
        copy = tensor.detach().cpu().contiguous()
        memory = copy.untyped_storage().data_ptr()
        copies[name] = copy.clone() if memory in taken else copy  # files hold no shared memory
        taken.add(memory)
    with replacing(path) as temporary:
        save_file(copies, temporary, header)


def load_tensors(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Reads what `save_tensors` wrote.

    Raises:
        FileNotFoundError: if there is no such file.
        OSError: if it cannot be read.
        ValueError: if the file is truncated or altered, or `save_tensors` did not write it.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file; run what writes it first")
    with open(path, "rb"):  # safetensors reports every file that cannot be opened as missing
        pass
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged ({error}); delete it and create it again") from None
    if "metadata" not in header or "sha256" not in header:
        raise ValueError(f"{path} was not written by this package: it carries no checksum")
    if tensor_checksum(tensors, header["metadata"]) != header["sha256"]:
        raise ValueError(f"{path} is damaged (its checksum differs); delete it and create it again")
    return tensors, json.loads(header["metadata"])


def with_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with ``prefix`` before each name."""
    return {prefix + name: tensor for name, tensor in tensors.items()}


def without_prefix(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with ``prefix``, which is removed."""
    return {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimiser's state of each parameter, as "number.field"."""
    state = optimiser.state_dict()["state"]
    return {f"{number}.{field}": t for number, part in state.items() for field, t in part.items()}


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Loads copies of what `optimiser_tensors` returned into an optimiser."""
    content = optimiser.state_dict()
    for name, tensor in tensors.items():
        number, _, field = name.partition(".")
        content["state"].setdefault(int(number), {})[field] = tensor.clone()
    optimiser.load_state_dict(content)


def save_text(path: str | Path, text: str) -> None:
    """Writes a text file, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def save_json(path: str | Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON object and its checksum, atomically; NaN and infinity become null."""
    content = plain(content)
    if "sha256" in content:
        raise ValueError("content: the key 'sha256' is taken by the checksum")
    document = {"sha256": text_checksum(content), **content}
    save_text(path, json.dumps(document, indent=1, allow_nan=False) + "\n")


def load_json(path: str | Path) -> dict[str, Any]:
    """Reads what `save_json` wrote, without its checksum.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if the file is truncated or altered.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such file; run what writes it first")
    try:
        document = json.loads(Path(path).read_text())
        checksum = document.pop("sha256")
        found = text_checksum(document)
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(f"{path} is damaged ({reason}); delete it and create it again") from None
    if found != checksum:
        raise ValueError(f"{path} is damaged (its checksum differs); delete it and create it again")
    return document


def plain(value: Any) -> Any:
    """``value`` in JSON's types: arrays as lists, numbers that are not finite as None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy arrays and numbers, and tensors
        return plain(value.tolist())
    if isinstance(value, float):
        return value if np.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    return value
