"""The exported packages without the tools: what is in them, what is not, and what they do when asked."""

from __future__ import annotations

import json
import math
import re
import shutil
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest
from interop_bench import replayed

from medvidbench.benchmark import Benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import load_data
from medvidbench.evaluation.score_file import score_answers
from medvidbench.interop import export_inspect, export_lmms_eval
from medvidbench.interop.lmms_eval_task import LmmsEvalTask, RowAnswer
from medvidbench.interop.package import TRUTH_VARIABLE, metric_names, open_package, table_of
from medvidbench.interop.questions import stamps, with_times
from medvidbench.interop.writing import ExportOptions
from medvidbench.records import TASK_NAMES

EXPORTS = {"lmms-eval": export_lmms_eval, "inspect": export_inspect}


@pytest.fixture(params=list(EXPORTS))
def export(request: pytest.FixtureRequest):
    return EXPORTS[request.param]


@pytest.fixture(scope="module")
def package(bench: Benchmark, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("package") / "lmms"
    export_lmms_eval(bench, out, ExportOptions(frames=3))
    return out


def utils_of(folder: Path) -> ModuleType:
    """The exported utils.py, loaded from its path as lmms-eval does."""
    spec = spec_from_file_location("utils", folder / "utils.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# --- what is written --------------------------------------------------------------------------------------


def test_no_file_but_the_truth_holds_a_reference_answer(export, bench: Benchmark, tmp_path: Path) -> None:
    report = export(bench, tmp_path / "out")
    samples = bench.samples("test")
    assert (report.rows, report.truth) == (len(samples), tmp_path / "out" / "truth.parquet")
    table = pq.read_table(tmp_path / "out" / "questions.parquet")
    assert {"answer", "truth", "target", "residue", "provenance", "choices"}.isdisjoint(table.column_names)
    asked = json.dumps(table.to_pylist(), ensure_ascii=False)
    others = [p for p in (tmp_path / "out").iterdir() if p.suffix != ".parquet"]
    texts = asked + "".join(p.read_text(encoding="utf-8") for p in others)
    for sample in samples:
        answer = sample.answer or ""
        # next-action questions list every label
        if sample.task != "NAP" and len(answer) > 25:
            assert json.dumps(answer, ensure_ascii=False)[1:-1] not in texts


def test_the_code_imports_nothing_but_the_project_and_the_tool(export, bench: Benchmark, tmp_path: Path) -> None:
    export(bench, tmp_path / "out", ExportOptions(tasks=("SA",)))
    (code,) = (tmp_path / "out").glob("*.py")
    lines = [line for line in code.read_text(encoding="utf-8").splitlines() if line.startswith(("import", "from"))]
    assert {line.split()[1].split(".")[0] for line in lines} <= {"pathlib", "medvidbench", "inspect_ai"}
    compile(code.read_text(encoding="utf-8"), str(code), "exec")


def test_the_truth_can_be_written_elsewhere_or_not_at_all(export, bench: Benchmark, tmp_path: Path) -> None:
    options = ExportOptions(tasks=("SA",), truth=tmp_path / "safe" / "truth.parquet")
    assert export(bench, tmp_path / "a", options).truth == tmp_path / "safe" / "truth.parquet"
    assert export(bench, tmp_path / "b", ExportOptions(tasks=("SA",), with_truth=False)).truth is None
    for name in ("a", "b"):
        assert not list((tmp_path / name).glob("truth*"))
    with pytest.raises(MedVidBenchError, match="lies in the package"):
        export(bench, tmp_path / "c", ExportOptions(truth=tmp_path / "c" / "t.parquet"))
    assert not (tmp_path / "c").exists()


def test_another_folder_is_left_alone_and_an_earlier_export_only_replaced_when_asked(
    export, bench: Benchmark, tmp_path: Path
) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(MedVidBenchError, match="holds something else"):
        export(bench, tmp_path / "full", ExportOptions(overwrite=True))
    assert (tmp_path / "full" / "thesis.tex").read_text(encoding="utf-8") == "mine"
    export(bench, tmp_path / "out", ExportOptions(tasks=("SA",)))
    with pytest.raises(MedVidBenchError, match="an earlier export"):
        export(bench, tmp_path / "out", ExportOptions(tasks=("SA",)))
    assert export(bench, tmp_path / "out", ExportOptions(tasks=("CVS",), overwrite=True)).tasks == ("CVS",)


def test_two_exports_are_equal_byte_by_byte(export, bench: Benchmark, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(bench, tmp_path / name / "out", ExportOptions(tasks=("SA", "RC")))
    for file in (tmp_path / "a" / "out").iterdir():
        if file.name != "README.md":  # names its own folder
            assert file.read_bytes() == (tmp_path / "b" / "out" / file.name).read_bytes()


@pytest.mark.parametrize(
    "options", [ExportOptions(split="train"), ExportOptions(sources=("X",)), ExportOptions(frames=-1)]
)
def test_what_can_not_be_exported_is_told(export, options: ExportOptions, bench: Benchmark, tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError):
        export(bench, tmp_path / "out", options)
    assert not (tmp_path / "out").exists()


def test_the_yaml_names_only_functions_that_utils_has(package: Path) -> None:
    text = (package / "medvidbench.yaml").read_text(encoding="utf-8")
    names = re.findall(r"!function utils\.(\w+)", text)
    utils = utils_of(package)
    assert len(names) > 30
    assert all(callable(getattr(utils, name)) for name in names)
    assert len(set(names)) == len(names)


# --- what a model is shown ----------------------------------------------------------------------------------


def test_pictures_and_their_times_stay_together(package: Path, bench: Benchmark) -> None:
    task = LmmsEvalTask(package)
    row = next(s for s in bench.samples("test", ["STG"], ["CholecTrack20"]) if len(s.frame_times) > 3)
    doc = {"sample_id": row.sample_id}
    last = len(row.frame_times) - 1
    times = [row.frame_times[k] for k in (0, round(last / 2), last)]
    (turn,) = task.doc_to_messages(doc)
    content = turn["content"]
    assert [part["type"] for part in content] == ["text", "image"] * 3 + ["text"]
    assert [float(part["text"][1:-9]) for part in content[:6:2]] == times
    assert content[-1]["text"] == row.question
    assert [p.size for p in task.doc_to_visual(doc)] == [(row.width, row.height)] * 3
    assert task.doc_to_text(doc) == with_times(row.question, times)
    assert task.doc_to_target(doc) == row.sample_id


def test_the_region_is_drawn_on_its_frame_alone(package: Path, bench: Benchmark) -> None:
    task = LmmsEvalTask(package)
    for row in bench.samples("test", ["RC"], ["CholecTrack20"]):
        # the simulated frames of this benchmark are black
        drawn = [picture.getbbox() is not None for picture in task.doc_to_visual({"sample_id": row.sample_id})]
        assert sum(drawn) == 1


def test_the_region_s_own_frame_is_shown_even_when_few_frames_are(package: Path) -> None:
    opened = open_package(package)
    question = next(q for q in opened.questions.values() if q.region and len(q.frame_times) > 8)
    last = len(question.frame_times) - 1
    for k in range(last + 1):
        region = replace(question.region, time=question.frame_times[k])
        shown = opened.shown(replace(question, region=region))
        assert len(shown) == 3
        assert k in shown
        assert shown == sorted(shown)


def test_frames_that_were_never_on_disk_are_told_unless_none_are_shown(package: Path) -> None:
    opened = open_package(package)
    question = next(iter(opened.questions.values()))
    absent = replace(question, frame_paths=(), video="")
    with pytest.raises(MedVidBenchError, match="were not on disk"):
        opened.shown(absent)
    assert opened.shown(absent, 0) == []


def test_times_are_told_with_as_many_decimals_as_they_need() -> None:
    assert stamps([0.0, 2.0, 10.5]) == ["<0.0 seconds>", "<2.0 seconds>", "<10.5 seconds>"]
    assert stamps([0.0, 0.04]) == ["<0.00 seconds>", "<0.04 seconds>"]
    assert stamps([0.0, 1 / 3]) == ["<0.000 seconds>", "<0.333 seconds>"]
    assert with_times("When?", []) == "When?"
    assert with_times("When?", [1.0]) == "The image is a frame of one video clip, taken at <1.0 seconds>.\nWhen?"


# --- scores ---------------------------------------------------------------------------------------------------


def test_the_names_of_the_metrics_are_those_that_scoring_gives(package: Path, bench: Benchmark) -> None:
    opened = open_package(package)
    answers = {k: a for k, a in replayed(bench.samples("test")).items() if a is not None}
    table = table_of(opened.score(answers))
    named = [name for task in TASK_NAMES for name in metric_names(task)]
    assert sorted(named) == sorted(table)
    assert metric_names("VS") == metric_names("RC") == []


def test_a_task_s_metrics_over_its_own_rows_are_those_of_the_whole_file(package: Path, bench: Benchmark) -> None:
    opened, task = open_package(package), LmmsEvalTask(package)
    answers = {k: a for k, a in replayed(bench.samples("test")).items() if a is not None}
    table = table_of(opened.score(answers))
    utils = utils_of(package)
    for name in TASK_NAMES:
        ids = {s.sample_id for s in bench.samples("test", [name])}
        items = [RowAnswer(k, a.text or "", a.error, "") for k, a in answers.items() if k in ids]
        for metric in metric_names(name):
            value = task.aggregate(name, metric, items)
            assert value == pytest.approx(table[metric], abs=1e-12, nan_ok=True)
            function = getattr(utils, metric.replace("@", "_").replace(".", "_"))
            assert function(items) == pytest.approx(value, abs=0, nan_ok=True)


def test_other_answers_to_the_same_task_are_scored_anew(package: Path, bench: Benchmark) -> None:
    task = LmmsEvalTask(package)
    rows = bench.samples("test", ["SA"])
    right = [RowAnswer(s.sample_id, s.answer or "", "", "") for s in rows]
    wrong = [RowAnswer(s.sample_id, "?", "", "") for s in rows]
    assert task.aggregate("SA", "strict_SA_acc", right) == 1.0
    assert task.aggregate("SA", "strict_SA_acc", wrong) == 0.0
    assert task.aggregate("SA", "strict_SA_acc", right) == 1.0
    assert math.isnan(task.aggregate("SA", "official_SA_acc", wrong))


def test_a_row_is_logged_with_its_own_number_or_why_it_has_none(package: Path, bench: Benchmark) -> None:
    task = LmmsEvalTask(package)
    (row, *_) = bench.samples("test", ["TAG"], ["CholecT50"])
    doc = {"sample_id": row.sample_id}
    shown = {text: str(task.process_results(doc, [text])["strict_TAG_mIoU"]) for text in (row.answer or "", "?")}
    assert shown[row.answer or ""] == "1"
    assert shown["?"].startswith("unparsed: ")
    failed = task.process_results(doc, ["[LMMS_EVAL_REQUEST_FAILED after 5 retries] HTTP 500"])
    assert set(failed) == set(metric_names("TAG"))
    assert str(failed["strict_TAG_mIoU"]) == "unscored: call failed"
    assert math.isnan(task.aggregate("TAG", "strict_TAG_mIoU", [failed["strict_TAG_mIoU"]]))
    (summary, *_) = bench.samples("test", ["VS"])
    assert task.process_results({"sample_id": summary.sample_id}, ["A summary."]) == {}


def test_a_package_is_scored_as_its_benchmark_is(package: Path, bench: Benchmark) -> None:
    data = open_package(package).data
    ours = load_data(bench.path)
    assert data.samples == ours.samples
    assert (data.digest, data.synthetic) == (ours.digest, True)
    given = [None] * len(ours.samples)
    assert score_answers(data, list(given), "both", "m", {}).results.counts["unscored"] == len(ours.samples)


def test_a_moved_truth_is_named_by_the_environment(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(package, tmp_path / "moved")
    (tmp_path / "moved" / "truth.parquet").rename(tmp_path / "elsewhere.parquet")
    with pytest.raises(MedVidBenchError, match=TRUTH_VARIABLE):
        open_package(tmp_path / "moved")
    monkeypatch.setenv(TRUTH_VARIABLE, str(tmp_path / "elsewhere.parquet"))
    assert len(open_package(tmp_path / "moved").data.samples) == len(open_package(package).questions)


def test_a_truth_of_other_rows_is_refused(bench: Benchmark, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    export_lmms_eval(bench, tmp_path / "a", ExportOptions(tasks=("SA",)))
    export_lmms_eval(bench, tmp_path / "b", ExportOptions(tasks=("CVS",)))
    monkeypatch.setenv(TRUTH_VARIABLE, str(tmp_path / "b" / "truth.parquet"))
    with pytest.raises(MedVidBenchError, match="holds other samples"):
        _ = open_package(tmp_path / "a").data


@pytest.mark.parametrize("text", ["", "{", '{"format": "other"}', "[]"])
def test_a_folder_without_a_package_is_refused(text: str, tmp_path: Path) -> None:
    if text:
        (tmp_path / "package.json").write_text(text, encoding="utf-8")
    with pytest.raises(MedVidBenchError, match=r"medvidbench export"):
        open_package(tmp_path)
