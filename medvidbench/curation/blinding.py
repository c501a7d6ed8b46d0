"""Taking the ground truth out of rows: which columns go, and which stay because the question itself tells them.

Blanked are answer, truth, provenance, generator and residue. A target or a list of choices stays only where the
question's own text names it word for word (or the list is the task's fixed aspects), and a region only on region
captions, whose question gives the box: what stays can't tell more than the question. `sample_id` is a hash of clip,
qa_type and question; rows are ordered by recording, clip start and that hash.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from medvidbench.struc_info import CVS_KEYS, SKILL_ASPECTS

_Table: TypeAlias = Any  # pyarrow's own annotations differ between its versions

_FIXED = (list(SKILL_ASPECTS), list(CVS_KEYS))


def blinded(rows: _Table) -> _Table:
    """The rows of a table with `Sample`'s columns, without ground truth, in the same order."""
    import pyarrow as pa

    length = rows.num_rows
    questions = rows.column("question").to_pylist()
    targets = zip(rows.column("target").to_pylist(), questions, strict=True)
    choices = zip(rows.column("choices").to_pylist(), questions, strict=True)
    blank: dict[str, list[Any]] = {
        "answer": [None] * length,
        "truth": [None] * length,
        "provenance": [None] * length,
        "generator": [""] * length,
        "residue": ["{}"] * length,
        "target": [target if _named(target, question) else "" for target, question in targets],
        "choices": [offered if _offered(offered, question) else [] for offered, question in choices],
    }
    for name, values in blank.items():
        index = rows.schema.get_field_index(name)
        field = rows.schema.field(index)
        rows = rows.set_column(index, field, pa.array(values, field.type))
    return _without_other_regions(rows)


def _without_other_regions(rows: _Table) -> _Table:
    import pyarrow as pa
    import pyarrow.compute as pc

    index = rows.schema.get_field_index("region")
    field = rows.schema.field(index)
    regions = pc.if_else(
        pc.equal(rows.column("task"), pa.scalar("RC")), rows.column("region"), pa.scalar(None, field.type)
    )
    return rows.set_column(index, field, regions)


def _named(word: str, question: str) -> bool:
    return word.lower() in question.lower()


def _offered(choices: list[str], question: str) -> bool:
    return choices in _FIXED or all(_named(choice, question) for choice in choices)
