"""Opening a video with PyAV: one stream, one thread, errors that say which file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.errors import missing_extra
from medvidbench.video.errors import UnreadableVideo

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

STRICT = {"err_detect": "explode"}
"""Without it FFmpeg conceals damage: a broken frame comes back patched from its neighbours, and nothing says so."""


def import_av() -> Any:
    """The module `av`.

    Raises:
        MedVidBenchError: PyAV is not installed.
    """
    try:
        import av
    except ImportError:
        raise missing_extra("av", "video", "Reading video") from None
    return av


@contextmanager
def ffmpeg_errors(path: Path, doing: str) -> Iterator[None]:
    """Turn every FFmpeg error into an `UnreadableVideo` that says which file and what was being done."""
    av = import_av()
    try:
        yield
    except av.FFmpegError as error:
        raise UnreadableVideo(path, f"{doing} failed ({error.strerror or type(error).__name__})") from error


def open_video(path: Path, container_options: dict[str, str] | None = None) -> tuple[InputContainer, VideoStream]:
    """Open `path` at its main video stream (FFmpeg's choice), one thread, other streams not read where possible.

    Raises:
        UnreadableVideo: missing, empty, not a video, or of a codec that isn't known.
    """
    av = import_av()
    _refuse_non_files(path)
    with ffmpeg_errors(path, "opening"):
        container: InputContainer = av.open(str(path), container_options=container_options or {})
    try:
        stream = _main_stream(container, path)
        with ffmpeg_errors(path, "reading the codec"):
            # threads would make `skip_frame` apply to the wrong packet, and cost more CPU than they save here
            stream.codec_context.thread_count = 1
            stream.codec_context.options = dict(STRICT)
    except UnreadableVideo:
        container.close()
        raise
    return container, stream


def _refuse_non_files(path: Path) -> None:
    if not path.exists():
        raise UnreadableVideo(path, "there is no such file")
    if not path.is_file():
        raise UnreadableVideo(path, "it is not a file")
    if path.stat().st_size == 0:
        raise UnreadableVideo(path, "the file is empty", "copy or download it again")


def _main_stream(container: InputContainer, path: Path) -> VideoStream:
    stream: Any = container.streams.best("video")
    if stream is None or stream.codec_context is None:
        raise UnreadableVideo(path, f"no video stream that FFmpeg can decode (format {container.format.name})")
    if container.format.name in ("tty", "image2") or stream.codec_context.name == "ansi":
        # FFmpeg shows a text file as a terminal session
        raise UnreadableVideo(path, "it is text or a still picture, not a video")
    chosen: VideoStream = stream
    return chosen


def packets_of(container: InputContainer, stream: VideoStream | None) -> Iterator[Packet[VideoStream]]:
    """The packets of the stream (of all streams without one) that have content, in stored order.

    Raises:
        av.InvalidDataError: also where a stream appears in mid-file, which PyAV meets with an IndexError. Damaged
            transport streams do that, and sound ones whose audio starts late.
    """
    packets: Iterator[Any] = iter(container.demux() if stream is None else container.demux(stream))
    while True:
        try:
            packet = next(packets, None)
        except IndexError:
            raise import_av().InvalidDataError(0, "a stream appears in mid-file", container.name) from None
        if packet is None:
            return
        if packet.size:
            yield packet


class FromFirstKey:
    """Decodes a file from its first key frame on, as players do.

    A file that was cut or recorded from a running stream may begin with pictures that refer to what isn't there:
    those stored before the first key frame are left out, and damage in those shown before it doesn't count.
    """

    def __init__(self, stream: VideoStream, times_are_sound: bool = True) -> None:
        self._codec = stream.codec_context
        self._sound = times_are_sound
        self._begun = False
        self._start: int | None = None

    def decode(self, packet: Packet[VideoStream] | None) -> list[VideoFrame]:
        """What comes out for this packet; for None, what is left.

        Raises:
            av.FFmpegError: the packet is damaged.
        """
        if packet is None:
            return self._codec.decode(None)
        if not self._begun:
            if not packet.is_keyframe:
                return []
            self._begun, self._start = True, packet.pts
        leading = self._sound and None not in (packet.pts, self._start) and packet.pts < self._start  # type: ignore
        try:
            return self._codec.decode(packet)
        except import_av().FFmpegError:
            if leading:
                return []
            raise


def read_only(container: InputContainer, stream: VideoStream) -> None:
    """Let the demuxer pass over the other streams (audio, subtitles) without reading them, where it can."""
    for other in container.streams:
        if other.index != stream.index and hasattr(other, "discard"):
            other.discard = type(other.discard)["all"]
