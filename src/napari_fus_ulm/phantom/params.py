"""Parameters of one simulated animal and its two recordings, in physical units."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomParams:
    """Parameters of one simulated coronal section.

    Lengths are in µm unless the name says otherwise. The defaults are a typical rat;
    :meth:`draw` varies them, so that not every section is the same template.

    Parameters
    ----------
    width_mm, depth_mm : float
        Field of view.
    slab_um : float
        Thickness of the simulated slab, beyond what either recording sees.
    scale : float
        Size of the brain relative to an adult rat (a mouse is about 0.7).
    midline_offset_um, surface_um : float
        Lateral shift of the midline; depth of the brain's surface at the midline.
    curvature : float
        Depth in mm by which the surface has fallen 5 mm beside the midline.
    front_to_back : float
        Position of the section, 0 (front: no hippocampus) to 1 (back: large hippocampus).
    penetrator_spacing_um : float
        Mean distance of penetrating vessels along the cortex, as seen in a 500 µm slice
        (144 to 195 µm measured in rats).
    arbors_per_mm2 : float
        Small trees (trunks of 5 to 28 µm radius) per mm² of section and 500 µm of slice, below
        the cortex and where the tissue has its median density.
    fine_per_mm2 : float
        Fine vessels (radius 4.5 to 7 µm at their start) per mm² of section and 500 µm of slice.
    asymmetry : float
        Difference of the two sides: displacement of a named vessel in mm of an adult rat, and
        the chance that it is missing.
    bubbles : float
        Bubble tracks through a vessel of 10 µm radius and 5 mm/s during the recording.
    localisation_um : float
        Standard deviation of a bubble's position.
    motion_um : float
        Standard deviation of a whole track's position: residual motion of the brain.
    ulm_slice_um, fus_slice_um : float
        Full width at half maximum of the elevation profiles.
    fus_pixel_um : tuple of float
        Axial and lateral pixel size of the power Doppler image.
    psf_um : tuple of float
        Axial and lateral full width at half maximum at the top of the image.
    psf_growth_per_mm : float
        Relative widening of the point spread function per mm of depth.
    background : float
        Capillary bed's share of the mean of the displayed (square-root) power Doppler.
    haematocrit_sd : float
        Log standard deviation of a vessel's blood volume about its lumen: one reason why
        power Doppler is not blurred ULM.
    clutter_speed_mm_s : float
        Axial speed at which the clutter filter lets half of the power pass.
    attenuation_db_mm : float
        Round-trip loss that gain compensation leaves; negative where it overcompensates.
    effective_frames : float
        Independent frames averaged: speckle has a coefficient of variation of 1/√n.
    noise_db : float
        Noise floor at the top of the image below the mean signal.
    noise_db_mm : float
        Growth of the noise floor with depth.
    haze, shadow : float
        Strength of clutter haze under the skull and of acoustic shadows, 0 to 1.
    hemisphere_loss : float
        Share of the power that one side loses (thicker skull, tilted probe).
    shift_um : float
        Distance by which the two recordings are rigidly misregistered, in a random direction.
    warp_um : float
        Smooth non-rigid misregistration (root mean square).
    out_of_plane_um : float
        Distance of the two image planes.
    """

    width_mm: float = 12.0
    depth_mm: float = 8.0
    slab_um: float = 1500.0
    scale: float = 1.0
    midline_offset_um: float = 0.0
    surface_um: float = 200.0
    curvature: float = 1.0
    front_to_back: float = 0.6
    penetrator_spacing_um: float = 165.0
    arbors_per_mm2: float = 1.15
    fine_per_mm2: float = 1.8
    asymmetry: float = 0.1
    bubbles: float = 58.0
    localisation_um: float = 7.0
    motion_um: float = 10.0
    ulm_slice_um: float = 500.0
    fus_slice_um: float = 500.0
    fus_pixel_um: tuple[float, float] = (100.0, 110.0)
    psf_um: tuple[float, float] = (110.0, 140.0)
    psf_growth_per_mm: float = 0.06
    background: float = 0.7
    haematocrit_sd: float = 0.8
    clutter_speed_mm_s: float = 1.5
    attenuation_db_mm: float = 0.5
    effective_frames: float = 250.0
    noise_db: float = 16.0
    noise_db_mm: float = 0.8
    haze: float = 0.2
    shadow: float = 0.2
    hemisphere_loss: float = 0.1
    shift_um: float = 40.0
    warp_um: float = 40.0
    out_of_plane_um: float = 60.0

    def draw(self, rng: np.random.Generator) -> PhantomParams:
        """Return the parameters of another animal.

        ``scale``, ``arbors_per_mm2``, ``bubbles`` and ``effective_frames`` vary about these;
        ``slab_um`` and ``psf_growth_per_mm`` are kept; all others come from the ranges of the
        population, whatever they are here.
        """

        def around(value: float, sd: float) -> float:
            return float(value * np.exp(rng.normal(0.0, sd)))

        lateral = float(rng.uniform(95, 125))
        return dataclasses.replace(
            self,
            width_mm=float(rng.uniform(9.0, 13.0)),
            depth_mm=float(rng.uniform(7.0, 9.0)),
            scale=float(rng.uniform(0.75, 1.35)) * self.scale,
            midline_offset_um=float(rng.normal(0.0, 500.0)),
            surface_um=float(rng.uniform(-200.0, 500.0)),
            curvature=float(rng.uniform(0.3, 1.7)),
            front_to_back=float(rng.uniform(0.0, 1.0)),
            penetrator_spacing_um=float(rng.uniform(140.0, 200.0)),
            arbors_per_mm2=around(self.arbors_per_mm2, 0.3),
            fine_per_mm2=around(self.fine_per_mm2, 0.4),
            asymmetry=float(rng.uniform(0.03, 0.2)),
            bubbles=around(self.bubbles, 0.7),
            localisation_um=float(rng.uniform(5.0, 10.0)),
            motion_um=float(rng.uniform(5.0, 15.0)),
            ulm_slice_um=float(rng.uniform(400.0, 600.0)),
            fus_slice_um=float(rng.uniform(400.0, 600.0)),
            fus_pixel_um=(float(rng.uniform(95, 110)), lateral),
            psf_um=(float(rng.uniform(100, 135)), float(rng.uniform(125, 170))),
            background=float(rng.uniform(0.55, 0.85)),
            haematocrit_sd=float(rng.uniform(0.6, 1.0)),
            clutter_speed_mm_s=float(rng.uniform(0.8, 2.4)),
            attenuation_db_mm=float(rng.uniform(-0.6, 0.8)),
            effective_frames=around(self.effective_frames, 0.6),
            noise_db=float(rng.uniform(12.0, 24.0)),
            noise_db_mm=float(rng.uniform(0.3, 1.5)),
            haze=float(rng.uniform(0.0, 0.5)),
            shadow=float(rng.uniform(0.0, 0.5)),
            hemisphere_loss=float(rng.beta(1.0, 3.0)) * 0.8,
            shift_um=float(rng.uniform(0.0, 90.0)),
            warp_um=float(rng.uniform(20.0, 60.0)),
            out_of_plane_um=float(rng.uniform(0.0, 200.0)),
        )
