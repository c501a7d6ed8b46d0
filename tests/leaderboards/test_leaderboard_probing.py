from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from board_runs import Board, new_board, write_truth

from medvidbench.evaluation.data import load_data
from medvidbench.leaderboards.chain import writing
from medvidbench.leaderboards.probing import ANSWERS, Digests, answer_digests, probe, write_digests
from medvidbench.records import Answer, Sample

NOW = datetime(2026, 5, 10, tzinfo=timezone.utc)


def question(task: str, tmp_path: Path) -> Sample:
    return next(s for s in load_data(write_truth(tmp_path)).samples if s.task == task)


def answers(tmp_path: Path, changed: int = 0, total: int = 1000) -> Digests:
    texts = [f"other {i}" if i < changed else f"said {i}" for i in range(total)]
    return answer_digests([question("RC", tmp_path)] * total, [Answer(str(i), "m", t) for i, t in enumerate(texts)])


def put(board: Board, entry_id: str, digests: Digests, team: str = "T", days_ago: float = 1) -> None:
    folder = board.private / entry_id
    folder.mkdir()
    write_digests(folder / ANSWERS, digests)
    moment = (NOW - timedelta(days=days_ago)).isoformat(timespec="seconds")
    with writing(board.chain) as writer:
        writer.append("submission", {"entry_id": entry_id, "team": team}, time=moment)


def digests_of(tmp_path: Path, task: str, *texts: str | None) -> list[int]:
    given = [None if text is None else Answer("1", "m", text) for text in texts]
    return [int(n) for n in answer_digests([question(task, tmp_path)] * len(texts), given)]


def test_digests_tell_texts_apart_and_no_answer_from_an_empty_one(tmp_path: Path) -> None:
    said = digests_of(tmp_path, "RC", "A hook. ", "a  hook", "", None)
    assert said[0] == said[1] != said[2] and said[2] != 0 == said[3]


@pytest.mark.parametrize(
    ("task", "one", "same", "other"),
    [
        ("TAG", "5.0-9.0 seconds.", "It is from 5.0 to 9 seconds", "5.0-9.5 seconds."),
        ("CVS", "Two structures: 0, Cystic plate: 1", "Two structures: 0; cystic plate: 1.", "Two structures: 1"),
        ("RC", "The hook moves.", "the hook  moves", "The hook rests."),
    ],
)
def test_another_wording_of_the_same_answer_is_the_same_answer(
    tmp_path: Path, task: str, one: str, same: str, other: str
) -> None:
    a, b, c = digests_of(tmp_path, task, one, same, other)
    assert a == b != c


@pytest.mark.parametrize(("changed", "near"), [(0, 1), (9, 1), (10, 0), (500, 0)])
def test_a_near_copy_has_over_99_percent_of_the_answers(tmp_path: Path, changed: int, near: int) -> None:
    # of 1,000 answers: 9 changed leave 0.991, 10 leave 0.990, which is not over it
    board, _ = new_board(tmp_path)
    put(board, "a", answers(tmp_path))
    found = probe(board, board.log(), "T", answers(tmp_path, changed), NOW)
    assert (found.near_copies, found.nearest, found.share) == (near, "a", pytest.approx(1 - changed / 1000))
    assert found.fault == ""


def test_near_copies_of_anybody_count_and_old_ones_and_those_of_other_answers_do_not(tmp_path: Path) -> None:
    board, _ = new_board(tmp_path, near_copies=1)
    put(board, "old", answers(tmp_path, 1), days_ago=8)
    put(board, "far", answers(tmp_path, 300))
    put(board, "a", answers(tmp_path, 2), team="A")
    assert probe(board, board.log(), "T", answers(tmp_path), NOW).fault == ""
    put(board, "b", answers(tmp_path, 3), team="B")
    assert "2 submissions of the last 7 days" in probe(board, board.log(), "T", answers(tmp_path), NOW).fault
    assert probe(board, board.log(), "T", answers(tmp_path, 300), NOW).fault == ""


def test_submissions_of_a_team_count_whatever_their_case(tmp_path: Path) -> None:
    board, _ = new_board(tmp_path, submissions=2)
    put(board, "a", answers(tmp_path, 100), team="Team")
    put(board, "b", answers(tmp_path, 200), team="TEAM")
    put(board, "c", answers(tmp_path, 300), team="Team", days_ago=30)
    assert "2 submissions of this team" in probe(board, board.log(), "team", answers(tmp_path), NOW).fault
    assert probe(board, board.log(), "others", answers(tmp_path), NOW).fault == ""
