"""Loading large compiled libraries: while a viewer goes on, and without a crash beside OpenGL."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import util
from pathlib import Path

_LOADING = threading.RLock()
"""One thread imports; others wait, or Python might let them have half a module."""


def load_torch() -> None:
    """Import torch such that other threads, the viewer's above all, go on meanwhile.

    Python keeps its lock while the system links a library, most of a second for those of torch.
    They are linked before, without that lock; the import finds them.
    """
    with _LOADING:
        if "torch" in sys.modules:
            return
        with collecting_later():
            _link("torch", "lib/libtorch_global_deps", getattr(os, "RTLD_GLOBAL", 0))
            _link("torch", "lib/libtorch_python")
            import torch  # noqa: F401


@contextmanager
def collecting_later() -> Iterator[None]:
    """Let Python's garbage collector rest.

    An import makes so many objects that all of them, the viewer's too, would be looked through
    several times, a quarter of a second each. Afterwards the new ones count as old, and are looked
    through with those.
    """
    with _LOADING:
        was = gc.isenabled()
        gc.disable()
        try:
            yield
        finally:
            if was:
                gc.freeze()
                gc.unfreeze()
                gc.enable()


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
    with _LOADING:
        _link("triton", "_C/libtriton", deep)
        flags = sys.getdlopenflags()
        sys.setdlopenflags(flags | deep)
        try:
            import triton  # type: ignore[import-untyped,import-not-found,unused-ignore]  # noqa: F401
        except ImportError:
            pass  # torch works without it
        finally:
            sys.setdlopenflags(flags)


def _link(package: str, library: str, flags: int = 0) -> None:
    """Link a library of an installed package without Python's lock.

    Where it fails, the import that comes after it does so, or says why. Windows does not keep the
    lock.
    """
    spec = util.find_spec(package)
    if sys.platform == "win32" or spec is None or spec.origin is None:
        return
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    path = Path(spec.origin).parent / f"{library}{suffix}"
    if path.exists():
        link = ctypes.CDLL(None).dlopen  # a foreign function, called without the lock
        link.restype = ctypes.c_void_p
        link(os.fsencode(path), os.RTLD_NOW | flags)
