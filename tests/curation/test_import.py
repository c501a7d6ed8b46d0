"""Published JSON files as a benchmark folder: forms, repeats, findings, bad files, and bounded memory."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from folder_samples import sample, samples
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.benchmark import Benchmark
from medvidbench.curation import importing, json_rows
from medvidbench.curation.importing import import_published
from medvidbench.errors import MedVidBenchError
from medvidbench.published import to_merged, to_published


def save(path: Path, rows: Any) -> Path:
    path.write_text(json.dumps(rows))
    return path


def test_rows_of_several_files_and_forms_become_one_folder(tmp_path: Path) -> None:
    rows = samples(4)
    listed = save(tmp_path / "a.json", [to_published(row) for row in rows[:20]])
    merged = save(tmp_path / "b.json", {str(i): to_merged(row, answer="mine") for i, row in enumerate(rows[20:])})
    report = import_published([listed, merged], tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    assert report.rows == len(opened.samples()) == 32
    assert [(f["file"], len(f["sha256"])) for f in opened.manifest["imported"]] == [("a.json", 64), ("b.json", 64)]
    assert {row.provenance.decision for row in opened.samples() if row.provenance} == {"imported"}
    assert "b.json row 3" in {row.provenance.source_row for row in opened.samples() if row.provenance}
    assert not [p for p in (tmp_path / "bench").rglob("*") if p.name.startswith(".")]
    described = {source["name"]: source for source in opened.manifest["sources"]}
    assert described["CholecT50"]["key"] == "cholect50"
    assert described["Cholec80_CVS"]["key"] == "cholec80cvs"
    assert "imported as published" in " ".join((tmp_path / "bench" / "README.md").read_text().split())


def test_an_import_is_the_same_however_often_rows_go_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = samples(6)
    random.Random(0).shuffle(rows)
    file = save(tmp_path / "rows.json", [to_published(row) for row in rows])
    import_published([file], tmp_path / "one")
    monkeypatch.setattr(importing, "ROWS_HELD", 5)
    monkeypatch.setattr(json_rows, "CHUNK", 37)
    import_published([file], tmp_path / "two")
    one, two = (
        {p.relative_to(d): p.read_bytes() for p in d.rglob("*") if p.is_file()}
        for d in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two


def test_rows_alike_get_a_number_behind_their_id_and_a_note(tmp_path: Path) -> None:
    row = to_published(sample("TAG", 0))
    report = import_published([save(tmp_path / "rows.json", [row, row, row])], tmp_path / "bench")
    ids = [held.sample_id for held in Benchmark.open(tmp_path / "bench").samples()]
    assert ids == [ids[0], f"{ids[0]}-2", f"{ids[0]}-3"]
    assert any("2 rows repeat" in note for note in report.notes)


def test_a_group_on_both_sides_is_told_in_manifest_and_card(tmp_path: Path) -> None:
    rows = [to_published(sample("TAG", 0)), {**to_published(sample("NAP", 4)), "train": True}]
    report = import_published([save(tmp_path / "rows.json", rows)], tmp_path / "bench")
    assert "1 groups" in report.notes[0] and "both sides" in report.notes[0]
    manifest = Benchmark.open(tmp_path / "bench").manifest
    assert manifest["notes"] == list(report.notes)
    assert set(manifest["groups"]["train"]) & set(manifest["groups"]["test"])


def test_rows_of_no_known_task_are_findings(tmp_path: Path) -> None:
    rows = [to_published(sample("TAG", 0)), {**to_published(sample("TAG", 1)), "qa_type": "cooking"}]
    report = import_published([save(tmp_path / "rows.json", rows)], tmp_path / "bench")
    (finding,) = report.findings
    assert (finding.file, finding.row, finding.done) == ("rows.json", "row 1", "left out")
    assert "cooking" in finding.what
    assert json.loads((tmp_path / "bench" / "findings.jsonl").read_text())["row"] == "row 1"


def test_frames_are_found_below_the_folder_that_is_named(tmp_path: Path) -> None:
    rows = [to_published(sample("TAG", 0)), to_published(sample("SA", 0))]
    import_published([save(tmp_path / "rows.json", rows)], tmp_path / "bench", {"CholecT50": tmp_path / "frames"})
    opened = Benchmark.open(tmp_path / "bench")
    (row,) = opened.samples(tasks=["TAG"])
    assert opened.frame_file(row, 0) == tmp_path / "frames" / "videos/VID00/000010.png"
    with pytest.raises(MedVidBenchError, match="doesn't say where the frames of JIGSAWS lie"):
        opened.frame_root("JIGSAWS")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("", "neither a JSON list nor a JSON object"),
        ("3", "neither a JSON list nor a JSON object"),
        ("[1, 2]", "no list or object of rows"),
        ('["a"]', "no list or object of rows"),
        ('{"conversations": []}', "no list or object of rows"),
        ('[{"a": 1}', "ends within a row"),
        ('[{"a": 1', "ends within a row"),
        ('[{"a": 1} {"a": 2}]', "',' is missing before '{'"),
        ('{"0" {"a": 2}}', "':' is missing before '{'"),
        ('[{"a": 1}] []', "goes on behind the end"),
        ("[]", "No row came out of"),
        ('[{"a": 1}]', "No row came out of"),
    ],
)
def test_a_file_that_holds_no_rows_is_refused_and_nothing_is_written(tmp_path: Path, text: str, seen: str) -> None:
    (tmp_path / "rows.json").write_text(text)
    with pytest.raises(MedVidBenchError, match=seen):
        import_published([tmp_path / "rows.json"], tmp_path / "bench")
    assert [p.name for p in tmp_path.iterdir()] == ["rows.json"]


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MedVidBenchError, match="can't be read"):
        import_published([tmp_path / "absent.json"], tmp_path / "bench")
    (tmp_path / "latin.json").write_bytes(b'[{"a": "\xff"}]')
    with pytest.raises(MedVidBenchError, match="can't be read"):
        import_published([tmp_path / "latin.json"], tmp_path / "bench")
    with pytest.raises(MedVidBenchError, match="No file is named"):
        import_published([], tmp_path / "bench")


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.dictionaries(st.text(), VALUES, max_size=4), max_size=5), st.integers(1, 60), st.booleans())
def test_any_rows_are_read_as_the_standard_reader_reads_them(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]], chunk: int, indented: bool
) -> None:
    folder = tmp_path_factory.mktemp("json")
    listed = folder / "list.json"
    listed.write_text(json.dumps(rows, indent=2 if indented else None), encoding="utf-8")
    named = folder / "object.json"
    named.write_text(json.dumps(dict(enumerate(rows)), ensure_ascii=False), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_rows, "CHUNK", chunk)
        assert list(json_rows.json_rows(listed)) == rows
        assert list(json_rows.json_rows(named)) == rows


def test_reading_many_rows_takes_little_memory(tmp_path: Path) -> None:
    row = json.dumps(to_published(sample("TAG", 0)) | {"video": [f"videos/VID00/{i:06d}.png" for i in range(2_000)]})
    with (tmp_path / "rows.json").open("w") as stream:
        stream.write("[" + ",\n".join([row] * 1_200) + "]")
    assert (tmp_path / "rows.json").stat().st_size > 60 * 2**20
    code = (
        "import sys, resource; from pathlib import Path; from medvidbench.curation.json_rows import json_rows;"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "count = sum(1 for _ in json_rows(Path(sys.argv[1])));"
        "print(count, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "rows.json"], capture_output=True, text=True, check=True
    )
    count, megabytes = map(int, done.stdout.split())
    assert count == 1_200
    assert megabytes < 30  # the file alone is over 60 MB, its rows as objects several hundred
