"""Readers of whom it is known what they do, and what the report says of them."""

import csv
import io
import json
import math
from dataclasses import replace
from typing import Any
from unittest.mock import ANY

import numpy as np
import pytest

from napari_fus_ulm.review.answers import Mark
from napari_fus_ulm.review.folder import sha256_of
from napari_fus_ulm.review.marks import panels
from napari_fus_ulm.review.report import as_json, csv_table, markdown, marks_table
from napari_fus_ulm.review.session import Session
from napari_fus_ulm.review.statistics import Report, holm, share, statistics
from napari_fus_ulm.review.unblinding import unblind
from napari_fus_ulm.tasks.events import last_of
from napari_fus_ulm.tasks.review import report_run, standing

FOUR = ("alpha", "beta", "gamma", "truth")
GIVEN: Any = {"left_continuity": 4, "right_continuity": 2, "preference": "left", "seconds": 3.0}


def side_of(entry: dict[str, Any], name: str) -> str:
    return "left" if entry["left"] == name else "right"


def prefers_alpha(entry: dict[str, Any]) -> dict[str, Any]:
    rating = {"alpha": 5, "beta": 2, "gamma": 2, "truth": 3}
    return {
        "preference": side_of(entry, "alpha") if "alpha" in (entry["left"], entry["right"])
        else "none",
        "left_continuity": rating[entry["left"]],
        "right_continuity": rating[entry["right"]],
        "seconds": 7.0,
    }  # fmt: skip


def always_left(entry: dict[str, Any]) -> dict[str, Any]:
    return {"preference": "left", "left_continuity": 5, "right_continuity": 3}


def report_of(session: Session, **options: Any) -> Report:
    return statistics(unblind(session.folder, **options))


def test_a_reader_who_always_prefers_one_gives_it_every_trial(
    make_session: Any, read_all: Any
) -> None:
    session = make_session(10, repeats_share=0.4)
    read_all(session, prefers_alpha)
    report = report_of(session)
    (pair,) = report.pairs
    assert (pair.first, pair.second, pair.undecided) == ("alpha", "beta", 0)
    assert (pair.chosen.count, pair.chosen.total, pair.chosen.share) == (10, 10, 1.0)
    assert pair.chosen.p == pytest.approx(2 / 2**10)  # not of the 14 showings
    assert pair.chosen.low == pytest.approx(0.025 ** (1 / 10))
    assert pair.p_holm == pair.chosen.p
    assert (pair.by_animal.mean, pair.by_animal.animals) == (1.0, 5)
    assert {one.name: one.rating.mean for one in report.candidates} == {"alpha": 5.0, "beta": 2.0}
    assert report.readers[0].left.p > 0.05
    assert abs(report.readers[0].left.count - 5) <= 1
    assert report.readers[0].consistency is not None
    assert (
        report.readers[0].consistency.preference.count,
        report.readers[0].consistency.preference.total,
    ) == (4, 4)
    assert (
        report.readers[0].consistency.ratings.share,
        report.readers[0].consistency.rating_difference,
    ) == (1.0, 0.0)
    assert (report.cases, report.animals, report.readers[0].median_seconds) == (10, 5, 7.0)
    text = markdown(report)
    assert "| alpha : beta | 10 : 0 | 0 | 100 % [69, 100] |" in text
    assert "0.0020" in text


def test_a_reader_who_always_says_left_is_found_out(make_session: Any, read_all: Any) -> None:
    session = make_session(12, repeats_share=0.5)
    read_all(session, always_left)
    report = report_of(session)
    assert (report.readers[0].left.count, report.readers[0].left.total) == (12, 12)
    assert report.readers[0].left.p == pytest.approx(2 / 2**12)
    assert report.readers[0].left.low == pytest.approx(0.025 ** (1 / 12))
    (pair,) = report.pairs
    assert abs(pair.chosen.count - 6) <= 1
    assert pair.chosen.p > 0.5
    assert report.readers[0].consistency is not None
    assert (
        report.readers[0].consistency.preference.count,
        report.readers[0].consistency.preference.total,
    ) == (0, 6)
    assert report.readers[0].consistency.rating_difference == 2.0
    text = markdown(report)
    assert "left was preferred in 12 of 12 decided trials (100 % [74, 100], p = 0.0005)" in text
    assert "the same preference in 0 of 6 trials" in text


