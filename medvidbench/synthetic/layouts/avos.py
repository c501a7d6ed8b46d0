"""AVOS's layout: version 0.5 of its segments, sparse YOLO boxes, and videos by ids that may begin with a dash.

Segments tile a video; longer ones come in two rows with one label. In every fourth video the last background is a
stretch on which the labellers did not agree ("abstain"). One id of the test list is cut short, and a folder with older
boxes lies beside the current ones, as in the public copy.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from medvidbench.records import Box, Recording, Segment, TimedBox, Track
from medvidbench.sources.avos_tables import LABELS
from medvidbench.sources.groups import group_of
from medvidbench.synthetic.layouts.base import Layout, Shot, Take
from medvidbench.synthetic.layouts.disk import write_table, write_text
from medvidbench.synthetic.truth import Scene, World
from medvidbench.synthetic.worlds.open_surgery import ACTIVITIES, AVOS_CLASSES

FPS = 15
CLASSES = {"bovie": 0, "forceps": 1, "needledriver": 2, "hand": 3}
BACKGROUND, NO_MAJORITY = "background", "abstain"
_COLUMNS = ("", "video_id", "labeler_2", "labeler_1", "duration", "labeler_3", "label", "start_seconds", "end_seconds")
_VIDEO_COLUMNS = (
    *("", "video_id", "video_url", "youtube_url", "duration_seconds", "annotations", "seconds_annotated"),
    *("cutting", "tying", "suturing", "quality", "severe_jumps", "style"),
)
_BOX_FRAMES = 10
_LONG = 10.0
_FIRST_NUMBER = 101
_CUT_SHORT = 8

Piece = tuple[float, float, str]


class AvosLayout(Layout):
    """Writes AVOS."""

    key: ClassVar[str] = "avos"
    name: ClassVar[str] = "AVOS"
    world: ClassVar[World] = "open"

    def numbers(self, count: int) -> list[int]:
        """From 101 on: EgoSurgery's layout shows other operations of the same world."""
        return list(range(_FIRST_NUMBER, _FIRST_NUMBER + count))

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """Eleven characters like a YouTube id, none of the release; every second begins with a dash."""
        return f"{'_' if ordinal % 2 else '-'}{ordinal + 1:03d}synAVOS"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """Segments, videos, splits and boxes."""
        folder = root / "annotations"
        rows = [(take.recording_id, *piece) for take in takes for piece in _rows(take)]
        table = [_row(number, *row) for number, row in enumerate(rows)]
        write_table(folder / "v0.5.0-anns-smoothed.csv", [_COLUMNS, *table])
        write_table(folder / "videos.csv", [_VIDEO_COLUMNS, *(_video_row(take) for take in takes)])
        for split in ("train", "test"):
            ids = [take.recording_id for take in takes if _split(take) == split]
            short = [name[:_CUT_SHORT] for name in ids[:1]] if split == "test" else ids[:1]
            write_table(folder / f"{split}.csv", [(name,) for name in ("video_id", *short, *ids[1:])])
        _write_boxes(root / "boxes", takes)

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """One video each."""
        for take in takes:
            times = tuple(frame / FPS for frame in range(take.scene.seconds * FPS))
            yield Shot(take.scene, root / _file(take), times, fps=FPS)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """The activities with what lies between them, and a track of one box for each box."""
        return [_recording(take) for take in sorted(takes, key=lambda take: take.recording_id)]


def _split(take: Take) -> str:
    return "test" if take.side == "test" else "train"


def _file(take: Take) -> str:
    return f"videos/{take.recording_id}.mp4"


