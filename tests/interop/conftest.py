"""The small benchmark is made once for all tests of this folder."""

from __future__ import annotations

import pytest
from interop_bench import make_bench

from medvidbench.benchmark import Benchmark


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Benchmark:
    return make_bench(tmp_path_factory.mktemp("interop"))
