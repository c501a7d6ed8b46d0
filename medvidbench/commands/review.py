"""`medvidbench review sheet` and `medvidbench review agree`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.commands.common import console_of
from medvidbench.errors import MedVidBenchError

if TYPE_CHECKING:
    from rich.console import Console

    from medvidbench.curation.review.items import ReviewItem
    from medvidbench.curation.review.sheet import Frames


def run_sheet(
    items: Iterable[ReviewItem],
    out: Path,
    number: int = 60,
    seed: int = 0,
    title: str = "Caption review",
    with_frames: bool = False,
    frames: Frames | None = None,
    only_accepted: bool = True,
) -> None:
    """Draws a stratified sample of caption pairs, writes the sheet, and prints what is on it.

    Args:
        items: every caption question of a build, with its candidates and verdicts.
        out: the HTML file to write.
        number: pairs wanted; each task of each source gives at least one.
        seed: of the draw, the order and the sides.
        title: heading of the page.
        with_frames: embed small pictures; else the paths of the frames are listed.
        frames: gives a sample's frames; needed with `with_frames`.
        only_accepted: leave out pairs of which validation rejected a text; a pair without verdicts stays.

    Raises:
        MedVidBenchError: no pair to review, a picture that can't be read, or a file that can't be written.
    """
    from medvidbench.curation.review.sampling import counts, draw_items
    from medvidbench.curation.review.sheet import write_sheet

    kept = [item for item in items if not only_accepted or _is_accepted(item)]
    drawn = draw_items(kept, number, seed)
    write_sheet(drawn, out, title, seed, with_frames, frames)
    console = console_of()
    available = counts([item for item in kept if len(item.texts) == 2])
    rows = [(task, source, str(n), str(available[task, source])) for (task, source), n in counts(drawn).items()]
    _table(console, "pairs on the sheet", ("task", "source", "drawn", "of"), rows)
    console.print(
        f"{len(drawn)} pairs in {out}. It works from a disk; send it as it is.", markup=False, highlight=False
    )


def run_agree(
    sheet: Path, files: Sequence[Path], out: Path | None = None, only_better: bool = False, as_json: bool = False
) -> None:
    """Reads what reviewers sent back, prints the figures, and writes them with the decisions.

    Args:
        sheet: the HTML file that was sent out.
        files: the reviewers' files.
        out: JSON file for figures and decisions; None writes none.
        only_better: the text that lost to the other counts as a vote to drop.
        as_json: print the JSON instead of tables.

    Raises:
        MedVidBenchError: a file that can't be used, or `out` can't be written.
    """
    from dataclasses import asdict

    from medvidbench.curation.review.agreement import figures
    from medvidbench.curation.review.decisions import Policy, decisions
    from medvidbench.curation.review.reviews import read_reviews
    from medvidbench.curation.review.sheet import read_sheet

    if not files:
        raise MedVidBenchError("No file with answers is named.", "at least one, as saved by the sheet")
    opened = read_sheet(sheet)
    reviews = read_reviews(files, opened)
    policy = Policy(only_better=only_better)
    decided = [asdict(decision) for decision in decisions(reviews, opened, policy)]
    found = figures(reviews, opened, policy) | {"decisions": decided}
    text = json.dumps(found, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8", errors="replace")
        except OSError as error:
            raise MedVidBenchError(f"{out} can't be written: {error}") from error
    if as_json:
        print(text, end="")  # noqa: T201
    else:
        _print(found, console_of())


def _is_accepted(item: ReviewItem) -> bool:
    return all(verdict.decision == "accepted" for verdict in item.verdicts)


def _print(found: Mapping[str, Any], console: Console) -> None:
    names = ", ".join(f"{r['name']} ({r['answers']})" for r in found["reviewers"])
    console.print(f"{found['answered']} of {found['pairs']} pairs answered, by {names}", markup=False, highlight=False)
    rows = [
        (g["generator"], _cell(g["accept rate"]), _cell(g["found better"]), _counts(g["marks"]))
        for g in found["generators"]
    ]
    _table(console, "generators", ("generator", "accepted", "found better", "marks"), rows)
    strata = [
        (s["task"], s["source"], f"{s['answered']} of {s['pairs']}", _cell(s["accept rate"])) for s in found["strata"]
    ]
    _table(console, "strata", ("task", "source", "answered", "accepted"), strata)
    keys = ("raw agreement", "kappa of the answer", "quadratic kappa of the preference")
    pairs = [
        (" and ".join(p["reviewers"]), str(p["pairs"]), *(_cell(p[k]) for k in keys))
        for p in found["pairs_of_reviewers"]
    ]
    _table(console, "pairs of reviewers", ("reviewers", "pairs", *keys), pairs)
    alphas = [(a["of"], a["scale"], str(a["n"]), _cell(a)) for a in found["alpha"]]
    _table(console, "Krippendorff's alpha", ("of", "scale", "units", "alpha"), alphas)
    verdicts = [
        (v["validation"], str(v["kept by people"]["n"]), _cell(v["kept by people"])) for v in found["validation"]
    ]
    _table(console, "validation", ("validation said", "texts", "kept by people"), verdicts)
    dropped = sum(d["decision"] == "drop" for d in found["decisions"])
    console.print(f"{len(found['decisions'])} texts decided: {dropped} to drop.", highlight=False)


def _cell(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return "–"
    interval = estimate["ci95"]
    return f"{estimate['value']:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items())


def _table(console: Console, title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    if not rows:
        return
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for name in names:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)
