"""Where compared images come from, so that a figure can be drawn again; no window is needed."""

import numpy as np
from napari.components import ViewerModel

from napari_fus_ulm._napari.compare.layers import looks_at, seen, source_of
from napari_fus_ulm._napari.layers.from_scan import scan_to_layer
from napari_fus_ulm.io import read_one, write
from napari_fus_ulm.scan import make_scan
from napari_fus_ulm.tasks.compare import Compared, FigureSettings, figure_run
from napari_fus_ulm.tasks.record import read_record
from napari_fus_ulm.tasks.replay import replay, take


def opened(viewer, path, modality):
    scan = read_one(path, modality=modality).assign_attrs(loaded={"path": str(path)})
    data, kwargs, _ = scan_to_layer(scan)
    return viewer.add_image(data, **kwargs)


def test_the_planes_that_are_shown_are_found_again(tmp_path):
    random = np.random.default_rng(0)
    film = make_scan(
        random.gamma(2.0, 1.0, (3, 2, 40, 60)), spacing=(0.5, 0.1, 0.1), modality="fus",
        values_kind="linear", time=np.arange(3.0), name="film",
    )  # fmt: skip
    counts = make_scan(
        random.poisson(1.0, (200, 300)), spacing=0.02, modality="ulm", values_kind="linear",
        name="map",
    )  # fmt: skip
    viewer = ViewerModel()
    ulm = opened(viewer, write(tmp_path / "map_ulm.nii.gz", counts), "ulm")
    fus = opened(viewer, write(tmp_path / "film_pwd.nii.gz", film), "fus")
    viewer.dims.set_point((0, 1), (2.0, 0.5))
    looks = looks_at(viewer, [ulm, fus], ulm)
    sources = {look.layer.name: source_of(look, look.plane()[1]) for look in looks}
    assert list(sources) == [fus.name, ulm.name]
    for layer in (fus, ulm):
        [look] = looks_at(viewer, [layer], ulm)
        shown, _ = look.plane()
        again = take(sources[layer.name])
        np.testing.assert_array_equal(again.values, shown.values)
    assert (sources[fus.name].time, sources[fus.name].slice) == (2, 1)

    images = seen(looks_at(viewer, [fus, ulm], ulm)).images
    compared = Compared(images, images[-1], FigureSettings().enhance, sources)
    drawn = tmp_path / "figure.png"
    list(figure_run(compared, drawn, width_mm=100.0, colours="hot"))
    record = read_record(tmp_path / "figure_record.json")
    list(replay(record, tmp_path / "again"))
    assert (tmp_path / "again" / "figure.png").read_bytes() == drawn.read_bytes()
