"""Writers that are killed, a full disk, and leftovers: the benchmark in place stays whole."""

from __future__ import annotations

import errno
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from test_benchmark_folder import NAP_ROW, ROWS, write

from medvidbench.benchmark import Benchmark
from medvidbench.curation.folder import mend
from medvidbench.errors import MedVidBenchError

WRITER = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_benchmark_folder import ROWS, write
import medvidbench.curation.folder as folder
real, left = getattr(Path, sys.argv[3]), int(sys.argv[4])
def deadly(self, *args, **options):
    global left
    left -= 1
    if left < 0:
        os.kill(os.getpid(), 9)
    return real(self, *args, **options)
setattr(Path, sys.argv[3], deadly)
write(Path(sys.argv[2]), ROWS, overwrite=True)
"""


@pytest.mark.parametrize(("step", "calls"), [("rename", n) for n in range(6)] + [("write_text", n) for n in range(3)])
def test_a_process_killed_at_any_step_leaves_the_old_benchmark_and_the_next_build_tidies_up(
    tmp_path: Path, step: str, calls: int
) -> None:
    write(tmp_path / "bench", [NAP_ROW])
    command = [sys.executable, "-c", WRITER, str(Path(__file__).parent), str(tmp_path / "bench"), step, str(calls)]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    if (tmp_path / "bench").exists():
        assert Benchmark.open(tmp_path / "bench").samples() == [NAP_ROW]
    mend(tmp_path / "bench")
    assert Benchmark.open(tmp_path / "bench").samples() == [NAP_ROW]
    write(tmp_path / "bench", overwrite=True)
    assert [p.name for p in tmp_path.iterdir()] == ["bench"]
    assert len(Benchmark.open(tmp_path / "bench").samples()) == len(ROWS)


def test_a_running_process_is_not_tidied_away(tmp_path: Path) -> None:
    mine = tmp_path / f".bench.{platform.node()}-{os.getpid()}.part"
    other = tmp_path / ".bench.elsewhere-1.part"
    dead = tmp_path / f".bench.{platform.node()}-999999999.part"
    for folder in (mine, other, dead):
        folder.mkdir()
    mend(tmp_path / "bench")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([mine.name, other.name])


def test_a_full_disk_is_an_error_for_the_user_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, *args: Any, **options: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    write(tmp_path / "bench", [NAP_ROW])
    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(MedVidBenchError, match=r"can't be written: .*No space left"):
        write(tmp_path / "bench", overwrite=True)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["bench"]
    assert Benchmark.open(tmp_path / "bench").samples() == [NAP_ROW]
