"""`medvidbench judge sheet` and `medvidbench judge agree`: captions to clinicians, and their ratings back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of, print_table
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.judges.certificate.sheet import LabelItem


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
    print_table(console, "captions on the sheet", ("task", "source", "drawn", "of"), rows)
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


def _print_agreement(found: Mapping[str, Any], console: Console) -> None:
    said = f"{found['items']} captions rated by {', '.join(found['clinicians'])}; {found['judged']} of them judged"
    console.print(said, markup=False, highlight=False)
    rows = [
        (name.replace("_", " "), *(_cell(row[key]) for key in ("kappa", "spearman", "pearson", "bias")))
        for name, row in found["judge"].items()
    ]
    heads = ["dimension", "quadratic kappa", "Spearman", "Pearson", "bias"]
    print_table(console, "the judge against the clinicians' mean", heads, rows)
    people = [
        (name.replace("_", " "), *(_cell(row[key]) for key in ("alpha", "icc", "kappa")))
        for name, row in found["between_clinicians"].items()
    ]
    heads = ["dimension", "Krippendorff's alpha", "ICC(2,1)", "pairwise kappa"]
    print_table(console, "the clinicians among each other", heads, people)
    if own := found["self_preference"]:
        said = f"self-preference, against clinicians and other writers: {_cell(own)} {own.get('note', '')}"
        console.print(said.rstrip(), markup=False, highlight=False)
    means = [
        (row["writer"], f"{row['judge_mean']:.2f}", _cell(row, 2), _cell(row["clinicians_only"], 2))
        for row in found["board"]
    ]
    heads = ["writer", "judge alone", "corrected", "clinicians alone"]
    print_table(console, "the board's mean as clinicians would give it", heads, means)


def _count(items: Iterable[LabelItem], task: str, source: str) -> int:
    return sum((item.pair.task, item.pair.source) == (task, source) for item in items)


def _cell(estimate: Mapping[str, Any], digits: int = 3) -> str:
    if estimate["value"] is None:
        return "–"
    bounds = estimate["ci95"]
    shown = f" [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]" if bounds else ""
    return f"{estimate['value']:.{digits}f}{shown}"
