"""The question-only export: ground truth is absent from every byte, and the answer key gives all of it back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from folder_samples import KINDS, sample, samples, write
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.answer_key import answered_samples
from medvidbench.benchmark import Benchmark
from medvidbench.curation.export import export_questions
from medvidbench.errors import MedVidBenchError
from medvidbench.evaluation.data import EvalData
from medvidbench.records import Sample


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """The full benchmark, the question folder, and the key."""
    folder = tmp_path_factory.mktemp("questions")
    write(folder / "bench")
    export_questions(Benchmark.open(folder / "bench"), folder / "questions", folder / "key.parquet", split=None)
    return folder / "bench", folder / "questions", folder / "key.parquet"


# --- the leak scan -------------------------------------------------------------------------------------------


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for inner in value.values():
            yield from leaves(inner)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from leaves(inner)
    elif value is not None:
        yield value


def secrets_of(row: Sample) -> set[str]:
    """The texts of a row that tell its truth, and are no part of its question."""
    held = [row.answer, row.residue, row.generator, *(asdict(part) for part in (row.truth, row.provenance) if part)]
    # "annotations" names no one: the word stands in the card and in croissant.json anyway
    texts = {text for text in leaves(held) if isinstance(text, str) and len(text) >= 6} - {"annotations"}
    known = f"{row.question} {row.recording_id} {row.group} {row.source} {' '.join(row.frame_paths)}".lower()
    return {text for text in texts if text.lower() not in known}


def pieces_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Every byte of every file; and of Parquet files each value, statistic and key-value pair, decompressed."""
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        yield path.name, path.read_bytes()
        if path.suffix != ".parquet":
            continue
        with pq.ParquetFile(path) as file:
            yield f"{path.name} values", json.dumps(file.read().to_pylist(), ensure_ascii=False).encode()
            for group in range(file.num_row_groups):
                for index in range(file.metadata.num_columns):
                    column = file.metadata.row_group(group).column(index)
                    yield f"{path.name}:{column.path_in_schema} statistics", repr(column.statistics).encode()
            yield f"{path.name} metadata", repr(file.metadata.metadata).encode() + repr(file.schema_arrow).encode()


def found_in(content: bytes, secrets: set[str]) -> set[str]:
    lower = content.lower()
    return {text for text in secrets if text.lower().encode() in lower}


def test_no_text_that_tells_a_truth_is_in_any_byte_of_any_file(exported: tuple[Path, Path, Path]) -> None:
    bench, questions, _ = exported
    secrets = {text for row in samples() for text in secrets_of(row)}
    assert len(secrets) > 20
    assert "The hook dissects the cystic plate." in secrets
    for where, content in pieces_of(questions):
        assert not found_in(content, secrets), where
    # the scan can find: all of them are in the full benchmark
    found = [found_in(content, secrets) for _, content in pieces_of(bench)]
    assert set().union(*found) == secrets


def test_no_number_of_a_truth_is_in_a_structured_column(exported: tuple[Path, Path, Path]) -> None:
    _, questions, _ = exported
    numbers = {11.7, 23.9, 12.3, 17.9, 131, 137, 251, 257, 139, 149, 263, 269}
    for path in questions.rglob("*.parquet"):
        table = pq.ParquetFile(path).read().drop_columns(["question"])
        found = {value for value in leaves(table.to_pylist()) if isinstance(value, (int, float))}
        assert not found & numbers, path


def test_columns_of_the_truth_hold_nothing_at_all(exported: tuple[Path, Path, Path]) -> None:
    _, questions, _ = exported
    for path in questions.rglob("*.parquet"):
        with pq.ParquetFile(path) as file:
            meta = file.metadata
            for index in range(meta.num_columns):
                column = meta.row_group(0).column(index)
                if column.path_in_schema.split(".")[0] in ("answer", "truth", "provenance"):
                    assert column.num_values == column.statistics.null_count, column.path_in_schema
                    assert not column.statistics.has_min_max
            table = file.read(columns=["generator", "residue"])
            assert set(table.column("generator").to_pylist()) == {""}
            assert set(table.column("residue").to_pylist()) == {"{}"}


def test_files_that_could_quote_an_answer_are_absent_and_the_manifest_takes_over_known_fields_only(
    exported: tuple[Path, Path, Path],
) -> None:
    bench, questions, _ = exported
    names = {path.name for path in questions.iterdir()}
    assert names == {"README.md", "croissant.json", "manifest.json", "test", "train"}
    manifest = json.loads((questions / "manifest.json").read_text())
    assert manifest["question_only"] is True
    own = {"format", "format_version", "counts", "files", "question_only"}
    assert manifest.keys() - own == {"medvidbench", "python", "pyarrow", "synthetic", "sources", "groups"}
    assert all("digest" not in source for source in manifest["sources"])
    # a hash of the key would let anyone test a guessed key
    assert not re.search("key", json.dumps({**manifest, "sources": []}))
    assert json.loads((bench / "manifest.json").read_text())["seed"] == 7


