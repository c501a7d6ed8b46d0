from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medvidbench.evaluation import clip_cache, clips
from medvidbench.evaluation.clips import ClipJob, load_clip
from medvidbench.models.shrinking import JpegBudget
from medvidbench.video.frames import FrameSet


@pytest.fixture
def job(tmp_path: Path) -> ClipJob:
    rng = np.random.default_rng(0)
    for k in range(3):
        Image.fromarray(rng.integers(0, 256, (90, 120, 3), dtype=np.uint8)).save(tmp_path / f"{k}.png")
    names = tuple(f"{k}.png" for k in range(3))
    shrink = JpegBudget(8 * 784, 48 * 784, 28)
    return ClipJob(
        "s", str(tmp_path), names, "", (0.0, 1.0, 2.5), 0.0, (120, 90), None, "all", 0, str(tmp_path / "store"), shrink
    )


def test_a_clip_is_made_once(job: ClipJob, monkeypatch: pytest.MonkeyPatch) -> None:
    first = load_clip(job)

    def refuse(job: ClipJob) -> FrameSet:
        raise AssertionError("made again")

    monkeypatch.setattr(clips, "_made", refuse)
    second = load_clip(job)
    assert second.digest == first.digest
    assert second.t_seconds.tolist() == [0.0, 1.0, 2.5]
    assert (second.frames == first.frames).all()


@pytest.mark.parametrize("change", ["times", "shrink", "file", "region"])
def test_what_decides_the_bytes_is_in_the_key(job: ClipJob, change: str) -> None:
    from medvidbench.records import Box, Region

    before = clip_cache.clip_key(job)
    if change == "file":
        os.utime(Path(job.place) / "1.png", ns=(0, 0))
    others = {
        "times": replace(job, times=(0.0, 1.0, 2.0)),
        "shrink": replace(job, shrink=JpegBudget(8 * 784, 16 * 784, 28)),
        "file": job,
        "region": replace(job, region=Region("", Box(1, 1, 20, 20), 0.0)),
    }
    assert clip_cache.clip_key(others[change]) != before


def test_a_damaged_file_is_made_again(job: ClipJob) -> None:
    first = load_clip(job)
    (file,) = (Path(job.store) / "clips").rglob("*.clip")
    file.write_bytes(file.read_bytes()[:-10])
    assert load_clip(job).digest == first.digest
    file.write_bytes(b"not json\n")
    assert load_clip(job).digest == first.digest
