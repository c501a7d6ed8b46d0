"""The labelling sheet: clinicians rate captions on the five dimensions, blinded, in one HTML file without a network.

Neither who wrote a caption nor what a judge said is on the page. Both stand in the file only as Base64, against a
glance and not against a determined reader.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from medvidbench.curation.review.sampling import Stratum, allocate, seeded
from medvidbench.errors import MedVidBenchError
from medvidbench.judges.base import DIMENSIONS, LEAST, MOST, CaptionPair

if TYPE_CHECKING:
    from medvidbench.judges.rubric import Rubric

FORMAT, FORMAT_VERSION = "medvidbench-judge-sheet", 1
BANDS = 3
"""Bands of the judge's mean score: a draw by score shows clinicians the bad captions too, which are few."""
_DATA = re.compile(r'<script type="application/json" id="sheet">(.*?)</script>', re.DOTALL)
_ACCEPTED = "a sheet written by `medvidbench judge sheet`"


@dataclass(frozen=True, slots=True)
class LabelItem:
    """A caption that clinicians may be asked to rate.

    Attributes:
        pair: the texts.
        cluster: the recording's group: patient, trainee or physical video.
        writer: the model that wrote the caption, or "".
        scores: what the judge gave, or None.
    """

    pair: CaptionPair
    cluster: str
    writer: str = ""
    scores: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class SheetItem:
    """One caption of a sheet, by its blind id.

    Attributes:
        item: blind id, which is all that a label names.
        weight: captions of its stratum for each drawn one.
    """

    item: str
    pair_id: str
    task: str
    source: str
    cluster: str
    writer: str
    scores: tuple[float, ...] | None
    weight: float


@dataclass(frozen=True)
class Sheet:
    """A sheet's items in its order; `digest` binds labels to exactly these texts."""

    digest: str
    items: tuple[SheetItem, ...]

    @cached_property
    def by_id(self) -> dict[str, SheetItem]:
        """Items by blind id."""
        return {item.item: item for item in self.items}


def draw_labels(items: Iterable[LabelItem], number: int, seed: int = 0) -> list[tuple[LabelItem, float]]:
    """A stratified draw without replacement: strata are task, source and the band of the judge's mean score.

    Within a stratum the items with the smallest SHA-256 of seed and id are taken; the sheet's order is by another
    hash, so that no stratum stands in a row.

    Args:
        items: captions, each with a reference.
        number: wanted; every stratum gives at least one, so it may become more.
        seed: another seed draws others.

    Returns:
        The items with their weights, in the sheet's order.

    Raises:
        MedVidBenchError: `number` is below 1, or no item has both texts.
    """
    if number < 1:
        raise MedVidBenchError(f"{number} captions to rate.", "at least 1")
    strata: dict[Stratum, list[LabelItem]] = defaultdict(list)
    for item in items:
        if item.pair.reference.strip() and item.pair.prediction.strip():
            strata[_stratum(item)].append(item)
    if not strata:
        raise MedVidBenchError("There is no caption to rate.", "captions with a reference")
    sizes = allocate({stratum: len(own) for stratum, own in strata.items()}, number)
    drawn = [
        (item, len(own) / sizes[stratum])
        for stratum, own in strata.items()
        for item in sorted(own, key=lambda item: seeded(seed, "draw", _name(item)))[: sizes[stratum]]
    ]
    return sorted(drawn, key=lambda pair: seeded(seed, "order", _name(pair[0])))


