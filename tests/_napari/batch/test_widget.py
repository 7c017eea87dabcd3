"""The Batch dock with real files, real clicks and the small generator."""

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_fus_ulm._napari.batch.widget import BatchWidget
from napari_fus_ulm._napari.enhance import memory
from napari_fus_ulm.inference.settings import EnhanceSettings
from napari_fus_ulm.io import write


@pytest.fixture
def dock(qtbot, small_weights):
    from napari.components import ViewerModel

    memory.save(EnhanceSettings(weights=str(small_weights), precision="float32"))
    widget = BatchWidget(ViewerModel())
    qtbot.addWidget(widget, before_close_func=BatchWidget.leave)
    return widget


def test_a_click_enhances_the_files_of_a_folder(dock, section, qtbot, tmp_path):
    fus = section.fus.isel(j=slice(10, 30), i=slice(20, 40))
    for name in ("a", "b"):
        write(tmp_path / f"{name}_pwd.nii.gz", fus)
    assert not dock.run.button.isEnabled()
    dock.add_paths([tmp_path])
    assert dock.run.button.text() == "Enhance 2 files"
    for outcome in ("✔ done", "✔ done before"):
        with qtbot.waitSignal(dock.runner.ended, timeout=60_000):
            qtbot.mouseClick(dock.run.button, Qt.MouseButton.LeftButton)
        assert [dock.files.table.item(n, 1).text() for n in range(2)] == [outcome] * 2
    assert (tmp_path / "enhanced" / "a_pwd_enhanced.ome.tif").is_file()
    assert dock.run.status.text() == "2 done before."


def test_a_row_tells_all_that_was_said(dock, tmp_path):
    (tmp_path / "a.tif").write_bytes(b"no picture")
    dock.add_paths([tmp_path / "a.tif"])
    dock.files.table.setCurrentCell(0, 0)
    assert "a.tif" in dock.files.details.text()


def test_the_command_is_copied(dock, tmp_path):
    (tmp_path / "a.tif").touch()
    dock.add_paths([tmp_path / "a.tif"])
    dock.copy.click()
    text = QApplication.clipboard().text()
    assert text.startswith(f"napari-fus-ulm enhance {tmp_path / 'a.tif'} ")
    assert "--mode accurate" in text
    assert text.endswith(f"--resume -o {tmp_path / 'enhanced'}")


def test_no_region_is_offered_for_many_files(dock):
    assert not dock.settings.region.isVisibleTo(dock)


@pytest.mark.parametrize("width", [320, 420])
def test_it_fits_a_narrow_dock(dock, width):
    assert dock.minimumSizeHint().width() <= width
