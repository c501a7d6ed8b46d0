"""Optional: a speech transcript that lies beside a video, from WhisperX (JSON), SubRip (SRT) or WebVTT.

Transcripts are never required and never trusted: a file that can't be read, or a line with impossible times, becomes a
finding, and the recording goes on without it.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from medvidbench.records import Event, Recording
from medvidbench.sources.files import Files

SUFFIXES = (".json", ".srt", ".vtt")
"""In the order of preference: WhisperX keeps the most."""
FOLDER = "transcripts"
MAX_BYTES = 32 * 2**20
"""A day of speech is about 1 MB; more is no transcript."""
_CUE = re.compile(r"(?:(\d{1,4}):)?(\d{2}):(\d{2})[.,](\d{3})\s*-->\s*(?:(\d{1,4}):)?(\d{2}):(\d{2})[.,](\d{3})")
_TAG = re.compile(r"<[^<>]{0,200}>")

Row = tuple[str, Any, Any, str]  # where it stands, start, end, text


def with_transcript(recording: Recording, root: Path, folder: Path | None = None) -> Recording:
    """The recording with the transcript found for it, or as it is; what is wrong with a file joins its findings.

    Looked for under the video's stem, or the recording's id, in `folder`, in `transcripts/` beside the video and at
    the top of `root`, and beside the video itself. The first file that gives a line is taken, with times in seconds on
    the recording's axis, ascending.

    Args:
        root: folder that the recording's paths are relative to.
        folder: a folder of transcripts that the user names.
    """
    files = Files(root)
    for path in _candidates(recording, root, folder):
        events = read_transcript(path, files, recording.duration)
        if events:
            found = (*recording.findings, *files.findings)
            return replace(recording, transcript=events, findings=found)
    return replace(recording, findings=(*recording.findings, *files.findings)) if files.findings else recording


def read_transcript(path: Path, files: Files, duration: float = math.inf) -> tuple[Event, ...]:
    """The lines of one file, ascending, cut to [0, duration]; () when it can't be read, with a finding in `files`.

    Args:
        path: a .json (WhisperX), .srt or .vtt file.
        files: collects the findings.
        duration: seconds of the recording.
    """
    if not _is_small(path, files):
        return ()
    rows = _READERS[path.suffix.lower()](path, files)
    events, bad = [], []
    for where, start, end, text in rows:
        words = " ".join(text.split())
        times = _seconds(start), _seconds(end)
        if times[0] is None or times[1] is None or times[0] < 0 or times[1] < times[0] or times[0] >= duration:
            bad.append(where)
        elif words:
            events.append(Event(times[0], min(times[1], duration), words))
    if bad:
        shown = ", ".join(bad[:5]) + (", ..." if len(bad) > 5 else "")
        files.find(path, shown, f"{len(bad)} lines with times that can't be, or outside the video", "left out")
    return tuple(sorted(events, key=lambda event: (event.start, event.end)))


def _candidates(recording: Recording, root: Path, folder: Path | None) -> Iterator[Path]:
    video = PurePosixPath(recording.video)
    beside = root / video.parent
    stems = dict.fromkeys(name for name in (video.stem, recording.recording_id) if name)
    # an id comes out of a raw file: one with a slash would leave the folder
    safe = [stem for stem in stems if PurePosixPath(stem).name == stem and "\0" not in stem]
    places = [folder] if folder is not None else []
    places += [beside / FOLDER, root / FOLDER, *([beside] if recording.video else [])]
    for place in dict.fromkeys(places):
        for stem in safe:
            yield from (path for suffix in SUFFIXES if (path := place / f"{stem}{suffix}").is_file())


def _is_small(path: Path, files: Files) -> bool:
    try:
        size = path.stat().st_size
    except OSError as error:
        files.find(path, "", f"not readable: {error.strerror}", "left out")
        return False
    if size > MAX_BYTES:
        files.find(path, "", f"{size} bytes, which is no transcript", "left out")
    return size <= MAX_BYTES


def _seconds(value: Any) -> float | None:
    """A number of seconds, rounded to milliseconds; None for anything else, infinite and absurd ones too."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # compared before the conversion: a whole number of thousands of digits fits no float
    if not -1e9 < value < 1e9:
        return None
    return round(float(value), 3)


