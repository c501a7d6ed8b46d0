"""The video room imports without PyAV, and says what to install when it is used."""

from __future__ import annotations

import pkgutil
import subprocess
import sys

import pytest

import medvidbench.video
from medvidbench.errors import MedVidBenchError
from medvidbench.video.decode import read_frames


def test_every_module_imports_without_any_decoder():
    names = [m.name for m in pkgutil.iter_modules(medvidbench.video.__path__, "medvidbench.video.")]
    assert "medvidbench.video.decode" in names
    blocked = "import sys\nfor name in ('av', 'decord', 'cv2', 'torchcodec', 'PIL'): sys.modules[name] = None\n"
    done = subprocess.run([sys.executable, "-c", blocked + "import " + ", ".join(names)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()


def test_reading_without_pyav_names_the_package_and_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").write_bytes(b"x")
    with pytest.raises(MedVidBenchError, match=r"'av'(.|\n)*medvidbench\[video\]"):
        read_frames(tmp_path / "a.mp4", [0.0])
