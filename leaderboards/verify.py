"""From files to numbers again: whether a row of a board holds, number by number.

The chain, the signatures, the hashes of all files, and the numbers: those of `entry.json` against `results.json`, and,
where the benchmark with its truth is at hand, against a new scoring of the predictions as they were handed in.
"""

from __future__ import annotations

import hashlib
import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import medvidbench
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import Results, read_results
from medvidbench.hashing import file_sha256
from medvidbench.leaderboards.answers import answers_of
from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.chain import Record, signed_by
from medvidbench.leaderboards.entries import PROTOCOL_VERSIONS, Entry, Number, ProtocolNumbers
from medvidbench.leaderboards.from_results import protocols_of
from medvidbench.leaderboards.reading import read_handed
from medvidbench.leaderboards.submit import load_truth, score

TOLERANCE = 1e-9
"""By how much a number may differ when it is computed again: another order of additions on another machine."""


@dataclass(frozen=True)
class Check:
    """One thing that was looked at; `why` says what was found."""

    what: str
    holds: bool
    why: str = ""


@dataclass(frozen=True)
class NumberCheck:
    """One number: as it is shown, as it came out now, and whether they agree."""

    protocol: str
    source: str
    metric: str
    shown: float | None
    found: float | None
    holds: bool


@dataclass(frozen=True)
class Verified:
    """What `verify` found of one entry; `rescored` says whether the numbers come from a new scoring."""

    entry_id: str
    checks: tuple[Check, ...]
    numbers: tuple[NumberCheck, ...]
    rescored: bool

    @property
    def holds(self) -> bool:
        """Whether all of it does."""
        return all(c.holds for c in self.checks) and all(n.holds for n in self.numbers)


def verify(
    board: Path,
    entry_id: str,
    benchmark: Path | None = None,
    *,
    answers: Path | None = None,
    judge_cache: Path | None = None,
    must_be_signed: bool = False,
) -> Verified:
    """Looks at one entry.

    Args:
        benchmark: with its truth; None looks at the files alone.
        answers: the answer key of a question-only benchmark.
        must_be_signed: a record without the signature of an allowed signer doesn't hold.

    Raises:
        MedVidBenchError: no such entry, a broken chain, or another benchmark.
    """
    place = Board.open(board)
    log = place.log()
    record = submission_of(log.records, entry_id)
    checks = [Check("chain", True, f"{len(log.records)} records, each continues the one before it")]
    checks.append(_signature(place, record, must_be_signed))
    files = list(_files(place, record))
    checks += files
    if not all(check.holds for check in files):
        return Verified(entry_id, tuple(checks), (), rescored=False)
    entry = Entry.from_json((place.folder(entry_id) / "entry.json").read_bytes())
    results = read_results(place.folder(entry_id))
    checks += _same_facts(entry, record, results)
    found = results
    if benchmark is not None:
        found = _rescored(place, record, entry, benchmark, answers, judge_cache)
        checks.append(_same_code(entry))
        checks.append(_same_judges(results, found))
    return Verified(entry_id, tuple(checks), tuple(_numbers(entry, found)), benchmark is not None)


def submission_of(records: Sequence[Record], entry_id: str) -> Record:
    """The record of a submission.

    Raises:
        MedVidBenchError: the chain has none.
    """
    known = {r.body["entry_id"]: r for r in records if r.kind == "submission"}
    if entry_id not in known:
        raise MedVidBenchError(f"No entry {entry_id!r} on the board.", ", ".join(known) or "a board with entries")
    return known[entry_id]


def _signature(board: Board, record: Record, must: bool) -> Check:
    if not record.signature:
        return Check("signature", not must, "none")
    if not board.signers.is_file():
        return Check("signature", not must, f"there is one, and no {board.signers.name} to check it with")
    name = signed_by(record, board.signers)
    return Check("signature", name is not None, f"by {name}" if name else "by nobody who is allowed to")


def _files(board: Board, record: Record) -> Iterator[Check]:
    """Each public file by its hash, the predictions as handed in too."""
    folder = board.folder(record.body["entry_id"])
    for name, wanted in record.body["files"].items():
        file = folder / Path(name).name
        found = file_sha256(file) if file.is_file() else "missing"
        yield Check(f"file {name}", found == wanted, f"SHA-256 {found[:12]}, on record {wanted[:12]}")
    given = record.body["predictions"]
    file = folder / Path(given["file"]).name
    if file.is_file():
        handed = read_handed(file, board.settings.limits)
        content = handed.raw if given["gzipped"] else handed.content
        found = hashlib.sha256(content).hexdigest()
        why = f"SHA-256 {found[:12]}, on record {given['sha256'][:12]}"
        yield Check("predictions as handed in", found == given["sha256"], why)


