"""JIGSAWS's layout: a folder a task with score table, transcriptions, kinematics and mpeg4 videos in AVI.

Suturing is nested in a folder of its own name, as its zip unpacks. Score tables have tabs, CRLF and a blank line, and
no line end after the last row; transcriptions have a blank before theirs. Videos run a few frames longer than
kinematics.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from medvidbench.records import RatedInterval, Recording, Segment
from medvidbench.sources.groups import group_of
from medvidbench.sources.jigsaws import GESTURES, GESTURES_USED, PROCEDURES
from medvidbench.synthetic.layouts.base import Layout, Shot, Take
from medvidbench.synthetic.layouts.disk import DESCRIPTION, write_text
from medvidbench.synthetic.truth import Action, Key, Scene, World

FPS = 30
_TASKS = ("Suturing", "Knot_Tying", "Needle_Passing")
_TRAINEES = "JKLMNOPQ"
"""By the scene's group; the trainees of the release are B to I."""
_CYCLE = len(_TASKS) * len(_TRAINEES)
"""After so many scenes task and trainee come again."""
_LONGER = 7
_CRLF = "\r\n"
_PIXELS = 10_000.0
"""Pixels in a metre of the kinematics."""
_ZERO, _ONE = "0.000000", "1.000000"
_STILL = "   ".join([_ZERO, *(_ONE, _ZERO, _ZERO, _ZERO) * 2, _ONE, *[_ZERO] * 6])
"""Height, a rotation by nothing, and no speed: 16 columns."""


class JigsawsLayout(Layout):
    """Writes JIGSAWS."""

    key: ClassVar[str] = "jigsaws"
    name: ClassVar[str] = "JIGSAWS"
    world: ClassVar[World] = "benchtop"

    def numbers(self, count: int) -> list[int]:
        """From 0, so that the three tasks come in their order."""
        return list(range(count))

    def recording_id(self, ordinal: int, scene: Scene) -> str:
        """Task, trainee and trial, e.g. Suturing_J001; trials of one trainee and task count from 1."""
        return f"{scene.procedure}_{_TRAINEES[scene.group]}{scene.number // _CYCLE + 1:03d}"

    def annotate(self, root: Path, takes: Sequence[Take]) -> None:
        """Score tables, transcriptions and kinematics."""
        for task in _TASKS:
            own = [take for take in takes if take.scene.procedure == task]
            if not own:
                continue
            folder = root / _folder(task)
            write_text(folder / "readme.txt", f"{DESCRIPTION}\n", _CRLF)
            rows = [_score_row(take) for take in sorted(own, key=lambda take: take.recording_id)]
            write_text(folder / f"meta_file_{task}.txt", "\n".join([*rows[:1], "", *rows[1:]]), _CRLF)
            for take in own:
                lines = "".join(
                    f"{first} {last} {a.label} \n" for a in take.scene.actions for first, last in [_frames(a)]
                )
                write_text(folder / "transcriptions" / f"{take.recording_id}.txt", lines, _CRLF)
                write_text(folder / "kinematics" / "AllGestures" / f"{take.recording_id}.txt", _kinematics(take.scene))

    def shots(self, root: Path, takes: Sequence[Take]) -> Iterator[Shot]:
        """The left camera's video."""
        for take in takes:
            times = tuple(frame / FPS for frame in range(take.scene.seconds * FPS + _LONGER))
            yield Shot(take.scene, root / _file(take), times, fps=FPS)

    def truth(self, takes: Sequence[Take]) -> list[Recording]:
        """Scores of whole trials, and gestures."""
        return [_recording(take) for take in sorted(takes, key=lambda take: take.recording_id)]


def _folder(task: str) -> str:
    return "Suturing/Suturing" if task == "Suturing" else task


def _file(take: Take) -> str:
    return f"{_folder(take.scene.procedure)}/video/{take.recording_id}_capture1.avi"


def _frames(action: Action) -> tuple[int, int]:
    """First and last frame: counted from 1, the last one included."""
    return round(action.start * FPS) + 1, round(action.end * FPS)


def _score_row(take: Take) -> str:
    skill = take.scene.skill
    assert skill is not None  # every benchtop scene has one
    items = "\t".join(str(rating.value) for rating in skill.ratings)
    return f"{take.recording_id}\t\t{skill.level}\t{skill.total}\t\t{items}"


def _kinematics(scene: Scene) -> str:
    """76 columns a frame at 30 Hz: the tips of both hands as masters and slaves, without turn and speed."""
    from medvidbench.synthetic.motion import key_at

    hands = [next(mover for mover in scene.movers if mover.hand == hand) for hand in ("left", "right")]
    rows = []
    for frame in range(scene.seconds * FPS):
        arms = [_arm(key_at(mover.keys, frame / FPS)) for mover in hands]
        rows.append(f"   {'   '.join([*arms, *arms])} \n")
    return "".join(rows)


def _arm(tip: Key) -> str:
    """19 columns: position in metres, rotation, two speeds, gripper angle."""
    return f"{tip.x / _PIXELS:.6f}   {tip.y / _PIXELS:.6f}   {_STILL}   {tip.opening:.6f}"


def _recording(take: Take) -> Recording:
    scene, task, end = take.scene, take.scene.procedure, float(take.scene.seconds)
    skill = scene.skill
    return Recording(
        source=JigsawsLayout.name,
        recording_id=take.recording_id,
        group=group_of(JigsawsLayout.name, take.recording_id),
        duration=end,
        native_fps=float(FPS),
        width=scene.width,
        height=scene.height,
        video=_file(take),
        segments=tuple(_segment(action) for action in scene.actions),
        rated=(RatedInterval(0.0, end, skill.ratings),) if skill else (),
        labels=(("gesture", tuple(GESTURES[number - 1] for number in GESTURES_USED[task])),),
        procedure=PROCEDURES[task],
    )


def _segment(action: Action) -> Segment:
    first, last = _frames(action)
    return Segment((first - 1) / FPS, last / FPS, GESTURES[int(action.label[1:]) - 1], "gesture")
