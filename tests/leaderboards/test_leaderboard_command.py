from __future__ import annotations

import json
from pathlib import Path

import pytest
from board_runs import rows_of, write_rows, write_truth

from medvidbench.commands import leaderboard, table
from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.board import Board
from medvidbench.leaderboards.published_rows import published_entries


def test_a_new_folder_becomes_a_board_and_the_whole_way_can_be_walked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truth, board = write_truth(tmp_path), tmp_path / "board"
    given = {"team": "T", "contact": "a@b.org"}
    leaderboard.submit(write_rows(tmp_path / "a.json", rows_of(truth)), "A", board, truth, **given)
    before = tmp_path / "before.json"
    before.write_text(Board.open(board).leaderboard().to_json())
    leaderboard.submit(write_rows(tmp_path / "b.json", rows_of(truth, 6)), "B", board, truth, **given)
    said = capsys.readouterr().out
    assert "record 0 of" in said and "record 1 of" in said
    entry_id = Board.open(board).entries()[1].entry_id
    leaderboard.promote(board, entry_id, "ran it", by="Ann")
    assert leaderboard.verify(board, [], truth)
    said = capsys.readouterr().out
    assert "community to verified" in said and said.count(": holds (scored again from its predictions)") == 2
    after = tmp_path / "after.json"
    after.write_text(Board.open(board).leaderboard().to_json())
    leaderboard.diff(before, after, as_json=True)
    assert [e["what"] for e in json.loads(capsys.readouterr().out)["entries"]] == ["new"]
    table.run([], "md", "strict", "TAG_mIoU", "", None, board=board)
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("| A |") and lines[3].startswith("| B | **0.500**")


def test_verify_says_which_entry_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    truth, board = write_truth(tmp_path), tmp_path / "board"
    leaderboard.submit(write_rows(tmp_path / "a.json", rows_of(truth)), "A", board, truth, team="T", contact="a@b.org")
    (Board.open(board).folder(Board.open(board).entries()[0].entry_id) / "log.txt").write_text("changed")
    assert not leaderboard.verify(board)
    said = capsys.readouterr().out
    assert "DOES NOT HOLD" in said and "FAIL file log.txt" in said


def test_settings_of_a_board_are_not_changed_by_a_submission(tmp_path: Path) -> None:
    truth, board = write_truth(tmp_path), tmp_path / "board"
    given = {"team": "T", "contact": "a@b.org"}
    leaderboard.submit(write_rows(tmp_path / "a.json", rows_of(truth)), "A", board, truth, **given, board_name="X")
    assert Board.open(board).settings.name == "X"
    with pytest.raises(MedVidBenchError, match="is a board already"):
        leaderboard.submit(tmp_path / "a.json", "A", board, truth, **given, judge="gpt-4.1")
    with pytest.raises(MedVidBenchError, match="Unknown table"):
        leaderboard.submit(tmp_path / "a.json", "A", board, truth, **given, table="published")


def test_the_papers_table_is_one_command_in_markdown_and_latex(capsys: pytest.CaptureFixture[str]) -> None:
    table.run([], "md", None, None, "", None, paper=True)
    lines = capsys.readouterr().out.splitlines()
    assert len([line for line in lines if line.startswith("| ")]) == 1 + len(published_entries())
    assert lines[2].startswith("| GPT-4.1 | 0.018 | 0.250 |")
    table.run([], "latex", None, None, "", None, paper=True, rank_by="mean rank", info="place")
    rows = [line for line in capsys.readouterr().out.splitlines() if line.endswith(r"\\")]
    assert rows[1].startswith("uAI-NEXUS-MedVLM-1.0b-4B-RL & 1 & ") and rows[0].startswith("Model & Place & CVS")


def test_a_table_of_nothing_says_what_can_be_shown() -> None:
    with pytest.raises(MedVidBenchError, match="--published"):
        table.run([], "md", None, None, "", None)
