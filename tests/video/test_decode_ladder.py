"""What the verified reader does when a seek or a file lies to it, and what it saves when they don't."""

from __future__ import annotations

from dataclasses import replace

import containers
import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.video.decode import decode_numbers, read_frames
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import build_index
from medvidbench.video.packets import PacketReader


@pytest.fixture
def calls(monkeypatch):
    """Which decodings were begun: key frame times, or "all"."""
    begun: list[object] = []
    from_key, from_start = PacketReader.decode_from, PacketReader.decode_all

    def counted(self, start, key, wanted):
        begun.append(start)
        return from_key(self, start, key, wanted)

    def counted_all(self):
        begun.append("all")
        return from_start(self)

    monkeypatch.setattr(PacketReader, "decode_from", counted)
    monkeypatch.setattr(PacketReader, "decode_all", counted_all)
    return begun


def numbers(variant, places, index=None):
    got = read_frames(variant.path, [variant.times[i] for i in places], index=index)
    return [containers.number_of(f) for f in got.frames]


def test_a_group_of_pictures_is_decoded_once_for_all_its_requests(variant, calls):
    v = variant("cfr_gop250.mp4")
    places = [240, 3, 260, 3, 120, 299, 251, 7]
    assert numbers(v, places) == places
    # key frames at 0 and 10 s, in units of 1/12800 s
    assert calls == [0, 128000]


def test_only_the_groups_that_are_needed_are_decoded(variant, calls):
    v = variant("start_5s.mkv")
    index = build_index(v.path)
    assert numbers(v, [160], index) == [160]
    assert len(calls) == 1
    # frame 160 is shown 6.4 s after the start at 5 s; Matroska counts ms
    assert calls[0] == max(k for k in index.keys.tolist() if k <= 11400)


def test_a_seek_that_lands_too_late_is_noticed_and_mended(variant, monkeypatch, calls):
    v = variant("vfr.mp4")
    index = build_index(v.path)

    class Late:
        def __init__(self, container):
            self._container = container

        def seek(self, target, **how):
            self._container.seek(int(index.keys[-1]), **how)

        def __getattr__(self, name):
            return getattr(self._container, name)

    opened = PacketReader._open

    def lying(self):
        opened(self)
        self._container = Late(self._container)

    monkeypatch.setattr(PacketReader, "_open", lying)
    places = [290, 120, 200, 60]
    assert numbers(v, places, index) == places
    assert "all" not in calls


def test_a_key_frame_that_cannot_start_decoding_is_replaced_by_the_one_before(variant, calls):
    v = variant("cfr_gop250.mp4")
    index = build_index(v.path)
    # a packet in the middle of a group, sold as a key frame: decoding from there yields nothing sound
    false_key = int(index.pts[100])
    lying = replace(index, keys=np.array([index.keys[0], false_key, index.keys[1]]))
    assert numbers(v, [120, 130], lying) == [120, 130]
    assert calls[:2] == [false_key, 0]


def test_when_no_key_frame_works_the_file_is_decoded_from_its_start(variant, calls):
    v = variant("cfr_gop250.mp4")
    index = build_index(v.path)
    false_keys = [int(index.pts[100]), int(index.pts[110])]
    lying = replace(index, keys=np.array([index.keys[0], *false_keys, index.keys[1]]))
    assert numbers(v, [120, 130, 260], lying) == [120, 130, 260]
    assert calls == [false_keys[1], false_keys[0], "all", 128000]


def test_a_frame_that_the_index_promises_and_the_file_lacks_is_an_error(variant):
    v = variant("cfr_gop250.mp4")
    index = build_index(v.path)
    lying = replace(index, pts=np.sort(np.append(index.pts, index.pts[50] + 7)))
    with pytest.raises(UnreadableVideo, match=r"don't come out, the first at 2\.001 s"):
        list(decode_numbers(lying, [51]))


def test_a_linear_file_with_fewer_frames_than_promised_is_an_error(variant):
    index = build_index(variant("h264_b.avi").path)
    lying = replace(index, pts=np.append(index.pts, index.pts[-1] + 1))
    with pytest.raises(UnreadableVideo, match="decoding stops after 300 of 301 frames"):
        list(decode_numbers(lying, [300]))


def test_frames_of_another_size_than_promised_are_an_error(variant):
    v = variant("vfr.mp4")
    with pytest.raises(UnreadableVideo, match="change size"):
        read_frames(v.path, [0.0], index=replace(build_index(v.path), width=320))


def test_a_reader_is_refused_in_another_process_than_its_own(variant):
    index = build_index(variant("vfr.mp4").path)
    with PacketReader(index) as reader:
        reader._pid += 1
        with pytest.raises(MedVidBenchError, match="after the fork"):
            list(reader.decode_all())
        with pytest.raises(MedVidBenchError, match="after the fork"):
            list(reader.decode_from(0, 0, {0}))


def test_pictures_nobody_refers_to_are_not_decoded(variant, monkeypatch):
    v = variant("cfr_gop250.mp4")
    index = build_index(v.path)
    came_out = []
    decoded = PacketReader._decode_after

    def counted(self, key, packet, reached):
        for frame in decoded(self, key, packet, reached):
            came_out.append(frame.pts)
            yield frame

    monkeypatch.setattr(PacketReader, "_decode_after", counted)
    assert numbers(v, [240], index) == [240]
    # three B-frames of which one is referred to: half of the pictures are skipped
    assert len(came_out) < 0.6 * 240


def test_no_times_give_no_frames(variant):
    got = read_frames(variant("vfr.mp4").path, [])
    assert got.frames.shape == (0, 120, 160, 3)
    assert len(got) == 0
