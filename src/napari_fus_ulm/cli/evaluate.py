"""Compare images with their reference, or score the generator on held-out phantoms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_fus_ulm.cli.console import failing_politely, print_json, progress

if TYPE_CHECKING:
    from napari_fus_ulm.metrics.fidelity import Fidelity

NAME = "evaluate"


def command(
    images: Annotated[
        Path | None, typer.Argument(metavar="RESULT", help="An image, or a folder of them.")
    ] = None,
    references: Annotated[
        Path | None, typer.Argument(metavar="ULM", help="Its ULM, or a folder of equal names.")
    ] = None,
    phantoms: Annotated[
        int, typer.Option(help="Score the generator on so many held-out phantoms instead.", min=0)
    ] = 0,
    weights: Annotated[Path | None, typer.Option(help="Weights, with --phantoms.")] = None,
    csv: Annotated[bool, typer.Option("--csv", help="CSV instead of Markdown.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON instead of Markdown.")] = False,
) -> None:
    """Compare images with their ULM."""
    with failing_politely(json):
        if phantoms:
            scored = _phantoms(phantoms, weights)
        elif images is not None and references is not None:
            scored = _images(images, references)
        else:
            raise typer.BadParameter("Give RESULT and ULM, or --phantoms N.")
        _print(scored, csv, json)


def _phantoms(n: int, weights: Path | None) -> dict[str, dict[str, Fidelity]]:
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.training.evaluation import MODES, evaluate_on_phantoms

    settings = EnhanceSettings(weights=str(weights) if weights else None)
    found: dict[str, dict[str, Fidelity]] = {}
    with progress() as bar:
        task = bar.add_task("Evaluating", total=n * (1 + len(MODES)))
        for one in evaluate_on_phantoms(settings, n):
            found.setdefault(one.row, {})[f"phantom {one.seed}"] = one.fidelity
            bar.advance(task)
    return found


def _images(images: Path, references: Path) -> dict[str, dict[str, Fidelity]]:
    for path in (images, references):
        if not path.exists():
            raise ValueError(f"There is no file or folder {path}.")
    pairs = [(images, references)] if images.is_file() else _matched(images, references)
    with progress() as bar:
        task = bar.add_task("Evaluating", total=len(pairs))
        found = {}
        for image, reference in pairs:
            found[image.name] = _one(image, reference)
            bar.advance(task)
    return {"images": found}


def _matched(images: Path, references: Path) -> list[tuple[Path, Path]]:
    from napari_fus_ulm.io import images_in
    from napari_fus_ulm.io.common import stem_of

    def by_stem(folder: Path) -> dict[str, Path]:
        if not folder.is_dir():
            raise ValueError(f"{folder} is not a folder; give two images or two folders.")
        return {stem_of(p).removesuffix("_enhanced"): p for p in images_in(folder)}

    left, right = by_stem(images), by_stem(references)
    alone = sorted((set(left) ^ set(right)) - {stem for stem in left if stem.endswith("_spread")})
    if alone or not left:
        raise ValueError(
            f"Files in {images} and {references} are matched by name (NAME or NAME_enhanced); "
            + (f"without a partner: {', '.join(alone)}." if alone else "there are none.")
        )
    return [(left[stem], right[stem]) for stem in sorted(set(left) & set(right))]


def _one(image: Path, reference: Path) -> Fidelity:
    import numpy as np

    from napari_fus_ulm.io import read_one
    from napari_fus_ulm.metrics.fidelity import fidelity
    from napari_fus_ulm.pairs.intensity import fus_to_grey
    from napari_fus_ulm.pairs.reference import reference_on_grid

    scan = read_one(image).squeeze(drop=True)
    ulm = read_one(reference, modality="ulm").squeeze(drop=True)
    truth = reference_on_grid(ulm, scan)
    values = str(scan.attrs.get("values", "unknown"))
    if values == "grey":
        grey = np.clip(scan.values, 0.0, 1.0)
    elif scan.attrs.get("modality") == "fus":
        grey = fus_to_grey(scan.values, values)
    else:
        grey = reference_on_grid(scan, scan)
    return fidelity(grey, truth)


def _print(scored: dict[str, dict[str, Fidelity]], csv: bool, json: bool) -> None:
    from napari_fus_ulm.metrics.fidelity import mean_and_sd, table

    if json:
        print_json(
            {
                row: {
                    "images": {name: one.as_dict() for name, one in found.items()},
                    **_summary(found),
                }
                for row, found in scored.items()
            }
        )
        return
    flat = {
        name if row == "images" else f"{row} · {name}": one
        for row, found in scored.items()
        for name, one in found.items()
    }
    if csv:
        print(table(flat, "csv"), end="")
        return
    if len(scored) == 1:
        print(table(flat))
    summary = {}
    for row, found in scored.items():
        if len(found) > 1:
            mean, sd = mean_and_sd(found.values())
            summary[f"{row}: mean of {len(found)}"] = mean
            summary[f"{row}: standard deviation"] = sd
    if summary:
        print(table(summary))


def _summary(found: dict[str, Fidelity]) -> dict[str, Any]:
    from napari_fus_ulm.metrics.fidelity import mean_and_sd

    mean, sd = mean_and_sd(found.values())
    return {"mean": mean.as_dict(), "sd": sd.as_dict()}
