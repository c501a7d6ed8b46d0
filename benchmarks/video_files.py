"""Synthetic test videos at surgical bit rates, written once into a cache folder with PyAV's own x264.

A lit, textured field that turns slowly, blobs that move over it, and noise that changes with every frame; x264 High,
three B-frames, 854 x 480 at 25/s and 1.5 Mb/s or 1920 x 1080 at 30/s and 5 Mb/s.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {"480p": (854, 480, 25, 1_500_000), "1080p": (1920, 1080, 30, 5_000_000)}
NOISE, TURN = 8.0, 0.2
"""Grey levels (standard deviation), and degrees a frame."""
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
        "preset": "medium",
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


def _scene(width: int, height: int, count: int) -> Iterator[np.ndarray]:
    """Frames as (H * 3 / 2, W) arrays of planes Y, U, V."""
    from PIL import Image

    rng = np.random.default_rng(7)
    side = int(np.hypot(width, height)) + 64
    yy, xx = np.mgrid[0:side, 0:side].astype(np.float32)
    field = 110 + 40 * np.sin(xx / 23) * np.cos(yy / 31) + 25 * np.sin((xx + yy) / 67)
    field = np.clip(field + rng.normal(0, 6, field.shape), 0, 230).astype(np.uint8)
    turning = Image.fromarray(field)
    noise = rng.normal(0, NOISE, (height + 64, width + 64)).astype(np.int16)
    chroma = np.full((height // 2, width), 128, np.uint8)
    chroma[: height // 4], chroma[height // 4 :] = 112, 150
    left, top = (side - width) // 2, (side - height) // 2
    for number in range(count):
        view = np.asarray(turning.rotate(number * TURN, Image.Resampling.BILINEAR))
        dx, dy = rng.integers(0, 64, 2)
        luma = view[top : top + height, left : left + width] + noise[dy : dy + height, dx : dx + width]
        x = int((np.sin(number / 37) + 1) * width * 0.4)
        luma[height // 3 : height // 2, x : x + width // 6] += 60
        yield np.concatenate([np.clip(luma, 0, 255).astype(np.uint8), chroma])


def repeated(path: Path, times: int) -> Path:
    """The file's packets `times` over, one after the other: a long video without encoding it."""
    import av

    target = path.with_name(f"{path.stem}_x{times}.mp4")
    if target.exists():
        return target
    part = target.with_suffix(".part.mp4")
    with av.open(str(part), "w") as out:
        stream: Any = None
        for turn in range(times):
            with av.open(str(path)) as container:
                source = container.streams.video[0]
                stream = stream or out.add_stream_from_template(source)
                shift = turn * (source.duration or 0)
                for packet in container.demux(source):
                    if packet.size and packet.pts is not None and packet.dts is not None:
                        packet.stream, packet.pts, packet.dts = stream, packet.pts + shift, packet.dts + shift
                        out.mux(packet)
    part.replace(target)
    return target
