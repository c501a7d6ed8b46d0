from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.errors import MedVidBenchError
from medvidbench.published import from_merged, from_published, to_merged, to_published
from medvidbench.records import Box, BoxTrack, Event, Events, Rating, Ratings, Span, Spans, TimedBox

BOUNDS = [
    {"input_video_start_frame": "10", "input_video_end_frame": "70"},
    {"input_video_start_time": 10.5, "input_video_end_time": 70},
    {"start_frame": 10, "end_frame": 70},
]
TRUTHS: list[tuple[str, Any, Any]] = [
    ("tal", [{"action": "cut", "spans": [{"start": 1.0, "end": 2.5}]}], Spans((Span(1.0, 2.5),))),
    ("tal", {"action": "cut", "spans": [{"start": 1, "end": 2}]}, Spans((Span(1.0, 2.0),))),
    ("stg", [{"bbox_dict": {"1.0": [1, 2, 3, 4]}}], BoxTrack((TimedBox(1.0, Box(1, 2, 3, 4)),))),
    ("stg", {"5.0": [1, 2, 3, 4], "1.0": [0, 0, 9, 9.5]}, None),
    ("dense_captioning_gpt", [[{"start": 0, "end": 2, "caption": "a"}]], Events((Event(0, 2, "a"),))),
    (
        "dense_captioning_gemini",
        [{"dc_segments": [{"start": 0, "end": 2, "caption": "a"}]}],
        Events((Event(0, 2, "a"),)),
    ),
    ("dense_captioning_gpt", [{"start": 0, "end": 2, "caption": "a"}], Events((Event(0, 2, "a"),))),
    (
        "cvs_assessment",
        [{"cvs_scores": {"two_structures": 2, "cystic_plate": 0, "hepatocystic_triangle": 1}}],
        Ratings((Rating("Two structures", 2), Rating("Cystic plate", 0), Rating("Hepatocystic triangle", 1))),
    ),
    (
        "skill_assessment",
        [{"skill_level": "N", "skill_scores": {"Respect for tissue": 3, "Time and motion": 2}}],
        Ratings((Rating("Respect for tissue", 3), Rating("Time and motion", 2))),
    ),
]


def published(qa_type: str, struc_info: Any, metadata: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "VID01&&10&&70&&0.5",
        "video": ["CAMMA_data/VID01/000010.png", "CAMMA_data/VID01/000012.png"],
        "sampled_video_frames": [10, 12],
        "conversations": [{"from": "human", "value": "<video>\nWhen?"}, {"from": "gpt", "value": "1.0-2.5 seconds."}],
        "qa_type": qa_type,
        "data_source": "CholecT50",
        "dataset_name": "CholecT50",
        "metadata": {"video_id": "VID01", "fps": "0.5", **metadata},
        "is_RC": False,
        "RC_info": None,
        "train": False,
        "struc_info": struc_info,
        **more,
    }


@pytest.mark.parametrize("bounds", BOUNDS)
@pytest.mark.parametrize(("qa_type", "struc_info", "truth"), TRUTHS)
def test_every_shape_of_truth_and_bounds_is_read_and_written_back(
    qa_type: str, struc_info: Any, truth: Any, bounds: dict[str, Any]
) -> None:
    row = published(qa_type, struc_info, bounds)
    sample = from_published(row)
    if truth is not None:
        assert sample.truth == truth
    assert sample.fps == 0.5
    assert json.dumps(to_published(sample), sort_keys=True) == json.dumps(row, sort_keys=True)


def test_the_plain_time_to_box_dict_is_read_in_time_order() -> None:
    truth = from_published(published("stg", TRUTHS[3][1], BOUNDS[0])).truth
    assert isinstance(truth, BoxTrack)
    assert [b.time for b in truth.boxes] == [1.0, 5.0]


def test_a_region_caption_row_keeps_its_box_and_frame() -> None:
    info = {"start_frame": "CAMMA_data/VID01/000010.png", "start_frame_bbox": [1, 2, 30, 40]}
    row = published("region_caption_gpt", [], BOUNDS[0], is_RC=True, RC_info=info)
    sample = from_published(row)
    assert sample.region is not None and sample.region.box == Box(1, 2, 30, 40)
    assert json.dumps(to_published(sample), sort_keys=True) == json.dumps(row, sort_keys=True)


def test_a_test_row_has_no_answer_and_gets_none_back() -> None:
    row = published("next_action", [], BOUNDS[0])
    row["conversations"] = row["conversations"][:1]
    sample = from_published(row)
    assert sample.answer is None and sample.truth is None
    assert to_published(sample) == row


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from([*published("tal", [], {}), "extra"]), JSON, max_size=6))
def test_any_published_row_that_is_accepted_comes_back_unchanged(changes: dict[str, Any]) -> None:
    row = {**published("tal", TRUTHS[0][1], BOUNDS[0]), **changes}
    try:
        sample = from_published(row)
    except MedVidBenchError:
        return
    assert json.dumps(to_published(sample), sort_keys=True) == json.dumps(row, sort_keys=True)


def test_the_sample_id_ignores_how_a_number_is_written_but_not_the_question() -> None:
    a = from_published(published("tal", [], {"start_frame": "10", "end_frame": 70.0}))
    b = from_published(published("tal", [], {"start_frame": 10, "end_frame": "70"}))
    other = published("tal", [], {"start_frame": 10, "end_frame": "70"})
    other["conversations"] = [{"from": "human", "value": "<video>\nWhere?"}]
    assert a.sample_id == b.sample_id != from_published(other).sample_id
    assert len(a.sample_id) == 24


def test_the_merged_vectors_of_the_public_evaluator_come_back_unchanged(real_data: Path) -> None:
    file = real_data.parent / "spec" / "official_vectors.json"
    if not file.is_file():
        pytest.skip("no official vectors beside the data")
    records = json.loads(file.read_text())["records"]
    assert len(records) > 400
    for row in records.values():
        answer = row["answer"]
        rebuilt = to_merged(from_merged(row), answer=answer)
        assert json.dumps(rebuilt, sort_keys=True) == json.dumps(row, sort_keys=True)


@pytest.mark.parametrize("row", [{}, {"qa_type": 3}, {"qa_type": "unheard_of"}])
def test_a_row_of_no_known_task_is_an_error_that_lists_the_tasks(row: dict[str, Any]) -> None:
    with pytest.raises(MedVidBenchError, match=r"tal|published task names"):
        from_merged(row)
