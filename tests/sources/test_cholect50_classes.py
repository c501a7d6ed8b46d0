"""The class tables and splits against the published facts."""

from __future__ import annotations

import json
from pathlib import Path

from medvidbench.sources.cholect50_classes import CLASSES, SPLITS, TRIPLET_PARTS, TRIPLETS, VIDEOS, official_split


def test_every_scheme_splits_the_fifty_videos_without_overlap() -> None:
    assert len(VIDEOS) == 50
    for scheme in SPLITS.values():
        assert sum(len(videos) for videos in scheme.values()) == 50
        assert frozenset().union(*scheme.values()) == VIDEOS
    assert {name: len(videos) for name, videos in SPLITS["cholect50"].items()} == {"train": 35, "val": 5, "test": 10}
    assert [len(videos) for videos in SPLITS["cholect50-crossval"].values()] == [10] * 5


def test_the_split_of_a_video_by_scheme() -> None:
    assert official_split(73) == "test"
    assert official_split(73, "cholect50-challenge") == "train"
    assert official_split(201) == ""


def test_a_few_triplet_ids_as_published() -> None:
    assert len(TRIPLETS) == len(set(TRIPLETS)) == 100
    assert TRIPLETS[17] == "grasper,retract,gallbladder"
    assert TRIPLETS[82] == "irrigator,aspirate,fluid"
    assert TRIPLETS[99] == "irrigator,null_verb,null_target"
    assert TRIPLET_PARTS[99] == (5, 9, 14)


def test_names_and_parts_equal_those_in_the_real_files(real_data: Path) -> None:
    root = real_data / "cholect50-challenge-val"
    categories = json.loads((root / "labels" / "VID73.json").read_text())["categories"]
    for kind, names in CLASSES.items():
        assert tuple(categories[kind][str(i)] for i in range(len(names))) == names
        assert len(categories[kind]) == len(names)
    rows = [line.split(",") for line in (root / "label_mapping.txt").read_text().splitlines() if line[0] != "#"]
    assert [tuple(map(int, row[1:4])) for row in rows] == list(TRIPLET_PARTS)
