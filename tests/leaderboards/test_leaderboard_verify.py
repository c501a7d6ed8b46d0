from __future__ import annotations

import gzip
import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from board_runs import Board, hand_in, new_board, rows_of, write_rows
from test_leaderboard_chain import allow, make_key, needs_ssh

from medvidbench.errors import MedVidBenchError
from medvidbench.hashing import file_sha256
from medvidbench.leaderboards.chain import START, canonical, read_chain
from medvidbench.leaderboards.promote import promote
from medvidbench.leaderboards.verify import verify


@pytest.fixture
def place(tmp_path: Path) -> tuple[Board, Path, str]:
    board, truth = new_board(tmp_path)
    done = hand_in(board, truth, write_rows(tmp_path / "p.json", rows_of(truth, 6)))
    return board, truth, done.entry.entry_id


def test_an_honest_row_holds_in_every_number(place: tuple[Board, Path, str]) -> None:
    board, truth, entry_id = place
    found = verify(board.path, entry_id, truth)
    assert found.holds and found.rescored and len(found.numbers) > 20
    assert {n.protocol for n in found.numbers} == {"strict", "official"} and {"", "AVOS"} <= {
        n.source for n in found.numbers
    }
    without = verify(board.path, entry_id)
    assert without.holds and not without.rescored


