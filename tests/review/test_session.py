"""A session on the disk: blinded, and no answer is lost."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_fus_ulm.errors import ReviewError
from napari_fus_ulm.review import answers
from napari_fus_ulm.review.cases import one_view
from napari_fus_ulm.review.folder import read_json
from napari_fus_ulm.review.plan import ReviewSettings, plan
from napari_fus_ulm.review.session import Session, create

FOUR = ("alpha", "beta", "gamma", "truth")
GIVEN: Any = {"left_continuity": 4, "right_continuity": 2, "preference": "left", "seconds": 3.25}


def key_of(session: Session) -> dict[str, Any]:
    return read_json(session.folder / "key.json")


def test_only_the_key_holds_names_kinds_seed_and_sections(make_session: Any) -> None:
    session = make_session(4, FOUR, seed=73939133)
    session = Session.open(session.folder, "Dr. Eye")
    while (trial := session.next_trial()) is not None:
        session.answer(trial, **GIVEN)
    secret = re.compile(rf"{'|'.join(FOUR)}|generated|\bulm\b|\bfus\b|section-|sub-|73939133", re.I)
    inside = [path for path in session.folder.rglob("*") if path.is_file()]
    assert {path.name for path in inside if path.suffix != ".npy"} == {
        "README", "session.json", "key.json", "answers.csv",
    }  # fmt: skip
    for path in inside:
        assert not secret.search(path.name)
        content = path.read_bytes().decode("latin-1")
        if path.name == "key.json":
            assert set(secret.findall(content)) >= {*FOUR, "73939133"}
        elif path.suffix == ".npy":
            header = content.split("\n")[0]
            assert not secret.search(header)
        else:
            # The program is called so, whatever is shown.
            assert not secret.search(content.replace("napari-fus-ulm", ""))


def test_picture_files_do_not_differ_but_in_their_pixels(make_session: Any) -> None:
    session = make_session(4, FOUR, repeats_share=1.0)
    files = sorted((session.folder / "pictures").iterdir())
    assert len(files) == len(session.trials) == 48
    assert all(re.fullmatch(r"[0-9a-f]{10}\.npy", file.name) for file in files)
    assert len({file.stat().st_size for file in files}) == 1
    assert len({file.stat().st_mtime for file in files}) == 1
    assert [token for token, _ in session.trials] != [file.stem for file in files]


def test_tokens_do_not_follow_from_the_seed(make_cases: Any, tmp_path: Path) -> None:
    one, other = (
        create(tmp_path / name, make_cases(3), ReviewSettings(seed=5)) for name in ("a", "b")
    )
    assert not {token for token, _ in one.trials} & {token for token, _ in other.trials}
    sides = [
        [(entry["case"], entry["left"], entry["right"]) for entry in key_of(session)["trials"]]
        for session in (one, other)
    ]
    assert sides[0] == sides[1]


def test_a_trial_shows_what_the_key_says(make_cases: Any, make_session: Any) -> None:
    session = make_session(3, FOUR, seed=8)
    cases = {case.name: case for case in make_cases(3, FOUR)}
    planned = plan(list(cases.values()), ReviewSettings(seed=8))
    entries = key_of(session)["trials"]
    assert len(planned) == len(entries)
    for (token, extent), entry, one in zip(session.trials, entries, planned, strict=True):
        trial = session.trial(token)
        view = one_view(cases[one.case])
        assert (entry["case"], entry["left"], entry["right"]) == (one.case, one.left, one.right)
        np.testing.assert_array_equal(np.round(255 * trial.left), view[one.left])
        np.testing.assert_array_equal(np.round(255 * trial.right), view[one.right])
        assert trial.left.dtype == np.float32
        assert extent == trial.extent_mm == pytest.approx((0.16, 0.2))
        assert trial.pixel_mm == pytest.approx((0.02, 0.02))
    assert session.trial(session.trials[2][0]).number == 3


def test_without_the_control_the_ulm_is_not_in_the_folder(make_session: Any) -> None:
    session = make_session(3, FOUR, control=False)
    assert "truth" not in (session.folder / "key.json").read_text()
    assert read_json(session.folder / "session.json")["settings"]["control"] is False


def test_a_session_is_resumed_where_it_was_stopped(make_session: Any) -> None:
    session = make_session(5)
    first = session.next_trial()
    session.answer(first, **GIVEN)
    again = Session.open(session.folder)
    assert (again.progress.done, again.progress.total) == (1, 6)
    following = again.next_trial()
    assert (following.token, following.number, following.total) == (session.trials[1][0], 2, 6)
    for token, _ in session.trials[1:]:
        again.answer(again.trial(token), **GIVEN)
    assert Session.open(session.folder).next_trial() is None


def test_readers_do_not_see_each_others_answers(make_session: Any) -> None:
    folder = make_session(4).folder
    anna, otto = (Session.open(folder, name) for name in ("Anna", " Otto "))
    anna.answer(anna.next_trial(), **GIVEN)
    assert (anna.progress.done, otto.progress.done) == (1, 0)
    assert otto.next_trial().number == 1


def test_a_correction_is_another_row(make_session: Any) -> None:
    session = make_session(4)
    trial = session.next_trial()
    session.answer(trial, **GIVEN, comment="first")
    before = (session.folder / "answers.csv").read_bytes()
    session.answer(trial, **{**GIVEN, "preference": "none"}, comment="second")
    assert (session.folder / "answers.csv").read_bytes().startswith(before)
    readable, damaged = answers.read(session.folder / "answers.csv")
    assert [one.comment for one in readable] == ["first", "second"]
    assert (damaged, session.progress.done) == (0, 1)


CRASHING = """
import sys, time
from napari_fus_ulm.review.session import Session
session = Session.open(sys.argv[1], "Eye")
session.answer(
    session.next_trial(), left_continuity=5, right_continuity=1, preference="left", seconds=2.0,
    comment='a "long", one;\\nwith a line break, größer',
)
print("written", flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(os.name == "nt", reason="There is no SIGKILL on Windows")
def test_an_answer_survives_a_kill(make_session: Any) -> None:
    session = make_session(4)
    with subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(session.folder)], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL
    ((only,), damaged) = answers.read(session.folder / "answers.csv")
    assert damaged == 0
    assert (only.trial, only.reader, only.seconds) == (session.trials[0][0], "Eye", 2.0)
    assert only.comment == 'a "long", one; with a line break, größer'
    assert Session.open(session.folder, "Eye").next_trial().number == 2


