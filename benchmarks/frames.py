"""What sampling frames costs: the verified reader beside decord, on the same files, in one run.

    python benchmarks/frames.py [--repeats 3] [--only minute,random,whole,cores]

Each measurement is a fresh process; CPU and wall time are the least of the repeats (taken in turns, so that a busy
moment hits both), memory is the median peak above the process after its imports. Checksums prove that both readers
returned the same pixels. The test videos are written once (several minutes): see `video_files.py`.

"all" returns every frame in one array; "8" hands them on eight at a time, which is what sampling into the frame store
does. decord as normally used is one reader, `get_batch` of all frames, its own choice of threads.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from video_files import SIZES, repeated, video_file

SECONDS, MINUTES_OF_WHOLE, CLIPS = 60, 10, 8
Batches = Iterator[np.ndarray]


# --- one measurement, in its own process -----------------------------------------------------------


def ours(path: str, times: list[float], batch: int) -> Batches:
    from medvidbench.video.decode import iter_frames, read_frames

    if batch:
        yield from (frames.frames for frames in iter_frames(path, times, batch=batch))
    else:
        yield read_frames(path, times).frames


def decord(path: str, times: list[float], batch: int, threads: int = 0) -> Batches:
    from decord import VideoReader, cpu

    reader = VideoReader(path, ctx=cpu(0), num_threads=threads)
    fps = SIZES[Path(path).name.split("_")[0]][2]
    numbers = [round(t * fps) for t in times]
    for start in range(0, len(numbers), batch or len(numbers)):
        yield reader.get_batch(numbers[start : start + (batch or len(numbers))]).asnumpy()


def pyav_everything(path: str, times: list[float], batch: int) -> Batches:
    """Decode every frame, one thread, and convert none: what no reader that decodes everything can go below."""
    import av

    with av.open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for _ in container.decode(stream):
            pass
    yield np.zeros((0,), np.uint8)


READERS: dict[str, Callable[..., Batches]] = {"ours": ours, "decord": decord, "full decode": pyav_everything}


def peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def child(job: dict[str, Any]) -> None:
    import medvidbench.video.indexing  # noqa: F401

    __import__("decord" if job["reader"] == "decord" else "av")
    before, cpu, wall = peak_mb(), time.process_time(), time.perf_counter()
    total = 0
    for frames in READERS[job["reader"]](job["path"], job["times"], job["batch"]):
        total += int(frames[..., :4, 0].astype(np.int64).sum()) if frames.size else 0
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(json.dumps({"cpu": cpu, "wall": wall, "mb": peak_mb() - before, "sum": total}))


# --- the tables ------------------------------------------------------------------------------------


def measure(jobs: list[dict[str, Any]], repeats: int) -> list[dict[str, float]]:
    runs: list[list[dict[str, float]]] = [[] for _ in jobs]
    for _ in range(repeats):
        for job, results in zip(jobs, runs, strict=True):
            done = subprocess.run(
                [sys.executable, __file__, "--child", json.dumps(job)], capture_output=True, check=True, text=True
            )
            results.append(json.loads(done.stdout))
    sums = {job["reader"]: {r["sum"] for r in results} for job, results in zip(jobs, runs, strict=True)}
    if len(set().union(*(found for reader, found in sums.items() if reader != "full decode"))) > 1:
        raise SystemExit(f"the readers returned different frames: {sums}")
    return [
        {k: min(r[k] for r in results) for k in ("cpu", "wall")} | {"mb": statistics.median(r["mb"] for r in results)}
        for results in runs
    ]


def row(name: str, path: Path, times: list[float], batches: tuple[int, int], repeats: int) -> None:
    """Ours and decord on one job; `batches` is the batch of each (0 is all at once)."""
    jobs = [
        {"reader": reader, "path": str(path), "times": times, "batch": batch}
        for reader, batch in zip(("ours", "decord"), batches, strict=True)
    ]
    a, b = measure(jobs, repeats)
    costs = [f"{r['wall']:.2f} / {r['cpu']:.2f} / {r['mb']:.0f}" for r in (a, b)]
    ratios = [f"{b[key] / a[key]:.2f}" for key in ("cpu", "wall", "mb")]
    print(f"| {' | '.join([name, *costs, *ratios])} |", flush=True)


HEAD = (
    "| job | ours: wall s / CPU s / MB | decord: wall s / CPU s / MB | CPU ratio | wall ratio | memory ratio |\n"
    "|---|---|---|---|---|---|"
)


def minute(repeats: int) -> None:
    print(f"\n60 frames at 1/s from a minute\n\n{HEAD}")
    times = [float(t) for t in range(SECONDS)]
    for size in SIZES:
        for gop in (250, 30):
            path = video_file(size, gop, SECONDS)
            row(f"{size} GOP {gop}, all", path, times, (0, 0), repeats)
            row(f"{size} GOP {gop}, ours by 8, decord all", path, times, (8, 0), repeats)
            row(f"{size} GOP {gop}, both by 8", path, times, (8, 8), repeats)


def random_frames(repeats: int) -> None:
    print(f"\n8 random frames of a minute\n\n{HEAD}")
    for size in SIZES:
        for gop in (250, 30):
            path = video_file(size, gop, SECONDS)
            numbers = np.sort(np.random.default_rng(gop).choice(SIZES[size][2] * SECONDS, 8, replace=False))
            times = [float(n / SIZES[size][2]) for n in numbers]
            row(f"{size} GOP {gop}", path, times, (0, 0), repeats)


def whole(repeats: int) -> None:
    path = repeated(video_file("480p", 250, SECONDS), MINUTES_OF_WHOLE)
    times = [float(t) for t in range(SECONDS * MINUTES_OF_WHOLE)]
    print(f"\nA whole video ({MINUTES_OF_WHOLE} min of 480p, GOP 250) at 1 frame/s\n\n{HEAD}")
    row("600 frames, both by 32", path, times, (32, 32), repeats)
    mine = {"reader": "ours", "path": str(path), "times": times, "batch": 32}
    everything = {"reader": "full decode", "path": str(path), "times": [], "batch": 0}
    a, b = measure([mine, everything], repeats)
    print(f"\nOurs {a['cpu']:.2f} CPU s; decoding every frame with PyAV, one thread: {b['cpu']:.2f} CPU s", end="")
    if shutil.which("ffmpeg"):
        floor = min(ffmpeg_null(path) for _ in range(repeats))
        print(f"; `ffmpeg -threads 1 -f null`: {floor:.2f} CPU s (ours is {a['cpu'] / floor:.2f} of it)", end="")
    print(f". Ours is {a['cpu'] / b['cpu']:.2f} of the full decode.", flush=True)


def ffmpeg_null(path: Path) -> float:
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(path), "-f", "null", "-"]
    process = subprocess.Popen(command)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("ffmpeg failed")
    return usage.ru_utime + usage.ru_stime


def clip(job: tuple[str, str, int]) -> int:
    reader, path, threads = job
    times = [float(t) for t in range(SECONDS)]
    batches = ours(path, times, 0) if reader == "ours" else decord(path, times, 0, threads)
    return sum(len(frames) for frames in batches)


def cores(repeats: int) -> None:
    """Frames per second of `CLIPS` clips of 480p, GOP 250, at 1 frame/s; processes are started before the clock is."""
    ways = {
        "ours, 2 processes": ("ours", 1, 2),
        "decord as normally used (1 process, its own threads)": ("decord", 0, 1),
        "decord, 2 processes, its own threads": ("decord", 0, 2),
        "decord, 2 processes, 1 thread each": ("decord", 1, 2),
    }
    best = dict.fromkeys(ways, 0.0)
    source = video_file("480p", 250, SECONDS)
    with tempfile.TemporaryDirectory() as folder:
        # copies with times of their own: no reader profits from having seen the file
        clips = [shutil.copy(source, Path(folder) / f"480p_{i}.mp4") for i in range(CLIPS)]
        for _ in range(repeats):
            for name, (reader, threads, processes) in ways.items():
                context = multiprocessing.get_context("forkserver")
                with ProcessPoolExecutor(processes, mp_context=context) as pool:
                    list(pool.map(time.sleep, [0.5] * processes))
                    list(pool.map(clip, [(reader, str(clips[0]), threads)] * processes))
                    for file in clips:
                        os.utime(file)
                    start = time.perf_counter()
                    frames = sum(pool.map(clip, [(reader, str(file), threads) for file in clips]))
                    best[name] = max(best[name], frames / (time.perf_counter() - start))
    mine, normal, *others = best.values()
    print(f"\nTwo cores, {CLIPS} clips of 60 frames, frames/s\n\n| | frames/s |\n|---|---|")
    print("\n".join(f"| {name} | {rate:.1f} |" for name, rate in best.items()))
    print(f"\n{mine / normal:.2f} times decord as normally used, {mine / max(normal, *others):.2f} times its best.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", default="minute,random,whole,cores")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(json.loads(args.child))
        return
    parts = {"minute": minute, "random": random_frames, "whole": whole, "cores": cores}
    for name in args.only.split(","):
        parts[name](args.repeats)


if __name__ == "__main__":
    main()
