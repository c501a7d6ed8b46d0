"""The review sheet: one HTML file that works from a disk, on a phone and without a mouse, and keeps what it's told.

Which generator wrote which text is not shown before the end: the two texts stand in seeded random order, and the names
are in the file only as Base64, against a glance and not against a determined reader.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from medvidbench.curation.review.items import CHOICES, FLAG_TEXTS, ReviewItem
from medvidbench.curation.review.sampling import seeded
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample

Frames: TypeAlias = Callable[[Sample], Sequence[tuple[float, bytes]]]
"""The frames to show of a sample: clip-relative time in s and the picture's bytes (JPEG or PNG)."""

FORMAT, FORMAT_VERSION = "medvidbench-review-sheet", 1
_ACCEPTED = "a review sheet written by `medvidbench review sheet`"
_DATA = re.compile(r'<script type="application/json" id="sheet">(.*?)</script>', re.DOTALL)


@dataclass(frozen=True, slots=True)
class SheetItem:
    """What the answers to one item of a sheet refer to."""

    sample_id: str
    task: str
    source: str
    group: str
    left: str
    right: str
    validation: tuple[str, str] = ("", "")


@dataclass(frozen=True)
class Sheet:
    """A sheet's items in its order; `digest` binds answers to exactly these texts in this order."""

    digest: str
    items: tuple[SheetItem, ...]

    def item(self, sample_id: str) -> SheetItem | None:
        """The item of a sample, or None."""
        return self._by_id.get(sample_id)

    @cached_property
    def _by_id(self) -> dict[str, SheetItem]:
        return {item.sample_id: item for item in self.items}


