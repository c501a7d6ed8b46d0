"""Pictures to files: H.264 in mp4, mpeg4 in AVI, or one image a frame. Equal pictures give equal bytes.

One thread an encoder: with more, x264's bytes depend on the number of cores.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from medvidbench.errors import MedVidBenchError, missing_extra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Frame = NDArray[np.uint8]

Codec = Literal["libx264", "mpeg4"]
JPEG_QUALITY = 90


def write_video(
    path: Path,
    frames: Iterable[Frame],
    fps: float,
    codec: Codec = "libx264",
    keyframes: int = 50,
    b_frames: int = 2,
    quality: int = 23,
) -> int:
    """Writes a video without sound and returns the number of frames written.

    Args:
        path: its ending decides the container, e.g. .mp4, .avi.
        frames: pictures (H, W, 3) uint8 RGB, all of one size with even sides, at least one.
        fps: frames per second; stored as a fraction with a denominator up to 1001.
        codec: "libx264" (H.264), or "mpeg4" (as in JIGSAWS's AVI files).
        keyframes: most frames from one key frame to the next.
        b_frames: most B-frames in a row.
        quality: 0 (best) to 51: the constant rate factor of "libx264"; "mpeg4" takes a sixth of it as its quantiser.

    Raises:
        MedVidBenchError: PyAV is missing; no frames; odd sides; frames of different sizes.
    """
    try:
        import av
    except ImportError as error:
        raise missing_extra("av", "video", "Writing simulated videos") from error
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = Fraction(fps).limit_denominator(1001)
    written, before = 0, None
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream: Any = container.add_stream(codec, rate=rate, options=_options(codec, keyframes, b_frames, quality))
        stream.pix_fmt, stream.thread_count = "yuv420p", 1
        stream.codec_context.flags |= av.codec.context.Flags.bitexact
        for picture in frames:
            if not written:
                _check_size(picture)
                stream.height, stream.width = picture.shape[:2]
            if picture.shape != (stream.height, stream.width, 3):
                raise MedVidBenchError(
                    f"A frame of shape {picture.shape} in a video of {stream.width}x{stream.height}."
                )
            if picture is not before:  # a picture that is held is converted once
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
                before = picture
            frame.pts, frame.time_base = written, 1 / rate
            container.mux(stream.encode(frame))
            written += 1
        if not written:
            raise MedVidBenchError(f"No frames for {path.name}.", accepted="at least one frame")
        container.mux(stream.encode())
    return written


def _options(codec: Codec, keyframes: int, b_frames: int, quality: int) -> dict[str, str]:
    common = {"g": str(keyframes), "bf": str(b_frames)}
    if codec == "libx264":
        # measured with x264 on frames of 64x48: with mbtree about 1 of 100 runs gave other bytes, without it 0 of 1500
        return common | {
            "crf": str(quality),
            "preset": "veryfast",
            "threads": "1",
            "x264-params": "threads=1:b-adapt=0:mbtree=0",
        }
    quantiser = str(max(1, round(quality / 6)))
    return common | {"qmin": quantiser, "qmax": quantiser, "threads": "1"}


def _check_size(picture: Frame) -> None:
    if picture.ndim != 3 or picture.shape[0] % 2 or picture.shape[1] % 2:
        raise MedVidBenchError(f"A frame of shape {picture.shape}.", accepted="(H, W, 3) with even H and W")


def write_frames(
    folder: Path, names: Iterable[str], frames: Iterable[Frame], kind: Literal["png", "jpg"] = "png"
) -> list[Path]:
    """Writes each picture to `folder/name.kind` and returns the paths.

    Args:
        folder: made if need be.
        names: file names without ending; as many as frames.
        frames: pictures (H, W, 3) uint8 RGB.
        kind: "png" (exact) or "jpg" (quality 90).
    """
    from PIL import Image

    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, picture in zip(names, frames, strict=True):
        path = folder / f"{name}.{kind}"
        image = Image.fromarray(picture)
        if kind == "jpg":
            image.save(path, quality=JPEG_QUALITY, subsampling=0)
        else:
            image.save(path, compress_level=2)
        paths.append(path)
    return paths
