"""Judges by name, as they stand on a command line.

concept                         the offline concept judge
gpt-4.1                         a model by name, or openai:MODEL@BASE_URL for any compatible server
hf:PATH                         a text model in this process
gpt-4.1 x3                      the same judge three times (mean; the spread is reported)
gpt-4.1,gemini-2.5-flash        a jury (mean); median:A,B,C takes the median
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import Judge
from medvidbench.judges.jury import Combine, Jury, repeated
from medvidbench.judges.rubric import DEFAULT, Rubric, load_rubric
from medvidbench.models.call_settings import CallSettings

if TYPE_CHECKING:
    from medvidbench.judges.calling import JudgeCalls
    from medvidbench.judges.llm_judge import ReplyForm

ACCEPTED = "concept, gpt-4.1, openai:MODEL@BASE_URL, hf:PATH, several with commas (a jury), or JUDGE x3 (repeats)"
MOST_REPEATS = 20


@dataclass(frozen=True)
class JudgeOptions:
    """What the judges of one run share.

    Attributes:
        cache: folder of the judgements' cache.
        rubric: name in the package, or a file; the concept judge has rules of its own.
        calls: how calls are sent; `max_cost` holds for all judges together.
        prices: the user's price file, or None.
        batch: through the provider's Batch API.
        reply_form: "text" for servers that take no JSON schema.
        attempts: replies asked for one pair at most, when they can't be read.
        device: of a local model.
    """

    cache: Path
    rubric: str = DEFAULT
    calls: CallSettings = field(default_factory=lambda: CallSettings(concurrency=32))
    prices: Path | None = None
    batch: bool = False
    reply_form: ReplyForm = "json"
    attempts: int = 5
    device: str = "auto"
    poll_seconds: float = 60.0


@dataclass(frozen=True)
class Room:
    """What a judge is made from; `calls` opens the cache when the first judge needs it."""

    options: JudgeOptions
    rubric: Rubric
    calls: Callable[[], JudgeCalls]


@contextmanager
def opened_judge(text: str, options: JudgeOptions) -> Iterator[Judge]:
    """The judge of a spec, with its cache open inside the block.

    Raises:
        MedVidBenchError: not a spec, a rubric or price file that can't be used, a damaged cache.
    """
    with opened_judges([text], options) as (judge,):
        yield judge


@contextmanager
def opened_judges(texts: list[str], options: JudgeOptions) -> Iterator[list[Judge]]:
    """One judge a spec, all on one cache and one budget."""
    with _opened_room(options) as room:
        yield [judge_spec(text, room) for text in texts]


@contextmanager
def opened_takes(text: str, count: int, options: JudgeOptions) -> Iterator[list[Judge]]:
    """`count` copies of one judge, on one cache and one budget; each asks anew, with a seed of its own from the second
    on, so that the cache doesn't answer one take with another's reply."""
    with _opened_room(options) as room:
        yield [judge_spec(text, room, take) for take in range(count)]


@contextmanager
def _opened_room(options: JudgeOptions) -> Iterator[Room]:
    opened: list[JudgeCalls] = []

    def calls() -> JudgeCalls:
        if not opened:
            opened.append(_open(options))
        return opened[0]

    try:
        yield Room(options, load_rubric(options.rubric), calls)
    finally:
        for each in opened:
            each.cache.close()


def judge_spec(text: str, room: Room, take: int = 0) -> Judge:
    """The judge that a spec names.

    Args:
        take: number of this copy, from 0; a judge of k repeats has the repeats k * take to k * take + k - 1.

    Raises:
        MedVidBenchError: not a spec, or a jury of mixed kinds.
    """
    combine: Combine = "median" if text.startswith("median:") else "mean"
    parts = [part.strip() for part in text.removeprefix("median:").removeprefix("mean:").split(",")]
    if not all(parts):
        raise MedVidBenchError(f"The judge {text!r}.", ACCEPTED)
    judges = [_judge(part, room, take) for part in parts]
    if len({judge.name for judge in judges}) < len(judges):
        raise MedVidBenchError(f"The jury {text!r} names a judge twice.", remedy="ask one several times with JUDGE x3")
    return judges[0] if len(judges) == 1 else Jury(judges, combine)


def _judge(text: str, room: Room, take: int) -> Judge:
    # "mixtral-8x7" is a name: behind a path or a spelled-out model the repeats need a space
    spelled = text.startswith(("hf:", "openai:"))
    found = re.fullmatch(rf"(?P<judge>.+?)\s{'+' if spelled else '*'}x(?P<count>\d+)", text)
    name, count = (found["judge"], int(found["count"])) if found else (text, 1)
    if not 1 <= count <= MOST_REPEATS:
        raise MedVidBenchError(f"The judge {text!r}: {count} repeats.", f"1 to {MOST_REPEATS}")
    runs = [_one(name, room, take * count + repeat) for repeat in range(count)]
    return runs[0] if count == 1 else repeated(runs)


def _one(name: str, room: Room, repeat: int) -> Judge:
    options = room.options
    if name == "concept":
        from medvidbench.judges.concept_judge import ConceptJudge

        return ConceptJudge()
    if name.startswith("hf:"):
        from medvidbench.judges.local_judge import LocalJudge

        return LocalJudge(
            name.removeprefix("hf:"),
            room.calls().cache,
            room.rubric,
            device=options.device,
            attempts=options.attempts,
            repeat=repeat,
        )
    from medvidbench.judges.llm_judge import LLMJudge
    from medvidbench.models.endpoints import parse_model

    try:
        parse_model(name)
    except MedVidBenchError as error:
        raise MedVidBenchError(f"The judge {name!r}: {error.seen}", ACCEPTED) from None
    return LLMJudge(
        name, room.calls(), room.rubric, attempts=options.attempts, reply_form=options.reply_form, repeat=repeat
    )


def _open(options: JudgeOptions) -> JudgeCalls:
    from medvidbench.judges.calling import JudgeCalls
    from medvidbench.models.calls import CallCache, PriceTable

    prices = PriceTable.load(options.prices)
    return JudgeCalls(CallCache(options.cache), options.calls, prices, options.batch, options.poll_seconds)
