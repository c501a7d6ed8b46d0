"""What a scored submission leaves in a board folder: public files, private files, and the body of its record."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medvidbench.evaluation.results import Results, row_table
from medvidbench.evaluation.score_file import Scored
from medvidbench.leaderboards import probing
from medvidbench.leaderboards.board import PRIVATE_MODE, write_synced
from medvidbench.leaderboards.chain import now
from medvidbench.leaderboards.entries import Entry, Hashes, TableName
from medvidbench.leaderboards.from_results import entry_of
from medvidbench.leaderboards.probing import Digests
from medvidbench.leaderboards.reading import Handed

KEPT_BY_ROW = ("sample_id", "clip_id", "source", "group", "task", "qa_type", "protocol", "status", "numbers", "columns")
"""Columns of the row file that a board keeps, privately: what is read or said of a row can quote its truth."""


@dataclass(frozen=True)
class About:
    """What stands beside the predictions.

    Attributes:
        listed: False scores without showing.
        certificates: JSON certificates of the board's judges.
        evaluated: results file of `medvidbench eval` on the same predictions, for time axis, cost and settings; only a
            verified entry can have one.
    """

    name: str
    team: str
    contact: str
    link: str = ""
    listed: bool = True
    table: TableName = "community"
    certificates: tuple[Path, ...] = ()
    evaluated: Path | None = None


def file_name(handed: Handed) -> str:
    """Name of the kept predictions; never one that the submitter chose."""
    return f"predictions.{'jsonl' if handed.lines else 'json'}.gz"


def write_files(folder: Path, scored: Scored, about: About, handed: Handed, entry_id: str, digests: Digests) -> Entry:
    """Writes `folder/public` and `folder/private`.

    Raises:
        MedVidBenchError: a certificate that is none of the judges'.
    """
    public, private = folder / "public", folder / "private"
    public.mkdir()
    private.mkdir(mode=PRIVATE_MODE)
    write_synced(public / file_name(handed), handed.raw if handed.gzipped else gzip.compress(handed.raw, mtime=0))
    results = scored.results
    content = (results.model_dump_json(indent=1) + "\n").encode()
    write_synced(public / "results.json", content)
    entry = _entry(results, about, entry_id, hashlib.sha256(content).hexdigest())
    write_synced(public / "entry.json", (entry.to_json() + "\n").encode())
    write_synced(public / "log.txt", _log(entry, results).encode())
    _write_private(private, scored, about, digests)
    return entry


def _entry(results: Results, about: About, entry_id: str, sha256: str) -> Entry:
    hashes = Hashes(predictions=results.predictions["sha256"], benchmark=results.data["sha256"], results=sha256)
    return entry_of(
        results,
        model=about.name,
        team=about.team,
        link=about.link,
        contact=about.contact,
        table=about.table,
        listed=about.listed,
        day=now()[:10],
        entry_id=entry_id,
        hashes=hashes,
        certificates=about.certificates,
    )


def _write_private(folder: Path, scored: Scored, about: About, digests: Digests) -> None:
    """The row file stands beside a copy of the results, as comparisons on common rows want it."""
    import pyarrow.parquet as pq

    rows = row_table(scored.data.samples, scored.answers, scored.scores).select(list(KEPT_BY_ROW))
    pq.write_table(rows, folder / "results.rows.parquet", compression="zstd")
    results = scored.results.model_copy(update={"rows": "results.rows.parquet"})
    write_synced(folder / "results.json", (results.model_dump_json(indent=1) + "\n").encode())
    write_synced(folder / "contact.json", json.dumps({"contact": about.contact}).encode())
    probing.write_digests(folder / probing.ANSWERS, digests)


def _log(entry: Entry, results: Results) -> str:
    counts = ", ".join(f"{name} {count}" for name, count in results.counts.items())
    lines = [f"{now()} scored {entry.model} of {entry.team}", f"rows: {counts}"]
    lines.append(f"joined by {results.predictions['joined_by']}")
    lines += [f"{p.protocol}: {note}" for p in results.protocols() for note in p.notes]
    lines += [f"judge {r.get('judge')}: {r.get('pairs')} pairs, {r.get('failed')} failed" for r in results.judges]
    return "\n".join(lines) + "\n"


def body_of(entry: Entry, handed: Handed, files: dict[str, str]) -> dict[str, Any]:
    """What the chain says of a submission: hashes of all public files, and what the numbers rest on."""
    return {
        "entry_id": entry.entry_id,
        "model": entry.model,
        "team": entry.team,
        "table": entry.table,
        "listed": entry.listed,
        "predictions": {
            "file": file_name(handed),
            "sha256": entry.hashes.predictions,
            "gzipped": handed.gzipped,
        },
        "benchmark": entry.hashes.benchmark,
        "files": files,
        "code": entry.code_version,
        "protocols": {name: numbers.version for name, numbers in entry.protocols.items()},
        "judges": [judge.model_dump(mode="json") for judge in entry.judges],
        "time_axis": entry.time_axis,
        "cost_usd": entry.cost_usd,
        "environment": entry.environment,
    }
