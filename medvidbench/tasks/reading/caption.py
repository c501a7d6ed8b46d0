"""Reads the text of a video summary (VS) or a region caption (RC)."""

from __future__ import annotations

from medvidbench.records import Caption, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.common import final_answer, is_refusal
from medvidbench.tasks.reading.json_values import Fields, Json, find_json, key_of

_TEXT_KEYS = (
    "summary",
    "caption",
    "description",
    "text",
    "answer",
    "videosummary",
    "regioncaption",
    "response",
    "content",
    "output",
)
_MAX_REFUSAL = 300


def read_caption(text: str, context: Context) -> Caption | Unparsed:
    """The answer's text, stripped: reasoning, answer tags, code fences and a JSON wrapper removed (flag "json").

    Plain text stays as it is, line breaks and Markdown included. A short answer that says that the video could not
    be seen is `Unparsed`. Never raises. Time is linear in the text.
    """
    answer = final_answer(text)
    if isinstance(answer, Unparsed):
        return answer
    plain = answer.strip()
    flags: tuple[str, ...] = ()
    wrapped = _unwrapped(plain) if plain[0] in "{[" else None
    if wrapped is not None:
        plain, flags = wrapped.strip(), ("json",)
    if not any(map(str.isalnum, plain)):
        return Unparsed("the caption holds no word")
    if len(plain) < _MAX_REFUSAL and is_refusal(plain):
        return Unparsed("the model declined to answer")
    return Caption(plain, flags)


def _unwrapped(plain: str) -> str | None:
    """The text inside JSON that is the whole answer; None when it is something else."""
    regions = find_json(plain)
    if len(regions) != 1 or regions[0].begin != 0 or plain[regions[0].finish :].strip():
        return None
    texts = list(_texts(regions[0].value))
    return " ".join(texts) if texts else None


def _texts(value: Json) -> list[str]:
    """The texts under the known keys; of a list, those of its items."""
    if isinstance(value, str):
        return [value.strip()]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    if not isinstance(value, Fields):
        return []
    by_key = {key_of(name): item for name, item in value.items()}
    known = next((by_key[key] for key in _TEXT_KEYS if key in by_key), None)
    if known is None and len(value) == 1:
        known = next(iter(value.values()))
    return _texts(known)
