"""No answer raises, none takes more than linear time, and what is read is always well formed."""

import math
import random
import subprocess
import sys
import time

import pytest
from reading_phrasings import (
    CVS_SCORES,
    NO_BOX,
    NO_EVENT,
    NO_SPAN,
    ONE_LABEL,
    ONE_SPAN,
    SKILL_SCORES,
    TWO_BOXES,
    TWO_EVENTS,
    TWO_SPANS,
)

from medvidbench.records import BoxTrack, Caption, Events, Label, Ratings, Spans, Unparsed
from medvidbench.tasks.base import Context
from medvidbench.tasks.reading.boxes import read_boxes
from medvidbench.tasks.reading.caption import read_caption
from medvidbench.tasks.reading.events import read_events
from medvidbench.tasks.reading.labels import read_label
from medvidbench.tasks.reading.ratings import read_ratings
from medvidbench.tasks.reading.spans import read_spans

CLIP = Context(duration=100.0, fps=2.0, frame_size=(854, 480), times=(1.0, 5.0, 9.0))
SCORED = Context(labels=("Two structures", "Cystic plate", "Respect for tissue", "Overall performance"))
CHOICES = Context(labels=("gallbladder-dissection", "preparation", "Check"))
PHRASINGS = [
    *ONE_SPAN,
    *TWO_SPANS,
    *NO_SPAN,
    *TWO_BOXES,
    *NO_BOX,
    *TWO_EVENTS,
    *NO_EVENT,
    *CVS_SCORES,
    *SKILL_SCORES,
    *ONE_LABEL,
]
MARKS = "0123456789.,:;-–—~|/\\[](){}<>\"'`*_#%= \n\t\r\x00sSeE+é１\u0301\u200b\ud800😀"
TOKENS = [
    "<think>",
    "</think>",
    "<answer>",
    "```",
    "**",
    "seconds",
    "frame ",
    "to",
    "NaN",
    "1e999",
    "\\boxed{",
    '": ',
    "null",
]


def read_all(text: str) -> list[object]:
    return [
        read_spans(text, CLIP),
        read_boxes(text, CLIP),
        read_events(text, CLIP),
        read_ratings(text, SCORED, range(3)),
        read_label(text, CHOICES),
        read_caption(text, CLIP),
    ]


def mutated(rng: random.Random) -> str:
    """A phrasing, cut, spliced, repeated or sprinkled; one in ten is noise."""
    if rng.random() < 0.1:
        return "".join(rng.choices(MARKS, k=rng.randrange(80)))
    text = rng.choice(PHRASINGS)
    for _ in range(rng.randint(1, 4)):
        at, to = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        change = rng.randrange(6)
        if change == 0:
            text = text[:at] + text[min(to, at + 6) :]
        elif change == 1:
            text = text[:at] + rng.choice(MARKS) + text[at:]
        elif change == 2:
            text = text[:at] + rng.choice(TOKENS) + text[at:]
        elif change == 3:
            text = text[:at] + text[at:to] * 2 + text[to:]
        elif change == 4:
            text = text[:at] + rng.choice(PHRASINGS)[:60]
        else:
            text = text[:at]
    return text[:400]


def numbers_in(read: object) -> list[float]:
    match read:
        case Spans():
            return [value for span in read.spans for value in (span.start, span.end)]
        case Events():
            return [value for event in read.events for value in (event.start, event.end)]
        case BoxTrack():
            return [v for at in read.boxes for v in (at.time, at.box.x1, at.box.y1, at.box.x2, at.box.y2)]
    return []


def check(text: str, read: object) -> None:
    """Typed, filled and finite: what the scores rely on without looking."""
    if isinstance(read, Unparsed):
        assert read.reason, repr(text)
        return
    assert all(math.isfinite(value) for value in numbers_in(read)), repr(text)
    match read:
        case Spans():
            assert read.spans and min(numbers_in(read)) >= 0, repr(text)
        case Events():
            assert read.events and all("\n" not in event.caption for event in read.events), repr(text)
        case BoxTrack():
            times = [at.time for at in read.boxes]
            assert times and times == sorted(set(times)), repr(text)
        case Ratings():
            names = [rating.name for rating in read.ratings]
            assert names and names == [name for name in SCORED.labels if name in names], repr(text)
            assert all(rating.value in range(3) for rating in read.ratings), repr(text)
        case Label():
            assert read.label in CHOICES.labels or "unknown_label" in read.flags, repr(text)
        case Caption():
            assert read.text.strip() == read.text != "", repr(text)
        case _:
            raise AssertionError(f"{text!r}: {read!r}")


@pytest.mark.parametrize("seed", range(4))
def test_a_hundred_thousand_random_and_mutated_answers_raise_nothing(seed):
    # 4 x 25,000, six readers each
    rng = random.Random(seed)
    for _ in range(25_000):
        text = mutated(rng)
        for read in read_all(text):
            check(text, read)


REPEATED = [
    "1",
    "1-",
    "1,",
    "1 2 ",
    "[",
    "[1,",
    "[1]",
    '{"a":',
    "{}",
    '"\\"',
    "'a",
    "|1|2|\n",
    "\n1",
    " ",
    "<think>",
    "1.0 seconds: [1, 2, 3, 4] ",
    "12.5-30.2 s ",
    "1 to ",
    "start 1 ",
    "1.0-2.0 seconds: a\n",
    "Respect for tissue: 4/5, ",
    "\u0301\u0327",
    "preparation ",
    "x1=1, ",
]


@pytest.mark.parametrize("unit", REPEATED)
def test_a_hundred_thousand_characters_take_about_linear_time(unit):
    # quadratic work on 100,000 characters is 10^10 steps: minutes, where linear work takes well under a second
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    for reader in (read_spans, read_boxes, read_events, read_label, read_caption):
        start = time.process_time()
        reader(text, CLIP)
        assert time.process_time() - start < 2.0
    start = time.process_time()
    read_ratings(text, SCORED, range(3))
    assert time.process_time() - start < 2.0


def test_ten_million_characters_take_milliseconds():
    for text in ("1" * 10_000_000, "<think>" + "a" * 10_000_000, "[" * 10_000_000):
        start = time.process_time()
        assert all(isinstance(read, Unparsed) for read in read_all(text))
        assert time.process_time() - start < 0.5


def test_deep_nesting_raises_no_recursion_error():
    for text in ("[" * 50_000 + "]" * 50_000, '{"a":' * 20_000 + "1" + "}" * 20_000, "(" * 50_000 + ")" * 50_000):
        for read in read_all(text):
            check(text, read)


def test_reading_answers_loads_nothing_heavy():
    code = (
        "import sys; from medvidbench.tasks.reading import boxes, caption, events, labels, ratings, spans;"
        "print(sorted({'numpy', 'pandas', 'scipy', 'torch', 'pyarrow', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
