"""The published JSON row and the evaluator's merged row (typed here; conversion to `Sample` below)."""

from __future__ import annotations

from typing import Any, TypedDict


class MergedRow(TypedDict, total=False):
    """One value of the merged file: question, truth and a model's answer in one object.

    Values come from outside and may have any JSON type; readers check before they use them.
    """

    metadata: dict[str, Any]
    qa_type: str
    struc_info: Any
    question: str
    gnd: str
    answer: Any
    data_source: str
