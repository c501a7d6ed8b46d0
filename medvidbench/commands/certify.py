"""`medvidbench judge certify`, `medvidbench judge sheet` and `medvidbench judge agree`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.judges.base import Judge
    from medvidbench.judges.certificate.certify import Certificate
    from medvidbench.judges.certificate.sheet import LabelItem


def run_certify(
    judge: Judge,
    out: Path,
    references: int | None = None,
    repeats: int = 3,
    with_bias: bool = True,
    baselines: Sequence[str] | None = None,
    compare: Sequence[Judge] = (),
    again: Sequence[Judge] = (),
    anchors: Path | None = None,
    freeze: Path | None = None,
    agreement: Path | None = None,
    with_held_out: bool | None = None,
    as_json: bool = False,
) -> Certificate:
    """Puts a judge through the set of caption pairs and writes its certificate as JSON and as a page.

    Args:
        judge: the judge.
        out: the file without its ending; `.json` and `.html` are written.
        references: judge the pairs of that many references only, for a judge that costs money; None is all.
        repeats: runs of the anchors with the judge itself, for the spread.
        with_bias: also judge changed forms and swapped places.
        baselines: names of plain similarities to set beside it; None is all that can run here, () is none.
        compare: other judges to set beside it.
        again: copies of the judge for the repeats, for one that has a cache.
        anchors: stored scores, for the drift.
        freeze: file to store this judge's anchor scores in.
        agreement: JSON of `medvidbench judge agree`, to be shown on the page.
        with_held_out: also judge the set that judges aren't written against; None does so with the whole set only.
        as_json: print the JSON instead of a table.

    Raises:
        MedVidBenchError: no judgement at all, a judge that breaks its contract, an unknown baseline, or a file that
            can't be used.
    """
    from medvidbench.judges.certificate.certify import Options, certify, some_references, write_certificate
    from medvidbench.judges.certificate.probes import load_probes
    from medvidbench.judges.certificate.stability import read_anchors

    beside, skipped = _baselines(baselines)
    options = Options(
        repeats=repeats,
        with_bias=with_bias,
        with_held_out=references is None if with_held_out is None else with_held_out,
        again=again,
        anchors=None if anchors is None else read_anchors(anchors),
        agreement=_agreement_of(agreement),
    )
    probes = load_probes() if references is None else some_references(references)
    certificate = certify(judge, probes, [*compare, *beside], skipped, options)
    files = write_certificate(certificate, out)
    if freeze is not None:
        _freeze(judge, freeze)
    if as_json:
        print(certificate.json(), end="")  # noqa: T201
    else:
        _print(certificate.content, console_of(), files)
    return certificate


def run_sheet(
    items: Iterable[LabelItem],
    out: Path,
    number: int = 60,
    seed: int = 0,
    title: str = "Caption ratings",
    rubric: str | None = None,
) -> None:
    """Draws captions for clinicians to rate, writes the sheet, and prints what is on it.

    Args:
        items: captions with their references; with a judge's scores the draw is stratified by them too.
        out: the HTML file to write.
        number: captions wanted; each task, source and band of scores gives at least one.
        seed: of the draw, the order and the blind ids.
        title: heading of the page.
        rubric: name or file of the rubric whose levels are shown; the built-in one unless given.

    Raises:
        MedVidBenchError: no caption to rate, an unknown rubric, or a file that can't be written.
    """
    from medvidbench.judges.certificate.sheet import draw_labels, write_sheet
    from medvidbench.judges.rubric import DEFAULT, load_rubric

    available = list(items)
    drawn = draw_labels(available, number, seed)
    write_sheet(drawn, out, title, load_rubric(rubric or DEFAULT), seed)
    console = console_of()
    strata = sorted({(item.pair.task, item.pair.source) for item, _ in drawn})
    rows = [
        (task, source, str(_count((i for i, _ in drawn), task, source)), str(_count(available, task, source)))
        for task, source in strata
    ]
    _table(console, "captions on the sheet", ("task", "source", "drawn", "of"), rows)
    said = f"{len(drawn)} captions in {out}. It works from a disk; send it as it is."
    console.print(said, markup=False, highlight=False)


def run_agree(
    sheet: Path,
    files: Sequence[Path],
    out: Path | None = None,
    board: Iterable[LabelItem] = (),
    own_writer: str = "",
    as_json: bool = False,
) -> dict[str, Any]:
    """Reads what clinicians sent back, prints how far they and the judge agree, and writes the figures.

    Args:
        sheet: the HTML file that was sent out.
        files: the clinicians' files.
        out: JSON file for the figures; None writes none.
        board: every judged caption of the board, for its mean as clinicians would give it.
        own_writer: the writer of the judge's family, for self-preference.
        as_json: print the JSON instead of tables.

    Raises:
        MedVidBenchError: a file that can't be used, no rating, or `out` can't be written.
    """
    from medvidbench.judges.certificate.agreement import agreement, ratings_of
    from medvidbench.judges.certificate.labels import read_labels
    from medvidbench.judges.certificate.sheet import read_sheet
    from medvidbench.pages import plain_json, write_page

    if not files:
        raise MedVidBenchError("No file with ratings is named.", "at least one, as saved by the sheet")
    opened = read_sheet(sheet)
    ratings = ratings_of(opened, read_labels(files, opened))
    found: dict[str, Any] = plain_json(agreement(ratings, list(board), own_writer))
    text = json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if out is not None:
        write_page(out, text)
    if as_json:
        print(text, end="")  # noqa: T201
    else:
        _print_agreement(found, console_of())
    return found


def _baselines(names: Sequence[str] | None) -> tuple[list[Judge], dict[str, str]]:
    from medvidbench.judges.certificate.baselines import BASELINES, available_baselines

    unknown = [name for name in names or () if name not in BASELINES]
    if unknown:
        raise MedVidBenchError(f"Unknown baseline {unknown[0]!r:.80}.", ", ".join(BASELINES))
    if names is not None and not names:
        return [], {}
    found, skipped = available_baselines()
    wanted = BASELINES if names is None else tuple(names)
    return [one for one in found if one.name in wanted], {name: why for name, why in skipped.items() if name in wanted}


def _agreement_of(file: Path | None) -> Mapping[str, Any] | None:
    if file is None:
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", "JSON of `medvidbench judge agree`") from error
    if not isinstance(content, dict) or "between_clinicians" not in content or "judge" not in content:
        raise MedVidBenchError(f"{file} holds no agreement.", "JSON of `medvidbench judge agree`")
    return content


def _freeze(judge: Judge, out: Path) -> None:
    from medvidbench.judges.certificate.probes import load_probes
    from medvidbench.judges.certificate.scoring import run_judge
    from medvidbench.judges.certificate.stability import anchors, frozen
    from medvidbench.pages import write_page

    chosen = anchors(load_probes())
    content = frozen(judge, chosen, run_judge(judge, [probe.pair for probe in chosen]))
    write_page(out, json.dumps(content, indent=1, allow_nan=False) + "\n")


def _print(content: Mapping[str, Any], console: Console, files: Sequence[Path]) -> None:
    rows = [
        (
            c["name"],
            f"{c['value']:.3f}" if c["value"] is not None else "–",
            f"{c['must']} {c['bound']:g}",
            _met(c["met"]),
        )
        for c in content["criteria"]
    ]
    _table(console, f"criteria, judge {content['judge']['name']}", ("criterion", "value", "must", ""), rows)
    title = "AUC on the dimension that must drop, against references and harmless captions (harmless alone)"
    _print_sides(content["comparison"]["judges"], title, console)
    if content["held_out"]:
        _print_sides(
            content["held_out"]["judges"], "the same on references that judges aren't written against", console
        )
    for name, why in content["comparison"]["skipped"].items():
        console.print(f"{name} was left out: {why}", markup=False, highlight=False)
    cost = content["cost"]
    dollars = "unknown cost" if cost["dollars"] is None else f"${cost['dollars']:.4f}"
    said = f"{cost['judgements']} judgements, {cost['failed']} failed, {dollars}. Certificate: {files[0]}, {files[1]}"
    console.print(said, markup=False, highlight=False)


def _print_sides(judges: Sequence[Mapping[str, Any]], title: str, console: Console) -> None:
    rows = [
        (kind.replace("_", " "), *(_both(judge["telling"][kind]) for judge in judges)) for kind in judges[0]["telling"]
    ]
    shares = ("–" if (v := judge["harmless"]["checks"]["value"]) is None else f"{100 * v:.1f} %" for judge in judges)
    _table(
        console, title, ("error", *(judge["name"] for judge in judges)), [*rows, ("harmless checks violated", *shares)]
    )


def _print_agreement(found: Mapping[str, Any], console: Console) -> None:
    said = f"{found['items']} captions rated by {', '.join(found['clinicians'])}; {found['judged']} of them judged"
    console.print(said, markup=False, highlight=False)
    rows = [
        (name.replace("_", " "), *(_cell(row[key]) for key in ("kappa", "spearman", "pearson", "bias")))
        for name, row in found["judge"].items()
    ]
    heads = ["dimension", "quadratic kappa", "Spearman", "Pearson", "bias"]
    _table(console, "the judge against the clinicians' mean", heads, rows)
    people = [
        (name.replace("_", " "), *(_cell(row[key]) for key in ("alpha", "icc", "kappa")))
        for name, row in found["between_clinicians"].items()
    ]
    heads = ["dimension", "Krippendorff's alpha", "ICC(2,1)", "pairwise kappa"]
    _table(console, "the clinicians among each other", heads, people)
    means = [
        (row["writer"], f"{row['judge_mean']:.2f}", _cell(row, 2), _cell(row["clinicians_only"], 2))
        for row in found["board"]
    ]
    heads = ["writer", "judge alone", "corrected", "clinicians alone"]
    _table(console, "the board's mean as clinicians would give it", heads, means)


def _count(items: Iterable[LabelItem], task: str, source: str) -> int:
    return sum((item.pair.task, item.pair.source) == (task, source) for item in items)


def _met(is_met: bool) -> str:
    return "met" if is_met else "not met"


def _both(telling: Mapping[str, Any]) -> str:
    values = (telling[key]["value"] for key in ("auc", "auc_harmless"))
    wide, narrow = ("–" if value is None else f"{value:.3f}" for value in values)
    return f"{wide} ({narrow})"


def _cell(estimate: Mapping[str, Any], digits: int = 3) -> str:
    if estimate["value"] is None:
        return "–"
    bounds = estimate["ci95"]
    shown = f" [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]" if bounds else ""
    return f"{estimate['value']:.{digits}f}{shown}"


def _table(console: Console, title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(title=escape(title), box=box.SIMPLE_HEAD, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
