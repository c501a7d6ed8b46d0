"""Each bar-coded file is made once a session, when a test first asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import containers
import pytest


@pytest.fixture(scope="session")
def suite_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("containers")


@pytest.fixture(scope="session")
def variant(suite_folder: Path) -> Callable[[str], containers.Variant]:
    @cache
    def made(name: str) -> containers.Variant:
        return containers.make(name, suite_folder)

    return made
