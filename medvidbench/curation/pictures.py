"""The pictures of expert prompts: frames with boxes, banner and time stamp, each kept once under its content's name.

    folder/images/3f/3fa2...e1.jpg

A frame is taken from a file or a video, made smaller, and only then drawn on, so that lines and letters keep their size
and boxes land where they belong. A file is written under another name and renamed: under its own name it is whole.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from medvidbench.curation.evidence import Evidence, Moment
from medvidbench.curation.gather import SAME_TIME
from medvidbench.curation.prompt_view import banner, frame_size, label_text, numbered, region_track
from medvidbench.errors import MedVidBenchError
from medvidbench.models.messages import ImagePart
from medvidbench.records import Box, Finding, Sample
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.overlay import PALETTE, Colour, LabelledBox, annotate, draw_region

LONGEST_SIDE = 768
"""Pixels; the usual tile size of vision models, and enough to tell a clip from a clipper at 480p."""
QUALITY = 85
FRAMES_A_JOB = 32
"""Frames that one job decodes at most: bounds the memory of a worker."""


@dataclass(frozen=True)
class _Coloured(LabelledBox):
    """A box whose colour goes by the order of the prompt's labels, so that six kinds of object never share one."""

    hue: int = 0

    @property
    def colour(self) -> Colour:
        """One for each label of the prompt; numbers tell two objects of one label apart."""
        return PALETTE[self.hue % len(PALETTE)]


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One picture to make: a moment of a question, and what is drawn on it."""

    key: tuple[str, float]
    time: float
    boxes: tuple[LabelledBox, ...]
    regions: tuple[Box, ...]
    banner: str
    size: tuple[int, int] | None


class _File(NamedTuple):
    """A frame file or a video: a folder, and the name below it."""

    folder: Path
    name: str

    @property
    def path(self) -> Path:
        return self.folder / self.name


class PictureMaker:
    """Makes and keeps the pictures of prompts. Use one for each shard: it remembers what it has made.

    Args:
        folder: where `images/` lies or will lie.
        roots: the folder of each raw dataset by its source's name, e.g. {"CholecT50": Path("/data/CholecT50")}.
        store: the frame store that paths of frames taken out of videos refer to; None when there is none.
        longest_side: pixels of a picture's longer side at most; smaller frames aren't enlarged.
        workers: processes that decode videos, each with one thread.

    Attributes:
        findings: frames and videos that could not be read; their moments have no picture.
    """

    def __init__(
        self,
        folder: Path,
        roots: Mapping[str, Path],
        store: Path | None = None,
        longest_side: int = LONGEST_SIDE,
        workers: int = 1,
    ) -> None:
        self.folder = folder
        self.findings: list[Finding] = []
        self._roots, self._store = dict(roots), store
        self._longest_side, self._workers = longest_side, workers
        self._made: dict[tuple[str, float], ImagePart | None] = {}

    def prepare(self, questions: Iterable[tuple[Sample, Evidence]]) -> None:
        """Makes the pictures of many questions: every frame file is read once, every video in one pass over its times.

        Raises:
            MedVidBenchError: a source has no folder in `roots`, or a picture can't be written.
        """
        files: dict[_File, list[_Wanted]] = defaultdict(list)
        videos: dict[_File, dict[float, list[_Wanted]]] = defaultdict(lambda: defaultdict(list))
        for sample, evidence in questions:
            for moment, wanted in _wishes(sample, evidence):
                if wanted.key in self._made:
                    continue
                self._made[wanted.key] = None
                if moment.frame_path:
                    files[_File(self._folder(sample), moment.frame_path)].append(wanted)
                elif sample.video:
                    time = round(sample.clip_offset + moment.time, 6)
                    videos[_File(self._root(sample), sample.video)][time].append(wanted)
        for file, wishes in sorted(files.items(), key=lambda item: item[0]):
            self._from_file(file, wishes)
        parts = [(file, part) for file, times in sorted(videos.items()) for part in _parts(sorted(times))]
        # one time beyond the end of a video costs its own picture, not the others of its job
        again = self._from_videos(parts, videos)
        self._from_videos([(file, [time]) for file, part in again for time in part], videos)

    def picture(self, sample: Sample, evidence: Evidence, moment: Moment) -> ImagePart | None:
        """The picture of one moment of a question; None when nothing of it is on disk or can be read.

        Raises:
            MedVidBenchError: as `prepare`.
        """
        key = (sample.sample_id, moment.time)
        if key not in self._made:
            self.prepare([(sample, evidence)])
        return self._made.get(key)

    # --- where frames come from ------------------------------------------------------------------------

    def _root(self, sample: Sample) -> Path:
        if sample.source not in self._roots:
            raise MedVidBenchError(f"No folder is named for the frames of {sample.source}.", ", ".join(self._roots))
        return self._roots[sample.source]

    def _folder(self, sample: Sample) -> Path:
        """A frame taken out of a video lies in the store, any other one in the source's folder."""
        return self._store if sample.video and self._store is not None else self._root(sample)

    def _from_file(self, file: _File, wishes: list[_Wanted]) -> None:
        from medvidbench.video.folder import read_picture

        try:
            frame = read_picture(file.path)
        except UnreadableVideo as error:
            self._find(file, error.finding())
            return
        self._draw(frame, wishes)

    def _from_videos(
        self, parts: list[tuple[_File, list[float]]], videos: Mapping[_File, Mapping[float, list[_Wanted]]]
    ) -> list[tuple[_File, list[float]]]:
        """Decodes and draws; the parts that failed although their video can be read."""
        from medvidbench.video.workers import FrameJob, read_many

        if not parts:
            return []
        again = []
        jobs = (FrameJob(str(file.path), tuple(part)) for file, part in parts)
        for (file, part), outcome in zip(parts, read_many(jobs, workers=self._workers), strict=True):
            if outcome.value is not None:
                for time, frame in zip(part, outcome.value.frames, strict=True):
                    self._draw(frame, videos[file][time])
            elif len(part) > 1 and outcome.finding is not None and "quarantined" not in outcome.finding.done:
                again.append((file, part))
            elif outcome.finding is not None:
                self._find(file, outcome.finding)
        return again

    def _find(self, file: _File, finding: Finding) -> None:
        """Notes a finding under the name below its folder: where a dataset lies takes no part in any output."""
        named = replace(finding, file=file.name, what=finding.what.replace(str(file.path), file.name))
        if named not in self.findings:
            self.findings.append(named)

    # --- drawing and keeping ---------------------------------------------------------------------------

    def _draw(self, frame: NDArray[np.uint8], wishes: Iterable[_Wanted]) -> None:
        original = (frame.shape[1], frame.shape[0])
        small = _resized(frame, self._longest_side)
        for wanted in wishes:
            size = wanted.size or original
            boxes = [item for item in wanted.boxes if _shows(item.box, size)]
            drawn = annotate(small, boxes, original_size=size, phase=wanted.banner, time=wanted.time)
            for box in wanted.regions:
                drawn = draw_region(drawn, box, size) if _shows(box, size) else drawn
            self._made[wanted.key] = self._keep(drawn, wanted.time)

    def _keep(self, picture: NDArray[np.uint8], time: float) -> ImagePart:
        from medvidbench.video.store import encode_jpeg

        content = encode_jpeg(picture, QUALITY)
        digest = hashlib.sha256(content).hexdigest()
        path = self.folder / image_path(digest)
        if not path.is_file():
            _write(path, content)
        return ImagePart(digest, str(path), time=time, width=picture.shape[1], height=picture.shape[0])


