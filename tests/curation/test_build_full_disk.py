"""A build on a disk that is too small: one clear error, nothing half-written, and it goes on when there is room."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from killing import contents

from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.errors import MedVidBenchError
from medvidbench.synthetic.layouts import write_layout

QUICK = BuildSettings(validation=ValidationSettings(method="ngram"), workers=1)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 160 kB in memory."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small file system can only be mounted by root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_stops_the_build_and_room_lets_it_go_on(small_disk: Path, tmp_path: Path) -> None:
    sources = []
    for key in ("cholect50", "nurvid"):
        write_layout(key, tmp_path / "raw" / key, recordings=4, seconds=40, seed=1)
        sources.append((key, tmp_path / "raw" / key))
    with pytest.raises(MedVidBenchError, match="No space left on device"):
        build(sources, small_disk / "bench", QUICK)
    assert not (small_disk / "bench").exists()
    subprocess.run(["mount", "-o", "remount,size=50m", str(small_disk)], check=True)
    build(sources, small_disk / "bench", QUICK)
    build(sources, tmp_path / "calm", replace(QUICK, work=tmp_path / "calm.work"))
    assert contents(small_disk / "bench") == contents(tmp_path / "calm")
    assert sorted(p.name for p in small_disk.iterdir()) == ["bench", "bench.work"]
