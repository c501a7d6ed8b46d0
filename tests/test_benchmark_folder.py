"""Writing a benchmark folder and reading it back; what is refused, and that nothing of a user's is deleted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from medvidbench.benchmark import Benchmark
from medvidbench.curation.folder import write_benchmark
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Finding, Label, Sample, Span, Spans

TAG_ROW = Sample(
    sample_id="0" * 24, clip_id="VID01&&0&&30&&1.0", source="CholecT50", recording_id="VID01", group="g1", split="test",
    task="TAG", qa_type="tal", clip_start=0.0, clip_end=30.0, clip_unit="input_video_frame", fps=1.0, duration=30.0,
    width=854, height=480, frame_paths=("videos/VID01/000000.png",), frame_times=(0.0,), question="When?",
    target="clipping", choices=("clipping",), region=None, answer="1.0-2.0 seconds.", truth=Spans((Span(1.0, 2.0),)),
    generator="annotations",
)  # fmt: skip
NAP_ROW = replace(TAG_ROW, sample_id="1" * 24, task="NAP", qa_type="next_action", answer="x", truth=Label("x"))
ROWS = [
    TAG_ROW,
    replace(TAG_ROW, sample_id="2" * 24, recording_id="VID00", split="train", group="g2"),
    replace(TAG_ROW, sample_id="3" * 24, clip_start=-5.0),
    replace(TAG_ROW, sample_id="4" * 24, source="AVOS"),
    NAP_ROW,
]
FIELDS = {"sources": [{"name": "CholecT50", "root": "/data/c"}], "synthetic": False}
FINDING = Finding("labels/VID01.json", "frame 3", "no such frame on disk", "its labels are kept")


def write(out: Path, rows: Iterable[Sample] = ROWS, overwrite: bool = False) -> dict[str, Any]:
    return write_benchmark(out, rows, [FINDING], FIELDS, lambda manifest: f"card of {manifest['counts']}\n", overwrite)


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_layout_is_split_granularity_task_source(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    assert set(files_of(tmp_path / "bench")) == {
        "README.md",
        "findings.jsonl",
        "manifest.json",
        "test/video/NAP/CholecT50-00000-of-00001.parquet",
        "test/segment/TAG/AVOS-00000-of-00001.parquet",
        "test/segment/TAG/CholecT50-00000-of-00001.parquet",
        "train/segment/TAG/CholecT50-00000-of-00001.parquet",
    }


def test_rows_come_back_equal_and_sorted_by_recording_and_clip(tmp_path: Path) -> None:
    write(tmp_path / "bench", reversed(ROWS))
    samples = Benchmark.open(tmp_path / "bench").samples()
    # test before train, tasks in their order; in a file by recording and clip start: -5 stands before 0
    assert samples == [ROWS[3], ROWS[2], TAG_ROW, NAP_ROW, ROWS[1]]


def test_split_task_and_source_narrow_what_is_read(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    assert opened.samples(split="train") == [ROWS[1]]
    assert opened.samples(tasks=["NAP"]) == [NAP_ROW]
    assert opened.samples("test", ["TAG"], ["AVOS"]) == [ROWS[3]]
    assert opened.samples(tasks=["SA"]) == []
    assert opened.sources == ["AVOS", "CholecT50"]


def test_unknown_names_are_refused_with_the_known_ones(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    with pytest.raises(MedVidBenchError, match=r"Unknown split: val.\nAccepted: train, test"):
        opened.samples(split="val")  # type: ignore[arg-type]
    with pytest.raises(MedVidBenchError, match=r"Unknown task: tal.\nAccepted: TAG"):
        opened.samples(tasks=["tal"])  # type: ignore[list-item]
    with pytest.raises(MedVidBenchError, match=r"Unknown source: Cholec80.\nAccepted: AVOS, CholecT50"):
        opened.samples(sources=["Cholec80"])


def test_the_manifest_tells_counts_and_the_hash_of_every_other_file(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    files = files_of(tmp_path / "bench")
    manifest = json.loads(files.pop("manifest.json"))
    assert {e["path"]: e["sha256"] for e in manifest["files"]} == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert manifest["counts"] == {
        "test": {"TAG": {"AVOS": 1, "CholecT50": 2}, "NAP": {"CholecT50": 1}},
        "train": {"TAG": {"CholecT50": 1}},
    }
    assert json.loads(files["findings.jsonl"]) == {
        "file": "labels/VID01.json",
        "row": "frame 3",
        "what": "no such frame on disk",
        "done": "its labels are kept",
    }


def test_two_writes_of_the_same_rows_are_equal_byte_by_byte(tmp_path: Path) -> None:
    write(tmp_path / "one")
    write(tmp_path / "two", reversed(ROWS))
    assert files_of(tmp_path / "one") == files_of(tmp_path / "two")


def test_only_the_files_of_the_chosen_rows_are_opened(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    for file in (tmp_path / "bench").rglob("*.parquet"):
        if file.parent.name != "NAP":
            file.unlink()
    opened = Benchmark.open(tmp_path / "bench")
    assert opened.samples(tasks=["NAP"]) == [NAP_ROW]
    assert opened.table(["sample_id"], tasks=["NAP"]).to_pydict() == {"sample_id": ["1" * 24]}
    with pytest.raises(MedVidBenchError, match="can't be read"):
        opened.samples(tasks=["TAG"])


def test_a_table_has_the_chosen_columns_in_the_chosen_order_and_rows_in_file_order(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    table = opened.table(["clip_start", "source"], "test", ["TAG"])
    assert table.to_pydict() == {"clip_start": [0.0, -5.0, 0.0], "source": ["AVOS", "CholecT50", "CholecT50"]}
    assert opened.table().num_rows == len(ROWS)
    assert opened.table(["answer"], tasks=["SA"]).num_rows == 0
    assert [piece.num_rows for piece in opened.pieces(["answer"], "test", ["TAG"])] == [1, 2]
    with pytest.raises(MedVidBenchError, match=r"Unknown column: images.\nAccepted: sample_id"):
        opened.table(["images"])


def test_a_benchmark_says_whether_it_has_questions_only(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    assert not opened.question_only
    assert replace(opened, manifest={**opened.manifest, "question_only": True}).question_only


def test_the_frame_root_is_the_one_of_the_source(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    assert opened.frame_root("CholecT50") == Path("/data/c")
    with pytest.raises(MedVidBenchError, match=r"Unknown source: AVOS.\nAccepted: CholecT50"):
        opened.frame_root("AVOS")


# --- what is refused when reading -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        (None, "has no manifest.json; it holds: other.txt"),
        ("{", "can't be read"),
        ("[]", "is not a benchmark's manifest"),
        ('{"format": "medvidbench-benchmark"}', "is not a benchmark's manifest"),
        ('{"format": "medvidbench-benchmark", "files": [{"path": "a"}]}', "is not a benchmark's manifest"),
        ('{"format": "medvidbench-benchmark", "files": [], "format_version": 99}', "has the format version 99"),
    ],
)
def test_a_folder_that_is_no_benchmark_is_refused(tmp_path: Path, text: str | None, seen: str) -> None:
    (tmp_path / "other.txt").write_text("x")
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(MedVidBenchError, match=seen) as caught:
        Benchmark.open(tmp_path)
    assert caught.value.accepted


def test_a_benchmark_of_the_first_format_is_not_read_but_may_be_replaced(tmp_path: Path) -> None:
    old = {"format": "medvidbench-benchmark", "format_version": 1, "files": []}
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "manifest.json").write_text(json.dumps(old))
    with pytest.raises(MedVidBenchError, match="has the format version 1") as caught:
        Benchmark.open(tmp_path / "bench")
    assert (caught.value.accepted, "rebuild" in caught.value.remedy) == ("2", True)
    with pytest.raises(MedVidBenchError, match="already holds a benchmark"):
        write(tmp_path / "bench")
    write(tmp_path / "bench", overwrite=True)
    assert len(Benchmark.open(tmp_path / "bench").samples()) == len(ROWS)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="There is no folder"):
        Benchmark.open(tmp_path / "absent")


def test_a_damaged_cut_or_missing_table_is_named(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    file = tmp_path / "bench" / "test" / "video" / "NAP" / "CholecT50-00000-of-00001.parquet"
    content = file.read_bytes()
    opened = Benchmark.open(tmp_path / "bench")
    for damaged, seen in [(content[:-9], "bytes, the manifest says"), (b"x" * len(content), "can't be read")]:
        file.write_bytes(damaged)
        with pytest.raises(MedVidBenchError, match=rf"NAP/CholecT50-00000-of-00001.parquet .*{seen}"):
            opened.samples(tasks=["NAP"])
    file.unlink()
    with pytest.raises(MedVidBenchError, match=r"NAP/CholecT50-00000-of-00001\.parquet can't be read"):
        opened.samples(tasks=["NAP"])
    assert len(opened.samples(tasks=["TAG"])) == 4  # the other files are still good


# --- what is refused when writing -------------------------------------------------------------------------


def test_a_folder_of_a_user_is_never_touched(tmp_path: Path) -> None:
    out = tmp_path / "mine"
    out.mkdir()
    (out / "thesis.txt").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(MedVidBenchError, match="exists and is not a benchmark"):
            write(out, overwrite=overwrite)
    assert files_of(tmp_path) == {"mine/thesis.txt": b"years of work"}


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bench").write_text("x")
    with pytest.raises(MedVidBenchError, match="exists and is not a benchmark"):
        write(tmp_path / "bench", overwrite=True)
    assert (tmp_path / "bench").read_text() == "x"


def test_an_existing_benchmark_is_replaced_only_when_asked(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    with pytest.raises(MedVidBenchError, match="already holds a benchmark") as caught:
        write(tmp_path / "bench", [NAP_ROW])
    assert "--overwrite" in caught.value.remedy
    write(tmp_path / "bench", [NAP_ROW], overwrite=True)
    assert Benchmark.open(tmp_path / "bench").samples() == [NAP_ROW]
    assert [p.name for p in tmp_path.iterdir()] == ["bench"]


def test_a_benchmark_with_other_files_in_it_is_not_replaced(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    (tmp_path / "bench" / "runs").mkdir()
    (tmp_path / "bench" / "runs" / "answers.jsonl").write_text("{}")
    with pytest.raises(MedVidBenchError, match=r"would delete them: runs/answers\.jsonl"):
        write(tmp_path / "bench", overwrite=True)
    assert len(Benchmark.open(tmp_path / "bench").samples()) == len(ROWS)


def test_an_empty_folder_and_a_missing_parent_are_fine(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty")
    write(tmp_path / "new" / "deep" / "bench")
    assert (tmp_path / "empty" / "manifest.json").is_file()
    assert (tmp_path / "new" / "deep" / "bench" / "manifest.json").is_file()


def test_a_failure_on_the_way_leaves_nothing_behind_and_the_old_benchmark_whole(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    before = files_of(tmp_path)

    def rows() -> Iterable[Sample]:
        yield TAG_ROW
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError):
        write(tmp_path / "bench", rows(), overwrite=True)
    assert files_of(tmp_path) == before
    assert [p.name for p in tmp_path.iterdir()] == ["bench"]


def test_a_place_that_cannot_be_written_is_an_error_for_the_user(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MedVidBenchError, match="can't be written"):
        write(tmp_path / "file" / "bench")
