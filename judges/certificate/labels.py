"""What clinicians send back from a labelling sheet. Everything in such a file is data: it is checked and never run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST
from medvidbench.judges.certificate.sheet import Sheet
from medvidbench.pages.returned import ReturnForm

FORMAT, FORMAT_VERSION = "medvidbench-judge-labels", 1
MAX_COMMENT = 2000
_ACCEPTED = "a file saved by the labelling sheet"
RETURNED = ReturnForm(FORMAT, FORMAT_VERSION, "clinician", "labels", _ACCEPTED)


@dataclass(frozen=True, slots=True)
class Label:
    """One clinician's rating of one caption.

    Attributes:
        item: the item's blind id on the sheet.
        scores: five whole numbers from 1 to 5, nan where the clinician gave none.
        unsafe: believing the caption could harm a patient.
        unjudgeable: the clinician can't judge this one; then no score counts.
    """

    item: str
    clinician: str
    scores: tuple[float, ...]
    unsafe: bool = False
    unjudgeable: bool = False
    comment: str = ""
    seconds: float = 0.0


def read_labels(files: Sequence[Path], sheet: Sheet) -> list[Label]:
    """All labels in these files, by file and then in the sheet's order; items without any score are left out.

    Raises:
        MedVidBenchError: a file can't be read, is no export, belongs to another sheet, names an unknown item or score,
            has no clinician's name, or the name of another file's clinician.
    """
    return RETURNED.read_all(files, lambda file: _read(file, sheet))


def _read(file: Path, sheet: Sheet) -> tuple[str, list[Label]]:
    name, answers, _ = RETURNED.read(file, sheet.digest)
    known = {item.item for item in sheet.items}
    unknown = [item for item in answers if item not in known]
    if unknown:
        raise MedVidBenchError(f"{file} rates a caption that is not on the sheet: {unknown[0]!r:.80}.", _ACCEPTED)
    found = [_label(file, item.item, answers[item.item], name) for item in sheet.items if item.item in answers]
    return name, [label for label in found if label.unjudgeable or not all(map(math.isnan, label.scores))]


def _label(file: Path, item: str, answer: object, clinician: str) -> Label:
    place = f"{file}, caption {item}"
    if not isinstance(answer, dict) or not isinstance(answer.get("scores", {}), dict):
        raise MedVidBenchError(f"{place}: {answer!r:.80} is no rating.", _ACCEPTED)
    given = answer.get("scores", {})
    unknown = set(given) - set(DIMENSIONS)
    if unknown:
        raise MedVidBenchError(f"{place}: unknown dimension {sorted(unknown)[0]!r:.80}.", ", ".join(DIMENSIONS))
    comment, seconds = answer.get("comment", ""), answer.get("seconds", 0)
    if not isinstance(comment, str) or len(comment) > MAX_COMMENT:
        raise MedVidBenchError(f"{place}: the comment is {comment!r:.80}.", f"a text of at most {MAX_COMMENT} letters")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        raise MedVidBenchError(f"{place}: the time taken is {seconds!r:.80}.", "seconds from 0")
    is_lost = answer.get("unjudgeable") is True
    scores = tuple(math.nan if is_lost else _score(place, given.get(name)) for name in DIMENSIONS)
    return Label(item, clinician, scores, answer.get("unsafe") is True, is_lost, comment, float(seconds))


def _score(place: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int) or not LEAST <= value <= MOST:
        raise MedVidBenchError(f"{place}: the score is {value!r:.80}.", f"a whole number from {LEAST:g} to {MOST:g}")
    return float(value)