def test_a_reader_without_a_preference_has_no_test(make_session: Any, read_all: Any) -> None:
    session = make_session(4)
    read_all(session, lambda entry: {"preference": "none"})
    report = report_of(session)
    assert report.pairs[0].undecided == 4
    assert math.isnan(report.pairs[0].chosen.p)
    assert report.readers[0].consistency is not None
    assert report.readers[0].consistency.preference.share == 1.0
    assert as_json(report)["pairs"][0]["chosen"]["p"] is None
    assert "| alpha : beta | 0 : 0 | 4 | – | [–] | – | – |" in markdown(report)


def test_the_control_against_everything_generated(make_session: Any, read_all: Any) -> None:
    session = make_session(4, FOUR, repeats_share=0.0)

    def decide(entry: dict[str, Any]) -> dict[str, Any]:
        names = {entry["left"], entry["right"]}
        if names == {"truth", "gamma"}:
            return {"preference": "none"}
        for name in ("alpha", "truth"):
            if name in names:
                return {"preference": side_of(entry, name)}
        return {"preference": "right"}

    read_all(session, decide)
    report = report_of(session)
    assert len(report.pairs) == 6
    assert report.control is not None
    # Four sections: lost to alpha, preferred to beta, no difference to gamma.
    assert (report.control.chosen.count, report.control.chosen.total) == (4, 8)
    assert (report.control.first, report.control.undecided) == ("truth", 4)
    assert report.readers[0].consistency is None
    text = markdown(report)
    assert "the real ULM (truth) was preferred over generated pictures in 4 of 8" in text
    assert "no trial was answered twice" in text


def test_ratings_are_averaged_within_a_section_before_animals_are_drawn(
    make_session: Any, read_all: Any
) -> None:
    session = make_session(6, ("alpha", "beta", "gamma"), repeats_share=0.0)

    def decide(entry: dict[str, Any]) -> dict[str, Any]:
        rated = {"beta": 1 + int(entry["animal"][-1]), "alpha": 5, "gamma": 1}
        # Alpha is rated 5 beside beta and 4 beside gamma.
        rated["alpha"] -= "gamma" in (entry["left"], entry["right"])
        return {
            "preference": "none",
            "left_continuity": rated[entry["left"]],
            "right_continuity": rated[entry["right"]],
        }

    read_all(session, decide)
    by_name = {one.name: one for one in report_of(session).candidates}
    alpha, beta = by_name["alpha"], by_name["beta"]
    assert (alpha.rating.mean, alpha.rating.low, alpha.rating.high) == (4.5, 4.5, 4.5)
    assert (alpha.trials, alpha.rating.images, alpha.rating.animals) == (12, 6, 3)
    assert beta.rating.mean == 2.0  # animals 0, 1, 2 were rated 1, 2, 3
    assert (beta.rating.low, beta.rating.high) == (1.0, 3.0)


def test_unanswered_trials_refuse_and_leave_no_trace(make_session: Any) -> None:
    session = make_session(5)
    with pytest.raises(ValueError, match="holds no answer"):
        unblind(session.folder, partial=True)
    session.answer(session.next_trial(), **GIVEN)
    with pytest.raises(ValueError, match="5 of 6 trials are unanswered"):
        unblind(session.folder)
    assert not (session.folder / "unblinded.json").exists()
    report = report_of(session, partial=True)
    assert (report.readers[0].answered, report.trials) == (1, 6)
    assert markdown(report).startswith("**Unblinded before the end.** ")


