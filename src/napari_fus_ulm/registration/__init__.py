"""Registration of two images of one section, and one of them laid on the other."""

from typing import Literal

Alignment = Literal["none", "shift", "affine"]
"""What is done to a ground truth before it is compared: see `registration.lay.lay_on`."""