def test_every_answer_is_forced_to_the_disk(
    make_session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = make_session(4)
    synced = []

    def fsync(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_size)

    monkeypatch.setattr(os, "fsync", fsync)
    for _ in range(2):
        session.answer(session.next_trial(), **GIVEN)
        # Everything had left Python's buffer when the system was asked.
        assert synced[-1] == (session.folder / "answers.csv").stat().st_size
    assert len(synced) == 2


@pytest.mark.parametrize("cut", [1, 8, 30])
def test_a_line_that_was_cut_short_spoils_no_other(make_session: Any, cut: int) -> None:
    session = make_session(4)
    path = session.folder / "answers.csv"
    session.answer(session.next_trial(), **GIVEN)
    session.answer(session.next_trial(), **GIVEN, comment='with "quotes"')
    path.write_bytes(path.read_bytes()[: -1 - cut])
    torn = path.read_bytes()
    assert session.next_trial().number == 2
    session.answer(session.next_trial(), **GIVEN)
    assert path.read_bytes().startswith(torn + b"\n")
    readable, damaged = answers.read(path)
    assert [one.trial for one in readable] == [token for token, _ in session.trials[:2]]
    assert damaged == 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"left_continuity": 6}, "left picture is 6"),
        ({"right_continuity": 0}, "right picture is 0"),
        ({"right_continuity": 2.5}, "whole number"),
        ({"preference": "both"}, "left, right, none"),
        ({"seconds": -1.0}, "cannot be negative"),
    ],
)
def test_answers_off_the_scale_are_refused(make_session: Any, change: Any, sentence: str) -> None:
    session = make_session(4)
    before = (session.folder / "answers.csv").read_bytes()
    with pytest.raises(ValueError, match=sentence):
        session.answer(session.next_trial(), **{**GIVEN, **change})
    assert (session.folder / "answers.csv").read_bytes() == before


def test_folders_without_a_session_are_refused(make_session: Any, make_cases: Any) -> None:
    session = make_session(4)
    with pytest.raises(ValueError, match="is not empty"):
        create(session.folder, make_cases(4), ReviewSettings())
    with pytest.raises(ValueError, match="has no trial nobody"):
        session.trial("nobody")
    trial = session.next_trial()
    (session.folder / "pictures" / f"{trial.token}.npy").unlink()
    with pytest.raises(ValueError, match="are missing"):
        session.next_trial()
    table = session.folder / "answers.csv"
    table.write_text(table.read_text().replace(",", ";"))
    with pytest.raises(ValueError, match="another program"):
        Session.open(session.folder)
    table.unlink()
    with pytest.raises(ReviewError, match="restore it"):
        session.answer(trial, **GIVEN)
    (session.folder / "session.json").write_text(json.dumps({"format": 99}))
    with pytest.raises(ValueError, match="format 1"):
        Session.open(session.folder)
    with pytest.raises(ValueError, match="not a complete session"):
        Session.open(session.folder / "pictures")


def test_a_reader_needs_no_key(make_session: Any) -> None:
    session = make_session(4)
    (session.folder / "key.json").unlink()
    again = Session.open(session.folder)
    while (trial := again.next_trial()) is not None:
        again.answer(trial, **GIVEN)
    assert again.progress.done == 5
