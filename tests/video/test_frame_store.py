"""Each frame once, under the name of its content."""

from __future__ import annotations

import hashlib
import sqlite3

import numpy as np
import pytest
from store_jobs import frames_at, write_some

from medvidbench.errors import MedVidBenchError
from medvidbench.video import store as store_module
from medvidbench.video.store import FrameStore, encode_jpeg
from medvidbench.video.workers import run_jobs


def files(folder):
    return sorted(p for p in (folder / "frames").rglob("*") if p.is_file())


def test_a_frame_comes_back_under_its_digest(tmp_path):
    store = FrameStore(tmp_path)
    frames = frames_at([1.0, 2.0])
    first, second = store.put("v", frames)
    content = store.get(first)
    assert hashlib.sha256(content).hexdigest() == first
    assert content == encode_jpeg(frames.frames[0])
    # a flat grey survives JPEG within a level
    assert np.abs(store.frame(second).astype(int) - frames.frames[1].astype(int)).max() <= 1
    assert store.path(first) == tmp_path / "frames" / first[:2] / first[2:4] / f"{first}.jpg"


def test_a_frame_is_stored_once_per_video_and_time(tmp_path, monkeypatch):
    store = FrameStore(tmp_path)
    store.put("v", frames_at([1.0, 2.0]))
    encoded = []
    monkeypatch.setattr(store_module, "encode_jpeg", lambda frame: encoded.append(1) or encode_jpeg(frame))
    again = store.put("v", frames_at([2.0, 1.0, 3.0, 3.0]))
    assert len(encoded) == 1
    assert again == [store.find("v", t) for t in (2.0, 1.0, 3.0, 3.0)]
    assert len(files(tmp_path)) == 3


def test_equal_frames_of_two_videos_share_a_file(tmp_path):
    store = FrameStore(tmp_path)
    assert store.put("a", frames_at([1.0])) == store.put("b", frames_at([1.0]))
    assert len(files(tmp_path)) == 1
    assert list(store.times("a")) == list(store.times("b")) == [1.0]


def test_times_are_kept_to_the_microsecond(tmp_path):
    store = FrameStore(tmp_path)
    time = 100 * 1001 / 30000
    (digest,) = store.put("v", frames_at([time]))
    assert store.find("v", 3.336667) == digest
    assert store.find("v", 3.3367) is None
    assert store.find("w", time) is None
    assert store.times("v") == {3.336667: digest}


def test_a_second_store_on_the_folder_sees_everything(tmp_path):
    digests = FrameStore(tmp_path).put("v", frames_at([1.0, 2.0]))
    assert list(FrameStore(tmp_path).times("v").values()) == digests
    assert FrameStore(tmp_path).verify() == []


def test_many_writers_at_once_lose_and_double_nothing(tmp_path):
    jobs = [(str(tmp_path), writer) for writer in (0, 3, 0, 5)]
    outcomes = list(run_jobs(write_some, jobs, workers=4))
    assert [o.finding for o in outcomes] == [None] * 4
    assert outcomes[0].value == outcomes[2].value
    store = FrameStore(tmp_path)
    # writers 0 to 5 cover 0 to 15 s in halves
    assert list(store.times("video")) == [t / 2 for t in range(31)]
    assert store.verify() == []
    assert len(files(tmp_path)) == 31


def test_verify_finds_missing_changed_and_unknown_frames(tmp_path):
    store = FrameStore(tmp_path)
    missing, changed, _ = store.put("v", frames_at([1.0, 2.0, 3.0]))
    store.path(missing).unlink()
    store.path(changed).write_bytes(b"\xff\xd8 other")
    stray = tmp_path / "frames" / "ab" / ("a" * 64 + ".jpg")
    stray.parent.mkdir(exist_ok=True)
    stray.write_bytes(b"x")
    found = {(f.file, f.what) for f in store.verify()}
    assert found == {
        (str(store.path(missing)), "the frame is missing"),
        (str(store.path(changed)), "the frame was changed"),
        (str(stray), "no video refers to this file"),
    }
    with pytest.raises(MedVidBenchError, match="was changed"):
        store.get(changed)
    with pytest.raises(MedVidBenchError, match="has no frame"):
        store.get(missing)


def test_a_missing_frame_is_written_again(tmp_path):
    store = FrameStore(tmp_path)
    (digest,) = store.put("v", frames_at([1.0]))
    store.path(digest).unlink()
    assert store.put("v", frames_at([1.0])) == [digest]
    assert store.verify() == []


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "A" * 64, "a" * 63])
def test_only_digests_are_names(digest, tmp_path):
    with pytest.raises(MedVidBenchError, match="64 hex digits"):
        FrameStore(tmp_path).get(digest)


def test_a_damaged_index_and_a_folder_that_cannot_be_made_are_said(tmp_path):
    FrameStore(tmp_path / "a")
    (tmp_path / "a" / "index.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(MedVidBenchError, match="index of the frame store"):
        FrameStore(tmp_path / "a")
    (tmp_path / "file").write_text("")
    with pytest.raises(MedVidBenchError, match="Can't make the frame store"):
        FrameStore(tmp_path / "file" / "store")


def test_a_killed_writer_leaves_no_half_frame(tmp_path, monkeypatch):
    store = FrameStore(tmp_path)

    def killed(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sqlite3, "connect", sqlite3.connect)
    monkeypatch.setattr(store_module.Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        store.put("v", frames_at([1.0]))
    monkeypatch.undo()
    assert [p.suffix for p in files(tmp_path)] == [".tmp"]
    assert store.find("v", 1.0) is None
    (digest,) = store.put("v", frames_at([1.0]))
    assert store.get(digest)


def test_no_frames_are_no_work(tmp_path):
    empty = frames_at([1.0]).take([])
    assert FrameStore(tmp_path).put("v", empty) == []
