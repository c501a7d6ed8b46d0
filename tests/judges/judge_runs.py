"""What the tests of the judges share: pairs, a judge on a test server, a judge without any model."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from judge_replies import scores_of
from openai_server import Running, running_server

from medvidbench.judges.base import CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.calling import JudgeCalls
from medvidbench.judges.llm_judge import LLMJudge
from medvidbench.models.calls import CallCache, CallSettings, PriceTable
from medvidbench.models.prices import Price

REPLIES = Path(__file__).with_name("judge_replies.py")
QUICK: dict[str, Any] = {"concurrency": 16, "timeout": 2.0, "attempts": 8, "first_wait": 0.01, "longest_wait": 0.05}
PRICES = PriceTable({"test-model": Price(1.0, 10.0)})


def pair(name: str, source: str = "CholecT50", reference: str = "", prediction: str = "") -> CaptionPair:
    """A pair with texts of its own."""
    texts = reference or f"The hook dissects the cystic duct ({name}).", prediction or f"A tool cuts tissue ({name})."
    return CaptionPair(name, "VS", source, *texts)


def pairs(count: int, source: str = "CholecT50") -> list[CaptionPair]:
    """Pairs "pair 0" to "pair N-1"."""
    return [pair(f"pair {i}", source) for i in range(count)]


def expected(item: CaptionPair) -> tuple[float, ...]:
    """What the server's judge says of a pair."""
    return tuple(map(float, scores_of(item.reference, item.prediction)))


@contextmanager
def judge_server(folder: Path, **options: Any) -> Iterator[Running]:
    """The server process with the judge's replies."""
    with running_server(folder, reply=REPLIES, **options) as server:
        yield server


@contextmanager
def judge_on(server: Running, folder: Path, **options: Any) -> Iterator[LLMJudge]:
    """A judge on the server with its cache in `folder`; options of `LLMJudge`, the others of `CallSettings`."""
    own = {k: options.pop(k) for k in ("attempts_read", "reply_form", "repeat", "rubric", "params") if k in options}
    if "attempts_read" in own:
        own["attempts"] = own.pop("attempts_read")
    batch = {k: options.pop(k) for k in ("batch", "poll_seconds") if k in options}
    with CallCache(folder) as cache:
        calls = JudgeCalls(cache, CallSettings(**(QUICK | options)), PRICES, **batch)
        yield LLMJudge(f"openai:test-model@{server.url}", calls, **own)


class FixedJudge(Judge):
    """A judge that reads its scores from a function of the pair; None fails."""

    def __init__(self, scores: Any, name: str = "fixed", kind: Any = "llm") -> None:
        self.scores, self.name, self.kind = scores, name, kind
        self.asked: list[CaptionPair] = []

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        for item in pairs:
            self.asked.append(item)
            found = self.scores(item)
            why = "" if found else "time-out: no reply"
            yield Judgement(item.pair_id, self.name, tuple(map(float, found)) if found else None, error=why)

    def record(self) -> dict[str, Any]:
        return {"judge": self.name, "kind": self.kind}