def test_what_is_answered_after_the_unblinding_says_so(make_session: Any) -> None:
    session = make_session(5)
    first = session.next_trial()
    session.answer(first, **GIVEN)
    assert not session.answer(first, **{**GIVEN, "preference": "right"}).after_unblinding
    one = report_of(session, partial=True).readers[0]
    assert (one.changed, one.after_unblinding, one.passed_over) == (1, 0, 0)
    (before,) = unblind(session.folder, partial=True).judgements
    assert session.answer(first, **GIVEN).after_unblinding
    while (trial := session.next_trial()) is not None:
        session.answer(trial, **GIVEN)
    again = unblind(session.folder)
    assert again.judgements[0] == replace(before, passed_over=1)
    report = statistics(again)
    one = report.readers[0]
    assert (one.changed, one.after_unblinding, one.passed_over) == (1, 5, 1)
    assert "**5 answers came after the unblinding**" in markdown(report)
    notes = json.loads((session.folder / "unblinded.json").read_text())["unblinded"]
    assert [one["answered"] for one in notes] == [1, 1, 6]
    assert len({one["answers_sha256"] for one in notes}) == 2


def test_readers_are_reported_together_and_alone(make_session: Any, read_all: Any) -> None:
    folder = make_session(4).folder
    read_all(Session.open(folder, "Anna"), prefers_alpha)
    read_all(Session.open(folder, "Otto"), always_left)
    assert statistics(unblind(folder, reader="Anna")).pairs[0].chosen.count == 4
    assert statistics(unblind(folder, reader="Otto")).readers[0].left.count == 4
    with pytest.raises(ValueError, match="no answer by Emma"):
        unblind(folder, reader="Emma")
    report = report_of(Session.open(folder))
    assert [one.name for one in report.readers] == ["Anna", "Otto"]
    # A trial counts once: Anna's alpha, unless Otto's left was beta, which makes it undecided.
    (pair,) = report.pairs
    assert pair.chosen.count == pair.chosen.total
    assert pair.chosen.total + pair.undecided == 4
    otto = 5 * pair.chosen.total + 3 * pair.undecided
    ratings = {one.name: one.rating.mean for one in report.candidates}
    assert ratings["alpha"] == pytest.approx((4 * 5 + otto) / 8)
    assert report.agreement is not None
    assert report.agreement.same_preference.count == pair.chosen.count
    assert (report.agreement.rating.units, report.agreement.preference.units) == (8, 4)
    text = markdown(report)
    assert "Agreement of 2 readers" in text
    assert "About Anna:" in text
    assert "About Otto:" in text


def test_readers_who_say_the_same_agree_perfectly(make_session: Any, read_all: Any) -> None:
    folder = make_session(6, FOUR).folder
    for name in ("Anna", "Otto", "Emma"):
        read_all(Session.open(folder, name), prefers_alpha)
    agreement = report_of(Session.open(folder)).agreement
    assert agreement is not None
    assert (agreement.rating.value, agreement.preference.value) == (1.0, 1.0)
    assert agreement.same_preference.share == 1.0


def drawn(session: Session, mm: float) -> None:
    """Let every picture of a session hold one straight vessel of a length."""
    for token, _ in session.trials:
        path = session.folder / "pictures" / f"{token}.npy"
        both = np.zeros((2, 40, 100), np.uint8)
        both[:, 18:22, 10 : 10 + round(mm / 0.02)] = 255
        np.save(path, both)
    key_path = session.folder / "key.json"
    key = json.loads(key_path.read_text())
    for one in key["trials"]:
        path = session.folder / "pictures" / f"{one['trial']}.npy"
        one["sha256"] = sha256_of(path)
    key_path.write_text(json.dumps(key))


