"""Reading what reviewers send back. Everything in such a file is data: it is checked, and never run or rendered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.curation.review.items import CHOICES, FLAGS, Choice, Flag
from medvidbench.curation.review.sheet import Sheet, SheetItem
from medvidbench.errors import MedVidBenchError

FORMAT, FORMAT_VERSION = "medvidbench-review", 1
MAX_BYTES = 64 << 20
MAX_NAME, MAX_COMMENT = 100, 2000
_ACCEPTED = "a file saved by the review sheet"


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
    reviews: list[Review] = []
    named: dict[str, Path] = {}
    for file in files:
        reviewer, own = _read(file, sheet)
        other = named.setdefault(reviewer.casefold(), file)
        if other is not file:
            seen = f"{file} and {other} are both by {reviewer!r}."
            raise MedVidBenchError(seen, "one file a reviewer", "Leave the older one out, or correct the name.")
        reviews += own
    return reviews


def _read(file: Path, sheet: Sheet) -> tuple[str, list[Review]]:
    content = _content(file)
    if content.get("format") != FORMAT:
        raise MedVidBenchError(f"{file} holds no review answers.", _ACCEPTED)
    if content.get("version") != FORMAT_VERSION:
        raise MedVidBenchError(f"{file} has the version {content.get('version')!r}.", str(FORMAT_VERSION))
    if content.get("sheet") != sheet.digest:
        seen = f"{file} belongs to the sheet {str(content.get('sheet'))[:12]!r}."
        raise MedVidBenchError(seen, f"the sheet {sheet.digest[:12]!r}", "Name the HTML file that was sent out.")
    reviewer = content.get("reviewer")
    if not isinstance(reviewer, str) or not reviewer.strip() or len(reviewer) > MAX_NAME:
        raise MedVidBenchError(f"{file} has the reviewer {reviewer!r:.120}.", f"a name of 1 to {MAX_NAME} letters")
    answers = content.get("answers")
    if not isinstance(answers, dict):
        raise MedVidBenchError(f"{file} has no answers.", _ACCEPTED)
    unknown = [sample_id for sample_id in answers if sheet.item(sample_id) is None]
    if unknown:
        raise MedVidBenchError(f"{file} answers a pair that is not on the sheet: {unknown[0]!r:.80}.", _ACCEPTED)
    is_revealed = content.get("revealed") is True
    given = [(item, answers[item.sample_id]) for item in sheet.items if item.sample_id in answers]
    reviews = [_review(file, item, answer, reviewer.strip(), is_revealed) for item, answer in given]
    return reviewer.strip(), [review for review in reviews if review is not None]


def _content(file: Path) -> Mapping[str, Any]:
    try:
        if file.stat().st_size > MAX_BYTES:
            raise MedVidBenchError(f"{file} has more than {MAX_BYTES >> 20} MiB.", _ACCEPTED)
        content = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", _ACCEPTED) from error
    if not isinstance(content, dict):
        raise MedVidBenchError(f"{file} holds no review answers.", _ACCEPTED)
    return content


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
