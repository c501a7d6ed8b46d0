from __future__ import annotations

import json
from pathlib import Path

import pytest
from board_entries import entry, number
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.results import Results
from medvidbench.leaderboards.entries import (
    BOARD_METRICS,
    Entry,
    Leaderboard,
    Number,
    ProtocolNumbers,
    entry_ids,
    is_web_address,
)
from medvidbench.leaderboards.from_results import entry_of, flags_of, make_id
from medvidbench.leaderboards.published_rows import published_entries


def value(number: float, n: int = 40, unscored: int = 0, **more: object) -> dict[str, object]:
    fields = {"value": number, "n": n, "n_clusters": 12, "n_unparsed": 4, "n_unscored": unscored, "parse_rate": 0.9}
    return {**fields, "se": 0.02, "ci95": (0.4, 0.6), "method": "clustered", **more}


def results(**more: object) -> Results:
    fields: dict[str, object] = {
        "medvidbench": "0.1.0",
        "model": "m",
        "synthetic": False,
        "predictions": {"path": "/home/someone/p.json", "sha256": "11" * 32},
        "data": {"path": "/srv/truth", "sha256": "22" * 32},
        "protocol": "strict",
        "metrics": {"CVS_acc": value(0.5)},
        "sources": {"Cholec80_CVS": {"CVS_acc": value(0.5)}},
        "beside": {"protocol": "official", "metrics": {"TAG_mIoU@0.3": value(0.2)}, "sources": {}},
        "counts": {},
    }
    return Results.model_validate({**fields, **more})


def test_an_entry_comes_back_from_its_json_without_the_contact() -> None:
    one = entry("a", {"CVS_acc": number(0.5, 0.1)}, contact="me@example.org")
    assert "me@example.org" not in one.to_json() and "me@example.org" not in repr(one)
    assert Entry.from_json(one.to_json()) == one.model_copy(update={"contact": ""})


def test_a_leaderboard_comes_back_from_its_json_and_ignores_what_a_page_added() -> None:
    board = Leaderboard(name="b", updated="2026-05-01T00:00:00+00:00", medvidbench="0", entries=published_entries())
    content = json.loads(board.to_json()) | {"page_title": "x"}
    assert Leaderboard.from_json(json.dumps(content)) == board


