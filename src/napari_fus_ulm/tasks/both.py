"""What *Support* and *Missed vessels* say of one result, beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from napari_fus_ulm.tasks.support import SupportReady
    from napari_fus_ulm.tasks.truth import TruthReady

WHY = (
    "Support speaks of the vessels of the simulated tree, which exist whether or not bubbles pass "
    "through them; Missed vessels of this ULM, which shows those that bubbles passed through. So a "
    "supported vessel may be invented here, and an unlikely one hit."
)


def confirmed_shares(support: SupportReady, missed: TruthReady) -> dict[str, float]:
    """Share of the drawn vessels of each class of *Support* that lie in the ULM.

    Parameters
    ----------
    support, missed : SupportReady, TruthReady
        Of one result.

    Returns
    -------
    dict of str to float
        By name, for the classes that are drawn where the ULM is known: by length of their
        centrelines, 0 to 1.
    """
    from napari_fus_ulm.metrics.centrelines import length_map
    from napari_fus_ulm.metrics.overlay import HIT, INVENTED
    from napari_fus_ulm.tasks.support import support_classes

    lines = support.evidence.lines
    length = length_map(lines)
    beside = missed.comparison.vessels.values
    compared = lines & np.isin(beside, (HIT, INVENTED))
    shares = {}
    for look in support_classes():
        drawn = compared & (support.support.classes == look.label)
        if total := float(length[drawn].sum()):
            shares[look.name] = float(length[drawn & (beside == HIT)].sum()) / total
    return shares


def why_they_differ(support: SupportReady, missed: TruthReady) -> str:
    """Say what each speaks of, and how far they agree on this result."""
    shares = confirmed_shares(support, missed)
    parts = [f"{100 * share:.0f} % of what is {name}" for name, share in shares.items()]
    return f"{WHY} In this ULM lie {', '.join(parts)}." if parts else WHY
