"""Files are written whole or not at all, and what a killed run left is swept."""

import errno
import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io import atomic
from napari_fus_ulm.io.atomic import (
    array_writer,
    arrays_writer,
    json_writer,
    text_writer,
    write_file,
    write_files,
    write_json,
    write_tensors,
    write_text,
)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    values = np.arange(6.0).reshape(2, 3)
    write_files(
        {
            tmp_path / "a.txt": text_writer("µm\nmm\n"),
            tmp_path / "a.json": json_writer({"µ": [1]}),
            tmp_path / "a.npy": array_writer(values),
            tmp_path / "a.npz": arrays_writer({"points": values}),
        }
    )
    assert (tmp_path / "a.txt").read_bytes() == "µm\nmm\n".encode()
    assert (tmp_path / "a.json").read_bytes() == '{\n  "µ": [\n    1\n  ]\n}\n'.encode()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), values)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["points"], values)
    assert len(content(tmp_path)) == 4


def test_a_folder_is_made_for_a_single_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "deep" / "er" / "a.json", [1])
    assert json.loads(path.read_text()) == [1]
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ScanError, match=r"“a\.txt” could not be written"):
        write_text(tmp_path / "file" / "a.txt", "")


def test_of_files_that_belong_together_none_is_written_where_one_fails(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")
    before = content(tmp_path)

    def full(path: Path) -> None:
        path.write_bytes(b"half of it")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(ScanError, match=r"“b\.npy” could not be written: the disk is full"):
        write_files({tmp_path / "a.txt": text_writer("new"), tmp_path / "b.npy": full})
    assert content(tmp_path) == before


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old")

    def interrupted(path: Path) -> None:
        path.write_bytes(b"half of it")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file(tmp_path / "a.txt", interrupted)
    assert content(tmp_path) == {"a.txt": b"old"}


def test_the_content_is_on_the_disk_before_the_name(tmp_path: Path, monkeypatch) -> None:
    calls: list[str] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: (calls.append("flushed"), fsync(file)))
    monkeypatch.setattr(os, "replace", lambda *names: (calls.append("named"), replace(*names)))
    write_files({tmp_path / name: text_writer(name) for name in "ab"})
    assert calls == ["flushed", "flushed", "named", "named"]


def test_what_a_killed_run_left_is_swept(tmp_path: Path) -> None:
    old, young = (tmp_path / f".part-{digit * 12}-a.txt" for digit in "0f")
    others = [tmp_path / ".part-of-mine.txt", tmp_path / "a.part"]
    for path in (old, young, *others):
        path.write_text("half of it")
    long_ago = time.time() - atomic.LEFTOVER_S - 60.0
    for path in (old, *others):
        os.utime(path, (long_ago, long_ago))
    write_text(tmp_path / "a.txt", "whole")
    assert set(content(tmp_path)) == {"a.txt", young.name, *(path.name for path in others)}


@pytest.mark.parametrize(
    ("message", "why"),
    [
        ("I/O error: No space left on device (os error 28)", "the disk is full"),
        ("I/O error: something else", "something else"),
    ],
)
def test_tensors_that_a_full_disk_refuses_leave_the_old_file(
    tmp_path: Path, monkeypatch, message: str, why: str
) -> None:
    write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(3)})
    before = content(tmp_path)

    def full(tensors: dict, path: Path) -> None:
        Path(path).write_bytes(b"half of it")
        raise SafetensorError(message)

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(ScanError, match=rf"“a\.safetensors” could not be written: .*{why}"):
        write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(3)})
    assert content(tmp_path) == before


def test_others_may_read_tensors(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(3)})
    assert path.stat().st_mode & 0o044 == 0o044
