"""croissant.json: valid for mlcroissant, readable through it, complete, and the same for the same benchmark."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from folder_samples import KINDS, write

from medvidbench.arrow import schema_of
from medvidbench.benchmark import Benchmark
from medvidbench.curation.croissant import croissant_text
from medvidbench.records import Sample

mlcroissant = pytest.importorskip("mlcroissant", reason="mlcroissant is not installed")


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("croissant") / "bench"
    write(out)
    return out


@pytest.fixture(scope="module")
def metadata(bench: Path) -> dict[str, Any]:
    return json.loads((bench / "croissant.json").read_text())


def test_mlcroissant_validates_it_as_croissant_1_1_without_errors(bench: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=bench / "croissant.json")
    assert not dataset.metadata.ctx.issues.errors
    # the one warning: no date of publication, because nothing in the folder tells the time
    assert [("datePublished" in w) for w in dataset.metadata.ctx.issues.warnings] == [True]
    assert dataset.metadata.ctx.is_v1_1()
    assert {record_set.id for record_set in dataset.metadata.record_sets} == set(KINDS)


def test_mlcroissant_reads_the_rows_that_the_benchmark_holds(bench: Path) -> None:
    dataset = mlcroissant.Dataset(jsonld=bench / "croissant.json")
    opened = Benchmark.open(bench)
    for task in ("TAG", "RC", "NAP"):
        read = {row[f"{task}/sample_id"].decode(): row for row in dataset.records(task)}
        held = {sample.sample_id: sample for sample in opened.samples(tasks=[task])}
        assert read.keys() == held.keys()
        for key, sample in held.items():
            row = read[key]
            assert row[f"{task}/question"].decode() == sample.question
            assert row[f"{task}/fps"] == sample.fps
            assert [path.decode() for path in row[f"{task}/frame_paths"]] == list(sample.frame_paths)
            assert row[f"{task}/frame_times"] == list(sample.frame_times)
            assert row[f"{task}/provenance"][f"{task}/provenance.similarity"] == 0.875
    (row,) = [r for r in dataset.records("RC") if r["RC/recording_id"] == b"VID00"][:1]
    assert row["RC/region"]["RC/region.box.x2"] == 30.0
    assert row["RC/truth"]["RC/truth.caption.text"] == b"The irrigator rinses the liver bed."


def test_every_column_is_a_field_and_every_shard_a_file_with_its_hash(bench: Path, metadata: dict[str, Any]) -> None:
    for record_set in metadata["recordSet"]:
        assert [field["name"] for field in record_set["field"]] == schema_of(Sample).names
    files = {item["contentUrl"]: item["sha256"] for item in metadata["distribution"] if "contentUrl" in item}
    on_disk = {p.relative_to(bench).as_posix() for p in bench.rglob("*.parquet")} | {"findings.jsonl"}
    assert files == {name: hashlib.sha256((bench / name).read_bytes()).hexdigest() for name in on_disk}


def test_responsible_ai_fields_and_the_sources_it_was_derived_from_are_there(metadata: dict[str, Any]) -> None:
    needed = (
        "dataCollection",
        "dataAnnotationProtocol",
        "dataLimitations",
        "dataBiases",
        "machineAnnotationTools",
        "annotationsPerItem",
        "personalSensitiveInformation",
    )
    assert all(metadata[f"rai:{name}"] for name in needed)
    assert metadata["rai:machineAnnotationTools"] == ["gpt-4.1", "medvidbench"]
    assert "CholecT50 were drawn by a program" in metadata["rai:dataCollection"]
    drawn, real = metadata["prov:wasDerivedFrom"]
    assert (drawn["@id"], drawn["prov:label"]) == (
        "https://github.com/CAMMA-public/cholect50",
        "CholecT50 (simulated in this dataset's layout)",
    )
    assert (real["dct:license"], real["dct:identifier"]) == ("JIGSAWS licence", "sha256:" + "e" * 64)
    # drawn recordings are this project's own; the real source keeps its licence
    assert metadata["license"] == ["https://cirl.lcsr.jhu.edu/jigsaws", "https://spdx.org/licenses/Apache-2.0"]


def test_equal_manifests_give_equal_text(bench: Path) -> None:
    manifest = Benchmark.open(bench).manifest
    files = [e for e in manifest["files"] if e["path"] not in ("README.md", "croissant.json")]
    assert croissant_text(manifest | {"files": files}) == (bench / "croissant.json").read_text()
