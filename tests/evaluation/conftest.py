"""Fixtures of the evaluation tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import small_benchmark


@pytest.fixture(scope="session")
def eight_tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark folder with every task in its test split."""
    pytest.importorskip("av", reason="videos need the extra [video]")
    return small_benchmark(tmp_path_factory.mktemp("eight"))
