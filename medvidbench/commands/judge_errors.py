"""`medvidbench judge errors`: what captions claim that would harm a patient, model by model."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.judges.base import CaptionPair
    from medvidbench.judges.claims import LLMClaims
    from medvidbench.judges.errors_report import ClinicalErrors, NeverEventRow

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
        out: JSON file for the table and every unsafe claim; None writes none.
        as_json: print that JSON instead of a table.

    Returns:
        One row for each model and judge.

    Raises:
        MedVidBenchError: no results, a file that is none, data that isn't there, or `out` can't be written.
    """
    from medvidbench.judges.errors_report import in_order, never_event_row
    from medvidbench.judges.existing import read_existing

    if not results:
        raise MedVidBenchError("No results are named.", "at least one results.json or its folder")
    captions = dict(_named([read_existing(file, data) for file in results]))
    rows: list[NeverEventRow] = []
    claims: list[dict[str, Any]] = []
    folder = cache or (results[0] if results[0].is_dir() else results[0].parent) / "judge_cache"
    with _asked(judges, folder, max_cost, (concurrency, timeout)) as asking:
        for judge, ask in asking:
            for model, pairs in captions.items():
                reports, failed = ask(pairs)
                rows.append(never_event_row(model, reports, judge, failed))
                claims += _unsafe(model, judge, reports)
    content = {"rows": [asdict(row) | {"rate": row.rate} for row in in_order(rows)], "unsafe_claims": claims}
    _write(content, rows, out, as_json)
    return in_order(rows)


def _named(found: Sequence[Any]) -> Iterator[tuple[str, list[CaptionPair]]]:
    """(model, its captions); a second file of the same model gets a number."""
    seen: dict[str, int] = {}
    for existing in found:
        model = existing.results.model
        seen[model] = seen.get(model, 0) + 1
        name = model if seen[model] == 1 else f"{model} ({seen[model]})"
        pairs = [pair for pair in existing.pairs() if pair.prediction.strip() and pair.reference.strip()]
        # ids of distinct pairs, whatever the protocols called them
        yield name, [replace(pair, pair_id=str(number)) for number, pair in enumerate(pairs)]


@contextmanager
def _asked(judges: Sequence[str], cache: Path, max_cost: float | None, pace: tuple[int, float]) -> Iterator[Any]:
    """(name, function from pairs to their reports and the number of failed ones) of each judge."""
    from contextlib import ExitStack

    from medvidbench.judges.claims import LLMClaims
    from medvidbench.judges.concept_judge import NAME, ConceptJudge
    from medvidbench.judges.errors_report import clinical_errors

    with ExitStack() as stack:
        asking: list[Any] = []
        calls: Any = None
        for judge in judges:
            if judge == CONCEPT:
                concept = ConceptJudge(rationales=False)
                asking.append((NAME, lambda pairs, own=concept: ([clinical_errors(p, own) for p in pairs], 0)))
                continue
            if calls is None:
                calls = _calls(stack, cache, max_cost, pace)
            claims = LLMClaims(judge, calls)
            asking.append((claims.model, lambda pairs, own=claims: _of_model(own, pairs)))
        yield asking


def _calls(stack: Any, cache: Path, max_cost: float | None, pace: tuple[int, float]) -> Any:
    from medvidbench.judges.calling import JudgeCalls
    from medvidbench.models.calls import CallCache, CallSettings

    settings = CallSettings(concurrency=pace[0], timeout=pace[1], max_cost=max_cost)
    return JudgeCalls(stack.enter_context(CallCache(cache)), settings)


def _of_model(claims: LLMClaims, pairs: Sequence[CaptionPair]) -> tuple[list[ClinicalErrors], int]:
    replies = list(claims.ask(pairs))
    return [reply.errors for reply in replies if reply.errors is not None], sum(r.errors is None for r in replies)


def _unsafe(model: str, judge: str, reports: Sequence[ClinicalErrors]) -> list[dict[str, Any]]:
    return [
        {
            "model": model,
            "judge": judge,
            "event": claim.what,
            "reference": claim.reference,
            "prediction": claim.prediction,
            "severity": claim.severity,
        }
        for report in reports
        for claim in report.of("unsafe")
    ]


def _write(content: dict[str, Any], rows: Sequence[NeverEventRow], out: Path | None, as_json: bool) -> None:
    from medvidbench.judges.errors_report import in_order
    from medvidbench.pages import plain_json, write_page

    text = json.dumps(plain_json(content), indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if out is not None:
        write_page(out, text)
    if as_json:
        print(text, end="")  # noqa: T201
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
