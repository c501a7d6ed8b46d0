"""Reading what reviewers send back. Everything in such a file is data: it is checked, and never run or rendered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medvidbench.curation.review.items import CHOICES, FLAGS, Choice, Flag
from medvidbench.curation.review.sheet import Sheet, SheetItem
from medvidbench.errors import MedVidBenchError
from medvidbench.pages.returned import ReturnForm

FORMAT, FORMAT_VERSION = "medvidbench-review", 1
MAX_COMMENT = 2000
_ACCEPTED = "a file saved by the review sheet"
RETURNED = ReturnForm(FORMAT, FORMAT_VERSION, "reviewer", "review answers", _ACCEPTED)


@dataclass(frozen=True, slots=True)
class Review:
    """One reviewer's answer to one pair.

    Attributes:
        choice: in terms of the sheet's sides.
        left_flags, right_flags: what was marked as wrong in each text.
        after_reveal: the file was saved after the reviewer had seen who wrote what (answers were closed by then).
    """

    sample_id: str
    reviewer: str
    choice: Choice
    left_flags: tuple[Flag, ...]
    right_flags: tuple[Flag, ...]
    comment: str = ""
    seconds: float = 0.0
    after_reveal: bool = False


def read_reviews(files: Sequence[Path], sheet: Sheet) -> list[Review]:
    """All finished answers in these files, by file and then in the sheet's order; pairs without an answer are left out.

    Raises:
        MedVidBenchError: a file can't be read, is no export, belongs to another sheet, names an unknown pair, answer or
            mark, has no reviewer's name, or has the name of another file's reviewer.
    """
    return RETURNED.read_all(files, lambda file: _read(file, sheet))


def _read(file: Path, sheet: Sheet) -> tuple[str, list[Review]]:
    reviewer, answers, content = RETURNED.read(file, sheet.digest)
    unknown = [sample_id for sample_id in answers if sheet.item(sample_id) is None]
    if unknown:
        raise MedVidBenchError(f"{file} answers a pair that is not on the sheet: {unknown[0]!r:.80}.", _ACCEPTED)
    is_revealed = content.get("revealed") is True
    given = [(item, answers[item.sample_id]) for item in sheet.items if item.sample_id in answers]
    reviews = [_review(file, item, answer, reviewer, is_revealed) for item, answer in given]
    return reviewer, [review for review in reviews if review is not None]


def _review(file: Path, item: SheetItem, answer: object, reviewer: str, is_revealed: bool) -> Review | None:
    """One answer, checked; None for one without a verdict yet."""
    place = f"{file}, pair {item.sample_id}"
    if not isinstance(answer, dict):
        raise MedVidBenchError(f"{place}: {answer!r:.80} is no answer.", _ACCEPTED)
    flags = answer.get("flags", {})
    sides = [_flags(place, flags.get(side, []) if isinstance(flags, dict) else flags) for side in ("left", "right")]
    verdict = answer.get("verdict")
    if verdict is None:
        return None
    choice = next((known for known in CHOICES if known == verdict), None)
    if choice is None:
        raise MedVidBenchError(f"{place}: unknown answer {verdict!r:.80}.", ", ".join(CHOICES))
    comment, seconds = answer.get("comment", ""), answer.get("seconds", 0)
    if not isinstance(comment, str) or len(comment) > MAX_COMMENT:
        raise MedVidBenchError(f"{place}: the comment is {comment!r:.80}.", f"a text of at most {MAX_COMMENT} letters")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        raise MedVidBenchError(f"{place}: the time taken is {seconds!r:.80}.", "seconds from 0")
    return Review(item.sample_id, reviewer, choice, sides[0], sides[1], comment, float(seconds), is_revealed)


def _flags(place: str, given: object) -> tuple[Flag, ...]:
    if not isinstance(given, list) or any(flag not in FLAGS for flag in given):
        raise MedVidBenchError(f"{place}: unknown marks {given!r:.80}.", ", ".join(FLAGS))
    return tuple(flag for flag in FLAGS if flag in given)
