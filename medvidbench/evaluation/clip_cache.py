"""Shrunken clips kept on disk: the second model, and the second run, read 130 KB instead of decoding and resizing.

Only frames that a model takes as JPEG files are kept (`medvidbench.models.shrinking.JpegFrames`). A clip is found by
everything that made it: the files' names, sizes and times of change, the times, the region, the view and the shrink.

    store/clips/ab/abcd....clip     one line of JSON (times, sizes, lengths), then the JPEG files, one after the other
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from medvidbench.evaluation.clips import ClipJob
    from medvidbench.models.shrinking import JpegFrames

FORMAT = 1


def clip_key(job: ClipJob) -> str:
    """64 hex digits over all that decides a clip's bytes.

    Raises:
        OSError: a file is missing.
    """
    root = Path(job.place)
    files = [job.video] if job.video else list(job.paths)
    states = [(name, state.st_size, state.st_mtime_ns) for name in files for state in [(root / name).stat()]]
    order = f"{job.seed}/{job.sample_id}" if job.view == "shuffled" else ""
    parts = [FORMAT, str(root), states, job.times, job.offset, job.size, repr(job.region), order, repr(job.shrink)]
    return hashlib.sha256(json.dumps(parts, default=str).encode("utf-8", "surrogatepass")).hexdigest()


def load(store: Path, key: str) -> JpegFrames | None:
    """The clip of a key; None where it isn't kept, or its file is damaged (then it is made again)."""
    from medvidbench.models.shrinking import JpegFrames

    try:
        content = _file(store, key).read_bytes()
        line, _, body = content.partition(b"\n")
        header = json.loads(line)
        lengths = [int(length) for length in header["lengths"]]
        times = np.asarray(header["times"], dtype=np.float64)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    if sum(lengths) != len(body) or len(times) != len(lengths):
        return None
    ends = np.cumsum([0, *lengths]).tolist()
    jpegs = [body[start:end] for start, end in pairwise(ends)]
    size, shape = tuple(header["size"]), tuple(header["shape"])
    return JpegFrames(jpegs, times, (size[0], size[1]), (shape[0], shape[1]))


def save(store: Path, key: str, frames: JpegFrames) -> None:
    """Keeps a clip; two workers that keep the same one write the same bytes."""
    file = _file(store, key)
    file.parent.mkdir(parents=True, exist_ok=True)
    header = {
        "times": frames.t_seconds.tolist(),
        "size": list(frames.size),
        "shape": list(frames.shape),
        "lengths": [len(jpeg) for jpeg in frames.jpegs],
    }
    handle, name = tempfile.mkstemp(dir=file.parent, suffix=".tmp")
    with os.fdopen(handle, "wb") as out:
        out.write(json.dumps(header).encode() + b"\n")
        out.writelines(frames.jpegs)
    Path(name).replace(file)


def _file(store: Path, key: str) -> Path:
    return store / "clips" / key[:2] / f"{key}.clip"
