"""Checkpoints on disk or on the model hub: which one it was, its configuration, its weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.models.torch_env import (
    choose_device,
    choose_dtype,
    memory_errors,
    quiet,
    torch_module,
    transformers_module,
)

SAMPLE = 1 << 16
"""Bytes read at the start, the middle and the end of a weights file for its fingerprint."""
SMALL = 1 << 20
"""Files up to this size are read whole."""


@dataclass(frozen=True)
class Source:
    """Where a model comes from and how it is to be run.

    Attributes:
        path: a folder, or a name on the hub.
        revision: commit, tag or branch on the hub; None for its default branch.
        device: "auto", "cpu", "cuda", "cuda:N" or "mps".
        dtype: "auto", "float32", "bfloat16" or "float16".
        attention: transformers' `attn_implementation`.
    """

    path: str
    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    attention: str = "sdpa"


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A loaded model. `revision` is the hub's commit, or "files:" and the folder's fingerprint."""

    source: Source
    model: Any
    config: Any
    tokenizer: Any
    revision: str
    device: str
    dtype: str

    def record(self) -> dict[str, Any]:
        """What a result must say about the model and the software under it."""
        return {
            "path": self.source.path,
            "revision": self.revision,
            "model_type": self.config.model_type,
            "device": self.device,
            "dtype": self.dtype,
            "attention": self.source.attention,
            "torch": str(torch_module().__version__),
            "transformers": str(transformers_module().__version__),
        }


def read_config(source: Source) -> Any:
    """The checkpoint's configuration.

    Raises:
        MedVidBenchError: no such folder or name, or a kind of model that needs code of its own.
    """
    transformers = transformers_module()
    folder = Path(source.path).expanduser()
    if not folder.is_dir() and (source.path.startswith(("/", ".", "~")) or source.path.count("/") > 1):
        raise MedVidBenchError(f"No folder {source.path}.", remedy="hf:FOLDER, or hf:OWNER/NAME for the model hub")
    with _loading(source):
        return transformers.AutoConfig.from_pretrained(source.path, revision=source.revision, trust_remote_code=False)


def load(source: Source) -> Checkpoint:
    """Configuration, tokenizer and weights, on the device, in evaluation mode. Code from a checkpoint is never run.

    Raises:
        MedVidBenchError: missing packages, device, folder or files, or too little memory.
    """
    transformers, torch = transformers_module(), torch_module()
    from medvidbench.models.patch_projection import multiply_patches

    config = read_config(source)
    device = choose_device(source.device)
    dtype = choose_dtype(source.dtype, device)
    options: dict[str, Any] = {"revision": source.revision, "trust_remote_code": False}
    with _loading(source), quiet(transformers), memory_errors(f"loading {source.path}"):
        tokenizer = transformers.AutoTokenizer.from_pretrained(source.path, **options)
        model = transformers.AutoModelForImageTextToText.from_pretrained(
            source.path, dtype=getattr(torch, dtype), attn_implementation=source.attention, **options
        ).to(device)
    multiply_patches(model)
    return Checkpoint(source, model.eval(), config, tokenizer, revision_of(source, config), device, dtype)


def revision_of(source: Source, config: Any) -> str:
    """The hub's commit, or the fingerprint of a local folder."""
    folder = Path(source.path).expanduser()
    if folder.is_dir():
        return f"files:{fingerprint(folder)}"
    return str(getattr(config, "_commit_hash", None) or source.revision or "unknown")


def fingerprint(folder: Path) -> str:
    """16 hex digits over the names and sizes of a folder's files, the small ones' bytes and samples of the large ones.

    Fine-tuning moves all weights, so three samples of 64 KiB a file tell checkpoints apart without reading 15 GB.
    """
    total = hashlib.sha256()
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        size = path.stat().st_size
        total.update(f"{path.name}\0{size}\0".encode())
        with path.open("rb") as file:
            if size <= SMALL:
                total.update(file.read())
                continue
            for at in (0, size // 2, size - SAMPLE):
                file.seek(at)
                total.update(file.read(SAMPLE))
    return total.hexdigest()[:16]


def read_json(source: Source, name: str) -> dict[str, Any]:
    """A JSON file of the checkpoint, or {} where it has none.

    Raises:
        MedVidBenchError: it is not a JSON object.
    """
    from_hub = transformers_module().utils.cached_file
    folder = Path(source.path).expanduser()
    found: str | Path | None = folder / name
    if not folder.is_dir():
        found = from_hub(source.path, name, revision=source.revision, _raise_exceptions_for_missing_entries=False)
    if found is None or not Path(found).is_file():
        return {}
    try:
        content = json.loads(Path(found).read_text(encoding="utf-8"))
    except ValueError as error:
        raise MedVidBenchError(f"{found} is not JSON: {error}.") from error
    if not isinstance(content, dict):
        raise MedVidBenchError(f"{found} holds a {type(content).__name__}.", "a JSON object")
    return content


@contextmanager
def _loading(source: Source) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "check the path, the network and the versions of torch and transformers"
        if "trust_remote_code" in str(error) or "custom code" in str(error):
            remedy = "use a checkpoint that transformers knows by itself: code from checkpoints is never run"
        raise MedVidBenchError(f"hf:{source.path} can't be loaded: {reason}", remedy=remedy) from error
