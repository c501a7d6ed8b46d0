"""`medvidbench judge RESULTS`: judges added to results that are there, through a real server with faults on."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "evaluation"))

from judge_runs import FixedJudge, judge_server
from report_results import make_benchmark, score

from medvidbench.commands.judge import judge_file, print_estimates, run_judge, run_rubrics
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.comparison import compare
from medvidbench.evaluation.data import load_data
from medvidbench.evaluation.report.inputs import read_input
from medvidbench.evaluation.report.payload import payload_of
from medvidbench.evaluation.results import read_results
from medvidbench.evaluation.score_file import score_answers
from medvidbench.judges.existing import judge_existing, read_existing
from medvidbench.judges.specs import JudgeOptions
from medvidbench.models.call_settings import CallSettings

FAULTS = "429:0.15:3,500:0.1:3,half:0.1:3,json:0.1:3,drop:0.1:3,refusal:0.1"
JUDGED = ["DVC_llm", "VS_llm", "RC_llm"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_benchmark(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def results(bench: Path, tmp_path: Path) -> Path:
    score(bench, tmp_path / "run")
    return tmp_path / "run"


def options(folder: Path, **calls: Any) -> JudgeOptions:
    quick = {"concurrency": 16, "timeout": 2.0, "first_wait": 0.01, "longest_wait": 0.05, "attempts": 10}
    return JudgeOptions(folder, calls=CallSettings(**(quick | calls)))


def test_a_served_judge_adds_its_metrics_with_coverage_although_calls_fail(results: Path, tmp_path: Path) -> None:
    before, answers = read_results(results), pq.read_table(results / "results.rows.parquet").column("answer")
    with judge_server(tmp_path, faults=FAULTS, seed=5, retry_after="0") as server:
        spec = [f"openai:test-model@{server.url}"]
        found = judge_file(results, None, spec, options(tmp_path / "cache"))
        sent = len(server.requests())
        again = judge_file(results, None, spec, options(tmp_path / "cache"))
        assert len(server.requests()) == sent  # a rerun pays nothing
    assert {row["fault"] for row in server.requests()} >= {"429", "500", "half", "json", "drop", "refusal"}
    assert read_results(results).metrics == again.metrics == found.metrics
    (record,) = found.judges
    assert 0 < record["failed"] < record["pairs"] / 3
    assert set(record["failures"]) == {"refused"}
    for table, old in zip(found.protocols(), before.protocols(), strict=True):
        assert [name for name in table.metrics if name not in old.metrics] == JUDGED
        assert {name: table.metrics[name] for name in old.metrics} == old.metrics  # no other number moved
        for name in JUDGED:
            metric = table.metrics[name]
            assert metric.value is not None and 1 <= metric.value <= 5
            assert metric.coverage is not None and 0 < metric.coverage <= 1
            assert metric.note.startswith("incomplete") == (metric.coverage < 0.99)
    rows = pq.read_table(results / "results.rows.parquet").to_pylist()
    assert [row["answer"] for row in rows] == answers.to_pylist()
    captions = [row for row in rows if row["task"] in ("VS", "RC") and row["protocol"] == "strict"]
    failed = [row for row in captions if row["reason"].startswith("not judged")]
    assert failed and all(row["status"] == "unscored" and row["numbers"] == [] for row in failed)
    for row in captions:
        named = {item["name"]: item["value"] for item in row["numbers"]}
        assert (f"{row['task']}_llm" in named) == (row not in failed)
    assert found.counts["scored"] + found.counts["unparsed"] + found.counts["unscored"] == found.counts["samples"]


def test_the_report_shows_what_the_judge_said(results: Path, bench: Path) -> None:
    judge = FixedJudge(lambda p: (1, 2, 3, 4, 5), "told")
    judge_existing(read_existing(results), [judge])
    payload = payload_of(read_input(read_results(results), results, bench))
    said = [payload["judge"]["t"][i] for i in payload["judge"]["i"]]
    captions = [json.loads(text) for text, row in zip(said, payload["task"], strict=True) if row == 3 and text]
    assert captions and captions[0]["told: terminology"] == "1"


def test_judging_afterwards_gives_the_numbers_of_judging_while_scoring(bench: Path, tmp_path: Path) -> None:
    scored = score(bench, tmp_path / "run")
    judge = FixedJudge(lambda p: (1 + len(p.prediction) % 5, 2, 3, 4, 5), "told")
    later = judge_existing(read_existing(tmp_path / "run"), [judge])
    at_once = score_answers(load_data(bench), scored.answers, "both", "model", {}, judges=[judge]).results
    for one, other in zip(at_once.protocols(), later.protocols(), strict=True):
        assert one == other
        assert list(one.metrics) == list(other.metrics)
    assert (at_once.counts, at_once.judges) == (later.counts, later.judges)


def test_another_judge_of_a_kind_takes_the_place_and_another_kind_stands_beside(results: Path) -> None:
    for judge in (
        FixedJudge(lambda p: (2,) * 5, "first"),
        FixedJudge(lambda p: (3,) * 5, "words", "concept"),
        FixedJudge(lambda p: (4,) * 5, "second"),
    ):
        found = judge_existing(read_existing(results), [judge])
    assert [record["judge"] for record in found.judges] == ["words", "second"]
    assert (found.metrics["VS_llm"].value, found.metrics["VS_concept"].value) == (4.0, 3.0)
    with pytest.raises(MedVidBenchError, match="Two judges of one kind"):
        judge_existing(read_existing(results), [FixedJudge(None, "a"), FixedJudge(None, "b")])


def test_two_judged_models_can_be_compared(bench: Path, tmp_path: Path) -> None:
    found = []
    for name, quality in (("good", 3), ("poor", 1)):
        score(bench, tmp_path / name, name, quality)
        judge = FixedJudge(lambda p, level=quality: (1 + level,) * 5, "told")
        found.append((judge_existing(read_existing(tmp_path / name), [judge]), tmp_path / name))
    for protocol, wanted in (("strict", {"DVC_llm", "VS_llm", "RC_llm"}), ("official", {"VS_llm", "RC_llm"})):
        lines = {line.metric: line for line in compare(found[0], found[1], protocol)}
        assert wanted <= lines.keys()
        assert lines["VS_llm"].difference.difference == 2.0


def test_a_dry_run_sends_nothing_and_a_cap_is_kept(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prices = tmp_path / "prices.json"
    prices.write_text('{"models": {"test-model": {"input": 2.0, "output": 8.0}}}', "utf-8")
    before = (results / "results.json").read_bytes()
    with judge_server(tmp_path) as server:
        spec = f"openai:test-model@{server.url}"
        run_judge(results, judges=[spec], prices=prices, dry_run=True)
        assert server.requests() == []
        assert (results / "results.json").read_bytes() == before
        said = capsys.readouterr().out
        assert "distinct pairs" in said and "calls to send, 0 known" in said and "at most about $" in said
        run_judge(results, judges=[spec], prices=prices, max_cost=0.05, timeout=2.0)
        billed = sum(r["billed"][0] * 2e-6 + r["billed"][1] * 8e-6 for r in server.requests())
    assert billed <= 0.05
    found = read_results(results)
    assert found.judges[0]["failures"]["budget"] > 0
    (note,) = [m.note for name, m in found.metrics.items() if name.endswith("_llm") and m.coverage != 1.0]
    assert note.startswith("incomplete: 50.0 % judged")  # one text of RC was over the cap, and half of the rows have it
    said = capsys.readouterr().out
    assert "failed {'budget'" in said
    assert "50.0 %" in said


def test_other_data_or_none_at_all_is_refused(results: Path, tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="isn't there"):
        read_existing(results, tmp_path / "nowhere")
    copy = make_benchmark(tmp_path / "copy")  # the same truth elsewhere will do
    assert len(read_existing(results, copy).data.samples) == len(read_existing(results).data.samples)
    changed = read_results(results)
    text = changed.model_copy(update={"data": {**changed.data, "sha256": "0" * 64}}).model_dump_json()
    (results / "results.json").write_text(text, "utf-8")
    with pytest.raises(MedVidBenchError, match="is not the data that model was scored against"):
        read_existing(results)


def test_the_concept_judge_needs_no_server(results: Path, tmp_path: Path) -> None:
    pytest.importorskip("medvidbench.judges.concept_judge", reason="the concept judge isn't there")
    found = judge_file(results, None, ["concept"], options(tmp_path / "cache"))
    for table in found.protocols():
        for task in ("DVC", "VS", "RC"):
            metric = table.metrics[f"{task}_concept"]
            assert metric.value is not None and 1 <= metric.value <= 5
            assert metric.coverage == 1.0
        assert not any(name.endswith("_llm") for name in table.metrics)
    assert not (tmp_path / "cache").exists()


def test_the_rubrics_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    run_rubrics()
    assert "medical-v1" in capsys.readouterr().out


def test_an_estimate_of_a_jury_names_each_member(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    print_estimates(results, None, ["gpt-4.1,gemini-2.5-flash"], options(tmp_path / "cache"))
    said = capsys.readouterr().out
    assert "gpt-4.1: " in said and "gemini-2.5-flash: " in said
