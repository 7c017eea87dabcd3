"""Weights on disk: read back exactly, refused in words, never unpickled, never half written."""

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from napari_fus_ulm.errors import CheckpointError
from napari_fus_ulm.generators import build, checkpoint, names
from napari_fus_ulm.generators.checkpoint import (
    Card,
    bundled_weights,
    card_path,
    load_generator,
    read_card,
    read_tensors,
    sha256,
)
from napari_fus_ulm.generators.diffusion import ConditionalDiffusion
from napari_fus_ulm.io.atomic import write_tensors, write_text

CARD = {
    "generator": "diffusion",
    "config": {"widths": [8, 8, 8], "blocks": [1, 1, 1]},
    "pixel_um": 20.0,
    "training": {"steps": 3},
    "metrics": {},
    "notes": "for a test",
}


@pytest.fixture
def weights(tmp_path: Path, tiny: Callable[..., ConditionalDiffusion]) -> Path:
    path = tmp_path / "mine.safetensors"
    write_tensors(path, tiny(awake=True).state_dict())
    write_text(card_path(path), json.dumps(CARD))
    return path


def test_weights_are_read_back_exactly(weights: Path, tiny) -> None:
    model, card = load_generator(weights)
    expected = tiny(awake=True).state_dict()
    assert all(torch.equal(value, expected[name]) for name, value in model.state_dict().items())
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert card == Card(**CARD)
    assert sorted(p.name for p in weights.parent.iterdir()) == ["mine.json", "mine.safetensors"]


def test_half_precision_is_read_as_float32(weights: Path, tiny) -> None:
    half = {name: value.half() for name, value in tiny(awake=True).state_dict().items()}
    write_tensors(weights, half)
    model, _ = load_generator(weights)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.equal(model.net.last.weight, half["net.last.weight"].float())  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [0, 4, 200, 0.5, 0.999])
def test_a_truncated_file_is_refused(weights: Path, size: float) -> None:
    whole = weights.read_bytes()
    weights.write_bytes(whole[: int(size if size > 1 else size * len(whole))])
    with pytest.raises(CheckpointError, match=r"mine\.safetensors is not a complete safetensors"):
        load_generator(weights)


class Malicious:
    """Creates a file when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.mark),)


@pytest.mark.parametrize("name", ["weights.pt", "weights.ckpt", "disguised.safetensors"])
@pytest.mark.parametrize("how", ["pickle", "torch"])
def test_a_pickle_is_never_opened(tmp_path: Path, name: str, how: str) -> None:
    mark, path = tmp_path / "ran", tmp_path / name
    if how == "torch":
        torch.save({"weights": Malicious(mark)}, path)
    else:
        path.write_bytes(pickle.dumps(Malicious(mark)))
    with pytest.raises(CheckpointError, match=r"can run code and are never opened"):
        load_generator(path)
    assert not mark.exists()
    with path.open("rb") as file:  # it would have run
        if how == "pickle":
            pickle.load(file)
            assert mark.exists()


def test_a_missing_file_and_a_missing_card_have_different_messages(
    tmp_path: Path, weights: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"There is no weights file .*none\.safetensors"):
        load_generator(tmp_path / "none.safetensors")
    card_path(weights).unlink()
    with pytest.raises(CheckpointError, match=r"mine\.safetensors has no card: mine\.json must be"):
        load_generator(weights)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "cannot be read"),
        ("[1, 2]", "cannot be read"),
        ("{}", "lacks the entry 'generator'"),
        (
            json.dumps({k: v for k, v in CARD.items() if k != "pixel_um"}),
            "lacks the entry 'pixel_um'",
        ),
    ],
)
def test_a_broken_card_is_named(weights: Path, text: str, says: str) -> None:
    card_path(weights).write_text(text)
    with pytest.raises(CheckpointError, match=rf"mine\.json {says}"):
        read_card(weights)


def test_a_newer_card_stays_readable(weights: Path) -> None:
    card_path(weights).write_text(json.dumps({**CARD, "licence": "BSD-3-Clause"}))
    assert read_card(weights) == Card(**CARD)


@pytest.mark.parametrize(
    "change",
    [
        {"config": {"widths": [16, 8, 8], "blocks": [1, 1, 1]}},
        {"config": {"depth": 5}},
        {"generator": "gan"},
    ],
)
def test_weights_that_do_not_fit_their_card_are_refused(weights: Path, change: dict) -> None:
    card_path(weights).write_text(json.dumps({**CARD, **change}))
    with pytest.raises(CheckpointError, match=r"mine\.safetensors does not fit its card"):
        load_generator(weights)


def test_tensors_of_any_memory_layout_are_kept(tmp_path: Path) -> None:
    image = torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last)
    write_tensors(tmp_path / "deep" / "x.safetensors", {"image": image, "step": torch.tensor(7)})
    tensors = read_tensors(tmp_path / "deep" / "x.safetensors")
    assert torch.equal(tensors["image"], image)
    assert int(tensors["step"]) == 7


def test_the_hash_names_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )


@pytest.mark.parametrize("name", names())
def test_the_weights_that_ship_load_and_say_what_they_are(name: str) -> None:
    path = bundled_weights(name)
    model, card = load_generator(path)
    assert card.generator == model.name == name
    # A card may be older than an argument; it then had the default.
    assert build(name, {}).config() | card.config == model.config()
    assert path.stat().st_size < 15e6
    assert card.training["phantom_trained"] is True
    assert {"settings", "command", "patches", "field_mm", "input_map"} <= set(card.training)
    assert all(torch.isfinite(p).all() for p in model.parameters())
    assert "Not for diagnosis" in card.notes


def test_a_generator_without_weights_says_so(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checkpoint, "BUNDLED", tmp_path)
    with pytest.raises(CheckpointError, match=r"No weights ship for the generator “diffusion”"):
        bundled_weights("diffusion")
