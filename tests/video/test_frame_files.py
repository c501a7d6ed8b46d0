"""Frames on disk, with holes between them."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from medvidbench.errors import MedVidBenchError
from medvidbench.records import FrameFile
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.folder import nearest_files, read_frame_files


@pytest.fixture
def files(tmp_path):
    """Frames at 0, 1, 2 and 10 s; each as bright as its time."""
    times = [0, 1, 2, 10]
    for time in times:
        Image.new("RGB", (8, 6), (time, 0, 0)).save(tmp_path / f"{time:06d}.png")
    return tuple(FrameFile(f"{time:06d}.png", float(time)) for time in times)


def test_the_nearest_frame_comes_with_its_own_time(files, tmp_path):
    got = read_frame_files(files, [10.2, 0.4, 0.6, 2.0, 0.4], root=tmp_path)
    assert got.t_seconds.tolist() == [10.0, 0.0, 1.0, 2.0, 0.0]
    assert got.frames[:, 0, 0, 0].tolist() == [10, 0, 1, 2, 0]
    assert got.size == (8, 6)


def test_of_two_equally_near_frames_the_earlier_is_taken(files):
    assert nearest_files(files[::-1], [0.5, 1.5], 0.5) == [files[0], files[1]]


def test_a_time_in_a_hole_is_an_error_that_names_the_nearest(files, tmp_path):
    with pytest.raises(MedVidBenchError, match=r"within 0\.5 s of 6 s: the nearest is 000002\.png at 2 s"):
        read_frame_files(files, [1.0, 6.0], root=tmp_path)
    assert read_frame_files(files, [6.0], root=tmp_path, tolerance=4.0).t_seconds.tolist() == [2.0]


@pytest.mark.parametrize("time", [-1.0, 11.0, float("nan")])
def test_a_time_off_the_ends_is_an_error(files, time):
    with pytest.raises(MedVidBenchError, match="No frame file"):
        nearest_files(files, [time], 0.5)


def test_no_files_are_an_error():
    with pytest.raises(MedVidBenchError, match="no frame files"):
        nearest_files([], [0.0], 0.5)


def test_a_missing_and_a_damaged_picture_are_said(files, tmp_path):
    content = (tmp_path / "000002.png").read_bytes()
    (tmp_path / "000002.png").write_bytes(content[: len(content) // 2])
    (tmp_path / "000001.png").write_text("no picture")
    (tmp_path / "000000.png").unlink()
    for time in (0.0, 1.0, 2.0):
        with pytest.raises(UnreadableVideo):
            read_frame_files(files, [time], root=tmp_path)


def test_pictures_of_different_sizes_are_an_error(files, tmp_path):
    Image.new("RGB", (16, 12)).save(tmp_path / "000001.png")
    with pytest.raises(MedVidBenchError, match="differ in size"):
        read_frame_files(files, [0.0, 1.0], root=tmp_path)


def test_grey_pictures_become_rgb(tmp_path):
    Image.new("L", (8, 6), 77).save(tmp_path / "grey.png")
    got = read_frame_files([FrameFile("grey.png", 3.0)], [3.0], root=tmp_path)
    assert (got.frames == 77).all()
    assert got.frames.shape == (1, 6, 8, 3)


def test_real_frames_with_holes_are_read(real_data):
    folder = real_data / "cholect50-challenge-val" / "videos" / "VID73"
    files = [FrameFile(p.name, float(int(p.stem))) for p in sorted(folder.glob("*.png"))]
    got = read_frame_files(files, [files[0].time, files[-1].time], root=folder)
    assert len(np.unique(got.frames)) > 50
    # frames stand a second apart; none lies between 482 and 598
    with pytest.raises(MedVidBenchError, match="No frame file within"):
        read_frame_files(files, [540.0], root=folder, tolerance=0.4)
