"""New weights judged beside the bundled ones, on animals that neither has seen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_fus_ulm.inference.events import Notice, Progress
from napari_fus_ulm.tasks.evaluate import EvaluateReady, followed

if TYPE_CHECKING:
    from napari_fus_ulm.evaluation.acceptance import Verdict
    from napari_fus_ulm.evaluation.harness import ImageScored


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """The evaluation, with the pictures of its first image, and what follows from it."""

    evaluated: EvaluateReady
    verdict: Verdict


def acceptance_run(
    weights: Path, cohort: Path
) -> Iterator[Progress | Notice | ImageScored | Judged]:
    """Judge weights on the test side of a cohort.

    Parameters
    ----------
    weights : Path
    cohort : Path
        Folder of pairs with a split; the weights must not have seen its test side.

    Yields
    ------
    Progress, Notice, ImageScored, Judged

    Raises
    ------
    UserError
        If files cannot be used, or the weights have seen an animal that they would be judged on.
    """
    from napari_fus_ulm.cohort.splits import split_of
    from napari_fus_ulm.cohort.table import cohort_name, read_cohort
    from napari_fus_ulm.evaluation.acceptance import rivals, verdict
    from napari_fus_ulm.evaluation.harness import EvaluationSettings, evaluate_events

    methods, pairs = rivals(weights)
    settings = EvaluationSettings(cohort=cohort_name(cohort))
    events = evaluate_events([split_of(read_cohort(cohort))], methods, settings)
    for event in followed(events, 1):
        if isinstance(event, EvaluateReady):
            yield Judged(event, verdict(event.evaluation, pairs))
        else:
            yield event
