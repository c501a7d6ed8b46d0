"""The samples built from the real VID73 against its label file, read here with plain json and counted second by second.

Nothing of the adapter or the tasks is used: a second is a frame number, and its truth stands in its vectors.
"""

from __future__ import annotations

import json
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import BuildReport, build
from medvidbench.records import Events, Label, Sample, Spans

LONGEST_HOLE = 120  # stated by the source: a hole of a phase up to so many seconds belongs to it
PHASE_WORDS = {
    "preparation": "preparation",
    "carlot-triangle-dissection": "dissection of Calot's triangle",
    "clipping-and-cutting": "clipping and cutting",
    "gallbladder-dissection": "gallbladder dissection",
    "gallbladder-packaging": "gallbladder packaging",
    "cleaning-and-coagulation": "cleaning and coagulation",
    "gallbladder-extraction": "gallbladder extraction",
}


class LabelFile:
    """VID73.json: the triplet names and the phase of each annotated second."""

    def __init__(self, path: Path) -> None:
        document: dict[str, Any] = json.loads(path.read_text())
        names = document["categories"]
        rows = {int(key): vectors for key, vectors in document["annotations"].items()}
        self.triplets = {t: {names["triplet"][str(v[0])] for v in vectors} for t, vectors in rows.items()}
        self.phase = {t: names["phase"][str(vectors[0][14])] for t, vectors in rows.items()}

    def phase_with_holes(self, second: int) -> str:
        """The second's phase; in a hole, the phase that stands on both sides of it, if it does and is near enough."""
        before = max((t for t in self.phase if t <= second), default=None)
        after = min((t for t in self.phase if t >= second), default=None)
        if before is None or after is None or self.phase[before] != self.phase[after]:
            return ""
        return self.phase[before] if after - before - 1 <= LONGEST_HOLE else ""


@pytest.fixture(scope="module")
def labels(real_data: Path) -> LabelFile:
    return LabelFile(real_data / "cholect50-challenge-val" / "labels" / "VID73.json")


@pytest.fixture(scope="module")
def built(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildReport]:
    out = tmp_path_factory.mktemp("vid73") / "bench"
    return out, build([("cholect50", real_data / "cholect50-challenge-val")], out)


@pytest.fixture(scope="module")
def samples(built: tuple[Path, BuildReport]) -> list[Sample]:
    return Benchmark.open(built[0]).samples(split="test")


def seconds_of(sample: Sample) -> range:
    """The clip's seconds on the recording's axis: its bounds are frame numbers at one frame a second."""
    return range(int(sample.clip_start), int(sample.clip_end))


def relative_runs(seconds: list[int], start: float) -> list[tuple[float, float]]:
    runs = [[t for _, t in run] for _, run in groupby(enumerate(seconds), key=lambda pair: pair[1] - pair[0])]
    return [(run[0] - start, run[-1] + 1 - start) for run in runs]


def test_the_single_recording_goes_to_test_whole_and_that_is_said(built: tuple[Path, BuildReport]) -> None:
    out, report = built
    assert Benchmark.open(out).samples(split="train") == []
    assert {split for split, _, _ in report.counts} == {"test"}
    assert {task for _, task, _ in report.counts} == {"TAG", "DVC", "NAP", "VS"}
    note = "CholecT50: its only group (cholec80/video73) went to test whole, so it has no training rows."
    assert report.notes == (note,)
    assert note in " ".join((out / "README.md").read_text().split())


def test_tag_spans_are_the_seconds_that_the_label_file_names(samples: list[Sample], labels: LabelFile) -> None:
    asked = {"phase": 0, "triplet": 0}
    for sample in samples:
        if sample.task != "TAG":
            continue
        if "," in sample.target:
            asked["triplet"] += 1
            seconds = [t for t in seconds_of(sample) if sample.target in labels.triplets.get(t, ())]
        else:
            asked["phase"] += 1
            seconds = [t for t in seconds_of(sample) if labels.phase_with_holes(t) == sample.target]
        assert isinstance(sample.truth, Spans)
        spans = [(span.start, span.end) for span in sample.truth.spans]
        assert spans == relative_runs(seconds, sample.clip_start), sample.clip_id
        assert spans
    assert min(asked.values()) >= 10


