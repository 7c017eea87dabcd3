"""kill −9 at random moments: is anything lost, is anything half, does everything go on?

    python benchmarks/kill.py                          # 50 kills of each kind
    python benchmarks/kill.py --kills 10 --only train enhance --seed 3

Of each kind a small run is done once undisturbed. Then the same run is begun in another folder,
killed after a random time, begun again, and so on; when it has come to its end, the next one
begins in a fresh folder. After each kill:

lost      a file that was there before is gone, or a file of the user's has changed; of a review,
          an answer that had been confirmed
half      a file under its final name cannot be read to its end
stuck     the run did not go on: it failed instead of being killed or ending
orphan    processes of the run were still there five seconds later

When it has ended, *differs* counts results that are not those of the undisturbed run, and *left*
temporary files that are still there. Everything but kills and ends is a fault; the exit status is 1
then.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

FAULTS = ("lost", "half", "stuck", "orphan", "differs", "left")
USERS = "notes of the user.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of run.

    Parameters
    ----------
    do : callable
        ``do(scratch, folder)`` begins a run in a folder or goes on with it.
    results : callable
        What has to be equal to that of an undisturbed run.
    shared : bool
        Files of the user's may lie in its folder.
    """

    do: Callable[[Path, Path], object]
    results: Callable[[Path], dict[str, Any]]
    shared: bool = True


# ------------------------------------------------------------------ kinds of runs


def command(*words: object) -> None:
    """Run the command line in this process."""
    from napari_fus_ulm.cli import app

    app([str(word) for word in words], standalone_mode=False)


def pairs(scratch: Path) -> Path:
    """A folder of two pairs of noise."""
    from napari_fus_ulm.io import write
    from napari_fus_ulm.scan import make_scan

    folder = scratch / "pairs"
    for kind, shape in (("fus", (24, 28)), ("ulm", (120, 140))):
        for number in range(2 * (not (folder / kind).exists())):
            image = np.random.default_rng(number).gamma(4.0, 0.25, shape).astype(np.float32)
            scan = make_scan(image, spacing=2.4 / shape[0], modality=kind, values_kind="linear")
            (folder / kind).mkdir(parents=True, exist_ok=True)
            write(folder / kind / f"rat{number}.npy", scan)
    return folder


def train(scratch: Path, folder: Path) -> None:
    """Train a tiny generator with a checkpoint after every step."""
    words = ["--pairs", pairs(scratch), "--steps", 8, "--batch", 1, "--patch", 32, "--workers", 1]
    words += ["--argument", "widths=[8,8,8]", "--argument", "blocks=[1,1,1]"]
    words += ["--checkpoint-minutes", 0, "--device", "cpu", "--precision", "float32"]
    resume = ["--resume"] if (folder / "settings.json").exists() else []
    command("train", "-o", folder, *words, *resume)


def trained(folder: Path) -> dict[str, Any]:
    """Weights, and the tables of losses."""
    from napari_fus_ulm.generators.checkpoint import load_generator

    model, card = load_generator(folder / "weights.safetensors")
    tables = {"losses.csv": (folder / "losses.csv").read_text()}
    weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    return {**weights, **tables, "steps": card.training["steps"]}


def simulate(_: Path, folder: Path) -> None:
    """Simulate three animals of two planes."""
    command("simulate", "-o", folder, "-n", 3, "--planes", 2, "--suffix", ".npy", "--workers", 1)


def images(folder: Path) -> dict[str, Any]:
    """All arrays and tables."""
    arrays = {str(path.relative_to(folder)): np.load(path) for path in folder.rglob("*.npy")}
    tables = {path.name: path.read_text() for path in folder.glob("pairs.csv")}
    return arrays | tables


def recordings(scratch: Path) -> Path:
    """A folder of four small recordings, and weights that cost nothing."""
    from napari_fus_ulm.io import write
    from napari_fus_ulm.scan import make_scan

    folder = scratch / "recordings"
    if not folder.exists():
        folder.mkdir()
        for number in range(4):
            power = np.random.default_rng(number).gamma(4.0, 0.25, (40, 48)).astype(np.float32)
            scan = make_scan(power, spacing=0.1, modality="fus", values_kind="linear")
            write(folder / f"rat{number}_pwd.npy", scan)
    return folder


def weights(scratch: Path) -> Path:
    """Weights of a generator that has learnt nothing."""
    import torch

    from napari_fus_ulm.generators import build
    from napari_fus_ulm.generators.checkpoint import Card, write_weights

    path = scratch / "small.safetensors"
    if not path.exists():
        config = {"widths": [8, 8, 8], "blocks": [1, 1, 1]}
        rng = torch.Generator().manual_seed(0)
        state = build("diffusion", config).state_dict()
        tensors = {name: 0.1 * torch.randn(one.shape, generator=rng) for name, one in state.items()}
        write_weights(path, tensors, Card("diffusion", config, 20.0, {}, {}, "learnt nothing"))
    return path


