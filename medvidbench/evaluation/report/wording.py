"""Names, scales and the one rule for "wrong", which tables, plots and the sample browser share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from medvidbench.records import TASK_NAMES, TaskName

TASK_TITLES: dict[TaskName, str] = {
    "TAG": "Temporal action grounding",
    "STG": "Spatio-temporal grounding",
    "DVC": "Dense video captioning",
    "VS": "Video summary",
    "RC": "Region captioning",
    "NAP": "Next action prediction",
    "SA": "Skill assessment",
    "CVS": "Critical view of safety",
}
LABEL_TASKS = ("NAP", "SA", "CVS")
"""Tasks whose answer is right or wrong; the others overlap more or less."""
JUDGE_SCALE = (1.0, 5.0)


def task_of_metric(metric: str) -> TaskName | None:
    """The task that a metric name begins with, e.g. "TAG" of "TAG_mIoU@0.3"; None for another name."""
    name = metric.partition("_")[0]
    return next((task for task in TASK_NAMES if task == name), None)


def scale_of(metric: str) -> tuple[float, float]:
    """The range that a metric is drawn over: 1 to 5 for a judge's scores, else 0 to 1."""
    return JUDGE_SCALE if re.search("_llm|_concept|judge", metric) else (0.0, 1.0)


def headline_metric(row: Mapping[str, Any], metrics: Mapping[str, Any]) -> str:
    """The number that a row is sorted and coloured by: its first one that the protocol reports as a metric, or ""."""
    names = [item["name"] for item in row["numbers"]]
    preferred = f"{row['task']}_F1"  # the official protocol lists a caption's precision and recall first
    if preferred in names:
        return preferred
    return next((name for name in names if name in metrics), names[0] if names else "")


def is_wrong(task: str, status: str, metric: str, score: float | None) -> bool:
    """NAP, SA, CVS: any label wrong. The others: under the middle of the scale. An unreadable answer is wrong, too."""
    if status == "unparsed":
        return True
    if status != "scored" or score is None:
        return False
    return score < (1.0 if task in LABEL_TASKS else sum(scale_of(metric)) / 2)
