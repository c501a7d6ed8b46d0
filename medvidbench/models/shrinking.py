"""Frames as small as a model will see them, made where they were decoded: less travels between processes.

A shrink is a picklable function of one `FrameSet`. It changes nothing about an answer: what it returns is what the
model's adapter would have made of the frames itself, and the adapter leaves it as it is.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from medvidbench.models.qwen_video import VideoSettings, frame_size, resize_frames, smart_resize
from medvidbench.video.frames import FrameSet

if TYPE_CHECKING:
    from PIL.Image import Image

CHROMA = 0
"""JPEG without thinned colours (4:4:4): frames are small here, and blood and tissue differ in colour."""

GAP = 2.0
"""Frames are first shrunk by a whole factor to no less than this many times their size: 720p in 2.0 ms instead of 4.7,
1080p in 2.7 ms instead of 9.9, and 0.16 of 255 levels off the mean (JPEG itself: 1.3)."""


class JpegFrames(FrameSet):
    """Frames that travel as JPEG files, about a twelfth of their pixels; decoded when `frames` is asked for.

    Args:
        jpegs: the encoded frames.
        shape: (height, width) of each.
        size: (width, height) of the original frame, as in `FrameSet`.
    """

    def __init__(
        self, jpegs: Sequence[bytes], t_seconds: NDArray[np.float64], size: tuple[int, int], shape: tuple[int, int]
    ) -> None:
        self.__dict__.update(jpegs=tuple(jpegs), t_seconds=t_seconds, size=size, shape=shape)

    jpegs: tuple[bytes, ...]
    shape: tuple[int, int]

    def __len__(self) -> int:
        return len(self.jpegs)

    @cached_property
    def frames(self) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8, as whoever decodes the files sees them."""
        from PIL import Image

        if not self.jpegs:
            return np.empty((0, *self.shape, 3), np.uint8)
        return np.stack([np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")) for jpeg in self.jpegs])

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """SHA-256 of each file, hex."""
        return tuple(hashlib.sha256(jpeg).hexdigest() for jpeg in self.jpegs)

    @cached_property
    def digest(self) -> str:
        """SHA-256 over size, times and files."""
        total = hashlib.sha256(repr(("jpeg", self.size, self.shape, len(self.jpegs))).encode())
        total.update(np.ascontiguousarray(self.t_seconds, dtype="<f8").tobytes())
        for digest in self.digests:
            total.update(bytes.fromhex(digest))
        return total.hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        # the digests too: hashing is the worker's work, not that of the process that sends
        return {name: getattr(self, name) for name in ("jpegs", "t_seconds", "size", "shape", "digests")}


@dataclass(frozen=True)
class PixelBudget:
    """Frames of `min_pixels` to `max_pixels`, both sides multiples of `multiple`, in about their own shape.

    Resized by PIL, bicubic and antialiased, see `GAP`. Frames that are within the budget stay as they are.
    """

    min_pixels: int
    max_pixels: int
    multiple: int

    def size_of(self, height: int, width: int) -> tuple[int, int]:
        """(height, width) after resizing.

        >>> PixelBudget(8 * 784, 48 * 784, 28).size_of(480, 854)
        (140, 252)
        """
        return smart_resize(height, width, self.multiple, self.min_pixels, self.max_pixels)

    def pictures(self, frames: FrameSet) -> list[Image]:
        """The resized frames.

        Raises:
            MedVidBenchError: a frame is too flat.
        """
        from PIL import Image

        rows, columns = frames.frames.shape[1:3]
        height, width = self.size_of(rows, columns)
        found = [Image.fromarray(frame) for frame in frames.frames]
        if (height, width) == (rows, columns):
            return found
        return [picture.resize((width, height), Image.Resampling.BICUBIC, reducing_gap=GAP) for picture in found]

    def __call__(self, frames: FrameSet) -> FrameSet:
        """The frames resized, their times and original size kept."""
        if not len(frames):
            return frames
        pixels = np.stack([np.asarray(picture) for picture in self.pictures(frames)])
        return FrameSet(pixels, frames.t_seconds, frames.size)


@dataclass(frozen=True)
class JpegBudget(PixelBudget):
    """`PixelBudget`, and the frames as JPEG files of `quality`: resizing and encoding cost more time than sending."""

    quality: int = 90

    def __call__(self, frames: FrameSet) -> JpegFrames:
        """The frames resized and encoded; frames that are encoded stay as they are."""
        if isinstance(frames, JpegFrames):
            return frames
        pictures = self.pictures(frames) if len(frames) else []
        shape = (pictures[0].height, pictures[0].width) if pictures else (0, 0)
        return JpegFrames([self._encoded(picture) for picture in pictures], frames.t_seconds, frames.size, shape)

    def _encoded(self, picture: Image) -> bytes:
        stream = io.BytesIO()
        picture.save(stream, "JPEG", quality=self.quality, subsampling=CHROMA)
        return stream.getvalue()


@dataclass(frozen=True)
class TensorBudget:
    """The resizing of local models (`qwen_video.resize_frames`), done ahead.

    Needs torch, and loads it where it runs. The local model then resizes frames that have their size already, which
    changes no pixel. Where its rule would give another size the second time (frames so flat, or a budget so narrow,
    that no size fits it), the frames stay as they are.
    """

    settings: VideoSettings

    def __call__(self, frames: FrameSet) -> FrameSet:
        """The frames as the model would resize them, to the last bit."""
        count, rows, columns = frames.frames.shape[:3]
        if not count:
            return frames
        small = frame_size(count, rows, columns, self.settings)
        if small == (rows, columns) or frame_size(count, *small, self.settings) != small:
            return frames
        one_thread_in_a_worker()
        pixels = resize_frames(frames.frames, *small).byte().permute(0, 2, 3, 1).contiguous().numpy()
        return FrameSet(pixels, frames.t_seconds, frames.size)


def one_thread_in_a_worker() -> None:
    """Keeps torch to one thread in a process that another one started: there is one such process a core."""
    import multiprocessing

    from medvidbench.models.torch_env import torch_module

    torch = torch_module()
    if multiprocessing.parent_process() is not None and torch.get_num_threads() > 1:
        torch.set_num_threads(1)
