"""Indexes kept: in memory for the files read last, and in a folder when one is given."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections import OrderedDict
from dataclasses import fields, replace
from fractions import Fraction
from pathlib import Path

import numpy as np

from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import VideoIndex, build_index

KEPT = 64
HEAD_AND_TAIL = 65536
FORMAT = 2
"""Raise when the fields or their meaning change: old files are then not found."""

_memory: OrderedDict[str, VideoIndex] = OrderedDict()


def fingerprint(path: str | Path) -> str:
    """64 hex digits over size, time of change, and the first and last 64 KiB: equal for a file that wasn't touched.

    Raises:
        UnreadableVideo: the file is missing or can't be opened.
    """
    try:
        state = Path(path).stat()
        total = hashlib.sha256(f"{FORMAT} {state.st_size} {state.st_mtime_ns} ".encode())
        with Path(path).open("rb") as file:
            total.update(file.read(HEAD_AND_TAIL))
            file.seek(max(0, state.st_size - HEAD_AND_TAIL))
            total.update(file.read(HEAD_AND_TAIL))
    except OSError as error:
        raise UnreadableVideo(path, (error.strerror or "it can't be opened").lower()) from error
    return total.hexdigest()


def index_of(path: str | Path, cache: Path | None = None) -> VideoIndex:
    """The file's index: from memory, else from the folder `cache`, else built (and kept in both).

    Raises:
        UnreadableVideo: see `medvidbench.video.index.build_index`. A file that can't be read is never cached.
    """
    mark = fingerprint(path)
    index = _memory.get(mark) or (_load(cache / f"{mark}.npz") if cache else None)
    if index is None:
        index = build_index(path)
        if cache:
            _save(index, cache / f"{mark}.npz")
    _memory[mark] = index
    _memory.move_to_end(mark)
    while len(_memory) > KEPT:
        _memory.popitem(last=False)
    # the same bytes may lie under two names
    return index if index.path == str(path) else replace(index, path=str(path))


ARRAYS = ("pts", "keys", "packets")


def _save(index: VideoIndex, file: Path) -> None:
    plain = {f.name: getattr(index, f.name) for f in fields(index) if f.name not in ARRAYS}
    plain["time_base"] = str(index.time_base)
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as out:
        np.savez(out, header=np.array(json.dumps(plain)), pts=index.pts, keys=index.keys, packets=index.packets)
    Path(name).replace(file)


def _load(file: Path) -> VideoIndex | None:
    """None where the file is missing or damaged: then it is built again."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            arrays = {name: stored[name] for name in ARRAYS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None
    return VideoIndex(**{**header, "time_base": Fraction(header["time_base"]), **arrays})
