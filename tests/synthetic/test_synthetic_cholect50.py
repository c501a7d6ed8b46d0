"""What the writer writes, the adapter reads back as the scene's own truth."""

from __future__ import annotations

import json
import time
from itertools import groupby
from pathlib import Path

import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.sources.cholect50 import CholecT50
from medvidbench.synthetic.cholect50 import label_mapping, write_cholect50
from medvidbench.synthetic.scene import SceneTruth


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[SceneTruth]]:
    root = tmp_path_factory.mktemp("synthetic") / "cholect50"
    return root, write_cholect50(root, recordings=4, seconds=60, seed=5)


def triplet_seconds(scene: SceneTruth) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for second in range(scene.seconds):
        for action, _ in scene.at_work(second):
            found.setdefault(action.triplet, []).append(second)
    return found


def test_the_adapter_gives_back_phases_triplets_and_boxes(written: tuple[Path, list[SceneTruth]]) -> None:
    root, scenes = written
    recordings = list(CholecT50().recordings(root))
    assert [r.recording_id for r in recordings] == ["VID201", "VID202", "VID203", "VID204"]
    for recording, scene in zip(recordings, scenes, strict=True):
        assert recording.findings == ()
        assert (recording.duration, recording.width, recording.height) == (scene.seconds, 320, 180)
        assert [(s.start, s.end, s.label) for s in recording.segments if s.kind == "phase"] == [
            (p.start, p.end, p.name) for p in scene.phases
        ]
        # A triplet's segments are the runs of its seconds: seconds minus their rank are equal within a run.
        expected = set()
        for triplet, seconds in triplet_seconds(scene).items():
            for _, run in groupby(enumerate(seconds), key=lambda pair: pair[1] - pair[0]):
                stretch = [second for _, second in run]
                expected.add((stretch[0], stretch[-1] + 1, triplet))
        assert {(s.start, s.end, s.label) for s in recording.segments if s.kind == "triplet"} == expected
        boxes = {(t.label, b.time): b.box for t in recording.tracks for b in t.boxes}
        truth = {(a.instrument, float(s)): box for s in range(scene.seconds) for a, box in scene.at_work(s)}
        assert boxes.keys() == truth.keys()
        for key, box in truth.items():
            read = boxes[key]
            assert (read.x1, read.y1, read.x2, read.y2) == pytest.approx((box.x1, box.y1, box.x2, box.y2))


def test_there_is_one_frame_a_second_under_its_published_name(written: tuple[Path, list[SceneTruth]]) -> None:
    root, scenes = written
    for recording, scene in zip(CholecT50().recordings(root), scenes, strict=True):
        assert [frame.time for frame in recording.frames] == list(range(scene.seconds))
        assert recording.frames[7].path == f"videos/VID{scene.number}/000007.png"
        assert (root / recording.frames[-1].path).is_file()


def test_the_data_are_marked_as_synthetic_everywhere(written: tuple[Path, list[SceneTruth]]) -> None:
    root, scenes = written
    assert CholecT50().is_synthetic(root)
    assert (root / "SYNTHETIC.txt").read_text().startswith("SYNTHETIC DATA")
    for scene in scenes:
        assert scene.number > 200
        info = json.loads((root / "labels" / f"VID{scene.number}.json").read_text())["info"]
        assert "synthetic" in info["dataset"]


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    written: tuple[Path, list[SceneTruth]], tmp_path: Path
) -> None:
    root, _ = written
    write_cholect50(tmp_path / "again", recordings=1, seconds=60, seed=5)
    write_cholect50(tmp_path / "other", recordings=1, seconds=60, seed=6)
    files = [p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()]
    assert len(files) > 40
    assert all((root / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)
    label = "labels/VID201.json"
    assert (root / label).read_bytes() != (tmp_path / "other" / label).read_bytes()


def test_nothing_is_written_into_a_folder_that_holds_something(tmp_path: Path) -> None:
    (tmp_path / "VID01.json").write_text("{}")
    with pytest.raises(MedVidBenchError, match="is not an empty folder"):
        write_cholect50(tmp_path, 1, 20)
    assert [p.name for p in tmp_path.iterdir()] == ["VID01.json"]


def test_the_label_file_has_the_published_shape(written: tuple[Path, list[SceneTruth]], real_data: Path) -> None:
    root, _ = written
    own = json.loads((root / "labels" / "VID201.json").read_text())
    real = json.loads((real_data / "cholect50-challenge-val" / "labels" / "VID73.json").read_text())
    assert own.keys() == real.keys()
    assert own["categories"] == real["categories"]
    assert type(own["fps"]) is type(real["fps"])
    kinds = [[type(value) for value in rows[0]] for rows in (own["annotations"]["0"], real["annotations"]["49"])]
    assert kinds[0] == kinds[1]
    assert label_mapping().split() == (real_data / "cholect50-challenge-val" / "label_mapping.txt").read_text().split()


def test_twelve_recordings_are_written_in_seconds(tmp_path: Path) -> None:
    start = time.process_time()
    scenes = write_cholect50(tmp_path / "data", recordings=12, seconds=30)
    assert len(scenes) == 12
    # 120 seconds each, the default, are 1,600 frames in about 2.5 s; here it is a quarter of that.
    assert time.process_time() - start < 5