# --- WhisperX --------------------------------------------------------------------------------------


def _whisperx(path: Path, files: Files) -> list[Row]:
    """`{"segments": [{"start": s, "end": s, "text": "...", "words": [...]}]}`; "words" may be missing."""
    seen = len(files.findings)
    document = files.json(path)
    segments = document.get("segments") if isinstance(document, dict) else document
    if not isinstance(segments, list):
        if len(files.findings) == seen:
            files.find(path, "", 'no WhisperX JSON: it has no list "segments"', "left out")
        return []
    rows = []
    for number, segment in enumerate(segments, start=1):
        row = _whisperx_row(f"segment {number}", segment)
        if row is None:
            files.find(path, f"segment {number}", "no object with a text", "left out")
        else:
            rows.append(row)
    return rows


def _whisperx_row(where: str, segment: Any) -> Row | None:
    if not isinstance(segment, dict) or not isinstance(segment.get("text"), str):
        return None
    words = segment.get("words")
    timed = [word for word in words if isinstance(word, dict)] if isinstance(words, list) else []
    starts = [word["start"] for word in timed if "start" in word]
    ends = [word["end"] for word in timed if "end" in word]
    start = segment.get("start", starts[0] if starts else None)
    end = segment.get("end", ends[-1] if ends else None)
    return where, start, end, segment["text"]


# --- SubRip and WebVTT -----------------------------------------------------------------------------


def _subrip(path: Path, files: Files) -> list[Row]:
    text = files.text(path)
    return [] if text is None else _cues(text, path, files, "SRT")


def _webvtt(path: Path, files: Files) -> list[Row]:
    text = files.text(path)
    if text is None:
        return []
    if not text.lstrip().startswith("WEBVTT"):
        files.find(path, "", "no WebVTT: it doesn't begin with WEBVTT", "left out")
        return []
    return _without_rolling(_cues(text, path, files, "WebVTT"))


def _cues(text: str, path: Path, files: Files, kind: str) -> list[Row]:
    """Blocks of a line of two times and lines of text, apart by blank lines; anything else is no cue.

    Read here and not with a library: the usual one for SRT takes a cue that it can't read for more text of the cue
    before, and minutes for a few megabytes of digits.
    """
    rows: list[Row] = []
    broken = 0
    for block in re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n").replace("\r", "\n")):
        lines = block.strip("\n").split("\n")
        place = next((i for i, line in enumerate(lines[:2]) if "-->" in line), None)
        if place is None:
            continue
        found = _CUE.match(lines[place].strip())
        if found is None:
            broken += 1
            continue
        start, end = _clock(found.groups()[:4]), _clock(found.groups()[4:])
        rows.append((f"cue {len(rows) + 1}", start, end, _plain("\n".join(lines[place + 1 :]))))
    if broken:
        files.find(path, "", f"broken {kind}: {broken} cues without readable times", "left out")
    elif not rows and text.strip():
        files.find(path, "", f"no {kind}: it has no cue", "left out")
    return rows


def _clock(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, millis = (int(part or 0) for part in parts)
    return 3600.0 * hours + 60.0 * minutes + seconds + millis / 1000.0


def _plain(text: str) -> str:
    """Text without the tags of subtitles (`<i>`, `<c.colour>`, `<00:01.000>`), entities as characters."""
    return html.unescape(_TAG.sub("", text))


def _without_rolling(rows: Sequence[Row]) -> list[Row]:
    """Web captions roll: each cue begins with the last line of the one before. Such repeats are said once."""
    kept: list[Row] = []
    before = ""
    for where, start, end, text in rows:
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        fresh = lines[1:] if lines and lines[0] == before else lines
        before = lines[-1] if lines else before
        kept += [(where, start, end, "\n".join(fresh))] if fresh else []
    return kept


_READERS: dict[str, Callable[[Path, Files], list[Row]]] = {".json": _whisperx, ".srt": _subrip, ".vtt": _webvtt}
