"""A caption pair as a prompt: the texts are quoted data between fences that they can't close.

The fence is derived from the texts and the rubric by SHA-256: a caption would have to contain 16 hex digits of a hash
over itself. The same pair has the same prompt on every machine, so that the call's key finds it again.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any

from medvidbench.judges.base import CaptionPair, Mode
from medvidbench.judges.rubric import LEVELS, SLOT, Rubric
from medvidbench.models.messages import Message, TextPart

LONGEST = 8_000
"""Characters of a text that a judge is shown. The longest published answer has 1,170 words, about 7,500 characters."""
TASKS = {
    "VS": "video summary, one paragraph on the whole clip",
    "RC": "region caption, one sentence on the object in the marked region",
    "DVC": "dense captioning, the description of one event",
}
JSON_FORMAT = (
    "Reply with one JSON object and nothing else: for each of {names} an object "
    '{{"rationale": one sentence that names the words that decided, "score": a whole number}}.'
)
TEXT_FORMAT = (
    "Reply with {count} lines and nothing else, one a dimension, each CODE: SCORE - one sentence. Codes: {codes}."
)
AGAIN = "\n(Request {number}: the reply before this one could not be read. Keep to the reply format.)"
# characters that servers reject or terminals obey; tab and line break stay
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ud800-\udfff]")


def messages_of(
    rubric: Rubric, pair: CaptionPair, mode: Mode, *, json_reply: bool = True, attempt: int = 0
) -> tuple[Message, ...]:
    """System and user turn for one pair.

    Args:
        attempt: 0 at first; a re-ask says so, which also makes it another call.
    """
    template = rubric.templates[mode]
    fixed = _fixed_slots(rubric, json_reply)
    reference, reference_note = shown(pair.reference)
    prediction, prediction_note = shown(pair.prediction)
    slots = fixed | {
        "task": TASKS.get(pair.task, pair.task),
        "source": one_line(pair.source),
        "fence": fence_of(rubric, pair),
        "reference": reference,
        "reference_note": reference_note,
        "prediction": prediction,
        "prediction_note": prediction_note,
    }
    user = fill(template.user, slots) + (AGAIN.format(number=attempt + 1) if attempt else "")
    return Message("system", (TextPart(fill(template.system, fixed)),)), Message("user", (TextPart(user),))


def fill(template: str, slots: dict[str, str]) -> str:
    """The template with its slots filled, in one pass: a slot's name inside a caption stays what it is."""
    return SLOT.sub(lambda found: slots[found[1]], template).strip()


def fence_of(rubric: Rubric, pair: CaptionPair) -> str:
    """16 hex digits that neither text holds."""
    number = 0
    while True:
        content = json.dumps([rubric.sha256, pair.reference, pair.prediction, number])
        fence = hashlib.sha256(content.encode("ascii")).hexdigest()[:16]
        if fence not in pair.reference.lower() and fence not in pair.prediction.lower():
            return fence
        number += 1


def shown(text: str) -> tuple[str, str]:
    """A text as it stands in the prompt, and the note on what was left out; a long one keeps its start."""
    clean = _CONTROL.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    if not clean.strip():
        return "(no text)", ""
    if len(clean) <= LONGEST:
        return clean, ""
    note = (
        f"(Of {len(clean):,} characters the first {LONGEST:,} are shown; the rest was cut and is not to be guessed.)\n"
    )
    return clean[:LONGEST], note


def one_line(text: str, most: int = 80) -> str:
    """A short label without line breaks: the source's name may come from a user's file."""
    return " ".join(_CONTROL.sub(" ", text).split())[:most] or "unknown"


def reply_schema(rubric: Rubric) -> dict[str, Any]:
    """`response_format` of the chat-completions API: a rationale, then a score, for each dimension.

    The rationale stands first, so that the score follows from it.
    """
    one = _closed({"rationale": {"type": "string"}, "score": {"type": "integer", "enum": list(LEVELS)}})
    schema = _closed({d.name: one for d in rubric.dimensions})
    return {"type": "json_schema", "json_schema": {"name": "judgement", "strict": True, "schema": schema}}


def _closed(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _fixed_slots(rubric: Rubric, json_reply: bool) -> dict[str, str]:
    names: Sequence[str] = [d.name for d in rubric.dimensions]
    codes = ", ".join(f"{d.code} {d.name}" for d in rubric.dimensions)
    count = str(len(names))
    form = JSON_FORMAT.format(names=", ".join(names)) if json_reply else TEXT_FORMAT.format(count=count, codes=codes)
    return {
        "name": rubric.name,
        "version": str(rubric.version),
        "least": str(LEVELS[0]),
        "most": str(LEVELS[-1]),
        "count": count,
        "anchors": rubric.anchors,
        "reply_format": form,
    }
