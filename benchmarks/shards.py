"""Size, speed and memory of the benchmark folder beside the published JSON of the same rows, each in its own process.

    python benchmarks/shards.py                      # 531,850 rows: about 6 minutes, 8 GB of memory for json.load
    python benchmarks/shards.py --rows 50000         # a tenth: under a minute

The rows are synthetic (see `qa_rows.py`): made up with the published marginals, they show no recording.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent))
from qa_rows import PUBLISHED_ROWS, describe, samples

from medvidbench.records import Split

TASKS = {"TAG": "tal", "NAP": "next_action"}
READERS = {
    "read_pieces": "all columns, by row group",
    "read_table": "all columns at once",
    "read_questions": "question, answer, truth",
    "read_samples": "as samples",
}
FIELDS = {"medvidbench": "benchmark", "synthetic": True, "sources": [], "groups": {"train": [], "test": []}}


class Cost(NamedTuple):
    """Of one process: seconds of the work alone, CPU seconds and peak MB of the whole process, and what it said."""

    wall: float
    cpu: float
    peak: float
    said: Any


def measured(work: str, folder: Path, *more: str) -> Cost:
    """Runs one of WORK in a process of its own."""
    command = [sys.executable, __file__, "--work", work, "--folder", str(folder), *more]
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = status
        if status:
            raise SystemExit(f"{' '.join(command)} failed with {status}")
        out.seek(0)
        said = json.loads(out.read())
    return Cost(said["wall"], usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, said["said"])


# --- the work of the child processes ------------------------------------------------------------------------


def make_parts(folder: Path, rows: int, free_text: bool) -> list[Any]:
    import pyarrow.parquet as pq

    from medvidbench.arrow import to_table
    from medvidbench.records import Sample

    (folder / "parts").mkdir()
    parts: dict[tuple[str, str], list[str]] = {}
    for task, source, piece in samples(rows, free_text=free_text):
        names = parts.setdefault((task, source), [])
        names.append(f"{task}.{source}.{len(names)}.parquet")
        file = folder / "parts" / names[-1]
        pq.write_table(to_table(piece, Sample), file, compression="zstd", compression_level=1)
    (folder / "parts.json").write_text(json.dumps([[*kind, names] for kind, names in parts.items()]))
    return [sum(len(names) for names in parts.values())]


def write_folder(folder: Path, rows: int, free_text: bool) -> int:
    from medvidbench.curation.card import card
    from medvidbench.curation.folder import finish_benchmark, staged
    from medvidbench.curation.sharding import write_shards

    def side(group: str) -> Split:
        return "test" if group[-1] in "37" else "train"

    entries = []
    with staged(folder / "bench") as staging:
        for task, source, names in json.loads((folder / "parts.json").read_text()):
            files = [folder / "parts" / name for name in names]
            entries += write_shards(
                staging, task, source, files, lambda group: "test" if group[-1] in "37" else "train"
            )
        finish_benchmark(staging, folder / "bench", entries, [], FIELDS, card)
    return sum(entry["bytes"] for entry in entries)


def export_json(folder: Path, rows: int, free_text: bool) -> int:
    from medvidbench.benchmark import Benchmark
    from medvidbench.curation.export import export_published

    return export_published(Benchmark.open(folder / "bench"), folder / "rows.json")


def load_json(folder: Path, rows: int, task: str) -> int:
    with (folder / "rows.json").open() as stream:
        return sum(1 for row in json.load(stream) if row["qa_type"] == TASKS[task])


def read_pieces(folder: Path, rows: int, task: str) -> int:
    from medvidbench.benchmark import Benchmark

    return sum(piece.num_rows for piece in Benchmark.open(folder / "bench").pieces(tasks=[task]))


def read_table(folder: Path, rows: int, task: str) -> int:
    from medvidbench.benchmark import Benchmark

    return int(Benchmark.open(folder / "bench").table(tasks=[task]).num_rows)


def read_questions(folder: Path, rows: int, task: str) -> int:
    from medvidbench.benchmark import Benchmark

    columns = ["sample_id", "question", "answer", "truth"]
    return int(Benchmark.open(folder / "bench").table(columns, tasks=[task]).num_rows)


def read_samples(folder: Path, rows: int, task: str) -> int:
    from medvidbench.benchmark import Benchmark

    return len(Benchmark.open(folder / "bench").samples(tasks=[task]))


def stream_samples(folder: Path, rows: int, free_text: bool) -> int:
    from medvidbench.benchmark import Benchmark

    return sum(1 for _ in Benchmark.open(folder / "bench").iter_samples())


def import_json(folder: Path, rows: int, free_text: bool) -> int:
    from medvidbench.curation.importing import import_published

    return import_published([folder / "rows.json"], folder / "imported", synthetic=True).rows


WORK: dict[str, Callable[[Path, int, Any], Any]] = {
    work.__name__: work
    for work in (make_parts, write_folder, export_json, load_json, read_pieces, read_table, read_questions,
                 read_samples, stream_samples, import_json)
}  # fmt: skip


# --- the table ----------------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=PUBLISHED_ROWS)
    parser.add_argument("--free-text", action="store_true", help="captions of words drawn one by one: the worst case")
    parser.add_argument("--folder", type=Path, default=None, help="where to work; default a temporary folder")
    parser.add_argument("--work", choices=WORK, help=argparse.SUPPRESS)
    parser.add_argument("--task", default="TAG", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        kinds = ("load_json", "read_pieces", "read_table", "read_questions", "read_samples")
        started = time.perf_counter()
        said = WORK[given.work](given.folder, given.rows, given.task if given.work in kinds else given.free_text)
        print(json.dumps({"wall": time.perf_counter() - started, "said": said}))
        return
    folder = Path(tempfile.mkdtemp(dir=given.folder))
    try:
        report(folder, given.rows, ["--free-text"] if given.free_text else [])
    finally:
        shutil.rmtree(folder)


def report(folder: Path, rows: int, more: list[str]) -> None:
    print(f"{describe(rows)}{', captions of random words' if more else ''}")
    measured("make_parts", folder, "--rows", str(rows), *more)
    print(f"{'':48}  wall s   CPU s  peak MB")
    written = line("part files to shards, sorted and split", measured("write_folder", folder))
    line("all shards to samples, one group at a time", measured("stream_samples", folder))
    line("shards to the published JSON", measured("export_json", folder))
    size = (folder / "rows.json").stat().st_size
    print(f"size: JSON {size / 1e6:,.1f} MB, shards {written.said / 1e6:,.1f} MB: {size / written.said:.1f}x smaller")
    for task in TASKS:
        loaded = line(f"json.load and filter {task}", measured("load_json", folder, "--task", task))
        for work, name in READERS.items():
            cost = measured(work, folder, "--task", task)
            assert cost.said == loaded.said
            line(f"{task}, {name} ({cost.said:,} rows)", cost, loaded)
    assert line("the JSON imported again", measured("import_json", folder)).said == rows


def line(name: str, cost: Cost, beside: Cost | None = None) -> Cost:
    ratio = f"  {beside.wall / cost.wall:6.1f}x faster, {beside.peak / cost.peak:5.1f}x less memory" if beside else ""
    print(f"  {name:46}  {cost.wall:6.2f}  {cost.cpu:6.2f}  {cost.peak:7,.0f}{ratio}", flush=True)
    return cost


if __name__ == "__main__":
    main()
