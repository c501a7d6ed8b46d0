"""Synthetic test videos at surgical bit rates, written once into a cache folder with PyAV's own x264.

A lit, textured field that turns slowly, blobs that move over it, and noise that changes with every frame; x264 High,
three B-frames, 854 x 480 at 25/s and 1.5 Mb/s or 1920 x 1080 at 30/s and 5 Mb/s.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"480p": (854, 480, 25, 1_500_000), "1080p": (1920, 1080, 30, 5_000_000)}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "medvidbench" / "benchmark-videos"


def video_file(size: str, gop: int, seconds: int, folder: Path = CACHE) -> Path:
    """The file of this size, distance of key frames and length, written if it isn't there."""
    path = folder / f"{size}_gop{gop}_{seconds}s.mp4"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part.mp4")
        _write(part, *SIZES[size], gop, seconds)
        part.replace(path)
    return path


def _write(path: Path, width: int, height: int, fps: int, rate: int, gop: int, seconds: int) -> None:
    import av

    options = {
        "preset": "fast",
        "profile": "high",
        "bf": "3",
        "g": str(gop),
        "maxrate": str(rate),
        "bufsize": str(2 * rate),
    }
    with av.open(str(path), "w") as out:
        stream: Any = out.add_stream("libx264", rate=fps, options={**options, "x264-params": "scenecut=0"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = width, height, "yuv420p", rate
        stream.codec_context.gop_size = gop
        for number, planes in enumerate(_scene(width, height, fps * seconds)):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def _scene(width: int, height: int, count: int) -> Any:
    """Frames as (H * 3 / 2, W) arrays of planes Y, U, V."""
    rng = np.random.default_rng(7)
    big = max(width, height) * 2
    yy, xx = np.mgrid[0:big, 0:big].astype(np.float32)
    field = 110 + 40 * np.sin(xx / 23) * np.cos(yy / 31) + 25 * np.sin((xx + yy) / 67)
    field = np.clip(field + rng.normal(0, 6, field.shape), 0, 230).astype(np.uint8)
    noise = rng.normal(0, 3, (height + 64, width + 64)).astype(np.int16)
    chroma = np.full((height // 2, width), 128, np.uint8)
    chroma[: height // 4], chroma[height // 4 :] = 112, 150
    for number in range(count):
        angle = number / 400
        left = int((big - width) * (0.5 + 0.4 * np.cos(angle)))
        top = int((big - height) * (0.5 + 0.4 * np.sin(angle)))
        luma = field[top : top + height, left : left + width].astype(np.int16)
        dx, dy = rng.integers(0, 64, 2)
        luma = np.clip(luma + noise[dy : dy + height, dx : dx + width], 0, 255).astype(np.uint8)
        x = int((np.sin(number / 37) + 1) * width * 0.4)
        luma[height // 3 : height // 2, x : x + width // 6] = 200
        yield np.concatenate([luma, chroma])
