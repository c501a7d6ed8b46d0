from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from board_runs import hand_in, new_board, rows_of, write_rows

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.board import Board

SCRIPT = """
import os, signal, sys, time
from pathlib import Path
from medvidbench.leaderboards import board, chain, submit
board_dir, truth, predictions, mark, where = sys.argv[1:]

def stop(*given, **more):
    Path(mark).touch()
    time.sleep(60)

def die(*given, **more):
    os.kill(os.getpid(), signal.SIGKILL)

def half(path, line):
    with path.open("ab") as stream:
        stream.write(line[: len(line) // 2])
        stream.flush()
    die()

if where == "scoring":
    submit.score_answers = stop
elif where == "before the record":
    chain.Writer.append = die
elif where == "half a record":
    chain._append = half
elif where == "after the record":
    board.Board.attempt = die
about = dict(name="Killed", team="T", contact="a@b.org")
submit.submit(Path(predictions), board=Path(board_dir), benchmark=Path(truth), **about)
"""
PLACES = ("scoring", "before the record", "half a record", "after the record")


@pytest.mark.parametrize("where", PLACES)
def test_a_killed_submission_is_there_whole_or_not_at_all(tmp_path: Path, where: str) -> None:
    board, truth = new_board(tmp_path)
    first = hand_in(board, truth, write_rows(tmp_path / "a.json", rows_of(truth)))
    file, mark = write_rows(tmp_path / "b.json", rows_of(truth, 6)), tmp_path / "mark"
    command = [sys.executable, "-c", SCRIPT, str(board.path), str(truth), str(file), str(mark), where]
    process = subprocess.Popen(command)
    if where == "scoring":
        patience = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < patience:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
    assert process.wait(60) == -signal.SIGKILL
    models = ["Model A", "Killed"] if where == "after the record" else ["Model A"]
    assert [e.model for e in Board.open(board.path).entries()] == models
    assert [e.model for e in board.leaderboard(published=False).entries] == models
    if where == "after the record":
        with pytest.raises(MedVidBenchError, match="on record as"):
            hand_in(board, truth, file, "Killed", team="T")
    else:
        again = hand_in(board, truth, file, "Killed", team="T")
        assert bool(again.notices) == (where == "half a record")
        assert [e.model for e in board.entries()] == ["Model A", "Killed"]
    assert board.entries()[0].entry_id == first.entry.entry_id
    # nothing that the killed process left is among the submissions, and its work is gone
    assert {p.name for p in (board.path / "submissions").iterdir()} == {e.entry_id for e in board.entries()}
    hand_in(board, truth, write_rows(tmp_path / "c.json", rows_of(truth, 9)), "Later")
    assert [p for p in (board.path / "work").iterdir() if p.is_dir()] == []


def test_work_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    board, truth = new_board(tmp_path)
    file, mark = write_rows(tmp_path / "b.json", rows_of(truth, 6)), tmp_path / "mark"
    command = [sys.executable, "-c", SCRIPT, str(board.path), str(truth), str(file), str(mark), "scoring"]
    process = subprocess.Popen(command)
    try:
        patience = time.monotonic() + 60
        while not mark.exists() and time.monotonic() < patience:
            time.sleep(0.05)
        hand_in(board, truth, write_rows(tmp_path / "a.json", rows_of(truth)))
        assert len([p for p in (board.path / "work").iterdir() if p.is_dir()]) == 1
    finally:
        process.kill()
        process.wait()


def test_a_lost_chain_costs_no_submission(tmp_path: Path) -> None:
    board, truth = new_board(tmp_path)
    done = hand_in(board, truth, write_rows(tmp_path / "a.json", rows_of(truth)))
    board.chain.unlink()
    hand_in(board, truth, write_rows(tmp_path / "b.json", rows_of(truth, 6)), "Model B")
    kept = [p.name for p in (board.private / "orphans").iterdir()]
    assert any(name.startswith(f"submissions-{done.entry.entry_id}") for name in kept)
