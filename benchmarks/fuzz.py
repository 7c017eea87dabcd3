"""Damaged files: is every one refused with a sentence, or read as something plausible?

    python benchmarks/fuzz.py                              # 12,000 files over all formats
    python benchmarks/fuzz.py --count 6000 --only weights cards cohorts reviews runs records
    python benchmarks/fuzz.py --count 400 --only "command lines"
    python benchmarks/fuzz.py --count 500 --only nifti mat --seed 3 --keep runs/fuzz

Small good files of every format are mutated: bytes flipped, numbers of the header replaced, the
end cut off, pieces swapped, repeated, removed or blanked, two files joined; words of JSON and
tables replaced; arguments of command lines left out, doubled, changed. Each is used in a worker
process whose memory is limited and whose output is watched. Printed is a table of what happened:

clear error         a `UserError` of one line that names the file; a command line's exit code 1 or 2
                    with such a sentence
plausible           accepted, with axes, a pixel size and positions that an image can have
nonsense            accepted without them
leak                another exception, or output of a library
hang, memory, crash longer than ``--timeout``, more than ``--memory``, or the process ended

The table is the same for the same seed. Everything but the first two is a fault; the files behind
it are kept in ``--keep``, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import io
import json
import multiprocessing
import os
import resource
import shutil
import struct
import sys
import tempfile
import traceback
import warnings
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_fus_ulm.errors import UserError

FAULTS = ("nonsense", "leak", "hang", "memory", "crash")
OUTCOMES = ("clear error", "plausible", *FAULTS)
LONGEST_SENTENCE = 700


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A kind of file, and what is done with it.

    Parameters
    ----------
    make : callable
        Writes good inputs into a folder, each into a folder of its own with all that belongs to
        it, and returns the paths that are used.
    use : callable
        Uses such a path; returns what is implausible about the result, or "".
    text : bool
        The files are text, whose words are replaced too.
    lines : bool
        They are command lines, whose arguments are changed, and no bytes.
    """

    make: Callable[[Path], list[Path]]
    use: Callable[[Path], str]
    text: bool = False
    lines: bool = False


# ------------------------------------------------------------------ what images are read from


def look_at_images(path: Path) -> str:
    """Read a file; return what no image can have."""
    from napari_fus_ulm.io import read
    from napari_fus_ulm.scan import AXIS_OF, check_scan, step_of

    for scan in read(path):
        check_scan(scan)
        if min(scan.shape) < 1:
            return f"shape {scan.shape}"
        for dim in ("j", "i"):
            step = step_of(scan, dim)
            # Wherever the pixel size is not marked as assumed, it has to be one of ultrasound.
            low, high = (1e-4, 10.0) if scan.attrs["spacing_known"] else (1e-9, 1e9)
            if not low <= step <= high:
                return f"a pixel of {step} mm"
        places = [scan[axis].values for axis in (*AXIS_OF.values(), "time") if axis in scan.coords]
        if not all(np.isfinite(place).all() for place in places):
            return "positions or times that are not finite"
    return ""


