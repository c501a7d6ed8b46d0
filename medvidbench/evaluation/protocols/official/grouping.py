"""Which rows a task takes, whether the task runs, and which source each row counts under.

The public evaluator decides all three anew in every task, each time a little differently.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from medvidbench.evaluation.protocols.official.rows import Member, Row, UnscorableRowError, metadata_of
from medvidbench.records import TaskName

UNKNOWN = "Unknown"


# --- tasks ---------------------------------------------------------------------------------------


def tasks_of(qa_type: object) -> tuple[TaskName, ...]:
    """The tasks that take a row of this `qa_type`, the one it is listed under first; none for an unknown type.

    Quirk: "tal", "stg", "next_action" and the dense-captioning names are looked for as parts of the lower-cased type
    ("dental_tal", "STG_v2"), so one row can fall to several tasks; SA and CVS need the exact name.
    """
    return _tasks_named(qa_type) if isinstance(qa_type, str) else ()


@lru_cache(maxsize=256)
def _tasks_named(name: str) -> tuple[TaskName, ...]:
    return tuple(task for task, takes in _TAKES.items() if takes(name))


_TAKES: dict[TaskName, Callable[[str], bool]] = {
    "TAG": lambda name: "tal" in name.lower(),
    "STG": lambda name: "stg" in name.lower(),
    "DVC": lambda name: "dc" in name.lower() or "dense_caption" in name.lower(),
    "VS": lambda name: "video_summary" in name,
    "RC": lambda name: "region_caption" in name,
    "NAP": lambda name: "next_action" in name.lower(),
    "SA": lambda name: name == "skill_assessment",
    "CVS": lambda name: name == "cvs_assessment",
}

# Quirk: a task runs only when some row of the file has the task's exact name.
_STARTS: dict[TaskName, Callable[[str], bool]] = {
    "TAG": lambda name: name == "tal",
    "STG": lambda name: name == "stg",
    "DVC": lambda name: "dense_captioning" in name or name == "dc",
    "NAP": lambda name: name == "next_action",
    "SA": _TAKES["SA"],
    "CVS": _TAKES["CVS"],
}


def running_tasks(rows: Iterable[Row]) -> set[TaskName]:
    """The rule-scored tasks that the public evaluator runs on this file."""
    names = {name for row in rows if isinstance(name := row.get("qa_type"), str)}
    return {task for task, starts in _STARTS.items() if any(map(starts, names))}


# --- sources -------------------------------------------------------------------------------------


def source_of(row: Row, task: TaskName) -> str:
    """The source under which `task` counts the row; "Unknown" when nothing tells (never an exception)."""
    try:
        source = _SOURCES[task](row)
    except UnscorableRowError:
        source = UNKNOWN
    return source if isinstance(source, str) else str(source)


def _tag_source(row: Row) -> object:
    named = row.get("data_source", row.get("dataset", row.get("dataset_name", UNKNOWN)))
    return _by_loose_video_id(named, row.get("video_id", ""))


def _event_source(row: Row) -> object:
    metadata = metadata_of(row)
    fallback = row.get("dataset_name", metadata.get("dataset", UNKNOWN))
    named = row.get("data_source", row.get("dataset", fallback))
    return _by_loose_video_id(named, row.get("video_id", metadata.get("video_id", "")))


def _by_loose_video_id(named: object, video_id: object) -> object:
    # Quirk: TAG, STG and DVC guess only from the literal "Unknown"; an empty or null source is a source of its own.
    # TAG looks at the row's own video_id alone, which merged rows don't have.
    if named != UNKNOWN or not isinstance(video_id, str):
        return named
    lowered = video_id.lower()
    if _is_video_site_id(video_id):
        return "AVOS"
    return "CoPESD" if "_part" in lowered else "CholecT50" if "video" in lowered else UNKNOWN


def _is_video_site_id(video_id: str) -> bool:
    return len(video_id) == 11 and any(map(str.isalpha, video_id))


def _is_numbered_part(video_id: str) -> bool:
    return "_part" in video_id and video_id.replace("_part", "").split("_")[0].isdigit()


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


@dataclass(frozen=True)
class Guess:
    """How NAP, SA, CVS and the caption tasks guess a missing source: ordered (source, test) rules on lower-cased text.

    Quirk: each task has lists of its own, and spells some sources differently ("jigsaws", "Cholec80_CVS").
    """

    by_video_id: Sequence[tuple[str, Callable[[str], bool]]]
    by_question: Sequence[tuple[str, Callable[[str], bool]]]
    question_first: bool

    def __call__(self, row: Row) -> object:
        """The named source, else the guessed one."""
        named = row.get("data_source", UNKNOWN)
        if named and named != UNKNOWN:
            return named
        video_id, question = metadata_of(row).get("video_id", ""), row.get("question", "")
        guesses = [
            _first_rule(self.by_video_id, str(video_id).lower()),
            _first_rule(self.by_question, question.lower() if isinstance(question, str) else ""),
        ]
        if self.question_first:
            guesses.reverse()
        return next((guess for guess in guesses if guess != UNKNOWN), UNKNOWN)


def _first_rule(rules: Iterable[tuple[str, Callable[[str], bool]]], text: str) -> str:
    return next((source for source, holds in rules if holds(text)), UNKNOWN)


def _any_of(*words: str) -> Callable[[str], bool]:
    return lambda text: any(word in text for word in words)


_SITE_ID_OR_PART = [("AVOS", _is_video_site_id), ("CoPESD", _is_numbered_part)]
_NURSING_ID = ("NurViD", _any_of("nur", "nursing", "medical"))
_OPEN_SURGERY_STEPS = _any_of("cutting", "tying", "suturing")
_FORCEPS_AND_KNIFE = ("CoPESD", lambda text: "forceps" in text and "knife" in text)

_RATED_VIDEO_IDS = [
    *_SITE_ID_OR_PART,
    ("CholecT50", lambda text: "video" in text and _has_digit(text)),
    _NURSING_ID,
]
_RATED_QUESTIONS = [
    ("AVOS", _any_of("avos")),
    ("CoPESD", _any_of("copesd")),
    ("CholecT50", _any_of("cholec")),
    ("NurViD", _any_of("nurvid", "nursing")),
    ("AVOS", _OPEN_SURGERY_STEPS),
    _FORCEPS_AND_KNIFE,
]
_BENCH_TOP_ID = _any_of("knot_tying", "suturing", "needle_passing")

_SKILL_GUESS = Guess(
    by_video_id=[("jigsaws", lambda text: _BENCH_TOP_ID(text) and "_b" in text), *_RATED_VIDEO_IDS],
    by_question=[
        ("jigsaws", _any_of("robotic bench-top", "knot-tying", "needle-passing", "suturing", "surgical technique")),
        *_RATED_QUESTIONS,
    ],
    question_first=False,
)
_CRITICAL_VIEW_GUESS = Guess(
    by_video_id=[
        ("Cholec80_CVS", lambda text: text.startswith("video") and text[5:].isdigit()),
        *_RATED_VIDEO_IDS,
    ],
    by_question=[
        (
            "Cholec80_CVS",
            _any_of("cholec80-cvs", "strasberg", "critical view", "cvs", "cystic plate", "hepatocystic triangle"),
        ),
        *_RATED_QUESTIONS,
    ],
    question_first=False,
)
# Quirk: "video12" starts with "vid", so a Cholec80 or CholecT50 video counts as CholecTrack20.
_COMMON_GUESS = Guess(
    by_video_id=[
        *_SITE_ID_OR_PART,
        ("CholecTrack20", lambda text: text.startswith("vid") and _has_digit(text)),
        ("JIGSAWS", _BENCH_TOP_ID),
        _NURSING_ID,
    ],
    by_question=[
        ("AVOS", _any_of("avos")),
        ("CoPESD", _any_of("copesd")),
        ("CholecT50", _any_of("cholect50", "cholec-t50")),
        ("CholecTrack20", _any_of("cholectrack20", "cholec-track20")),
        ("Cholec80-CVS", _any_of("cholec80-cvs", "critical view of safety")),
        ("JIGSAWS", _any_of("jigsaws", "robotic bench-top")),
        ("NurViD", _any_of("nurvid", "nursing")),
        ("CholecTrack20", _any_of("laparoscopic cholecystectomy")),
        ("AVOS", lambda text: _OPEN_SURGERY_STEPS(text) and "open surgery" in text),
        _FORCEPS_AND_KNIFE,
    ],
    question_first=True,
)

_SOURCES: dict[TaskName, Callable[[Row], object]] = {
    "TAG": _tag_source,
    "STG": _event_source,
    "DVC": _event_source,
    "SA": _SKILL_GUESS,
    "CVS": _CRITICAL_VIEW_GUESS,
    "NAP": _COMMON_GUESS,
    "VS": _COMMON_GUESS,
    "RC": _COMMON_GUESS,
}


def members_of(rows: Sequence[Row]) -> dict[TaskName, list[Member]]:
    """Every row under each task that takes it, in the order of the file."""
    members: dict[TaskName, list[Member]] = {task: [] for task in _TAKES}
    for position, row in enumerate(rows):
        for task in tasks_of(row.get("qa_type")):
            members[task].append(Member(position, source_of(row, task), row))
    return members
