"""A submission: checked before it is scored, scored against truth that stays where it is, then put on record.

    submit(PREDICTIONS, name=..., team=..., contact=..., board=DIR, benchmark=DIR)

The benchmark with its truth is read and never copied: a board folder holds the answers as handed in and numbers. Names
of a truth never reach it either: what a protocol or judge says of single rows is left out.
"""

from __future__ import annotations

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import EvalData, load_data
from medvidbench.evaluation.results import read_results
from medvidbench.evaluation.score_file import Scored, score_answers
from medvidbench.leaderboards import probing
from medvidbench.leaderboards.answers import Answered, answers_of
from medvidbench.leaderboards.board import PRIVATE_MODE, Board
from medvidbench.leaderboards.chain import Log, Record, Writer, sync_folder
from medvidbench.leaderboards.entries import Entry, TableName
from medvidbench.leaderboards.from_results import make_id
from medvidbench.leaderboards.naming import about_faults, taken_by
from medvidbench.leaderboards.probing import Digests
from medvidbench.leaderboards.published_rows import published_entries
from medvidbench.leaderboards.reading import ACCEPTED, Handed, read_handed
from medvidbench.leaderboards.submission_files import About, body_of, file_name, write_files


class Refused(MedVidBenchError):  # noqa: N818
    """Something about the submission itself is wrong; nothing was scored. Its text may be shown to the submitter."""


@dataclass(frozen=True)
class Submitted:
    """A submission on record. `notices` are things that were mended on the way."""

    entry: Entry
    record: Record
    notices: list[str]


def submit(
    predictions: Path,
    *,
    name: str,
    team: str,
    contact: str,
    board: Path,
    benchmark: Path,
    link: str = "",
    sign: Path | None = None,
    listed: bool = True,
    table: TableName = "community",
    certificates: Sequence[Path] = (),
    evaluated: Path | None = None,
    answers: Path | None = None,
    judge_cache: Path | None = None,
) -> Submitted:
    """Checks, scores (both protocols, the board's judges) and records a file of predictions.

    Args:
        board: an existing board folder (`Board.create`).
        benchmark: what is scored against: a benchmark folder or file with its truth.
        sign: an SSH key that signs the record.
        listed: False scores without showing.
        evaluated: see `About`.
        answers: the answer key of a question-only benchmark.
        judge_cache: folder for what a paid judge said, outside of the board, for it holds the truth; by default such
            replies are asked for again each time.

    Raises:
        Refused: anything is wrong with the file or with what is said beside it (one error names every fault), or the
            answers may not be scored now (`probing`).
        MedVidBenchError: the benchmark isn't the board's, or the board can't be read or written.
    """
    about = About(name, team, contact, link, listed, table, tuple(certificates), evaluated)
    place = Board.open(board)
    handed = read_handed(predictions, place.settings.limits)
    faults = [*about_faults(name, team, contact, link, table), *handed.faults, *_whose(place.log(), about)]
    facts = _run_facts(about, handed, faults)
    truth = load_truth(place, benchmark, answers)
    with _work(place) as folder:
        answered = _answered(handed, truth, place, folder, name, faults)
        entry_id = make_id(name, team, hashlib.sha256(handed.raw).hexdigest())
        digests = probing.answer_digests(truth.samples, answered.answers)
        notices = _admit(place, about, handed, digests)
        scored = score(place, truth, answered, name, handed, judge_cache)
        scored.results.run.update(facts)
        entry = write_files(folder, scored, about, handed, entry_id, digests)
        done = _publish(place, folder, entry, about, handed, digests, sign)
    return replace(done, notices=[*notices, *done.notices])


# --- before scoring ---------------------------------------------------------------------------------------------------


def _whose(log: Log, about: About) -> list[str]:
    """Who is behind a name that isn't listed stays unsaid."""
    records = [r.body for r in log.records if r.kind == "submission"]
    known = [(entry.model, entry.team) for entry in published_entries()]
    known += [(body["model"], body["team"]) for body in records if body["listed"]]
    hidden = [(body["model"], body["team"]) for body in records if not body["listed"]]
    other = taken_by(about.name, about.team, known)
    other = other or ("another team" if taken_by(about.name, about.team, hidden) else "")
    return [f"model name: {about.name!r} is taken by {other}"] if other else []


def _run_facts(about: About, handed: Handed, faults: list[str]) -> dict[str, Any]:
    """What `medvidbench eval` says of a run, if it is one on exactly these predictions."""
    if about.evaluated is None:
        return {}
    if about.table != "verified":
        faults.append("a results file of the run: only the maintainers' own (verified) runs can bring one")
        return {}
    results = read_results(about.evaluated)
    if results.predictions.get("sha256") != hashlib.sha256(handed.raw).hexdigest():
        faults.append(f"{about.evaluated.name} was made from other predictions")
    return results.run


