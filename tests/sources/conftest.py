"""The fixture of a dataset that tests fill by hand."""

from __future__ import annotations

from pathlib import Path

import pytest
from cholect50_files import CholecT50Files


@pytest.fixture
def cholect50(tmp_path: Path) -> CholecT50Files:
    return CholecT50Files(tmp_path)
