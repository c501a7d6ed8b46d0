"""NurViD's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import json
import re
import zipfile

import pytest
from round_trip import assert_equal, read_and_expected

from medvidbench.sources.registry import source_of


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("nurvid", root, 5, seconds=40)


def _annotations(root):
    return json.loads((root / "annotations" / "NurViD_annotations.json").read_text())


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.procedure and r.video for r in read)


def test_the_files_agree_with_each_other_and_nothing_is_missing(written):
    root, _, _ = written
    assert source_of("nurvid").check(root) == () and source_of("nurvid").missing(root) == ()


def test_the_only_findings_are_annotations_out_of_order_and_one_without_length(written):
    _, read, _ = written
    by_id = {r.recording_id: [finding.done for finding in r.findings] for r in read}
    assert [done for done in by_id.values() if done] == [["left out", "sorted by time"]] * 2
    assert set(by_id) >= {"-002synNURS", "_001synNURS"}


def test_the_workbook_shares_its_strings_and_counts_from_0(written):
    root, _, _ = written
    with zipfile.ZipFile(root / "annotations" / "Procedure&Action_ID.xlsx") as book:
        assert "xl/sharedStrings.xml" in book.namelist()
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
    assert '<c r="A3" t="n"><v>0</v></c>' in sheet and '<c r="G3" t="n"><v>0</v></c>' in sheet


def test_the_csvs_have_crlf_one_space_and_a_misspelt_header(written):
    root, read, _ = written
    texts = [path.read_bytes().decode() for path in sorted((root / "annotations" / "task1&3").iterdir())]
    assert {text.split("\r\n")[0] for text in texts} == {"path-label", "path-lable"}
    rows = [row for text in texts for row in text.split("\r\n")[1:] if row]
    assert len(rows) == len(read) and all(re.fullmatch(r"/video_path/[-\w]{11}\.mp4 \d+", row) for row in rows)


def test_clip_labels_count_from_0_and_the_annotations_from_1(written):
    root, _, _ = written
    videos = _annotations(root)
    text = (root / "annotations" / "task2" / "action_train.csv").read_text()
    for row in text.split("\n")[1:-1]:
        name, place, label = re.fullmatch(r"/segment_path/(.{11})_(\d+)\.mp4 (\d+)", row.strip()).groups()
        assert videos[name]["annotations"][int(place) - 1]["actionID"] == int(label) + 1
