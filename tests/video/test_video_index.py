"""What the index says about each kind of file, and that a kept index belongs to the file it was made from."""

from __future__ import annotations

import math
import os
import shutil
from fractions import Fraction

import containers
import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.video import index_cache, packet_table
from medvidbench.video.decode import read_frames
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import build_index
from medvidbench.video.index_cache import fingerprint, index_of


def test_modes_follow_what_each_container_can_be_trusted_with(variant):
    expected = {
        "cfr_gop250.mp4": "seek",
        "start_5s.mkv": "seek",
        "mpeg4_no_b.avi": "seek",
        "mpeg4_b.avi": "linear",
        "h264_b.avi": "linear",
        "h264.ts": "scan",
        "mpeg2.mpg": "scan",
    }
    assert {name: build_index(variant(name).path).mode for name in expected} == expected


def test_b_frames_are_seen(variant):
    names = ("cfr_gop250.mp4", "mpeg4_b.avi", "h264_b.avi", "mpeg4_no_b.avi", "mjpeg.avi")
    assert [build_index(variant(name).path).has_b_frames for name in names] == [True, True, True, False, False]


def test_open_groups_of_pictures_are_seen(variant):
    names = ("open_gop.mp4", "hevc.mp4", "cfr_gop250.mp4", "vfr.mp4", "start_5s.mkv")
    assert [build_index(variant(name).path).open_groups for name in names] == [True, True, False, False, False]


def test_a_plain_file_has_key_frames_where_they_were_put(variant):
    index = build_index(variant("cfr_gop250.mp4").path)
    # 300 frames, a key frame every 250; 25 frames/s
    assert index.time_base == Fraction(1, 12800)
    assert (index.keys * float(index.time_base)).tolist() == [0.0, 10.0]
    assert (index.header_frames, index.demuxed_frames, index.hidden_frames) == (300, 300, 0)
    assert (index.duration, index.fps, index.codec) == (12.0, 25.0, "h264")


def test_a_start_offset_is_kept_and_taken_off_the_axis(variant):
    for name in ("start_5s.mp4", "start_5s.mkv"):
        index = build_index(variant(name).path)
        assert (index.start, index.times[0], index.duration) == (5.0, 0.0, 12.0)


def test_frames_hidden_by_an_edit_list_are_counted(variant):
    cut = build_index(variant("cut_edit_list.mp4").path)
    assert (len(cut.pts), cut.hidden_frames) == (199, 101)
    trailing = build_index(variant("trailing_edit_list.mp4").path)
    assert (len(trailing.pts), trailing.hidden_frames, trailing.header_frames) == (240, 60, 300)
    assert trailing.duration == pytest.approx(9.6)


def test_a_turned_video_has_the_size_of_the_upright_frame(variant):
    index = build_index(variant("rotate_90.mp4").path)
    assert (index.rotation, index.size) == (90, (160, 120))


def test_a_video_shorter_than_its_audio_ends_where_its_frames_end(variant):
    index = build_index(variant("audio_longer.mp4").path)
    assert index.duration == 12.0
    with pytest.raises(MedVidBenchError, match=r"frame at 12\.5 s(.|\n)*0 to 12\.000 s"):
        index.numbers_at([3.0, 12.5])


def test_times_are_taken_within_a_millisecond(variant):
    index = build_index(variant("fps_29_97.mp4").path)
    # frame 100 is shown at 100 * 1001 / 30000 = 3.336667 s
    assert index.numbers_at([3.3366, 3.336, 3.335, 3.337, -0.0005]).tolist() == [100, 100, 99, 100, 0]


@pytest.mark.parametrize("time", [-0.1, 12.01, math.nan, math.inf])
def test_times_outside_the_video_are_refused(variant, time):
    with pytest.raises(MedVidBenchError, match="Asked"):
        build_index(variant("cfr_gop250.mp4").path).numbers_at([0.0, time])


def test_times_copied_from_a_container_without_them_are_noticed(variant, tmp_path):
    import av

    # an AVI with B-frames put into Matroska as it is: the stored order sold as the order of showing
    target = tmp_path / "copied.mkv"
    with av.open(str(variant("h264_b.avi").path)) as source, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(p for p in source.demux(video=0) if p.size):
            packet.stream, packet.pts, packet.dts = stream, number, number
            out.mux(packet)
    assert build_index(target).mode == "linear"
    got = read_frames(target, [8.0, 0.12, 11.96])
    assert [containers.number_of(f) for f in got.frames] == [200, 3, 299]


