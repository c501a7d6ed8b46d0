"""Times in free text: every mention of a time.

A mention is a number with a time unit ("12.5 s", "1 min 5 s", "500 ms"), a clock ("00:12.5", "0:00:12,500"),
a frame number ("frame 12"), a percentage, or a bare number. A number that carries another unit ("2 cm",
"2 clips" is bare, "3rd" is nothing) is no mention. All work is on the masked text (`common.mask`).
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.common import mask, word_set

Kind = Literal["bare", "seconds", "frame", "percent"]

# Every quantifier is bounded and every number is refused when a digit stands before it, so that a long run of
# digits is looked at once, not once per digit.
_MENTION = re.compile(
    r"""(?<![A-Za-z0-9_])(?<!\d[.:])(?P<core>
    (?:(?P<ch>\d{1,2})\s{0,2}h(?:ours?|rs?)?[\s,]{0,3})?
        (?P<cm>\d{1,3})\s{0,2}m(?:in(?:ute)?s?)?\.?[\s,]{0,3}(?:and\s{1,2})?
        (?P<cs>\d{1,2}(?:\.\d{1,6})?)\s{0,2}s(?:ec(?:ond)?s?)?(?![A-Za-z])
    |(?P<h>\d{1,3}):(?P<hm>[0-5]\d):(?P<hs>[0-5]\d(?:[.,]\d{3}|\.\d{1,6})?)(?!\d|[:.]\d)
    |(?P<m>\d{1,4}):(?P<s>[0-5]\d(?:\.\d{1,6})?)(?!\d|[:.]\d)
    |(?P<number>\d{1,9}(?:\.\d{1,9})?|\.\d{1,9})(?![\d_]|[.:]\d|\.-)
    )(?:(?:\s{0,4}|-(?=sec|min))(?P<unit>[A-Za-z]{1,12}|%))?""",
    re.IGNORECASE | re.VERBOSE,
)
_UNIT_SECONDS = {
    **dict.fromkeys(("milliseconds", "millisecond", "msecs", "msec", "ms"), 0.001),
    **dict.fromkeys(("seconds", "second", "secs", "sec", "s"), 1.0),
    **dict.fromkeys(("minutes", "minute", "mins", "min"), 60.0),
    **dict.fromkeys(("hours", "hour", "hrs", "hr"), 3600.0),
}
_OTHER_UNITS = word_set(
    "mm cm dm m ml dl l cc mg g kg mcg ug iu px pixel pixels mmhg bpm hz fps x times degree degrees c f fr french"
    " silk vicryl prolene nylon suture sutures point points star stars"
)
_TOKEN = re.compile(r"[a-z]+|\d+|-{1,3}|\.{2,3}|\S")
_DROPPED = str.maketrans("<>", "  ", "\"'()[]{}#=_+\\")
_NUMBER_WORDS = frozenset(("no", "number", "numbers", "num", "index", "idx", ":", "."))


class Mention(NamedTuple):
    """One time: where it stands, its number, what the number counts, and seconds per count."""

    begin: int
    finish: int
    number: float
    kind: Kind
    factor: float = 1.0


def find_mentions(masked: str, begin: int = 0, finish: int | None = None) -> list[Mention]:
    """Every time mentioned in `masked[begin:finish]`, left to right."""
    found = _MENTION.finditer(masked, begin, len(masked) if finish is None else finish)
    return [mention for match in found if (mention := _mention(match)) is not None]


def words_of(gap: str) -> list[str]:
    """The lower-case words and signs of a stretch of masked text; quotes, brackets and "=" are left out."""
    arrowed = gap.lower().replace("-->", "→").replace("->", "→").replace("=>", "→")
    return _TOKEN.findall(arrowed.translate(_DROPPED))


def time_of(value: object) -> Mention | None:
    """A JSON value or a table cell as one time: a number, or text that is a time and nothing else."""
    if isinstance(value, float):
        return Mention(0, 0, value, "bare") if 0 <= value < 1e9 else None
    if not isinstance(value, str) or len(value) > 60:
        return None
    masked = mask(value)
    mentions = find_mentions(masked)
    if len(mentions) != 1 or words_of(masked[: mentions[0].begin]) not in ([], ["t"], ["frame"], ["at"]):
        return None
    rest = [word for word in words_of(masked[mentions[0].finish :]) if word not in (",", ".", ":")]
    return None if rest else mentions[0]


def in_seconds(mention: Mention, context: Context) -> float | None:
    """Seconds from the clip's start; None when frame numbers lack a rate or percentages a duration.

    Frame n is at n / fps. Percentages and fractions are of the clip's duration.
    """
    if mention.kind == "frame":
        return mention.number / context.fps if context.fps else None
    if mention.kind == "percent":
        return mention.number / 100 * context.duration if context.duration else None
    # a plain number stays bit for bit what float() reads; round() only tidies converted units
    return mention.number if mention.factor == 1.0 else round(mention.number * mention.factor, 6)


def _mention(match: re.Match[str]) -> Mention | None:
    unit = (match["unit"] or "").lower()
    begin, finish = match.start(), match.end("core")
    if match["number"] is None:
        return Mention(begin, match.end() if unit in _UNIT_SECONDS else finish, _clock_seconds(match), "seconds")
    number = float(match["number"])
    if unit in _UNIT_SECONDS:
        return Mention(begin, match.end(), number, "seconds", _UNIT_SECONDS[unit])
    if unit in ("%", "percent"):
        return Mention(begin, match.end(), number, "percent")
    if unit in ("frame", "frames") and not _opens_number(match.string, match.end()):
        return Mention(begin, match.end(), number, "frame")
    glued = bool(unit) and match.start("unit") == finish
    if unit in _OTHER_UNITS or glued:
        return None
    return Mention(begin, finish, number, _kind_before(match.string, begin))


def _clock_seconds(match: re.Match[str]) -> float:
    hours = int(match["ch"] or match["h"] or 0)
    minutes = int(match["cm"] or match["hm"] or match["m"] or 0)
    seconds = float((match["cs"] or match["hs"] or match["s"]).replace(",", "."))
    return round(hours * 3600 + minutes * 60 + seconds, 6)


def _opens_number(masked: str, position: int) -> bool:
    """Whether a number follows: in "12 to frame 30" style text the word belongs to the later number."""
    return masked[position : position + 2].strip(" #")[:1].isdigit()


def _kind_before(masked: str, begin: int) -> Kind:
    """What a word before the number makes it: "frame 12", "frames: [12", "second 12", "t = 12"."""
    lead = masked[max(0, begin - 20) : begin].rstrip(" =#:.[(\"'_")
    if not lead or not lead[-1].isalpha():
        return "bare"
    words = words_of(lead)
    while words and words[-1] in _NUMBER_WORDS:
        words.pop()
    word = words[-1] if words else ""
    if "frame" in word and words[-2:-1] != ["time"] and not word.startswith("time"):
        return "frame"
    bracketed = masked[begin - 1 : begin] in ("[", "(")
    return "seconds" if word in ("second", "sec", "t") and not bracketed else "bare"
