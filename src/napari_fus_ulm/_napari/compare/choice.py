"""What is compared with what, as far as the user has chosen; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.compare.layers import RESULT, ULM, kind_of
from napari_fus_ulm._napari.layers.identity import LayerId

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, slots=True)
class Wish:
    """A layer that the user has chosen; until then, and when it is gone, a default is followed.

    Parameters
    ----------
    layer_id : hashable or None
        None is no layer.
    by_hand : bool
        The user has said so.
    """

    layer_id: LayerId | None = None
    by_hand: bool = False

    def among(self, offered: Collection[LayerId | None], default: LayerId | None) -> LayerId | None:
        """Return what is wished, if it is offered, or else the default."""
        return self.layer_id if self.by_hand and self.layer_id in offered else default


def default_truth(layers: Sequence[Image]) -> LayerId | None:
    """The newest ULM, of layers with the newest first."""
    return next((layer.unique_id for layer in layers if kind_of(layer) == ULM), None)


def default_pair(
    checked: Sequence[Image], truth: LayerId | None
) -> tuple[LayerId | None, LayerId | None]:
    """The newest result, or else the newest image, beside the ground truth, or else the newest.

    Parameters
    ----------
    checked : sequence of napari.layers.Image
        The oldest first.
    truth : hashable or None
    """
    newest = checked[::-1]
    results = [layer.unique_id for layer in newest if kind_of(layer) == RESULT]
    images = [layer.unique_id for layer in newest if layer.unique_id != truth]
    first = next(iter((*results, *images)), None)
    others = [layer.unique_id for layer in newest if layer.unique_id != first]
    return first, truth if truth in others else next(iter(others), None)
