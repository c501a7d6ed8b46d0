"""What a local model needs from the machine: the packages, a device, a number type, and errors that say what to do."""

from __future__ import annotations

import importlib
import importlib.util
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

from medvidbench.errors import MedVidBenchError, missing_extra

log = logging.getLogger(__name__)

DEVICES = ("auto", "cpu", "cuda", "cuda:N", "mps")
DTYPES = ("auto", "float32", "bfloat16", "float16")
MEMORY_REMEDY = "fewer or smaller frames (max_pixels, total_pixels), a smaller batch, or bfloat16"
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "not enough memory")


class OutOfMemoryError(MedVidBenchError):
    """The device's memory didn't hold a batch."""


def torch_module() -> Any:
    """The module torch.

    Raises:
        MedVidBenchError: torch is not installed.
    """
    return _module("torch")


def transformers_module() -> Any:
    """The module transformers, ready to be used on a machine whose torchvision is absent or broken.

    Raises:
        MedVidBenchError: torch or transformers is not installed.
    """
    _module("torch")
    set_aside_broken_torchvision()
    return _module("transformers")


def _module(name: str) -> ModuleType:
    if importlib.util.find_spec(name) is None:
        raise missing_extra(name, "hf", "A local model")
    return importlib.import_module(name)


def set_aside_broken_torchvision() -> str:
    """Make this process go on without a torchvision that can't be imported; why it can't be, or "".

    transformers takes an installed torchvision for a working one: with a build for another torch (a CUDA build beside
    a CPU torch: "operator torchvision::nms does not exist") even its tokenizers can't be imported. `None` in
    `sys.modules` is Python's own way to say that a module is not to be found.
    """
    if "torchvision" in sys.modules or importlib.util.find_spec("torchvision") is None:
        return ""
    try:
        importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError, AttributeError) as error:
        sys.modules["torchvision"] = None  # type: ignore[assignment]
        _forget_torchvision()
        reason = f"torchvision is installed but can't be imported ({error}); going on without it"
        log.warning(reason)
        return reason
    return ""


def _forget_torchvision() -> None:
    """transformers keeps the answer to "is torchvision there?" of the first time that it was asked."""
    checks: Any = sys.modules.get("transformers.utils.import_utils")
    if hasattr(checks, "_torchvision_available"):  # transformers 4
        checks._torchvision_available = False
    for name in ("is_torchvision_available", "is_torchvision_v2_available"):
        clear = getattr(getattr(checks, name, None), "cache_clear", None)
        if clear is not None:
            clear()


def choose_device(wanted: str = "auto") -> str:
    """`wanted`, or for "auto" the first of cuda and cpu that is there.

    Raises:
        MedVidBenchError: not a device's name, or not on this machine.
    """
    torch = torch_module()
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind = wanted.partition(":")[0]
    present = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not present.get(kind):
        there = ", ".join(name for name, is_there in present.items() if is_there)
        raise MedVidBenchError(f"No device {wanted!r} on this machine.", f"{', '.join(DEVICES)}; here: {there}")
    return wanted


def choose_dtype(wanted: str, device: str) -> str:
    """`wanted`, or for "auto" bfloat16 on an accelerator and float32 on the CPU.

    Raises:
        MedVidBenchError: another name.
    """
    if wanted not in DTYPES:
        raise MedVidBenchError(f"Unknown number type {wanted!r}.", ", ".join(DTYPES))
    if wanted != "auto":
        return wanted
    return "float32" if device.startswith("cpu") else "bfloat16"


@contextmanager
def memory_errors(doing: str, remedy: str = MEMORY_REMEDY) -> Iterator[None]:
    """Turn an exhausted memory into an `OutOfMemoryError` that says what was being done and what helps."""
    try:
        yield
    except RuntimeError as error:  # torch's OutOfMemoryError is one; the CPU allocator raises a plain one
        if not any(words in str(error).lower() for words in _MEMORY_WORDS):
            raise
        raise OutOfMemoryError(f"Out of memory while {doing}: {str(error).splitlines()[0]}", remedy=remedy) from error


@contextmanager
def quiet(transformers: Any) -> Iterator[None]:
    """Without a progress bar over each tensor: it would be torn through the run's own."""
    logging = transformers.utils.logging
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
