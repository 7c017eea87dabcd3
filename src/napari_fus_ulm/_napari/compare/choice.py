"""What is compared with what, as far as the user has chosen; nothing here needs Qt."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_fus_ulm._napari.compare.layers import RESULT, ULM, kind_of
from napari_fus_ulm._napari.compare.pictures import OFF
from napari_fus_ulm._napari.layers.identity import LayerId

if TYPE_CHECKING:
    from napari.layers import Image


@dataclass(frozen=True, slots=True)
class Wish:
    """A layer that the user has chosen; a default holds until then and when the layer is gone.

    Parameters
    ----------
    layer_id : hashable or None
        None is no layer.
    by_hand : bool
        Whether the user chose it.
    """

    layer_id: LayerId | None = None
    by_hand: bool = False

    def among(self, offered: Collection[LayerId | None], default: LayerId | None) -> LayerId | None:
        """Return the chosen layer if it is offered, or else the default."""
        return self.layer_id if self.by_hand and self.layer_id in offered else default


@dataclass(frozen=True, slots=True)
class Entry:
    """An image in the list."""

    layer_id: LayerId
    title: str
    name: str
    checked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the dock shows.

    Parameters
    ----------
    entries : tuple of Entry
        The newest first.
    truth : hashable or None
        Id of the ground truth.
    first, second : hashable or None
        Ids of the images of the views that have two.
    view : {"off", "grid", "curtain", "blink", "difference"}
    words : str
        What is seen in the view.
    share : float
        Where the curtain is, 0 to 1.
    notices : tuple of str
        About the images of the view; they go with it.
    error : str
        Why there is no view of the images that are checked; it goes when others are.
    pixels : hashable
        Another one when other pixels are compared, by the sliders or because they were replaced.
    """

    entries: tuple[Entry, ...] = ()
    truth: LayerId | None = None
    first: LayerId | None = None
    second: LayerId | None = None
    view: str = OFF
    words: str = ""
    share: float = 0.5
    notices: tuple[str, ...] = ()
    error: str = ""
    pixels: Hashable = None

    @property
    def subject(self) -> Hashable:
        """What figure and table are about."""
        return frozenset(one.layer_id for one in self.checked), self.truth, self.pixels

    @property
    def checked(self) -> tuple[Entry, ...]:
        """The checked images, the newest first."""
        return tuple(entry for entry in self.entries if entry.checked)

    @property
    def can_be_measured(self) -> bool:
        """Whether there is an image beside the ground truth."""
        others = [entry for entry in self.checked if entry.layer_id != self.truth]
        return self.truth is not None and bool(others)


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
