from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from board_runs import VIDEOS, WORDS, Board, answer_of, hand_in, new_board, rows_of, write_rows

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import load_data
from medvidbench.leaderboards.ranking import rank
from medvidbench.leaderboards.submit import Refused


@pytest.fixture
def place(tmp_path: Path) -> tuple[Board, Path]:
    return new_board(tmp_path)


def files_of(folder: Path) -> list[Path]:
    return [p for p in folder.rglob("*") if p.is_file()]


def test_a_submission_is_scored_with_both_protocols_and_the_concept_judge(
    place: tuple[Board, Path], tmp_path: Path
) -> None:
    board, truth = place
    done = hand_in(board, truth, write_rows(tmp_path / "p.json", rows_of(truth, right=3)), link="https://example.org")
    entry = done.entry
    # 3 of 12 videos are right in every span: the row score is their share
    number = entry.number("TAG_mIoU", "strict")
    assert number is not None and number.value == pytest.approx(3 / 12) and number.n == 12 and number.n_clusters == 12
    assert entry.number("TAG_mIoU@0.3") is not None and entry.number("RC_concept", "official") is not None
    assert [j.name for j in entry.judges] == ["concept-v1"]
    assert entry.table == "community" and entry.time_axis == "not proven" and entry.listed
    assert board.entries() == [entry.model_copy(update={"contact": ""})]
    body = done.record.body
    assert body["predictions"]["sha256"] == entry.hashes.predictions and body["benchmark"] == load_data(truth).digest
    assert body["judges"][0]["record"]["lexicon"] and body["protocols"] == {"strict": "1", "official": "1"}


