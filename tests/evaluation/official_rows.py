"""Small merged rows for the tests of the official protocol, and short ways to score them."""

from __future__ import annotations

from typing import Any

from medvidbench.evaluation.metric_rows import MetricRows, ProtocolScores, RowOutcome
from medvidbench.evaluation.protocols.official import score_official


def merged(qa_type: str, answer: Any, truth: Any, source: str = "AVOS", fps: Any = "1.0", gnd: str = "") -> Any:
    """One row of a merged file."""
    return {
        "metadata": {"video_id": "abcdefghijk", "fps": fps},
        "qa_type": qa_type,
        "struc_info": truth,
        "question": "What is asked?",
        "gnd": gnd,
        "answer": answer,
        "data_source": source,
    }


def tag_row(answer: Any, spans: list[tuple[float, float]], **options: Any) -> Any:
    return merged("tal", answer, [{"action": "cut", "spans": [{"start": s, "end": e} for s, e in spans]}], **options)


def stg_row(answer: Any, boxes: dict[str, Any], **options: Any) -> Any:
    return merged("stg", answer, [{"bbox_dict": boxes}], **options)


def dvc_row(answer: Any, events: list[tuple[float, float]], **options: Any) -> Any:
    truth = [[{"start": s, "end": e, "caption": "c"} for s, e in events]]
    return merged("dense_captioning_gpt", answer, truth, **options)


def nap_row(answer: Any, gnd: str, source: str = "AVOS", question: str = "What comes next?") -> Any:
    return {**merged("next_action", answer, [], source=source, gnd=gnd), "question": question}


def sa_row(answer: Any, scores: dict[str, Any], level: str = "N", source: str = "JIGSAWS", gnd: str = "") -> Any:
    truth = [{"skill_level": level, "skill_scores": scores}]
    return merged("skill_assessment", answer, truth, source=source, gnd=gnd)


def cvs_row(answer: Any, scores: tuple[Any, Any, Any] = (0, 0, 0), source: str = "Cholec80_CVS", gnd: str = "") -> Any:
    names = ("two_structures", "cystic_plate", "hepatocystic_triangle")
    return merged("cvs_assessment", answer, [{"cvs_scores": dict(zip(names, scores, strict=True))}], source, gnd=gnd)


def outcome_of(row: Any) -> RowOutcome:
    """The outcome of a file that holds this row alone."""
    return score_official([row]).outcomes[0]


def number(row: Any, name: str) -> float:
    """One number of a row scored alone."""
    return outcome_of(row).numbers[name]


def value_of(metric: MetricRows) -> float:
    return float(metric.combine(metric.columns.sum(axis=0)))


def board(scores: ProtocolScores) -> dict[str, float]:
    """The metrics over all sources."""
    return {metric.name: value_of(metric) for metric in scores.overall}


def board_of(*rows: Any) -> dict[str, float]:
    return board(score_official(rows))
