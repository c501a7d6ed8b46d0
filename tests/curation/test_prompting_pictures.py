"""The pictures of a prompt: the right frame at the right time, drawn on once, kept under its content's name."""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from caption_questions import question, questions, recording
from PIL import Image

from medvidbench.curation.evidence import Evidence
from medvidbench.curation.gather import gather
from medvidbench.curation.pictures import PictureMaker, image_path
from medvidbench.curation.prompt_show import contact_sheet, prompt_text
from medvidbench.curation.prompting import RenderedPrompt, render
from medvidbench.errors import MedVidBenchError
from medvidbench.models.messages import ImagePart, TextPart
from medvidbench.records import Recording, Sample, TaskName
from medvidbench.tasks.registry import TASKS

FRAMED: list[tuple[str, TaskName]] = [
    ("CholecT50", "DVC"),
    ("CholecTrack20", "RC"),
    ("CoPESD", "VS"),
    ("EgoSurgery", "RC"),
    ("NurViD", "DVC"),
]


def level(second: float) -> int:
    """The grey that fills the frame of a second, far enough apart for JPEG to keep."""
    return 40 + 3 * int(second)


def seen_second(part: ImagePart) -> int:
    """Which frame a picture shows, read where nothing is drawn (a column of the lower right, above the stamp)."""
    with Image.open(io.BytesIO(part.read())) as opened:
        pixels = np.asarray(opened.convert("L"), float)
    height, width = pixels.shape
    return round((np.median(pixels[int(0.55 * height) : int(0.85 * height), int(0.95 * width) :]) - 40) / 3)


def write_frames(root: Path, one: Recording, size: tuple[int, int] = (320, 180)) -> Path:
    for frame in one.frames:
        path = root / frame.path
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", size, (level(frame.time),) * 3).save(path)
    return root


def images(prompt: RenderedPrompt) -> list[ImagePart]:
    return [part for message in prompt.messages for part in message.parts if isinstance(part, ImagePart)]


def both(source: str, task: TaskName) -> tuple[Sample, Evidence]:
    sample = question(source, task)
    return sample, gather(recording(source), sample)


def stored(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "images").rglob("*") if path.is_file())


@pytest.mark.parametrize(("source", "task"), FRAMED)
def test_the_times_told_are_the_times_of_the_frames_shown(source: str, task: TaskName, tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording(source))
    maker = PictureMaker(tmp_path, {source: root})
    for sample in list(questions(source, task))[:3]:
        found = gather(recording(source), sample)
        prompt = render(sample, found, maker)
        pictures = images(prompt)
        assert [part.time for part in pictures] == [moment.time for moment in found.moments]
        told = [
            float(t) for t in re.findall(r"Frame \d+ of \d+: time [\d.]+ \(([\d.]+) s\)", prompt_text(prompt.messages))
        ]
        assert told == [part.time for part in pictures]
        # the pixels are of the file of that second of the recording
        assert [seen_second(part) for part in pictures] == [sample.clip_offset + (part.time or 0) for part in pictures]
        # each picture follows the text of its own frame
        parts = prompt.messages[1].parts
        for before, part in pairwise(parts):
            if isinstance(part, ImagePart):
                assert isinstance(before, TextPart)
                assert f"({part.time:.1f} s)" in before.text.split("Frame ")[-1]
    assert maker.findings == []


