"""Loading compiled libraries together with OpenGL without a crash."""

from __future__ import annotations

import os
import sys
from importlib import util


def load_triton_apart() -> None:
    """Load Triton, where it is installed, so that it keeps to its own copy of LLVM.

    torchvision (which LPIPS needs) imports Triton, and Triton brings an LLVM of its own. Mesa's
    OpenGL drivers load theirs into the process as soon as a layer is drawn; bound to that one,
    Triton crashes the viewer with a segmentation fault while it is being imported.
    ``RTLD_DEEPBIND`` makes a library resolve its own symbols first. Linux only, like Triton.
    """
    deep = getattr(os, "RTLD_DEEPBIND", None)
    if deep is None or "triton" in sys.modules or util.find_spec("triton") is None:
        return
    flags = sys.getdlopenflags()
    sys.setdlopenflags(flags | deep)
    try:
        import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: F401
    except ImportError:
        pass  # torch works without it
    finally:
        sys.setdlopenflags(flags)
