"""The derived schema, and that every record survives the way to Parquet and back."""

from __future__ import annotations

import io
import time
from dataclasses import dataclass, fields
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.arrow import from_table, schema_of, to_table
from medvidbench.errors import MedVidBenchError
from medvidbench.records import (
    Answer,
    Box,
    Caption,
    Event,
    Events,
    Finding,
    Label,
    Rating,
    Ratings,
    Sample,
    Score,
    Span,
    Spans,
    TimedBox,
)

# `from_type` builds strategies from the same annotations that the schema is derived from, but by
# hypothesis' own reading of them. nan is left out because nan != nan, and integers keep to int64.
st.register_type_strategy(float, st.floats(allow_nan=False))
st.register_type_strategy(int, st.integers(-(2**63), 2**63 - 1))


def through_parquet(rows: list[Any], record_type: type) -> list[Any]:
    buffer = io.BytesIO()
    pq.write_table(to_table(rows, record_type), buffer)
    buffer.seek(0)
    return from_table(pq.read_table(buffer), record_type)


def everything(record: Any) -> Any:
    """All fields by value, `flags` included, which equality of records leaves out."""
    if hasattr(record, "__dataclass_fields__"):
        return (type(record).__name__, *(everything(getattr(record, f.name)) for f in fields(record)))
    return tuple(everything(item) for item in record) if isinstance(record, tuple) else record


@pytest.mark.parametrize("record_type", [Sample, Answer, Score, Finding])
def test_any_records_come_back_equal(record_type: type) -> None:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.builds(record_type), max_size=4))
    def check(rows: list[Any]) -> None:
        back = through_parquet(rows, record_type)
        assert [everything(row) for row in back] == [everything(row) for row in rows]

    check()


def test_the_union_of_contents_is_a_struct_with_one_child_per_class() -> None:
    truth = schema_of(Sample).field("truth")
    assert [child.name for child in truth.type] == ["spans", "box_track", "events", "caption", "label", "ratings"]
    assert truth.nullable
    assert truth.type.field("label").type == pa.struct([("label", pa.string()), ("flags", pa.list_(pa.string()))])


def test_only_optional_fields_may_be_empty() -> None:
    nullable = {field.name for field in schema_of(Sample) if field.nullable}
    assert nullable == {"duration", "width", "height", "region", "answer", "truth", "provenance"}


def test_literals_are_strings_and_lists_are_lists() -> None:
    schema = schema_of(Sample)
    assert schema.field("split").type == pa.string()
    assert schema.field("frame_times").type == pa.list_(pa.float64())
    assert schema_of(Score).field("value").type == pa.float64()


def test_an_annotation_without_arrow_type_is_named() -> None:
    @dataclass
    class Odd:
        value: complex

    with pytest.raises(TypeError, match="complex"):
        schema_of(Odd)


def test_a_lone_surrogate_becomes_the_replacement_character() -> None:
    assert through_parquet([Answer("a", "m", "cut \ud83d here")], Answer)[0].text == "cut \ufffd here"


def test_a_missing_column_is_named() -> None:
    table = to_table([Answer("a", "m", None)], Answer).drop_columns(["text"])
    with pytest.raises(MedVidBenchError, match="no column text; it has: sample_id, model, error"):
        from_table(table, Answer)


def test_a_column_of_another_type_is_named() -> None:
    table = pa.table({"sample_id": ["a"], "metric": ["m"], "status": ["scored"], "value": ["high"], "reason": [""]})
    with pytest.raises(MedVidBenchError, match=r"column 'value' has the type string"):
        from_table(table, Score)


def test_an_empty_value_in_a_required_column_is_refused() -> None:
    table = pa.table({"file": ["a", None], "row": ["", ""], "what": ["", ""], "done": ["", ""]})
    with pytest.raises(MedVidBenchError, match="column 'file' holds 1 empty"):
        from_table(table, Finding)


def test_an_extra_column_is_ignored_and_a_slice_reads_its_own_rows() -> None:
    rows = [Answer(f"id{i}", "m", f"text {i}") for i in range(5)]
    table = to_table(rows, Answer).append_column("note", pa.array(["x"] * 5))
    assert from_table(table.slice(2, 2), Answer) == rows[2:4]


def test_a_slice_of_nested_columns_reads_its_own_rows() -> None:
    @dataclass(frozen=True)
    class Holder:
        truth: Spans | Events | Label | Caption | Ratings | None
        boxes: tuple[TimedBox, ...]

    rows = [
        Holder(Spans((Span(0, 1), Span(2, 3)), ("json",)), ()),
        Holder(None, (TimedBox(1, Box(1, 2, 3, 4)), TimedBox(2, Box(5, 6, 7, 8)))),
        Holder(Events((Event(0, 5, "dissects"),)), (TimedBox(9, Box(0, 0, 1, 1)),)),
        Holder(Ratings((Rating("Two structures", 2),)), ()),
    ]
    assert from_table(to_table(rows, Holder).slice(1, 3), Holder) == rows[1:]


def sample(index: int) -> Sample:
    times = tuple(float(second) for second in range(56))
    frames = tuple(f"videos/VID{index % 50:02d}/{second:06d}.png" for second in range(56))
    return Sample(
        f"{index:024x}", "VID01&&0&&56&&1", "CholecT50", f"VID{index % 50:02d}", "g", "train", "TAG", "tal", 0.0, 56.0,
        "input_video_frame", 1.0, 56.0, 854, 480, frames, times, f"When does it happen? {index}", "clipping",
        ("clipping", "cutting"), None, "1.0-2.0 seconds.", Spans((Span(1.0, 2.0),)), "annotations",
    )  # fmt: skip


def test_twenty_thousand_samples_convert_in_seconds() -> None:
    rows = [sample(index) for index in range(20_000)]
    start = time.process_time()
    assert from_table(to_table(rows, Sample), Sample) == rows
    assert time.process_time() - start < 5.0  # about 1 s on the machine this was written on
