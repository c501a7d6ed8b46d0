"""Writers of the published answer grammars (arXiv 2512.06581, dataset card).

Each is the inverse of its reader in `medvidbench.tasks.reading` on the grammar's grid: times of one decimal, box
coordinates of at most two, captions on one line without space at their ends. Times off the grid are rounded.
Nothing to write gives "", which no reader reads: a truth is never empty.
"""

from __future__ import annotations

import re

from medvidbench.records import Box, BoxTrack, Events, Ratings, Spans

_LINE_BREAKS = re.compile(r"[\r\n]+")


def write_spans(content: Spans) -> str:
    """`22.0-78.0, 89.0-94.0 seconds.`"""
    spans = ", ".join(f"{span.start:.1f}-{span.end:.1f}" for span in content.spans)
    return f"{spans} seconds." if spans else ""


def write_boxes(content: BoxTrack) -> str:
    """`1.0 seconds: [x1, y1, x2, y2] 5.0 seconds: [x1, y1, x2, y2]`; whole pixels without a decimal point."""
    return " ".join(f"{timed.time:.1f} seconds: [{_corners(timed.box)}]" for timed in content.boxes)


def write_events(content: Events) -> str:
    """One event a line, `36.0-49.0 seconds: text`; line breaks inside a caption become spaces."""
    return "\n".join(
        f"{event.start:.1f}-{event.end:.1f} seconds: {_one_line(event.caption)}" for event in content.events
    )


def write_ratings(content: Ratings, out_of: int | None) -> str:
    """`Name: 2/5, Name: 1/5` with `out_of`, `Name: 2, Name: 1` without."""
    over = "" if out_of is None else f"/{out_of}"
    return ", ".join(f"{rating.name}: {rating.value}{over}" for rating in content.ratings)


def _corners(box: Box) -> str:
    return ", ".join(f"{value:.2f}".rstrip("0").rstrip(".") for value in (box.x1, box.y1, box.x2, box.y2))


def _one_line(caption: str) -> str:
    lines = (line.strip() for line in _LINE_BREAKS.split(caption))
    return " ".join(line for line in lines if line)
