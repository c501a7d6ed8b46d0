"""kill -9 at random moments, then resume: the folder is the one of an undisturbed build. The long series is
`benchmarks/build_faults.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from killing import build_command, contents, killed_then_finished, timed

from medvidbench.synthetic.layouts import write_layout


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Path]]:
    raw = tmp_path_factory.mktemp("raw")
    for key in ("cholect50", "nurvid"):
        write_layout(key, raw / key, recordings=3, seconds=30, seed=1)
    return [(key, raw / key) for key in ("cholect50", "nurvid")]


def test_a_build_killed_again_and_again_ends_like_an_undisturbed_one(
    sources: list[tuple[str, Path]], tmp_path: Path
) -> None:
    options = ("--similarity", "ngram", "--frame-store", str(tmp_path / "store"))
    calm = build_command(sources, tmp_path / "calm", *options)
    seconds = timed(calm)
    killed = killed_then_finished(build_command(sources, tmp_path / "killed", *options), 4, seconds, seed=7)
    assert killed >= 2
    assert contents(tmp_path / "killed") == contents(tmp_path / "calm")
    left = [p.name for p in tmp_path.iterdir()]
    assert sorted(left) == ["calm", "calm.work", "killed", "killed.work", "store"]
