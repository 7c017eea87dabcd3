"""Files are written whole or not at all, and what a killed run left is swept."""

import errno
import json
import os
import subprocess
import sys
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
    check_writable,
    json_writer,
    new_folder,
    sweep,
    text_writer,
    write_file,
    write_files,
    write_json,
    write_tensors,
    write_text,
    written_together,
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
    assert calls[:4] == ["flushed", "flushed", "named", "named"]
    assert calls[4:] == ["flushed"] * (os.name != "nt")  # the names themselves


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


@pytest.mark.skipif(os.name == "nt", reason="a process is asked for by a signal")
def test_what_a_process_left_is_swept_once_it_has_ended(tmp_path: Path) -> None:
    script = (
        "import os, sys; from pathlib import Path; from napari_fus_ulm.io import atomic\n"
        "def writer(path): path.write_text('half'); os._exit(9)\n"
        "atomic.write_file(Path(sys.argv[1]) / 'a.txt', writer)"
    )
    for folder in (tmp_path, tmp_path / "deep"):
        assert subprocess.run([sys.executable, "-c", script, str(folder)], check=False).returncode
    mine = tmp_path / f".part-{atomic._host()}-{os.getpid()}-{'0' * 12}-b.txt"
    elsewhere = tmp_path / f".part-{'0' * 8}-1-{'0' * 12}-c.txt"
    for path in (mine, elsewhere):
        path.write_text("half")
    assert len(content(tmp_path / "deep")) == 1
    sweep(tmp_path)
    sweep(tmp_path / "deep")
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, elsewhere.name, "deep"}
    assert not content(tmp_path / "deep")


def test_files_written_together_appear_at_the_end_the_last_one_first(
    tmp_path: Path, monkeypatch
) -> None:
    named: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "replace", lambda a, b: (named.append(Path(b).name), replace(a, b)))
    with written_together():
        write_text(tmp_path / "image.txt", "image")
        write_json(tmp_path / "record.json", {})
        assert not named
    assert named == ["record.json", "image.txt"]
    before = content(tmp_path)

    def one_of_two() -> None:
        with written_together():
            write_text(tmp_path / "image.txt", "new")
            write_file(tmp_path / "record.json", lambda path: (path / "no").touch())

    with pytest.raises(ScanError):
        one_of_two()
    assert content(tmp_path) == before


def test_a_new_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:

    def interrupted() -> None:
        with new_folder(tmp_path / "a" / "b") as aside:
            write_text(aside / "one.txt", "1")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not any((tmp_path / "a").iterdir())
    (tmp_path / "a" / "b").mkdir()
    with new_folder(tmp_path / "a" / "b") as aside:
        write_text(aside / "one.txt", "1")
        assert not any((tmp_path / "a" / "b").iterdir())
    assert content(tmp_path / "a" / "b") == {"one.txt": b"1"}
    with pytest.raises(ScanError, match="“b” could not be written"), new_folder(tmp_path / "a/b"):
        pass  # not empty
    assert content(tmp_path / "a" / "b") == {"one.txt": b"1"}


def test_a_folder_that_cannot_be_written_to_is_refused_before_the_work(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "er")
    assert not any((tmp_path / "new" / "er").iterdir())
    (tmp_path / "file").write_text("")
    with pytest.raises(ScanError, match=r"Nothing can be written to .*file"):
        check_writable(tmp_path / "file")


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

    def full(tensors: dict, path: Path, header: object) -> None:
        Path(path).write_bytes(b"half of it")
        raise SafetensorError(message)

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(ScanError, match=rf"“a\.safetensors” could not be written: .*{why}"):
        write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(3)})
    assert content(tmp_path) == before


def test_others_may_read_tensors(tmp_path: Path) -> None:
    path = write_tensors(tmp_path / "a.safetensors", {"a": torch.ones(3)})
    assert path.stat().st_mode & 0o044 == 0o044