def test_marks_are_counted_per_mm_of_vessel_and_kept_where_they_lie(
    make_session: Any, read_all: Any
) -> None:
    session = make_session(4, repeats_share=0.0)
    content = json.loads((session.folder / "session.json").read_text())
    for one in content["trials"]:
        one["extent_mm"] = [0.8, 2.0]
    (session.folder / "session.json").write_text(json.dumps(content))
    drawn(session, 1.0)
    session = Session.open(session.folder, "Anna")

    def decide(entry: dict[str, Any]) -> dict[str, Any]:
        side = side_of(entry, "beta")
        marks = [Mark(side, "break", 0.4, 0.5), Mark(side, "break", 0.4, 0.9)]
        if entry["case"].endswith("0"):
            marks.append(Mark(side, "invention", 0.1, 0.25))
        return {"preference": "none", "marks": marks}

    read_all(session, decide)
    read_all(Session.open(session.folder, "Otto"), lambda entry: {"preference": "none"})
    unblinded = unblind(session.folder)
    by_name = {one.name: one for one in statistics(unblinded).marks}
    beta = by_name["beta"]
    assert (beta.looks, beta.breaks, beta.inventions) == (4, 8, 1)  # Otto marks nothing
    assert beta.vessel_mm == pytest.approx(4.0, rel=0.1)
    assert beta.breaks_per_mm.mean == pytest.approx(2.0, rel=0.1)
    assert by_name["alpha"].breaks == 0
    rows = list(csv.DictReader(io.StringIO(marks_table(unblinded))))
    assert len(rows) == 9
    assert {row["candidate"] for row in rows} == {"beta"}
    assert [row for row in rows if row["kind"] == "invention"] == [
        {
            "case": "sub-00_section-0", "animal": "sub-00", "candidate": "beta",
            "kind": "invention", "depth_mm": "0.1", "across_mm": "0.25",
            "trial": ANY, "reader": "Anna",
        }
    ]  # fmt: skip
    shown = panels(unblinded)["sub-00_section-0"]
    assert [len(panel.points) for panel in shown] == [0, 2]
    assert all(panel.generated for panel in shown)


def test_a_report_is_a_new_folder_with_a_page(make_session: Any, read_all: Any) -> None:
    folder = make_session(4).folder
    read_all(Session.open(folder, "Anna & Co"), prefers_alpha)
    first, again = (last_of(report_run(folder)) for _ in range(2))
    assert first.folder != again.folder
    assert {path.name for path in first.folder.iterdir()} == {
        "report.html", "report.md", "answers.csv",
    }  # fmt: skip
    page = first.page.read_text(encoding="utf-8")
    assert "<table>" in page
    assert "Anna &amp; Co" in page
    assert (first.folder / "report.md").read_text(encoding="utf-8") == first.markdown
    assert "alpha 4 : 0 beta" in first.brief


def test_an_unfinished_session_is_not_unblinded_by_its_report(make_session: Any) -> None:
    session = make_session(4)
    with pytest.raises(ValueError, match="no answer"):
        list(report_run(session.folder))
    session.answer(session.next_trial(), **GIVEN)
    with pytest.raises(ValueError, match="unanswered"):
        list(report_run(session.folder))
    assert not (session.folder / "unblinded.json").exists()
    about = standing(session.folder)
    assert (about.answered, about.trials, about.complete) == ((("", 1),), 5, False)
    assert last_of(report_run(session.folder, partial=True)).report.readers[0].answered == 1
    assert standing(session.folder).unblinded


def test_exchanged_pictures_are_noticed_deleted_ones_forgiven(
    make_session: Any, read_all: Any
) -> None:
    session = make_session(4)
    read_all(session, prefers_alpha)
    first, second = (session.folder / "pictures" / f"{t}.npy" for t, _ in session.trials[:2])
    first.unlink()
    unblind(session.folder)
    np.save(second, np.load(second)[::-1])
    with pytest.raises(ValueError, match="not the file that the session was made with"):
        unblind(session.folder)


def test_csv_names_what_was_preferred(make_session: Any, read_all: Any) -> None:
    session = make_session(4)
    read_all(session, prefers_alpha)
    rows = list(csv.DictReader(io.StringIO(csv_table(unblind(session.folder)))))
    assert len(rows) == 5
    assert {row["preferred"] for row in rows} == {"alpha"}
    for row in rows:
        assert {row["left"], row["right"]} == {"alpha", "beta"}
        assert row[f"{'left' if row['left'] == 'alpha' else 'right'}_continuity"] == "5"
    assert sum(bool(row["repeat_of"]) for row in rows) == 1


def test_holm_on_a_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, math.nan])[0] == 0.6
    assert math.isnan(holm([0.6, math.nan])[1])


def test_share_is_the_exact_test() -> None:
    two_sided = share(8, 10)
    assert two_sided.p == pytest.approx(2 * (45 + 10 + 1) / 1024)
    assert (two_sided.low, two_sided.high) == pytest.approx((0.4439, 0.9748), abs=1e-4)
