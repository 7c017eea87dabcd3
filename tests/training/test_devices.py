"""Training on devices other than the CPU, as far as a machine without a GPU can test it.

Torch's ``meta`` device computes shapes and no numbers, and refuses what lies on another device: a
tensor that is left behind on the CPU fails here as it would on CUDA or MPS.
"""

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from napari_fus_ulm.errors import SettingsError, TrainingError
from napari_fus_ulm.generators.base import PatchBatch
from napari_fus_ulm.generators.checkpoint import read_tensors
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.training import adversary, loop, run
from napari_fus_ulm.training.loop import StepDone, learn, train_events
from napari_fus_ulm.training.run import CHECKPOINT, Run
from napari_fus_ulm.training.settings import TrainSettings
from napari_fus_ulm.training.streams import Batch, Patches, batch_of

SMALL = {
    "diffusion": {"widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "pix2pix": {"widths": [8, 8], "critic_width": 4},
    "mhvae": {"widths": [8, 8], "latents": [4, 8], "head_blocks": 1, "adversarial_from": 0.0},
}
ELSEWHERE = torch.device("meta")


class Noise:
    """A stream of nothing."""

    def patches(self, rng: np.random.Generator, n: int, size: int) -> Patches:
        return Patches(*(rng.random((n, c, size, size)).astype(np.float32) for c in (1, 1, 3)))


def batch(step: int = 0) -> Batch:
    return batch_of(Noise(), 0, step, 2, 32)


def small(name: str) -> TrainSettings:
    return TrainSettings(
        generator=name, model=SMALL[name], steps=4, batch=2, patch=32, precision="float32"
    )


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "choose_device", lambda wanted: ELSEWHERE)
    # There is no autocast on this device, so no cache of it either.
    monkeypatch.setattr(adversary, "_uncached", lambda like: contextlib.nullcontext())


def tensors_of(a_run: Run) -> dict[str, torch.Tensor]:
    """All that must be on the run's device, by name."""
    named = {f"model {k}": v for k, v in a_run.model.state_dict().items()}
    named |= {f"average {k}": v for k, v in a_run.average.state_dict().items()}
    for state in a_run.optimiser.state.values():
        named |= {f"optimiser {k}": v for k, v in state.items() if k != "step"}
    if a_run.adversary is not None:
        held = a_run.adversary.state().items()
        named |= {f"critic {k}": v for k, v in held if not k.endswith("|step")}
    return named


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.usefixtures("elsewhere")
def test_a_step_leaves_nothing_behind_on_the_cpu(name: str) -> None:
    begun = Run.start(small(name))
    losses = [learn(small(name), batch(step), begun) for step in range(2)]
    assert {loss.device for one in losses for loss in one.values()} == {ELSEWHERE}
    held = tensors_of(begun)
    assert [key for key, value in held.items() if value.device != ELSEWHERE] == []
    parts = {"model", "average", "optimiser"} | (set() if name == "diffusion" else {"critic"})
    assert {key.split()[0] for key in held} == parts


# Torch warns that numbers are lost on this device.
@pytest.mark.filterwarnings("ignore:.*copying from a non-meta parameter.*:UserWarning")
@pytest.mark.parametrize("name", SMALL)
def test_a_checkpoint_of_the_cpu_goes_on_elsewhere(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    here = Run.start(small(name))
    learn(small(name), batch(), here)
    here.step = 1
    here.save(tmp_path)
    request.getfixturevalue("elsewhere")
    there = Run.resume(small(name), tmp_path)
    assert (there.step, there.device) == (1, ELSEWHERE)
    learn(small(name), batch(1), there)
    held = tensors_of(there)
    assert [key for key, value in held.items() if value.device != ELSEWHERE] == []
    counts = [state["step"] for state in there.optimiser.state.values()]
    assert {(count.device.type, float(count)) for count in counts} == {("cpu", 2.0)}


@pytest.mark.usefixtures("elsewhere")
def test_a_checkpoint_from_elsewhere_is_fetched_to_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = Run.start(small("pix2pix"))
    learn(small("pix2pix"), batch(), begun)
    # What a GPU would send; this device has no numbers to give away.
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: torch.ones(tensor.shape))
    begun.save(tmp_path)
    checkpoint = read_tensors(tmp_path / CHECKPOINT)
    parts = {name.split(".")[0] for name in checkpoint}
    assert parts >= {"model", "average", "optimiser", "adversary"}
    assert all(tensor.device.type == "cpu" for tensor in checkpoint.values())


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize(
    ("kind", "threads", "pinned"), [("cpu", 1, False), ("cuda", 5, True), ("mps", 5, False)]
)
def test_batches_are_prepared_as_the_device_needs_them(
    settings: TrainSettings, monkeypatch: pytest.MonkeyPatch, kind: str, threads: int, pinned: bool
) -> None:
    settings = dataclasses.replace(settings, workers=5)
    options: list[dict[str, Any]] = []
    sent: list[torch.device] = []

    def preparing(*args: object, **how: object) -> Iterator[Batch]:
        options.append(how)
        yield batch()

    def sending(patches: PatchBatch, device: torch.device) -> PatchBatch:
        sent.append(device)
        return patches

    monkeypatch.setattr(loop, "batches", preparing)
    monkeypatch.setattr(loop, "on_device", sending)
    begun = Run.start(settings)
    begun.device = torch.device(kind)  # the network itself stays where this machine can compute
    material = loop._Material(Noise(), None, [])
    next(loop._steps(settings, Path("nowhere"), material, begun, {}))
    assert options == [{"threads": threads, "pinned": pinned}]
    assert sent == [torch.device(kind)]


@pytest.mark.usefixtures("tiny_network")
def test_a_run_says_what_share_of_its_time_it_waited(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch takes three seconds, a step takes one."""
    clock = [0.0]
    step = loop.learn

    def drawing(*args: object, **how: object) -> Iterator[Batch]:
        for number in range(settings.steps):
            clock[0] += 3.0
            yield batch(number)

    def learning(*args: Any) -> dict[str, torch.Tensor]:
        clock[0] += 1.0
        return step(*args)

    monkeypatch.setattr(loop, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    monkeypatch.setattr(loop, "batches", drawing)
    monkeypatch.setattr(loop, "learn", learning)
    done = [e for e in train_events(settings, tmp_path / "run") if isinstance(e, StepDone)]
    assert [event.waiting for event in done] == [0.75] * 4
    assert [event.patches_per_second for event in done] == [settings.batch / 4.0] * 4


@pytest.mark.usefixtures("tiny_network")
def test_too_little_memory_is_a_sentence(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **more: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(ConditionalDiffusion, "training_loss", full)
    with pytest.raises(
        TrainingError,
        match=r"“cpu” has too little memory for 2 patches of 32 pixels .* with a smaller batch\.$",
    ):
        list(train_events(settings, tmp_path / "run"))


@pytest.mark.usefixtures("tiny_network")
def test_another_fault_stays_what_it_is(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: object, **more: object) -> None:
        raise RuntimeError("shapes cannot be multiplied")

    monkeypatch.setattr(ConditionalDiffusion, "training_loss", broken)
    with pytest.raises(RuntimeError, match=r"^shapes cannot be multiplied$"):
        list(train_events(settings, tmp_path / "run"))


def test_a_device_that_is_not_there_is_refused_before_anything_is_made(
    settings: TrainSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SettingsError, match="“cuda” is not available"):
        list(train_events(dataclasses.replace(settings, device="cuda"), tmp_path / "run"))
    assert list((tmp_path / "run").iterdir()) == []
