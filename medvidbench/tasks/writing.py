"""Writers of the published answer grammars (being written)."""

from __future__ import annotations

from medvidbench.records import BoxTrack, Events, Ratings, Spans


def write_spans(content: Spans) -> str:
    """`22.0-78.0, 89.0-94.0 seconds.`"""
    spans = ", ".join(f"{s.start:.1f}-{s.end:.1f}" for s in content.spans)
    return f"{spans} seconds." if spans else ""


def write_boxes(content: BoxTrack) -> str:
    """`1.0 seconds: [x1, y1, x2, y2] 5.0 seconds: [x1, y1, x2, y2]`"""
    return " ".join(
        f"{t.time:.1f} seconds: [{_box(t.box.x1)}, {_box(t.box.y1)}, {_box(t.box.x2)}, {_box(t.box.y2)}]"
        for t in content.boxes
    )


def write_events(content: Events) -> str:
    """One event a line: `36.0-49.0 seconds: text`."""
    return "\n".join(f"{e.start:.1f}-{e.end:.1f} seconds: {e.caption}" for e in content.events)


def write_ratings(content: Ratings, out_of: int | None) -> str:
    """`Name: 2/5, Name: 1/5` with `out_of`, `Name: 2, Name: 1` without."""
    suffix = "" if out_of is None else f"/{out_of}"
    return ", ".join(f"{r.name}: {r.value}{suffix}" for r in content.ratings)


def _box(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
