"""What the Compare dock knows: which images are compared, in which view, and the notices.

Nothing here needs Qt. `CompareState` keeps what is requested and drives the views; its signal
names the fields of the frozen `Shown` that have changed.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_fus_ulm._napari.compare.choice import Entry, Shown, Wish, default_pair, default_truth
from napari_fus_ulm._napari.compare.layers import comparable_layers, titles
from napari_fus_ulm._napari.compare.pictures import (
    BLINK,
    CURTAIN,
    GRID,
    OFF,
    PAIRED,
    WAITING,
    Ready,
    Request,
    comparing,
    pictures_of,
    request_of,
    words_of,
)
from napari_fus_ulm._napari.compare.stage import Stage
from napari_fus_ulm._napari.compare.views import (
    BlinkView,
    CurtainView,
    DifferenceView,
    GridView,
    Pictures,
    View,
)
from napari_fus_ulm._napari.layers.identity import LayerId, find
from napari_fus_ulm._napari.picker.state import Background
from napari_fus_ulm._napari.run import changes
from napari_fus_ulm._napari.viewer.connections import Connections
from napari_fus_ulm.errors import UserError
from napari_fus_ulm.tasks.compare import Compared

if TYPE_CHECKING:
    from napari.components import ViewerModel
    from napari.layers import Image
    from napari.utils.events import Event

    from napari_fus_ulm.tasks.compare import Colours


class CompareState:
    """Which images are compared, and how.

    Parameters
    ----------
    viewer : napari viewer
    background : Background, optional
        Where large images are read and scaled.

    Signals
    -------
    changed(frozenset of str)
        Fields of `shown` that have changed.
    """

    changed = Signal(frozenset)

    def __init__(self, viewer: ViewerModel, background: Background | None = None) -> None:
        self._viewer, self.background = viewer, background
        self._asked = 0
        self._layers: tuple[Image, ...] = ()
        self._checked: dict[LayerId, bool] = {}
        self._truth, self._first, self._second = Wish(), Wish(), Wish()
        self._view: View | None = None
        self.colours: Colours = "grey"
        self.stage = Stage(viewer)
        self.shown = Shown()
        events = viewer.layers.events
        self._connections, self._data = Connections(), Connections()
        self._connections.connect(events.inserted, self._on_inserted)
        self._connections.connect(events.removed, self._on_layers)
        self._connections.connect(events.reordered, self._on_layers)
        self._connections.follow_names(viewer.layers, self._on_layers)
        self._follow_layers()

    def close(self) -> None:
        """End the view and stop following the viewer."""
        self.changed.disconnect()
        self.show_view(OFF)
        self._connections.close()
        self._data.close()

    # ------------------------------------------------------------ what there is

    def layer(self, layer_id: LayerId | None) -> Image | None:
        """The image with an id."""
        return find(self._layers, layer_id)

    def checked(self) -> list[Image]:
        """The checked images, the oldest first."""
        return [one for one in reversed(self._layers) if self._checked[one.unique_id]]

    def check(self, checked: Mapping[LayerId, bool]) -> None:
        """Check images, or uncheck them; a view follows."""
        known = {layer.unique_id for layer in self._layers}
        self._checked |= {one: state for one, state in checked.items() if one in known}
        self._chosen_anew()

    def check_only(self, layers: Iterable[Image]) -> None:
        """Check these images and no others."""
        wanted = {layer.unique_id for layer in layers}
        self._checked = {one.unique_id: one.unique_id in wanted for one in self._layers}
        self._chosen_anew()

    def set_truth(self, layer_id: LayerId | None) -> None:
        """Choose the ground truth, or none; it is checked too."""
        self._truth = Wish(layer_id, by_hand=True)
        self.check({} if layer_id is None else {layer_id: True})

    def set_pair(self, *, first: LayerId | None = None, second: LayerId | None = None) -> None:
        """Choose an image of the views that have two."""
        self._first = self._first if first is None else Wish(first, by_hand=True)
        self._second = self._second if second is None else Wish(second, by_hand=True)
        self._chosen_anew()

    def set_colours(self, colours: Colours) -> None:
        """Choose the colours of all images."""
        self.colours = colours
        self._chosen_anew()

    def _on_inserted(self, _: Event) -> None:
        if not self.stage.busy:
            self.show_view(OFF)
            self._follow_layers()

    def _on_layers(self, _: Event) -> None:
        if not self.stage.busy:
            if not self.stage.complete:
                self.show_view(OFF)
            self._follow_layers()

    def _follow_layers(self) -> None:
        """Images that are new are checked if they are seen; a view lives with what is left."""
        before = sum(self._checked.values())
        self._layers = tuple(comparable_layers(self._viewer))
        states, self._checked = self._checked, {}
        self._data.close()
        for layer in self._layers:
            self._checked[layer.unique_id] = states.get(layer.unique_id, layer.visible)
            self._data.connect(layer.events.data, self._on_data)
        if sum(self._checked.values()) != before:
            self._chosen_anew()
        else:
            self._show()

    def _on_data(self, _: Event) -> None:
        """A rerun has given a layer other pixels."""
        self._show()
        self.follow_sliders()

    def _chosen_anew(self) -> None:
        """Other images are compared: earlier notices no longer hold."""
        self._show(notices=(), error="")
        if self.shown.view != OFF:
            self.show_view(self.shown.view)

    # ------------------------------------------------------------ views

    def show_view(self, view: str) -> None:
        """Turn a view on, or all off; an error is shown."""
        if view == OFF or len(self.checked()) < 2:
            self._end_view()
            return
        request = self._request(view)
        if request is not None:
            # A view that is there stays until the next one is ready.
            self._show(view=view, words=WAITING, notices=(), error="")
            self._read(request, self._begin_view)

    def follow_sliders(self) -> None:
        """Show the planes to which the sliders have moved."""
        self._show()
        request = None if self._view is None else self._request(self.shown.view)
        if request is not None:
            self._read(request, self._update_view)

    def _read(self, request: Request, then: Callable[[str, Ready], None]) -> None:
        """Make the pictures, in the background where that takes long; only the newest count."""
        self._asked += 1
        follow = partial(self._take_over, self._asked, partial(then, request.view))
        if self.background is None or not request.takes_long:
            follow(pictures_of(request))
        else:
            self.background(partial(pictures_of, request), follow)

    def _take_over(self, asked: int, then: Callable[[Ready], None], ready: Ready) -> None:
        if asked == self._asked:
            then(ready)

    def _begin_view(self, view: str, ready: Ready) -> None:
        if ready.pictures is None:
            self._end_view(ready.error)
            return
        self._close_view()
        words = words_of(view, ready.pictures.names)
        self._show(view=view, words=words, notices=ready.notices, error="")
        self._view = self._make(view, ready.pictures)

    def _update_view(self, view: str, ready: Ready) -> None:
        if ready.pictures is None:
            self._show(error=ready.error)
        elif self._view is not None:
            self._view.update(ready.pictures)

    def _end_view(self, error: str = "") -> None:
        self._asked += 1
        self._close_view()
        self.stage.leave()
        self._show(view=OFF, words="", notices=(), error=error)

    def set_share(self, share: float) -> None:
        """Move the curtain."""
        if isinstance(self._view, CurtainView):
            self._view.set_share(share)
        self._show(share=share)

    def flip(self) -> None:
        """Show the next image of a blink."""
        if isinstance(self._view, BlinkView):
            self._view.flip()

    def _close_view(self) -> None:
        if self._view is not None:
            self._view.close()
            self._view = None

    def _request(self, view: str) -> Request | None:
        """What a view needs; None where it cannot be had, which is said."""
        pair = [self.layer(one) for one in (self.shown.first, self.shown.second)]
        wanted = [one for one in pair if one is not None] if view in PAIRED else self.checked()
        truth = self.layer(self.shown.truth)
        try:
            return request_of(self._viewer, view, wanted, truth, self.colours)
        except UserError as error:
            self._end_view(str(error))
            return None

    def _make(self, view: str, pictures: Pictures) -> View:
        if view == GRID:
            return GridView(self.stage, pictures)
        if view == BLINK:
            return BlinkView(self.stage, pictures, self._on_flip)
        if view == CURTAIN:
            share = self.shown.share
            return CurtainView(self.stage, self._viewer, pictures, share, self.set_share)
        return DifferenceView(self.stage, pictures)

    def _on_flip(self, name: str) -> None:
        self._show(words=f"Now: {name}")

    def comparing(self, *, inputs: bool = False) -> Callable[[], Compared]:
        """What makes what is checked, for the figure; for the table with what results come from.

        Raises
        ------
        UserError
            If a layer cannot be read.
        """
        truth = self.layer(self.shown.truth)
        return comparing(self._viewer, self.checked(), truth, inputs=inputs)

    # ------------------------------------------------------------ what is shown

    def _pixels(self, compared: Iterable[Image]) -> Hashable:
        """What tells that other pixels are compared."""
        stacked, keys = False, []
        for layer in compared:
            stacked = stacked or layer.ndim > 2
            keys.append((layer.unique_id, id(layer.data), *map(float, layer.scale)))
        point = tuple(map(float, self._viewer.dims.point)) if stacked else ()
        return tuple(sorted(keys, key=str)), point

    def _show(self, **words: object) -> None:
        """Resolve what is chosen, with the words to show now."""
        before, layers, checked = self.shown, self._layers, self.checked()
        ids = [layer.unique_id for layer in layers]
        truth = self._truth.among([None, *ids], default_truth(layers))
        first, second = default_pair(checked, truth)
        offered = [layer.unique_id for layer in checked]
        entries = (
            Entry(layer.unique_id, title, layer.name, self._checked[layer.unique_id])
            for layer, title in zip(layers, titles(layers), strict=True)
        )
        self.shown = replace(
            before,
            entries=tuple(entries),
            truth=truth,
            first=self._first.among(offered, first),
            second=self._second.among(offered, second),
            pixels=self._pixels([*checked, *(one for one in layers if one.unique_id == truth)]),
            **words,  # type: ignore[arg-type]
        )
        if names := changes(before, self.shown):
            self.changed.emit(names)