def enhance(scratch: Path, folder: Path) -> None:
    """Enhance a folder of recordings into itself, where results of a killed run may lie."""
    if not (folder / "rat3_pwd.npy").exists():
        shutil.copytree(recordings(scratch), folder, dirs_exist_ok=True)
    words = ["--weights", weights(scratch), "--mode", "accurate", "--precision", "float32"]
    command("enhance", folder, "-o", folder, "--suffix", ".npy", *words)


def evaluate(scratch: Path, folder: Path) -> None:
    """Score two folders of images."""
    given = recordings(scratch)
    command("evaluate", given, given, "-o", folder)


def tables(folder: Path) -> dict[str, Any]:
    """The table of an evaluation."""
    return {"images.csv": (folder / "images.csv").read_text()}


def review(scratch: Path, folder: Path) -> None:
    """Make a session and answer all of its trials; each answer is confirmed in a file beside it."""
    from napari_fus_ulm.review.session import Session
    from napari_fus_ulm.tasks.review import files_run

    given = recordings(scratch)
    confirmed = folder.with_name(f"{folder.name} confirmed")
    if not (folder / "session.json").exists():
        sources = dict.fromkeys(("one", "two"), ("generated", given))
        list(files_run(folder, sources, seed=1))  # type: ignore[arg-type]
    session = Session.open(folder, "rater")
    while (trial := session.next_trial()) is not None:
        session.answer(trial, left_continuity=2, right_continuity=4, preference="left")
        with confirmed.open("a") as file:
            file.write(f"{trial.token}\n")


def answers(folder: Path) -> dict[str, Any]:
    """How many answers there are, and whether each confirmed one is among them."""
    from napari_fus_ulm.review import answers as stored

    given, damaged = stored.read(folder / "answers.csv")
    tokens = [one.trial for one in given]
    return {"answers": len(set(tokens)), "twice": len(tokens) - len(set(tokens)), "half": damaged}


KINDS = {
    "train": Kind(do=train, results=trained),
    "simulate": Kind(do=simulate, results=images, shared=False),
    "evaluate": Kind(do=evaluate, results=tables),
    "enhance": Kind(do=enhance, results=images),
    "review": Kind(do=review, results=answers, shared=False),
}


# ------------------------------------------------------------------ what is asked after a kill


def half(folder: Path) -> list[str]:
    """Names of the files that cannot be read to their end."""
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not temporary(path.relative_to(folder)) and not _readable(path)
    ]


def temporary(path: Path) -> bool:
    """Whether a file has a temporary name, or lies in a folder that has one."""
    return any(part.startswith(".part-") for part in path.parts)


def _readable(path: Path) -> bool:
    from PIL import Image

    from napari_fus_ulm.generators.checkpoint import read_tensors
    from napari_fus_ulm.io.own_json import read_object

    def table(path: Path) -> None:
        text = path.read_text()
        rows = list(csv.reader(text.splitlines()))
        if len({len(row) for row in rows}) > 1 or (path.name != "answers.csv" and text[-1] != "\n"):
            raise ValueError("lines of different lengths")

    def picture(path: Path) -> None:
        with Image.open(path) as image:
            image.load()

    readers: dict[str, Callable[[Path], object]] = {
        ".safetensors": read_tensors,
        ".json": read_object,
        ".csv": table,
        ".png": picture,
        ".npy": np.load,
        ".npz": lambda path: dict(np.load(path)),
    }
    try:
        readers.get(path.suffix, Path.read_bytes)(path)
    except Exception:
        return False
    return True


def equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether results are the same."""
    return one.keys() == other.keys() and all(
        np.array_equal(value, other[name]) for name, value in one.items()
    )


def _names(folder: Path) -> set[str]:
    return {
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.is_file() and not temporary(path.relative_to(folder))
    }


def _confirmed(folder: Path) -> set[str]:
    beside = folder.with_name(f"{folder.name} confirmed")
    return set(beside.read_text().split("\n")[:-1]) if beside.exists() else set()


def _answered(folder: Path) -> set[str]:
    path = folder / "answers.csv"
    if not path.exists():
        return set()
    return {line.partition(",")[0] for line in path.read_text().splitlines()[1:]}


# ------------------------------------------------------------------ killing


def begin(kind: Kind, scratch: Path, folder: Path, log: Path) -> int:
    """Begin or go on with a run in a process group of its own; return its number."""
    process = os.fork()  # what is imported need not be imported again
    if process:
        return process
    status = 1
    try:
        os.setpgid(0, 0)
        output = os.open(log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(output, stream)
        kind.do(scratch, folder)
        status = 0
    except SystemExit as error:
        status = int(error.code or 0)
    except BaseException as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        status = getattr(error, "exit_code", 1)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def ended(process: int, seconds: float) -> int | None:
    """Wait; return the exit status, None if the process is still there."""
    until = time.monotonic() + seconds
    while True:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() >= until:
            return None
        time.sleep(0.002)


def gone(group: int, seconds: float = 5.0) -> bool:
    """Whether no process of a group is left."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    with suppress(ProcessLookupError):  # at the last moment
        os.killpg(group, signal.SIGKILL)
    return False


