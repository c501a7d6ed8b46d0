"""The load of `benchmarks/leaderboard_load.py`, reduced."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from serving import QUEUES, new_queue

pytest.importorskip("fastapi", reason="fastapi is not installed (extra `serve`)")
pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed (extra `serve`)")
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))

from leaderboard_load import measure


@pytest.mark.parametrize("queue", QUEUES)
def test_of_twelve_uploads_at_once_none_is_lost_and_none_scored_twice(queue: str, tmp_path: Path) -> None:
    load = measure(tmp_path, 12, 200, new_queue(queue), workers=2, niceness=0, patience=300)
    assert load.states == {"scored": 12}
    assert (load.records, load.different) == (12, 12)
    assert load.server_mb < 300 and load.scorer_mb < 1000
    assert load.status_ms