def _pieces(take: Take) -> list[Piece]:
    """The activities and what lies between them; they tile the recording, and no two neighbours have one label."""
    scene = take.scene
    found: list[Piece] = []
    last = 0.0
    for action in (action for action in scene.actions if action.label in ACTIVITIES):
        found += [(last, action.start, BACKGROUND)] if action.start > last else []
        goes_on = bool(found) and found[-1][2] == action.label
        found.append((found.pop()[0] if goes_on else action.start, action.end, action.label))
        last = action.end
    found += [(last, float(scene.seconds), BACKGROUND)] if last < scene.seconds else []
    unsure = [place for place, piece in enumerate(found) if piece[2] == BACKGROUND][-1:]
    for place in unsure if take.ordinal % 4 == 1 else []:
        found[place] = (*found[place][:2], NO_MAJORITY)
    return found


def _rows(take: Take) -> Iterator[Piece]:
    """As they stand in the table: long stretches in two rows."""
    for start, end, label in _pieces(take):
        middle = float(int(start + end) // 2)
        yield from [(start, middle, label), (middle, end, label)] if end - start >= _LONG else [(start, end, label)]


def _row(number: int, name: str, start: float, end: float, label: str) -> tuple[object, ...]:
    third = label if number % 2 else ""
    second = "cutting" if label == NO_MAJORITY else label
    return number, name, second, label, end - start, third, label, start, end


def _video_row(take: Take) -> tuple[object, ...]:
    pieces, name = _pieces(take), take.recording_id
    counts = {label: sum(piece[2] == label for piece in pieces) for label in ACTIVITIES}
    labelled = sum(end - start for start, end, label in pieces if label in ACTIVITIES)
    urls = (f"https://example.invalid/{name}.mp4", f"https://www.youtube.com/watch?v={name}")
    number = (counts["cutting"], counts["tying"], counts["suturing"])
    length = float(take.scene.seconds)
    return take.ordinal, name, *urls, length, sum(number), int(labelled), *number, "good", "no", "synthetic"


def _boxes(take: Take) -> dict[int, list[tuple[str, Box]]]:
    """AVOS's classes with their boxes in some ten frames, by frame; one may show nothing."""
    scene = take.scene
    step = max(1, scene.seconds // _BOX_FRAMES)
    return {
        FPS * second: [
            (AVOS_CLASSES[track.label], sighting.box)
            for track, sighting in scene.seen_at(second)
            if track.label in AVOS_CLASSES
        ]
        for second in range(step // 2, scene.seconds, step)
    }


def _write_boxes(root: Path, takes: Sequence[Take]) -> None:
    write_table(root / "hand_tool_class_names.csv", list(CLASSES.items()))
    write_text(root / "train" / "classes.txt", "".join(f"{name}\n" for name in CLASSES))
    for take in takes:
        width, height = take.scene.width, take.scene.height
        for frame, boxes in _boxes(take).items():
            lines = "".join(_yolo(name, box, width, height) for name, box in boxes)
            write_text(root / _split(take) / f"{take.recording_id}-{frame:09d}.txt", lines)
    first = f"{takes[0].recording_id}-{0:09d}.txt"
    write_text(root / "train" / "backup" / first, "3 0.500000 0.500000 0.100000 0.100000\n")


def _yolo(name: str, box: Box, width: int, height: int) -> str:
    cx, cy = (box.x1 + box.x2) / 2 / width, (box.y1 + box.y2) / 2 / height
    w, h = (box.x2 - box.x1) / width, (box.y2 - box.y1) / height
    return f"{CLASSES[name]} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n"


def _recording(take: Take) -> Recording:
    scene = take.scene
    return Recording(
        source=AvosLayout.name,
        recording_id=take.recording_id,
        group=group_of(AvosLayout.name, take.recording_id),
        duration=float(scene.seconds),
        native_fps=float(FPS),
        width=scene.width,
        height=scene.height,
        video=_file(take),
        segments=tuple(Segment(start, end, label, "action") for start, end, label in _pieces(take)),
        tracks=tuple(
            Track(f"{frame:09d}#{number}", name, (TimedBox(frame / FPS, box),))
            for frame, boxes in _boxes(take).items()
            for number, (name, box) in enumerate(boxes, start=1)
        ),
        labels=(("action", LABELS),),
        official_split=_split(take),
    )
