"""How many frames does each reader get right? Bar-coded files of every container variant, 203 random requests each.

    python benchmarks/readers.py [--requests 203] [--readers pyav,decord,opencv,opencv-grab,torchcodec]

Each reader is used as its users use it: decord by `get_batch`, OpenCV by setting `POS_FRAMES` ("opencv") and by
counting from the start ("opencv-grab"), torchcodec by `get_frames_at` in exact mode. Ours ("pyav") is asked by time,
the others by frame number. Truth is how the files were made (`tests/video/containers.py`). A cell is right / asked and,
where frames are wrong, how far off the worst is. Readers run in workers: some hang or crash.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "video"))
import containers

from medvidbench.video import other_readers
from medvidbench.video.decode import read_frames
from medvidbench.video.workers import Outcome, run_jobs

BY_NUMBER: dict[str, other_readers.ByNumber] = {
    "decord": other_readers.decord_frames,
    "opencv": other_readers.opencv_seek_frames,
    "opencv-grab": other_readers.opencv_grab_frames,
    "torchcodec": other_readers.torchcodec_frames,
}
Job = tuple[str, containers.Variant, tuple[int, ...]]


def numbers_read(job: Job) -> list[int]:
    """The numbers on the frames that a reader returns."""
    reader, variant, places = job
    if reader == "pyav":
        frames = read_frames(variant.path, [variant.times[i] for i in places]).frames
    else:
        frames = BY_NUMBER[reader](variant.path, places)
    return [containers.number_of(frame) for frame in frames]


def cell(outcome: Outcome[Job, list[int]]) -> str:
    """ "203", "28, worst 101 frames", or why there are no frames."""
    _, variant, places = outcome.job
    if outcome.value is None:
        what = "" if outcome.finding is None else outcome.finding.what
        return "not installed" if "not installed" in what else f"raises: {what.splitlines()[0][:60]}"
    wrong = [abs(got - variant.shown[i]) for got, i in zip(outcome.value, places, strict=True)]
    right = wrong.count(0)
    return str(right) if right == len(places) else f"**{right}**, worst {max(wrong)} frames"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=203)
    parser.add_argument("--readers", default="pyav,decord,opencv,opencv-grab,torchcodec")
    args = parser.parse_args()
    readers = args.readers.split(",")
    with tempfile.TemporaryDirectory() as folder:
        jobs: list[Job] = []
        for variant in containers.make_all(Path(folder)):
            rng = np.random.default_rng(zlib.crc32(variant.name.encode()))
            places = tuple(rng.integers(0, len(variant.shown), args.requests).tolist())
            jobs += [(reader, variant, places) for reader in readers]
        outcomes = run_jobs(numbers_read, jobs, workers=1, deadline=120, file_of=lambda job: str(job[1].path))
        print(f"right / {args.requests}\n\n| file | {' | '.join(readers)} |\n|---|{'---|' * len(readers)}")
        cells: list[str] = []
        for outcome in outcomes:
            cells.append(cell(outcome))
            if len(cells) == len(readers):
                print(f"| {outcome.job[1].name} | {' | '.join(cells)} |", flush=True)
                cells = []


if __name__ == "__main__":
    main()