def test_a_target_stays_only_where_the_question_names_it(exported: tuple[Path, Path, Path]) -> None:
    _, questions, _ = exported
    rows = [row for row in Benchmark.open(questions).samples() if row.recording_id == "VID00"]
    kept = {row.task: (row.target, row.choices, row.region) for row in rows}
    assert kept["TAG"] == ("clipping-cutting", KINDS["TAG"][6], None)
    assert kept["STG"][0] == "grasper"
    # the region's question doesn't name its object
    assert kept["RC"][0] == ""
    assert kept["RC"][2] == sample("RC", 0).region
    assert kept["NAP"][1] == KINDS["NAP"][6]
    assert kept["CVS"][1] == ("Two structures", "Cystic plate", "Hepatocystic triangle")


def test_choices_and_regions_that_the_question_does_not_give_are_taken_out(tmp_path: Path) -> None:
    told = replace(sample("NAP", 0), choices=("clipping-cutting", "gallbladder-packaging"))
    boxed = replace(sample("STG", 0), region=sample("RC", 0).region)
    write(tmp_path / "bench", [told, boxed])
    export_questions(Benchmark.open(tmp_path / "bench"), tmp_path / "q", tmp_path / "key.parquet")
    rows = {row.task: row for row in Benchmark.open(tmp_path / "q").samples()}
    assert rows["NAP"].choices == ()
    assert rows["STG"].region is None


@settings(max_examples=5, deadline=None)
@given(st.data())
def test_the_folder_is_the_same_whatever_the_truth_is(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    """The whole proof in one: other answers, truths and writers give the same bytes, so the bytes can't tell them."""
    folder = tmp_path_factory.mktemp("same")
    rows = samples(4)
    others = [
        replace(
            row,
            answer=data.draw(st.text(max_size=20)),
            truth=data.draw(st.sampled_from([None, *(kind[4] for kind in KINDS.values())])),
            generator=data.draw(st.text(max_size=5)),
            residue=json.dumps(data.draw(st.text(max_size=5))),
            provenance=data.draw(st.sampled_from([None, row.provenance])),
        )
        for row in rows
    ]
    for name, held in (("a", rows), ("b", others)):
        write(folder / name, held)
        export_questions(Benchmark.open(folder / name), folder / f"q{name}", folder / f"{name}.parquet", split=None)
    contents = [
        {p.relative_to(q).as_posix(): p.read_bytes() for p in q.rglob("*") if p.is_file()}
        for q in (folder / "qa", folder / "qb")
    ]
    assert contents[0] == contents[1]


# --- the key -------------------------------------------------------------------------------------------------


def test_questions_and_key_give_back_the_very_samples(exported: tuple[Path, Path, Path]) -> None:
    bench, questions, key = exported
    full, opened = Benchmark.open(bench), Benchmark.open(questions)
    assert answered_samples(opened, key) == full.samples()
    assert answered_samples(opened, key, "test", ["TAG"]) == full.samples("test", ["TAG"])
    assert opened.samples() != full.samples()
    assert EvalData("q", answered_samples(opened, key)).digest == EvalData("b", full.samples()).digest


def test_by_default_the_test_side_alone_is_exported(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    manifest = export_questions(Benchmark.open(tmp_path / "bench"), tmp_path / "q", tmp_path / "key.parquet")
    assert manifest["counts"].keys() == {"test"}
    assert manifest["groups"] == {"train": [], "test": ["g2"]}
    rows = answered_samples(Benchmark.open(tmp_path / "q"), tmp_path / "key.parquet")
    assert rows == Benchmark.open(tmp_path / "bench").samples("test")


def test_the_key_to_other_questions_or_no_key_is_refused(exported: tuple[Path, Path, Path], tmp_path: Path) -> None:
    _, questions, _ = exported
    write(tmp_path / "bench")
    export_questions(Benchmark.open(tmp_path / "bench"), tmp_path / "q", tmp_path / "other.parquet")
    opened = Benchmark.open(questions)
    with pytest.raises(MedVidBenchError, match="is the key to other questions"):
        answered_samples(opened, tmp_path / "other.parquet")
    with pytest.raises(MedVidBenchError, match="is no answer key"):
        answered_samples(opened, next((tmp_path / "q").rglob("*.parquet")))
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(MedVidBenchError, match="can't be read"):
        answered_samples(opened, tmp_path / "broken.parquet")


def test_what_is_in_the_way_stays(tmp_path: Path) -> None:
    write(tmp_path / "bench")
    opened = Benchmark.open(tmp_path / "bench")
    (tmp_path / "key.parquet").write_text("mine")
    with pytest.raises(MedVidBenchError, match=r"key\.parquet exists"):
        export_questions(opened, tmp_path / "q", tmp_path / "key.parquet")
    with pytest.raises(MedVidBenchError, match="would lie in the question folder"):
        export_questions(opened, tmp_path / "q", tmp_path / "q" / "key.parquet")
    with pytest.raises(MedVidBenchError, match="no rows for these filters"):
        export_questions(opened, tmp_path / "q", tmp_path / "k.parquet", tasks=["SA"], sources=["CholecT50"])
    export_questions(opened, tmp_path / "q", tmp_path / "k.parquet")
    with pytest.raises(MedVidBenchError, match="holds no answers already"):
        export_questions(Benchmark.open(tmp_path / "q"), tmp_path / "r", tmp_path / "l.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bench", "k.parquet", "key.parquet", "q"]
    assert (tmp_path / "key.parquet").read_text() == "mine"
