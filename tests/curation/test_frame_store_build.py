from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.errors import MedVidBenchError
from medvidbench.synthetic.layouts import write_layout
from medvidbench.video.decode import read_frames


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """NurViD: two short videos."""
    folder = tmp_path_factory.mktemp("raw") / "nurvid"
    write_layout("nurvid", folder, 2, 20, 0)
    return folder


def test_without_a_store_rows_say_which_video_and_when(raw: Path, tmp_path: Path) -> None:
    build([("nurvid", raw)], tmp_path / "bench", BuildSettings(tasks=("TAG",)))
    benchmark = Benchmark.open(tmp_path / "bench")
    samples = benchmark.samples()
    assert samples
    for sample in samples:
        assert sample.frame_paths == () and (raw / sample.video).is_file()
        assert sample.duration is not None and sample.frame_times[0] == 0.0
        assert len(sample.frame_times) == int(np.ceil(sample.duration * sample.fps - 1e-9))
        with pytest.raises(MedVidBenchError, match="--frame-store"):
            benchmark.frame_file(sample, 0)


def test_with_a_store_each_row_points_to_the_frames_shown_at_its_times(raw: Path, tmp_path: Path) -> None:
    build(
        [("nurvid", raw)],
        tmp_path / "bench",
        BuildSettings(
            tasks=(
                "TAG",
                "VS",
            ),
            frame_store=tmp_path / "store",
        ),
    )
    benchmark = Benchmark.open(tmp_path / "bench")
    samples = benchmark.samples()
    for sample in samples:
        assert len(sample.frame_paths) == len(sample.frame_times) > 0
        wanted = read_frames(raw / sample.video, [sample.clip_offset + t for t in sample.frame_times[:3]])
        for index, frame in enumerate(wanted.frames):
            stored = np.asarray(Image.open(benchmark.frame_file(sample, index)).convert("RGB"))
            # JPEG at quality 90 keeps a drawn picture within a few grey levels on average
            assert np.abs(stored.astype(int) - frame).mean() < 4.0
    files = list((tmp_path / "store" / "frames").rglob("*.jpg"))
    named = {benchmark.frame_file(s, i) for s in samples for i in range(len(s.frame_paths))}
    assert set(files) == named, "a frame is stored once, and none that nobody shows"


def test_a_second_build_into_the_same_store_writes_no_frame_again(raw: Path, tmp_path: Path) -> None:
    build([("nurvid", raw)], tmp_path / "a", BuildSettings(tasks=("TAG",), frame_store=tmp_path / "store"))
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "store" / "frames").rglob("*.jpg")}
    build([("nurvid", raw)], tmp_path / "b", BuildSettings(tasks=("TAG",), frame_store=tmp_path / "store"))
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "store" / "frames").rglob("*.jpg")} == before


def test_a_damaged_video_costs_its_own_frames_and_is_a_finding(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    write_layout("nurvid", folder, 2, 20, 1)
    videos = sorted(folder.rglob("*.mp4"))
    videos[0].write_bytes(videos[0].read_bytes()[:2000])
    report = build(
        [("nurvid", folder)], tmp_path / "bench", BuildSettings(tasks=("VS",), frame_store=tmp_path / "store")
    )
    samples = Benchmark.open(tmp_path / "bench").samples()
    bad = videos[0].relative_to(folder).as_posix()
    assert any(bad in finding.file for finding in report.findings)
    assert {s.video for s in samples if not s.frame_paths} == {bad}
    assert any(s.frame_paths for s in samples)
