from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from medvidbench.curation.locks import only_build
from medvidbench.errors import MedVidBenchError

HOLD = """
import sys, time
from pathlib import Path
from medvidbench.curation.locks import only_build
with only_build(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_second_build_is_refused_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(MedVidBenchError, match="Another build works in"), only_build(tmp_path):
        pytest.fail("two builds in one folder")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with only_build(tmp_path):
        assert (tmp_path / ".lock").exists()


def test_ranks_work_side_by_side_but_not_twice(tmp_path: Path) -> None:
    with only_build(tmp_path, 0), only_build(tmp_path, 1), pytest.raises(MedVidBenchError), only_build(tmp_path, 1):
        pytest.fail("one rank twice")


def test_a_work_folder_that_is_a_file_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "work").write_text("x", encoding="utf-8")
    with pytest.raises(MedVidBenchError, match="can't be used"), only_build(tmp_path / "work"):
        pytest.fail("locked a file")