def write_sheet(
    drawn: Sequence[tuple[LabelItem, float]],
    out: Path,
    title: str = "Caption ratings",
    rubric: Rubric | None = None,
    seed: int = 0,
) -> Sheet:
    """Writes the sheet of these items, in their order, as one HTML file.

    Args:
        drawn: from `draw_labels`.
        out: the HTML file.
        title: the page's heading.
        rubric: gives titles, questions and the sentence of each level; the built-in one unless given.
        seed: of the blind ids.

    Raises:
        MedVidBenchError: no item, an item twice, or a file that can't be written.
    """
    from medvidbench.judges.rubric import load_rubric
    from medvidbench.pages import render_page, write_page

    if not drawn:
        raise MedVidBenchError("There is no caption to rate.")
    described = tuple(_described(item, weight, seed) for item, weight in drawn)
    if len({item.item for item in described}) < len(described):
        raise MedVidBenchError("A caption stands twice among the items.", "each writer's caption once")
    shown = [_shown(item, own.item) for (item, _), own in zip(drawn, described, strict=True)]
    sheet = Sheet(_digest(shown, described), described)
    folder = Path(__file__).parent
    html = render_page(
        folder,
        "sheet.html.j2",
        css=(folder / "sheet.css").read_text(encoding="utf-8"),
        js="".join((folder / name).read_text(encoding="utf-8") for name in ("labels.js", "sheet.js")),
        title=title,
        count=len(described),
        dimensions=(rubric or load_rubric()).dimensions,
        data={
            "format": FORMAT,
            "version": FORMAT_VERSION,
            "digest": sheet.digest,
            "items": shown,
            "key": base64.b64encode(json.dumps([_entry(item) for item in described]).encode()).decode(),
        },
    )
    write_page(out, html)
    return sheet


def read_sheet(file: Path) -> Sheet:
    """The sheet in an HTML file.

    Raises:
        MedVidBenchError: the file can't be read, is no sheet, is of another version, or was changed by hand.
    """
    try:
        found = _DATA.search(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", _ACCEPTED) from error
    if found is None:
        raise MedVidBenchError(f"{file} is no labelling sheet.", _ACCEPTED)
    try:
        data = json.loads(found[1])
        version = data["version"]
        items = tuple(_item(entry) for entry in json.loads(base64.b64decode(data["key"], validate=True)))
        is_intact = _digest(data["items"], items) == data["digest"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise MedVidBenchError(f"{file} is a damaged labelling sheet: {error}", _ACCEPTED) from error
    if version != FORMAT_VERSION:
        raise MedVidBenchError(f"{file} has the version {version!r}.", str(FORMAT_VERSION), "Write the sheet again.")
    if not is_intact:
        raise MedVidBenchError(f"{file} was changed after it was written.", _ACCEPTED, "Use it as it was written.")
    return Sheet(data["digest"], items)


def _stratum(item: LabelItem) -> Stratum:
    band = "unscored"
    if item.scores is not None and not any(map(math.isnan, item.scores)):
        mean = sum(item.scores) / len(item.scores)
        band = str(min(BANDS - 1, int((mean - LEAST) / (MOST - LEAST) * BANDS)))
    return item.pair.task, f"{item.pair.source}|{band}"


def _name(item: LabelItem) -> str:
    return f"{item.writer}|{item.pair.pair_id}"


def _described(item: LabelItem, weight: float, seed: int) -> SheetItem:
    pair, blind = item.pair, seeded(seed, "item", _name(item))[:16]
    return SheetItem(blind, pair.pair_id, pair.task, pair.source, item.cluster, item.writer, item.scores, weight)


def _shown(item: LabelItem, blind: str) -> dict[str, Any]:
    """What the page shows of an item."""
    pair = item.pair
    return {
        "id": blind,
        "task": pair.task,
        "source": pair.source,
        "reference": pair.reference,
        "caption": pair.prediction,
    }


def _entry(item: SheetItem) -> list[Any]:
    scores = None if item.scores is None else [float(score) for score in item.scores]  # as it is read back
    return [item.item, item.pair_id, item.task, item.source, item.cluster, item.writer, scores, float(item.weight)]


def _item(entry: Sequence[Any]) -> SheetItem:
    blind, pair_id, task, source, cluster, writer, scores, weight = entry
    given = None if scores is None else tuple(float(score) for score in scores)
    if given is not None and len(given) != len(DIMENSIONS):
        raise ValueError(f"{len(given)} scores")
    return SheetItem(blind, pair_id, task, source, cluster, writer, given, float(weight))


def _digest(shown: Sequence[dict[str, Any]], described: Sequence[SheetItem]) -> str:
    """SHA-256 over the texts, what stands behind them, and their order."""
    parts = [[_entry(own), texts] for own, texts in zip(described, shown, strict=True)]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
