"""A judge that asks a language model over the OpenAI protocol; `gpt-4.1` is the public board's (arXiv 2512.06581).

    with CallCache(folder) as cache:
        judge = LLMJudge("gpt-4.1", JudgeCalls(cache))
        for judgement in judge.judge(pairs):
            ...

Calls go through the one engine of `medvidbench.models.calls`. The call's key covers the model, the sampling parameters
and the whole prompt, and with it rubric, version, template and both texts, so a judgement is found again exactly when
nothing that decides it has changed. A reply that can't be read is asked for again, at most `attempts` times in all;
then the judgement has no scores and says why. Temperature 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import CaptionPair, Judge, Judgement, Mode
from medvidbench.judges.calling import JudgeCalls, empty_side, judge_record
from medvidbench.judges.prompts import LONGEST, messages_of, reply_schema
from medvidbench.judges.replies import Unreadable, read_reply
from medvidbench.judges.rubric import Rubric, load_rubric
from medvidbench.models.dry_run import Estimate
from medvidbench.models.endpoints import parse_model
from medvidbench.models.messages import Call, Reply

DEFAULT_MODEL = "gpt-4.1"
ReplyForm: TypeAlias = Literal["json", "text"]
ROOM, ROOM_TO_THINK = 1_000, 8_000
"""Tokens of a reply: five sentences and scores take about 300."""
REASONING = re.compile(r"(o\d|gpt-5)")
CUT = ("length", "max_tokens", "max_output_tokens")
WITHOUT_TEXT = ("no text", "no choices")
"""How the error of a whole reply begins that holds nothing: it is asked for again. A refusal is the model's answer."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A pair that waits for its reply, and what its earlier replies cost."""

    pair: CaptionPair
    cost: float | None = 0.0
    cached: bool = True


