import pytest
import torch

from napari_fus_ulm.generators import device


@pytest.mark.parametrize(
    ("cuda", "mps", "expected"),
    [(True, True, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_prefers_cuda_then_mps(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, expected: str
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    assert device.choose_device("auto").type == expected


def test_a_device_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match="“cuda:1” is not available"):
        device.choose_device("cuda:1")
    with pytest.raises(ValueError, match="no device called “toaster”"):
        device.choose_device("toaster")


@pytest.mark.parametrize(
    ("kind", "bf16", "expected"),
    [
        ("cpu", True, "bfloat16"),
        ("cpu", False, "float32"),
        ("cuda", True, "float32"),
        ("mps", True, "float32"),
    ],
)
def test_bfloat16_only_where_it_was_measured(kind: str, bf16: bool, expected: str) -> None:
    assert device.choose_precision("auto", torch.device(kind), lambda: bf16) == expected
    assert device.choose_precision("float32", torch.device(kind), lambda: bf16) == "float32"


@pytest.mark.parametrize(
    ("kind", "capable", "expected"),
    [
        ("cpu", False, "bfloat16"),
        ("cuda", True, "bfloat16"),
        ("cuda", False, "float32"),
        ("mps", True, "float32"),
    ],
)
def test_training_takes_bfloat16_where_the_device_is_known_for_it(
    monkeypatch: pytest.MonkeyPatch, kind: str, capable: bool, expected: str
) -> None:
    def supported(including_emulation: bool = True) -> bool:
        return capable or including_emulation

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)
    where = torch.device(kind)
    assert device.choose_training_precision("bfloat16", where) == expected
    assert device.choose_training_precision("float32", where) == "float32"


def test_arithmetic_is_an_autocast_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = torch.device("cpu")
    a = torch.ones(2, 2)
    with device.arithmetic("bfloat16", cpu):
        assert (a @ a).dtype == torch.bfloat16
    with device.arithmetic("float32", cpu):
        assert (a @ a).dtype == torch.float32
    contexts = []
    monkeypatch.setattr(torch, "autocast", lambda *args: contexts.append(args))
    device.arithmetic("bfloat16", torch.device("cuda"))
    device.arithmetic("float32", torch.device("mps"))
    assert contexts == [("cuda", torch.bfloat16)]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("MPS backend out of memory"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate`"), True),
        (RuntimeError("CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED"), True),
        (RuntimeError("FIND was unable to find an engine to execute this computation"), True),
        (RuntimeError("cuFFT error: CUFFT_ALLOC_FAILED"), True),
        (RuntimeError("CUBLAS_STATUS_INVALID_VALUE when calling `cublasSgemm`"), False),
        (RuntimeError("shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_out_of_memory_is_recognised(error: Exception, expected: bool) -> None:
    assert device.is_out_of_memory(error) is expected
