"""Files: whole or not at all, and noticed when they are damaged."""

import json
import stat

import numpy as np
import pytest
import torch

from paperlib import files

TENSORS = {"b": torch.arange(3), "a": torch.tensor([[0.5, -1.0]])}
CONTENT = {"name": "x", "values": [1, 2.5, -3e-9], "nested": {"yes": True, "nothing": None}}


def save_tensors(file):
    files.save_tensors(file, TENSORS, {"note": "hello", "numbers": [1, 2.5]})


def save_json(file):
    files.save_json(file, CONTENT)


kinds = pytest.mark.parametrize(
    ("save", "load"), [(save_tensors, files.load_tensors), (save_json, files.load_json)]
)


def test_replacing_moves_into_place(tmp_path):
    file = tmp_path / "folder" / "a.txt"
    with files.replacing(file) as temporary:
        assert temporary.suffix == ".txt" and temporary.parent == file.parent
        temporary.write_text("new")
        assert not file.exists()
    assert file.read_text() == "new" and list(file.parent.iterdir()) == [file]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_a_failed_write_leaves_the_old_file_and_no_litter(error, tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("old")
    with pytest.raises(error), files.replacing(file) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path, monkeypatch):
    save_tensors(file := tmp_path / "f.safetensors")

    def refuse(*_):
        raise PermissionError("not yours")

    monkeypatch.setattr("builtins.open", refuse)
    with pytest.raises(PermissionError, match="not yours"):
        files.load_tensors(file)


def test_text_replaces_a_file(tmp_path):
    for text in ("old\n", "χ² = 1\n"):
        files.save_text(tmp_path / "a.txt", text)
        assert (tmp_path / "a.txt").read_text() == text
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_files_have_ordinary_permissions(tmp_path):
    files.save_text(tmp_path / "a.txt", "")
    save_json(tmp_path / "a.json")
    save_tensors(tmp_path / "a.safetensors")
    (tmp_path / "b.txt").write_text("")
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 4 and len({*modes.values()}) == 1, modes


def test_tensors_and_metadata_come_back(tmp_path):
    tensors = TENSORS | {
        "empty": torch.zeros(0, 2),
        "scalar": torch.tensor(True),
        "half": torch.ones(2, dtype=torch.bfloat16),
        "view": torch.arange(6).reshape(2, 3).T,
        "gradient": torch.ones(2, requires_grad=True),
    }
    metadata = {"list": [1, 2.5, None], "nested": {"text": "é"}}
    files.save_tensors(tmp_path / "new" / "t.safetensors", tensors, metadata)
    again, other = files.load_tensors(tmp_path / "new" / "t.safetensors")
    assert other == metadata and set(again) == set(tensors)
    for name, tensor in tensors.items():
        assert again[name].dtype == tensor.dtype and torch.equal(again[name], tensor.detach())


@kinds
def test_every_flipped_byte_is_noticed(save, load, tmp_path):
    file = tmp_path / "f"
    save(file)
    content = file.read_bytes()
    for index in range(len(content)):
        damaged = bytearray(content)
        damaged[index] ^= 1
        file.write_bytes(damaged)
        with pytest.raises(ValueError, match=r"is damaged|was not written by this package"):
            load(file)
    file.write_bytes(content)
    load(file)


@kinds
def test_every_truncation_is_noticed(save, load, tmp_path):
    file = tmp_path / "f"
    save(file)
    content = file.read_bytes().rstrip()
    for size in range(len(content)):
        file.write_bytes(content[:size])
        with pytest.raises(ValueError, match="is damaged") as error:
            load(file)
        assert "\n" not in str(error.value)


@kinds
def test_a_missing_file_says_what_to_do(save, load, tmp_path):
    with pytest.raises(FileNotFoundError, match="run what writes it first"):
        load(tmp_path / "none")


def test_tensors_that_share_memory(tmp_path):
    one = torch.arange(3.0)
    files.save_tensors(tmp_path / "t", {"one": one, "same": one, "part": one[1:]}, {})
    loaded, _ = files.load_tensors(tmp_path / "t")
    assert torch.equal(loaded["one"], one) and torch.equal(loaded["same"], one)
    assert torch.equal(loaded["part"], one[1:])


def test_a_key_that_would_overwrite_the_checksum(tmp_path):
    with pytest.raises(ValueError, match="'sha256' is taken"):
        files.save_json(tmp_path / "j", {"sha256": 1})


def test_swapped_tensors_are_noticed(tmp_path):
    one, other = tmp_path / "1", tmp_path / "2"
    files.save_tensors(one, {"a": torch.zeros(2), "b": torch.ones(2)}, {})
    files.save_tensors(other, {"a": torch.ones(2), "b": torch.zeros(2)}, {})
    size = 16  # bytes of two tensors, at the end
    other.write_bytes(other.read_bytes()[:-size] + one.read_bytes()[-size:])
    with pytest.raises(ValueError, match="checksum differs"):
        files.load_tensors(other)


def test_a_foreign_file(tmp_path):
    from safetensors.torch import save_file

    save_file(TENSORS, tmp_path / "t.safetensors")
    with pytest.raises(ValueError, match="carries no checksum"):
        files.load_tensors(tmp_path / "t.safetensors")


@pytest.mark.parametrize("text", ["", "3", "[1]", "null", "{}", '{"sha256": "x", "a": NaN}'])
def test_json_of_another_kind(text, tmp_path):
    (tmp_path / "f.json").write_text(text)
    with pytest.raises(ValueError, match=r"f\.json is damaged"):
        files.load_json(tmp_path / "f.json")


def test_json_comes_back_as_plain_values(tmp_path):
    content = {
        "array": np.array([1.5, np.nan]),
        "tensor": torch.tensor([[1, 2]]),
        "number": np.float32(0.5),
        "path": tmp_path,
        "infinite": [float("inf"), -float("inf"), 1.0],
        "tuple": (1, np.int64(2), np.bool_(True)),
        3: {"nan": float("nan")},
    }
    files.save_json(tmp_path / "f.json", content)
    assert files.load_json(tmp_path / "f.json") == {
        "array": [1.5, None],
        "tensor": [[1, 2]],
        "number": 0.5,
        "path": str(tmp_path),
        "infinite": [None, None, 1.0],
        "tuple": [1, 2, True],
        "3": {"nan": None},
    }


def test_json_files_can_be_read_by_anybody(tmp_path):
    save_json(tmp_path / "f.json")
    document = json.loads((tmp_path / "f.json").read_text())
    assert document.pop("sha256") == files.text_checksum(CONTENT) and document == CONTENT


def test_a_failed_save_leaves_the_old_file(tmp_path):
    save_json(tmp_path / "f.json")
    with pytest.raises(TypeError):
        files.save_json(tmp_path / "f.json", {"a": object()})
    assert files.load_json(tmp_path / "f.json") == CONTENT
    assert len(list(tmp_path.iterdir())) == 1


def test_checksums_do_not_depend_on_the_order_of_keys():
    one, other = {"a": 1, "b": {"c": 2, "d": 3}}, {"b": {"d": 3, "c": 2}, "a": 1}
    assert files.text_checksum(one) == files.text_checksum(other)
    assert files.text_checksum(one) != files.text_checksum({**one, "a": 2})


def test_checksum_of_a_file(tmp_path):
    (tmp_path / "f").write_bytes(b"abc")  # the test vector of FIPS 180-2
    assert files.file_checksum(tmp_path / "f").startswith("ba7816bf8f01cfea414140de5dae2223")
