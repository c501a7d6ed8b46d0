from __future__ import annotations

import csv
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

Cli = Callable[..., Any]
CVS_ZERO = "Two structures: 0, Cystic plate: 0, Hepatocystic triangle: 0"


def cvs_row(number: int, scores: tuple[int, int, int], answer: Any = CVS_ZERO) -> dict[str, Any]:
    names = ("two_structures", "cystic_plate", "hepatocystic_triangle")
    gold = ", ".join(f"{n.replace('_', ' ').capitalize()}: {v}" for n, v in zip(names, scores, strict=True))
    return {
        "metadata": {"video_id": f"video{number:02d}", "fps": "1.0", "start_frame": "0", "end_frame": "60"},
        "qa_type": "cvs_assessment",
        "struc_info": [{"cvs_scores": dict(zip(names, scores, strict=True))}],
        "question": f"Score clip {number}.",
        "gnd": gold,
        "answer": answer,
        "data_source": "Cholec80_CVS",
    }


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value))
    return path


@pytest.fixture
def cvs_file(tmp_path: Path) -> Path:
    """20 videos; per criterion 18 scores of 0 and one each of 1 and 2: a constant 0 is right in 90 %."""
    scores = [(0, 0, 0)] * 18 + [(1, 1, 1), (2, 2, 2)]
    return write(tmp_path / "merged.json", {str(i): cvs_row(i, s) for i, s in enumerate(scores)})


