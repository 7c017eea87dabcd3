"""Scans from ConfUSIus: every pixel stays where it lies."""

import numpy as np
import pytest
import xarray as xr

from napari_fus_ulm.errors import ScanError
from napari_fus_ulm.io.confusius import from_confusius
from napari_fus_ulm.scan import make_scan, spacing_of, step_of


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).random(shape)


def confusius_like(affine: np.ndarray, shape: tuple[int, ...]) -> xr.DataArray:
    """What ConfUSIus 0.8 makes: integer voxel coordinates, world coordinates through an affine."""
    dims = ("time", "k", "j", "i")[-len(shape) :]
    data = np.random.default_rng(1).random(shape)
    grid = np.meshgrid(*(np.arange(n) for n in shape[-3:]), indexing="ij")
    world = np.einsum("ab,b...->a...", affine, np.stack([*grid, np.ones_like(grid[0])]))
    coords = {d: np.arange(n) for d, n in zip(dims, shape, strict=True) if d != "time"}
    coords |= {
        w: (("k", "j", "i"), world[n], {"units": "mm"}) for n, w in enumerate(("z", "y", "x"))
    }
    if "time" in dims:
        coords["time"] = ("time", 0.4 * np.arange(shape[0]), {"units": "s"})
    return xr.DataArray(data, dims=dims, coords=coords, attrs={"voxel_to_world": affine.tolist()})


def matrix(dz: float, dy: float, dx: float, *origin: float) -> np.ndarray:
    affine = np.diag([dz, dy, dx, 1.0])
    affine[:3, 3] = origin
    return affine


def test_from_confusius_keeps_positions():
    scan = from_confusius(confusius_like(matrix(0.4, 0.1, 0.11, 1, 2, -3), (3, 1, 8, 9)))
    assert scan.dims == ("time", "k", "j", "i")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert step_of(scan, "k") == pytest.approx(0.4)  # from the affine: one slice cannot tell
    assert [float(scan[a][0]) for a in "zyx"] == pytest.approx([1, 2, -3])
    assert scan["time"].values.tolist() == pytest.approx([0, 0.4, 0.8])


def test_from_confusius_turns_backward_axes_round():
    da = confusius_like(matrix(0.4, -0.1, 0.11, 1, 2, -3), (2, 8, 9))
    scan = from_confusius(da)
    assert float(scan["y"][0]) == pytest.approx(2 - 0.7)
    np.testing.assert_array_equal(scan.values, da.values[:, ::-1].astype(np.float32))


def test_from_confusius_keeps_an_oblique_affine():
    turn = np.eye(4)
    turn[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    affine = turn @ matrix(0.4, 0.1, 0.2, 1, 2, 3)
    scan = from_confusius(confusius_like(affine, (2, 8, 9)))
    assert spacing_of(scan) == pytest.approx((0.1, 0.2))
    assert float(scan["y"][0]) == 0.0
    np.testing.assert_allclose(scan.attrs["voxel_to_world"], affine)


def test_from_confusius_reads_the_older_layout_and_other_units():
    da = xr.DataArray(
        noise(2, 8, 9),
        dims=("z", "y", "x"),
        coords={"z": [0.0, 400.0], "y": np.arange(8) * 100.0, "x": np.arange(9) * 110.0},
    )
    for axis in "zyx":
        da[axis].attrs["units"] = "um"
    scan = from_confusius(da)
    assert scan.dims == ("k", "j", "i")
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    with pytest.raises(ScanError, match="region"):
        from_confusius(xr.DataArray(noise(8, 9), dims=("region", "i")))


def test_from_confusius_takes_what_confusius_makes():
    create = pytest.importorskip("confusius.xarray").create_voxeldata
    da = create(
        noise(3, 1, 8, 9),
        dims=("time", "k", "j", "i"),
        dt=0.4,
        spacing=(0.4, 0.1, 0.11),
        origin=(1, 2, -3),
    )
    scan = from_confusius(da)
    assert spacing_of(scan) == pytest.approx((0.1, 0.11))
    assert float(scan["x"][0]) == pytest.approx(-3)


def test_from_confusius_takes_attributes_of_any_name():
    awkward = {"name": "n", "spacing": 3, "origin": "o", "affine": [1], "dims": 2, "time": "noon"}
    da = make_scan(noise(20, 30), spacing=0.1).assign_attrs(awkward)
    assert awkward.items() <= from_confusius(da).attrs.items()


@pytest.mark.parametrize(
    ("units", "pixel", "known"),
    [
        ({"y": "µm", "x": "mm"}, (1e-4, 0.11), True),
        ({"y": "micrometer", "x": "micrometers"}, (1e-4, 1.1e-4), True),
        ({"y": "m", "x": ""}, (100.0, 110.0), True),
        ({"y": "px", "x": "px"}, (0.1, 0.11), False),
    ],
)
def test_each_axis_goes_by_its_own_unit(units, pixel, known: bool):
    step = {"y": 0.1, "x": 0.11}
    coords = {a: (a, step[a] * np.arange(9), {"units": unit}) for a, unit in units.items()}
    scan = from_confusius(xr.DataArray(noise(9, 9), dims=("y", "x"), coords=coords))
    assert spacing_of(scan) == pytest.approx(pixel)
    assert scan.attrs["spacing_known"] is known