def _same_facts(entry: Entry, record: Record, results: Results) -> Iterator[Check]:
    """What is shown beside the numbers is what the record says."""
    body = record.body
    facts = {
        "model": (entry.model, body["model"]),
        "team": (entry.team, body["team"]),
        "predictions hash": (entry.hashes.predictions, body["predictions"]["sha256"]),
        "benchmark hash": (entry.hashes.benchmark, body["benchmark"]),
        "results hash": (entry.hashes.results, body["files"].get("results.json")),
        "scored benchmark": (results.data.get("sha256"), body["benchmark"]),
        "time axis": (entry.time_axis, body["time_axis"]),
        "cost": (entry.cost_usd, body["cost_usd"]),
        "judges": ([j.model_dump(mode="json") for j in entry.judges], body["judges"]),
    }
    for what, (shown, wanted) in facts.items():
        yield Check(what, shown == wanted, "" if shown == wanted else f"shown {shown!r:.60}, on record {wanted!r:.60}")


def _same_code(entry: Entry) -> Check:
    """Told, and no fault: numbers decide. Another version of a protocol is one, for it means other numbers."""
    now = {name: PROTOCOL_VERSIONS.get(name, "") for name in entry.protocols}
    then = {name: numbers.version for name, numbers in entry.protocols.items()}
    why = f"scored with {entry.code_version}, now {medvidbench.__version__}"
    changed = [f"{name} {then[name]} to {now[name]}" for name in then if now[name] != then[name]]
    return Check("protocol versions", not changed, "; ".join([why, *changed]))


def _same_judges(then: Results, now: Results) -> Check:
    """The judges of both scorings, by what decides a judgement."""
    counts = ("pairs", "failed", "failures", "cached", "dollars", "dimensions")
    old, new = ([{k: v for k, v in r.items() if k not in counts} for r in of.judges] for of in (then, now))
    return Check("same judges", old == new, "" if old == new else "another judge, or another version of it")


def _rescored(
    board: Board, record: Record, entry: Entry, benchmark: Path, answers: Path | None, judge_cache: Path | None
) -> Results:
    truth = load_truth(board, benchmark, answers)
    file = board.folder(entry.entry_id) / Path(record.body["predictions"]["file"]).name
    handed = read_handed(file, board.settings.limits)
    if handed.faults:
        raise MedVidBenchError(f"{file} can't be scored again: {handed.faults[0]}.")
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / ("predictions.jsonl" if handed.lines else "predictions.json")
        plain.write_bytes(handed.content)
        answered = answers_of(plain, truth.samples, entry.model, board.settings.limits)
    if answered.faults:
        raise MedVidBenchError(f"{file} can't be scored again: {answered.faults[0]}.")
    return score(board, truth, answered, entry.model, handed, judge_cache).results


def _numbers(entry: Entry, results: Results) -> Iterator[NumberCheck]:
    """Every number that either side has; value, interval and count must agree."""
    now = protocols_of(results)
    for protocol in dict.fromkeys([*entry.protocols, *now]):
        shown, found = _flat(entry.protocols.get(protocol)), _flat(now.get(protocol))
        for source, metric in dict.fromkeys([*shown, *found]):
            a, b = shown.get((source, metric)), found.get((source, metric))
            values = (a.value if a else None, b.value if b else None)
            yield NumberCheck(protocol, source, metric, *values, holds=_agree(a, b))


def _flat(numbers: ProtocolNumbers | None) -> dict[tuple[str, str], Number]:
    if numbers is None:
        return {}
    own = {("", name): number for name, number in numbers.metrics.items()}
    return own | {(s, name): number for s, of in numbers.sources.items() for name, number in of.items()}


def _agree(a: Number | None, b: Number | None) -> bool:
    if a is None or b is None:
        return False
    pairs = ((a.value, b.value), (a.low, b.low), (a.high, b.high))
    return a.n == b.n and all(
        x is y is None or (x is not None and y is not None and math.isclose(x, y, rel_tol=0, abs_tol=TOLERANCE))
        for x, y in pairs
    )