def picture(*shape: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Positive numbers of many levels, as an image of power Doppler has."""
    return np.random.default_rng(seed).gamma(4.0, 0.25, shape).astype(np.float32)


def own(folder: Path, name: str) -> Path:
    """Return a path in a folder of its own."""
    (folder / name.replace(".", "_")).mkdir()
    return folder / name.replace(".", "_") / name


def make_tiffs(folder: Path) -> list[Path]:
    """OME-TIFF of ours and of others, ImageJ, plain; tiled, compressed, coloured."""
    import tifffile

    from napari_fus_ulm.io import write
    from napari_fus_ulm.scan import make_scan

    ours = write(own(folder, "a_pwd.ome.tif"), make_scan(picture(12, 15), spacing=0.1))
    film = make_scan(picture(4, 12, 15), spacing=0.1, time=[0, 1, 2, 3])
    films = write(own(folder, "film.ome.tif"), film)
    paths = {
        "plain.tif": {"resolution": (100.0, 100.0), "resolutionunit": "CENTIMETER"},
        "imagej.tif": {"imagej": True, "metadata": {"axes": "ZYX", "unit": "um", "spacing": 400}},
        "tiled.tif": {"tile": (16, 16), "compression": "zlib"},
        "ome.ome.tif": {"metadata": {"axes": "TYX", "PhysicalSizeX": 100, "PhysicalSizeY": 100}},
        "big.tif": {"bigtiff": True},
    }
    made = [ours, films]
    for name, options in paths.items():
        made.append(own(folder, name))
        tifffile.imwrite(made[-1], picture(3, 32, 32), photometric="minisblack", **options)
    made.append(own(folder, "colour.tif"))
    grey = (picture(24, 24, 1) * 60).astype(np.uint8)
    tifffile.imwrite(made[-1], np.repeat(grey, 3, 2), photometric="rgb")
    return made


def make_pictures(folder: Path) -> list[Path]:
    """PNG in grey, 16 bit, colour and palette, interlaced or not; JPEG."""
    from PIL import Image

    grey = Image.fromarray((picture(24, 30) * 60).clip(0, 255).astype(np.uint8))
    made = []
    for name, image in {
        "grey.png": grey,
        "deep.png": Image.fromarray((picture(24, 30) * 6000).astype(np.uint16)),
        "colour.png": grey.convert("RGBA"),
        "palette.png": grey.convert("P"),
        "binary.png": grey.convert("1"),
        "grey.jpg": grey,
        "colour.jpeg": grey.convert("RGB"),
    }.items():
        made.append(own(folder, name))
        image.save(made[-1])
    return made


def make_arrays(folder: Path) -> list[Path]:
    """NumPy's arrays, with our JSON file beside them and without."""
    from napari_fus_ulm.io import write
    from napari_fus_ulm.scan import make_scan

    made = [own(folder, "plain.npy"), own(folder, "film.npy"), own(folder, "iq.npy")]
    np.save(made[0], picture(12, 15))
    np.save(made[1], np.asfortranarray(picture(4, 12, 15).astype(float)))
    np.save(made[2], picture(12, 15).astype(complex))
    volume = make_scan(picture(3, 12, 15), spacing=(0.4, 0.1, 0.1), modality="fus")
    return [*made, write(own(folder, "ours.npy"), volume)]


def make_niftis(folder: Path) -> list[Path]:
    """NIfTI-1 and -2, compressed and not, a pair, with sidecars of ours and of others."""
    import nibabel as nib

    from napari_fus_ulm.io import write
    from napari_fus_ulm.scan import make_scan

    affine = np.diag([0.11, 0.1, 0.4, 1.0])
    film: Any = nib.Nifti1Image(picture(15, 12, 3, 4), affine)
    film.header.set_xyzt_units("mm", "sec")
    scaled: Any = nib.Nifti1Image((picture(15, 12, 9) * 1000).astype(np.int16), affine)
    scaled.header.set_slope_inter(0.001, 1.0)
    made = {
        "film_pwd.nii": film,
        "scaled_pwd.nii": scaled,
        "film_pwd.nii.gz": film,
        "second.nii": nib.Nifti2Image(picture(15, 12, 1), affine),
        "pair.img": nib.Nifti1Pair(picture(15, 12, 1), affine),
    }
    paths = [own(folder, name) for name in made]
    for path, image in zip(paths, made.values(), strict=True):
        nib.save(image, path)
    sidecar = {"RepetitionTime": 0.4, "ProbeCentralFrequency": 15e6, "VolumeTiming": [0, 1, 2, 3]}
    for path in paths[:3]:
        path.with_name("film_pwd.json").write_text(json.dumps(sidecar))
    paths[-1] = paths[-1].with_suffix(".hdr")
    timed = make_scan(picture(4, 12, 15), spacing=0.1, time=[0, 1, 2, 4], modality="fus")
    return [*paths, write(own(folder, "ours.nii"), timed)]


def make_matlabs(folder: Path) -> list[Path]:
    """Versions 4, 5 (compressed and not) and 7.3, with structures, cells, text and sparse."""
    import scipy.io
    import scipy.sparse

    cells = np.empty((1, 3), dtype=object)
    cells[0, :] = [picture(6, 5, seed=n).astype(float) for n in range(3)]
    structure = {"voxel": [0.1, 0.11], "note": "rat 7", "inner": {"gain": 3.0}}
    variables = {
        "PDI": picture(12, 15).astype(float),
        "meta": structure,
        "parts": cells,
        "counts": np.arange(6, dtype=np.int16),
        "mask": picture(3, 3) > 1,
        "iq": picture(3, 4).astype(complex),
        "spots": scipy.sparse.csc_matrix(picture(9, 9) > 1.5).astype(float),
        "x_axis": np.arange(15) * 1e-4,
        "z_axis": np.arange(12) * 1e-4,
    }
    tracks = np.empty((1, 4), dtype=object)
    tracks[0, :] = [np.column_stack([np.linspace(10, 12, 9)] * 5) + n for n in range(4)]
    made = [own(folder, f"{name}.mat") for name in ("five", "packed", "tracks", "four", "maps")]
    scipy.io.savemat(made[0], variables)
    scipy.io.savemat(made[1], variables, do_compression=True)
    scipy.io.savemat(made[2], {"Track_tot": tracks, "lambda": 0.1})
    scipy.io.savemat(made[3], {"PDI": picture(12, 15).astype(float), "note": "rat"}, format="4")
    axes = {"llz": np.arange(20) * 0.1, "llx": np.arange(30) * 0.1, "lambda": 0.1}
    scipy.io.savemat(made[4], {"MatOut": picture(20, 30), **axes})
    return [*made, hdf5_matlab(own(folder, "seven.mat"))]


def hdf5_matlab(path: Path) -> Path:
    """Write what MATLAB writes with -v7.3."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        image = file.create_dataset("PDI", data=picture(15, 12), chunks=(5, 6), compression=4)
        image.attrs["MATLAB_class"] = np.bytes_("single")
        group = file.create_group("meta")
        group.attrs["MATLAB_class"] = np.bytes_("struct")
        size = group.create_dataset("voxelsize", data=[[0.1, 0.1]])
        size.attrs["MATLAB_class"] = np.bytes_("double")
        cell = file.create_dataset("parts", (2, 1), dtype=h5py.ref_dtype)
        cell.attrs["MATLAB_class"] = np.bytes_("cell")
        for number in range(2):
            part = file.create_dataset(f"#refs#/{'ab'[number]}", data=picture(3, 3))
            part.attrs["MATLAB_class"] = np.bytes_("single")
            cell[number, 0] = part.ref
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\x00\x02IM")
    return path


def make_iconeus(folder: Path) -> list[Path]:
    """Iconeus' ``.scan``: version 1 (a film, a volume, a film of volumes) and version 2."""
    shapes = {"2Dscan": (4, 12, 1, 15), "3Dscan": (5, 1, 12, 1, 15), "4Dscan": (2, 5, 1, 12, 1, 15)}
    made = []
    for mode, shape in shapes.items():
        made.append(own(folder, f"{mode}.scan"))
        write_iconeus(made[-1], mode, picture(*shape))
    made.append(own(folder, "second.scan"))
    made[-1].write_bytes(iconeus_2(picture(15, 1, 12, 4)))
    return made


def write_iconeus(path: Path, mode: str, data: npt.NDArray[np.float32]) -> None:
    """Write version 1 of Iconeus' ``.scan``, in metres."""
    import h5py

    poses = 1 if mode == "2Dscan" else 5
    frames = {"2Dscan": 4, "3Dscan": 1, "4Dscan": 2}[mode]
    to_probe = np.diag([1.1e-4, 4e-4, -1e-4, 1.0])
    matrices = np.tile(np.eye(4), (poses, 1, 1))
    matrices[:, 1, 3] = 5e-4 * np.arange(poses)
    with h5py.File(path, "w") as file:
        file["Data"] = data
        tags = ("Project_tag", "Scan_tag", "Subject_tag", "Session_tag", "User_name", "Comment")
        texts = dict.fromkeys((*tags, "Type", "Neuroscan_version"), "x")
        for name, text in (texts | {"Date": "2024-05-06 07:08:09"}).items():
            file[f"scanMetaData/{name}"] = np.array([[text.encode()]]).astype("S32")
        file["acqMetaData/acquisitionMode"] = np.array([[mode.encode()]]).astype("S16")
        sizes = {"voxDim/dx": 1.1e-4, "voxDim/dy": 4e-4, "voxDim/dz": 1e-4, "voxDim/dt": 0.4}
        counts = {"npose": poses, "nscanRepeat": 1, "sizeY": 1, "sizeX": 15}
        numbers = sizes | {f"imgDim/{name}": count for name, count in counts.items()}
        for name, number in numbers.items():
            file[f"acqMetaData/{name}"] = [[float(number)]]
        times = 0.4 * np.arange(frames * poses, dtype=float).reshape(frames, poses)
        for name in ("time", "timeOriginal"):
            file[f"acqMetaData/{name}"] = times
        file["acqMetaData/probeToLab"] = matrices if poses > 1 else matrices[0]
        file["acqMetaData/voxelsToProbe"] = to_probe


def iconeus_2(voxels: npt.NDArray[np.float32]) -> bytes:
    """Return version 2 of Iconeus' ``.scan``, in metres: voxels (lateral, 1, depth, time)."""
    lateral, _, depth, frames = voxels.shape
    parts = [
        ("<5Q", lateral, 1, depth, frames, 1),
        ("<QL20x", 1, 1),  # one sixth axis, of Doppler
        ("<6d", 1.1e-4, 4e-4, 1e-4, 0.4, 0.0, 0.0),
        (f"<{frames}d", *(0.4 * n for n in range(frames))),
        (f"<{frames}L", *range(frames)),
        ("<6d", *[0.0] * 6),  # where the probe was
        ("<4xL4x", 0),
        ("<L3d8xdHHH", 0, 15e6, 1.1e-4, 1.5e-3, 0.0, 128, 0, 0),  # the probe, without names
        ("<2d3d8x", 2e-3, 1.2e-2, 15.6, 5500.0, 62.5),
        ("<LL8xd4xdL?xd", 0, 0, 20.0, 0.0, 0, False, 0.4),
        ("<6L", *[0] * 6),  # texts, all of them empty
        ("<LqQLLf", 0, 0, 0, 0, 1, 300.0),
        ("<6L2LqLL3L", *[0] * 8, 1_700_000_000, 0, 0, 2, 0, 0),
    ]
    header = b"".join(struct.pack(*part) for part in parts)
    start = b"scan".ljust(32, b"\0") + struct.pack("<Q", 92 + len(header))
    return start.ljust(92, b"\0") + header + voxels.astype("<f8").tobytes(order="F")


def track_rows() -> npt.NDArray[np.float64]:
    """Three tracks: number, x and y in mm."""
    along = np.linspace(0, 1, 12)
    parts = [np.column_stack([np.full(12, n), 3 + along, 2 + n * along]) for n in range(3)]
    return np.concatenate(parts)


def make_tables(folder: Path) -> list[Path]:
    """Tables of tracks in three dialects."""
    dialects = {"a.csv": ("track,x_mm,y_mm", ",", "."), "b.csv": ("ID;x (um);z (um)", ";", ",")}
    made = []
    for name, (header, between, point) in dialects.items():
        made.append(own(folder, name))
        rows = [[f"{value:.4f}".replace(".", point) for value in row] for row in track_rows()]
        made[-1].write_text("\n".join([header, *map(between.join, rows)]))
    return made


def make_bubbles(folder: Path) -> list[Path]:
    """Rows of bubbles with the end indices of their tracks."""
    rows = track_rows()
    made = [own(folder, "a.npz"), own(folder, "packed.npz")]
    np.savez(made[0], rows=rows[:, [1, 2, 0]], ends=np.array([12, 24, 36]))
    np.savez_compressed(made[1], rows=rows[:, [1, 2, 0]], ends=np.array([12, 24, 36]))
    return made


# ------------------------------------------------------------------ our own files


def make_weights(folder: Path) -> list[Path]:
    """Weights of a tiny generator with their card; damaged are the one or the other."""
    import torch

    from napari_fus_ulm.generators import build
    from napari_fus_ulm.generators.checkpoint import Card, write_weights

    path = own(folder, "small.safetensors")
    config = {"widths": [8, 8, 8], "blocks": [1, 1, 1]}
    rng = torch.Generator().manual_seed(0)
    state = build("diffusion", config).state_dict()
    tensors = {name: 0.1 * torch.randn(one.shape, generator=rng) for name, one in state.items()}
    training = {"field_mm": [[7, 9], [9, 13]], "phantom_seeds": [[0, 6]], "input_map": [0.0, 1.0]}
    write_weights(path, tensors, Card("diffusion", config, 20.0, training, {}, "a note"))
    return [path]


def load_weights(path: Path) -> str:
    """Build the generator, and ask what its weights have seen."""
    from napari_fus_ulm.cohort.seen import phantom_seeds
    from napari_fus_ulm.generators.checkpoint import load_generator

    model, card = load_generator(path)
    phantom_seeds(card.training)
    if not all(parameter.isfinite().all() for parameter in model.parameters()):
        return "weights that are not finite"
    return "" if 0 < card.pixel_um <= 1000 else f"a pixel of {card.pixel_um} µm"


def make_card(folder: Path) -> list[Path]:
    """The card alone: named first, so that mostly it is damaged."""
    (path,) = make_weights(folder)
    return [path.with_suffix(".json")]


def load_card(path: Path) -> str:
    """Load the weights beside a card."""
    return load_weights(path.with_suffix(".safetensors"))


def make_cohort(folder: Path) -> list[Path]:
    """A table of pairs, with its description and the files that it names."""
    from napari_fus_ulm.cohort.table import PairFiles, write_pairs_table

    path = own(folder, "pairs.csv")
    for name in "abc":
        for kind in ("fus", "ulm"):
            np.save(path.parent / f"{kind}_{name}.npy", picture(6, 6))
    sides = ("train", "validation", "test")
    pairs = [
        PairFiles(n, n, path.parent / f"fus_{n}.npy", path.parent / f"ulm_{n}.npy", side)
        for n, side in zip("abc", sides, strict=True)
    ]
    write_pairs_table(path.parent, pairs)
    return [path]


def look_at_cohort(path: Path) -> str:
    """Read the table of a cohort."""
    from napari_fus_ulm.cohort.table import cohort_name, read_cohort

    cohort_name(path.parent)
    pairs = read_cohort(path.parent)
    there = all(file.is_file() for pair in pairs for file in (pair.fus, pair.ulm))
    return "" if pairs and there else "pairs without files"


def make_review(folder: Path) -> list[Path]:
    """A session whose trials have been answered; one file a folder is damaged."""
    from napari_fus_ulm.review.session import Session
    from napari_fus_ulm.tasks.review import files_run

    made = []
    for name in ("session.json", "answers.csv", "key.json"):
        base = folder / name.replace(".", "_")
        np.save(folder / "image.npy", picture(40, 40))
        source = ("generated", folder / "image.npy")
        list(files_run(base, {"one": source, "two": source}, seed=1, spacing=0.1))
        session = Session.open(base)
        while (trial := session.next_trial()) is not None:
            session.answer(trial, left_continuity=2, right_continuity=4, preference="left")
        flat = next((base / "pictures").iterdir())
        flat.rename(base / flat.name)
        (base / "pictures").rmdir()
        made.append(base / name)
    return made


def look_at_review(path: Path) -> str:
    """Open a session, look at every trial, and unblind it."""
    from napari_fus_ulm.review.session import Session
    from napari_fus_ulm.review.statistics import statistics
    from napari_fus_ulm.review.unblinding import unblind

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / path.parent.name
        for one in path.parent.iterdir():
            place = folder / ("pictures" if one.suffix == ".npy" else "")
            place.mkdir(parents=True, exist_ok=True)
            shutil.copy(one, place)
        session = Session.open(folder)
        for token, _ in session.trials:
            trial = session.trial(token)
            if trial.left.ndim != 2 or not 0.0 <= float(trial.left.max()) <= 1.0:
                return "pictures that are none"
        statistics(unblind(folder, partial=True))
    return ""


def make_run(folder: Path) -> list[Path]:
    """The folder of a training run."""
    from napari_fus_ulm.training.loop import train_events
    from napari_fus_ulm.training.settings import TrainSettings

    pairs = folder / "pairs"
    for kind, side in (("fus", 24), ("ulm", 120)):
        (pairs / kind).mkdir(parents=True)
        from napari_fus_ulm.io import write
        from napari_fus_ulm.scan import make_scan

        scan = make_scan(picture(side, side), spacing=2.4 / side, modality=kind)
        write(pairs / kind / "rat.npy", scan.assign_attrs(values="linear"))
    run = folder / "checkpoint_safetensors"
    model = {"widths": [8, 8, 8], "blocks": [1, 1, 1]}
    settings = TrainSettings(pairs=str(pairs), model=model, steps=1, batch=1, patch=32)
    list(train_events(settings, run))
    return [run / "checkpoint.safetensors", run / "settings.json", run / "losses.csv"]


def resume_run(path: Path) -> str:
    """Go on with a run."""
    from napari_fus_ulm.training.curves import read_curves
    from napari_fus_ulm.training.loop import _check_folder
    from napari_fus_ulm.training.run import Run
    from napari_fus_ulm.training.settings import TrainSettings
    from napari_fus_ulm.training.validation import past_losses

    folder = path.parent
    model = {"widths": [8, 8, 8], "blocks": [1, 1, 1]}
    settings = TrainSettings(pairs=str(folder), model=model, steps=1, batch=1, patch=32)
    try:
        _check_folder(settings, folder, True)
    except UserError as error:
        if "other settings: pairs." not in str(error):
            raise
    past_losses(folder), read_curves(folder / "losses.csv")
    run = Run.resume(settings, folder)
    finite = all(parameter.isfinite().all() for parameter in run.model.parameters())
    return "" if finite and run.step >= 0 else "a run that is not finite"


def make_record(folder: Path) -> list[Path]:
    """The record of an enhancement."""
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.tasks.record import Record, Source, write_record

    source = Source(layer="rat", path="/nowhere/rat.npy", spacing=(0.1, 0.1), slice=0)
    record = Record.of("enhance", {"fus": source}, EnhanceSettings())
    return [write_record(own(folder, "rat_record.json"), record)]


def look_at_record(path: Path) -> str:
    """Read a record and make its settings."""
    from napari_fus_ulm.tasks.record import read_record, settings_of
    from napari_fus_ulm.tasks.replay import task_of

    record = read_record(path)
    try:
        settings_of(task_of(record.task).settings, record.settings)
    except UserError as error:
        raise UserError(f"{path.stem}: {error}") from error
    return ""


LINES = (
    "enhance rat.npy --mode accurate --weights small.safetensors --pixel-um 50 -o out/e.ome.tif",
    "enhance rat.npy --steps 2 --seed 1 --weights small.safetensors --pixel-um 50 -o out/ --json",
    "enhance rat.npy other.npy --samples 2 --mode balanced --weights small.safetensors -o out/",
    "coherence rat.npy --weights small.safetensors -o out/",
    "missed generated.npy ulm.npy -o out/ --align shift",
    "frc generated.npy ulm.npy -o out/",
    "evaluate generated.npy ulm.npy --json",
    "pairs check pairs --json",
    "train -o out/run --pairs pairs --steps 1 --batch 1 --patch 32 --argument widths=[8,8,8]",
    "review new out/review --generated one=generated.npy --generated two=ulm.npy --seed 2",
    "review report review --partial",
    "run rat_record.json -o out/again.ome.tif",
    "info --json",
)  # fmt: skip
"""Good command lines; paths are relative to the folder of the line."""


def make_lines(folder: Path) -> list[Path]:
    """Command lines, each in a folder with all that it needs."""
    from napari_fus_ulm.generators.checkpoint import Card, write_weights
    from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
    from napari_fus_ulm.inference.settings import EnhanceSettings
    from napari_fus_ulm.io import write
    from napari_fus_ulm.review.session import Session
    from napari_fus_ulm.scan import make_scan
    from napari_fus_ulm.tasks.record import Record, Source, write_record
    from napari_fus_ulm.tasks.review import files_run

    base = folder / "base"
    for kind in ("fus", "ulm"):
        (base / "pairs" / kind).mkdir(parents=True)
    for name, side, kind in (
        ("rat", 60, "fus"), ("other", 60, "fus"), ("ulm", 300, "ulm"), ("generated", 300, "ulm"),
        ("pairs/fus/a", 60, "fus"), ("pairs/ulm/a", 300, "ulm"),
    ):  # fmt: skip
        pixels = picture(side, side, seed=len(name))
        scan = make_scan(pixels / pixels.max(), spacing=6.0 / side, modality=kind)
        generated = {"generated": True, "values": "grey"} if name == "generated" else {}
        told = {"values": "linear"} if kind == "fus" else generated
        write(base / f"{name}.npy", scan.assign_attrs(told))
    model = ConditionalDiffusion(widths=(8, 8, 8), blocks=(1, 1, 1))
    card = Card("diffusion", model.config(), 20.0, {}, {}, "")
    write_weights(base / "small.safetensors", model.state_dict(), card)
    source = Source(layer="rat", path="rat.npy")
    settings = EnhanceSettings(weights="small.safetensors", pixel_um=50.0, mode="accurate")
    write_record(base / "rat_record.json", Record.of("enhance", {"fus": source}, settings))
    images = {name: ("generated", base / f"{name}.npy") for name in ("generated", "ulm")}
    list(files_run(base / "review", images, seed=1, spacing=0.02))
    session = Session.open(base / "review")
    session.answer(session.next_trial(), left_continuity=2, right_continuity=4, preference="left")
    made = []
    for number, line in enumerate(LINES):
        place = folder / f"line {number}"
        shutil.copytree(base, place)
        made.append(place / "line.txt")
        made[-1].write_text("\n".join(line.split()))
    shutil.rmtree(base)
    return made


def call(path: Path) -> str:
    """Call the program with the arguments of a file, one a line."""
    from napari_fus_ulm.cli import app

    before, arguments = Path.cwd(), path.read_text().split("\n")
    out, err = io.StringIO(), io.StringIO()
    os.chdir(path.parent)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            app(arguments)
    except SystemExit as end:
        code = end.code
    finally:
        os.chdir(before)
    said = err.getvalue().strip()
    if code in (1, 2) and "Traceback" not in said and "The program failed" not in said:
        last = said.splitlines()[-1] if said else ""
        if not last and code == 1 and out.getvalue().strip():  # findings are a result
            return ""
        raise UserError(f"{path.stem}: {last}" if last else "")
    if code not in (0, None):
        raise RuntimeError(f"exit code {code}: {said}")
    return "" if out.getvalue().strip() or said else "nothing was printed"


TARGETS = {
    "tiff": Target(make=make_tiffs, use=look_at_images),
    "png, jpeg": Target(make=make_pictures, use=look_at_images),
    "npy": Target(make=make_arrays, use=look_at_images),
    "nifti": Target(make=make_niftis, use=look_at_images),
    "mat": Target(make=make_matlabs, use=look_at_images),
    "scan": Target(make=make_iconeus, use=look_at_images),
    "csv": Target(make=make_tables, use=look_at_images, text=True),
    "npz": Target(make=make_bubbles, use=look_at_images),
}
OWN = {
    "weights": Target(make=make_weights, use=load_weights),
    "cards": Target(make=make_card, use=load_card, text=True),
    "cohorts": Target(make=make_cohort, use=look_at_cohort, text=True),
    "reviews": Target(make=make_review, use=look_at_review, text=True),
    "runs": Target(make=make_run, use=resume_run, text=True),
    "records": Target(make=make_record, use=look_at_record, text=True),
    "command lines": Target(make=make_lines, use=call, lines=True),
}
FORMATS, TARGETS = tuple(TARGETS), TARGETS | OWN


# ------------------------------------------------------------------ how they are damaged

_NUMBERS = [0, 1, 2, -1, 7, 127, 128, 255, 32767, 65535, 2**31 - 1, 2**31, 2**32 - 1, 2**62]
_REALS = [float("nan"), float("inf"), -float("inf"), 0.0, -1.0, 1e-30, 1e30, 3e38]
_WORDS = [
    "n/a", "", "NaN", "1e999", "-1", "null", "[]", "{}", "[[[[", "9" * 400, "\x00", "true", '"',
    "é", "../../x", "[0, 1]", "1,5", "\ufeff",
]  # fmt: skip
_HEAD = 400
"""Bytes that are taken to hold a header; half of all changes of single numbers are made there."""


def damaged(content: bytes, other: bytes, rng: np.random.Generator, *, text: bool = False) -> bytes:
    """Return a mutation of a file's bytes; ``other`` is a file to join with it."""
    if content[:2] == b"\x1f\x8b" and rng.random() < 0.7:  # what is inside, compressed again
        return gzip.compress(damaged(gzip.decompress(content), other, rng), 1)
    ways: list[Callable[[bytes, bytes, np.random.Generator], bytes]] = [
        _flip, _flip, _number, _number, _cut, _swap, _repeat, _remove, _blank, _join,
    ]  # fmt: skip
    if text or content[:1] == b"{":
        ways += [_words] * 10
    for _ in range(1 + int(rng.random() < 0.3)):
        content = ways[rng.integers(len(ways))](content, other, rng)
    return _with_checksums(content) if content[:4] == b"\x89PNG" else content


def _place(size: int, rng: np.random.Generator) -> int:
    return int(rng.integers(max(1, min(size, _HEAD) if rng.random() < 0.5 else size)))


def _flip(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    out = bytearray(content)
    for _number_of in range(int(rng.choice([1, 1, 1, 2, 8])) if out else 0):
        out[_place(len(out), rng)] = int(rng.integers(256))
    return bytes(out)


def _number(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    """Write a number that programs stumble over."""
    if rng.random() < 0.3:
        new = np.array([rng.choice(_REALS)], dtype=rng.choice(["<f4", "<f8"])).tobytes()
    else:
        size, order = int(rng.choice([1, 2, 4, 8])), rng.choice(["little", "big"])
        number = int(_NUMBERS[rng.integers(len(_NUMBERS))]) % (1 << (8 * size))
        new = number.to_bytes(size, order)
    at = _place(len(content), rng) & (~3 if rng.random() < 0.7 else ~0)
    return content[:at] + new + content[at + len(new) :]


def _cut(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    return content[: _place(len(content), rng)]


def _pieces(content: bytes, rng: np.random.Generator) -> list[bytes]:
    """Cut into five pieces at random places."""
    at = np.sort(rng.integers(len(content) + 1, size=4)).tolist()
    return [content[a:b] for a, b in zip([0, *at], [*at, len(content)], strict=True)]


def _swap(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    one, two, three, four, five = _pieces(content, rng)
    return one + four + three + two + five


def _repeat(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    one, two, three, four, five = _pieces(content, rng)
    return one + two + two + three + four + five


def _remove(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    one, _two, three, four, five = _pieces(content, rng)
    return one + three + four + five


def _blank(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    one, two, three, four, five = _pieces(content, rng)
    return one + bytes([rng.choice([0, 255])]) * len(two) + three + four + five


def _join(content: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return content + other if rng.random() < 0.5 else other + content


def _words(content: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    """Replace a word or a number of a text."""
    import re

    found = list(re.finditer(rb"[A-Za-z_]+|[-+.\deE]+|[,;\[\]{}]", content))
    if not found:
        return content
    match = found[rng.integers(len(found))]
    word = _WORDS[rng.integers(len(_WORDS))].encode()
    return content[: match.start()] + word + content[match.end() :]


def wrong_line(content: bytes, rng: np.random.Generator) -> bytes:
    """Change arguments: left out, doubled, exchanged, misspelt, replaced, joined."""
    arguments = content.decode().split("\n")
    for _ in range(1 + int(rng.random() < 0.3)):
        at = int(rng.integers(len(arguments)))
        one = arguments[at]
        letter = int(rng.integers(len(one) + 1))
        word = str(rng.choice([*_ARGUMENTS, *(w for w in _WORDS if "\x00" not in w)]))
        other = arguments[int(rng.integers(len(arguments)))]
        instead: list[list[str]] = [
            [], [one, one], [other], [one[:letter] + one[letter + 1 :]], [word], [word], [word],
            [one, word], [one + word], [one[:letter], one[letter:]],
        ]  # fmt: skip
        arguments[at : at + 1] = instead[int(rng.integers(len(instead)))]
        if not arguments:
            break
    return "\n".join(arguments).encode()


_ARGUMENTS = [
    "--mode", "--help", "--", "-", "-o", ".", "no.npy", "ulm.npy", "pairs", "line.txt", "0", "-3",
    "--seed=x", "--spacing", "0.1", "--debug", "1e9", "99999999999", "rat.npy", "*", "~", "%s",
]  # fmt: skip


def _with_checksums(png: bytes) -> bytes:
    """Correct the check sums of a PNG, without which nothing behind them would be reached."""
    out, at = io.BytesIO(), 8
    out.write(png[:8])
    while at + 12 <= len(png):
        size = int.from_bytes(png[at : at + 4], "big")
        body = png[at + 4 : at + 8 + size]
        if at + 12 + size > len(png):
            break
        out.write(png[at : at + 4] + body + zlib.crc32(body).to_bytes(4, "big"))
        at += 12 + size
    return out.getvalue() + png[at:]


# ------------------------------------------------------------------ how they are used


@dataclass(slots=True)
class Worker:
    """A process that uses files one after the other, and is replaced when it ends or hangs."""

    memory: int
    timeout: float
    log: Path
    _process: Any = field(default=None)
    _pipe: Any = field(default=None)

    def outcome(self, target: str, path: Path) -> tuple[str, str]:
        """Use a file; return what happened and the words behind it."""
        if self._process is None or not self._process.is_alive():
            self._start()
        self._pipe.send((target, path))
        if not self._pipe.poll(self.timeout):
            self.stop()
            return "hang", f"longer than {self.timeout:g} s"
        try:
            answer: tuple[str, str] = self._pipe.recv()
        except EOFError:
            self._process.join()
            code = self._process.exitcode
            self.stop()
            return "crash", f"the process ended with {code}"
        return answer

    def stop(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("fork")  # what is imported need not be again
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_serve, args=(theirs, self.memory, self.log), daemon=True
        )
        self._process.start()
        theirs.close()


def _serve(pipe: Connection, memory: int, log: Path) -> None:
    """Use what is asked for until the pipe closes."""
    from napari_fus_ulm.io import affordable

    with Path("/proc/self/statm").open() as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + memory, used + memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A third of what there is: what is declared is copied once, and libraries need some too.
    affordable.memory_free = lambda: memory // 3
    for category in (RuntimeWarning, UserWarning):  # as by default, but each time
        warnings.simplefilter("always", category)
    output = os.open(log, os.O_CREAT | os.O_RDWR | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(output, stream)
    while True:
        try:
            target, path = pipe.recv()
        except EOFError:
            return
        os.ftruncate(output, 0)
        answer = _use(TARGETS[target], path)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        if size := os.fstat(output).st_size:
            os.lseek(output, 0, os.SEEK_SET)
            answer = "leak", "printed: " + os.read(output, min(size, 2000)).decode(errors="replace")
            os.lseek(output, 0, os.SEEK_SET)
        pipe.send(answer)


def _use(target: Target, path: Path) -> tuple[str, str]:
    try:
        implausible = target.use(path)
    except UserError as error:
        sentence = str(error)
        poor = (
            "\n" in sentence
            or len(sentence) > LONGEST_SENTENCE
            or (path.parent.name not in sentence and path.stem not in sentence)
        )
        return ("leak" if poor else "clear error"), sentence
    except MemoryError:
        return "memory", traceback.format_exc()
    except BaseException:
        return "leak", traceback.format_exc()
    return ("nonsense", implausible) if implausible else ("plausible", "")


def campaign(
    folder: Path, names: Sequence[str], count: int, seed: int, worker: Worker
) -> Iterator[tuple[str, Path, str, str]]:
    """Yield for every mutated file: target, path, outcome and words."""
    seeds = {name: TARGETS[name].make(_empty(folder / f"seeds {name}")) for name in names}
    everything = [path for name in names for path in seeds[name]]
    for name in names:
        for path in seeds[name]:
            outcome, words = worker.outcome(name, path)
            if outcome not in ("plausible", "clear error"):
                yield name, path, outcome, words
    for number in range(count):
        name = names[number % len(names)]
        rng = np.random.default_rng([seed, number])
        path = seeds[name][rng.integers(len(seeds[name]))]
        beside = sorted(path.parent.iterdir())
        case = _empty(folder / "case")
        lines = TARGETS[name].lines
        # Mostly the file itself; now and then what stands beside it.
        victim = path if lines or rng.random() < 0.75 else beside[rng.integers(len(beside))]
        other = everything[rng.integers(len(everything))].read_bytes()
        for file in beside:
            if file.is_dir():
                shutil.copytree(file, case / file.name)
                continue
            content = file.read_bytes()
            if file == victim and lines:
                content = wrong_line(content, rng)
            elif file == victim:
                text = TARGETS[name].text and file.suffix in (".json", ".csv")
                content = damaged(content, other, rng, text=text)
            (case / file.name).write_bytes(content)
        yield (name, case / path.name, *worker.outcome(name, case / path.name))


def _empty(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def table(counts: Counter[tuple[str, str]], names: Sequence[str]) -> str:
    """Return the outcomes by kind of file, as Markdown."""
    lines = [
        f"| | files | {' | '.join(OUTCOMES)} |",
        f"| --- |{' ---: |' * (1 + len(OUTCOMES))}",
    ]
    for name in (*names, "all"):
        row = [
            sum(n for (one, what), n in counts.items() if what == o and name in (one, "all"))
            for o in OUTCOMES
        ]
        lines.append(f"| {name} | {sum(row)} | {' | '.join(map(str, row))} |")
    return "\n".join(lines)


def main() -> int:
    """Run the campaign that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=12_000, help="mutated files, over all kinds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=list(FORMATS))
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds a file may take")
    parser.add_argument("--memory", type=float, default=3.0, help="GB a file may take")
    parser.add_argument("--keep", type=Path, help="folder for the files behind faults")
    asked = parser.parse_args()
    counts: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as scratch:
        worker = Worker(int(asked.memory * 1e9), asked.timeout, Path(scratch) / "output")
        cases = campaign(Path(scratch), asked.only, asked.count, asked.seed, worker)
        for number, (name, path, outcome, words) in enumerate(cases):
            counts[name, outcome] += 1
            if outcome in FAULTS:
                last = (words.strip().splitlines() or [""])[-1]
                print(f"{number}: {path.name}: {outcome}: {last[:160]}", file=sys.stderr)
                if asked.keep:
                    kept = asked.keep / f"{outcome}-{number}"
                    shutil.copytree(path.parent, kept, dirs_exist_ok=True)
                    (kept / "words.txt").write_text(words)
        worker.stop()
    print(table(counts, asked.only))
    return int(any(outcome in FAULTS for _, outcome in counts))


if __name__ == "__main__":
    sys.exit(main())