@pytest.mark.parametrize(
    "field", [{"entry_id": "../x"}, {"entry_id": "A"}, {"date": "yesterday"}, {"date": "2026-02-30"}]
)
def test_an_entry_refuses_ids_that_are_paths_and_dates_that_are_none(field: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        entry("a", {}, **field)


@pytest.mark.parametrize(
    ("link", "good"),
    [
        ("https://example.org/a?b=c", True),
        ("http://[::1]:80/", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("https://", False),
        ("https://a b", False),
        ("https://a\n.org", False),
        ("//example.org", False),
        ("https://[", False),
    ],
)
def test_a_link_is_http_or_https_and_nothing_else(link: str, good: bool) -> None:
    assert is_web_address(link) is good


def test_json_that_is_no_entry_names_the_field_that_is_off() -> None:
    content = json.loads(entry("a", {}).to_json())
    content["link"] = "javascript:alert(1)"
    with pytest.raises(MedVidBenchError, match="link"):
        Entry.from_json(json.dumps(content))


def test_results_become_an_entry_with_both_protocols_hashes_and_no_path() -> None:
    made = entry_of(results(), model="My Model", team="T", day="2026-05-01")
    assert set(made.protocols) == {"strict", "official"}
    shown = made.number("CVS_acc", "strict")
    counts = {"n": 40, "n_clusters": 12, "n_unparsed": 4, "n_unscored": 0, "coverage": 1.0, "parse_rate": 0.9}
    assert shown == Number(value=0.5, low=0.4, high=0.6, **counts)
    assert made.number("CVS_acc", "strict", "Cholec80_CVS") == shown
    assert (made.hashes.predictions, made.hashes.benchmark) == ("11" * 32, "22" * 32)
    assert "/srv" not in made.to_json() and "/home" not in made.to_json()
    assert made.time_axis == "not proven" and not made.blind
    assert made.entry_id.startswith("my-model-")


def test_coverage_counts_rows_without_a_number_unless_a_judge_states_its_own() -> None:
    # 30 rows counted, 10 without a number: 30 / 40
    made = entry_of(results(metrics={"CVS_acc": value(0.5, 30, 10), "VS_llm": value(3.0, 9, 0, coverage=0.5)}))
    assert [made.protocols["strict"].metrics[n].coverage for n in ("CVS_acc", "VS_llm")] == [0.75, 0.5]
    assert {(f.kind, f.metrics) for f in made.flags} == {("incomplete", ("CVS_acc",)), ("incomplete", ("VS_llm",))}


@pytest.mark.parametrize(
    ("run", "badge"),
    [
        ({"time_axis": {"passed": True, "detail": "5 cases"}}, "passed"),
        ({"time_axis": {"passed": False, "detail": "2 of 5"}}, "failed"),
        ({"time_axis": None}, "not applicable"),
        ({}, "not proven"),
    ],
)
def test_the_time_axis_badge_says_what_was_proven(run: dict[str, object], badge: str) -> None:
    made = entry_of(results(run=run))
    assert made.time_axis == badge
    assert ("time axis" in [f.kind for f in made.flags]) == (badge == "failed")


def test_a_certificate_is_taken_only_for_the_judge_that_it_was_made_for(tmp_path: Path) -> None:
    record = {"judge": "concept-v1", "kind": "concept", "lexicon": "v1", "digest": "d"}
    content = {
        "format": "medvidbench-judge-certificate",
        "format_version": 1,
        "created": "2026-05-01T00:00:00+00:00",
        "judge": {"name": "concept-v1", "kind": "concept", "record": record},
        "set": {"version": "v1", "sha256": "33" * 32},
        "criteria": [{"met": True}, {"met": False}],
    }
    file = tmp_path / "c.json"
    file.write_text(json.dumps(content))
    made = entry_of(results(judges=[{**record, "pairs": 7}]), certificates=[file])
    mark = made.judges[0].certificate
    assert mark is not None and not mark.passed and mark.set_sha256 == "33" * 32
    assert [f.kind for f in made.flags] == ["judge not certified"]
    with pytest.raises(MedVidBenchError, match="didn't judge"):
        entry_of(results(judges=[{**record, "digest": "other"}]), certificates=[file])


@pytest.mark.parametrize(
    ("low", "high", "impossible"),
    [
        (0.006, 0.068, True),  # 0.0675 > 0.0065 / 0.3 = 0.0217
        (0.300, 0.999, False),  # 0.9985 < 0.3005 / 0.3 = 1.0017
        (0.000, 0.002, False),  # 0.0015 < 0.0005 / 0.3 = 0.0017: rounding can do that
        (0.000, 0.003, True),  # 0.0025 > 0.0017
    ],
)
def test_a_pair_that_the_metric_cannot_give_is_flagged(low: float, high: float, impossible: bool) -> None:
    metrics = {"TAG_mIoU@0.3": number(low), "TAG_mIoU@0.5": number(high)}
    flags = flags_of({"official": ProtocolNumbers(version="1", metrics=metrics)})
    assert [f.kind for f in flags] == (["impossible pair"] if impossible else [])


def test_a_number_outside_its_metrics_range_is_flagged() -> None:
    metrics = {"STG_mIoU": number(50000000.5), "CVS_kappa": number(-0.2), "VS_llm": number(4.2)}
    flags = flags_of({"strict": ProtocolNumbers(version="1", metrics=metrics)})
    assert [(f.kind, f.metrics) for f in flags] == [("out of range", ("STG_mIoU",))]


@given(st.text(), st.text(), st.text())
def test_an_id_is_always_safe_as_a_file_name(model: str, team: str, digest: str) -> None:
    assert entry("a", {}, entry_id=make_id(model, team, digest)).entry_id


def test_the_same_id_twice_is_an_error() -> None:
    with pytest.raises(MedVidBenchError, match="twice"):
        entry_ids([entry("a", {}), entry("a", {})])


def test_published_rows_are_fourteen_with_source_and_date_and_one_flag() -> None:
    rows = published_entries()
    assert len(rows) == 14 and all(e.source and e.date and e.table == "published" for e in rows)
    assert all(set(e.protocols["official"].metrics) == set(BOARD_METRICS) for e in rows)
    flagged = {e.model: [f.kind for f in e.flags] for e in rows if e.flags}
    assert flagged == {"Qwen2.5-VL-7B": ["impossible pair"]}
    kept = next(e for e in rows if e.model == "Qwen2.5-VL-7B")
    assert [n.value for m in ("TAG_mIoU@0.3", "TAG_mIoU@0.5") if (n := kept.number(m))] == [0.006, 0.068]