def test_no_byte_of_a_board_holds_the_truth_or_where_it_lies(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    hand_in(board, truth, write_rows(tmp_path / "p.json", rows_of(truth)))
    shown = files_of(board.path)
    assert {"chain.jsonl", "results.json", "predictions.json.gz", "results.rows.parquet", "log.txt"} <= {
        p.name for p in shown
    }
    spans = [f"{711.3 + v:.1f}" for v in range(VIDEOS)] + [f"{723.7 + v:.1f}" for v in range(VIDEOS)]
    wanted = [*WORDS, "gallbladder", *spans, str(truth.parent), truth.name]
    for path in shown:
        content = readable(path)
        assert not [word for word in wanted if word.encode() in content], path
    # the scan sees what it looks for: the same file of rows with what was said of each row would be caught
    from medvidbench.evaluation.score_file import score_answers
    from medvidbench.judges.specs import JudgeOptions, opened_judges
    from medvidbench.records import Answer

    data = load_data(truth)
    answers: list[Answer | None] = [Answer(s.sample_id, "m", answer_of(s)) for s in data.samples]
    with opened_judges(["concept"], JudgeOptions(tmp_path)) as judges:
        score_answers(data, answers, "both", "m", {"path": "p", "sha256": "0"}, judges=judges).write(
            tmp_path / "leak" / "results.json"
        )
    assert b"gallbladder" in readable(tmp_path / "leak" / "results.rows.parquet")


def readable(path: Path) -> bytes:
    """A file's bytes, expanded where they are compressed."""
    if path.suffix == ".gz":
        return gzip.decompress(path.read_bytes())
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        return json.dumps(pq.read_table(path).to_pylist()).encode()
    return path.read_bytes()


def test_contacts_stay_in_the_private_folder(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    done = hand_in(board, truth, write_rows(tmp_path / "p.json", rows_of(truth)), contact="very.private@example.org")
    holders = [p for p in files_of(board.path) if b"very.private" in p.read_bytes()]
    assert holders == [board.private / done.entry.entry_id / "contact.json"]
    assert "very.private" not in board.leaderboard().to_json()


def test_a_submission_that_is_not_listed_is_scored_and_not_shown(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    done = hand_in(board, truth, write_rows(tmp_path / "p.json", rows_of(truth)), listed=False)
    assert [e.entry_id for e in board.entries()] == [done.entry.entry_id]
    assert done.entry.entry_id not in [e.entry_id for e in board.leaderboard().entries]


def test_whose_an_entry_is_that_is_not_listed_is_told_to_nobody_else(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    file = write_rows(tmp_path / "p.json", rows_of(truth))
    hidden = hand_in(board, truth, file, "Secret model", listed=False).entry
    other = write_rows(tmp_path / "q.json", rows_of(truth, 6))
    with pytest.raises(Refused, match="taken by another team") as name:
        hand_in(board, truth, other, "secret-model", team="Team B")
    with pytest.raises(Refused, match="are on record") as same:
        hand_in(board, truth, file, "Other model", team="Team B")
    for said in (str(name.value), str(same.value)):
        assert hidden.team not in said and hidden.entry_id not in said
    with pytest.raises(Refused, match=f"on record as {hidden.entry_id}"):
        hand_in(board, truth, file, "Other model")


def test_gzip_and_json_lines_are_the_same_answers(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    lines = "\n".join(json.dumps(row) for row in rows_of(truth, 3)) + "\n"
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    one = hand_in(board, truth, tmp_path / "p.jsonl.gz").entry
    two = hand_in(board, truth, write_rows(tmp_path / "p.json", rows_of(truth, 3)), "Model B").entry
    assert one.protocols == two.protocols and one.hashes.predictions != two.hashes.predictions
    kept = board.folder(one.entry_id) / "predictions.jsonl.gz"
    assert kept.read_bytes() == (tmp_path / "p.jsonl.gz").read_bytes()


def change(rows: list[dict[str, Any]], how: str) -> Any:
    changed: dict[str, Any] = {
        "duplicate": [*rows, rows[0]],
        "unknown": [*rows[1:], {**rows[0], "sample_id": "nobody"}],
        "missing": rows[1:],
        "failed call": [*rows[1:], {"sample_id": rows[0]["sample_id"], "prediction": None, "error": "HTTP 500"}],
        "no text": [*rows[1:], {**rows[0], "prediction": ["a"]}],
        "null": [*rows[1:], {**rows[0], "prediction": None}],
        "long": [*rows[1:], {**rows[0], "prediction": "x" * 20_001}],
        "truth": [{**row, "struc_info": [], "gnd": "x"} for row in rows],
        "number": [*rows, 5],
        "surrogate": [*rows[1:], {**rows[0], "prediction": "\ud800"}],
        "empty": [],
    }
    return changed[how]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("duplicate", "1 ids stand twice"),
        ("unknown", "1 rows answer no question of the benchmark: .*nobody"),
        ("missing", "35 of 36 questions are answered, 100 % are needed"),
        ("failed call", "35 of 36 questions are answered"),
        ("no text", "the prediction is no text: row 35"),
        ("null", "the prediction is no text: row 35"),
        ("long", "a text of over 20,000 characters: row 35"),
        ("truth", "a truth of its own .'struc_info'.: row 0, row 1, row 2 and 33 more"),
        ("number", "no object: row 36"),
        ("surrogate", "half of a surrogate pair"),
        ("empty", "holds no rows"),
    ],
)
def test_a_faulty_file_is_refused_before_scoring(
    place: tuple[Board, Path], tmp_path: Path, how: str, said: str
) -> None:
    board, truth = place
    with pytest.raises(MedVidBenchError, match=said):
        hand_in(board, truth, write_rows(tmp_path / "p.json", change(rows_of(truth), how)))
    assert board.log().records == [] and not list((board.path / "submissions").iterdir())
    assert not list((board.path / "work").iterdir())


def test_every_fault_is_told_in_one_error(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    rows = rows_of(truth)[1:]
    with pytest.raises(MedVidBenchError) as caught:
        hand_in(
            board, truth, write_rows(tmp_path / "p.json", rows), "a\u202eb", team="", contact="?", link="javascript:x"
        )
    text = str(caught.value)
    parts = ("has 5 faults", "U+202E", "team: is empty", "contact:", "link: 'javascript:x'", "35 of 36")
    assert [part for part in parts if part not in text] == []


@pytest.mark.parametrize("name", ["GPT-5.4", "gpt 5.4", "ＧＰＴ－５.４", "Model A", "model-a"])
def test_a_name_that_another_team_has_is_refused(place: tuple[Board, Path], tmp_path: Path, name: str) -> None:
    board, truth = place
    hand_in(board, truth, write_rows(tmp_path / "a.json", rows_of(truth)))
    with pytest.raises(MedVidBenchError, match=r"is taken by (OpenAI|Team A)"):
        hand_in(board, truth, write_rows(tmp_path / "b.json", rows_of(truth, 5)), name, team="Somebody else")


def test_a_team_can_hand_in_its_own_name_again_but_not_the_same_file(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    first = write_rows(tmp_path / "a.json", rows_of(truth))
    one = hand_in(board, truth, first)
    hand_in(board, truth, write_rows(tmp_path / "b.json", rows_of(truth, 5)))
    assert len({e.entry_id for e in board.entries()}) == 2
    with pytest.raises(MedVidBenchError, match=f"on record as {one.entry.entry_id}"):
        hand_in(board, truth, first, "Model C", team="Team C")


def test_another_benchmark_is_refused(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    other = tmp_path / "other.json"
    other.write_text(json.dumps(json.loads(truth.read_text())[:-1]))
    with pytest.raises(MedVidBenchError, match="isn't the benchmark of the board"):
        hand_in(board, other, write_rows(tmp_path / "p.json", rows_of(truth)))


def test_repeated_tiny_changes_are_limited_and_logged(tmp_path: Path) -> None:
    # 36 rows: one changed answer leaves 35/36 = 0.972 equal, so "tiny" here is a change of white space alone (1.0)
    board, truth = new_board(tmp_path, near_copies=1)
    rows = rows_of(truth)
    outcomes = []
    for k in range(4):
        changed = [{**row, "prediction": row["prediction"] + " " * k} for row in rows]
        try:
            hand_in(board, truth, write_rows(tmp_path / f"{k}.json", changed), f"Model {k}", team=f"Team {k}")
            outcomes.append("scored")
        except MedVidBenchError as error:
            assert "the same answers in over 99 % of the rows" in str(error)
            outcomes.append("refused")
    # the first, and one near copy of it
    assert outcomes == ["scored", "scored", "refused", "refused"]
    log = [json.loads(line) for line in (board.private / "attempts.jsonl").read_text().splitlines()]
    assert [attempt["outcome"] for attempt in log] == outcomes
    assert log[2]["share"] == 1.0 and log[2]["team"] == "Team 2" and log[2]["near"] == board.entries()[0].entry_id
    # others go on
    hand_in(board, truth, write_rows(tmp_path / "x.json", rows_of(truth, 6)), "Other", team="Others")


def test_a_team_has_only_so_many_submissions_in_a_window(tmp_path: Path) -> None:
    board, truth = new_board(tmp_path, submissions=2)
    for k in range(2):
        hand_in(board, truth, write_rows(tmp_path / f"{k}.json", rows_of(truth, 4 * k)))
    with pytest.raises(MedVidBenchError, match="2 submissions of this team"):
        hand_in(board, truth, write_rows(tmp_path / "2.json", rows_of(truth, 8)))


def test_entries_of_a_board_are_told_apart_on_their_common_rows(place: tuple[Board, Path], tmp_path: Path) -> None:
    board, truth = place
    for name, right in (("low", 0), ("middle", 6), ("high", 12)):
        hand_in(board, truth, write_rows(tmp_path / f"{name}.json", rows_of(truth, right)), name)
    entries = board.entries()
    results = {e.entry_id: board.private / e.entry_id for e in entries}
    ranking = rank(entries, "pairwise wins", protocol="strict", metrics=["TAG_mIoU"], results=results)
    assert [p.model for p in ranking.places] == ["high", "middle", "low"]
    # 0 of 12, 6 of 12, 12 of 12 right: differences of 0.5 with se about 0.15 leave 0 out at 11 degrees of freedom
    assert ranking.ties["TAG_mIoU"].basis == "paired"
    assert [len(group) for group in ranking.ties["TAG_mIoU"].groups] == [1, 1, 1]
    assert [p.score for p in ranking.places] == [1.0, 0.5, 0.0]