def campaign(
    name: str, scratch: Path, kills: int, rng: np.random.Generator
) -> tuple[Counter[str], list[str]]:
    """Kill a kind of run; return what happened, and the words behind the faults."""
    kind, counts, words = KINDS[name], Counter[str](), list[str]()

    def fault(what: str, detail: object) -> None:
        counts[what] += 1
        words.append(f"{name}: {what}: {detail}")

    log, number = scratch / "output.txt", 0
    undisturbed = scratch / f"{name} undisturbed"
    begun = time.monotonic()
    if status := ended(begin(kind, scratch, undisturbed, log), 600):
        fault("stuck", f"undisturbed, {status}: {log.read_text()[-300:]}")
        return counts, words
    lasts = time.monotonic() - begun
    expected = kind.results(undisturbed)
    folder, notes = scratch / f"{name} 0", b""
    while counts["kills"] < kills:
        if kind.shared and not (folder / USERS).exists():
            folder.mkdir(exist_ok=True)
            notes = rng.bytes(40)
            (folder / USERS).write_bytes(notes)
        before = _names(folder)
        process = begin(kind, scratch, folder, log)
        status = ended(process, float(rng.uniform(0.0, lasts)))
        if status is None:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            counts["kills"] += 1
        if not gone(process):
            fault("orphan", folder)
        if damaged := half(folder):
            fault("half", damaged)
        if missing := before - _names(folder):
            fault("lost", missing)
        if kind.shared and (folder / USERS).read_bytes() != notes:
            fault("lost", USERS)
        if missing := _confirmed(folder) - _answered(folder):
            fault("lost", missing)
        if status is not None and status > 0:
            fault("stuck", f"{status}: {log.read_text()[-300:]}")
        if status == 0 and name != "review" and not equal(kind.results(folder), expected):
            fault("differs", folder)
        if status is not None:
            counts["ends"] += status == 0
            left = [one for one in folder.rglob("*") if temporary(one.relative_to(folder))]
            left += folder.parent.glob(f".part-*-{folder.name}")
            if left and status == 0:
                fault("left", left)
            number += 1
            shutil.rmtree(folder)
            folder = scratch / f"{name} {number}"
    # What is left of the last one ends as well.
    if status := ended(begin(kind, scratch, folder, log), 600):
        fault("stuck", f"{status}: {log.read_text()[-300:]}")
    elif not equal(kind.results(folder), expected):
        fault("differs", folder)
    else:
        counts["ends"] += 1
    return counts, words


def main() -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50, help="of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=list(KINDS), default=list(KINDS))
    asked = parser.parse_args()
    _import_everything()
    columns = ("kills", "ends", *FAULTS)
    print(f"| | {' | '.join(columns)} |\n| --- |{' ---: |' * len(columns)}")
    faulty = False
    for name in asked.only:
        seed = [asked.seed, int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)]
        with tempfile.TemporaryDirectory() as scratch:
            rng = np.random.default_rng(seed)
            counts, words = campaign(name, Path(scratch), asked.kills, rng)
        print(f"| {name} | {' | '.join(str(counts[column]) for column in columns)} |", flush=True)
        for line in words:
            print(line, file=sys.stderr)
        faulty |= bool(words)
    return int(faulty)


def _import_everything() -> None:
    """Import what the runs need, so that kills fall into their work and not into imports."""
    import torch

    import napari_fus_ulm.cli
    import napari_fus_ulm.evaluation.compare
    import napari_fus_ulm.inference.enhance
    import napari_fus_ulm.phantom.population
    import napari_fus_ulm.review.report
    import napari_fus_ulm.training.loop  # noqa: F401
    from napari_fus_ulm.metrics import fidelity

    torch.set_num_threads(1)
    picture: npt.NDArray[np.float64] = np.zeros((40, 48))
    fidelity(picture, picture)  # builds its network


if __name__ == "__main__":
    multiprocessing.set_start_method("spawn")
    sys.exit(main())
