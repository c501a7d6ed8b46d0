"""Checks of times: the events' intervals against the annotated ones, and the times that a text mentions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from medvidbench.curation.checks.base import Remark, Subject
from medvidbench.curation.similarity import SAME_INTERVAL
from medvidbench.records import Event, Events, Unparsed
from medvidbench.tasks.reading.common import mask

MOST_LISTED = 3
_SECONDS = re.compile(
    r"(?<![\w.:/-])(\d{1,6}(?:\.\d{1,6})?)(?:\s?-\s?(\d{1,6}(?:\.\d{1,6})?))?\s?(?:s|secs?|seconds?)\b"
)
_CLOCK = re.compile(r"(?<![\w.:/])(?:(\d{1,2}):)?(\d{2,3}|0):([0-5]\d)(?:\.\d{1,3})?(?![\w:/])")
_LONGER = re.compile(r"(?<![\w.:/-])(\d{1,4}(?:\.\d{1,2})?)\s?(?:min(?:ute)?s?|h(?:ou)?rs?|hours?)\b")


def grammar(subject: Subject) -> Iterator[Remark]:
    """The answer can be read; dense captioning names every annotated interval once, and no other."""
    content = subject.content
    if isinstance(content, Unparsed):
        yield Remark(content.reason)
        return
    truth = subject.sample.truth
    if not isinstance(content, Events) or not isinstance(truth, Events):
        return
    found = assigned(content.events, truth.events)
    surplus = [event for event, index in zip(content.events, found, strict=True) if index is None]
    missing = [event for i, event in enumerate(truth.events) if i not in found]
    if surplus:
        yield Remark(f"not annotated or given twice: {_listed(surplus)}")
    if missing:
        yield Remark(f"missing: {_listed(missing)}")
    if bare := [event for event in content.events if not event.caption]:
        yield Remark(f"no description: {_listed(bare)}")


def assigned(events: Sequence[Event], annotated: Sequence[Event]) -> list[int | None]:
    """For each event the annotated one with its interval within 0.05 s, each used once; None for the rest."""
    free = list(range(len(annotated)))
    found: list[int | None] = []
    for event in events:
        index = next((i for i in free if _same(event, annotated[i])), None)
        found.append(index)
        if index is not None:
            free.remove(index)
    return found


def times(subject: Subject) -> Iterator[Remark]:
    """Seconds or clock times after the clip's end in a description. Minutes and hours are a note: a text may say that
    a drug acts for 15 minutes, while nobody places an event of a clip in hours."""
    limit = subject.evidence.duration
    for _, text in subject.texts:
        plain = mask(text)
        late = [value for value in mentioned(plain) if value > limit + SAME_INTERVAL]
        if late:
            yield Remark(f"{late[0]:g} s is after the clip's end at {limit:g} s")
            return
        if (match := _LONGER.search(plain)) and subject.sample.task != "DVC" and _beyond(match, limit):
            yield Remark(f"{match[0]!r} is longer than the clip", rejects=False)


def mentioned(text: str) -> list[float]:
    """Every time in seconds or as a clock in a text, in seconds."""
    seconds = [float(number) for match in _SECONDS.finditer(text) for number in match.groups() if number]
    clocks = [3600 * int(h or 0) + 60 * int(m) + int(s) for h, m, s in _CLOCK.findall(text)]
    return seconds + [float(clock) for clock in clocks]


def _beyond(match: re.Match[str], limit: float) -> bool:
    return float(match[1]) * (60 if "m" in match[0] else 3600) > limit


def _same(a: Event, b: Event) -> bool:
    return abs(a.start - b.start) <= SAME_INTERVAL + 1e-9 and abs(a.end - b.end) <= SAME_INTERVAL + 1e-9


def _listed(events: Sequence[Event]) -> str:
    shown = ", ".join(f"{event.start:.1f}-{event.end:.1f}" for event in events[:MOST_LISTED])
    more = f" and {len(events) - MOST_LISTED} more" if len(events) > MOST_LISTED else ""
    return f"{shown} s{more}"
