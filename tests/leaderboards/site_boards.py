"""Boards for the site's tests and its benchmark, drawn from a seed."""

from __future__ import annotations

import random
from typing import Any

from board_entries import SHA

from medvidbench.leaderboards.entries import (
    BOARD_METRICS,
    CertificateMark,
    Entry,
    Hashes,
    JudgeMark,
    Leaderboard,
    Number,
    ProtocolNumbers,
)
from medvidbench.leaderboards.from_results import flags_of

SOURCES = ("AVOS", "CholecT50", "CholecTrack20", "CoPESD", "EgoSurgery", "JIGSAWS", "NurViD", "RARP50")
ATTACK = "<script>window.hacked=1</script></script><!--<img src=x onerror='window.hacked=2'>"


def number(draw: random.Random, metric: str, skill: float) -> Number:
    """A number around a skill in [0, 1], with an interval and counts."""
    most = 5.0 if metric.endswith("_llm") else 1.0
    value = most * min(max(skill + draw.gauss(0, 0.06), 0.0), 1.0)
    half = most * draw.uniform(0.01, 0.05)
    return Number(
        value=value,
        low=max(value - half, 0.0),
        high=min(value + half, most),
        n=draw.randint(80, 900),
        n_clusters=draw.randint(20, 60),
        coverage=1.0,
        parse_rate=draw.uniform(0.8, 1.0),
    )


def protocol(draw: random.Random, skill: float, sources: int) -> ProtocolNumbers:
    """All metrics over all sources and by source."""
    by_source = {name: {m: number(draw, m, skill) for m in BOARD_METRICS} for name in SOURCES[:sources]}
    return ProtocolNumbers(version="1", metrics={m: number(draw, m, skill) for m in BOARD_METRICS}, sources=by_source)


def entry(at: int, draw: random.Random, sources: int = 2, **more: Any) -> Entry:
    """Model number `at`: of every third the maintainers ran it."""
    skill = draw.uniform(0.2, 0.8)
    numbers: dict[Any, ProtocolNumbers] = {name: protocol(draw, skill, sources) for name in ("official", "strict")}
    certificate = CertificateMark(sha256=SHA, passed=at % 2 == 0, created="2026-05-01", set_version="1", set_sha256=SHA)
    fields: dict[str, Any] = {
        "entry_id": f"model-{at:03}",
        "model": f"Model {at:03}",
        "team": f"Team {at % 7}",
        "link": f"https://example.org/{at}",
        "date": f"2026-05-{1 + at % 28:02}",
        "table": "verified" if at % 3 == 0 else "community",
        "protocols": numbers,
        "hashes": Hashes(predictions=SHA, benchmark=SHA, results=SHA),
        "code_version": "0.1.0",
        "judges": (JudgeMark(name="concept", kind="concept", record={"judge": "concept"}, certificate=certificate),),
        "time_axis": ("passed", "failed", "not applicable", "not proven")[at % 4],
        "cost_usd": 1.5 * at,
        "environment": {"python": "3.12.3"},
        "flags": flags_of(numbers),
    }
    return Entry(**{**fields, **more})


def board(models: int = 12, sources: int = 2, extra: tuple[Entry, ...] = (), name: str = "Test board") -> Leaderboard:
    """Real models, two blind baselines, and three synthetic rows, one of them blind."""
    draw = random.Random(1)
    entries = [entry(i, draw, sources) for i in range(models)]
    weak: dict[Any, ProtocolNumbers] = {p: protocol(draw, 0.25, sources) for p in ("official", "strict")}
    for i, table in enumerate(("verified", "community")):
        about = {"entry_id": f"blind-{i}", "model": "blind:majority", "blind": True, "table": table, "flags": ()}
        entries.append(entry(900 + i, draw, sources, protocols=weak, **about))
    for i in range(3):
        about = {"entry_id": f"synthetic-{i}", "model": f"Simulated {i}", "synthetic": True, "blind": i == 2}
        entries.append(entry(950 + i, draw, sources, **about))
    return Leaderboard(
        name=name,
        updated="2026-05-28T12:00:00Z",
        medvidbench="0.1.0",
        benchmark=SHA,
        chain_head=SHA,
        entries=(*entries, *extra),
    )
