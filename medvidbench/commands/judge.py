"""`medvidbench judge`: captions scored on five dimensions, for results that are there already; and the rubrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of, print_results
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from medvidbench.evaluation.results import Results
    from medvidbench.judges.base import CaptionPair, Judge, Mode
    from medvidbench.judges.llm_judge import ReplyForm
    from medvidbench.judges.specs import JudgeOptions
    from medvidbench.models.dry_run import Estimate

CACHE = "judge_cache"


def run_judge(
    results: Path,
    data: Path | None = None,
    judges: Sequence[str] = ("concept",),
    *,
    rubric: str = "medical-v1",
    cache: Path | None = None,
    concurrency: int = 32,
    timeout: float = 120.0,
    max_cost: float | None = None,
    prices: Path | None = None,
    batch: bool = False,
    dry_run: bool = False,
    reply_form: str = "json",
    attempts: int = 5,
) -> None:
    """Judge the captions behind a results file, add the metrics to it, print the table.

    Args:
        judges: one spec a kind of judge (`medvidbench.judges.specs`).
        cache: folder of the judgements; beside the results unless given.
        max_cost: dollars, for all judges of this run together.
        dry_run: print what would be sent and what it may cost; send and write nothing.
    """
    options = judge_options(
        cache or (results if results.is_dir() else results.parent) / CACHE,
        rubric,
        concurrency=concurrency,
        timeout=timeout,
        max_cost=max_cost,
        prices=prices,
        batch=batch,
        reply_form=reply_form,
        attempts=attempts,
    )
    if dry_run:
        print_estimates(results, data, judges, options)
    else:
        judged = judge_file(results, data, judges, options)
        print_results(judged)
        print_judges(judged)


def judge_options(
    cache: Path,
    rubric: str,
    *,
    concurrency: int,
    timeout: float,
    max_cost: float | None,
    prices: Path | None,
    batch: bool,
    reply_form: str,
    attempts: int,
) -> JudgeOptions:
    """The options of a command line, as judges take them.

    Raises:
        MedVidBenchError: an unknown reply form.
    """
    from medvidbench.judges.specs import JudgeOptions
    from medvidbench.models.call_settings import CallSettings

    if reply_form not in ("json", "text"):
        raise MedVidBenchError(f"The reply form {reply_form!r}.", "json, text")
    calls = CallSettings(concurrency=concurrency, timeout=timeout, max_cost=max_cost)
    form: ReplyForm = "json" if reply_form == "json" else "text"
    return JudgeOptions(cache, rubric, calls, prices, batch, form, attempts)


def judge_file(results: Path, data: Path | None, judges: Sequence[str], options: JudgeOptions) -> Results:
    """`run_judge` without the printing."""
    from medvidbench.judges.existing import judge_existing, read_existing
    from medvidbench.judges.specs import opened_judges

    with opened_judges(list(judges), options) as opened:
        existing = read_existing(results, data)
        total = len(existing.pairs()) * len(opened)
        with _progress(total) as advance:
            return judge_existing(existing, opened, advance)


def print_estimates(results: Path, data: Path | None, judges: Sequence[str], options: JudgeOptions) -> None:
    """Calls, tokens and dollars for each judge; nothing is sent."""
    from medvidbench.judges.existing import read_existing
    from medvidbench.judges.specs import opened_judges

    console = console_of()
    with opened_judges(list(judges), options) as opened:
        pairs = read_existing(results, data).pairs()
        console.print(f"{len(pairs)} distinct pairs of captions.", highlight=False)
        for judge, estimate in ((judge, estimate) for top in opened for judge, estimate in estimates(top, pairs)):
            console.print(f"{judge.name}: {said_estimate(estimate)}", markup=False, highlight=False)


def estimates(
    judge: Judge, pairs: Sequence[CaptionPair], mode: Mode = "absolute"
) -> list[tuple[Judge, Estimate | None]]:
    """What a judge, or each member of a jury, would send; None for one that sends nothing."""
    from medvidbench.judges.jury import Jury
    from medvidbench.judges.llm_judge import LLMJudge

    if isinstance(judge, Jury):
        return [line for member in judge.members for line in estimates(member, pairs, mode)]
    return [(judge, judge.estimate(pairs, mode) if isinstance(judge, LLMJudge) else None)]


def said_estimate(estimate: Estimate | None) -> str:
    """An estimate in words."""
    if estimate is None:
        return "no calls, no cost"
    dollars = "no known price" if estimate.dollars is None else f"at most about ${estimate.dollars:.2f}"
    batch = "" if estimate.batch_dollars is None else f" (${estimate.batch_dollars:.2f} in a batch)"
    fresh = estimate.calls - estimate.cached
    return (
        f"{fresh} calls to send, {estimate.cached} known; about {estimate.input_tokens:,} tokens in; {dollars}{batch}"
    )


def print_judges(results: Results) -> None:
    """Who judged, how much of it failed, and what it cost."""
    console = console_of()
    for record in results.judges:
        cost = record.get("dollars")
        parts = [
            f"{record['judge']} ({record['kind']}): {record['pairs']} pairs",
            f"{record['failed']} failed" + (f" {record['failures']}" if record["failed"] else ""),
            f"{record['cached']} from the cache",
            *([f"spread {record['spread']:.2f}"] if "spread" in record else []),
            "cost not known" if cost is None else f"${cost:.4f}",
        ]
        console.print("Judge: " + ", ".join(parts), markup=False, highlight=False)


def run_rubrics(own: Path | None = None) -> None:
    """The rubrics of the package, and the user's own file when given."""
    from rich import box
    from rich.table import Table

    from medvidbench.judges.rubric import list_rubrics

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("rubric", "version", "sha256", "dimensions", "file"):
        table.add_column(name)
    for rubric in list_rubrics(own):
        cells = (str(rubric.version), rubric.sha256[:12], ", ".join(rubric.dimensions), str(rubric.path))
        table.add_row(rubric.name, *cells)
    console_of(200).print(table)


class _progress:  # noqa: N801  (used like a function)
    """A bar on stderr, advanced with each judgement."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self._bar = Progress(console=Console(stderr=True), transient=True)
        self._total = total

    def __enter__(self) -> Any:
        self._bar.start()
        task = self._bar.add_task("Judging", total=self._total)
        return lambda judgement: self._bar.advance(task)

    def __exit__(self, *error: object) -> None:
        self._bar.stop()
