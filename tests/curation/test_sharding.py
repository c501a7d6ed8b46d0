"""Shards from part files: the same bytes however the parts were cut, sorted, cut into files, and in bounded memory."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from medvidbench.arrow import from_table, to_table
from medvidbench.curation import sharding, sorting
from medvidbench.curation.sharding import write_shards
from medvidbench.errors import MedVidBenchError
from medvidbench.records import Answer, Sample, Span, Spans, Split

ROW = Sample(
    sample_id="", clip_id="", source="CholecT50", recording_id="", group="", split="train", task="TAG", qa_type="tal",
    clip_start=0.0, clip_end=30.0, clip_unit="input_video_frame", fps=1.0, duration=30.0, width=854, height=480,
    frame_paths=("videos/VID01/000000.png", "videos/VID01/000001.png"), frame_times=(0.0, 1.0), question="When?",
    target="clipping", choices=("clipping",), region=None, answer="1.0-2.0 seconds.", truth=Spans((Span(1.0, 2.0),)),
    generator="annotations",
)  # fmt: skip


def rows(total: int, recordings: int = 7) -> list[Sample]:
    rng = random.Random(total)
    made = []
    for number in range(total):
        name = f"VID{rng.randrange(recordings):02d}"
        digest = hashlib.sha256(str(number).encode()).hexdigest()[:24]
        made.append(
            replace(ROW, sample_id=digest, recording_id=name, group=f"g{name}", clip_start=rng.randrange(5) / 2)
        )
    return made


def side(group: str) -> Split:
    return "test" if group in ("gVID01", "gVID04") else "train"


def part_files(folder: Path, samples: Sequence[Sample], cuts: Sequence[int], row_group: int = 50) -> list[Path]:
    folder.mkdir(exist_ok=True)
    bounds = [0, *sorted(cuts), len(samples)]
    files = []
    for number, (first, last) in enumerate(pairwise(bounds)):
        files.append(folder / f"{number}.parquet")
        pq.write_table(to_table(samples[first:last], Sample), files[-1], row_group_size=row_group)
    return files


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def read(folder: Path, split: str) -> list[Sample]:
    files = sorted(folder.glob(f"{split}/segment/TAG/*.parquet"))
    return [row for file in files for row in from_table(pq.ParquetFile(file).read(), Sample)]


def test_every_row_lands_once_on_the_side_of_its_group_and_sorted(tmp_path: Path) -> None:
    samples = rows(500)
    entries = write_shards(tmp_path / "out", "TAG", "CholecT50", part_files(tmp_path / "p", samples, [100, 333]), side)
    for split in ("train", "test"):
        wanted = [replace(s, split=split) for s in samples if side(s.group) == split]
        wanted.sort(key=lambda s: (s.recording_id, s.clip_start, s.sample_id))
        assert read(tmp_path / "out", split) == wanted
    assert [(e["split"], e["granularity"], e["rows"]) for e in entries] == [
        (split, "segment", len(read(tmp_path / "out", split))) for split in ("train", "test")
    ]


@settings(max_examples=12, deadline=None)
@given(st.lists(st.integers(0, 300), max_size=5), st.integers(1, 120), st.randoms(use_true_random=False))
def test_the_bytes_do_not_depend_on_how_the_parts_were_cut_or_ordered(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], row_group: int, rng: random.Random
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    samples = rows(300)
    with pytest.MonkeyPatch.context() as patch:
        # small enough for several buckets, row groups and files: 3 recordings, 40 rows, 80 rows
        patch.setattr(sorting, "BUCKET_WEIGHT", 150_000)
        patch.setattr(sharding, "ROWS_PER_GROUP", 40)
        write_shards(folder / "a", "TAG", "CholecT50", part_files(folder / "p", samples, []), side, rows_per_file=80)
        rng.shuffle(samples)
        parts = part_files(folder / "q", samples, cuts, row_group)
        rng.shuffle(parts)
        write_shards(folder / "b", "TAG", "CholecT50", parts, side, rows_per_file=80)
    one = contents(folder / "a")
    assert one == contents(folder / "b")
    assert len(one) >= 4


def test_files_are_cut_by_rows_and_by_bytes_and_read_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "ROWS_PER_GROUP", 10)
    parts = part_files(tmp_path / "p", rows(100), [])
    write_shards(tmp_path / "rows", "TAG", "CholecT50", parts, rows_per_file=25)
    # whole row groups of 10: a file is closed at 30 rows, the first count of whole groups not under 25
    names = [f"train/segment/TAG/CholecT50-{i:05d}-of-00004.parquet" for i in range(4)]
    assert list(contents(tmp_path / "rows")) == names
    counts = [pq.ParquetFile(tmp_path / "rows" / name).metadata.num_rows for name in names]
    assert counts == [30, 30, 30, 10]
    monkeypatch.setattr(sharding, "FILE_BYTES", 1)
    write_shards(tmp_path / "bytes", "TAG", "CholecT50", parts)
    assert len(contents(tmp_path / "bytes")) == 10
    assert read(tmp_path / "bytes", "train") == read(tmp_path / "rows", "train")


def test_row_groups_have_ten_thousand_rows_statistics_a_page_index_and_zstd(tmp_path: Path) -> None:
    (entry,) = write_shards(tmp_path, "TAG", "CholecT50", part_files(tmp_path / "p", rows(12_000), [], 5_000))
    meta = pq.ParquetFile(tmp_path / entry["path"]).metadata
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [10_000, 2_000]
    for index in range(meta.row_group(0).num_columns):
        column = meta.row_group(0).column(index)
        assert (column.compression, column.has_column_index, column.has_offset_index) == ("ZSTD", True, True)
    recording = meta.row_group(1).column(3)
    assert recording.path_in_schema == "recording_id"
    # 7 recordings of about 1,714 rows: row 10,000 is among those of the sixth
    assert (recording.statistics.min, recording.statistics.max) == ("VID05", "VID06")
    assert [c.column_index for c in meta.row_group(0).sorting_columns][:2] == [3, 8]


def test_very_long_rows_make_smaller_row_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharding, "GROUP_WEIGHT", 10 * (1024 + 2 * 64))
    (entry,) = write_shards(tmp_path, "TAG", "CholecT50", part_files(tmp_path / "p", rows(25), []))
    meta = pq.ParquetFile(tmp_path / entry["path"]).metadata
    assert [meta.row_group(i).num_rows for i in range(meta.num_row_groups)] == [10, 10, 5]


def test_a_repeated_row_a_foreign_row_and_a_foreign_file_are_refused(tmp_path: Path) -> None:
    samples = rows(20)
    with pytest.raises(MedVidBenchError, match=rf"has the sample {samples[3].sample_id} 2 times"):
        write_shards(tmp_path, "TAG", "CholecT50", part_files(tmp_path / "a", [*samples, samples[3]], [5]))
    with pytest.raises(MedVidBenchError, match="is one with the source 'AVOS'"):
        write_shards(tmp_path, "TAG", "CholecT50", part_files(tmp_path / "b", [replace(samples[0], source="AVOS")], []))
    with pytest.raises(MedVidBenchError, match="is one with the task 'TAG'"):
        write_shards(tmp_path, "NAP", "CholecT50", part_files(tmp_path / "c", samples, []))
    pq.write_table(to_table([Answer("a", "m", None)], Answer), tmp_path / "d.parquet")
    with pytest.raises(MedVidBenchError, match="has other columns than a sample: sample_id, model, text, error"):
        write_shards(tmp_path, "TAG", "CholecT50", [tmp_path / "d.parquet"])
    (tmp_path / "e.parquet").write_bytes(b"PAR1 broken")
    with pytest.raises(MedVidBenchError, match=r"e\.parquet can't be read"):
        write_shards(tmp_path, "TAG", "CholecT50", [tmp_path / "e.parquet"])


def test_two_sources_whose_names_make_one_file_name_are_refused(tmp_path: Path) -> None:
    for name in ("Cholec80 CVS", "Cholec80_CVS"):
        parts = part_files(tmp_path / name, [replace(ROW, sample_id="a", source=name)], [])
        if name == "Cholec80 CVS":
            write_shards(tmp_path / "out", "TAG", name, parts)
    with pytest.raises(MedVidBenchError, match="which another source has taken"):
        write_shards(tmp_path / "out", "TAG", name, parts)


def test_no_parts_and_empty_parts_give_no_file(tmp_path: Path) -> None:
    assert write_shards(tmp_path / "out", "TAG", "CholecT50", []) == []
    assert write_shards(tmp_path / "out", "TAG", "CholecT50", part_files(tmp_path / "p", [], [])) == []
    assert not (tmp_path / "out").exists()
