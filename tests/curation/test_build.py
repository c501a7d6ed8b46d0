"""A build from simulated recordings: what is written, that it repeats, and what is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from medvidbench.benchmark import Benchmark
from medvidbench.curation.build import BuildReport, build
from medvidbench.curation.settings import BuildSettings
from medvidbench.curation.validate import ValidationSettings
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Sample
from medvidbench.sources.cholect50 import CholecT50
from medvidbench.synthetic.layouts import write_layout

QUICK = BuildSettings(validation=ValidationSettings(method="ngram"), workers=1)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("raw") / "cholect50"
    write_layout("cholect50", root, recordings=12, seconds=40, seed=1)
    return root


@pytest.fixture(scope="module")
def built(raw: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, BuildReport]:
    out = tmp_path_factory.mktemp("built") / "bench"
    return out, build([("cholect50", raw)], out, QUICK)


def test_twelve_recordings_give_two_test_groups_and_ten_training_groups(built: tuple[Path, BuildReport]) -> None:
    out, _ = built
    opened = Benchmark.open(out)
    sides = {split: {sample.group for sample in opened.samples(split=split)} for split in ("train", "test")}
    assert (len(sides["train"]), len(sides["test"])) == (10, 2)
    assert not sides["train"] & sides["test"]
    assert opened.manifest["groups"] == {split: sorted(groups) for split, groups in sides.items()}


def test_every_task_of_the_source_is_there_and_the_counts_agree(built: tuple[Path, BuildReport]) -> None:
    out, report = built
    samples = Benchmark.open(out).samples()
    assert {sample.task for sample in samples} == {"TAG", "DVC", "NAP", "VS"}
    assert sum(report.counts.values()) == len(samples)
    for (split, task, source), count in report.counts.items():
        assert count == sum((s.split, s.task, s.source) == (split, task, source) for s in samples)


def test_ids_are_unique_and_each_row_names_its_writer(built: tuple[Path, BuildReport]) -> None:
    samples = Benchmark.open(built[0]).samples()
    assert len({sample.sample_id for sample in samples}) == len(samples)
    writers = {(sample.task in ("DVC", "VS"), sample.generator) for sample in samples}
    assert writers == {(False, "annotations"), (True, "offline:plain"), (True, "offline:clinical")}
    assert {s.provenance.decision for s in samples if s.provenance} == {"annotation", "accepted"}


def test_the_frames_of_a_sample_lie_below_the_frame_root(built: tuple[Path, BuildReport]) -> None:
    opened = Benchmark.open(built[0])
    root = opened.frame_root("CholecT50")
    for sample in opened.samples(split="test"):
        assert len(sample.frame_paths) == len(sample.frame_times) > 0
        assert (root / sample.frame_paths[0]).is_file()
        # The name of a frame is its second on the recording's axis; the clip starts at clip_start (1 frame a second).
        seconds = [int(Path(path).stem) - sample.clip_start for path in sample.frame_paths]
        assert seconds == pytest.approx(sample.frame_times)


def test_two_builds_of_the_same_input_are_equal_byte_by_byte(
    raw: Path, built: tuple[Path, BuildReport], tmp_path: Path
) -> None:
    build([("CHOLECT50", raw)], tmp_path / "again", QUICK)
    files = {p.relative_to(built[0]) for p in built[0].rglob("*") if p.is_file()}
    assert files == {p.relative_to(tmp_path / "again") for p in (tmp_path / "again").rglob("*") if p.is_file()}
    assert all((built[0] / file).read_bytes() == (tmp_path / "again" / file).read_bytes() for file in files)


def test_another_seed_gives_another_benchmark(raw: Path, built: tuple[Path, BuildReport], tmp_path: Path) -> None:
    build([("cholect50", raw)], tmp_path / "other", replace(QUICK, seed=1))
    ids = [{s.sample_id for s in Benchmark.open(out).samples()} for out in (built[0], tmp_path / "other")]
    assert ids[0] != ids[1]


def test_only_the_chosen_tasks_are_asked(raw: Path, tmp_path: Path) -> None:
    report = build([("cholect50", raw)], tmp_path / "bench", replace(QUICK, tasks=("NAP",), test_share=0.5))
    assert {task for _, task, _ in report.counts} == {"NAP"}
    assert len(Benchmark.open(tmp_path / "bench").manifest["groups"]["test"]) == 6


def test_the_manifest_names_input_versions_and_seed(raw: Path, built: tuple[Path, BuildReport]) -> None:
    manifest = Benchmark.open(built[0]).manifest
    (source,) = manifest["sources"]
    assert source["digest"] == CholecT50().digest(raw)
    assert (source["root"], source["recordings"], source["licence"]) == (str(raw), 12, "CC BY-NC-SA 4.0")
    assert (manifest["seed"], manifest["synthetic"], manifest["notes"]) == (0, True, [])
    assert {"medvidbench", "python", "pyarrow"} <= manifest.keys()


def test_the_card_says_synthetic_lists_the_rows_and_can_be_loaded_by_task(built: tuple[Path, BuildReport]) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed: the front matter can't be parsed")
    _, front, text = (built[0] / "README.md").read_text().split("---\n", 2)
    matter = yaml.safe_load(front)
    assert "SYNTHETIC" in matter["pretty_name"]
    assert matter["license"] == "apache-2.0"
    assert {config["config_name"] for config in matter["configs"]} == {"TAG", "DVC", "NAP", "VS", "all"}
    for config in matter["configs"]:
        for entry in config["data_files"]:
            assert list(built[0].glob(entry["path"])), entry
    assert "**SYNTHETIC" in text
    assert "written from the labels by fixed rules" in " ".join(text.split())
    assert "10 in train, 2 in test" in " ".join(text.split())


def test_findings_are_reported_written_and_counted(raw: Path, built: tuple[Path, BuildReport], tmp_path: Path) -> None:
    broken = tmp_path / "raw"
    shutil.copytree(raw, broken)
    labels = {path.stem: json.loads(path.read_text())["annotations"] for path in sorted((raw / "labels").glob("VID*"))}
    frame_gone, no_json = [name for name in labels if "4" in labels[name]][:2]
    (broken / "videos" / frame_gone / "000004.png").unlink()
    (broken / "labels" / f"{no_json}.json").write_text('{"annotations": {')
    (broken / "labels" / "stray.txt").write_text("x")
    report = build([("cholect50", broken)], tmp_path / "bench")
    as_written = {(f.file, f.row, f.what) for f in built[1].findings}  # the layout has quirks of its own
    new = [f for f in report.findings if (f.file, f.row, f.what) not in as_written]
    assert sorted((f.file, f.row) for f in new) == [
        (f"cholect50/labels/{frame_gone}.json", "frame 4"),
        (f"cholect50/labels/{no_json}.json", "line 1, column 18"),
        ("cholect50/labels/stray.txt", ""),
    ]
    lines = (tmp_path / "bench" / "findings.jsonl").read_text().splitlines()
    assert [json.loads(line)["file"] for line in lines] == [finding.file for finding in report.findings]
    opened = Benchmark.open(tmp_path / "bench")
    assert opened.manifest["findings"] == len(report.findings)
    groups = {sample.recording_id for sample in opened.samples()}
    assert len(groups) == 11
    assert no_json not in groups


def test_the_second_of_two_equal_questions_is_a_finding(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medvidbench.tasks.registry import TASKS

    ask = TASKS["NAP"].ask
    monkeypatch.setattr(type(TASKS["NAP"]), "ask", lambda self, recording, seed: [*ask(recording, seed)] * 2)
    report = build([("cholect50", raw)], tmp_path / "bench", replace(QUICK, tasks=("NAP",)))
    samples = Benchmark.open(tmp_path / "bench").samples()
    twice = [finding for finding in report.findings if "comes out twice" in finding.what]
    assert len(twice) == len(samples) == len({s.sample_id for s in samples})
    assert {finding.done for finding in twice} == {"the first one is kept"}


def test_a_shared_video_of_two_sources_stands_on_one_side(
    raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Twin(CholecT50):
        key = "twin"
        name = "AVOS"

        def recordings(self, root: Path):
            return (replace(r, source="AVOS") for r in list(super().recordings(root))[:5])

    for room in ("build", "pipeline", "steps.plan"):
        known = {"twin": Twin(), "cholect50": CholecT50()}
        monkeypatch.setattr(f"medvidbench.curation.{room}.source_of", known.__getitem__)
    build([("cholect50", raw), ("twin", raw)], tmp_path / "bench", replace(QUICK, tasks=("NAP",)))
    sides: dict[str, set[str]] = {}
    for sample in Benchmark.open(tmp_path / "bench").samples():
        sides.setdefault(sample.group, set()).add(sample.split)
    assert {sample.source for sample in Benchmark.open(tmp_path / "bench").samples()} == {"AVOS", "CholecT50"}
    assert all(len(split) == 1 for split in sides.values())


@pytest.mark.parametrize(
    ("sources", "tasks", "seen"),
    [
        ([], None, "No source is named"),
        ([("cholec80", Path())], None, "There is no source 'cholec80'.\nAccepted: cholect50"),
        ([("cholect50", Path("absent"))], None, "There is no folder absent"),
        ([("cholect50", Path(__file__).parent)], None, "is not laid out as CholecT50"),
        ([("cholect50", Path()), ("Cholect50", Path())], None, "The source cholect50 is named twice"),
        ([("cholect50", Path())], ["tal"], "There is no task tal.\nAccepted: TAG"),
    ],
)
def test_bad_input_is_one_error_and_nothing_is_written(
    tmp_path: Path, sources: list[tuple[str, Path]], tasks: list[str] | None, seen: str
) -> None:
    with pytest.raises(MedVidBenchError) as caught:
        build(sources, tmp_path / "bench", BuildSettings(tasks=tasks))  # type: ignore[arg-type]
    assert seen in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_input_without_a_question_is_an_error_that_repeats_the_findings(tmp_path: Path) -> None:
    (tmp_path / "raw" / "labels").mkdir(parents=True)
    (tmp_path / "raw" / "labels" / "VID01.json").write_text("not json")
    with pytest.raises(MedVidBenchError, match="No question came out of") as caught:
        build([("cholect50", tmp_path / "raw")], tmp_path / "bench")
    assert "labels/VID01.json: not JSON" in caught.value.remedy
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bench.work", "raw"]


def test_a_bad_target_is_refused_before_anything_is_read(raw: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("x")
    seen: list[tuple[str, int, int]] = []
    with pytest.raises(MedVidBenchError, match="is not a benchmark"):
        build([("cholect50", raw)], tmp_path, say=lambda *told: seen.append(told))
    assert seen == []


def test_progress_tells_each_finished_shard_of_each_stage(raw: Path, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    build([("cholect50", raw)], tmp_path / "bench", replace(QUICK, tasks=("NAP",)), lambda *told: seen.append(told))
    stages = ["plan", "select", "generate-offline", "validate", "shard"]
    assert seen == [(stage, done, 1) for stage in stages for done in (0, 1)]


def test_truth_and_answer_agree_in_every_row(built: tuple[Path, BuildReport]) -> None:
    from medvidbench.tasks.registry import TASKS, context_of

    def reads_back(sample: Sample) -> bool:
        return TASKS[sample.task].read(sample.answer or "", context_of(sample)) == sample.truth

    assert all(reads_back(sample) for sample in Benchmark.open(built[0]).samples())
