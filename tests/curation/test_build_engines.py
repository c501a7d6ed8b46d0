"""The same build on Ray, as ranks of a job array, and in one process: the same bytes."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from killing import build_command, contents

from medvidbench.curation.build import build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.errors import MedVidBenchError
from medvidbench.synthetic.layouts import write_layout

QUICK = BuildSettings(validation=ValidationSettings(method="ngram"), workers=1)
Sources = list[tuple[str, Path]]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    raw = tmp_path_factory.mktemp("raw")
    for key in ("cholect50", "cholectrack20", "copesd"):
        write_layout(key, raw / key, recordings=3, seconds=30, seed=1)
    return [(key, raw / key) for key in ("cholect50", "cholectrack20", "copesd")]


@pytest.fixture(scope="module")
def alone(sources: Sources, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("alone") / "bench"
    build(sources, out, QUICK)
    return out


def test_two_local_processes_write_the_same_bytes(sources: Sources, alone: Path, tmp_path: Path) -> None:
    build(sources, tmp_path / "bench", replace(QUICK, workers=2))
    assert contents(tmp_path / "bench") == contents(alone)


def test_a_local_ray_cluster_writes_the_same_bytes(sources: Sources, alone: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed")
    build(sources, tmp_path / "bench", replace(QUICK, engine="ray"))
    assert contents(tmp_path / "bench") == contents(alone)


def test_ranks_side_by_side_then_a_finish_write_the_same_bytes(sources: Sources, alone: Path, tmp_path: Path) -> None:
    common = ("--similarity", "ngram", "--workers", "1")
    ranks = [
        subprocess.Popen(build_command(sources, tmp_path / "bench", *common, "--rank", str(rank), "--world", "2"))
        for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    assert not (tmp_path / "bench").exists()
    told: list[str] = []
    build(sources, tmp_path / "bench", QUICK, lambda stage, done, total: told.append(f"{stage} {done}"))
    assert told[: told.index("shard 0")][-1] == "validate 3"
    assert contents(tmp_path / "bench") == contents(alone)


def test_parts_are_cut_by_the_data_and_cutting_them_otherwise_changes_no_byte(
    sources: Sources, alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("medvidbench.curation.steps.plan.PART_ROWS", 1)
    report = build(sources, tmp_path / "bench", QUICK)
    assert len(list((report.work / "select").iterdir())) == 9
    assert contents(tmp_path / "bench") == contents(alone)


def test_a_second_build_into_one_work_folder_is_refused(sources: Sources, tmp_path: Path) -> None:
    from medvidbench.curation.locks import only_build

    with only_build(tmp_path / "bench.work"), pytest.raises(MedVidBenchError, match="Another build works in"):
        build(sources, tmp_path / "bench", QUICK)


def test_stopping_early_and_going_on_is_the_same_as_going_through(
    sources: Sources, alone: Path, tmp_path: Path
) -> None:
    for until in ("plan", "generate", "validate"):
        report = build(sources, tmp_path / "bench", replace(QUICK, until=until))
        assert not report.finished
    assert build(sources, tmp_path / "bench", QUICK).finished
    assert contents(tmp_path / "bench") == contents(alone)


def test_a_balanced_plan_has_as_many_questions_of_each_task_as_asked(sources: Sources, tmp_path: Path) -> None:
    build(sources, tmp_path / "bench", replace(QUICK, plan="balanced", per_task=6))
    from collections import Counter

    from medvidbench.benchmark import Benchmark

    samples = Benchmark.open(tmp_path / "bench").samples()
    questions = Counter(s.task for s in samples if not s.qa_type.endswith("_clinical"))
    assert questions == {"TAG": 6, "STG": 6, "DVC": 6, "VS": 6, "RC": 6, "NAP": 6}


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        (replace(QUICK, plan="some"), "Unknown plan 'some'"),
        (replace(QUICK, per_task=5), "--per-task without --plan balanced"),
        (replace(QUICK, rank=2, world=2), "--rank 2 --world 2"),
        (replace(QUICK, world=3), "--world 3 without --rank"),
        (replace(QUICK, engine="spark"), "Unknown engine 'spark'"),
    ],
)
def test_options_that_do_not_fit_are_one_error(
    sources: Sources, tmp_path: Path, settings: BuildSettings, seen: str
) -> None:
    with pytest.raises(MedVidBenchError, match=seen):
        build(sources, tmp_path / "bench", settings)
    assert not (tmp_path / "bench").exists()
