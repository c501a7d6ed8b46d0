"""CoPESD's layout: read back exactly, and laid out as the real one."""

from __future__ import annotations

import json
import re

import pytest
from round_trip import assert_equal, read_and_expected


@pytest.fixture(scope="module")
def written(tmp_path_factory, blank_pictures):
    root = tmp_path_factory.mktemp("raw") / "raw"
    return root, *read_and_expected("copesd", root, 5, seconds=40)


def _items(root, split):
    return json.loads((root / f"smllm_{split}.json").read_text())


def test_the_adapter_reads_what_the_scenes_say(written):
    _, read, wanted = written
    assert_equal(read, wanted)
    assert all(r.segments and r.tracks and r.frames for r in read)


def test_boxes_lie_on_the_grid_of_a_hundredth_of_the_longer_side(written):
    # 300 x 232 pixels: a hundredth of the longer side is 3 pixels
    _, read, _ = written
    corners = [c for r in read for t in r.tracks for b in t.boxes for c in (b.box.x1, b.box.y1, b.box.x2, b.box.y2)]
    assert corners and all(abs(corner / 3 - round(corner / 3)) < 1e-9 for corner in corners)


def test_the_only_finding_is_the_clip_that_writes_width_and_height(written):
    _, read, _ = written
    assert [len(r.findings) for r in read] == [0, 0, 1, 0, 0]
    assert "read as x, y, w, h" in read[2].findings[0].done


def test_images_are_absolute_windows_paths_with_4_digits_from_0001(written):
    root, _, _ = written
    images = [item["image"] for split in ("train", "test") for item in _items(root, split)]
    assert all(re.fullmatch(r"D:/synthetic/.+/high_light_images/9\d{5}/\d{4}\.jpg", image) for image in images)
    assert min(image[-8:-4] for image in images) == "0001"


def test_one_motion_is_worded_in_several_ways_and_items_are_in_no_order(written):
    root, _, _ = written
    items = _items(root, "train")
    plain = {re.sub(r"\[[^]]*\]", "", item["conversations"][1]["value"]) for item in items}
    assert len({text for text in plain if "dissect" in text}) > 5
    assert [item["image"] for item in items] != sorted(item["image"] for item in items)


def test_every_motion_of_the_simulated_world_can_be_said():
    from medvidbench.synthetic.layouts.copesd_sentences import SENTENCES
    from medvidbench.synthetic.worlds.esd import MOTIONS

    assert set(MOTIONS) <= set(SENTENCES)
