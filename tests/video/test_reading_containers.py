"""The verified reader on every container variant: truth is how the file was made."""

from __future__ import annotations

import random

import containers
import numpy as np
import pytest

from medvidbench.video.decode import iter_frames, read_frames
from medvidbench.video.index import build_index

NAMES = list(containers.MAKERS)


def plain_decoding(variant: containers.Variant) -> list[np.ndarray]:
    """Every frame by FFmpeg's own order, nothing skipped, turned upright."""
    import av

    with av.open(str(variant.path)) as container:
        frames = list(container.decode(container.streams.best("video")))
        return [np.rot90(f.to_ndarray(format="rgb24"), int(f.rotation) // 90) for f in frames]


@pytest.mark.parametrize("name", NAMES)
def test_every_variant_yields_the_frames_asked_for_in_random_order(name, variant):
    v = variant(name)
    rng = random.Random(name)
    places = [rng.randrange(len(v.shown)) for _ in range(58)] + [0, len(v.shown) - 1]
    got = read_frames(v.path, [v.times[i] for i in places])
    assert [containers.number_of(f) for f in got.frames] == [v.shown[i] for i in places]
    # Matroska keeps times in ms
    assert got.t_seconds == pytest.approx([v.times[i] for i in places], abs=1e-3)
    assert got.size == (containers.WIDTH, containers.HEIGHT)


@pytest.mark.parametrize("name", NAMES)
def test_each_frame_asked_for_alone_is_right(name, variant):
    v = variant(name)
    for place in random.Random(name).sample(range(len(v.shown)), 6):
        assert containers.number_of(read_frames(v.path, [v.times[place]]).frames[0]) == v.shown[place]


@pytest.mark.parametrize("name", NAMES)
def test_between_two_frames_the_earlier_one_is_shown(name, variant):
    v = variant(name)
    places = random.Random(name).sample(range(len(v.shown) - 1), 20)
    between = [(v.times[i] + v.times[i + 1]) / 2 for i in places]
    assert [containers.number_of(f) for f in read_frames(v.path, between).frames] == [v.shown[i] for i in places]


@pytest.mark.parametrize("name", NAMES)
def test_skipping_pictures_changes_no_pixel(name, variant):
    v = variant(name)
    expected = plain_decoding(v)
    assert len(expected) == len(v.shown)
    # every third frame: two in three pictures aren't wanted, so those nobody refers to are skipped
    for first in range(3):
        got = read_frames(v.path, v.times[first::3])
        assert all(np.array_equal(a, b) for a, b in zip(got.frames, expected[first::3], strict=True))


@pytest.mark.parametrize("name", NAMES)
def test_the_index_has_the_time_of_every_shown_frame(name, variant):
    v = variant(name)
    index = build_index(v.path)
    assert index.times == pytest.approx(v.times, abs=1e-3)
    assert index.times[0] == 0


@pytest.mark.parametrize("name", ["cfr_gop250.mp4", "h264_b.avi", "open_gop.mp4", "h264.ts"])
def test_a_whole_video_in_batches_is_the_same_as_at_once(name, variant):
    v = variant(name)
    wanted = list(v.times[::7])
    whole = read_frames(v.path, wanted)
    batches = list(iter_frames(v.path, wanted[::-1], batch=8))
    assert [len(b) for b in batches] == [8, 8, 8, 8, 8, 3]  # 300 frames, every 7th: 43
    assert np.array_equal(np.concatenate([b.frames for b in batches]), whole.frames)
    assert np.array_equal(np.concatenate([b.t_seconds for b in batches]), whole.t_seconds)


def test_the_bar_code_of_a_drawn_picture_is_its_number():
    # the test's own instrument: 0b1000000000000101 has its first, third last and last bars white
    assert [containers.number_of(containers.picture(n)) for n in (0, 1, 299, 32773, 65535)] == [0, 1, 299, 32773, 65535]
    bars = containers.picture(32773)[0, :: containers.BAR, 0]
    assert (bars > 127).tolist() == [True] + [False] * 12 + [True, False, True]


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
@pytest.mark.parametrize("stored_before", [0, 1, 3])
def test_a_file_cut_at_an_open_group_of_pictures_begins_at_its_key_frame(suffix, stored_before, variant, tmp_path):
    import av

    source, target = variant("open_gop.mp4").path, tmp_path / f"cut.{suffix}"
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        stream = out.add_stream_from_template(container.streams.video[0])
        packets = [p for p in container.demux(video=0) if p.size]
        key = [i for i, p in enumerate(packets) if p.is_keyframe][2]
        first = packets[key].pts // 512  # its number: 512 units a frame
        assert min(p.pts for p in packets[key:]) < packets[key].pts, "the group isn't open"
        offset = packets[key - stored_before].dts
        for packet in packets[key - stored_before :]:
            packet.stream, packet.pts, packet.dts = stream, packet.pts - offset, packet.dts - offset
            out.mux(packet)
    index = build_index(target)
    assert len(index.pts) == containers.FRAMES - first
    got = read_frames(target, index.times[::9].tolist())
    assert [containers.number_of(f) for f in got.frames] == list(range(first, containers.FRAMES, 9))
