"""An evaluation as CSV for spreadsheets and as JSON for programs."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from napari_fus_ulm.evaluation.columns import difference_of, summary_of
from napari_fus_ulm.evaluation.harness import Evaluation
from napari_fus_ulm.evaluation.intervals import Summary
from napari_fus_ulm.evaluation.methods import INPUT
from napari_fus_ulm.output.tables import csv_text

FIRST = ("split", "method", "image", "animal", "seconds")


def csv_table(evaluation: Evaluation) -> str:
    """One line per split, method and image; one column per measure, every digit.

    The columns are :data:`FIRST` and the names of :meth:`Scores.as_dict`; ``tree_`` marks what is
    judged against the simulated tree. A measure without a value is empty.
    """
    names = list(dict.fromkeys(n for one in evaluation.images for n in one.scores.as_dict()))
    rows: list[list[object]] = [[*FIRST, *names]]
    for one in evaluation.images:
        measures = one.scores.as_dict()
        first = (one.split, one.method, one.image, one.animal, f"{one.seconds:.3f}")
        rows.append([*first, *(measures.get(name) for name in names)])
    return csv_text(rows)


def as_json(evaluation: Evaluation) -> dict[str, Any]:
    """Everything, ready for JSON: settings, versions, splits, rows with summaries, images."""
    names = list(dict.fromkeys(n for one in evaluation.images for n in one.scores.as_dict()))
    has_input = any(row.key == INPUT for row in evaluation.rows)
    rows: dict[str, Any] = {}
    for row in evaluation.rows:
        rows[row.key] = {
            "title": row.title,
            "note": row.note,
            "chosen": list(row.chosen),
            "summary": {name: _plain(summary_of(evaluation, row, name)) for name in names},
        }
        if has_input and row.key != INPUT:
            rows[row.key]["difference_to_input"] = {
                name: _plain(difference_of(evaluation, row, name)) for name in names
            }
    return {
        "versions": versions(),
        "settings": dataclasses.asdict(evaluation.settings),
        "splits": list(evaluation.splits),
        "notes": list(evaluation.notes),
        "rows": rows,
        "images": [
            {
                **{name: getattr(one, name) for name in FIRST},
                **one.scores.as_dict(),
            }
            for one in evaluation.images
        ],
    }


def _plain(one: Summary) -> dict[str, float | int | None]:
    values: dict[str, float | int] = dataclasses.asdict(one)
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def versions() -> dict[str, str]:
    """Versions that the numbers depend on."""
    from importlib.metadata import version

    from napari_fus_ulm import __version__

    packages = ("numpy", "scipy", "scikit-image", "torch", "lpips")
    return {"napari-fus-ulm": __version__, **{name: version(name) for name in packages}}
