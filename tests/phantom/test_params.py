"""The population: what varies, and within which bounds."""

import dataclasses

import numpy as np

from napari_fus_ulm.phantom import PhantomParams, simulate_pair


def test_animals_differ_and_stay_within_what_was_measured() -> None:
    rng = np.random.default_rng(0)
    drawn = [PhantomParams().draw(rng) for _ in range(300)]

    def column(name: str) -> np.ndarray:
        return np.array([getattr(one, name) for one in drawn])

    for name, low, high in (
        ("penetrator_spacing_um", 140, 200),  # 144 to 195 µm measured
        ("localisation_um", 4, 10),
        ("fus_slice_um", 400, 600),
        ("ulm_slice_um", 400, 600),
        ("attenuation_db_mm", -1, 2),
        ("motion_um", 0, 20),
        ("hemisphere_loss", 0, 0.8),
        ("asymmetry", 0, 0.25),
        ("shift_um", 0, 110),
        ("out_of_plane_um", 0, 200),
        ("background", 0.5, 0.9),
    ):
        values = column(name)
        assert low <= values.min(), name
        assert values.max() <= high, name
        assert np.ptp(values) > 0.5 * np.ptp(values.clip(low, high)) > 0, name
    # The calibration reads about nine tenths of it back: 52 to 72 % in two real images.
    assert abs(column("background").mean() - 0.7) < 0.05
    assert 0.5 < np.median(column("bubbles")) / PhantomParams().bubbles < 2


def test_a_draw_keeps_what_it_says_it_keeps() -> None:
    mouse = PhantomParams(scale=0.7, bubbles=5.0, slab_um=1000.0, psf_growth_per_mm=0.1)
    rng = np.random.default_rng(1)
    drawn = [mouse.draw(rng) for _ in range(200)]
    assert {one.slab_um for one in drawn} == {1000.0}
    assert {one.psf_growth_per_mm for one in drawn} == {0.1}
    assert min(one.scale for one in drawn) >= 0.7 * 0.75
    assert max(one.scale for one in drawn) <= 0.7 * 1.35
    assert 4.0 < np.median([one.bubbles for one in drawn]) < 6.0


def test_parameters_can_be_used_as_they_are() -> None:
    params = PhantomParams(width_mm=2.5, depth_mm=2.0)
    pair = simulate_pair(1, params, vary=False)
    assert pair.params == params
    assert pair.ulm.shape == (200, 250)
    other = dataclasses.replace(params, background=0.9)
    assert simulate_pair(1, other, vary=False).params != params
