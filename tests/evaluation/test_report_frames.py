"""Frames on a page: which ones, how many, and what is blackened on them."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from report_results import SIZE, make_benchmark, sample, score, truths

from medvidbench.commands.report import run
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.report import FrameOptions, collect_frames, read_input
from medvidbench.evaluation.report.inputs import ReportInput
from medvidbench.evaluation.report.redact import NamedRegion, blacken, find_text, parse_region, scaled, standing
from medvidbench.evaluation.report.thumbnails import chosen_frames, worst_first
from medvidbench.evaluation.results import read_results

NAME = (8, 6, 130, 24)
"""About where the name is burnt into the frames."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("frames")
    score(make_benchmark(made, frames=True), made / "model")
    return made


@pytest.fixture(scope="module")
def report(folder: Path) -> ReportInput:
    return read_input(read_results(folder / "model"), folder / "model")


def pixels(text: str) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))


def written(text: str, at: tuple[int, int], size: int = 16, ground: int = 40, ink: int = 255) -> NDArray[np.uint8]:
    """A 640 x 360 frame with a text on it; the noise is what a sensor gives."""
    noise = np.random.default_rng(0).normal(ground, 6, (360, 640, 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(noise)
    ImageDraw.Draw(image).text(at, text, fill=(ink,) * 3, font=ImageFont.load_default(size=size))
    return np.asarray(image)


def covered(frame: NDArray[np.uint8], plain: NDArray[np.uint8]) -> float:
    """The share of the text's pixels that the detector's boxes cover."""
    ink = (frame != plain).any(axis=2)
    black = (blacken(np.full_like(frame, 255), find_text(frame)) == 0).all(axis=2)
    return float((ink & black).sum() / ink.sum())


@pytest.mark.parametrize(
    ("text", "at", "size"),
    [
        ("DOE, JANE  1970-03-12", (12, 8), 16),
        ("Patient 4711", (440, 10), 20),
        ("12:45:09  GAIN 3", (20, 330), 14),
        ("HOSPITAL OF NOWHERE", (380, 335), 12),
    ],
)
@pytest.mark.parametrize(("ground", "ink"), [(40, 255), (200, 10), (110, 230)])
def test_burnt_in_text_near_a_border_is_found_whole(
    text: str, at: tuple[int, int], size: int, ground: int, ink: int
) -> None:
    plain = written("", at, size, ground, ink)
    assert covered(written(text, at, size, ground, ink), plain) >= 0.97


def test_a_frame_without_text_stays_as_it_is() -> None:
    plain = written("", (0, 0))
    assert find_text(plain) == []
    ramp = np.repeat(np.repeat(np.linspace(0, 255, 640)[None, :, None], 360, 0), 3, 2).astype(np.uint8)
    assert find_text(ramp) == []


def test_text_in_the_middle_is_not_looked_for_as_the_help_says() -> None:
    assert find_text(written("MIDDLE OF THE PICTURE", (220, 170))) == []


def test_a_box_that_comes_back_on_many_frames_is_an_overlay() -> None:
    stays, moves = (10, 10, 110, 30), [(i * 50, 100, i * 50 + 40, 120) for i in range(5)]
    found = [[stays, moves[i]] for i in range(5)]
    assert standing(found) == [stays]
    assert standing([[stays]]) == []  # on one frame nothing can be said to stand still


def test_regions_are_shares_or_pixels_and_may_be_one_sources() -> None:
    assert parse_region("0,0,0.5,0.1").on((640, 360)) == (0, 0, 320, 36)
    assert parse_region("CholecT50=0,0,120,24") == NamedRegion((0, 0, 120, 24), "CholecT50")
    for bad in ("1,2,3", "a,b,c,d", "0.5,0,0.5,1", "-1,0,1,1", "=0,0,1,1", "0,0,nan,1", "0,0,inf,1"):
        with pytest.raises(MedVidBenchError, match="no region"):
            parse_region(bad)


def test_boxes_are_scaled_outwards() -> None:
    # 3 of 640 becomes 0.46875 of 100: down to 0; 321 becomes 50.15: up to 51
    assert scaled([(3, 3, 321, 181)], (640, 360), (100, 50)) == [(0, 0, 51, 26)]


def test_the_frames_chosen_lie_at_the_boxes_and_else_over_the_whole_clip() -> None:
    truth = truths(0)
    assert chosen_frames(sample("STG", 0, truth["STG"]), 3) == [0, 2, 4]
    assert chosen_frames(sample("TAG", 0, truth["TAG"]), 2) == [0, 4]
    assert 1 in chosen_frames(sample("RC", 0, truth["RC"]), 2)  # the region is drawn at 2 s
    assert chosen_frames(replace(sample("TAG", 0, truth["TAG"]), frame_times=(), frame_paths=()), 3) == []


def test_the_lowest_scores_of_every_task_and_source_come_first(report: ReportInput) -> None:
    order = worst_first(report.items, report.results.metrics)
    assert len({(i.row["task"], i.row["source"]) for i in order[:16]}) == 16  # 8 tasks of 2 sources
    firsts = [i for i in order[:16] if i.row["task"] == "NAP"]
    assert all(i.row["numbers"][0]["value"] == 0.0 for i in firsts)


def test_frames_are_bounded_in_number_and_bytes_and_shared_between_samples(report: ReportInput) -> None:
    few = collect_frames(report, FrameOptions(per_sample=3, most_frames=20))
    assert 0 < len(few.pictures) <= 20
    assert {number for frames in few.by_sample.values() for _, number in frames} == set(range(len(few.pictures)))
    every = collect_frames(report, FrameOptions())
    assert len(every.by_sample) == 96 and len(every.pictures) == 60  # 12 recordings of 5 frames
    small = collect_frames(report, FrameOptions(most_bytes=10_000))
    assert sum(map(len, small.pictures)) <= 10_000 and len(small.pictures) < 60
    assert "60 frames of 96 of 96 samples" in every.note


def test_without_redaction_the_name_is_there_and_with_it_it_is_black(report: ReportInput) -> None:
    x1, y1, x2, y2 = NAME
    plain = collect_frames(report, FrameOptions(per_sample=5))
    assert all(pixels(p)[y1:y2, x1:x2].max() > 200 for p in plain.pictures)
    found = collect_frames(report, FrameOptions(per_sample=5, redact=True))
    assert all(pixels(p)[y1:y2, x1:x2].max() < 100 for p in found.pictures)
    named = collect_frames(report, FrameOptions(per_sample=5, regions=(NamedRegion((0, 0, 0.5, 0.12)),)))
    assert all(pixels(p)[:28, :158].max() < 30 for p in named.pictures)  # JPEG rings a little at the edge
    assert "no guarantee of de-identification" in found.note and "no guarantee" in named.note
    middle = pixels(found.pictures[0])[100:200, 150:300]
    assert middle.min() > 30  # the picture itself is left alone


def test_a_missing_frame_is_told_to_the_user_and_not_to_the_page(folder: Path, tmp_path: Path) -> None:
    bench = make_benchmark(tmp_path, frames=True)
    score(bench, tmp_path / "model")
    (tmp_path / "raw" / "rec3" / "4.png").unlink()
    found = collect_frames(read_input(read_results(tmp_path / "model"), tmp_path / "model"), FrameOptions())
    assert len(found.pictures) == 59 and len(found.problems) == 1
    assert str(tmp_path) in found.problems[0] and str(tmp_path) not in found.note


def test_frames_come_out_of_a_video_at_the_times_of_the_clip(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed")
    from medvidbench.benchmark import write_benchmark

    (tmp_path / "raw").mkdir()
    with av.open(str(tmp_path / "raw" / "v.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for n in range(100):  # grey grows with the time: 2 levels a frame
            frame = av.VideoFrame.from_ndarray(np.full((SIZE[1], SIZE[0], 3), 20 + 2 * n, np.uint8), "rgb24")
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    base = sample("TAG", 0, truths(0)["TAG"])
    times = (0.0, 1.0, 2.0)
    in_video = replace(base, video="v.mp4", width=None, height=None, frame_paths=(), frame_times=times, clip_offset=3.0)
    fields = {"sources": [{"name": "NurViD", "root": str(tmp_path / "raw")}], "synthetic": True}
    write_benchmark(tmp_path / "bench", [in_video], [], fields, lambda m: "")
    score(tmp_path / "bench", tmp_path / "model")
    found = collect_frames(read_input(read_results(tmp_path / "model"), tmp_path / "model"), FrameOptions())
    ((shown),) = found.by_sample.values()
    assert list(found.sizes.values()) == [SIZE]  # the row doesn't tell it, the video does
    assert [time for time, _ in shown] == [0.0, 1.0, 2.0]
    # at 3, 4 and 5 s of the video: frames 30, 40, 50, grey 80, 100, 120
    assert [pixels(found.pictures[n]).mean() for _, n in shown] == pytest.approx([80, 100, 120], abs=4)


def test_frames_without_a_benchmark_folder_are_an_error(report: ReportInput) -> None:
    with pytest.raises(MedVidBenchError, match="benchmark folder"):
        collect_frames(replace(report, data=None), FrameOptions())


def test_the_command_leaves_frames_out_unless_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(folder / "model", folder / "plain.html")
    run(folder / "model", folder / "frames.html", with_frames=True, redact=True, regions=["0,0,10,10"])
    plain, framed = ((folder / name).read_text() for name in ("plain.html", "frames.html"))
    assert 'id="f0"' not in plain and 'id="f0"' in framed
    assert "no guarantee of de-identification" in framed and "no guarantee" in capsys.readouterr().out
