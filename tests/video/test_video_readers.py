"""The other readers: let at what they read right, refused with the reason where they don't."""

from __future__ import annotations

import sys

import containers
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.video.errors import RefusedReader
from medvidbench.video.index import build_index
from medvidbench.video.readers import READERS, read_with, refusal

REFUSED = {
    "mpeg4_b.avi": "AVI with B-frames",
    "h264_b.avi": "AVI with B-frames",
    "cut_edit_list.mp4": "edit list",
    "trailing_edit_list.mp4": "edit list",
    "hevc.mp4": "HEVC",
    "open_gop.mp4": "open groups of pictures",
    "h264.ts": "transport streams",
    "mpeg2.mpg": "program streams",
}
ALLOWED = [name for name in containers.MAKERS if name not in REFUSED]
PLACES = [250, 3, 299, 77, 77, 160]


@pytest.mark.parametrize("name", REFUSED)
def test_decord_is_refused_with_the_reason_where_it_was_wrong(name, variant):
    with pytest.raises(RefusedReader, match=REFUSED[name]) as caught:
        read_with("decord", variant(name).path, [0.0])
    assert "--reader pyav" in str(caught.value)


@pytest.mark.parametrize("name", ALLOWED)
def test_decord_is_right_where_it_is_allowed(name, variant):
    pytest.importorskip("decord", reason="decord has no package for this platform")
    v = variant(name)
    got = read_with("decord", v.path, [v.times[i] for i in PLACES])
    assert [containers.number_of(f) for f in got.frames] == [v.shown[i] for i in PLACES]
    assert got.t_seconds == pytest.approx([v.times[i] for i in PLACES], abs=1e-3)


@pytest.mark.parametrize("name", containers.MAKERS)
def test_opencv_is_right_everywhere_because_it_counts_from_the_start(name, variant):
    pytest.importorskip("cv2")
    v = variant(name)
    places = [i % len(v.shown) for i in PLACES]
    got = read_with("opencv", v.path, [v.times[i] for i in places])
    assert [containers.number_of(f) for f in got.frames] == [v.shown[i] for i in places]


def test_all_readers_give_the_same_pixels(variant):
    pytest.importorskip("decord", reason="decord has no package for this platform")
    v = variant("cfr_gop250.mp4")
    times = [v.times[i] for i in PLACES]
    digests = {name: read_with(name, v.path, times).digest for name in ("pyav", "decord", "opencv")}
    assert len(set(digests.values())) == 1


def test_torchcodec_is_refused_where_it_was_wrong(variant):
    for name in ("mpeg4_b.avi", "h264_b.avi", "h264.ts", "mpeg2.mpg"):
        assert refusal("torchcodec", build_index(variant(name).path))
    for name in (*ALLOWED, "open_gop.mp4", "hevc.mp4", "cut_edit_list.mp4"):
        assert refusal("torchcodec", build_index(variant(name).path)) == ""


def test_the_verified_reader_is_refused_nowhere(variant):
    assert {refusal("pyav", build_index(variant(name).path)) for name in containers.MAKERS} == {""}


def test_an_unknown_reader_is_refused_with_the_known_ones(variant):
    with pytest.raises(MedVidBenchError, match="Unknown reader 'ffmpeg'") as caught:
        read_with("ffmpeg", variant("vfr.mp4").path, [0.0])
    assert caught.value.accepted == ", ".join(READERS) == "pyav, decord, opencv, torchcodec"


@pytest.mark.parametrize(("reader", "module"), [("decord", "decord"), ("opencv", "cv2"), ("torchcodec", "torchcodec")])
def test_a_reader_that_is_not_installed_is_said(reader, module, variant, monkeypatch):
    for name in [m for m in sys.modules if m.split(".")[0] == module]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MedVidBenchError, match="not installed"):
        read_with(reader, variant("vfr.mp4").path, [0.0])