def test_the_same_question_gives_the_same_pictures_in_any_folder(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecT50"))
    sample, found = both("CholecT50", "DVC")
    one, two = (render(sample, found, PictureMaker(tmp_path / name, {"CholecT50": root})) for name in "ab")
    assert [part.digest for part in images(one)] == [part.digest for part in images(two)]
    assert prompt_text(one.messages) == prompt_text(two.messages)
    assert [p.name for p in stored(tmp_path / "a")] == [p.name for p in stored(tmp_path / "b")]


def test_a_picture_lies_whole_under_the_name_of_its_bytes(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecT50"))
    sample, found = both("CholecT50", "VS")
    for part in images(render(sample, found, PictureMaker(tmp_path, {"CholecT50": root}))):
        path = tmp_path / image_path(part.digest)
        assert Path(part.path) == path
        assert image_path(part.digest) == f"images/{part.digest[:2]}/{part.digest}.jpg"
        assert hashlib.sha256(path.read_bytes()).hexdigest() == part.digest
        with Image.open(path) as opened:
            assert opened.size == (part.width, part.height) == (320, 180)
            assert opened.format == "JPEG"
    assert all(path.suffix == ".jpg" for path in stored(tmp_path))


def test_prepared_pictures_are_made_once(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecT50"))
    pairs = [(sample, gather(recording("CholecT50"), sample)) for sample in questions("CholecT50", "VS")]
    maker = PictureMaker(tmp_path, {"CholecT50": root})
    maker.prepare(pairs)
    written = {path: path.stat().st_mtime_ns for path in stored(tmp_path)}
    for path in root.rglob("*.png"):
        path.unlink()
    made = [render(sample, found, maker) for sample, found in pairs]
    assert all(len(images(prompt)) == len(found.moments) for prompt, (_, found) in zip(made, pairs, strict=True))
    assert {path: path.stat().st_mtime_ns for path in stored(tmp_path)} == written


@pytest.mark.parametrize("on_disk", [(1920, 1080), (960, 540)])
def test_large_frames_are_made_smaller_before_they_are_drawn_on(tmp_path: Path, on_disk: tuple[int, int]) -> None:
    # boxes are in pixels of the annotated size, whatever the size on disk
    one = replace(recording("CholecTrack20"), width=1920, height=1080)
    one = replace(one, frames=one.frames[:30])
    root = write_frames(tmp_path / "raw", one, on_disk)
    sample = next(iter(TASKS["RC"].ask(one, 0)))
    prompt = render(sample, gather(one, sample), PictureMaker(tmp_path, {"CholecTrack20": root}, longest_side=480))
    part = next(part for part in images(prompt) if sample.region is not None and part.time == sample.region.time)
    assert (part.width, part.height) == (480, 270)
    with Image.open(io.BytesIO(part.read())) as opened:
        pixels = np.asarray(opened.convert("RGB"), int)
    green = np.argwhere((pixels[..., 1] > 180) & (pixels[..., 0] < 120) & (pixels[..., 2] < 120))
    assert sample.region is not None
    box = sample.region.box
    # a quarter of the original's pixels; JPEG smears by a pixel or two
    expected = [box.y1 / 4, box.x1 / 4, box.y2 / 4, box.x2 / 4]
    assert np.abs(np.subtract([*green.min(axis=0), *(green.max(axis=0) + 1)], expected)).max() <= 2


def test_only_the_object_asked_about_has_a_green_box(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecTrack20"))
    for sample in list(questions("CholecTrack20", "RC"))[:2]:
        prompt = render(
            sample, gather(recording("CholecTrack20"), sample), PictureMaker(tmp_path, {sample.source: root})
        )
        top = {"grasper": 0, "hook": 40}[sample.target]
        for part in images(prompt):
            with Image.open(io.BytesIO(part.read())) as opened:
                pixels = np.asarray(opened.convert("RGB"), int)
            green = np.argwhere((pixels[..., 1] > 180) & (pixels[..., 0] < 110) & (pixels[..., 2] < 110))
            assert len(green) > 20
            # the banner (if any) hides nothing of it: the box is drawn last
            assert abs(green[:, 0].min() - top) <= 2
            assert abs(green[:, 0].max() + 1 - (top + 30)) <= 2


def test_missing_and_damaged_frames_leave_their_moment_without_a_picture_and_are_said(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecT50"))
    sample, found = both("CholecT50", "VS")
    (root / found.moments[1].frame_path).unlink()
    (root / found.moments[3].frame_path).write_bytes(b"no picture")
    maker = PictureMaker(tmp_path, {"CholecT50": root})
    prompt = render(sample, found, maker)
    assert len(images(prompt)) == len(found.moments) - 2
    assert sorted(f.file for f in maker.findings) == [found.moments[1].frame_path, found.moments[3].frame_path]
    text = prompt_text(prompt.messages)
    assert text.count("- no picture of this time is available") == 2
    assert str(root) not in repr(maker.findings)


def test_with_nothing_on_disk_a_prompt_is_of_annotations_only(tmp_path: Path) -> None:
    one = replace(recording("CholecT50"), frames=())
    sample = next(iter(TASKS["DVC"].ask(one, 0)))
    maker = PictureMaker(tmp_path, {"CholecT50": tmp_path / "raw"})
    prompt = render(sample, gather(one, sample), maker)
    assert images(prompt) == []
    assert "No frame of this clip is available" in prompt_text(prompt.messages)
    assert maker.findings == []


def test_a_source_without_a_folder_is_an_error(tmp_path: Path) -> None:
    sample, found = both("CholecT50", "VS")
    with pytest.raises(MedVidBenchError, match="No folder is named for the frames of CholecT50"):
        render(sample, found, PictureMaker(tmp_path, {"AVOS": tmp_path}))


# --- videos ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def filmed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recording]:
    """A minute of video at 5 frames a second, grey by the second."""
    pytest.importorskip("av", reason="videos need PyAV")
    from medvidbench.synthetic.encode import write_video

    root = tmp_path_factory.mktemp("filmed")
    frames = (np.full((180, 320, 3), level(k // 5), np.uint8) for k in range(300))
    write_video(root / "v.mp4", frames, 5.0)
    return root, replace(recording("AVOS"), frames=(), video="v.mp4", native_fps=5.0)


def test_frames_of_a_video_are_those_of_their_second(filmed: tuple[Path, Recording], tmp_path: Path) -> None:
    root, one = filmed
    pairs = [(sample, gather(one, sample)) for sample in TASKS["VS"].ask(one, 0)]
    maker = PictureMaker(tmp_path, {"AVOS": root})
    maker.prepare(pairs)
    assert maker.findings == []
    for sample, found in pairs:
        pictures = images(render(sample, found, maker))
        assert len(pictures) == len(found.moments)
        shown = [seen_second(part) for part in pictures]
        assert shown == [int(sample.clip_offset + (part.time or 0.0) + 1e-6) for part in pictures]


def test_a_time_beyond_a_videos_end_costs_only_its_own_picture(filmed: tuple[Path, Recording], tmp_path: Path) -> None:
    root, one = filmed
    sample = next(iter(TASKS["VS"].ask(one, 0)))
    sample = replace(sample, clip_offset=50.0, duration=20.0, frame_times=(0.0, 4.0, 8.0, 15.0))
    maker = PictureMaker(tmp_path, {"AVOS": root})
    prompt = render(sample, gather(one, sample), maker)
    assert [part.time for part in images(prompt)] == [0.0, 4.0, 8.0]
    assert [finding.file for finding in maker.findings] == ["v.mp4"]


def test_a_video_that_cannot_be_read_leaves_annotations_only(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="videos need PyAV")
    one = replace(recording("AVOS"), frames=(), video="bad.mp4", native_fps=5.0)
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 100)
    sample = next(iter(TASKS["VS"].ask(one, 0)))
    maker = PictureMaker(tmp_path / "out", {"AVOS": tmp_path})
    prompt = render(sample, gather(one, sample), maker)
    assert images(prompt) == []
    assert [finding.file for finding in maker.findings] == ["bad.mp4"]


# --- for a person's eyes ---------------------------------------------------------------------------


def test_a_dry_run_names_each_picture_with_time_size_and_place(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecT50"))
    sample, found = both("CholecT50", "VS")
    prompt = render(sample, found, PictureMaker(tmp_path, {"CholecT50": root}))
    lines = [line for line in prompt_text(prompt.messages).split("\n") if line.startswith("[picture")]
    for number, (line, part) in enumerate(zip(lines, images(prompt), strict=True), start=1):
        assert line == f"[picture {number}: {part.time:.1f} s, 320x180, {image_path(part.digest)}]"


def test_a_contact_sheet_holds_every_picture(tmp_path: Path) -> None:
    root = write_frames(tmp_path / "raw", recording("CholecT50"))
    sample, found = both("CholecT50", "VS")
    prompt = render(sample, found, PictureMaker(tmp_path, {"CholecT50": root}))
    count = contact_sheet(prompt.messages, tmp_path / "sheet.png")
    assert count == len(found.moments)
    with Image.open(tmp_path / "sheet.png") as opened:
        width, height = opened.size
        pixels = np.asarray(opened.convert("L"), int)
    rows = -(-count // 3)
    assert width == 12 + 3 * 492
    assert height > rows * 270
    # the grey of the first frame fills a good part of the first cell
    assert (np.abs(pixels[:282, :492] - level(sample.clip_offset)) <= 2).mean() > 0.5


def test_a_contact_sheet_of_a_prompt_without_pictures_says_so(tmp_path: Path) -> None:
    sample, found = both("CholecT50", "VS")
    assert contact_sheet(render(sample, found, None).messages, tmp_path / "sheet.png") == 0
    assert (tmp_path / "sheet.png").stat().st_size > 100
