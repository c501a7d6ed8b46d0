"""NurViD's released annotations: the counts of the release, and how long reading takes."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from medvidbench.records import Recording
from medvidbench.sources.files import Files
from medvidbench.sources.nurvid import NurViD
from medvidbench.sources.nurvid_classes import ACTIONS, PROCEDURES
from medvidbench.sources.workbook import read_workbook


@pytest.fixture(scope="module")
def root(real_data: Path) -> Path:
    return real_data / "nurvid"


@pytest.fixture(scope="module")
def entries(root: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((root / "annotations" / "NurViD_annotations.json").read_text())
    return found


@pytest.fixture(scope="module")
def recordings(root: Path) -> list[Recording]:
    return list(NurViD().recordings(root))


def kinds(recordings: list[Recording]) -> Counter[str]:
    """Findings by their words, numbers as #."""
    found = [f.what.split(":")[0] + "|" + f.done.split(":")[0] for r in recordings for f in r.findings]
    return Counter(re.sub(r"-?\d+(\.\d+)?", "#", text) for text in found)


def test_the_counts_are_those_of_the_release(root: Path, recordings: list[Recording]) -> None:
    assert dict(NurViD().counts(root)) == {
        "videos": 1538,
        "segments": 5615,
        "procedures used": 51,
        "actions used": 177,
        "videos in task1&3 train": 1054,
        "videos in task1&3 val": 173,
        "videos in task1&3 test": 311,
        "rows of task2 action test": 1136,
        "rows of task2 procedure test": 1122,
    }
    assert len(recordings) == len({r.recording_id for r in recordings}) == 1538
    assert len({r.procedure for r in recordings}) == 51
    # 177 ids, of which three pairs share a name
    assert len({label for r in recordings for _, listed in r.labels for label in listed}) == 174


def test_the_stated_durations_sum_to_144_hours(entries: dict[str, Any], recordings: list[Recording]) -> None:
    assert sum(entry["duration"] for entry in entries.values()) / 3600 == pytest.approx(144.36, abs=0.005)
    longer = [r.duration - entries[r.recording_id]["duration"] for r in recordings]
    # the file's whole seconds are cut: an annotation may end up to one second later
    assert min(longer) == 0.0
    assert max(longer) <= 1.0


def test_the_official_split_is_disjoint_and_complete(root: Path, recordings: list[Recording]) -> None:
    assert Counter(r.official_split for r in recordings) == {"train": 1054, "val": 173, "test": 311}
    assert not [f for f in NurViD().check(root) if "split" in f.what]


def test_every_clip_label_of_task_2_is_an_id_of_the_json_less_1(root: Path) -> None:
    # the adapter checks each of the 2,258 rows against the JSON file; one that differed would be a finding
    assert not [f for f in NurViD().check(root) if "task2" in f.file]


def test_segments_keep_the_seconds_of_the_file(entries: dict[str, Any], recordings: list[Recording]) -> None:
    kept = Counter((r.recording_id, s.start, s.end, s.label) for r in recordings for s in r.segments)
    stated = Counter(
        (name, *map(float, item["segment"]), ACTIONS[item["actionID"]])
        for name, entry in entries.items()
        for item in entry["annotations"]
    )
    assert stated.total() == 5615
    assert (kept - stated).total() == 13  # cut at the video's end
    assert (stated - kept).total() == 13 + 10 + 1  # the same, those outside the video, and the one without a length


def test_the_odd_rows_of_the_release_are_the_findings(entries: dict[str, Any], recordings: list[Recording]) -> None:
    found = kinds(recordings)
    ends = [(s["segment"][1], e["duration"]) for e in entries.values() for s in e["annotations"]]
    assert sum(end > duration + 1 for end, duration in ends) == 23
    outside = "# to # s passes the video's end at # s"
    assert found == {
        "zero length|left out": 1,
        f"{outside}|cut there": 13,
        f"{outside}|left out": 10,  # with the cut ones the 23 that end later than the stated duration and a second
        "# annotations begin before the one above them|sorted by time": 68,
        "# pairs of annotations overlap|kept": 189,
    }
    assert [f.row for r in recordings for f in r.findings if "zero" in f.what] == ["xsqaL7c22q8 annotation 1"]


def test_unsorted_and_overlapping_annotations_are_counted_as_in_the_file(
    entries: dict[str, Any], recordings: list[Recording]
) -> None:
    neighbours = [pair for e in entries.values() for pair in pairwise([(*s["segment"],) for s in e["annotations"]])]
    assert sum(after[0] < before[0] for before, after in neighbours) == 72
    assert sum(after[0] < before[1] for before, after in neighbours) == 284
    counted = {"begin": 0, "overlap": 0}
    for word in counted:
        counted[word] = sum(int(f.what.split()[0]) for r in recordings for f in r.findings if word in f.what)
    # neighbours in the file that overlap include the 72 that go back in time; in time itself it is 277 pairs
    assert counted == {"begin": 72, "overlap": 277}


def test_the_built_in_names_are_those_of_the_workbook(root: Path) -> None:
    rows = read_workbook(Files(root), root / "annotations" / "Procedure&Action_ID.xlsx")
    assert rows is not None
    named = rows[2:]  # a title and a header
    assert {int(r["A"]) + 1: r["C"] for r in named if "A" in r.cells} == PROCEDURES
    assert {int(r["G"]) + 1: r["I"] for r in named if "G" in r.cells} == ACTIONS
    assert (PROCEDURES[3], PROCEDURES[37], ACTIONS[42]) == (
        "Perineal Care",
        "Male Retention Catheterization",
        "Perform seven-step handwashing technique",
    )


def test_what_is_not_there_is_named(root: Path) -> None:
    assert NurViD().missing(root) == (
        "task2/action_train.csv",
        "task2/action_val.csv",
        "task2/procedure_train.csv",
        "task2/procedure_val.csv",
        "1538 of 1538 videos",
    )


def test_reading_and_checking_takes_under_two_seconds(root: Path) -> None:
    start = time.process_time()
    assert sum(1 for _ in NurViD().recordings(root)) == 1538
    NurViD().check(root)
    assert time.process_time() - start < 2.0