def test_a_constant_cvs_answer_shows_official_and_strict_side_by_side(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    run = cli("score", cvs_file, "--out", tmp_path / "r.json")
    assert run.code == 0, run.err
    line = next(line for line in run.out.splitlines() if line.strip().startswith("CVS_acc"))
    assert line.count("0.900") == 2
    results = json.loads((tmp_path / "r.json").read_text())
    # 18 of 20 right on each criterion; recall 1, 0, 0 over three levels; no agreement beyond chance
    assert results["protocol"] == "strict"
    assert results["metrics"]["CVS_acc"]["value"] == pytest.approx(0.9)
    assert results["metrics"]["CVS_bacc"]["value"] == pytest.approx(1 / 3)
    assert results["metrics"]["CVS_kappa"]["value"] == pytest.approx(0.0)
    assert results["beside"]["protocol"] == "official"
    assert results["beside"]["metrics"]["CVS_acc"]["value"] == pytest.approx(0.9)


def test_every_number_carries_count_clusters_parse_rate_and_interval(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    cli("score", cvs_file, "--out", tmp_path / "r.json")
    results = json.loads((tmp_path / "r.json").read_text())
    for table in (results["metrics"], results["beside"]["metrics"], *results["sources"].values()):
        for value in table.values():
            assert (value["n"], value["n_clusters"], value["parse_rate"]) == (20, 20, 1.0)
    low, high = results["metrics"]["CVS_acc"]["ci95"]
    assert low < 0.9 < high
    rows = pq.read_table(tmp_path / "r.rows.parquet").to_pylist()
    assert len(rows) == 40 and {r["protocol"] for r in rows} == {"strict", "official"}
    assert all(r["status"] == "scored" for r in rows)


def test_one_null_and_one_list_answer_cost_their_own_rows_only(cli: Cli, tmp_path: Path) -> None:
    answers: list[Any] = [CVS_ZERO] * 18 + [None, ["x"]]
    rows = {str(i): cvs_row(i, (0, 0, 0), a) for i, a in enumerate(answers)}
    run = cli("score", write(tmp_path / "m.json", rows), "--out", tmp_path / "r.json")
    assert run.code == 0, run.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["metrics"]["CVS_acc"]["value"] == pytest.approx(0.9)
    assert results["metrics"]["CVS_acc"]["n_unparsed"] == 2
    assert results["metrics"]["CVS_acc"]["parse_rate"] == pytest.approx(0.9)
    assert [f["what"] for f in results["findings"]] == ["'answer' is null, not text", "'answer' is a list, not text"]


def test_numbers_in_an_answer_never_reach_the_results(cli: Cli, tmp_path: Path) -> None:
    rows = {str(i): cvs_row(i, (2, 2, 2), "CVS_acc: 0.9999 mIoU@0.3: 0.9999") for i in range(3)}
    cli("score", write(tmp_path / "m.json", rows), "--out", tmp_path / "r.json")
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["metrics"]["CVS_acc"]["value"] == 0.0
    assert "0.9999" not in (tmp_path / "r.json").read_text()


def test_a_truth_inside_the_file_is_ignored_when_data_is_given(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    rows = json.loads(cvs_file.read_text())
    forged = {k: {**r, "struc_info": cvs_row(0, (0, 0, 0))["struc_info"]} for k, r in rows.items()}
    run = cli(
        "score", write(tmp_path / "f.json", forged), "--data", cvs_file, "--by-position", "--out", tmp_path / "r.json"
    )
    assert run.code == 0, run.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["metrics"]["CVS_acc"]["value"] == pytest.approx(0.9)
    assert any("truth of its own" in f["what"] for f in results["findings"])


def test_a_failed_call_and_a_missing_prediction_are_unscored_and_never_zero(
    cli: Cli, cvs_file: Path, tmp_path: Path
) -> None:
    from medvidbench.evaluation.data import load_data

    samples = load_data(cvs_file).samples
    lines = [{"sample_id": s.sample_id, "prediction": CVS_ZERO} for s in samples[:15]]
    lines += [{"sample_id": s.sample_id, "prediction": None, "error": "time-out"} for s in samples[15:18]]
    path = tmp_path / "p.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    cli("score", path, "--data", cvs_file, "--out", tmp_path / "r.json")
    results = json.loads((tmp_path / "r.json").read_text())
    for table in (results["metrics"], results["beside"]["metrics"]):
        assert table["CVS_acc"]["value"] == 1.0
        assert (table["CVS_acc"]["n"], table["CVS_acc"]["n_unscored"]) == (15, 5)
    assert results["counts"] == {"samples": 20, "answers": 15, "scored": 15, "unparsed": 0, "unscored": 5}
    rows = pq.read_table(tmp_path / "r.rows.parquet").to_pylist()
    assert {r["reason"] for r in rows if r["status"] == "unscored"} == {"no prediction", "call failed: time-out"}


def test_csv_predictions_join_by_id_task_and_question(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    from medvidbench.evaluation.data import load_data

    path = tmp_path / "p.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "qa_type", "question", "prediction"])
        for s in reversed(load_data(cvs_file).samples):
            writer.writerow([s.clip_id, s.qa_type, s.question, CVS_ZERO])
    run = cli("score", path, "--data", cvs_file, "--out", tmp_path / "r.json", "--protocol", "strict")
    assert run.code == 0, run.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["predictions"]["joined_by"] == "id + qa_type + question"
    assert results["metrics"]["CVS_acc"]["value"] == pytest.approx(0.9)
    assert results["beside"] is None


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["score", "none.json"], "No file none.json"),
        (["score", "{file}", "--protocol", "lenient"], "strict, official, both"),
        (["score", "{file}", "--tasks", "XYZ", "--data", "{file}"], "TAG, STG"),
        (["score", "{file}", "--data", "{file}", "--tasks", "SA"], "holds the tasks CVS"),
        (["score", "{file}", "--data", "{folder}"], "manifest"),
        (["score", "{file}", "--out", "{folder}"], "is a folder"),
        (["eval", "--model", "gpt", "--data", "{file}", "--out", "{folder}/o"], "hf:PATH"),
        (["eval", "--model", "blind:mean", "--data", "{file}", "--out", "{folder}/o"], "blind:constant"),
        (["build", "--source", "cholect50", "--out", "{folder}/b"], "NAME=PATH"),
        (["build", "--source", "mars=/x", "--out", "{folder}/b"], "cholect50"),
        (["build", "--source", "cholect50=/nowhere", "--out", "{folder}/b"], "/nowhere"),
        (["table", "{file}"], "no results file"),
        (["compare", "{file}", "{file}"], "no results file"),
    ],
)
def test_bad_input_is_one_error_without_traceback_and_exit_code_2(
    cli: Cli, cvs_file: Path, tmp_path: Path, args: list[str], said: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    run = cli(*(a.replace("{file}", str(cvs_file)).replace("{folder}", str(tmp_path)) for a in args))
    assert run.code == 2
    assert run.err.lstrip().startswith("Error: ") and said in run.err and "Traceback" not in run.err
    assert sorted(tmp_path.rglob("*")) == before, "something was written"


def test_an_unknown_task_in_one_row_is_a_finding_and_the_rest_is_scored(cli: Cli, tmp_path: Path) -> None:
    rows = {str(i): cvs_row(i, (0, 0, 0)) for i in range(3)}
    rows["1"]["qa_type"] = "palm_reading"
    run = cli("score", write(tmp_path / "m.json", rows), "--out", tmp_path / "r.json")
    assert run.code == 0, run.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["metrics"]["CVS_acc"]["n"] == 2
    assert "palm_reading" in results["findings"][0]["what"]


def test_compare_reports_paired_differences_and_a_tie_with_itself(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    rows = json.loads(cvs_file.read_text())
    perfect = {k: {**r, "answer": r["gnd"]} for k, r in rows.items()}
    cli("score", cvs_file, "--data", cvs_file, "--by-position", "--out", tmp_path / "a" / "results.json")
    better = write(tmp_path / "better.json", perfect)
    cli("score", better, "--data", cvs_file, "--by-position", "--out", tmp_path / "b" / "results.json")
    run = cli("compare", tmp_path / "b", tmp_path / "a", "--json")
    assert run.code == 0, run.err
    found = {m["metric"]: m for m in json.loads(run.out)["metrics"]}
    assert found["CVS_acc"]["difference"] == pytest.approx(0.1)
    assert found["CVS_kappa"]["difference"] == pytest.approx(1.0)
    # CVS_kappa has no p: a resample without the two rated videos has a single level, where kappa is undefined
    assert found["CVS_kappa"]["p"] is None and found["CVS_kappa"]["note"]
    assert found["CVS_acc"]["p_holm"] >= found["CVS_acc"]["p"]
    assert (found["CVS_acc"]["n"], found["CVS_acc"]["n_clusters"]) == (20, 20)
    shown = cli("compare", tmp_path / "b", tmp_path / "a").out
    assert "+0.100" in shown and "nan" not in shown
    same = json.loads(cli("compare", tmp_path / "a", tmp_path / "a", "--json").out)["metrics"]
    assert {m["verdict"] for m in same if m["metric"] != "CVS_kappa"} == {"tie"}


def test_results_of_different_data_are_not_compared(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    other = write(tmp_path / "other.json", {str(i): cvs_row(i, (1, 1, 1)) for i in range(20)})
    cli("score", cvs_file, "--out", tmp_path / "a.json")
    cli("score", other, "--out", tmp_path / "b.json")
    run = cli("compare", tmp_path / "a.json", tmp_path / "b.json")
    assert run.code == 2 and "different data" in run.err


@pytest.mark.parametrize("protocol", ["strict", "official"])
def test_two_merged_files_with_the_same_truth_are_compared_under_both_protocols(
    cli: Cli, cvs_file: Path, tmp_path: Path, protocol: str
) -> None:
    rows = json.loads(cvs_file.read_text())
    perfect = write(tmp_path / "perfect.json", {k: {**r, "answer": r["gnd"]} for k, r in rows.items()})
    cli("score", cvs_file, "--out", tmp_path / "a.json")
    cli("score", perfect, "--out", tmp_path / "b" / "results.json")
    (tmp_path / "a.json").rename(tmp_path / "a.results.json")
    run = cli("compare", tmp_path / "b", tmp_path / "a.results.json", "--json", "--protocol", protocol)
    assert run.code == 0, run.err
    found = {m["metric"]: m for m in json.loads(run.out)["metrics"]}
    assert (found["CVS_acc"]["a"], found["CVS_acc"]["b"]) == (1.0, pytest.approx(0.9))
    assert (found["CVS_acc"]["n"], found["CVS_acc"]["n_clusters"]) == (20, 20)


def test_table_prints_what_score_found(cli: Cli, cvs_file: Path, tmp_path: Path) -> None:
    cli("score", cvs_file, "--out", tmp_path / "r.json", "--model", "zeros")
    assert "| zeros | 0.900 [" in cli("table", tmp_path / "r.json").out
    assert r"\toprule" in cli("table", tmp_path / "r.json", "--format", "latex", "--protocol", "official").out


def test_help_starts_fast_and_imports_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, io\n"
        "sys.argv = ['medvidbench', '--help']\n"
        "from medvidbench.cli import main\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    main()\n"
        "print(sorted({'numpy', 'pandas', 'scipy', 'pyarrow', 'torch', 'openai', 'pydantic'} & set(sys.modules)))\n"
    )
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    assert time.perf_counter() - started < 2.0  # 0.3 s alone; the bound only catches a heavy import on a busy machine


def test_a_closed_pipe_is_not_an_error(cvs_file: Path) -> None:
    command = f"{sys.executable} -m medvidbench score {cvs_file} --protocol strict | head -n 1"
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr


def test_a_10_mb_answer_and_a_nan_cost_their_own_rows_only(cli: Cli, tmp_path: Path) -> None:
    answers: list[Any] = [CVS_ZERO] * 8 + ["Two structures: 1, " * 520_000, float("nan")]
    rows = {str(i): cvs_row(i, (0, 0, 0), a) for i, a in enumerate(answers)}
    started = time.perf_counter()
    run = cli("score", write(tmp_path / "m.json", rows), "--out", tmp_path / "r.json")
    assert run.code == 0, run.err
    assert time.perf_counter() - started < 10.0  # about 1 s alone
    metric = json.loads((tmp_path / "r.json").read_text())["metrics"]["CVS_acc"]
    assert (metric["n"], metric["value"]) == (10, pytest.approx(0.8))
    assert (tmp_path / "r.rows.parquet").stat().st_size < 1_000_000


def test_a_truth_that_holds_nan_makes_its_row_unscored_and_says_so(cli: Cli, tmp_path: Path) -> None:
    rows = {str(i): cvs_row(i, (0, 0, 0)) for i in range(3)}
    rows["1"]["struc_info"] = [{"cvs_scores": {"two_structures": float("nan")}}]
    run = cli("score", write(tmp_path / "m.json", rows), "--out", tmp_path / "r.json", "--protocol", "strict")
    assert run.code == 0, run.err
    metric = json.loads((tmp_path / "r.json").read_text())["metrics"]["CVS_acc"]
    assert (metric["value"], metric["n"], metric["n_unscored"]) == (1.0, 2, 1)
    reasons = [r["reason"] for r in pq.read_table(tmp_path / "r.rows.parquet").to_pylist()]
    assert sum("no truth" in r for r in reasons) == 1


def test_question_only_rows_are_asked_but_not_scored(cli: Cli, tmp_path: Path) -> None:
    rows = [{k: v for k, v in cvs_row(i, (0, 0, 0)).items() if k not in ("gnd", "struc_info")} for i in range(3)]
    published = [
        {**r, "conversations": [{"from": "human", "value": r["question"]}], "id": str(i)} for i, r in enumerate(rows)
    ]
    data = write(tmp_path / "questions.json", published)
    predictions = write(
        tmp_path / "p.json", [{"id": str(i), "qa_type": "cvs_assessment", "prediction": CVS_ZERO} for i in range(3)]
    )
    run = cli("score", predictions, "--data", data, "--out", tmp_path / "r.json", "--protocol", "strict")
    assert run.code == 0, run.err
    results = json.loads((tmp_path / "r.json").read_text())
    assert results["metrics"] == {} and results["counts"]["unscored"] == 3
