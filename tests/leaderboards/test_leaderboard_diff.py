from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from board_entries import SHA, entry, number

from medvidbench.errors import MedVidBenchError
from medvidbench.leaderboards.diff import UNEXPLAINED, as_text, diff, read_leaderboard
from medvidbench.leaderboards.entries import Entry, Flag, JudgeMark, Leaderboard, ProtocolNumbers


def board(*entries: Entry, **more: Any) -> Leaderboard:
    fields = {"name": "b", "updated": "2026-05-01T00:00:00+00:00", "medvidbench": "1", "benchmark": SHA}
    return Leaderboard(**{**fields, **more}, entries=entries)


def one(value: float = 0.5, version: str = "1", metric: str = "CVS_acc", **more: Any) -> Entry:
    numbers = ProtocolNumbers(version=version, metrics={metric: number(value)})
    return entry("a", {}, **({"protocols": {"strict": numbers}} | more))


def test_equal_builds_have_no_difference() -> None:
    found = diff(board(one()), board(one()))
    assert found.board == () and found.entries == () and as_text(found) == "Nothing changed.\n"


def test_new_and_removed_models_are_named_with_their_numbers() -> None:
    found = diff(board(one()), board(entry("b", {"CVS_acc": number(0.7)})))
    assert [(c.what, c.model) for c in found.entries] == [("new", "b"), ("removed", "a")]
    assert (found.entries[0].numbers[0].before, found.entries[0].numbers[0].after) == (None, 0.7)
    assert (found.entries[1].numbers[0].before, found.entries[1].numbers[0].after) == (0.5, None)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"version": "2"}, "protocol strict: version 1 to 2"),
        ({"hashes": {"benchmark": "cd" * 32}}, "benchmark: SHA-256 abababababab to cdcdcdcdcdcd"),
        ({"hashes": {"benchmark": SHA, "predictions": "cd" * 32}}, "predictions: SHA-256 none to cdcdcdcdcdcd"),
        ({"code_version": "0.2"}, "scored again with 0.2, before with "),
        ({}, UNEXPLAINED),
    ],
)
def test_a_changed_number_comes_with_the_reason_that_the_entries_state(changed: dict[str, Any], why: str) -> None:
    change = diff(board(one(0.5)), board(one(0.6, **changed))).entries[0]
    assert (change.what, change.why) == ("changed", (why,))
    assert [(n.metric, n.before, n.after) for n in change.numbers] == [("CVS_acc", 0.5, 0.6)]


def judged(value: float, record: dict[str, Any], metric: str = "VS_llm", name: str = "j") -> Entry:
    return one(value, metric=metric, judges=(JudgeMark(name=name, kind="llm", record=record),))


def test_a_new_judge_explains_captions_and_nothing_else() -> None:
    change = diff(board(judged(3.0, {})), board(judged(3.5, {}, name="k"))).entries[0]
    assert change.why == ("judge: j to k",)
    change = diff(board(judged(3.0, {"rubric": "v1"})), board(judged(3.5, {"rubric": "v2"}))).entries[0]
    assert change.why == ("judge: another version of j",)
    # what a run of the same judge cost is no other judge
    change = diff(board(judged(3.0, {"dollars": 1})), board(judged(3.5, {"dollars": 2}))).entries[0]
    assert change.why == (UNEXPLAINED,)
    change = diff(board(judged(0.5, {}, "CVS_acc")), board(judged(0.6, {}, "CVS_acc", "k"))).entries[0]
    assert change.why[0] == "judge: j to k" and "CVS_acc changed too" in change.why[1]


def test_a_promotion_and_a_new_flag_are_facts_without_a_number() -> None:
    flag = Flag(kind="incomplete", metrics=("CVS_acc",), what="90 %")
    change = diff(board(one()), board(one(table="verified", flags=(flag,)))).entries[0]
    assert change.facts == ("table: community to verified", "new flag: incomplete: 90 %") and change.numbers == ()


def test_builds_on_another_benchmark_or_in_the_wrong_order_say_so() -> None:
    found = diff(board(one(), updated="2026-06-01"), board(one(), benchmark="cd" * 32, medvidbench="2"))
    text = as_text(found)
    assert "benchmark: abababababab to cdcdcdcdcdcd" in text and "code: 1 to 2" in text and "older one" in text


def test_a_site_folder_or_its_file_is_read_and_anything_else_refused(tmp_path: Path) -> None:
    (tmp_path / "leaderboard.json").write_text(board(one()).to_json())
    assert read_leaderboard(tmp_path) == read_leaderboard(tmp_path / "leaderboard.json") == board(one())
    (tmp_path / "x.json").write_text("[]")
    with pytest.raises(MedVidBenchError, match=r"x\.json"):
        read_leaderboard(tmp_path / "x.json")
    assert json.loads(diff(board(one()), board()).as_json())["entries"][0]["what"] == "removed"
