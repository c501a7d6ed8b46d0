"""`medvidbench doctor video`: it finds the reader that is wrong, and says by how much."""

from __future__ import annotations

import json

import damaged
import numpy as np
import pytest

from medvidbench.commands.doctor import run_video
from medvidbench.errors import MedVidBenchError
from medvidbench.video import doctor
from medvidbench.video.doctor import Marks, diagnose
from medvidbench.video.index import build_index


def test_the_verified_reader_and_counting_from_the_start_are_right(variant):
    for verdict in diagnose(variant("mpeg4_b.avi").path, ["pyav", "opencv-grab"], frames=20):
        assert (verdict.asked, verdict.right, verdict.worst, verdict.note) == (20, 20, 0.0, "")


def test_decord_is_caught_on_avi_with_b_frames(variant):
    pytest.importorskip("decord", reason="decord has no package for this platform")
    (verdict,) = diagnose(variant("mpeg4_b.avi").path, ["decord"], frames=20)
    assert verdict.right is not None
    assert verdict.right < 15
    assert verdict.worst is not None
    assert verdict.worst >= 0.04


def test_errors_are_the_time_between_the_frame_asked_for_and_the_one_that_came(variant):
    index = build_index(variant("cfr_gop250.mp4").path)
    # 300 frames that all differ; asked for 10, 20 and 30, got 10, 45 and 5
    truth = Marks(np.arange(300 * 16, dtype=np.int64).reshape(300, 16).astype(np.uint8), np.zeros((300, 768), np.uint8))
    truth.hashes[:, 0], truth.hashes[:, 1] = np.arange(300) % 256, np.arange(300) // 256
    got = Marks(truth.hashes[[10, 45, 5]], truth.thumbs[[10, 45, 5]])
    errors = doctor._errors(index, np.array([10, 20, 30]), truth, got)
    # 25 frames/s: 25 frames off is 1 s
    assert errors == pytest.approx([0.0, 1.0, 1.0])


def test_frames_of_other_rounding_are_known_by_their_looks(variant):
    index = build_index(variant("cfr_gop250.mp4").path)
    thumbs = np.random.default_rng(0).integers(0, 250, (300, 768)).astype(np.uint8)
    truth = Marks(np.zeros((300, 16), np.uint8), thumbs)
    got = Marks(np.full((2, 16), 9, np.uint8), thumbs[[10, 60]] + 1)
    # a grey level off everywhere: the second is still frame 60, 50 frames from the one asked for
    assert doctor._errors(index, np.array([10, 10]), truth, got) == pytest.approx([0.0, 2.0])


def test_a_repeated_picture_counts_as_the_nearest_of_its_likes(variant):
    index = build_index(variant("cfr_gop250.mp4").path)
    truth = Marks(np.zeros((300, 16), np.uint8), np.zeros((300, 768), np.uint8))
    got = Marks(np.zeros((1, 16), np.uint8), np.zeros((1, 768), np.uint8))
    assert doctor._errors(index, np.array([100]), truth, got).tolist() == [0.0]


def test_a_missing_reader_is_said_and_is_no_error(variant):
    (verdict,) = diagnose(variant("mjpeg.avi").path, ["torchcodec"], frames=3)
    if verdict.right is None:
        assert "torchcodec" in verdict.note
    else:
        assert verdict.right == 3


def test_the_command_prints_a_table(variant, capsys):
    run_video([variant("mjpeg.avi").path], "pyav,opencv", 5)
    out = capsys.readouterr().out
    assert "right / asked" in out
    assert out.count("5 / 5") == 2
    assert "0.00 s" in out


def test_the_command_prints_json(variant, tmp_path, capsys):
    bad = damaged.truncated(variant("mjpeg.avi").path, tmp_path / "bad.avi")
    run_video([variant("mjpeg.avi").path, bad], "pyav", 5, as_json=True)
    good, broken = json.loads(capsys.readouterr().out)
    assert (good["right"], good["worst"]) == (5, 0.0)
    assert broken["right"] is None
    assert broken["note"]


def test_only_what_the_user_can_mend_is_an_error(variant, tmp_path):
    with pytest.raises(MedVidBenchError, match="No such file"):
        run_video([tmp_path / "none.mp4"])
    with pytest.raises(MedVidBenchError, match="none given"):
        run_video([])
    with pytest.raises(MedVidBenchError, match="ffmpeg"):
        run_video([variant("mjpeg.avi").path], "ffmpeg")
    with pytest.raises(MedVidBenchError, match="at least 1 frame"):
        run_video([variant("mjpeg.avi").path], "pyav", 0)
