"""napari's way in and out, without Qt."""

from pathlib import Path

import numpy as np
import pytest
from napari.layers import Image

from napari_fus_ulm import io
from napari_fus_ulm._napari.reader import get_reader
from napari_fus_ulm._napari.writer import write_image
from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.scan import make_scan, spacing_of


def scan_of(value: float = 1.0, shape=(12, 15)):
    values = np.random.default_rng(0).random(shape) * value
    return make_scan(
        values, spacing=(0.4, 0.1, 0.11), origin=(1.0, 2.0, -3.0), modality="fus",
        values_kind="linear", name="rat01",
    )  # fmt: skip


def layers(path) -> list[Image]:
    reader = get_reader(path)
    assert reader is not None
    return [Image(data, **kwargs) for data, kwargs, kind in reader(path) if kind == "image"]


def test_a_file_becomes_a_layer_in_mm(tmp_path: Path):
    path = io.write(tmp_path / "rat01_pwd.ome.tif", scan_of())
    (layer,) = layers(str(path))
    assert layer.name == "rat01_pwd"
    assert layer.scale.tolist() == pytest.approx([0.1, 0.11])
    assert layer.translate.tolist() == pytest.approx([2.0, -3.0])
    assert [str(unit) for unit in layer.units] == ["millimeter"] * 2
    assert layer.data.dtype == np.float32


def test_files_dropped_together_become_a_stack_when_they_can(tmp_path: Path):
    paths = [str(io.write(tmp_path / f"s{n}.npy", scan_of(n))) for n in (1, 2, 3)]
    (stack,) = layers(paths)
    assert stack.data.shape == (3, 12, 15)
    paths.append(str(io.write(tmp_path / "other.npy", scan_of(shape=(20, 15)))))
    assert [layer.data.shape for layer in layers(paths)] == [(12, 15)] * 3 + [(20, 15)]


def test_a_folder_becomes_a_stack(tmp_path: Path):
    for n in (1, 2):
        io.write(tmp_path / f"s{n}.tif", scan_of(n))
    (stack,) = layers(tmp_path)
    assert stack.data.shape == (2, 12, 15)


def test_what_is_not_ours_is_left_to_others(tmp_path: Path):
    (tmp_path / "a.docx").write_bytes(b"x")
    assert get_reader(str(tmp_path / "a.docx")) is None
    assert get_reader([str(tmp_path / "a.docx"), "b.tif"]) is None
    assert get_reader(str(tmp_path)) is None
    assert get_reader([]) is None


def test_a_broken_file_is_named(tmp_path: Path):
    path = tmp_path / "rat01.nii"
    path.write_bytes(b"not a NIfTI file")
    reader = get_reader(str(path))
    assert reader is not None
    with pytest.raises(ScanError, match=r"rat01\.nii"):
        reader(str(path))


@pytest.mark.parametrize("suffix", [".ome.tif", ".tif", ".nii.gz", ".nii", ".npy"])
@pytest.mark.parametrize("shape", [(12, 15), (3, 12, 15)])
def test_a_layer_written_and_read_is_the_same(tmp_path: Path, suffix: str, shape):
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer

    data, kwargs, _ = scan_to_layer(scan_of(shape=shape))
    layer = Image(data, **kwargs)
    written = write_image(str(tmp_path / f"out{suffix}"), *layer.as_layer_data_tuple()[:2])
    assert written == [str(tmp_path / f"out{suffix}")]
    (again,) = layers(written[0])
    np.testing.assert_array_equal(again.data, layer.data)
    np.testing.assert_allclose(again.scale, layer.scale, rtol=1e-9)
    np.testing.assert_allclose(again.translate, layer.translate, rtol=1e-9)
    assert again.units == layer.units
    assert again.axis_labels == layer.axis_labels
    assert again.metadata["xarray"].attrs["modality"] == "fus"
    assert again.metadata["xarray"].attrs["values"] == "linear"


def test_a_layer_from_elsewhere_keeps_its_scale(tmp_path: Path):
    layer = Image(np.eye(12), scale=(100, 110), translate=(2000, -3000), units=("um", "um"))
    (path,) = write_image(str(tmp_path / "a.nii.gz"), *layer.as_layer_data_tuple()[:2])
    scan = io.read_one(path)
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert [float(scan[a][0]) for a in "yx"] == pytest.approx([2.0, -3.0])


def test_a_generated_layer_stays_generated(tmp_path: Path):
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer

    scan = scan_of().assign_attrs(generated=True, provenance={"trained_on": "phantoms"})
    data, kwargs, _ = scan_to_layer(scan)
    (path,) = write_image(
        str(tmp_path / "a.ome.tif"), *Image(data, **kwargs).as_layer_data_tuple()[:2]
    )
    again = io.read_one(path)
    assert again.attrs["generated"] is True
    assert again.attrs["provenance"] == {"trained_on": "phantoms"}
    assert layers(path)[0].name == "a (generated)"


def test_a_name_without_a_known_ending_is_explained(tmp_path: Path):
    with pytest.raises(ScanError, match="cannot be written"):
        write_image(str(tmp_path / "a.xyz"), np.eye(9), {"name": "a"})


def test_what_was_assumed_is_assumed_after_saving_and_opening(tmp_path: Path):
    from napari_fus_ulm._napari.layers.from_scan import scan_to_layer

    np.save(tmp_path / "stack.npy", np.random.default_rng(0).random((3, 12, 15)))
    guessed = io.read_one(tmp_path / "stack.npy")
    marks = {"spacing_known", "values_guessed", "leading_axis_known", "slice_spacing_known"}
    expected = {key: key == "values_guessed" for key in marks}
    assert {key: guessed.attrs[key] for key in marks} == expected
    for suffix in (".npy", ".nii", ".ome.tif"):
        data, kwargs, _ = scan_to_layer(guessed)
        (path,) = write_image(
            str(tmp_path / f"b{suffix}"), *Image(data, **kwargs).as_layer_data_tuple()[:2]
        )
        again = io.read_one(path)
        assert {key: again.attrs.get(key) for key in marks} == expected


def test_a_shift_in_the_layers_affine_is_written(tmp_path: Path):
    affine = np.eye(3)
    affine[:2, 2] = [5.0, -6.0]
    layer = Image(np.eye(12), scale=(0.1, 0.1), translate=(1, 2), units=("mm", "mm"), affine=affine)
    (path,) = write_image(str(tmp_path / "a.npy"), *layer.as_layer_data_tuple()[:2])
    scan = io.read_one(path)
    assert [float(scan[a][0]) for a in "yx"] == pytest.approx([6.0, -4.0])


@pytest.mark.parametrize("transform", [{"rotate": 20}, {"shear": [0.1]}])
def test_a_transform_that_a_file_would_lose_is_refused(tmp_path: Path, transform):
    layer = Image(np.eye(12), scale=(0.1, 0.1), units=("mm", "mm"), name="rat01", **transform)
    with pytest.raises(ScanError, match="“rat01” is rotated obliquely or sheared"):
        write_image(str(tmp_path / "a.npy"), *layer.as_layer_data_tuple()[:2])
    assert not list(tmp_path.iterdir())
