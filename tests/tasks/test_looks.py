"""Colours of the classes, over the colour maps on which they are drawn."""

import itertools

import numpy as np
import pytest
from matplotlib import colormaps
from skimage.color import deltaE_ciede2000, rgb2lab

from napari_fus_ulm.output.figures import hot
from napari_fus_ulm.tasks.support import support_classes
from napari_fus_ulm.tasks.truth import CLASSES

MAPS = {
    "hot": colormaps["hot"](np.linspace(0, 1, 64))[:, :3],
    "figures": hot(np.linspace(0, 1, 64)) / 255.0,
}


def lab(colour: str) -> np.ndarray:
    return rgb2lab([[int(colour[at : at + 2], 16) / 255.0 for at in (1, 3, 5)]])


@pytest.mark.parametrize("ground", MAPS)
@pytest.mark.parametrize("looks", [CLASSES, support_classes()])
def test_no_class_has_a_colour_of_the_picture_below(looks, ground) -> None:
    for look in looks:
        below = rgb2lab(MAPS[ground])
        own = np.repeat(lab(look.colour), len(below), axis=0)
        assert deltaE_ciede2000(own, below).min() > 19, look.name


@pytest.mark.parametrize("looks", [CLASSES, support_classes()])
def test_classes_differ_in_colour_and_in_pattern(looks) -> None:
    assert len({look.pattern for look in looks}) == len(looks)
    for one, other in itertools.combinations(looks, 2):
        assert deltaE_ciede2000(lab(one.colour), lab(other.colour))[0] > 15
