from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from board_runs import Board, new_board

from medvidbench.leaderboards.chain import writing
from medvidbench.leaderboards.probing import ANSWERS, Digests, answer_digests, probe, write_digests
from medvidbench.records import Answer

NOW = datetime(2026, 5, 10, tzinfo=timezone.utc)


def answers(changed: int = 0, total: int = 1000) -> Digests:
    return answer_digests([Answer(str(i), "m", f"other {i}" if i < changed else f"said {i}") for i in range(total)])


def put(board: Board, entry_id: str, digests: Digests, team: str = "T", days_ago: float = 1) -> None:
    folder = board.private / entry_id
    folder.mkdir()
    write_digests(folder / ANSWERS, digests)
    moment = (NOW - timedelta(days=days_ago)).isoformat(timespec="seconds")
    with writing(board.chain) as writer:
        writer.append("submission", {"entry_id": entry_id, "team": team}, time=moment)


def test_digests_tell_texts_apart_and_no_answer_from_an_empty_one() -> None:
    said = answer_digests([Answer("1", "m", " a "), Answer("2", "m", "a"), Answer("3", "m", ""), None])
    assert said[0] == said[1] != said[2] and said[2] != 0 == said[3]


@pytest.mark.parametrize(("changed", "near"), [(0, 1), (9, 1), (10, 0), (500, 0)])
def test_a_near_copy_has_over_99_percent_of_the_answers(tmp_path: Path, changed: int, near: int) -> None:
    # of 1,000 answers: 9 changed leave 0.991, 10 leave 0.990, which is not over it
    board, _ = new_board(tmp_path)
    put(board, "a", answers())
    found = probe(board, board.log(), "T", answers(changed), NOW)
    assert (found.near_copies, found.nearest, found.share) == (near, "a", pytest.approx(1 - changed / 1000))
    assert found.fault == ""


def test_near_copies_of_anybody_count_and_old_ones_and_those_of_other_answers_do_not(tmp_path: Path) -> None:
    board, _ = new_board(tmp_path, near_copies=1)
    put(board, "old", answers(1), days_ago=8)
    put(board, "far", answers(300))
    put(board, "a", answers(2), team="A")
    assert probe(board, board.log(), "T", answers(), NOW).fault == ""
    put(board, "b", answers(3), team="B")
    assert "2 submissions of the last 7 days" in probe(board, board.log(), "T", answers(), NOW).fault
    assert probe(board, board.log(), "T", answers(300), NOW).fault == ""


def test_submissions_of_a_team_count_whatever_their_case(tmp_path: Path) -> None:
    board, _ = new_board(tmp_path, submissions=2)
    put(board, "a", answers(100), team="Team")
    put(board, "b", answers(200), team="TEAM")
    put(board, "c", answers(300), team="Team", days_ago=30)
    assert "2 submissions of this team" in probe(board, board.log(), "team", answers(), NOW).fault
    assert probe(board, board.log(), "others", answers(), NOW).fault == ""
