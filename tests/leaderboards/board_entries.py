"""Entries for tests, made by hand."""

from __future__ import annotations

from typing import Any

from medvidbench.leaderboards.entries import Entry, Hashes, Number, ProtocolNumbers

SHA = "ab" * 32


def number(value: float | None, half: float | None = None, **more: Any) -> Number:
    """A number with an interval of `half` to both sides."""
    if half is None or value is None:
        return Number(value=value, **more)
    return Number(value=value, low=value - half, high=value + half, n=40, n_clusters=12, coverage=1.0, parse_rate=0.9)


def entry(name: str, metrics: dict[str, Number], protocol: str = "official", **more: Any) -> Entry:
    """An entry of one protocol."""
    fields: dict[str, Any] = {
        "entry_id": name.lower().replace(" ", "-"),
        "model": name,
        "team": "Team",
        "date": "2026-05-01",
        "table": "community",
        "protocols": {protocol: ProtocolNumbers(version="1", metrics=metrics)},
        "hashes": Hashes(benchmark=SHA),
    }
    return Entry(**{**fields, **more})
