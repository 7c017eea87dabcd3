"""Pictures for people who have no viewer open: panels side by side, captions and a scale bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

CAPTION = 34
GAP = 8
BAR_MM = 1.0


@dataclass(frozen=True, slots=True)
class Panel:
    """One image of a figure.

    Attributes
    ----------
    image : (height, width) array
        Grey levels in [0, 1].
    caption : str
    hot : bool
        Shown in the colours of vascular maps instead of grey.
    """

    image: npt.NDArray[np.floating]
    caption: str
    hot: bool = False


def hot(grey: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Black over red and yellow to white, lightness rising evenly: (…,) -> (…, 3)."""
    level = np.clip(grey, 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, 6)
    red = np.interp(level, stops, [0, 84, 187, 249, 252, 252])
    green = np.interp(level, stops, [0, 15, 55, 142, 220, 255])
    blue = np.interp(level, stops, [4, 109, 84, 9, 90, 245])
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def side_by_side(panels: Sequence[Panel], extent_mm: tuple[float, float]) -> npt.NDArray[np.uint8]:
    """Put panels of one field of view beside each other, true to scale.

    Parameters
    ----------
    panels : sequence of Panel
        All are brought to the width of the widest.
    extent_mm : tuple of float
        Height and width of the field of view.

    Returns
    -------
    (height, width, 3) array of uint8
        With a caption above each panel and a 1 mm bar in the first.
    """
    from PIL import Image, ImageDraw, ImageFont
    from skimage.transform import resize

    width = max(panel.image.shape[1] for panel in panels)
    height = round(width * extent_mm[0] / extent_mm[1])
    total = len(panels) * width + (len(panels) - 1) * GAP
    canvas = Image.new("RGB", (total, height + CAPTION), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=18)
    for number, panel in enumerate(panels):
        left = number * (width + GAP)
        grey = np.clip(resize(panel.image, (height, width), order=1), 0.0, 1.0)
        rgb = (
            hot(grey)
            if panel.hot
            else np.stack([np.rint(grey * 255).astype(np.uint8)] * 3, axis=-1)
        )
        canvas.paste(Image.fromarray(rgb), (left, CAPTION))
        draw.text((left + 4, CAPTION / 2), panel.caption, "black", font, anchor="lm")
    length = width * BAR_MM / extent_mm[1]
    bottom = height + CAPTION - 14
    draw.rectangle((14, bottom - 4, 14 + length, bottom), "white")
    draw.text((14 + length / 2, bottom - 8), f"{BAR_MM:g} mm", "white", font, anchor="ms")
    return np.asarray(canvas)


def save_picture(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write a picture as PNG."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)
