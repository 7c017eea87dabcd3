"""Images compared with their ULM, whatever their origin: the same measures as in the harness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import xarray as xr

from napari_fus_ulm.errors import MeasureError
from napari_fus_ulm.evaluation.harness import (
    Evaluation,
    EvaluationSettings,
    Event,
    Finished,
    ImageScored,
    Row,
)
from napari_fus_ulm.evaluation.scores import score
from napari_fus_ulm.grey.image import measured_image
from napari_fus_ulm.grey.reference import reference_on_grid
from napari_fus_ulm.inference.events import Progress
from napari_fus_ulm.registration.shift import align
from napari_fus_ulm.scan import doubts_of, generated_truth, spacing_of

IMAGES = "images"


def matched(images: Path, references: Path) -> list[tuple[Path, Path]]:
    """Pairs of files: two files, or the files of two folders by their names.

    Raises
    ------
    MeasureError
        If something is missing or has no partner; the sentence names it.
    """
    for path in (images, references):
        if not path.exists():
            raise MeasureError(f"There is no file or folder {path}.")
    if images.is_file():
        return [(images, references)]
    left, right = _by_stem(images), _by_stem(references)
    alone = sorted((set(left) ^ set(right)) - {stem for stem in left if stem.endswith("_spread")})
    if alone or not left:
        raise MeasureError(
            f"Files in {images} and {references} are matched by name (NAME or NAME_enhanced); "
            + (f"without a partner: {', '.join(alone)}." if alone else "there are none.")
        )
    return [(left[stem], right[stem]) for stem in sorted(set(left) & set(right))]


def compare_events(
    files: Sequence[tuple[Path, Path]],
    settings: EvaluationSettings | None = None,
    *,
    aligned: bool = False,
    spacing: float | None = None,
) -> Iterator[Event]:
    """Judge images by their ULM, event by event.

    Parameters
    ----------
    files : sequence of (Path, Path)
        An image (generated, power Doppler, or another ULM map) and its ULM.
    settings : EvaluationSettings, optional
        The grid is that of ``pixel_um``, but never finer than a ULM map; generated images keep
        their own pixels.
    aligned : bool
        Register the image to its ULM by a translation first, and judge the common part.
    spacing : float, optional
        Pixel size in mm for files that store none.

    Yields
    ------
    Progress, ImageScored, Finished
    """
    chosen = settings or EvaluationSettings()
    judged: list[ImageScored] = []
    notes: list[str] = []
    for done, (image_path, reference_path) in enumerate(files):
        yield Progress(done, len(files), image_path.name)
        image, reference = (
            _read(path, modality, spacing, notes)
            for path, modality in ((image_path, None), (reference_path, "ulm"))
        )
        if about := generated_truth(reference):
            notes.append(about.removesuffix("."))
        if image.attrs.get("modality") == "fus" and image.attrs.get("values") != "grey":
            notes.append(
                f"{image_path.name} is power Doppler without an intensity map (there are no "
                "training pairs to fit one on), so its contrast is not that of a ULM image"
            )
        if aligned:
            if image.attrs.get("modality") == "fus":
                # In whole fUS pixels, up to 0.1 mm of the other image would stick out.
                image = measured_image(image, chosen.pixel_um).scan()
            registered = align(image, reference)
            image, reference = registered.image, registered.reference
            down, right = registered.shift_mm
            notes.append(
                f"{image_path.name} was moved by {down:+.3f} mm down and {right:+.3f} mm right"
            )
        picture = measured_image(image, chosen.pixel_um)
        truth = reference_on_grid(reference, picture.grid, "image")
        scores = score(picture.grey, truth, picture.grid.pixel_mm, rule=chosen.rule)
        one = ImageScored(1, IMAGES, image_path.name, image_path.name, scores, 0.0)
        judged.append(one)
        yield one
    how = ", registered by a translation and cropped to the common part" if aligned else ""
    note = f"Compared with their ULM{how}."
    rows = (Row(IMAGES, "images", note, tuple(notes)),)
    yield Finished(Evaluation(chosen, rows, tuple(judged)))


def _read(
    path: Path, modality: str | None, spacing: float | None, notes: list[str]
) -> xr.DataArray:
    """One plane; where its file stores no pixel size, the assumed one is noted."""
    from napari_fus_ulm.io import read_one

    scan = read_one(path, modality=modality).squeeze(drop=True)
    notes += doubts_of(scan).values()
    if scan.attrs.get("spacing_known", True):
        return scan
    if spacing is not None:
        return read_one(path, modality=modality, spacing=spacing).squeeze(drop=True)
    notes.append(f"{path.name} stores no pixel size; {1000 * spacing_of(scan)[0]:g} µm assumed")
    return scan


def _by_stem(folder: Path) -> dict[str, Path]:
    from napari_fus_ulm.io import images_in
    from napari_fus_ulm.io.formats import stem_of

    if not folder.is_dir():
        raise MeasureError(f"{folder} is not a folder; give two images or two folders.")
    return {stem_of(p).removesuffix("_enhanced"): p for p in images_in(folder)}