def test_the_next_action_is_the_next_phase_of_the_label_file(samples: list[Sample], labels: LabelFile) -> None:
    rows = [sample for sample in samples if sample.task == "NAP"]
    # Seven phases, each once: six of them are followed by another.
    assert len(rows) == 6
    for sample in rows:
        last = max(t for t in labels.phase if t < sample.clip_end)
        following = min(t for t in labels.phase if t >= sample.clip_end)
        assert isinstance(sample.truth, Label)
        assert sample.truth.label == labels.phase[following] != labels.phase[last]
        assert set(sample.choices) == set(PHASE_WORDS)


def test_events_begin_and_end_where_the_triplets_change(samples: list[Sample], labels: LabelFile) -> None:
    rows = [sample for sample in samples if sample.task == "DVC"]
    assert len(rows) >= 10
    for sample in rows:
        assert isinstance(sample.truth, Events)
        start = sample.clip_start
        events = [(event.start + start, event.end + start) for event in sample.truth.events]
        assert events
        assert all(first[1] <= second[0] for first, second in pairwise(events))
        for first, last in events:
            assert first == int(first)
            assert last == int(last)
            # Something is done in the first and the last second, and something else just outside (or the clip ends).
            assert labels.triplets.get(int(first))
            assert labels.triplets.get(int(last) - 1)
            assert first == sample.clip_start or differs(labels, int(first), int(first) - 1)
            assert last == sample.clip_end or differs(labels, int(last) - 1, int(last))
            # No event runs across more than five seconds without labels.
            busy = [t for t in range(int(first), int(last)) if labels.triplets.get(t)]
            assert max((b - a - 1 for a, b in pairwise(busy)), default=0) <= 5


def differs(labels: LabelFile, inner: int, outer: int) -> bool:
    """Whether two neighbouring seconds differ in their triplets or in their phase."""
    return (labels.triplets.get(inner), labels.phase_with_holes(inner)) != (
        labels.triplets.get(outer),
        labels.phase_with_holes(outer),
    )


def test_every_labelled_second_of_a_clip_is_in_an_event_when_few_enough(
    samples: list[Sample], labels: LabelFile
) -> None:
    complete = 0
    for sample in samples:
        if not isinstance(sample.truth, Events) or len(sample.truth.events) >= 24:
            continue
        complete += 1
        start = sample.clip_start
        covered = {t for e in sample.truth.events for t in range(int(e.start + start), int(e.end + start))}
        assert {t for t in seconds_of(sample) if labels.triplets.get(t)} <= covered
    assert complete >= 3


def test_captions_name_only_instruments_and_phases_of_their_seconds(samples: list[Sample], labels: LabelFile) -> None:
    instruments = {"grasper", "bipolar", "hook", "scissors", "clipper", "irrigator"}
    checked = 0
    for sample in samples:
        if isinstance(sample.truth, Events):
            pieces = [
                (e.caption, range(int(e.start + sample.clip_start), int(e.end + sample.clip_start)))
                for e in sample.truth.events
            ]
        elif sample.task == "VS":
            pieces = [(sample.answer or "", seconds_of(sample))]
        else:
            continue
        for text, seconds in pieces:
            seen = {triplet.split(",")[0] for t in seconds for triplet in labels.triplets.get(t, ())}
            assert {name for name in instruments if name in text} <= seen, text
            phases = {labels.phase_with_holes(t) for t in seconds}
            assert {name for name, words in PHASE_WORDS.items() if f"during {words}" in text} <= phases, text
            checked += 1
    assert checked > 50


def test_a_model_is_shown_only_frames_on_disk_at_their_own_second(samples: list[Sample], real_data: Path) -> None:
    root = real_data / "cholect50-challenge-val"
    for sample in samples:
        assert sample.width == 586
        assert sample.height == 328
        for path, time in zip(sample.frame_paths, sample.frame_times, strict=True):
            assert (root / path).is_file()
            assert int(Path(path).stem) == sample.clip_start + time
