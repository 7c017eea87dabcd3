"""The sample that ships is the one that is simulated."""

import json

import numpy as np

from napari_fus_ulm.cohort.seeds import DEMO_SEED
from napari_fus_ulm.phantom import simulate_pair
from napari_fus_ulm.scan import check_scan
from napari_fus_ulm.tasks.sample import sample_pair


def test_the_sample_is_what_its_seed_gives():
    shipped, simulated = sample_pair(), simulate_pair(DEMO_SEED)
    for one, other in ((shipped.fus, simulated.fus), (shipped.ulm, simulated.ulm)):
        check_scan(one)
        # Another processor rounds otherwise.
        np.testing.assert_allclose(one.values, other.values, rtol=1e-4, atol=1e-4)
        for axis in "yx":
            np.testing.assert_array_equal(one[axis], other[axis])
            assert one[axis].attrs == other[axis].attrs
        assert one.attrs == json.loads(json.dumps(other.attrs))
        assert (one.name, one.dims, one.dtype) == (other.name, other.dims, other.dtype)
