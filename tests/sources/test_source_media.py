"""Which video or folder of frames belongs to an id."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from PIL import Image

from medvidbench.records import FrameFile
from medvidbench.sources.files import Files
from medvidbench.sources.media import (
    image_size,
    media_of,
    note_unseen,
    numbered_images,
    timed_frames,
    video_duration,
    video_size,
)


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def put(files: Files, *names: str) -> None:
    for name in names:
        path = files.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def found(files: Files, *ids: str) -> dict[str, str]:
    return {name: files.name(path) for name, path in media_of(files, ids).items()}


def test_videos_are_found_in_any_container_folder_and_case(files: Files) -> None:
    put(files, "videos/-3gFrKiC99I.mp4", "more/part 2/B.MKV", "c.webm", "d.avi", "d.txt", "e.csv")
    assert found(files, "-3gFrKiC99I", "b", "c", "d", "e") == {
        "-3gFrKiC99I": "videos/-3gFrKiC99I.mp4",
        "b": "more/part 2/B.MKV",
        "c": "c.webm",
        "d": "d.avi",
    }
    assert files.findings == []


def test_ids_that_differ_in_case_alone_are_never_mixed_up(files: Files) -> None:
    put(files, "aB.mp4", "AB.mp4", "ab.mp4")
    assert found(files, "aB", "AB") == {"aB": "aB.mp4", "AB": "AB.mp4"}


def test_a_downloaders_name_with_the_id_in_brackets_counts(files: Files) -> None:
    put(files, "Suturing a wound [-x_1].mp4")
    assert found(files, "-x_1") == {"-x_1": "Suturing a wound [-x_1].mp4"}


def test_of_several_videos_the_shallowest_counts_and_a_finding_names_the_rest(files: Files) -> None:
    put(files, "z.mp4", "a/z.mp4", "z (1).mp4", "z.avi")
    assert found(files, "z") == {"z": "z.avi"}
    assert [(f.file, f.what) for f in files.findings] == [
        ("z.avi", "z is on disk more than once: also z.mp4, a/z.mp4, z (1).mp4")
    ]


def test_a_lone_copy_by_a_browser_is_used(files: Files) -> None:
    put(files, "z (1).mp4")
    assert found(files, "z") == {"z": "z (1).mp4"}


def test_a_folder_of_frames_counts_where_there_is_no_video(files: Files) -> None:
    put(files, "frames_2fps/a/1.jpg", "frames_2fps/b/1.jpg", "b.mp4", "c/readme.txt", "d/d.mp4")
    assert found(files, "a", "b", "c", "d") == {"a": "frames_2fps/a", "b": "b.mp4", "d": "d/d.mp4"}


def test_frames_are_counted_from_the_number_in_their_name(files: Files) -> None:
    put(files, "a/3.jpg", "a/000010.PNG", "a/10.jpg", "a/0.jpeg", "a/3 (1).jpg", "a/notes.txt")
    assert {n: p.name for n, p in numbered_images(files, files.root / "a").items()} == {
        0: "0.jpeg",
        3: "3.jpg",
        10: "000010.PNG",
    }
    assert [(f.row, f.what) for f in files.findings] == [
        ("frame 10", "a second file 10.jpg"),
        ("", "2 entries not named like 000017.jpg: 3 (1).jpg, notes.txt"),
    ]


def test_frame_times_come_from_the_rate_in_the_path_and_the_number_of_the_first(files: Files) -> None:
    put(files, "frames_2fps/a/1.jpg", "frames_2fps/a/4.jpg", "frames_2fps/b/0.jpg", "frames_2fps/b/4.jpg", "c/1.jpg")

    def times(name: str, fps: float = 0.0, first: int | None = None) -> list[float]:
        return [frame.time for frame in timed_frames(files, files.root / name, fps, first)]

    assert times("frames_2fps/a") == [0.0, 1.5]  # frame 1 is at 0 s, frame 4 three halves later
    assert times("frames_2fps/b") == [0.0, 2.0]
    assert times("frames_2fps/a", 1.0, 0) == [1.0, 4.0]
    assert timed_frames(files, files.root / "c", 15.0) == (FrameFile("c/1.jpg", 0.0),)
    assert times("c") == []
    assert [f.file for f in files.findings] == ["c"]


def test_sizes_come_from_headers_and_are_zero_where_there_is_none(files: Files) -> None:
    Image.new("RGB", (30, 20)).save(files.root / "a.png")
    put(files, "b.png", "c.mp4")
    assert image_size(files.root / "a.png") == (30, 20)
    assert image_size(files.root / "b.png") == (0, 0)
    assert video_size(files.root / "c.mp4") == (0, 0)
    assert video_duration(files.root / "absent.mp4") == 0.0


def test_a_real_video_says_its_size_and_length(real_data: Path) -> None:
    pytest.importorskip("av")
    video = real_data / "video" / "nasa_13013.mp4"
    assert video_size(video) == (320, 180)
    assert video_duration(video) == pytest.approx(325 / 25, abs=0.1)


def test_without_pyav_a_video_has_no_size(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)  # what an import of a package that isn't there meets
    assert video_size(files.root / "a.mp4") == (0, 0)


def test_what_is_not_on_disk_is_told_once(files: Files) -> None:
    note_unseen(files, {"b", "a"}, 3)
    note_unseen(files, (), 3)
    assert [f.what for f in files.findings] == ["2 of 3 annotated recordings are not on disk: a, b"]
