"""A sample's frames on the sheet: small JPEGs inside the page, or their paths."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample
from medvidbench.video.sampling import evenly_spread

MAX_FRAMES = 12
THUMBNAIL = 480
"""Pixels of a thumbnail's longer side."""
QUALITY = 80


def listed_frames(sample: Sample) -> list[dict[str, Any]]:
    """Time and path of up to `MAX_FRAMES` frames, spread evenly; frames inside a video get its path."""
    paths = sample.frame_paths or (sample.video,) * len(sample.frame_times)
    pairs = [(time, path) for time, path in zip(sample.frame_times, paths, strict=False) if path]
    return [{"t": round(time, 2), "path": path} for time, path in spread(pairs, MAX_FRAMES)]


def thumbnails(sample: Sample, frames: Sequence[tuple[float, bytes]]) -> list[dict[str, Any]]:
    """Time and data URI of up to `MAX_FRAMES` frames, with the question's region drawn on the frame nearest to it.

    Raises:
        MedVidBenchError: bytes that are no picture.
    """
    region = sample.region
    chosen = spread(sorted(frames, key=lambda frame: frame[0]), MAX_FRAMES)
    at = None
    if region is not None and region.time is not None and frames:
        at = min(frames, key=lambda frame: abs(frame[0] - region.time))  # type: ignore[operator]
        if at not in chosen:
            chosen = sorted([at, *chosen[1:]], key=lambda frame: frame[0])
    return [
        {"t": round(frame[0], 2), "src": _thumbnail(sample, frame[1], frame is at), "region": frame is at}
        for frame in chosen
    ]


def spread(items: Sequence[Any], most: int) -> list[Any]:
    """At most `most` items, evenly spaced, first and last among them.

    >>> spread([0, 1, 2, 3, 4], 3)
    [0, 2, 4]
    """
    if len(items) <= most:
        return list(items)
    return [items[place] for place in evenly_spread(len(items), most)]


def _thumbnail(sample: Sample, content: bytes, with_region: bool) -> str:
    import numpy as np
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(io.BytesIO(content)).convert("RGB")
    except (UnidentifiedImageError, OSError, SyntaxError) as error:
        seen = f"A frame of {sample.source} {sample.recording_id} is no picture: {error}"
        raise MedVidBenchError(seen, "JPEG or PNG") from error
    original = (sample.width or picture.width, sample.height or picture.height)
    picture.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    if with_region and sample.region is not None:
        from medvidbench.video.overlay import draw_region

        picture = Image.fromarray(draw_region(np.asarray(picture), sample.region.box, original))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
