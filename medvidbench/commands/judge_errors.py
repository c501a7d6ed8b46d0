"""`medvidbench judge errors`: what captions claim that would harm a patient, model by model."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.judges.base import CaptionPair
    from medvidbench.judges.claims import ClaimReply
    from medvidbench.judges.errors_report import NeverEventRow
    from medvidbench.models.call_settings import CallSettings

Ask: TypeAlias = "Callable[[Iterable[CaptionPair]], Iterable[ClaimReply]]"
CONCEPT = "concept"


def run(
    results: Sequence[Path],
    data: Path | None = None,
    judges: Sequence[str] = (CONCEPT,),
    *,
    cache: Path | None = None,
    max_cost: float | None = None,
    concurrency: int = 32,
    timeout: float = 120.0,
    prices: Path | None = None,
    out: Path | None = None,
    as_json: bool = False,
) -> list[NeverEventRow]:
    """Prints the table of never-events of the models behind some results.

    Args:
        results: results files or folders, one for each model.
        data: the benchmark; where the results say that it was unless given.
        judges: "concept", or a model of the OpenAI protocol (`gpt-4.1`, `openai:NAME@URL`).
        cache: folder of replies; beside the first results unless given.
        max_cost: dollars at most, for all models together.
        concurrency, timeout: calls in flight at most, seconds for one.
        prices: the user's price file.
        out: JSON file for the table, every unsafe claim, and every claim of every caption; None writes none.
        as_json: print the table and the unsafe claims as JSON.

    Returns:
        One row for each model and judge.

    Raises:
        MedVidBenchError: no results, a file that is none, data that isn't there, or `out` can't be written.
    """
    from medvidbench.judges.errors_report import in_order, never_event_row
    from medvidbench.judges.existing import read_existing
    from medvidbench.models.call_settings import CallSettings

    if not results:
        raise MedVidBenchError("No results are named.", "at least one results.json or its folder")
    captions = dict(_named([read_existing(file, data) for file in results]))
    rows: list[NeverEventRow] = []
    told: list[dict[str, Any]] = []
    folder = cache or (results[0] if results[0].is_dir() else results[0].parent) / "judge_cache"
    sending = CallSettings(concurrency=concurrency, timeout=timeout, max_cost=max_cost)
    with _asked(judges, folder, sending, prices) as asking:
        for judge, ask in asking:
            for model, pairs in captions.items():
                replies = _by_pair(ask, pairs)
                reports = [reply.errors for reply in replies if reply.errors is not None]
                rows.append(never_event_row(model, reports, judge, len(replies) - len(reports)))
                told += [_told(model, judge, pair, reply) for pair, reply in zip(pairs, replies, strict=True)]
    content = {"rows": [asdict(row) | {"rate": row.rate} for row in in_order(rows)], "unsafe_claims": _unsafe(told)}
    _write(content, told, rows, out, as_json)
    return in_order(rows)


def _named(found: Sequence[Any]) -> Iterator[tuple[str, list[CaptionPair]]]:
    """(model, its captions); a second file of the same model gets a number."""
    seen: dict[str, int] = {}
    for existing in found:
        model = existing.results.model
        seen[model] = seen.get(model, 0) + 1
        name = model if seen[model] == 1 else f"{model} ({seen[model]})"
        yield name, [pair for pair in existing.pairs() if pair.prediction.strip() and pair.reference.strip()]


def _by_pair(ask: Ask, pairs: Sequence[CaptionPair]) -> list[ClaimReply]:
    """The replies in the order of the pairs, whatever the protocols called these."""
    replies = {reply.pair_id: reply for reply in ask(replace(p, pair_id=str(at)) for at, p in enumerate(pairs))}
    return [replies[str(at)] for at in range(len(pairs))]


@contextmanager
def _asked(
    judges: Sequence[str], cache: Path, sending: CallSettings, prices: Path | None
) -> Iterator[list[tuple[str, Ask]]]:
    """(name, function from pairs to their claims) of each judge."""
    from contextlib import ExitStack

    from medvidbench.judges.calling import JudgeCalls
    from medvidbench.judges.claims import LLMClaims
    from medvidbench.judges.concept_judge import NAME
    from medvidbench.models.calls import CallCache, PriceTable

    with ExitStack() as stack:
        asking: list[tuple[str, Ask]] = []
        calls: JudgeCalls | None = None
        for judge in judges:
            if judge == CONCEPT:
                asking.append((NAME, _of_concepts))
                continue
            if calls is None:
                calls = JudgeCalls(stack.enter_context(CallCache(cache)), sending, PriceTable.load(prices))
            claims = LLMClaims(judge, calls)
            asking.append((claims.model, claims.ask))
        yield asking


def _of_concepts(pairs: Iterable[CaptionPair]) -> Iterator[ClaimReply]:
    from medvidbench.judges.claims import ClaimReply
    from medvidbench.judges.concept_judge import ConceptJudge
    from medvidbench.judges.errors_report import clinical_errors

    judge = ConceptJudge(rationales=False)
    yield from (ClaimReply(pair.pair_id, clinical_errors(pair, judge)) for pair in pairs)


def _told(model: str, judge: str, pair: CaptionPair, reply: ClaimReply) -> dict[str, Any]:
    """A caption with all its claims; null where there are none, and `error` says why."""
    claims = None if reply.errors is None else [asdict(claim) for claim in reply.errors.claims]
    return {"model": model, "judge": judge, **asdict(pair), "claims": claims, "error": reply.error}


def _unsafe(told: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {
            "model": caption["model"],
            "judge": caption["judge"],
            "pair_id": caption["pair_id"],
            "event": claim["what"],
            **{name: claim[name] for name in ("reference", "prediction", "severity")},
        }
        for caption in told
        for claim in caption["claims"] or ()
        if claim["status"] == "unsafe"
    ]


def _write(
    content: dict[str, Any],
    told: Sequence[dict[str, Any]],
    rows: Sequence[NeverEventRow],
    out: Path | None,
    as_json: bool,
) -> None:
    from medvidbench.judges.errors_report import in_order
    from medvidbench.pages import plain_json, write_page

    def text(what: dict[str, Any]) -> str:
        return json.dumps(plain_json(what), indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    if out is not None:
        write_page(out, text(content | {"captions": told}))
    if as_json:
        print(text(content), end="")  # noqa: T201
    else:
        _print(in_order(rows))


def _print(rows: Sequence[NeverEventRow]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    names = [name for name in rows[0].events if any(row.events[name] for row in rows)]
    table = Table(title="captions with never-events, from their words alone", box=box.SIMPLE_HEAD)
    for name in ("model", "judge", "captions", "failed", "unsafe", "rate", *names, "severity"):
        table.add_column(name, overflow="fold")
    for row in rows:
        rate = "–" if row.rate is None else f"{100 * row.rate:.1f} %"
        counts = (str(row.captions), str(row.failed), str(row.unsafe), rate, *(str(row.events[name]) for name in names))
        severity = f"{row.severity:.2f}" if row.captions else "–"
        table.add_row(escape(row.model), escape(row.judge), *counts, severity)
    console_of(200).print(table)