def write_sheet(
    items: Sequence[ReviewItem],
    out: Path,
    title: str = "Caption review",
    seed: int = 0,
    with_frames: bool = False,
    frames: Frames | None = None,
) -> Sheet:
    """Writes the sheet of these items, in their order, as one HTML file.

    Args:
        items: from `draw_items`; each must have exactly two texts.
        out: the HTML file.
        title: the page's heading.
        seed: decides for each pair which text stands left.
        with_frames: embed the frames as small JPEGs; else the frames' paths are listed.
        frames: gives a sample's frames, needed with `with_frames`.

    Raises:
        MedVidBenchError: no item, an item without two texts, an id twice, `with_frames` without `frames`, a picture
            that can't be read, or a file that can't be written.
    """
    _check(items, with_frames, frames)
    sides = [_sides(item, seed) for item in items]
    shown = [_shown(item, side, frames if with_frames else None) for item, side in zip(items, sides, strict=True)]
    described = [
        SheetItem(
            item.sample.sample_id,
            item.sample.task,
            item.sample.source,
            item.sample.group,
            side[0],
            side[1],
            (item.validation(side[0]), item.validation(side[1])),
        )
        for item, side in zip(items, sides, strict=True)
    ]
    sheet = Sheet(_digest(shown, described), tuple(described))
    try:
        out.write_text(_page(title, sheet, shown), encoding="utf-8", newline="")
    except OSError as error:
        raise MedVidBenchError(f"{out} can't be written: {error}") from error
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
        raise MedVidBenchError(f"{file} is no review sheet.", _ACCEPTED)
    try:
        data = json.loads(found[1])
        key = json.loads(base64.b64decode(data["key"], validate=True))
        version = data["version"]
        items = tuple(_item(*entry) for entry in key)
        intact = _digest(data["items"], items) == data["digest"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise MedVidBenchError(f"{file} is a damaged review sheet: {error}", _ACCEPTED) from error
    if version != FORMAT_VERSION:
        raise MedVidBenchError(f"{file} has the version {version!r}.", str(FORMAT_VERSION), "Write the sheet again.")
    if not intact:
        raise MedVidBenchError(
            f"{file} was changed after it was written.", _ACCEPTED, "Use the file as it was written."
        )
    return Sheet(data["digest"], items)


def _item(
    sample_id: str, task: str, source: str, group: str, left: str, right: str, validation: Sequence[str]
) -> SheetItem:
    first, second = validation
    return SheetItem(sample_id, task, source, group, left, right, (first, second))


def _check(items: Sequence[ReviewItem], with_frames: bool, frames: Frames | None) -> None:
    if not items:
        raise MedVidBenchError("There is no caption pair to review.")
    for item in items:
        if len(item.texts) != 2:
            seen = f"The question {item.sample.sample_id} has {len(item.texts)} answers."
            raise MedVidBenchError(seen, "two", "Draw the items with draw_items.")
    if len({item.sample.sample_id for item in items}) < len(items):
        raise MedVidBenchError("A question stands twice among the items.", "each question once")
    if with_frames and frames is None:
        raise MedVidBenchError("Frames are asked for, and nothing gives them.", remedy="Leave out --with-frames.")


def _sides(item: ReviewItem, seed: int) -> tuple[str, str]:
    """The generators of the left and the right text."""
    first, second = item.texts
    is_swapped = int(seeded(seed, "side", item.sample.sample_id)[:8], 16) % 2 == 1
    return (second, first) if is_swapped else (first, second)


def _digest(shown: Sequence[dict[str, Any]], described: Sequence[SheetItem]) -> str:
    """SHA-256 over questions, texts and their order; pictures don't take part."""
    parts = [
        [d.sample_id, d.task, d.source, d.group, d.left, d.right, list(d.validation), s["question"], s["texts"]]
        for s, d in zip(shown, described, strict=True)
    ]
    return hashlib.sha256(json.dumps(parts, separators=(",", ":")).encode()).hexdigest()


def _shown(item: ReviewItem, side: tuple[str, str], frames: Frames | None) -> dict[str, Any]:
    """What the page shows of an item."""
    from medvidbench.curation.review.pictures import listed_frames, thumbnails

    sample, evidence = item.sample, item.evidence
    segments = evidence.segments if evidence else ()
    moments = evidence.moments if evidence else ()
    transcript = evidence.transcript if evidence else ()
    return {
        "id": sample.sample_id,
        "task": sample.task,
        "source": sample.source,
        "recording": sample.recording_id,
        "procedure": evidence.procedure if evidence else "",
        "duration": sample.duration,
        "question": sample.question,
        "target": sample.target,
        "frames": listed_frames(sample) if frames is None else thumbnails(sample, frames(sample)),
        "segments": [[s.kind, s.label, round(s.start, 2), round(s.end, 2)] for s in segments],
        "moments": [
            [round(m.time, 2), sorted({b.label for b in m.boxes} | {named.label for named in m.labels})]
            for m in moments
        ],
        "transcript": [[round(e.start, 2), round(e.end, 2), e.caption] for e in transcript],
        "texts": [item.texts[generator] for generator in side],
    }


def _page(title: str, sheet: Sheet, shown: Sequence[dict[str, Any]]) -> str:
    from importlib.resources import files

    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    key = [[i.sample_id, i.task, i.source, i.group, i.left, i.right, list(i.validation)] for i in sheet.items]
    data = {
        "format": FORMAT,
        "version": FORMAT_VERSION,
        "digest": sheet.digest,
        "items": shown,
        "key": base64.b64encode(json.dumps(key).encode()).decode(),
    }
    folder = files("medvidbench.curation.review")
    scripts = [folder.joinpath(name).read_text(encoding="utf-8") for name in ("answers.js", "review.js")]
    # "<" is escaped, so no text can end the script element; ASCII, so a lone surrogate does no harm either.
    embedded = json.dumps(data, separators=(",", ":")).replace("<", "\\u003c")
    hashes = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts]
    environment = Environment(
        loader=PackageLoader("medvidbench.curation.review", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("template.html.j2").render(
        title=title,
        data=Markup(embedded),  # noqa: S704
        scripts=[{"text": Markup(text), "hash": name} for text, name in zip(scripts, hashes, strict=True)],  # noqa: S704
        flags=FLAG_TEXTS,
        choices=CHOICES,
        count=len(sheet.items),
    )