@pytest.mark.parametrize(
    ("name", "codec", "options", "how"),
    [
        ("fragmented.mp4", "libx264", containers.X264, {"container_options": {"movflags": "frag_keyframe+empty_moov"}}),
        ("vp9.webm", "libvpx-vp9", {"g": "50", "deadline": "realtime", "cpu-used": "8"}, {}),
        ("mpeg4_b.mkv", "mpeg4", containers.MPEG4_B, {}),
    ],
)
def test_other_files_found_in_the_world_are_read(name, codec, options, how, tmp_path):
    containers.write_video(tmp_path / name, codec, options, frames=120, **how)
    assert build_index(tmp_path / name).mode == "seek"
    # 25 frames/s
    got = read_frames(tmp_path / name, [4.0, 0.12, 4.76])
    assert [containers.number_of(f) for f in got.frames] == [100, 3, 119]


def test_a_linear_file_is_counted_by_decoding_it(variant, monkeypatch):
    path = variant("h264_b.avi").path
    monkeypatch.setattr(packet_table, "_decoded", lambda path, times_are_sound: iter(range(299)))
    assert len(build_index(path).pts) == 299
    for count in (290, 301):
        monkeypatch.setattr(packet_table, "_decoded", lambda path, times_are_sound, n=count: iter(range(n)))
        with pytest.raises(UnreadableVideo, match=f"{count} frames come out of 300 packets"):
            build_index(path)


# --- kept indexes ----------------------------------------------------------------------------------


@pytest.fixture
def empty_memory(monkeypatch):
    monkeypatch.setattr(index_cache, "_memory", type(index_cache._memory)())


@pytest.fixture
def built(monkeypatch):
    """The paths for which an index was built."""
    paths: list[str] = []

    def counting(path):
        paths.append(str(path))
        return build_index(path)

    monkeypatch.setattr(index_cache, "build_index", counting)
    return paths


def test_an_index_is_built_once_while_the_file_stays(variant, tmp_path, empty_memory, built):
    file = shutil.copy(variant("vfr.mp4").path, tmp_path / "a.mp4")
    first = index_of(file)
    assert index_of(file) is first
    os.utime(file, (1, 1))
    assert index_of(file) is not first
    assert len(built) == 2


def test_a_file_replaced_by_another_is_indexed_again(variant, tmp_path, empty_memory):
    file = tmp_path / "a.mp4"
    shutil.copy(variant("cfr_gop250.mp4").path, file)
    assert len(index_of(file).pts) == 300
    shutil.copy(variant("cut_edit_list.mp4").path, file)
    assert len(index_of(file).pts) == 199


def test_an_index_from_the_folder_equals_the_built_one(variant, tmp_path, empty_memory, built):
    file = variant("cut_edit_list.mp4").path
    first = index_of(file, tmp_path)
    index_cache._memory.clear()
    again = index_of(file, tmp_path)
    assert len(built) == 1
    assert again is not first
    for name in ("container", "codec", "size", "time_base", "mode", "hidden_frames", "last_ticks", "path"):
        assert getattr(again, name) == getattr(first, name)
    for name in ("pts", "keys", "packets"):
        assert np.array_equal(getattr(again, name), getattr(first, name))


def test_a_damaged_kept_index_is_built_again(variant, tmp_path, empty_memory, built):
    file = variant("vfr.mp4").path
    index_of(file, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:100])
    index_cache._memory.clear()
    assert len(index_of(file, tmp_path).pts) == containers.FRAMES
    assert len(built) == 2


def test_the_same_bytes_under_two_names_keep_their_names(variant, tmp_path, empty_memory):
    first, second = tmp_path / "a.mp4", tmp_path / "b.mp4"
    shutil.copy2(variant("vfr.mp4").path, first)
    shutil.copy2(first, second)
    assert fingerprint(first) == fingerprint(second)
    assert (index_of(first).path, index_of(second).path) == (str(first), str(second))


def test_memory_holds_a_bounded_number_of_indexes(variant, tmp_path, empty_memory, monkeypatch):
    monkeypatch.setattr(index_cache, "KEPT", 2)
    for name in ("vfr.mp4", "mjpeg.avi", "mpeg4_no_b.avi"):
        index_of(variant(name).path)
    assert len(index_cache._memory) == 2


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(UnreadableVideo, match="no such file"):
        index_of(tmp_path / "none.mp4")