class LLMJudge(Judge):
    """Scores pairs with one model.

    Args:
        model: `gpt-4.1`, `gemini-2.5-flash` or `openai:MODEL@BASE_URL`.
        rubric: the package's unless given.
        attempts: replies asked for one pair at most, when they can't be read. Failures on the way (time-outs, 429, ...)
            are tried again by the engine and don't count here.
        reply_form: "json" sends a JSON schema; "text" is for servers that take none.
        repeat: number of this run over the same pairs, from 0; a run above 0 has a `seed` of its own.
        params: further sampling parameters, which override ours (None leaves one out).

    Raises:
        MedVidBenchError: the model has no server.
    """

    kind = "llm"

    def __init__(
        self,
        model: str,
        calls: JudgeCalls,
        rubric: Rubric | None = None,
        *,
        attempts: int = 5,
        reply_form: ReplyForm = "json",
        repeat: int = 0,
        params: dict[str, Any] | None = None,
    ) -> None:
        if attempts < 1:
            raise MedVidBenchError(f"{attempts} replies for one judgement.", "at least 1")
        self.model, self._endpoint = parse_model(model)
        self.name = self.model
        self.rubric = rubric or load_rubric()
        self._calls, self._attempts, self._form = calls, attempts, reply_form
        self._params = self._parameters(repeat) | (params or {})
        self._params = {name: value for name, value in self._params.items() if value is not None}

    def judge(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Judgement]:
        """One judgement for each pair, in any order, as replies come; re-asks follow after the first round.

        Raises:
            MedVidBenchError: what makes going on pointless (see `Caller.run`), or two pairs of the same id.
        """
        empty: list[Judgement] = []
        waiting: dict[str, _Open] = {}
        calls: Iterable[Call] = self._first(pairs, mode, waiting, empty)
        for attempt in range(1, self._attempts + 1):
            unread: list[_Open] = []
            for reply in self._replies(calls):
                asked = waiting.pop(reply.tag)
                judgement, ask_again = self._read(reply, asked)
                if ask_again and attempt < self._attempts:
                    unread.append(replace(asked, cost=judgement.cost, cached=judgement.cached))
                else:
                    yield judgement
            yield from empty
            empty.clear()
            if not unread:
                return
            waiting = {asked.pair.pair_id: asked for asked in unread}
            calls = [self._call(asked.pair, mode, attempt) for asked in unread]

    def calls(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Iterator[Call]:
        """The first call of each pair that needs one, for an estimate."""
        yield from (self._call(pair, mode) for pair in pairs if empty_side(pair, self.name) is None)

    def estimate(self, pairs: Iterable[CaptionPair], mode: Mode = "absolute") -> Estimate:
        """What `judge` would send at first; sends nothing."""
        return self._calls.estimate(self._endpoint, self.calls(pairs, mode))

    def record(self) -> dict[str, Any]:
        """Judge, model, rubric with its hashes, parameters; the server's address is no part of it."""
        return judge_record(
            self.name,
            self.kind,
            model=self.model,
            rubric=self.rubric.record(),
            params={name: value for name, value in self._params.items() if name != "response_format"},
            reply_form=self._form,
            attempts=self._attempts,
            longest_text=LONGEST,
        )

    def _replies(self, calls: Iterable[Call]) -> Iterator[Reply]:
        try:
            yield from self._calls.run(self._endpoint, calls)
        except MedVidBenchError as error:
            if self._form == "json" and "turned down" in error.seen:
                remedy = "if the server takes no JSON schema, ask for text replies (reply form: text)"
                raise MedVidBenchError(error.seen, error.accepted, f"{error.remedy}; {remedy}") from error
            raise

    def _first(
        self, pairs: Iterable[CaptionPair], mode: Mode, waiting: dict[str, _Open], empty: list[Judgement]
    ) -> Iterator[Call]:
        seen: set[str] = set()
        for pair in pairs:
            if pair.pair_id in seen:
                raise MedVidBenchError(f"Two pairs have the id {pair.pair_id!r}.", "one pair an id in a run")
            seen.add(pair.pair_id)
            fixed = empty_side(pair, self.name)
            if fixed is not None:
                empty.append(fixed)
                continue
            waiting[pair.pair_id] = _Open(pair)
            yield self._call(pair, mode)

    def _call(self, pair: CaptionPair, mode: Mode, attempt: int = 0) -> Call:
        messages = messages_of(self.rubric, pair, mode, json_reply=self._form == "json", attempt=attempt)
        return Call(pair.pair_id, self.model, messages, self._params)

    def _read(self, reply: Reply, asked: _Open) -> tuple[Judgement, bool]:
        """The judgement of a reply, and whether asking again may help when it has no scores."""
        # of a call that brought nothing only the budget knows what may have been billed
        free = reply.cached or (reply.text is None and reply.cost is None)
        now = 0.0 if free else reply.cost
        cost = None if now is None or asked.cost is None else asked.cost + now
        blank = Judgement(asked.pair.pair_id, self.name, None, cost=cost, cached=asked.cached and reply.cached)
        if reply.text is None:
            return replace(blank, error=reply.error or "no reply"), reply.error.startswith(WITHOUT_TEXT)
        if reply.finish_reason.lower() in CUT:
            return replace(blank, error="unreadable: the reply was cut off at its token limit"), True
        read = read_reply(reply.text, self.rubric, (asked.pair.reference, asked.pair.prediction))
        if isinstance(read, Unreadable):
            return replace(blank, error=f"unreadable: {read.reason}"), True
        return replace(blank, scores=tuple(map(float, read.scores)), rationales=read.rationales), False

    def _parameters(self, repeat: int) -> dict[str, Any]:
        params: dict[str, Any] = {"temperature": 0, "max_tokens": ROOM}
        if REASONING.match(self.model):  # these take no temperature, and think within the limit
            params = {"max_completion_tokens": ROOM_TO_THINK}
        if self._form == "json":
            params["response_format"] = reply_schema(self.rubric)
        return params | ({"seed": repeat} if repeat else {})