def forge(board: Board, entry_id: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Changes entry.json and makes the chain fit again, as somebody with the folder in hand could."""
    file = board.folder(entry_id) / "entry.json"
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    previous, lines = START, []
    for line in board.chain.read_bytes().splitlines():
        record = json.loads(line) | {"previous": previous}
        record["body"]["files"]["entry.json"] = file_sha256(file)
        lines.append(canonical(record))
        previous = hashlib.sha256(lines[-1]).hexdigest()
    board.chain.write_bytes(b"\n".join(lines) + b"\n")


def test_a_forged_number_is_found_by_scoring_again_even_when_all_hashes_fit(place: tuple[Board, Path, str]) -> None:
    board, truth, entry_id = place

    def better(content: dict[str, Any]) -> None:
        content["protocols"]["strict"]["metrics"]["TAG_mIoU"]["value"] = 0.75

    forge(board, entry_id, better)
    found = verify(board.path, entry_id, truth)
    assert not found.holds and all(c.holds for c in found.checks)
    wrong = [n for n in found.numbers if not n.holds]
    # 6 of 12 spans are right
    assert [(n.protocol, n.source, n.metric, n.shown) for n in wrong] == [("strict", "", "TAG_mIoU", 0.75)]
    assert wrong[0].found == pytest.approx(0.5)


@pytest.mark.parametrize("part", ["low", "high", "n"])
def test_a_forged_interval_or_count_does_not_hold(place: tuple[Board, Path, str], part: str) -> None:
    board, truth, entry_id = place
    forge(board, entry_id, lambda c: c["protocols"]["strict"]["metrics"]["TAG_mIoU"].update({part: 1}))
    assert [n.metric for n in verify(board.path, entry_id, truth).numbers if not n.holds] == ["TAG_mIoU"]


def test_a_forged_badge_does_not_hold(place: tuple[Board, Path, str]) -> None:
    board, truth, entry_id = place
    forge(board, entry_id, lambda c: c.update({"time_axis": "passed"}))
    assert [c.what for c in verify(board.path, entry_id, truth).checks if not c.holds] == ["time axis"]


@pytest.mark.parametrize("name", ["entry.json", "results.json", "predictions.json.gz", "log.txt"])
def test_a_file_that_was_changed_or_is_gone_is_named(place: tuple[Board, Path, str], name: str) -> None:
    board, truth, entry_id = place
    file = board.folder(entry_id) / name
    content = file.read_bytes()
    file.write_bytes(content + b" ")
    found = verify(board.path, entry_id, truth)
    assert f"file {name}" in [c.what for c in found.checks if not c.holds] and not found.holds
    file.unlink()
    assert not verify(board.path, entry_id, truth).holds


def test_other_predictions_in_the_same_place_do_not_hold(place: tuple[Board, Path, str], tmp_path: Path) -> None:
    board, truth, entry_id = place
    file = board.folder(entry_id) / "predictions.json.gz"
    file.write_bytes(gzip.compress(json.dumps(rows_of(truth, 12)).encode(), mtime=0))
    wrong = [c.what for c in verify(board.path, entry_id, truth).checks if not c.holds]
    assert wrong == ["file predictions.json.gz", "predictions as handed in"]


def test_a_broken_chain_is_an_error(place: tuple[Board, Path, str]) -> None:
    board, truth, entry_id = place
    board.chain.write_bytes(board.chain.read_bytes().replace(b"Model A", b"Model B"))
    promote_free = board.chain.read_bytes()
    assert read_chain(board.chain).records  # a single record has none after it that vouches for it ...
    assert not verify(board.path, entry_id, truth).holds  # ... but the entry says another name
    board.chain.write_bytes(promote_free.replace(b'"number":0', b'"number":1'))
    with pytest.raises(MedVidBenchError, match="doesn't continue"):
        verify(board.path, entry_id, truth)


def test_an_unknown_entry_lists_those_there_are(place: tuple[Board, Path, str]) -> None:
    board, _, entry_id = place
    with pytest.raises(MedVidBenchError, match=entry_id):
        verify(board.path, "nobody")


def test_predictions_that_came_in_gzip_hold_too(tmp_path: Path) -> None:
    board, truth = new_board(tmp_path)
    (tmp_path / "p.gz").write_bytes(gzip.compress(json.dumps(rows_of(truth)).encode()))
    done = hand_in(board, truth, tmp_path / "p.gz")
    assert verify(board.path, done.entry.entry_id, truth).holds


@needs_ssh
def test_signed_records_say_who_signed_and_strangers_do_not_hold(tmp_path: Path) -> None:
    board, truth = new_board(tmp_path)
    ann, eve = make_key(tmp_path, "ann"), make_key(tmp_path, "eve")
    shutil.copy(allow(tmp_path, ann), board.signers)
    ids = [
        hand_in(board, truth, write_rows(tmp_path / f"{k}.json", rows_of(truth, 4 * k)), f"Model {k}", sign=key)
        for k, key in enumerate((ann, eve, None))
    ]
    found = [verify(board.path, done.entry.entry_id, must_be_signed=True) for done in ids]
    said = [next(c for c in v.checks if c.what == "signature") for v in found]
    assert [(c.holds, c.why) for c in said] == [
        (True, "by ann@example.org"),
        (False, "by nobody who is allowed to"),
        (False, "none"),
    ]
    assert verify(board.path, ids[2].entry.entry_id).holds  # a signature is asked for only where it must be there


def test_a_promotion_is_a_record_with_a_reason_and_can_be_taken_back(place: tuple[Board, Path, str]) -> None:
    board, truth, entry_id = place
    before = board.chain.read_bytes()
    record = promote(board.path, entry_id, "ran the weights of 1 May with the public code", by="Ann")
    assert record.kind == "promotion" and record.body["from"] == "community" and record.body["to"] == "verified"
    assert [e.table for e in board.entries()] == ["verified"] and board.leaderboard(False).entries[
        0
    ].table == "verified"
    with pytest.raises(MedVidBenchError, match="already"):
        promote(board.path, entry_id, "again", by="Ann")
    promote(board.path, entry_id, "the weights were others", by="Ann", to="community")
    assert [e.table for e in board.entries()] == ["community"]
    assert board.chain.read_bytes().startswith(before) and len(board.log().records) == 3
    assert verify(board.path, entry_id, truth).holds


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"reason": "  "}, "reason of 2 characters"),
        ({"by": "a\u202eb"}, "maintainer's name"),
        ({"entry_id": "nobody"}, "No entry 'nobody'"),
        ({"to": "published"}, "Unknown table"),
    ],
)
def test_a_promotion_without_reason_name_or_entry_is_refused(
    place: tuple[Board, Path, str], fields: dict[str, Any], said: str
) -> None:
    board, _, entry_id = place
    given = {"entry_id": entry_id, "reason": "r", "by": "Ann"} | fields
    with pytest.raises(MedVidBenchError, match=said):
        promote(board.path, **given)
    assert len(board.log().records) == 1
