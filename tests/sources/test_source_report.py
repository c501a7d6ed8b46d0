"""The report on a dataset folder: counts, what is missing, and findings by kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest

from medvidbench.records import (
    Box,
    Finding,
    FrameFile,
    RatedInterval,
    Rating,
    Recording,
    Segment,
    TimedBox,
    Track,
)
from medvidbench.sources.base import Source
from medvidbench.sources.registry import SOURCE_KEYS, source_of
from medvidbench.sources.report import check_source, finding_kinds, general
from medvidbench.tasks.registry import SOURCE_TASKS


class ThreeVideos(Source):
    """One with a video, one with frames, one with neither."""

    key: ClassVar[str] = "three"
    name: ClassVar[str] = "Three"

    def check(self, root: Path) -> tuple[Finding, ...]:
        return (Finding("a", "", "strange file", "left out"),)

    def label_files(self, root: Path) -> list[Path]:
        return []

    def is_synthetic(self, root: Path) -> bool:
        return True

    def missing(self, root: Path) -> tuple[str, ...]:
        return ("the workbook",)

    def counts(self, root: Path) -> tuple[tuple[str, int], ...]:
        return (("rows", 7),)

    def recordings(self, root: Path) -> Iterator[Recording]:
        box = Box(0, 0, 1, 1)
        yield Recording("Three", "a", "g", 3600.0, 1.0, 1, 1, video="a.mp4", frames=(FrameFile("f", 0.0),))
        yield Recording(
            "Three",
            "b",
            "g",
            1800.0,
            1.0,
            1,
            1,
            frames=(FrameFile("f", 0.0), FrameFile("g", 1.0)),
            segments=(Segment(0, 1, "x", "phase"), Segment(0, 1, "y", "phase"), Segment(0, 1, "z", "action")),
            tracks=(Track("t", "hook", (TimedBox(0, box), TimedBox(1, box))),),
            official_split="train",
        )
        rated = (RatedInterval(0, 1, (Rating("r", 1),)),)
        findings = (Finding("b", "line 2", "3 cells, the header has 4", "left out"),)
        yield Recording("Three", "c", "h", 0.0, 1.0, 1, 1, rated=rated, findings=findings)


def test_everything_is_counted_once() -> None:
    report = check_source(ThreeVideos(), Path())
    assert (report.recordings, report.hours, report.groups) == (3, 1.5, {"g", "h"})
    # a recording with a video counts as one, also where frames were extracted
    assert (report.videos, report.framed, report.annotation_only, report.frames) == (1, 1, 1, 3)
    assert report.segments == {"phase": 2, "action": 1}
    assert (report.tracks, report.boxes, report.rated) == (1, 2, 1)
    assert report.splits == {"": 2, "train": 1}
    assert (report.counts, report.missing, report.synthetic) == ((("rows", 7),), ("the workbook",), True)
    assert [f.file for f in report.findings] == ["a", "b"]


def test_findings_that_differ_in_numbers_names_and_tails_are_one_kind() -> None:
    findings = [
        Finding("a", "line 2", "3 cells, the header has 4", "left out"),
        Finding("a", "line 9", "5 cells, the header has 4", "left out"),
        Finding("b", "", "the label 'x' is unknown: it stands in 'y'", "left out"),
        Finding("b", "", "the label 'z' is unknown: it stands in 'w'", "left out"),
        Finding("b", "", "the label 'z' is unknown", "kept"),
        Finding("a", "line 3", "1 cells, the header has 4", "left out"),
    ]
    kinds = [(k.count, k.what, k.done, k.example.row) for k in finding_kinds(findings)]
    assert kinds == [
        (3, "# cells, the header has #", "left out", "line 2"),
        (2, "the label '…' is unknown", "left out", ""),
        (1, "the label '…' is unknown", "kept", ""),
    ]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("-2.5 to 3 s passes the video's end at 3 s", "# to # s passes the video's end at # s"),
        ("no list: [1, 2]", "no list: […]"),
        ("task1 has 2 rows", "task1 has # rows"),
        ("", ""),
    ],
)
def test_the_words_of_a_finding_stay(text: str, kind: str) -> None:
    assert general(text) == kind


@pytest.mark.parametrize("key", SOURCE_KEYS)
def test_every_source_says_what_it_is_and_feeds_tasks_of_the_published_benchmark(key: str) -> None:
    source = source_of(key.upper())
    assert source.key == key
    assert source.tasks == SOURCE_TASKS[source.name]
    for text in (source.licence, source.citation, source.obtain, source.layout):
        assert len(text) > 2
    assert source.homepage.startswith("https://")


def test_the_eight_sources_are_those_of_the_published_benchmark() -> None:
    assert {source_of(key).name for key in SOURCE_KEYS} == set(SOURCE_TASKS)


@pytest.mark.parametrize("key", SOURCE_KEYS)
def test_a_folder_that_is_not_there_is_an_error_with_the_way_to_get_the_data(key: str, tmp_path: Path) -> None:
    from medvidbench.errors import MedVidBenchError

    with pytest.raises(MedVidBenchError) as error:
        check_source(source_of(key), tmp_path / "absent")
    assert source_of(key).obtain in str(error.value)


def test_a_label_file_that_can_not_be_read_counts_with_its_name(tmp_path: Path) -> None:
    class OneFile(ThreeVideos):
        def label_files(self, root: Path) -> list[Path]:
            return [root / "a.json"]

    absent = OneFile().digest(tmp_path)
    (tmp_path / "a.json").write_text("{}")
    assert absent != OneFile().digest(tmp_path)
