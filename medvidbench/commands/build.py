"""`medvidbench build`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from medvidbench.commands.common import SHOWN_FINDINGS, console_of, named_path, print_findings
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from medvidbench.curation.build import BuildReport
    from medvidbench.curation.dry_run import DryRun
    from medvidbench.curation.settings import BuildSettings, Generator, Until
    from medvidbench.curation.validate import ValidationSettings

STAGES = {
    "plan": "Planning",
    "select": "Selecting",
    "prompt": "Drawing prompts",
    "generate-offline": "Wording captions",
    "generate": "Calling models",
    "generate-calls": "Filing captions",
    "validate": "Validating",
    "shard": "Writing shards",
}


def run(sources: list[str], out: Path, settings: BuildSettings, dry_run: bool = False) -> None:
    """Build from named raw datasets and say what came out, or show what would be sent (`dry_run`)."""
    from rich.console import Console

    from medvidbench.curation.build import build

    named = [named_path(text) for text in sources]
    with _Bars(Console(stderr=True)) as bars:
        if dry_run:
            from medvidbench.curation.dry_run import dry_run as look

            found = look(named, out, settings, bars.say)
        else:
            report = build(named, out, settings, bars.say)
    if dry_run:
        _print_dry_run(found)
    else:
        _print(report, settings)


def parse_generators(texts: Sequence[str]) -> tuple[Generator, ...]:
    """ "gpt=gpt-4.1" as a generator with its name; "gpt-4.1" alone is named after its maker.

    Raises:
        MedVidBenchError: no model is named.
    """
    from medvidbench.curation.settings import Generator

    found = []
    for text in texts:
        name, sign, model = text.partition("=")
        if not sign:
            name, model = "", text
        if not model.strip():
            raise MedVidBenchError(f"--generator {text!r} names no model.", "NAME=MODEL, e.g. gpt=gpt-4.1")
        found.append(Generator(name.strip() or _maker(model), model.strip()))
    return tuple(found)


def parse_until(text: str) -> Until:
    """A stage's name, or "" for all of them.

    Raises:
        MedVidBenchError: there is no such stage to stop after.
    """
    from medvidbench.curation.settings import UNTIL

    for name in UNTIL:
        if text == name:
            return name
    if text:
        raise MedVidBenchError(f"--until {text!r}.", ", ".join(UNTIL))
    return ""


def parse_validation(threshold: float | None, method: str, keep: str) -> ValidationSettings:
    """The options on validation.

    Raises:
        MedVidBenchError: an unknown method or policy.
    """
    from medvidbench.curation.similarity import Method
    from medvidbench.curation.validate import ValidationSettings

    methods: tuple[Method, ...] = get_args(Method)
    chosen = next((name for name in methods if name == method), None)
    if chosen is None:
        raise MedVidBenchError(f"--similarity {method!r}.", ", ".join(methods))
    if keep not in ("pair", "any"):
        raise MedVidBenchError(f"--keep {keep!r}.", "pair, any")
    settings = ValidationSettings(method=chosen, keep="any" if keep == "any" else "pair")
    return settings if threshold is None else replace(settings, threshold=threshold, ngram_threshold=threshold)


def _maker(model: str) -> str:
    """The published suffix of a model's captions ("gpt", "gemini"), else its name as a word."""
    bare = model.removeprefix("openai:").partition("@")[0].rpartition("/")[2].lower()
    known = next((maker for maker in ("gpt", "gemini") if bare.startswith(maker)), "")
    return known or "".join(c if c.isalnum() else "_" for c in bare).strip("_")


class _Bars:
    """A progress bar for each stage, by shards."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._progress: Progress = Progress(*columns, console=console, transient=True)
        self._bars: dict[str, TaskID] = {}

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._progress.stop()

    def say(self, stage: str, done: int, total: int) -> None:
        """Moves the stage's bar; a stage may carry a remark behind a line break ("generate\\n$0.12")."""
        name, _, remark = stage.partition("\n")
        label = f"{STAGES.get(name, name)} {remark}".strip()
        if name not in self._bars:
            self._bars[name] = self._progress.add_task(label, total=total)
        self._progress.update(self._bars[name], completed=done, total=total, description=label)


def _print(report: BuildReport, settings: BuildSettings) -> None:
    console = console_of()
    if report.counts:
        console.print(_counts(report))
    for note in report.notes:
        console.print(note, markup=False, highlight=False)
    _print_captions(report, console)
    print_findings(report.findings, console)
    if report.finished and len(report.findings) > SHOWN_FINDINGS:
        console.print(f"All findings: {report.out / 'findings.jsonl'}", highlight=False)
    console.print(f"Stages, paid calls included: {report.work} (a rerun goes on from there)", highlight=False)
    if report.finished:
        print(f"Benchmark: {report.out}")  # noqa: T201
    elif settings.rank is not None:
        print(f"Rank {settings.rank} of {settings.world} is done. Run without --rank to finish.")  # noqa: T201
    else:
        print(f"Stopped after {settings.until}. Run without --until to finish.")  # noqa: T201


def _print_dry_run(found: DryRun) -> None:
    """Three prompts as they would be sent, then tokens and dollars."""
    from medvidbench.curation.prompt_show import prompt_text

    console = console_of()
    for number, (prompt, sheet) in enumerate(zip(found.shown, found.sheets, strict=True), start=1):
        console.rule(f"Prompt {number} of {found.questions}: {prompt.template}")
        console.print(prompt_text(prompt.messages), markup=False, highlight=False)
        console.print(f"Its pictures: {sheet or 'none, no frame is on disk'}", markup=False, highlight=False)
    console.rule("What a build would send")
    for e in found.estimates:
        cost = "no price is known for it (--prices FILE)" if e.dollars is None else f"at most ${e.dollars:,.2f}"
        tokens = f"{e.input_tokens:,} tokens in, at most {e.output_tokens or 0:,} out"
        console.print(f"{e.model}: {e.calls:,} calls, {tokens}, {cost}", markup=False, highlight=False)
    basis = (
        f"Estimated from {found.rendered} rendered prompts of {found.questions}; answered calls are not counted again."
    )
    console.print(basis, markup=False, highlight=False)
    print("Nothing was sent.")  # noqa: T201


def _counts(report: BuildReport) -> object:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("task", "source", "train", "test"):
        table.add_column(name, justify="left" if name in ("task", "source") else "right")
    for task, source in sorted({(task, source) for _, task, source in report.counts}):
        table.add_row(task, source, *(str(report.counts.get((s, task, source), 0)) for s in ("train", "test")))
    return table


def _print_captions(report: BuildReport, console: Console) -> None:
    found = report.captions
    if not found or not found["questions"]:
        return
    models = " and ".join(found["models"])
    rejected = ", ".join(f"{count} by {check}" for check, count in found["rejected"].items()) or "none"
    text = (
        f"Captions by {models}: {found['accepted']} accepted of {2 * found['questions']}; rejected: {rejected}. "
        f"Similarity of the two by {found['similarity_method']}, at least {found['similarity_threshold']:g}."
    )
    console.print(text, markup=False, highlight=False)
