"""NurViD's layout: annotations as JSON with ids from 1, a workbook with ids from 0, CSVs that aren't, and mp4s.

The CSVs have CRLF line ends and one space between path and label; one header is misspelt. The annotations of every
third video are out of order, and one of them has no length. Every second id begins with a dash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

from medvidbench.records import Recording, Segment
from medvidbench.sources.groups import group_of
from medvidbench.sources.nurvid_classes import ACTIONS, PROCEDURES
from medvidbench.synthetic.layouts.base import Layout, Shot, Take
from medvidbench.synthetic.layouts.disk import DESCRIPTION, write_json, write_text
from medvidbench.synthetic.layouts.xlsx import Cell, write_workbook
from medvidbench.synthetic.truth import Scene, World

SPLITS = ("train", "val", "test")
_ACTION_IDS = {name: number for number, name in reversed(ACTIONS.items())}
_PROCEDURE_IDS = {name: number for number, name in PROCEDURES.items()}
_CRLF = "\r\n"


class NurViDLayout(Layout):
    """Writes NurViD."""

    key: ClassVar[str] = "nurvid"
    name: ClassVar[str] = "NurViD"
    world: ClassVar[World] = "nursing"

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """Eleven characters like a YouTube id, none of the release."""
        return f"{'-' if ordinal % 2 else '_'}{ordinal + 1:03d}synNURS"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """Annotations, workbook and CSVs."""
        folder = root / "annotations"
        videos = {take.recording_id: _video(take) for take in takes}
        write_json(folder / "NurViD_annotations.json", videos, indent=4)
        write_workbook(folder / "Procedure&Action_ID.xlsx", _workbook(), shared=True)
        for split in SPLITS:
            rows = [
                f"/video_path/{take.recording_id}.mp4 {_PROCEDURE_IDS[take.scene.procedure]}"
                for take in takes
                if take.side == split
            ]
            _write_csv(folder / "task1&3" / f"{split}.csv", rows, "path-lable" if split == "val" else "path-label")
            for kind in ("action", "procedure"):
                clips = [row for take in takes if take.side == split for row in _clips(take, kind)]
                _write_csv(folder / "task2" / f"{kind}_{split}.csv", clips)

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """One video each."""
        for take in takes:
            fps = take.scene.fps
            times = tuple(frame / fps for frame in range(round(take.scene.seconds * fps)))
            yield Shot(take.scene, root / _file(take), times, fps=fps)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """The actions, under the list of actions that their procedure has in any of the videos."""
        offered: dict[str, set[int]] = {}
        for take in takes:
            used = offered.setdefault(take.scene.procedure, set())
            used.update(_ACTION_IDS[action.label] for action in take.scene.actions)
            used.update([] if _pointless(take) is None else [_ACTION_IDS[take.scene.actions[0].label]])
        named = {procedure: tuple(ACTIONS[n] for n in sorted(ids)) for procedure, ids in offered.items()}
        return [
            _recording(take, named[take.scene.procedure]) for take in sorted(takes, key=lambda take: take.recording_id)
        ]


def _file(take: Take) -> str:
    return f"videos/{take.recording_id}.mp4"


def _seconds(time: float) -> float:
    """A time as it stands in the file."""
    return round(time, 2)


def _pointless(take: Take) -> dict[str, Any] | None:
    """An annotation that ends where it begins; the release has one."""
    if take.ordinal % 3 != 1 or not take.scene.actions:
        return None
    first = take.scene.actions[0]
    return {"actionID": _ACTION_IDS[first.label], "segment": [_seconds(first.end), _seconds(first.end)]}


def _annotations(take: Take) -> list[dict[str, Any]]:
    found = [
        {"actionID": _ACTION_IDS[action.label], "segment": [_seconds(action.start), _seconds(action.end)]}
        for action in take.scene.actions
    ]
    pointless = _pointless(take)
    listed = [*found, *([pointless] if pointless else [])]
    return listed[::-1] if take.ordinal % 3 == 1 else listed


def _video(take: Take) -> dict[str, Any]:
    scene = take.scene
    return {
        "operationID": _PROCEDURE_IDS[scene.procedure],
        "annotations": _annotations(take),
        "duration": scene.seconds,
        "resolution": f"{scene.width}x{scene.height}",
        "fps": round(scene.fps),
        "subset": None,
        "url": f"https://www.youtube.com/watch?v={take.recording_id}",
        "description": DESCRIPTION,
    }


def _clips(take: Take, kind: str) -> Iterator[str]:
    """Rows of task 2: clips count from 1 in the order of the annotations, labels from 0."""
    for place, annotation in enumerate(_annotations(take), start=1):
        number = annotation["actionID"] if kind == "action" else _PROCEDURE_IDS[take.scene.procedure]
        yield f"/segment_path/{take.recording_id}_{place}.mp4 {number - 1}"


def _write_csv(path: Path, rows: list[str], header: str = "path-label") -> None:
    write_text(path, "".join(f"{row}\n" for row in (header, *rows)), _CRLF)


def _workbook() -> list[list[Cell]]:
    """Two titled lists side by side: procedures in A to E, actions in G to J, both with ids from 0."""
    titles: list[Cell] = ["ID", "Chinese name", "English name", " Abbreviation", "Split", None]
    rows: list[list[Cell]] = [["Procedure", *[None] * 5, "Action"], [*titles, *titles[:3], "Split"]]
    for number in ACTIONS:
        left: list[Cell] = [None] * 6
        if number in PROCEDURES:
            short = "".join(word[0] for word in PROCEDURES[number].split()).upper()
            left = [number - 1, None, PROCEDURES[number], short, None, None]
        rows.append([*left, number - 1, None, ACTIONS[number]])
    return rows


def _recording(take: Take, actions: tuple[str, ...]) -> Recording:
    scene = take.scene
    spans = [Segment(_seconds(a.start), _seconds(a.end), a.label, "action") for a in scene.actions]
    return Recording(
        source=NurViDLayout.name,
        recording_id=take.recording_id,
        group=group_of(NurViDLayout.name, take.recording_id),
        duration=float(scene.seconds),
        native_fps=float(round(scene.fps)),
        width=scene.width,
        height=scene.height,
        video=_file(take),
        segments=tuple(sorted(spans, key=lambda s: (s.start, s.end, s.label))),
        labels=(("action", tuple(dict.fromkeys(actions))),),
        official_split=take.side,
        procedure=scene.procedure,
    )
