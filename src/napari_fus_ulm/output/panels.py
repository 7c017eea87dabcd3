"""Pictures for people who have no viewer open: panels side by side, captions and a scale bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.io.atomic import write_file

if TYPE_CHECKING:
    from PIL import ImageFont

CAPTION = 34
GAP = 8
BAR_MM = 1.0
OUTLINE = (64, 224, 255)
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Panel:
    """One image of a figure.

    Attributes
    ----------
    image : (height, width) or (height, width, 3) array
        Grey levels, or red, green and blue, in [0, 1].
    caption : str
    hot : bool
        Grey levels are shown in the colours of vascular maps instead of grey.
    box_mm : tuple of float, optional
        Top, left, height and width of a part to outline, mm from the outer corner.
    """

    image: npt.NDArray[np.floating]
    caption: str
    hot: bool = False
    box_mm: Box | None = None


def hot(grey: npt.NDArray[np.floating]) -> npt.NDArray[np.uint8]:
    """Black over red and yellow to white, lightness rising evenly: (…,) -> (…, 3)."""
    level = np.clip(grey, 0.0, 1.0)
    stops = np.linspace(0.0, 1.0, 6)
    red = np.interp(level, stops, [0, 84, 187, 249, 252, 252])
    green = np.interp(level, stops, [0, 15, 55, 142, 220, 255])
    blue = np.interp(level, stops, [4, 109, 84, 9, 90, 245])
    return np.stack([red, green, blue], axis=-1).round().astype(np.uint8)


def side_by_side(
    panels: Sequence[Panel],
    extent_mm: tuple[float, float],
    *,
    bar_mm: float = BAR_MM,
    width: int | None = None,
) -> npt.NDArray[np.uint8]:
    """Put panels of one field of view beside each other, true to scale.

    Parameters
    ----------
    panels : sequence of Panel
    extent_mm : tuple of float
        Height and width of the field of view.
    bar_mm : float
        Length of the scale bar.
    width : int, optional
        Pixels of a panel's width; that of the widest image by default.

    Returns
    -------
    (height, width, 3) array of uint8
        With a caption above each panel and a scale bar in the first.
    """
    from PIL import Image, ImageDraw, ImageFont
    from skimage.transform import resize

    width = width or max(panel.image.shape[1] for panel in panels)
    height = round(width * extent_mm[0] / extent_mm[1])
    total = len(panels) * width + (len(panels) - 1) * GAP
    canvas = Image.new("RGB", (total, height + CAPTION), "white")
    draw, font = ImageDraw.Draw(canvas), ImageFont.load_default(size=18)
    per_mm = width / extent_mm[1]
    for number, panel in enumerate(panels):
        left = number * (width + GAP)
        shrinking = height < panel.image.shape[0]
        image = resize(panel.image, (height, width), order=1, anti_aliasing=shrinking)
        canvas.paste(Image.fromarray(_in_colour(image, panel.hot)), (left, CAPTION))
        # Pillow's own font has no dash but the hyphen.
        caption = _fitting(panel.caption.replace("–", "-"), font, width - 8)
        draw.text((left + 4, CAPTION / 2), caption, "black", font, anchor="lm")
        if panel.box_mm:
            top, begin, tall, wide = (round(side * per_mm) for side in panel.box_mm)
            corner = (left + begin, CAPTION + top)
            opposite = (corner[0] + wide - 1, corner[1] + tall - 1)
            draw.rectangle((*corner, *opposite), outline=OUTLINE, width=2)
    length = per_mm * bar_mm
    bottom = height + CAPTION - 14
    draw.rectangle((14, bottom - 4, 14 + length, bottom), "white")
    draw.text((14 + length / 2, bottom - 8), f"{bar_mm:g} mm", "white", font, anchor="ms")
    return np.asarray(canvas)


def _in_colour(image: npt.NDArray[np.floating], in_hot: bool) -> npt.NDArray[np.uint8]:
    level = np.clip(image, 0.0, 1.0)
    if level.ndim == 2 and in_hot:
        return hot(level)
    bytes_ = np.rint(level * 255).astype(np.uint8)
    return bytes_ if level.ndim == 3 else np.stack([bytes_] * 3, axis=-1)


def _fitting(caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The caption, cut where it would run into the next panel's."""
    if font.getlength(caption) <= width:
        return caption
    while caption and font.getlength(f"{caption}…") > width:
        caption = caption[:-1]
    return f"{caption}…"


def below(rows: Sequence[npt.NDArray[np.uint8]]) -> npt.NDArray[np.uint8]:
    """Put pictures of (height, width, 3) below each other, on white where one is narrower."""
    width = max(row.shape[1] for row in rows)
    filled = []
    for number, row in enumerate(rows):
        padding = ((GAP if number else 0, 0), (0, width - row.shape[1]), (0, 0))
        filled.append(np.pad(row, padding, constant_values=255))
    return np.concatenate(filled)


def save_picture(path: Path, image: npt.NDArray[np.uint8]) -> None:
    """Write a picture as PNG."""
    from PIL import Image

    write_file(path, Image.fromarray(image).save)
