"""The bar-coded container suite: small videos whose frames carry their own number, and their damaged relatives.

Every frame shows its number as a 16-bit bar code, so that a test can read off which frame a reader returned. Which
frames are shown, and when, is known from how a file was made, not from decoding it. Made with PyAV's own FFmpeg: no
command-line tool is needed. 300 frames of 160 x 120 a file.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

WIDTH, HEIGHT, BITS, FRAMES = 160, 120, 16, 300
BAR = WIDTH // BITS
BAR_ROWS = 72
FPS = Fraction(25)


@dataclass(frozen=True)
class Variant:
    """One file of the suite and its truth.

    Attributes:
        shown: the numbers of the frames that a player shows, in order.
        times: when it shows them, in seconds after the first.
    """

    name: str
    path: Path
    shown: tuple[int, ...]
    times: tuple[float, ...]


def picture(number: int) -> np.ndarray:
    """Bars on top (white is 1, most significant bit first), below them a moving ramp with noise."""
    frame = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    bits = [(number >> (BITS - 1 - i)) & 1 for i in range(BITS)]
    frame[:BAR_ROWS] = np.repeat(np.where(bits, 235, 20), BAR)[None, :, None]
    ramp = (np.arange(WIDTH) * 2 + number * 3) % 200
    noise = np.random.default_rng(number).integers(0, 40, (HEIGHT - BAR_ROWS, WIDTH))
    frame[BAR_ROWS:] = (ramp[None] + noise)[..., None]
    return frame


def number_of(frame: np.ndarray) -> int:
    """The number in a frame's bars, or -1 for a frame of another size (a picture that was not turned upright)."""
    if frame.shape[:2] != (HEIGHT, WIDTH):
        return -1
    bars = frame[8 : BAR_ROWS - 8, :, 1].reshape(BAR_ROWS - 16, BITS, BAR)[:, :, 3:-3]
    return int("".join("1" if level > 127 else "0" for level in bars.mean(axis=(0, 2))), 2)


# --- writing one file ------------------------------------------------------------------------------


def write_video(
    path: Path,
    codec: str,
    options: dict[str, str],
    *,
    fps: Fraction = FPS,
    ticks: Sequence[int] | None = None,
    shift: int = 0,
    container: str | None = None,
    container_options: dict[str, str] | None = None,
    rotation: int = 0,
    audio_seconds: float = 0.0,
    frames: int = FRAMES,
) -> None:
    """Encode `frames` pictures. `ticks` are their times in ms where they aren't regular; `shift` moves all packets."""
    import av

    turn = {0: 0, 90: 1}[rotation]
    with av.open(str(path), "w", format=container, options=container_options or {}) as out:
        stream: Any = out.add_stream(codec, rate=fps, options={**options, "threads": "1"})
        turned = (HEIGHT, WIDTH) if turn else (WIDTH, HEIGHT)
        stream.width, stream.height = turned
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if ticks else 1 / fps
        stream.codec_context.gop_size = int(options.get("g", 50))
        if rotation:
            stream.set_display_rotation(rotation)
        audio: Any = out.add_stream("aac", rate=8000) if audio_seconds else None
        offset = None
        for number in range(frames):
            image = av.VideoFrame.from_ndarray(np.ascontiguousarray(np.rot90(picture(number), -turn)), format="rgb24")
            image.pts = ticks[number] if ticks else number
            image.time_base = stream.codec_context.time_base
            for packet in stream.encode(image):
                offset = _mux(out, packet, shift)
        for packet in stream.encode(None):
            offset = _mux(out, packet, shift)
        assert offset is not None
        if audio:
            _write_silence(out, audio, audio_seconds)


def _mux(out: Any, packet: Any, shift: int) -> int:
    packet.pts += shift
    packet.dts += shift
    out.mux(packet)
    return shift


def _write_silence(out: Any, audio: Any, seconds: float) -> None:
    import av

    for start in range(0, int(seconds * 8000), 1024):
        chunk = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        chunk.sample_rate, chunk.pts, chunk.time_base = 8000, start, Fraction(1, 8000)
        out.mux(audio.encode(chunk))
    out.mux(audio.encode(None))


# --- the variants ----------------------------------------------------------------------------------

