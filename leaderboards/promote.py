"""From community to verified and back: a record of its own with a reason; what stands on record is never rewritten."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.chain import Record
from medvidbench.leaderboards.entries import TableName
from medvidbench.leaderboards.naming import name_faults
from medvidbench.leaderboards.verify import submission_of

LONGEST_REASON = 500


def promote(
    board: Path, entry_id: str, reason: str, *, by: str, to: TableName = "verified", sign: Path | None = None
) -> Record:
    """Puts an entry into the other table.

    Args:
        reason: what was done to verify it; it is shown.
        by: the maintainer.
        to: "verified", or "community" to take a promotion back.
        sign: an SSH key that signs the record.

    Raises:
        MedVidBenchError: no such entry, no reason, it stands there already, or the chain is broken.
    """
    place = Board.open(board)
    if not reason.strip() or len(reason) > LONGEST_REASON:
        raise MedVidBenchError(f"A reason of {len(reason)} characters.", f"1 to {LONGEST_REASON}, e.g. what was run")
    if faults := name_faults(by):
        raise MedVidBenchError(f"The maintainer's name {faults[0]}.", "a name")
    if to not in ("verified", "community"):
        raise MedVidBenchError(f"Unknown table {to!r}.", ", ".join(t for t in get_args(TableName) if t != "published"))
    with place.writing() as writer:
        submission_of(writer.log.records, entry_id)
        stands = next(e.table for e in place.entries_of(writer.log) if e.entry_id == entry_id)
        if stands == to:
            raise MedVidBenchError(f"{entry_id} stands in the table {to!r} already.", "an entry of the other table")
        body = {"entry_id": entry_id, "from": stands, "to": to, "reason": reason.strip(), "by": by}
        return writer.append("promotion", body, sign)
