"""An unblinded session: a page and Markdown for people, CSV for spreadsheets, JSON for programs."""

from __future__ import annotations

import base64
import dataclasses
import html
import io
import math
from collections.abc import Mapping
from typing import Any

from napari_fus_ulm.evaluation.intervals import Summary
from napari_fus_ulm.io.atomic import Writer, text_writer
from napari_fus_ulm.io.side_information import plain
from napari_fus_ulm.output.figures import Panel, draw_panels, in_rows
from napari_fus_ulm.output.tables import csv_text, markdown_table, number
from napari_fus_ulm.review.agreement import Alpha
from napari_fus_ulm.review.marks import panels, places
from napari_fus_ulm.review.statistics import Preference, Reading, Report, Share
from napari_fus_ulm.review.unblinding import Unblinded, name_of

PAGE = "report.html"
WHERE = "Where readers have marked breaks (blue rings) and inventions (orange diamonds):"
_HTML = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Blinded review</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto }}
table {{ border-collapse: collapse }}
th, td {{ padding: 0.3rem 0.8rem; border-bottom: 1px solid #9996 }}
img {{ max-width: 100% }}
</style></head><body><h1>Blinded review</h1>
{body}
</body></html>
"""
COLUMNS = (
    "trial", "case", "animal", "left", "right", "left_continuity", "right_continuity",
    "preferred", "repeat_of", "seconds", "time", "changed", "after_unblinding", "comment",
    "reader",
)  # fmt: skip
MARK_COLUMNS = (
    "case", "animal", "candidate", "kind", "depth_mm", "across_mm", "trial", "reader"
)  # fmt: skip


def markdown(report: Report) -> str:
    """All tables, each with what it means."""
    parts = [_head(report), _ratings(report), _pairs(report)]
    if report.control is not None:
        parts.append(_control(report.control))
    if report.agreement is not None:
        parts.append(_agreement(report))
    if report.marks:
        parts.append(_marks(report))
    parts += [_reader(one) for one in report.readers]
    parts.append(_notes(report))
    return "\n\n".join(parts) + "\n"


def brief(report: Report) -> str:
    """The same for a narrow place, as Markdown: ratings, preferences, agreement, marks."""
    lines = [_head(report), "**Vessel continuity**, 1 to 5"]
    lines.append("\n".join(f"- {one.name}: {_mean(one.rating)}" for one in report.candidates))
    lines.append("**Preferred**, of the decided trials")
    lines.append("\n".join(map(_preferred, report.pairs)))
    if report.agreement is not None:
        lines.append(
            f"**Agreement of the readers** (alpha): ratings {_alpha(report.agreement.rating)}, "
            f"preferences {_alpha(report.agreement.preference)}"
        )
    if report.marks:
        lines.append("**Marked per mm of vessel**")
        lines.append(
            "\n".join(
                f"- {one.name}: breaks {_mean(one.breaks_per_mm, 3)}, "
                f"inventions {_mean(one.inventions_per_mm, 3)}"
                for one in report.marks
            )
        )
    return "\n\n".join(lines) + "\n"


def _preferred(one: Preference) -> str:
    other = one.chosen.total - one.chosen.count
    undecided = f"; {one.undecided} undecided" if one.undecided else ""
    return f"- {one.first} {one.chosen.count} : {other} {one.second}{undecided}"


def csv_table(unblinded: Unblinded) -> str:
    """One line per answered trial, with the names."""
    rows: list[list[object]] = [[*COLUMNS]]
    for one in unblinded.judgements:
        given = dataclasses.asdict(one.answer)
        given.pop("marks")  # in a table of their own
        cells = {
            **given,
            **{name: getattr(one, name) for name in COLUMNS if name not in given},
            "preferred": one.preferred or "",
            "repeat_of": one.repeat_of or "",
            "after_unblinding": "yes" if one.answer.after_unblinding else "no",
        }
        rows.append([cells[name] for name in COLUMNS])
    return csv_text(rows)


def marks_table(unblinded: Unblinded) -> str:
    """One line per mark, as CSV; places in mm from the outer corner of the picture."""
    rows: list[list[object]] = [[*MARK_COLUMNS]]
    for one, name, mark in places(unblinded):
        where = (mark.kind, mark.depth_mm, mark.across_mm, one.trial, one.answer.reader)
        rows.append([one.case, one.animal, name, *where])
    return csv_text(rows)


def files(unblinded: Unblinded, report: Report) -> dict[str, Writer]:
    """The files of a report by their names: a page to read, its text, and the tables behind it."""
    pictures = {case: _png(shown) for case, shown in panels(unblinded).items()}
    text = markdown(report)
    written = {
        PAGE: text_writer(_page(text, pictures)),
        "report.md": text_writer(text),
        "answers.csv": text_writer(csv_table(unblinded)),
    }
    if report.marks:
        written["marks.csv"] = text_writer(marks_table(unblinded))
    return written


def _png(shown: list[Panel]) -> bytes:
    picture = io.BytesIO()
    draw_panels(in_rows(shown, 3)).savefig(picture, format="png", dpi=200)
    return picture.getvalue()


def _page(text: str, pictures: Mapping[str, bytes]) -> str:
    """One file that a browser opens, with the pictures in it."""
    from markdown_it import MarkdownIt

    body = MarkdownIt("commonmark", {"html": False}).enable("table").render(text)
    shown = [
        f"<h2>{html.escape(case)}</h2>"
        f'<img alt="Marks in the pictures of {html.escape(case)}" '
        f'src="data:image/png;base64,{base64.b64encode(picture).decode()}">'
        for case, picture in pictures.items()
    ]
    if shown:
        shown.insert(0, f"<p>{html.escape(WHERE)}</p>")
    return _HTML.format(body=body + "\n".join(shown))


def as_json(report: Report) -> dict[str, Any]:
    """Every number, ready for JSON; a missing value is null."""
    numbers: dict[str, Any] = plain(dataclasses.asdict(report))
    return numbers


def _head(report: Report) -> str:
    judged = (
        f"{_many(report.cases, 'section')} of {_many(report.animals, 'animal')}, "
        f"{_many(report.trials, 'trial')}"
    )
    answered = [f"{one.answered} by {name_of(one.name)}" for one in report.readers]
    text = f"{judged[0].upper()}{judged[1:]}; answered: {', '.join(answered)}."
    if any(one.answered < report.trials for one in report.readers):
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


def _agreement(report: Report) -> str:
    one = report.agreement
    assert one is not None
    return (
        f"Agreement of {len(report.readers)} readers (Krippendorff's alpha [95 %]; 1 is perfect, "
        f"0 is chance): ratings {_alpha(one.rating)}, preferences {_alpha(one.preference)}; the "
        f"same preference in {_share(one.same_preference)} of "
        f"{_many(one.same_preference.total, 'comparison')} of two readers."
    )


def _marks(report: Report) -> str:
    rows = [
        [
            one.name,
            str(one.looks),
            number(one.vessel_mm, 1),
            str(one.breaks),
            _mean(one.breaks_per_mm, 3),
            str(one.inventions),
            _mean(one.inventions_per_mm, 3),
        ]
        for one in report.marks
    ]
    title = [
        "Marked", "looks", "mm of vessel", "breaks", "per mm [95 %]", "inventions", "per mm [95 %]"
    ]  # fmt: skip
    return markdown_table(title, rows)


def _reader(one: Reading) -> str:
    lines = [
        f"About {name_of(one.name)}:\n",
        f"- Side: left was preferred in {one.left.count} of "
        f"{_many(one.left.total, 'decided trial')} ({_share(one.left)}, "
        f"p = {_p(one.left.p)}); without bias it is about half.",
    ]
    if one.consistency is None:
        lines.append("- Consistency: unknown, since no trial was answered twice.")
    else:
        same = one.consistency
        lines.append(
            f"- Consistency: the same preference in {same.preference.count} of "
            f"{_many(same.preference.total, 'trial')} shown again with sides swapped "
            f"({_share(same.preference)}; about half by chance where every trial is decided; "
            f"alpha {_alpha(same.preference_alpha)}); the same rating in {same.ratings.count} of "
            f"{same.ratings.total}, {same.rating_difference:.2f} apart on average (alpha "
            f"{_alpha(same.rating_alpha)})."
        )
    if not math.isnan(one.median_seconds):
        lines.append(f"- Time: {one.median_seconds:.0f} s a trial (median).")
    lines.append(f"- Changed before the unblinding: {_many(one.changed, 'answer')}.")
    return "\n".join(lines)


def _notes(report: Report) -> str:
    notes = [
        "Repeats count for consistency only. Share and p: trials with a preference, exact "
        "interval (Clopper–Pearson) and two-sided sign test; Holm: corrected for the number of "
        "pairs. By animal, and for the ratings: bootstrap, whole animals resampled.",
    ]
    if len(report.readers) > 1:
        notes.append(
            "Ratings are averaged over the readers, and a trial is decided by the majority of "
            "them, so that it counts once."
        )
    if report.marks:
        notes.append(
            "Marks per mm of the centrelines that a picture draws, each look counted; a reader who "
            "marked nothing in any picture is left out. A reader cannot know what is invented: "
            "marked are vessels that look so."
        )
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
    if late := sum(one.after_unblinding for one in report.readers):
        notes.append(
            f"**{_many(late, 'answer')} came after the unblinding** and count, because none was "
            "given before."
        )
    if ignored := sum(one.passed_over for one in report.readers):
        notes.append(f"{_many(ignored, 'correction')} after the unblinding ignored.")
    if report.damaged:
        notes.append(f"{_many(report.damaged, 'line')} of the answers truncated and ignored.")
    notes.append("Readers judge appearance: a continuous vessel may still be invented.")
    return "\n".join(f"- {note}" for note in notes)


def _mean(one: Summary, digits: int = 2) -> str:
    return f"{number(one.mean, digits)} {_interval(one, 1.0, digits)}"


def _alpha(one: Alpha) -> str:
    between = "" if math.isnan(one.low) else f" [{one.low:.2f}, {one.high:.2f}]"
    return f"{number(one.value, 2)}{between}".replace("-", "−")


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
