"""Two files from the world: one with its video 33 ms late and sound, one with two videos and subtitles."""

from __future__ import annotations

import random

import numpy as np
import pytest

from medvidbench.video.decode import read_frames
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import build_index
from medvidbench.video.readers import read_with

FILES = {
    # name: (shown frames, size, start in s)
    "daft_sample_video.mp4": (290, (192, 144), 0.033),
    "nasa_13013.mp4": (390, (480, 270), 0.0),
}


@pytest.mark.parametrize("name", FILES)
def test_the_index_of_a_real_file(name, real_data):
    index = build_index(real_data / "video" / name)
    count, size, start = FILES[name]
    assert (len(index.pts), index.size) == (count, size)
    assert index.start == pytest.approx(start, abs=1e-3)


@pytest.mark.parametrize("name", FILES)
def test_random_frames_of_a_real_file_equal_plain_decoding(name, real_data):
    import av

    path = real_data / "video" / name
    with av.open(str(path)) as container:
        truth = [f.to_ndarray(format="rgb24") for f in container.decode(container.streams.best("video"))]
    index = build_index(path)
    places = [random.Random(name).randrange(len(truth)) for _ in range(60)]
    got = read_frames(path, index.times[places].tolist())
    assert all(np.array_equal(frame, truth[i]) for frame, i in zip(got.frames, places, strict=True))


@pytest.mark.parametrize(("reader", "name"), [("decord", n) for n in FILES] + [("opencv", "daft_sample_video.mp4")])
def test_other_readers_agree_on_a_real_file(reader, name, real_data):
    pytest.importorskip({"decord": "decord", "opencv": "cv2"}[reader])
    path = real_data / "video" / name
    times = [0.0, 3.3, 9.0, 1.25]
    assert np.array_equal(read_with(reader, path, times).frames, read_frames(path, times).frames)


def test_a_reader_that_takes_another_video_stream_is_caught(real_data):
    # two videos in one file: OpenCV takes the first (320 x 180), FFmpeg and decord the larger
    pytest.importorskip("cv2")
    with pytest.raises(UnreadableVideo, match=r"opencv gives frames of 320 x 180, not \(480, 270\)"):
        read_with("opencv", real_data / "video" / "nasa_13013.mp4", [0.0])
