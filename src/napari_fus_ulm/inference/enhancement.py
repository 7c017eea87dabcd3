"""The result of a run, with everything needed to judge and to reproduce it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import xarray as xr

from napari_fus_ulm.inference.naming import title_of
from napari_fus_ulm.inference.patches import Patches
from napari_fus_ulm.inference.settings import EnhanceSettings


@dataclass(frozen=True, slots=True)
class Enhancement:
    """A generated ULM-like image.

    Attributes
    ----------
    image : xarray.DataArray
        Grey levels in [0, 1] (log-like, as ULM maps are shown), float32, the input's leading dims
        and extent, mm coordinates; ``attrs["generated"]`` is True.
    spread : xarray.DataArray or None
        Standard deviation over the samples (*Balanced* only), in the same grey levels.
    settings : EnhanceSettings
        As requested, with the generator's defaults filled in.
    provenance : dict
        What was used: weights and their hash, input, values, device, precision, versions; and
        whether the input looks like fUS.
    seconds : float
        Time the run took.
    patches : Patches or None
        Grey levels of every patch before they were blended, where each was sampled on its own and
        the run was one sample of one plane.
    """

    image: xr.DataArray
    spread: xr.DataArray | None
    settings: EnhanceSettings
    provenance: dict[str, Any]
    seconds: float
    patches: Patches | None = field(default=None, repr=False, compare=False)

    @property
    def reached(self) -> str:
        """The gain that was reached, which may be another one than was wished, and the pixels."""
        rows, columns = self.image.shape[-2:]
        return f"×{self.provenance['gain']:.2g}, {columns} × {rows} pixels"

    @property
    def title(self) -> str:
        """Name for a layer or a figure; it says that the image is generated."""
        return self.titled()

    def titled(self, part: str = "") -> str:
        """The name of a result of one part of an image, such as “slice 3”."""
        return title_of(self.settings, self.provenance, part)

    @property
    def light(self) -> str:
        """How far the input looks like fUS: green, yellow (unusual) or red (it does not).

        ``provenance["familiarity"]`` says why.
        """
        return str(self.provenance.get("familiarity", {}).get("light", "green"))

    def _repr_html_(self) -> str:
        """A small picture and one line, for notebooks."""
        import base64

        from napari_fus_ulm.output.figures import hot, png

        plane = self.image.values.reshape(-1, *self.image.shape[-2:])[0]
        data = base64.b64encode(png(hot(plane))).decode("ascii")
        trained = " · phantom-trained" if self.provenance.get("phantom_trained") else ""
        return (
            f'<figure><img width="420" src="data:image/png;base64,{data}"/>'
            f"<figcaption>{self.title}{trained} · "
            f"{self.image.shape[-1]} × {self.image.shape[-2]} px · {self.seconds:.1f} s"
            "</figcaption></figure>"
        )
