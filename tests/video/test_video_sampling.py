"""Frames of a recording from its video or its frame files."""

from __future__ import annotations

import containers
import numpy as np
import pytest
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.records import FrameFile, Recording
from medvidbench.video.sampling import frame_times, recording_frames


def recording(**parts):
    basics = {"source": "S", "recording_id": "r", "group": "g", "duration": 12.0, "native_fps": 2.0}
    return Recording(**basics, width=160, height=120, **parts)


@pytest.mark.parametrize(
    ("start", "end", "fps", "expected"),
    [
        (0.0, 2.0, 1.0, [0.0, 1.0]),
        (0.0, 2.1, 1.0, [0.0, 1.0, 2.0]),
        (5.0, 5.3, 10.0, [5.0, 5.1, 5.2]),
        (3.0, 3.0, 1.0, []),
        (4.0, 3.0, 1.0, []),
    ],
)
def test_times_are_half_open(start, end, fps, expected):
    assert frame_times(start, end, fps) == pytest.approx(expected)


@pytest.mark.parametrize(("end", "fps"), [(1.0, 0.0), (1.0, -1.0), (float("inf"), 1.0), (1.0, float("nan"))])
def test_times_without_end_or_rate_are_refused(end, fps):
    with pytest.raises(MedVidBenchError, match="Frames from"):
        frame_times(0.0, end, fps)


def test_frames_come_from_the_video(variant):
    file = variant("cfr_gop250.mp4").path
    got = recording_frames(recording(video=file.name), frame_times(1.0, 2.0, 5.0), root=file.parent)
    # 25 frames/s
    assert [containers.number_of(f) for f in got.frames] == [25, 30, 35, 40, 45]


def test_frames_come_from_the_files_within_half_their_distance(tmp_path):
    for time in (0, 1):
        Image.new("RGB", (8, 6), (time, 0, 0)).save(tmp_path / f"{time}.png")
    files = (FrameFile("0.png", 0.0), FrameFile("1.png", 1.0))
    got = recording_frames(recording(frames=files), [0.25, 0.8], root=tmp_path)
    assert np.array_equal(got.t_seconds, [0.0, 1.0])
    # two annotated frames a second: 0.25 s is half their distance
    with pytest.raises(MedVidBenchError, match=r"within 0\.25 s"):
        recording_frames(recording(frames=files), [0.5], root=tmp_path)
    assert recording_frames(recording(frames=files), [0.5], root=tmp_path, tolerance=0.5).t_seconds.tolist() == [0.0]


def test_a_recording_without_pictures_is_said():
    with pytest.raises(MedVidBenchError, match="neither a video nor frames"):
        recording_frames(recording(), [0.0])
