"""Reads the events of a dense-captioning answer (DVC).

Order: the published grammar, one event a line; JSON objects with an interval and a text; table rows; lines and
sentences that open with an interval; lines that end with one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from medvidbench.records import Event, Events, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.common import final_answer, flagged, mask, unparsed
from medvidbench.tasks.reading.event_heads import Head, find_heads
from medvidbench.tasks.reading.json_times import intervals_of, own_intervals
from medvidbench.tasks.reading.json_values import Fields, Json, Region, find_json, key_of
from medvidbench.tasks.reading.pairs import Pair, find_pairs
from medvidbench.tasks.reading.spans import flags_of, seconds_of
from medvidbench.tasks.reading.tables import csv_rows, interval_of_row, table_rows

_PUBLISHED = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)-(\d{1,9}(?:\.\d{1,3})?) seconds: ?(.*)", re.ASCII)
_INNER_PREFIX = re.compile(r"\s\d{1,9}(?:\.\d{1,9})?\s?-\s?\d{1,9}(?:\.\d{1,9})? sec(?:ond)?s?:")
_LEAD = re.compile(r"[\s:,;.|>\])–—→-]{1,12}")
_CAPTION_LABEL = re.compile(
    r"(?:description|caption|text|event|action|summary|content|label|narration)s?\s{0,2}[:=]\s{0,2}", re.IGNORECASE
)
_TAG = re.compile(r"</?[A-Za-z][^<>\n]{0,60}>|<[A-Za-z]{1,12}\Z")
_RULE = re.compile(r"^[ \t]{0,4}[-_*=]{3,}[ \t]{0,4}$", re.MULTILINE)
_NUMBERING = re.compile(r"[\s>#|•·*-]{0,8}(?:\(?\d{1,3}[.):]\s{1,3})?")
_HEADING = re.compile(
    r"(?:\A|\n)[\s#*>-]{0,8}"
    r"(?:(?:event|segment|clip|scene|step|action|phase|part|chapter)\s?#?\d{1,3}\b|\d{1,2}[.)]\s)"
    r"([^\n]{0,120})\s{0,8}\Z",
    re.IGNORECASE,
)
_LABEL_TAIL = re.compile(
    r"[\s:,;|(\[–—-]{0,8}\Z|\s(?:from|between|at|during|in|time|timestamp|start|start time|begin)[\s:(\[]{0,4}\Z",
    re.IGNORECASE,
)
_TEXT_KEYS = ("caption", "description", "desc", "text", "sentence", "narration", "summary", "content", "details")
_LABEL_KEYS = ("label", "action", "event", "title", "name", "phase", "step", "activity", "class")
_LIST_KEYS = re.compile(r"captions|sentences|descriptions|texts|events|labels|actions")

Item = tuple[Pair, str]


def read_events(text: str, context: Context) -> Events | Unparsed:
    """Every event that the answer gives, in its order, times in seconds from the clip's start.

    Captions are stripped, their line breaks become spaces and bold marks go; a caption may be empty. Text before the
    first event is dropped, and so is a closing remark after a blank line. Flags as in `read_spans`
    ("frame_numbers", "relative_times", "end_before_start", "json", "table", "free_form"), and "label_first" for lines
    that name the event before its time.

    An answer whose every line opens with the published `a-b seconds: ` is taken as it is: other intervals
    inside its captions stay words. On a single line such a prefix inside the caption opens another event.
    Never raises. Time is linear in the text.
    """
    published = _published(text)
    if published is not None:
        return published
    answer = final_answer(text)
    if isinstance(answer, Unparsed):
        return answer
    masked = mask(answer)
    for flag, items in (("json", _from_json(find_json(answer))), ("table", _from_table(masked))):
        if items:
            return _converted(items, [flag], context)
    pairs = find_pairs(masked)
    heads = find_heads(masked, pairs)
    if not heads:
        items = [item for row in csv_rows(answer) if (item := _from_row(row)) is not None and item[1]]
        return _converted(items, ["table"], context) if items else unparsed(answer, "no event with its time")
    return _converted(_cut(answer, heads), ["label_first" if heads[0].named else "free_form"], context)


def _published(text: object) -> Events | None:
    """The grammar itself: each line `36.0-49.0 seconds: text`; None for any other text."""
    if not isinstance(text, str) or len(text) > 100_000 or " seconds:" not in text[:40]:
        return None
    events: list[Event] = []
    for line in text.strip("\n").split("\n"):
        match = _PUBLISHED.fullmatch(line)
        if match is None:
            return None
        events.append(Event(float(match[1]), float(match[2]), match[3].strip()))
    if len(events) == 1 and _INNER_PREFIX.search(events[0].caption):
        return None
    return Events(tuple(events), ("end_before_start",) if any(e.end < e.start for e in events) else ())


def _converted(items: list[Item], flags: list[str], context: Context) -> Events | Unparsed:
    events: list[Event] = []
    for pair, caption in items:
        times = seconds_of(pair, context)
        if isinstance(times, Unparsed):
            return times
        events.append(Event(*times, caption))
        flags += flags_of(pair, *times)
    return Events(tuple(events), flagged(flags))


def _cut(answer: str, heads: list[Head]) -> list[Item]:
    """Each head with the text up to the next one."""
    ends = [*(head.begin for head in heads[1:]), len(answer)]
    items = []
    _, title = _split_heading(answer[: heads[0].begin])
    for head, end in zip(heads, ends, strict=True):
        body, next_title = answer[head.text_begin : end], ""
        if end < len(answer):
            body, next_title = _split_heading(body)
            text = _tidy(body)
        else:
            text = _tidy(_without_remark(body))
        items.append((head.pair, _with_label(_label(answer, head) or title, text)))
        title = next_title
    return items


def _split_heading(body: str) -> tuple[str, str]:
    """A text without the "Event 2: Tying" line at its end, and that line's title, which belongs to the next event."""
    heading = _HEADING.search(body, max(0, len(body) - 200))
    return (body[: heading.start()], _tidy(heading[1])) if heading else (body, "")


