"""What changed between two builds of a leaderboard, and why: from two `leaderboard.json`, without the boards."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.files import read_text
from medvidbench.leaderboards.entries import Entry, JudgeMark, Leaderboard, Number, entry_ids

UNEXPLAINED = "no stated reason: the same code, protocol, judge, benchmark and predictions"


@dataclass(frozen=True)
class NumberChange:
    """One number before and after; None where it isn't there."""

    protocol: str
    source: str
    metric: str
    before: float | None
    after: float | None


@dataclass(frozen=True)
class EntryChange:
    """One entry that changed.

    Attributes:
        what: "new", "removed" or "changed"; ids alone decide whether an entry is the same.
        why: reasons as sentences.
        facts: fields of the entry that changed, "table: community to verified".
    """

    entry_id: str
    model: str
    team: str
    what: str
    why: tuple[str, ...] = ()
    facts: tuple[str, ...] = ()
    numbers: tuple[NumberChange, ...] = ()


@dataclass(frozen=True)
class Difference:
    """All changes, in the order new, removed, changed; `board` says what changed for all (benchmark, code)."""

    board: tuple[str, ...]
    entries: tuple[EntryChange, ...]

    def as_json(self) -> str:
        """The changes as JSON text."""
        return json.dumps(asdict(self), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def read_leaderboard(path: Path) -> Leaderboard:
    """A `leaderboard.json`, or the folder of a site that holds one.

    Raises:
        MedVidBenchError: there is none, or it is something else.
    """
    file = path / "leaderboard.json" if path.is_dir() else path
    try:
        return Leaderboard.from_json(read_text(file))
    except MedVidBenchError as error:
        raise MedVidBenchError(f"{file}: {error.seen}", "a leaderboard.json of a built site") from None


def diff(before: Leaderboard, after: Leaderboard) -> Difference:
    """What it takes to get from one to the other. Entries are the same when their ids are.

    Raises:
        MedVidBenchError: an id stands twice in one of them.
    """
    old, new = entry_ids(before.entries), entry_ids(after.entries)
    changes = [_whole(new[i], "new") for i in new if i not in old]
    changes += [_whole(old[i], "removed") for i in old if i not in new]
    changes += [change for i in new if i in old and (change := _changed(old[i], new[i])) is not None]
    return Difference(tuple(_board(before, after)), tuple(changes))


def _board(a: Leaderboard, b: Leaderboard) -> Iterator[str]:
    for what, old, new in (("name", a.name, b.name), ("code", a.medvidbench, b.medvidbench)):
        if old != new:
            yield f"{what}: {old} to {new}"
    if a.benchmark != b.benchmark:
        yield f"benchmark: {a.benchmark[:12] or 'none'} to {b.benchmark[:12] or 'none'}"
    if a.updated > b.updated:
        yield f"the second build is the older one ({a.updated} and {b.updated})"


def _whole(entry: Entry, what: str) -> EntryChange:
    numbers = [(p, s, m, n.value) for (p, s, m), n in _numbers(entry).items() if not s]
    shown = tuple(
        NumberChange(p, s, m, None if what == "new" else v, v if what == "new" else None) for p, s, m, v in numbers
    )
    where = f"in the table {entry.table}, of {entry.date}"
    return EntryChange(entry.entry_id, entry.model, entry.team, what, (where,), (), shown)


def _changed(a: Entry, b: Entry) -> EntryChange | None:
    old, new = _numbers(a), _numbers(b)
    numbers = tuple(
        NumberChange(*key, old[key].value if key in old else None, new[key].value if key in new else None)
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    )
    facts = tuple(_facts(a, b))
    if not numbers and not facts:
        return None
    why = tuple(_reasons(a, b, numbers)) if numbers else ()
    return EntryChange(b.entry_id, b.model, b.team, "changed", why, facts, numbers)


def _numbers(entry: Entry) -> dict[tuple[str, str, str], Number]:
    found: dict[tuple[str, str, str], Number] = {}
    for protocol, numbers in entry.protocols.items():
        found |= {(protocol, "", name): number for name, number in numbers.metrics.items()}
        found |= {(protocol, s, name): n for s, of in numbers.sources.items() for name, n in of.items()}
    return found


def _reasons(a: Entry, b: Entry, numbers: Sequence[NumberChange]) -> Iterator[str]:
    """Why numbers changed, as far as the entries say."""
    reasons = list(_stated(a, b))
    yield from reasons
    judged = [n.metric for n in numbers if not n.metric.endswith(("_llm", "_concept"))]
    if not reasons:
        yield UNEXPLAINED
    elif judged and all(reason.startswith("judge") for reason in reasons):
        yield f"beside the judge, {judged[0]} changed too: {UNEXPLAINED}"


def _stated(a: Entry, b: Entry) -> Iterator[str]:
    for protocol in dict.fromkeys([*a.protocols, *b.protocols]):
        old, new = a.protocols.get(protocol), b.protocols.get(protocol)
        if old is None or new is None:
            yield f"protocol {protocol}: {'added' if old is None else 'left out'}"
        elif old.version != new.version:
            yield f"protocol {protocol}: version {old.version} to {new.version}"
    hashes = ((n, getattr(a.hashes, n), getattr(b.hashes, n)) for n in ("benchmark", "predictions"))
    for name, was, now in hashes:
        if was != now:
            yield f"{name}: SHA-256 {(was or 'none')[:12]} to {(now or 'none')[:12]}"
    judges = [[(j.name, _deciding(j)) for j in entry.judges] for entry in (a, b)]
    if judges[0] != judges[1]:
        names = [", ".join(j.name for j in entry.judges) or "none" for entry in (a, b)]
        yield f"judge: {names[0]} to {names[1]}" if names[0] != names[1] else f"judge: another version of {names[0]}"
    if a.code_version != b.code_version:
        yield f"scored again with {b.code_version}, before with {a.code_version}"


def _deciding(judge: JudgeMark) -> str:
    """What decides a judgement; not how many there were or what they cost."""
    counts = ("pairs", "failed", "failures", "cached", "dollars", "dimensions")
    return json.dumps({k: v for k, v in judge.record.items() if k not in counts}, sort_keys=True, default=str)


def _facts(a: Entry, b: Entry) -> Iterator[str]:
    for name in ("model", "team", "link", "date", "table", "synthetic", "blind", "time_axis", "cost_usd", "source"):
        old, new = getattr(a, name), getattr(b, name)
        if old != new:
            yield f"{name}: {old} to {new}"
    for move in b.promotions[len(a.promotions) :]:
        yield f"moved to {move.to} by {move.by}: {move.reason}"
    marks: list[Any] = [[j.certificate for j in entry.judges] for entry in (a, b)]
    if marks[0] != marks[1]:
        yield "judge's certificate changed"
    for flag in b.flags:
        if flag not in a.flags:
            yield f"new flag: {flag.kind}: {flag.what}"
    for flag in a.flags:
        if flag not in b.flags:
            yield f"flag gone: {flag.kind}: {flag.what}"


def as_text(difference: Difference) -> str:
    """The changes for a terminal."""
    lines = [f"board: {line}" for line in difference.board]
    for change in difference.entries:
        lines.append(f"{change.what}: {change.model} of {change.team or 'no team'} ({change.entry_id})")
        lines += [f"  why: {reason}" for reason in change.why] + [f"  {fact}" for fact in change.facts]
        lines += [
            f"  {n.protocol} {n.source or 'all'} {n.metric}: {_shown(n.before)} to {_shown(n.after)}"
            for n in change.numbers
            if change.what == "changed"
        ]
    return "\n".join(lines or ["Nothing changed."]) + "\n"


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