X264 = {"preset": "veryfast", "crf": "20", "bf": "3", "g": "50"}
LONG_GOP = {**X264, "g": "250", "x264-params": "scenecut=0"}
MPEG4_B = {"g": "50", "bf": "2", "b": "600000"}
MPEG4 = {"g": "50", "bf": "0", "b": "600000"}
OPEN_GOP = {**X264, "x264-params": "open-gop=1:scenecut=0"}
X265 = {
    "preset": "ultrafast",
    "x265-params": "log-level=none:keyint=50:bframes=4:open-gop=1:pools=none:frame-threads=1",
}
CUT_AT, KEPT = 101, 240
VFR_TICKS = np.cumsum([0, *(np.random.default_rng(5).choice([20, 40, 40, 80, 120], FRAMES - 1))]).tolist()


def _regular(fps: Fraction = FPS, frames: int = FRAMES) -> tuple[tuple[int, ...], tuple[float, ...]]:
    return tuple(range(frames)), tuple(float(i / fps) for i in range(frames))


def _plain(folder: Path, name: str, **how: Any) -> Variant:
    path = folder / name
    write_video(path, how.pop("codec", "libx264"), how.pop("options", X264), **how)
    return Variant(name, path, *_regular(how.get("fps", FPS)))


def _vfr(folder: Path, name: str) -> Variant:
    write_video(folder / name, "libx264", X264, ticks=VFR_TICKS)
    return Variant(name, folder / name, tuple(range(FRAMES)), tuple(t / 1000 for t in VFR_TICKS))


def _cut(folder: Path, name: str) -> Variant:
    """What a stream copy from frame 101 leaves: all packets from the key frame on, the first 101 hidden by the list."""
    write_video(folder / name, "libx264", LONG_GOP, shift=-CUT_AT)
    return Variant(name, folder / name, tuple(range(CUT_AT, FRAMES)), _regular()[1][: FRAMES - CUT_AT])


def _trailing(folder: Path, name: str) -> Variant:
    """The edit list ends after 240 frames; the header still counts 300."""
    write_video(folder / name, "libx264", X264, container_options={"movie_timescale": "25000"})
    patch_u32(folder / name, b"elst", 12, KEPT * 1000)
    return Variant(name, folder / name, *_regular(frames=KEPT))


def patch_u32(path: Path, box: bytes, offset: int, value: int) -> None:
    """Overwrite one big-endian number, `offset` bytes after the start of the box's name."""
    content = bytearray(path.read_bytes())
    at = content.index(box) + offset
    content[at : at + 4] = struct.pack(">I", value)
    path.write_bytes(content)


MAKERS: dict[str, Callable[[Path, str], Variant]] = {
    "cfr_gop250.mp4": partial(_plain, options=LONG_GOP),
    "vfr.mp4": _vfr,
    "start_5s.mkv": partial(_plain, shift=125),
    "start_5s.mp4": partial(_plain, shift=125),
    "cut_edit_list.mp4": _cut,
    "trailing_edit_list.mp4": _trailing,
    "mpeg4_b.avi": partial(_plain, codec="mpeg4", options=MPEG4_B),
    "mpeg4_no_b.avi": partial(_plain, codec="mpeg4", options=MPEG4),
    "mjpeg.avi": partial(_plain, codec="mjpeg", options={"qmin": "2", "qmax": "5"}),
    "h264_b.avi": _plain,
    "open_gop.mp4": partial(_plain, options=OPEN_GOP),
    "hevc.mp4": partial(_plain, codec="libx265", options=X265),
    "rotate_90.mp4": partial(_plain, rotation=90),
    "fps_29_97.mp4": partial(_plain, fps=Fraction(30000, 1001)),
    "audio_longer.mp4": partial(_plain, audio_seconds=16.0),
    "h264.ts": _plain,
    "mpeg2.mpg": partial(_plain, codec="mpeg2video", options={**MPEG4_B, "b": "1500000"}, container="vob"),
}


def make(name: str, folder: Path) -> Variant:
    """Write one variant into `folder`."""
    return MAKERS[name](folder, name)


def make_all(folder: Path) -> list[Variant]:
    """The whole suite."""
    folder.mkdir(parents=True, exist_ok=True)
    return [make(name, folder) for name in MAKERS]