def load_truth(board: Board, benchmark: Path, answers: Path | None = None) -> EvalData:
    """The board's benchmark with its truth.

    Raises:
        MedVidBenchError: it can't be read, is another one, or lies in the board, which is there to be published.
    """
    for path in (benchmark, answers):
        if path is not None and path.resolve().is_relative_to(board.path.resolve()):
            raise MedVidBenchError(f"{path} lies in the board, and it holds the truth.", "a place outside of it")
    truth = load_data(benchmark, answers=answers)
    if truth.digest != board.settings.benchmark:
        seen = f"{benchmark} isn't the benchmark of the board: SHA-256 {truth.digest[:12]} of its ids and truths."
        raise MedVidBenchError(seen, f"{board.settings.benchmark_name}, {board.settings.benchmark[:12]}")
    return truth


def _answered(handed: Handed, truth: EvalData, board: Board, folder: Path, model: str, faults: list[str]) -> Answered:
    """The answers beside the benchmark's rows; every fault so far is one error."""
    answered = Answered([], "")
    if not handed.faults:
        file = folder / ("predictions.jsonl" if handed.lines else "predictions.json")
        file.write_bytes(handed.content)
        answered = answers_of(file, truth.samples, model, board.settings.limits)
        faults += answered.faults
    if faults:
        listed = "\n".join(f"  - {fault}" for fault in faults)
        count = f"{len(faults)} fault{'s' if len(faults) > 1 else ''}"
        raise Refused(f"The submission has {count}; nothing was scored:\n{listed}", ACCEPTED)
    return answered


def _admit(board: Board, about: About, handed: Handed, digests: Digests) -> list[str]:
    """Under the lock: the name is still free, these predictions are new, and no limit on probing is reached.

    Returns:
        What was mended in the chain.
    """
    with board.writing() as writer:
        _check_new(board, writer, about, handed, digests)
        return list(writer.log.notices)


def _check_new(board: Board, writer: Writer, about: About, handed: Handed, digests: Digests) -> None:
    faults = _whose(writer.log, about)
    sha256 = hashlib.sha256(handed.raw).hexdigest()
    for record in writer.log.records:
        if record.kind == "submission" and record.body["predictions"]["sha256"] == sha256:
            own = record.body["listed"] or record.body["team"] == about.team
            faults.append(f"these predictions are on record{' as ' + record.body['entry_id'] if own else ''}")
    found = probing.probe(board, writer.log, about.team, digests)
    if found.fault:
        faults.append(found.fault)
    if faults:
        more = {"near": found.nearest, "share": round(found.share, 6), "near_copies": found.near_copies}
        board.attempt("refused", about.team, about.name, predictions=sha256, **more, faults=faults)
        listed = "\n".join(f"  - {fault}" for fault in faults)
        raise Refused(f"The submission can't be taken; nothing was scored:\n{listed}")


# --- scoring ----------------------------------------------------------------------------------------------------------


@contextmanager
def _work(board: Board) -> Iterator[Path]:
    """A folder of this process alone; gone afterwards, and swept by the next submission if this one is killed."""
    from filelock import FileLock

    folder = board.path / "work" / secrets.token_hex(8)
    with FileLock(folder.with_name(folder.name + ".lock"), timeout=0) as lock:
        folder.mkdir(mode=PRIVATE_MODE)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            Path(lock.lock_file).unlink(missing_ok=True)


def score(
    board: Board, truth: EvalData, answered: Answered, model: str, handed: Handed, judge_cache: Path | None
) -> Scored:
    """Both protocols and the board's judges; the results name no path of this machine.

    Raises:
        MedVidBenchError: a judge that can't be used.
    """
    from medvidbench.judges.specs import JudgeOptions, opened_judges

    used = {"path": file_name(handed), "sha256": hashlib.sha256(handed.raw).hexdigest()}
    used["joined_by"] = answered.joined_by
    with ExitStack() as stack:
        # what a judge is asked quotes the truth: its cache must not lie in the board
        cache = judge_cache or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        judges = stack.enter_context(opened_judges(list(board.settings.judges), JudgeOptions(cache)))
        scored = score_answers(truth, answered.answers, "both", model, used, judges=judges)
    data = {"path": board.settings.benchmark_name, "sha256": truth.digest}
    return replace(scored, results=scored.results.model_copy(update={"data": data}))


# --- putting it on record ---------------------------------------------------------------------------------------------


def _publish(
    board: Board, folder: Path, entry: Entry, about: About, handed: Handed, digests: Digests, key: Path | None
) -> Submitted:
    """Both folders are moved into place, then the record makes them count. A kill in between leaves no entry."""
    with board.writing() as writer:
        notices = list(writer.log.notices)
        _check_new(board, writer, about, handed, digests)
        files = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted((folder / "public").iterdir())}
        for part, place in (("public", board.folder(entry.entry_id)), ("private", board.private / entry.entry_id)):
            (folder / part).rename(place)
            sync_folder(place.parent)
        record = writer.append("submission", body_of(entry, handed, files), key)
        board.attempt("scored", about.team, about.name, entry_id=entry.entry_id, predictions=entry.hashes.predictions)
    return Submitted(entry, record, notices)
