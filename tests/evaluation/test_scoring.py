from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.metric_rows import MetricRows, RowOutcome
from medvidbench.evaluation.results import read_results
from medvidbench.evaluation.score_file import score_file
from medvidbench.evaluation.scoring import interval, metric_value


def skill_rows(trials: list[str], answer: str) -> dict[str, Any]:
    from medvidbench.struc_info import SKILL_ASPECTS

    scores = dict.fromkeys(SKILL_ASPECTS, 3)
    return {
        str(i): {
            "metadata": {"video_id": trial, "fps": "1.0", "input_video_start_frame": "0", "input_video_end_frame": "9"},
            "qa_type": "skill_assessment",
            "struc_info": [{"skill_level": "N", "skill_scores": scores}],
            "question": f"Rate trial {trial}.",
            "gnd": ", ".join(f"{name}: 3/5" for name in SKILL_ASPECTS),
            "answer": answer,
            "data_source": "JIGSAWS",
        }
        for i, trial in enumerate(trials)
    }


def test_trials_of_one_trainee_are_one_cluster_and_under_ten_there_is_no_interval(tmp_path: Path) -> None:
    trials = [f"{task}_{user}00{k}" for task in ("Suturing", "Knot_Tying") for user in "BCD" for k in (1, 2)]
    path = tmp_path / "m.json"
    path.write_text(json.dumps(skill_rows(trials, "Respect for tissue: 3/5")))
    metric = score_file(path, None, "strict").results.metrics["SA_acc"]
    assert (metric.n, metric.n_clusters) == (12, 3)
    assert metric.ci95 is None and metric.note == "3 clusters: too few"
    # one of six aspects is there and right
    assert metric.value == pytest.approx(1 / 6)


def test_a_mean_interval_is_cut_to_the_range_of_the_scores() -> None:
    values = np.array([0.0] * 19 + [1.0])
    metric = MetricRows("NAP_acc", "NAP", np.arange(20), np.column_stack([values, np.ones(20)]))
    estimate = interval(metric, np.arange(20))
    assert estimate.value == pytest.approx(0.05)
    assert estimate.ci95 is not None and estimate.ci95[0] == 0.0


def test_states_are_counted_for_the_metrics_task_and_source_only() -> None:
    states = ["scored", "unparsed", "unscored", "scored"]
    sources = ["AVOS", "AVOS", "AVOS", "NurViD"]
    outcomes = [RowOutcome(i, "NAP", s, t) for i, (s, t) in enumerate(zip(sources, states, strict=True))]  # type: ignore[arg-type]
    outcomes.append(RowOutcome(4, "TAG", "AVOS", "unparsed"))
    metric = MetricRows("NAP_acc", "NAP", np.array([0, 1]), np.array([[1.0, 1.0], [0.0, 1.0]]))
    value = metric_value(metric, outcomes, np.arange(5), "AVOS")
    assert (value.n, value.n_unparsed, value.n_unscored, value.parse_rate) == (2, 1, 1, 0.5)
    assert metric_value(metric, outcomes, np.arange(5)).parse_rate == pytest.approx(2 / 3)


def test_results_are_read_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(skill_rows([f"Suturing_{user}001" for user in "BCDEFGHI"], "nothing")))
    scored = score_file(path, None, "both", model="m")
    scored.write(tmp_path / "out" / "results.json")
    assert read_results(tmp_path / "out") == scored.results.model_copy(update={"rows": "results.rows.parquet"})
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["results.json", "results.rows.parquet"]


@pytest.mark.parametrize("text", ['{"format": "other/1"}', "[]", "{}", "not json"])
def test_another_file_is_no_results_file_and_the_first_fault_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(MedVidBenchError, match="no results file"):
        read_results(path)
