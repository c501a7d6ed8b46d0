from __future__ import annotations

import json
from pathlib import Path

from medvidbench.sources.cholect50 import CholecT50


def test_the_real_challenge_video_is_counted_and_the_other_49_are_named_as_missing(real_data: Path) -> None:
    root = real_data / "cholect50-challenge-val"
    counts = dict(CholecT50().counts(root))
    labels = json.loads((root / "labels" / "VID73.json").read_text())["annotations"]
    assert counts["label files"] == 1
    assert counts["annotated frames"] == len(labels) == 160
    assert counts["actions in them"] == sum(map(len, labels.values()))
    assert counts["images"] == len(list((root / "videos" / "VID73").glob("*.png"))) == 176
    (missing,) = CholecT50().missing(root)
    assert missing.startswith("the labels of 49 of 50 videos: VID01")
    assert "VID73" not in missing


def test_labels_without_frames_are_named(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "videos").mkdir()
    (tmp_path / "labels" / "VID73.json").write_text('{"annotations": {}, "video": 73, "fps": 1}')
    assert "the frames of VID73" in CholecT50().missing(tmp_path)
