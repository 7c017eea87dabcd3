"""The table of measures."""

import csv
import io
import math

import pytest
from qtpy.QtGui import QGuiApplication

from napari_fus_ulm._napari.widgets.metrics_table import MetricsTable
from napari_fus_ulm.metrics.fidelity import Fidelity
from napari_fus_ulm.tasks.enhance import Measured

INPUT = Fidelity(mse=0.0605, ssim=0.346, psnr=12.2, lpips=0.524)
BETTER = Fidelity(mse=0.0159, ssim=0.702, psnr=18.0, lpips=0.6)


@pytest.fixture
def table(qtbot):
    table = MetricsTable()
    qtbot.addWidget(table)
    return table


def show(table, measured):
    """Show one more measure of the run."""
    table.set_value((*table.value(), measured))


def bold(table):
    return {key for key, cell in table._cells.items() if cell.font().bold()}


def test_hidden_until_something_is_measured(table):
    assert table.isHidden()
    show(table, Measured("input", INPUT, 0, 1))
    assert not table.isHidden()
    assert bold(table) == set()
    table.set_value(())
    assert table.isHidden()
    assert table.rows() == {}


def test_better_values_are_bold(table):
    show(table, Measured("input", INPUT, 0, 1))
    show(table, Measured("preview", BETTER, 0, 1))
    assert bold(table) == {
        ("preview", "mse"), ("preview", "ssim"), ("preview", "psnr"), ("input", "lpips"),
    }  # fmt: skip
    show(table, Measured("result", BETTER, 0, 1))
    assert list(table.rows()) == ["input", "result"]
    assert ("result", "mse") in bold(table)
    assert table._cells["preview", "mse"].isHidden()


def test_numbers_as_shown(table):
    show(table, Measured("result", INPUT, 0, 1))
    shown = [table._cells["result", name].text() for name in ("mse", "ssim", "psnr", "lpips")]
    assert shown == ["0.0605", "0.346", "12.20", "0.524"]
    odd = Fidelity(mse=0.0, ssim=1.0, psnr=math.inf)
    show(table, Measured("result", odd, 0, 1))
    assert table._cells["result", "psnr"].text() == "∞"
    assert table._cells["result", "lpips"].text() == "–"


def test_copies(table):
    show(table, Measured("input", INPUT, 0, 1))
    show(table, Measured("result", BETTER, 0, 1))
    table._copy_csv()
    rows = list(csv.DictReader(io.StringIO(QGuiApplication.clipboard().text())))
    assert [row["name"] for row in rows] == ["input", "result"]
    assert float(rows[1]["mse"]) == BETTER.mse
    table._copy_markdown()
    assert "| result | 0.0159 | 0.702 | 18.00 | 0.600 |" in QGuiApplication.clipboard().text()


def test_lines_over_the_steps_start_anew_with_each_plane(table):
    for _ in range(3):
        show(table, Measured("preview", BETTER, 0, 2))
    assert table._lines["mse"].points == 3
    table.grab()  # draws them
    show(table, Measured("preview", BETTER, 1, 2))
    assert table._lines["mse"].points == 1
