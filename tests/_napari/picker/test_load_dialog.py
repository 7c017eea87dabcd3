"""Loading through the dock: shown and corrected before it is a layer."""

import numpy as np
import pytest

from napari_fus_ulm.io import write
from napari_fus_ulm.scan import make_scan


@pytest.fixture
def film_file(tmp_path):
    values = np.random.default_rng(0).gamma(2.0, 1.0, (5, 3, 20, 30))
    scan = make_scan(values, spacing=(0.5, 0.1, 0.11), modality="fus", values_kind="linear")
    return write(tmp_path / "s01_pwd.nii.gz", scan), scan


def opened(dock, path, picker, qtbot):
    dialog = dock.open_load_dialog(path, picker)
    if dialog.reading:
        qtbot.waitSignal(dialog._runner.ended, timeout=60_000).wait()
    return dialog


def test_what_is_in_the_file_is_shown_and_loaded(open_dock, film_file, qtbot):
    viewer, dock = open_dock()
    path, scan = film_file
    dialog = opened(dock, path, dock.fus, qtbot)
    assert dialog.line.text().startswith("30 × 20 px · 110 × 100 µm · all 3 slices")
    assert "all 5 time points" in dialog.line.text()
    dialog._on_accept()
    [layer] = viewer.layers
    assert layer.data.shape == (5, 3, 20, 30)
    np.testing.assert_allclose(layer.data, scan.values)
    assert dock.fus.layer is layer
    assert dock.fus.picked().source.path == str(path)


def test_corrections_before_loading(open_dock, film_file, qtbot):
    viewer, dock = open_dock()
    path, scan = film_file
    dialog = opened(dock, path, dock.fus, qtbot)
    dialog.form.width_um.setValue(200.0)
    dialog.form.slices._ways.choose("one")
    dialog.form.slices._number.setValue(2)
    dialog.form.times._ways.choose("mean")
    dialog.form._on_axes()
    assert "slice 2 of 3" in dialog.line.text()
    assert "mean of 5 time points" in dialog.line.text()
    dialog.values.choose("sqrt")
    dialog._on_accept()
    [layer] = viewer.layers
    np.testing.assert_allclose(
        layer.data.squeeze(), scan.values.mean(0)[1].astype(np.float32), rtol=1e-5
    )
    assert layer.scale[-1] == pytest.approx(0.2)
    picked = dock.fus.picked()
    assert picked.source.slice == 1
    assert picked.source.time == "mean"
    assert picked.source.spacing == pytest.approx([0.1, 0.2])
    assert dock.settings.values.currentText() == "√ (square root) (from the file)"


@pytest.mark.parametrize("kind", ["grey", "unknown", "sqrt"])
def test_values_stay_what_the_file_says(open_dock, tmp_path, qtbot, kind):
    viewer, dock = open_dock()
    values = np.random.default_rng(0).random((20, 30))
    scan = make_scan(values, spacing=0.1, modality="ulm", values_kind=kind)
    dialog = opened(dock, write(tmp_path / "s_ulm.nii.gz", scan), dock.ulm, qtbot)
    assert dialog.values.currentText().endswith("(from the file)")
    dialog._on_accept()
    assert viewer.layers[0].metadata["xarray"].attrs["values"] == kind

    again = opened(dock, tmp_path / "s_ulm.nii.gz", dock.ulm, qtbot)
    again.values.choose("linear")
    again._on_accept()
    assert viewer.layers[1].metadata["xarray"].attrs["values"] == "linear"


def test_guessed_values_are_said_to_be_guessed(open_dock, tmp_path, qtbot):
    import tifffile

    _, dock = open_dock()
    path = tmp_path / "s_pwd.tif"
    tifffile.imwrite(path, np.random.default_rng(0).gamma(2.0, 100.0, (20, 30)).astype("f4"))
    dialog = opened(dock, path, dock.fus, qtbot)
    assert dialog.values.currentText() == "linear (guessed)"
    dialog._on_accept()
    assert dock.settings.values.currentText() == "linear (guessed)"


def test_folder_of_pictures_as_a_film(open_dock, tmp_path, qtbot):
    from skimage.io import imsave

    rng = np.random.default_rng(0)
    folder = tmp_path / "frames"
    folder.mkdir()
    for number in range(3):
        image = rng.integers(0, 255, (20, 24), dtype=np.uint8)
        imsave(folder / f"f{number}.png", image, check_contrast=False)
    viewer, dock = open_dock()
    dialog = opened(dock, folder, dock.fus, qtbot)
    assert "assumed" in dialog.line.text()
    dialog.form.leading.setCurrentIndex(1)
    assert "all 3 time points" in dialog.line.text()
    dialog._on_accept()
    assert viewer.layers[0].axis_labels[0] == "time"
    assert "mean of 3 time points" in dock.fus.line.text()


def test_ulm_is_chosen_as_ground_truth(open_dock, film_file, tmp_path, qtbot):
    viewer, dock = open_dock()
    counts = make_scan(np.ones((40, 50)), spacing=0.01, modality="ulm", values_kind="linear")
    path = write(tmp_path / "counts.npy", counts)
    dialog = opened(dock, path, dock.ulm, qtbot)
    dialog._on_accept()
    assert dock.ulm.layer is viewer.layers[0]


def test_a_broken_file_is_named(open_dock, tmp_path, qtbot):
    path = tmp_path / "broken.tif"
    path.write_bytes(b"II*\0nothing")
    viewer, dock = open_dock()
    dialog = opened(dock, path, dock.fus, qtbot)
    assert "broken.tif" in dialog.message.text()
    assert not dialog.buttons.button(dialog.buttons.StandardButton.Open).isEnabled()
    dialog._on_accept()
    assert len(viewer.layers) == 0
    dialog.reject()
