"""Which device computes, and in which precision."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_fus_ulm.errors import SettingsError

if TYPE_CHECKING:
    import torch


_OUT_OF_MEMORY = (
    "out of memory",
    "not enough memory",
    "can't allocate memory",
    "cannot allocate memory",
    "failed to allocate",
    "allocation_failed",
    "alloc_failed",  # CUBLAS_STATUS_, CUDNN_STATUS_, CUFFT_, CUSOLVER_STATUS_, CUSPARSE_STATUS_
    "unable to find an engine to execute",  # cuDNN without the room for any of its workspaces
    "cublas_status_not_initialized",  # its handle is made with the first product, and needs room
    "cudnn_status_not_initialized",
    "cudaerrormemoryallocation",
)
"""What libraries call it in the text of a RuntimeError."""


def choose_device(wanted: str = "auto") -> torch.device:
    """Resolve "auto" to CUDA, MPS or the CPU, in that order.

    Raises
    ------
    SettingsError
        If the requested device is not available.
    """
    import torch

    cuda, mps = torch.cuda.is_available(), torch.backends.mps.is_available()
    if wanted == "auto":
        return torch.device("cuda" if cuda else "mps" if mps else "cpu")
    try:
        device = torch.device(wanted)
        known = device.type in ("cpu", "cuda", "mps")
    except RuntimeError:
        known = False
    if not known:
        raise SettingsError(f"There is no device called “{wanted}”; try cpu, cuda or mps.")
    if device.type == "cuda" and cuda and (device.index or 0) >= torch.cuda.device_count():
        raise SettingsError(
            f"There is no device “{wanted}”: this machine has {torch.cuda.device_count()}, "
            "counted from cuda:0."
        )
    if (device.type == "cuda" and not cuda) or (device.type == "mps" and not mps):
        raise SettingsError(f"The device “{wanted}” is not available on this machine; choose auto.")
    return device


def choose_precision(
    wanted: str, device: torch.device, has_bf16: Callable[[], bool] | None = None
) -> str:
    """Resolve "auto": bfloat16 on a CPU with AVX-512 bf16, float32 everywhere else.

    That the metrics stay the same was measured on such a CPU only; CUDA and MPS stay in float32
    until it has been measured there.
    """
    if wanted != "auto":
        return wanted
    fast = device.type == "cpu" and (has_bf16 or cpu_has_bf16)()
    return "bfloat16" if fast else "float32"


def choose_training_precision(wanted: str, device: torch.device) -> str:
    """Return bfloat16 where it is requested and the device supports it, else float32.

    A CPU without the instructions computes it too, only more slowly; a GPU older than Ampere
    refuses, and on MPS training in bfloat16 has not been measured.
    """
    import torch

    if wanted != "bfloat16" or device.type == "mps":
        return "float32"
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return "float32"
    return "bfloat16"


def arithmetic(precision: str, device: torch.device) -> AbstractContextManager[Any]:
    """Return the context in which a network computes in a precision; float32 needs none."""
    import torch

    if precision != "bfloat16":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


@lru_cache(maxsize=1)
def cpu_has_bf16() -> bool:
    """Whether the processor has AVX-512 bf16 or AMX bf16 instructions (Linux; else False)."""
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="ignore")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory ran out, on any device."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)
