"""An unblinded session as Markdown for people, CSV for spreadsheets and JSON for programs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from napari_fus_ulm.evaluation.intervals import Summary
from napari_fus_ulm.io.side_information import plain
from napari_fus_ulm.output.tables import csv_text, markdown_table
from napari_fus_ulm.review.statistics import Preference, Report, Share
from napari_fus_ulm.review.unblinding import Unblinded

COLUMNS = (
    "trial", "case", "animal", "left", "right", "left_continuity", "right_continuity",
    "preferred", "repeat_of", "seconds", "time", "changed", "after_unblinding", "comment",
    "reader",
)  # fmt: skip


def markdown(report: Report) -> str:
    """All tables, each with what it means."""
    parts = [_head(report), _ratings(report), _pairs(report), _reader(report)]
    if report.control is not None:
        parts.insert(3, _control(report.control))
    parts.append(_notes(report))
    return "\n\n".join(parts) + "\n"


def csv_table(unblinded: Unblinded) -> str:
    """One line per answered trial, with the names."""
    rows: list[list[object]] = [[*COLUMNS]]
    for one in unblinded.judgements:
        given = dataclasses.asdict(one.answer)
        cells = {
            **given,
            **{name: getattr(one, name) for name in COLUMNS if name not in given},
            "preferred": one.preferred or "",
            "repeat_of": one.repeat_of or "",
            "after_unblinding": "yes" if one.answer.after_unblinding else "no",
        }
        rows.append([cells[name] for name in COLUMNS])
    return csv_text(rows)


def as_json(report: Report) -> dict[str, Any]:
    """Every number, ready for JSON; a missing value is null."""
    numbers: dict[str, Any] = plain(dataclasses.asdict(report))
    return numbers


def _head(report: Report) -> str:
    text = (
        f"{report.answered} of {_many(report.trials, 'trial')} answered by "
        f"{report.reader or 'an unnamed reader'}: {_many(report.cases, 'section')} of "
        f"{_many(report.animals, 'animal')}."
    )
    if report.answered < report.trials:
        text = f"**Unblinded before the end.** {text}"
    return text


def _ratings(report: Report) -> str:
    rows = [
        [one.name, one.kind, str(one.trials), _mean(one.rating), f"{one.rating.images}"]
        for one in report.candidates
    ]
    title = ["Vessel continuity, 1 to 5", "kind", "ratings", "mean [95 %]", "sections"]
    return markdown_table(title, rows)


def _pairs(report: Report) -> str:
    rows = [
        [
            f"{one.first} : {one.second}",
            f"{one.chosen.count} : {one.chosen.total - one.chosen.count}",
            str(one.undecided),
            _share(one.chosen),
            _interval(one.by_animal, 100.0, 0),
            _p(one.chosen.p),
            _p(one.p_holm),
        ]
        for one in report.pairs
    ]
    title = [
        "Preferred", "trials", "no difference", "first [95 %]", "by animal", "p", "p (Holm)"
    ]  # fmt: skip
    return markdown_table(title, rows)


def _control(one: Preference) -> str:
    return (
        f"Control: the real ULM ({one.first}) was preferred over generated pictures in "
        f"{one.chosen.count} of {_many(one.chosen.total, 'decided trial')} "
        f"({_share(one.chosen)}; by animal {_interval(one.by_animal, 100.0, 0)}), no difference "
        f"in {one.undecided}."
    )


def _reader(report: Report) -> str:
    lines = [
        f"- Side: left was preferred in {report.left.count} of "
        f"{_many(report.left.total, 'decided trial')} ({_share(report.left)}, "
        f"p = {_p(report.left.p)}); without bias it is about half."
    ]
    if report.consistency is None:
        lines.append("- Consistency: unknown, since no trial was answered twice.")
    else:
        one = report.consistency
        lines.append(
            f"- Consistency: the same preference in {one.preference.count} of "
            f"{_many(one.preference.total, 'trial')} shown again with sides swapped "
            f"({_share(one.preference)}; about half by chance where every trial is decided); the "
            f"same rating in {one.ratings.count} of {one.ratings.total}, "
            f"{one.rating_difference:.2f} apart on average."
        )
    if not math.isnan(report.median_seconds):
        lines.append(f"- Time: {report.median_seconds:.0f} s a trial (median).")
    lines.append(f"- Changed before the unblinding: {_many(report.changed, 'answer')}.")
    return "\n".join(lines)


def _notes(report: Report) -> str:
    notes = [
        "Repeats count for consistency only. Share and p: trials with a preference, exact "
        "interval (Clopper–Pearson) and two-sided sign test; Holm: corrected for the number of "
        "pairs. By animal, and for the ratings: bootstrap, whole animals resampled.",
    ]
    if report.cases > report.animals:
        notes.append(
            "Several sections of one animal are not independent, so the exact interval and its p "
            "are too optimistic; a bootstrap of animals that all agree has zero "
            "width. Trust the wider one."
        )
    if report.animals == 1:
        notes.append(
            "With one animal there is no interval by animal: nothing is known about others."
        )
    elif report.animals < 10:
        notes.append("With so few animals the bootstrap intervals are likely too narrow.")
    if report.control is None:
        notes.append("No real ULM was among the judged pictures, so the scale has no upper end.")
    if report.after_unblinding:
        notes.append(
            f"**{_many(report.after_unblinding, 'answer')} came after the unblinding** and count, "
            "because none was given before."
        )
    if report.passed_over:
        notes.append(f"{_many(report.passed_over, 'correction')} after the unblinding ignored.")
    if report.damaged:
        notes.append(f"{_many(report.damaged, 'line')} of the answers truncated and ignored.")
    notes.append("One reader's judgement of appearance: a continuous vessel may still be invented.")
    return "\n".join(f"- {note}" for note in notes)


def _mean(one: Summary) -> str:
    return f"{one.mean:.2f} {_interval(one, 1.0, 2)}"


def _interval(one: Summary, factor: float, digits: int) -> str:
    if math.isnan(one.low):
        return "[–]"
    unit = " %" if factor == 100.0 else ""
    return f"[{factor * one.low:.{digits}f}, {factor * one.high:.{digits}f}]{unit}"


def _share(one: Share) -> str:
    if not one.total:
        return "–"
    return f"{100 * one.share:.0f} % [{100 * one.low:.0f}, {100 * one.high:.0f}]"


def _p(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _many(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
