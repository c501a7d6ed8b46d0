"""Damaged files are refused with a reason; none gives frames in silence."""

from __future__ import annotations

import containers
import damaged
import numpy as np
import pytest

from medvidbench.errors import MedVidBenchError
from medvidbench.video.decode import read_frames
from medvidbench.video.errors import UnreadableVideo
from medvidbench.video.index import build_index


def test_a_truncated_mp4_whose_tables_survive_is_refused(tmp_path):
    whole = damaged.faststart(tmp_path / "whole.mp4")
    assert len(build_index(whole).pts) == containers.FRAMES
    with pytest.raises(UnreadableVideo, match=r"damaged or cut off|truncated"):
        build_index(damaged.truncated(whole, tmp_path / "cut.mp4"))


def test_a_truncated_mp4_that_ends_between_two_frames_is_refused(tmp_path):
    import av

    whole = damaged.faststart(tmp_path / "whole.mp4")
    with av.open(str(whole)) as container:
        ends = sorted(p.pos + p.size for p in container.demux(video=0) if p.size)
    target = tmp_path / "cut.mp4"
    target.write_bytes(whole.read_bytes()[: ends[180]])
    with pytest.raises(UnreadableVideo, match="truncated: 181 of the 300 frames"):
        build_index(target)


@pytest.mark.parametrize("name", ["start_5s.mkv", "mpeg4_b.avi", "mpeg4_no_b.avi", "mjpeg.avi", "h264.ts", "mpeg2.mpg"])
def test_a_truncated_file_of_another_container_is_refused(name, variant, tmp_path):
    with pytest.raises(UnreadableVideo, match=r"truncated|cut off|declares|in the middle"):
        build_index(damaged.truncated(variant(name).path, tmp_path / name))


def test_an_mp4_without_its_tables_is_refused(variant, tmp_path):
    file = damaged.without_moov(variant("vfr.mp4").path, tmp_path / "no_moov.mp4")
    with pytest.raises(UnreadableVideo, match="opening failed"):
        build_index(file)
    # the plain truncation takes the tables too: they come last
    with pytest.raises(UnreadableVideo, match="opening failed"):
        build_index(damaged.truncated(variant("vfr.mp4").path, tmp_path / "cut.mp4"))


def test_an_empty_file_is_refused(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(UnreadableVideo, match="the file is empty"):
        build_index(tmp_path / "empty.mp4")


@pytest.mark.parametrize("name", ["notes.mp4", "notes.txt", "notes.avi", "notes"])
def test_a_text_file_is_refused_under_any_name(name, tmp_path):
    (tmp_path / name).write_text("frame,phase\n0,preparation\n" * 500)
    with pytest.raises(UnreadableVideo):
        build_index(tmp_path / name)


def test_a_folder_and_a_missing_file_are_refused(tmp_path):
    with pytest.raises(UnreadableVideo, match="it is not a file"):
        build_index(tmp_path)
    with pytest.raises(UnreadableVideo, match="no such file"):
        build_index(tmp_path / "none.mp4")


def test_an_unknown_codec_is_refused(variant, tmp_path):
    with pytest.raises(UnreadableVideo, match=r"no video stream|codec"):
        build_index(damaged.unknown_codec(variant("vfr.mp4").path, tmp_path / "wrong.mp4"))


def test_a_file_with_sound_alone_is_refused(tmp_path):
    import av

    with av.open(str(tmp_path / "sound.mp4"), "w") as out:
        containers._write_silence(out, out.add_stream("aac", rate=8000), 1.0)
    with pytest.raises(UnreadableVideo, match="no video stream"):
        build_index(tmp_path / "sound.mp4")


def test_a_header_that_lies_about_the_number_of_frames_is_refused(variant, tmp_path):
    mp4 = damaged.lying_mp4(variant("cfr_gop250.mp4").path, tmp_path / "lies.mp4")
    with pytest.raises(UnreadableVideo, match="declares 900 frames, 300 are there"):
        build_index(mp4)
    avi = damaged.lying_avi(variant("mpeg4_no_b.avi").path, tmp_path / "lies.avi")
    with pytest.raises(UnreadableVideo, match="declares 900 frames, 300 are there"):
        build_index(avi)


@pytest.mark.parametrize("name", ["cfr_gop250.mp4", "start_5s.mkv", "mpeg4_no_b.avi", "mpeg4_b.avi", "h264.ts"])
def test_flipped_bytes_never_come_out_as_a_wrong_frame(name, variant, tmp_path):
    v = variant(name)
    file = damaged.flipped(v.path, tmp_path / name)
    with pytest.raises(UnreadableVideo):
        read_frames(file, v.times)
    # asked one by one, each frame is either refused or has the right bars
    refused = 0
    for place in np.random.default_rng(1).integers(0, len(v.shown), 25).tolist():
        try:
            frame = read_frames(file, [v.times[place]]).frames[0]
        except MedVidBenchError:
            refused += 1
        else:
            assert containers.number_of(frame) == v.shown[place]
    assert refused


def test_an_error_names_file_reason_and_finding(tmp_path):
    (tmp_path / "empty.mp4").write_bytes(b"")
    with pytest.raises(UnreadableVideo) as caught:
        build_index(tmp_path / "empty.mp4")
    finding = caught.value.finding("clip 3")
    assert (finding.file, finding.row, finding.what) == (str(tmp_path / "empty.mp4"), "clip 3", "the file is empty")
    assert "quarantined" in finding.done
