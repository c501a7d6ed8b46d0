"""Questions on the real recording VID73, checked against its label file by code that shares nothing with `ask`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from medvidbench.records import Recording
from medvidbench.tasks.registry import SOURCE_TASKS, TASKS, context_of


@pytest.fixture(scope="module")
def root(real_data: Path) -> Path:
    folder = real_data / "cholect50-challenge-val"
    if not folder.is_dir():
        pytest.skip("the CholecT50 challenge recording is not in the test data")
    return folder


@pytest.fixture(scope="module")
def recording(root: Path) -> Recording:
    from medvidbench.sources.cholect50 import CholecT50

    (only,) = CholecT50().recordings(root)
    return only


@pytest.fixture(scope="module")
def labels(root: Path) -> dict[int, tuple[set[str], str]]:
    """Annotated frame number to its triplet names and its phase name."""
    data = json.loads((root / "labels" / "VID73.json").read_text())
    names = data["categories"]
    return {
        int(frame): ({names["triplet"][str(row[0])] for row in rows}, names["phase"][str(rows[0][14])])
        for frame, rows in data["annotations"].items()
    }


def test_triplet_spans_cover_exactly_the_annotated_seconds(recording, labels):
    asked = [s for s in TASKS["TAG"].ask(recording, 0) if s.target.count(",") == 2]
    assert len(asked) >= 10
    for sample in asked:
        first, last = int(sample.clip_start), int(sample.clip_end)
        said = {first + second for span in sample.truth.spans for second in range(int(span.start), int(span.end))}
        assert said == {frame for frame in range(first, last) if sample.target in labels.get(frame, (set(), ""))[0]}


def test_phase_spans_hold_every_annotated_second_of_the_phase_and_none_of_another(recording, labels):
    asked = [s for s in TASKS["TAG"].ask(recording, 0) if s.target.count(",") != 2]
    assert len(asked) >= 10
    for sample in asked:
        for frame, (_, phase) in labels.items():
            if sample.clip_start <= frame < sample.clip_end:
                time = frame - sample.clip_start
                inside = any(span.start <= time < span.end for span in sample.truth.spans)
                assert inside == (phase == sample.target)


def test_the_next_action_is_the_phase_of_the_next_annotated_frame(recording, labels):
    samples = list(TASKS["NAP"].ask(recording, 0))
    changes = sum(labels[a][1] != labels[b][1] for a, b in zip(sorted(labels), sorted(labels)[1:], strict=False))
    assert len(samples) == changes == 6
    for sample in samples:
        end = int(sample.clip_end)
        last_seen = max(frame for frame in labels if frame < end)
        following = min(frame for frame in labels if frame >= end)
        assert last_seen == end - 1
        assert labels[following][1] == sample.truth.label != labels[last_seen][1]


def test_every_event_names_an_instrument_that_is_annotated_in_it(recording, labels):
    words = {"bipolar": "bipolar forceps"}
    samples = list(TASKS["DVC"].ask(recording, 0))
    assert len(samples) >= 10
    for sample in samples:
        for event in sample.truth.events:
            first = int(sample.clip_start + event.start)
            seconds = range(first, int(sample.clip_start + event.end))
            seen = {t.split(",")[0] for second in seconds for t in labels.get(second, (set(), ""))[0]}
            assert any(words.get(name, name) in event.caption for name in seen)


def test_frames_are_the_files_on_disk_at_their_own_seconds(recording, root):
    for name in SOURCE_TASKS["CholecT50"]:
        for sample in TASKS[name].ask(recording, 0):
            for path, time in zip(sample.frame_paths, sample.frame_times, strict=True):
                assert (root / path).is_file()
                assert int(Path(path).stem) == sample.clip_start + time


def test_all_truths_read_back(recording):
    count = 0
    for name in SOURCE_TASKS["CholecT50"]:
        for sample in TASKS[name].ask(recording, 0):
            assert TASKS[name].read(sample.answer, context_of(sample)) == sample.truth
            count += 1
    assert count >= 50
