"""Fixtures shared by all tests."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import settings

# the first example may pay for an import (scipy: 0.4 s), which says nothing about the code under test
settings.register_profile("medvidbench", deadline=None)
settings.load_profile("medvidbench")


class Run(NamedTuple):
    """One command: exit code, standard output, standard error."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real annotations and frames; tests that need it are skipped where it is absent."""
    folder = os.environ.get("MEDVIDBENCH_TEST_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("MEDVIDBENCH_TEST_DATA does not name the folder of real annotations")
    return Path(folder)


# not for the whole session: playwright's event loop would forbid `asyncio.run` to the tests after it
@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium for the tests of one file; they are skipped where it or playwright is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def cli(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Run]:
    """Runs `medvidbench ARGS...` in this process, through the real entry point."""
    from medvidbench.cli import main

    def run(*args: object) -> Run:
        monkeypatch.setattr(sys, "argv", ["medvidbench", *map(str, args)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 0
        captured = capsys.readouterr()
        return Run(code, captured.out, captured.err)

    return run
