"""The folder read by `datasets`, DuckDB and plain pyarrow, as its card says; and shards with embedded pictures."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from folder_samples import FIELDS, FINDING, KINDS, samples, write

from medvidbench.arrow import to_table
from medvidbench.benchmark import Benchmark
from medvidbench.curation.card import card
from medvidbench.curation.folder import finish_benchmark, staged
from medvidbench.curation.sharding import write_shards
from medvidbench.records import Sample


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("readers") / "bench"
    write(out)
    return out


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """`datasets` without a network, with its cache in a folder of the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_OFFLINE", "1")
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        datasets = pytest.importorskip("datasets", reason="datasets is not installed")
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))
        datasets.disable_progress_bars()
        yield datasets


def test_datasets_loads_a_task_and_a_split_as_the_card_configures_them(bench: Path, hub: Any) -> None:
    for task in ("TAG", "STG", "DVC", "CVS"):
        rows = hub.load_dataset(str(bench), task, split="test")
        held = Benchmark.open(bench).samples(split="test", tasks=[task])
        assert rows["sample_id"][:] == [sample.sample_id for sample in held]
        assert rows[0]["frame_times"] == [0.0, 2.0]
    assert rows[0]["truth"]["ratings"]["ratings"][0] == {"name": "Two structures", "value": 2}


def test_datasets_loads_everything_without_a_configuration_name(bench: Path, hub: Any) -> None:
    loaded = hub.load_dataset(str(bench))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 48, "test": 16}
    assert Counter(loaded["test"]["task"][:]) == dict.fromkeys(KINDS, 2)


def test_datasets_loads_the_files_by_name(bench: Path, hub: Any) -> None:
    files = {"train": str(bench / "train" / "**" / "*.parquet")}
    rows = hub.load_dataset("parquet", data_files=files, split="train")
    assert len(rows) == 48
    assert set(rows["split"][:]) == {"train"}


def test_duckdb_reads_all_shards_by_one_pattern_and_nested_truth(bench: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")
    pattern = f"read_parquet('{bench}/**/*.parquet', union_by_name=true)"
    counted = duckdb.sql(f"select split, task, count(*) from {pattern} group by all").fetchall()
    assert sorted(counted) == sorted([(s, t, n) for t in KINDS for s, n in (("train", 6), ("test", 2))])
    shared = duckdb.sql(f'select "group" from {pattern} group by "group" having count(distinct split) > 1').fetchall()
    assert shared == []
    (start,) = duckdb.sql(f"select distinct truth.spans.spans[1].start from {pattern} where task = 'TAG'").fetchall()
    assert start == (11.7,)


def test_a_filter_on_the_recording_reads_few_row_groups(tmp_path: Path) -> None:
    rows = [s for s in samples(40) if s.task == "TAG"]
    part = tmp_path / "part.parquet"
    pq.write_table(to_table(rows, Sample), part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medvidbench.curation.sharding.ROWS_PER_GROUP", 10)
        (entry,) = write_shards(tmp_path, "TAG", "CholecT50", [part], lambda group: "test")
    file = pq.ParquetFile(tmp_path / entry["path"])
    # four recordings of ten rows: each group holds one recording, so its statistics name it exactly
    column = file.schema_arrow.names.index("recording_id")
    bounds = [file.metadata.row_group(g).column(column).statistics for g in range(file.num_row_groups)]
    assert [(b.min, b.max) for b in bounds] == [(f"VID0{i}", f"VID0{i}") for i in range(4)]
    assert pq.read_table(tmp_path / entry["path"], filters=[("recording_id", "=", "VID02")]).num_rows == 10


# --- embedded pictures ---------------------------------------------------------------------------------


def jpeg(path: str) -> bytes:
    from PIL import Image

    shade = int(Path(path).stem) % 200
    held = io.BytesIO()
    Image.new("RGB", (32, 24), (shade, 10, 20)).save(held, "JPEG")
    return held.getvalue()


@pytest.fixture(scope="module")
def pictured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pictured")
    part = folder / "part.parquet"
    pq.write_table(to_table([s for s in samples(240) if s.task == "TAG"], Sample), part)
    with staged(folder / "bench") as staging:
        entries = write_shards(staging, "TAG", "CholecT50", [part], images=jpeg)
        finish_benchmark(staging, folder / "bench", entries, [FINDING], FIELDS, card)
    return folder / "bench"


def test_pictured_shards_have_small_row_groups_and_uncompressed_pictures(pictured: Path) -> None:
    (file,) = pictured.glob("train/segment/TAG/*.parquet")
    meta = pq.ParquetFile(file).metadata
    assert [meta.row_group(g).num_rows for g in range(meta.num_row_groups)] == [50, 50, 50, 30]
    columns = [meta.row_group(0).column(i) for i in range(meta.num_columns)]
    (pictures,) = [c for c in columns if c.path_in_schema == "images.list.element.bytes"]
    assert pictures.compression == "UNCOMPRESSED"
    assert not pictures.is_stats_set


def test_the_samples_are_the_same_with_and_without_pictures(pictured: Path) -> None:
    held = sorted((s for s in samples(240) if s.task == "TAG"), key=lambda s: s.sample_id)
    assert sorted(Benchmark.open(pictured).samples(), key=lambda s: s.sample_id) == held
    assert "images" not in Benchmark.open(pictured).table().column_names


def test_datasets_shows_the_pictures_of_a_row_as_pictures(pictured: Path, hub: Any) -> None:
    rows = hub.load_dataset(str(pictured), "TAG", split="test")
    first, second = rows[0]["images"]
    assert (first.size, second.size) == ((32, 24), (32, 24))
    assert rows[0]["frame_paths"][0].endswith("000010.png")
    assert abs(first.getpixel((0, 0))[0] - 10) <= 3


def test_a_row_with_many_bytes_of_pictures_is_a_group_of_its_own(tmp_path: Path) -> None:
    rows = [s for s in samples(8) if s.task == "TAG"]
    part = tmp_path / "part.parquet"
    pq.write_table(to_table(rows, Sample), part)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("medvidbench.curation.sharding.IMAGE_GROUP_BYTES", 1)
        entries = write_shards(tmp_path, "TAG", "CholecT50", [part], images=lambda path: None if "10" in path else b"x")
    for entry in entries:
        meta = pq.ParquetFile(tmp_path / entry["path"]).metadata
        assert [meta.row_group(g).num_rows for g in range(meta.num_row_groups)] == [1] * entry["rows"]
    held = pq.read_table(tmp_path / entries[0]["path"], columns=["images"]).column("images")[0].as_py()
    assert [picture["bytes"] for picture in held] == [None, b"x"]
