"""Every number of the public evaluator's vectors, row by row and metric by metric, to 1e-9."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from official_rows import board, value_of

from medvidbench.evaluation.metric_rows import ProtocolScores, RowOutcome
from medvidbench.evaluation.protocols.official import BOARD_ORDER, score_official
from medvidbench.metrics.text import missing_package

EXACT = {"abs": 1e-9, "rel": 0}


@pytest.fixture(scope="module")
def vectors() -> Any:
    folder = os.environ.get("MEDVIDBENCH_TEST_DATA", "")
    path = Path(folder).parent / "spec" / "official_vectors.json"
    if not folder or not path.is_file():
        pytest.skip("MEDVIDBENCH_TEST_DATA names no folder with ../spec/official_vectors.json beside it")
    return json.loads(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def scores(vectors: Any) -> ProtocolScores:
    return score_official(list(vectors["records"].values()))


NAP_KNOWN = not missing_package()


def rows_of(vectors: Any, scores: ProtocolScores, qa_type: str) -> list[tuple[Any, RowOutcome]]:
    """Expected and found for the rows whose type begins so; never empty."""
    pairs = zip(vectors["records"].items(), scores.outcomes, strict=True)
    found = [(vectors["expected"]["per_record"][k], o) for (k, r), o in pairs if r["qa_type"].startswith(qa_type)]
    assert len(found) >= 60
    return found


def test_the_seven_board_values_are_the_public_evaluators(vectors: Any, scores: ProtocolScores) -> None:
    expected = {name: value for name, value in vectors["expected"]["board"].items() if NAP_KNOWN or name != "NAP_acc"}
    found = {name: value for name, value in board(scores).items() if NAP_KNOWN or name != "NAP_acc"}
    assert found == pytest.approx(expected, **EXACT)
    assert tuple(metric.name for metric in scores.overall) == BOARD_ORDER


def test_every_tag_row_has_the_public_spans_ious_and_recalls(vectors: Any, scores: ProtocolScores) -> None:
    for expected, found in rows_of(vectors, scores, "tal"):
        assert (found.reading or []) == expected["parse"]
        assert (found.status == "unparsed") == (expected["parse"] == [])
        for tau in ("0.3", "0.5"):
            assert found.numbers[f"TAG_mIoU@{tau}"] == pytest.approx(expected["scores"][tau]["miou"], **EXACT)
            assert found.numbers[f"TAG_recall@{tau}"] == pytest.approx(expected["scores"][tau]["recall"], **EXACT)


def test_every_stg_row_has_the_public_boxes_and_iou(vectors: Any, scores: ProtocolScores) -> None:
    for expected, found in rows_of(vectors, scores, "stg"):
        if expected["miou"] is None:
            assert (found.status, found.numbers) == ("unscored", {})
            continue
        assert (found.reading or []) == (expected["parse"] or [])
        assert found.numbers == pytest.approx({"STG_mIoU": expected["miou"]}, **EXACT)


def test_every_dvc_row_has_the_public_events_precision_recall_and_f1(vectors: Any, scores: ProtocolScores) -> None:
    for expected, found in rows_of(vectors, scores, "dense_captioning"):
        assert (found.reading or []) == expected["parse"]
        numbers = {f"DVC_{name}": expected[name] for name in ("precision", "recall")} if expected["scored"] else {}
        numbers |= {"DVC_F1": expected["f1"]} if expected["scored"] else {}
        assert found.numbers == pytest.approx(numbers, **EXACT)


@pytest.mark.skipif(not NAP_KNOWN, reason="free-text answers need the [semantic] extra")
def test_every_nap_row_has_the_public_class_and_cosine(vectors: Any, scores: ProtocolScores) -> None:
    for expected, found in rows_of(vectors, scores, "next_action"):
        if expected.get("skipped"):
            assert (found.status, found.numbers) == ("unscored", {})
            continue
        reading: Any = found.reading
        assert reading["label"] == expected["pred"]
        assert reading["method"] == {"semantic": "nearest"}.get(expected["method"], expected["method"])
        assert found.numbers == {"NAP_acc": expected["correct"]}
        assert reading.get("cosine") == pytest.approx(expected.get("cos"), abs=2e-6)


def test_every_sa_row_has_the_public_aspects_errors_and_level(vectors: Any, scores: ProtocolScores) -> None:
    for expected, found in rows_of(vectors, scores, "skill_assessment"):
        wanted = exact_matches("SA_acc", expected["aspect_correct"])
        wanted |= {f"SA_mae/{name}": value for name, value in expected["mae"].items()}
        wanted |= {"SA_level": expected["level_correct"]} if expected["counted"] else {}
        assert found.numbers == pytest.approx(wanted, **EXACT)
        if expected["counted"]:
            assert found.reading == {"level": expected["parse"]["level"], "aspects": expected["parse"]["aspects"]}


def test_every_cvs_row_has_the_public_criteria_and_rating(vectors: Any, scores: ProtocolScores) -> None:
    for expected, found in rows_of(vectors, scores, "cvs_assessment"):
        wanted = exact_matches("CVS_acc", expected["component_correct"])
        assert found.numbers == pytest.approx({**wanted, "CVS_rating": expected["rating_correct"]}, **EXACT)
        assert (found.reading or {}) == expected["parse"]


def exact_matches(metric: str, matches: dict[str, float]) -> dict[str, float]:
    """Each aspect's number, and their mean under the metric's own name."""
    numbers = {f"{metric}/{name}": value for name, value in matches.items()}
    return {metric: sum(matches.values()) / len(matches), **numbers} if matches else {}


def test_caption_rows_wait_for_a_judge(vectors: Any, scores: ProtocolScores) -> None:
    for qa_type in ("video_summary", "region_caption"):
        for _, found in rows_of(vectors, scores, qa_type):
            assert (found.status, found.reason, found.numbers) == ("unscored", "needs a judge", {})


def test_the_sources_values_are_the_public_per_source_returns(vectors: Any, scores: ProtocolScores) -> None:
    returned = vectors["expected"]["per_task_return"]
    found = {source: {m.name: value_of(m) for m in metrics} for source, metrics in scores.by_source.items()}
    if not NAP_KNOWN:
        returned["next_action"]["per_dataset"] = {}
    compared = 0
    for task, metric, of in (
        ("dvc", "DVC_F1", lambda r: r["overall"]["temporal_f1"]),
        ("stg", "STG_mIoU", lambda r: r["overall"]["mean_iou"]),
        ("next_action", "NAP_acc", lambda r: r["overall"]["accuracy"]),
        ("skill_assessment", "SA_acc", lambda r: r["aspect_balanced_accuracy"]),
        ("cvs_assessment", "CVS_acc", lambda r: r["component_balanced_accuracy"]),
    ):
        for source, result in returned[task]["per_dataset"].items():
            assert found[source][metric] == pytest.approx(of(result), **EXACT), (task, source)
            compared += 1
    assert compared == 5 + 3 + 5 * NAP_KNOWN + 1 + 1


def test_scoring_changes_no_row_and_repeats_itself(vectors: Any, scores: ProtocolScores) -> None:
    rows = list(vectors["records"].values())
    before = json.dumps(rows)
    again = score_official(rows)
    assert json.dumps(rows) == before
    assert again.outcomes == scores.outcomes
    assert board(again) == board(scores)