def _without_remark(body: str) -> str:
    """The last caption without a paragraph that follows it ("Let me know if you need more.")."""
    first, _, _ = body.strip("\n").partition("\n\n")
    return first if _tidy(first) else body


def _label(answer: str, head: Head) -> str:
    if not head.named:
        return ""
    said = answer[head.begin : head.pair.begin]
    numbering = _NUMBERING.match(said)
    said = said[numbering.end() :] if numbering else said
    tail = _LABEL_TAIL.search(said[-40:])
    return _tidy(said[: len(said) - len(tail[0])] if tail else said)


def _with_label(label: str, text: str) -> str:
    return f"{label}: {text}" if label and text else label or text


def _tidy(text: str) -> str:
    """One line: leading separators, a "Description:" label, bold marks and surplus white space removed."""
    text = _TAG.sub("", _RULE.sub("", text).replace("**", "").replace("__", "").replace("`", ""))
    for pattern in (_LEAD, _CAPTION_LABEL):
        lead = pattern.match(text.lstrip())
        text = text.lstrip()[lead.end() :] if lead else text
    return " ".join(text.split()).rstrip("|; ")


def _from_table(masked: str) -> list[Item]:
    return [item for cells in table_rows(masked) if (item := _from_row(cells)) is not None]


def _from_row(cells: list[str]) -> Item | None:
    row = interval_of_row(cells)
    if row is None:
        return None
    pair, others = row
    return pair, _with_label(": ".join(others[:-1]), others[-1] if others else "")


def _from_json(regions: list[Region]) -> list[Item]:
    return [item for region in regions for item in _walk(region.value)]


def _walk(value: Json) -> Iterator[Item]:
    if isinstance(value, Fields):
        yield from _from_object(value)
    elif isinstance(value, list):
        pairs = list(intervals_of(value[:2])) if len(value) == 3 and isinstance(value[2], str) else []
        if len(pairs) == 1 and isinstance(value[2], str):
            yield pairs[0], _tidy(value[2])
            return
        for item in value:
            yield from _walk(item)


def _from_object(fields: Fields) -> Iterator[Item]:
    pairs = list(own_intervals(fields))
    if len(pairs) == 1 and (caption := _caption(fields)) is not None:
        yield pairs[0], caption
        return
    texts = next((v for k, v in fields.items() if isinstance(v, list) and _LIST_KEYS.fullmatch(key_of(k))), [])
    if pairs and len(texts) == len(pairs) and all(isinstance(text, str) for text in texts):
        yield from ((pair, _tidy(str(text))) for pair, text in zip(pairs, texts, strict=True))
        return
    for name, value in fields.items():
        keyed = list(intervals_of(name)) if isinstance(value, str) else []
        if len(keyed) == 1:
            yield keyed[0], _tidy(str(value))
        else:
            yield from _walk(value)


def _caption(fields: Fields) -> str | None:
    """The object's text, after its label when it has both; "" when it holds only times, None for a container."""
    texts = {key_of(name): value for name, value in fields.items() if isinstance(value, str)}
    text = next((texts[key] for key in _TEXT_KEYS if key in texts), "")
    label = next((texts[key] for key in _LABEL_KEYS if key in texts), "")
    if not text and not label and any(isinstance(value, (list, Fields)) for value in fields.values()):
        return "" if any(key_of(name).startswith(("time", "span", "interval")) for name in fields) else None
    return _with_label(_tidy(label), _tidy(text))
