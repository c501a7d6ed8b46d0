"""Comparing two or more models: pairs, one correction, ties, rows that differ, text, JSON and page."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from report_results import ATTACK, make_benchmark, score

from medvidbench.commands.compare import run
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.comparison import compare
from medvidbench.evaluation.many_models import ManyModels, compare_all
from medvidbench.evaluation.report.comparison_page import build_comparison_page
from medvidbench.evaluation.results import Results, read_results
from medvidbench.metrics.comparison import holm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("compare")
    bench = make_benchmark(made)
    for name, quality in (("weak", 0), ("middle", 2), ("strong", 4)):
        score(bench, made / name, name, quality)
    return made


def models(folder: Path, *names: str) -> list[tuple[Results, Path]]:
    return [(read_results(folder / name), folder / name) for name in names]


@pytest.fixture(scope="module")
def three(folder: Path) -> ManyModels:
    return compare_all(models(folder, "weak", "middle", "strong"))


def test_two_models_give_what_the_comparison_of_two_gives(folder: Path) -> None:
    pair = models(folder, "strong", "weak")
    two, many = compare(*pair), compare_all(pair)
    assert [c.metric for c in two] == [m.metric for m in many.metrics]
    for one, other in zip(two, many.metrics, strict=True):
        ((i, j, found),) = other.pairs
        assert (i, j) == (0, 1)
        assert repr(found) == repr(one)  # repr: nan is not equal to itself


def test_one_correction_covers_all_pairs_and_metrics(three: ManyModels) -> None:
    every = [c for m in three.metrics for _, _, c in m.pairs]
    raw = np.array([c.difference.p for c in every])
    assert three.tests == int((~np.isnan(raw)).sum()) > len(three.metrics)
    assert np.array([c.p_holm for c in every]) == pytest.approx(holm(raw), nan_ok=True)


def test_models_that_are_told_apart_share_no_letter(three: ManyModels) -> None:
    by_name = {m.metric: m for m in three.metrics}
    cvs = by_name["CVS_acc"]  # weak: all wrong; middle: right on 6 of 12; strong: all right
    assert cvs.values == pytest.approx([0.0, 0.5, 1.0])
    # middle differs from both by 0.5 with a standard error of 0.15: p 0.007, too much after the correction
    assert cvs.groups == [(1, 2), (0, 1)] and cvs.letters == ["b", "ab", "a"]
    for metric in three.metrics:
        for i, j, c in metric.pairs if metric.groups else ():
            shared = set(metric.letters[i]) & set(metric.letters[j])
            assert bool(shared) == (c.p_holm >= 0.05), metric.metric


def test_the_rows_that_differ_most_come_by_task_with_every_answer(three: ManyModels) -> None:
    # STG and DVC have the same truth on every recording here, so that all three models are right on all rows
    assert {row.task for row in three.differing} == {"TAG", "NAP", "SA", "CVS"}
    cvs = [row for row in three.differing if row.task == "CVS"]
    assert all(row.spread == 1.0 and row.scores[0] == 0.0 and row.scores[2] == 1.0 for row in cvs)
    assert all(len(row.answers) == 3 and "Two structures" in (row.answers[0] or "") for row in cvs)
    assert len(cvs) == 10  # of 12: bounded by `top`
    spreads = [row.spread for row in three.differing if row.task == "TAG"]
    assert spreads == sorted(spreads, reverse=True)


def test_rows_that_one_model_left_out_count_for_none(folder: Path, tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    source = folder / "middle"
    table = pq.read_table(source / "results.rows.parquet")
    lost = set(table.column("sample_id").to_pylist()[:3])
    keep = pa.array([i not in lost for i in table.column("sample_id").to_pylist()])
    (tmp_path / "m").mkdir()
    pq.write_table(table.filter(keep), tmp_path / "m" / "results.rows.parquet")
    (tmp_path / "m" / "results.json").write_bytes((source / "results.json").read_bytes())
    part = (read_results(tmp_path / "m"), tmp_path / "m")
    whole = compare_all(models(folder, "weak", "strong"))
    found = compare_all([*models(folder, "weak"), part, *models(folder, "strong")])
    assert found.rows == whole.rows - 3 and found.left_out == [0, 3, 0]


def test_a_model_compared_with_itself_ties_and_its_names_are_told_apart(folder: Path) -> None:
    found = compare_all(models(folder, "middle", "middle"))
    assert found.models == ["middle (1)", "middle (2)"] and found.differing == []
    assert all(m.letters == ["a", "a"] for m in found.metrics if m.groups)


def test_what_can_not_be_compared_is_said(folder: Path) -> None:
    with pytest.raises(MedVidBenchError, match="two or more"):
        compare_all(models(folder, "weak"))
    (a, path), b = models(folder, "weak", "middle")
    other = a.model_copy(update={"data": {"path": "x", "sha256": "0"}})
    with pytest.raises(MedVidBenchError, match="different data"):
        compare_all([b, (other, path)])


def test_the_official_protocol_is_compared_too(folder: Path) -> None:
    found = compare_all(models(folder, "weak", "strong"), "official")
    by_name = {m.metric: m for m in found.metrics}
    assert found.protocol == "official" and by_name["CVS_acc"].values == pytest.approx([0.0, 1.0])


def test_text_and_json_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder / "weak", folder / "middle", None, True, [folder / "strong"], data=folder / "bench")
    found = json.loads(capsys.readouterr().out)
    assert found["models"] == ["weak", "middle", "strong"] and len(found["metrics"]) == 3 * len(found["values"])
    (cvs,) = [v for v in found["values"] if v["metric"] == "CVS_acc"]
    assert cvs["tie_groups"] == [["middle", "strong"], ["weak", "middle"]]
    one = next(m for m in found["metrics"] if m["metric"] == "CVS_acc" and m["model_b"] == "strong")
    assert (one["model_a"], one["difference"], one["verdict"]) == ("weak", -1.0, "B")
    run(folder / "weak", folder / "middle", None, False, [folder / "strong"])
    text = capsys.readouterr().out
    assert "1.000 a" in text and "rows that differ most (CVS_acc)" in text and "-1.000" in text


def test_the_page_shows_ties_and_questions_and_escapes_every_text(folder: Path, tmp_path: Path) -> None:
    run(folder / "weak", folder / "strong", None, True, html=tmp_path / "c.html")
    html = (tmp_path / "c.html").read_text(encoding="utf-8")
    assert "Question of CVS on recording" in html and "Synthetic data" in html
    assert "<img" not in html
    found = compare_all(models(folder, "weak", "strong"))
    named = ManyModels(**{**vars(found), "models": [ATTACK, "strong"]})
    page = build_comparison_page(named)
    assert "<img" not in page and len(re.findall("<script", page)) == 1