def image_path(digest: str) -> str:
    """Where a picture lies below the maker's folder: `images/3f/3fa2...e1.jpg`."""
    return f"images/{digest[:2]}/{digest}.jpg"


def _wishes(sample: Sample, evidence: Evidence) -> Iterator[tuple[Moment, _Wanted]]:
    """What to draw at each moment. The object of a region question has the green box instead of a labelled one."""
    target = region_track(sample, evidence)
    numbers = numbered(evidence, target)
    hues = {label: i for i, label in enumerate(dict.fromkeys(s.label for m in evidence.moments for s in m.boxes))}
    for moment in evidence.moments:
        others = [seen for seen in moment.boxes if not target or seen.track_id != target]
        boxes = tuple(
            _Coloured(s.box, label_text("object", s.label), str(numbers.get(s.track_id, "")), hues[s.label])
            for s in others
        )
        regions = tuple(seen.box for seen in moment.boxes if target and seen.track_id == target)
        asked = sample.region
        if not regions and asked is not None and asked.time is not None and abs(asked.time - moment.time) <= SAME_TIME:
            regions = (asked.box,)
        key = (sample.sample_id, moment.time)
        yield moment, _Wanted(key, moment.time, boxes, regions, banner(moment), frame_size(sample))


def _parts(times: list[float]) -> Iterator[list[float]]:
    for first in range(0, len(times), FRAMES_A_JOB):
        yield times[first : first + FRAMES_A_JOB]


def _resized(frame: NDArray[np.uint8], longest_side: int) -> NDArray[np.uint8]:
    from PIL import Image

    height, width = frame.shape[:2]
    factor = longest_side / max(height, width)
    if factor >= 1.0:
        return frame
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    return np.asarray(Image.fromarray(frame).resize(size, Image.Resampling.LANCZOS))


def _shows(box: Box, size: tuple[int, int]) -> bool:
    return box.x1 < box.x2 and box.y1 < box.y2 and box.x2 > 0 and box.y2 > 0 and box.x1 < size[0] and box.y1 < size[1]


def _write(path: Path, content: bytes) -> None:
    """Raises MedVidBenchError when the folder can't be written or is full."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            Path(name).replace(path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise MedVidBenchError(
            f"The picture {path} can't be written: {error.strerror}.", remedy="free space, then run again"
        ) from error
