"""Speed and size of the report page: 6,245 rows of simulated recordings, answered by a blind model.

    python benchmarks/report.py              # about a minute; needs chromium and playwright for the browser's part
    python benchmarks/report.py --keep page.html

Built in how many seconds and megabytes (as its own process, reading and joining included), painted after how many
milliseconds, and each filter's time from the change until the list stands, as the browser's own clock has them.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from rows import BOARD

from medvidbench.benchmark import write_benchmark
from medvidbench.evaluation.data import load_data
from medvidbench.evaluation.score_file import score_answers
from medvidbench.models.base import question_only
from medvidbench.models.blind import blind_model
from medvidbench.records import Answer, Recording, Sample, Segment, TimedBox, Track, make_sample_id
from medvidbench.synthetic.simulate import simulate
from medvidbench.synthetic.truth import Scene, World
from medvidbench.tasks.registry import TASKS, task_of

RECORDINGS, SECONDS = 20, 240
SOURCES: dict[World, str] = {
    "cholecystectomy": "CholecT50",
    "esd": "CoPESD",
    "open": "AVOS",
    "benchtop": "JIGSAWS",
    "nursing": "NurViD",
}
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
TARGETS = "targets: 20 s, 15 MB, 1,000 ms to first paint, 100 ms a filter"


def recording(world: World, number: int) -> Recording:
    """A simulated recording as a source would hand it out, without pictures."""
    scene: Scene = simulate(world, number, SECONDS, seed=0)
    segments = [Segment(p.start, p.end, p.label, "phase") for p in scene.phases]
    segments += [Segment(a.start, a.end, a.label, "action") for a in scene.actions]
    tracks = [Track(str(t.visit), t.label, tuple(TimedBox(s.time, s.box) for s in t.sightings)) for t in scene.objects]
    labels = {kind: tuple(sorted({s.label for s in segments if s.kind == kind})) for kind in ("phase", "action")}
    name = f"{world}{number:03d}"
    return Recording(
        SOURCES[world], name, f"{world}/{scene.group}", float(scene.seconds), scene.fps, scene.width, scene.height,
        video=f"{name}.mp4", segments=tuple(segments), tracks=tuple(tracks), rated=scene.critical_view,
        labels=tuple(labels.items()), procedure=scene.procedure,
    )  # fmt: skip


def board_samples() -> list[Sample]:
    """6,245 questions in the public board's proportions; where too few were simulated they are asked again."""
    asked: dict[str, list[Sample]] = defaultdict(list)
    for world in SOURCES:
        for number in range(RECORDINGS):
            made = recording(world, number)
            for name, task in TASKS.items():
                asked[name] += task.ask(made, 0)
    asked["SA"] = [_skill(s, k) for k, s in enumerate(asked["CVS"])]  # skill is rated on whole trials: too few of them
    found: list[Sample] = []
    for qa_type, count in BOARD.items():
        pool = asked[task_of(qa_type)]
        found += [_again(pool[k % len(pool)], k // len(pool), qa_type) for k in range(count)]
    return found


def _skill(sample: Sample, k: int) -> Sample:
    from medvidbench.records import Rating, Ratings

    aspects = TASKS["SA"].aspects  # type: ignore[attr-defined]
    truth = Ratings(tuple(Rating(aspect, 1 + (k + i) % 5) for i, aspect in enumerate(aspects)))
    return replace(sample, task="SA", choices=aspects, truth=truth, answer=TASKS["SA"].write(truth))


def _again(sample: Sample, round_: int, qa_type: str) -> Sample:
    question = sample.question if not round_ else f"{sample.question} (Asked once more, {round_}.)"
    bounds = sample.clip_start, sample.clip_end, sample.fps
    new = make_sample_id(sample.source, sample.recording_id, *bounds, qa_type, question)
    return replace(sample, sample_id=new, qa_type=qa_type, question=question, split="test")


def noisy(answer: Answer, rng: random.Random) -> Answer:
    """Now and then a failed call, or an answer with thoughts before it, as models write them."""
    draw = rng.random()
    if draw < 0.01:
        return Answer(answer.sample_id, answer.model, None, "timeout after 60 s")
    if draw < 0.5:
        thoughts = " ".join(rng.choices(("the", "hook", "moves", "towards", "liver", "and", "then", "stops"), k=80))
        return replace(answer, text=f"<think>{thoughts}</think>\n{answer.text}")
    return answer


def prepare(folder: Path) -> int:
    """Write benchmark and results; the number of rows."""
    write_benchmark(folder / "bench", board_samples(), [], {"sources": [], "synthetic": True}, lambda m: "")
    data, rng = load_data(folder / "bench"), random.Random(0)
    for name, kind in (("model", "random"), ("blind", "constant")):
        blind = blind_model(kind).answer([question_only(s) for s in data.samples])
        answers: list[Answer | None] = [noisy(a, rng) if name == "model" else a for a in blind]
        used = {"path": "answers.jsonl", "sha256": "", "joined_by": "sample_id"}
        score_answers(data, answers, "both", f"{name}:{kind}", used).write(folder / name / "results.json")
    return len(data.samples)


def built(folder: Path, page: Path) -> tuple[float, float]:
    """(wall seconds, CPU seconds) of the command as its own process."""
    code = "import sys; from pathlib import Path; from medvidbench.commands.report import run; "
    code += "run(Path(sys.argv[1]), Path(sys.argv[3]), blind=[Path(sys.argv[2])])"
    started = time.perf_counter()
    child = subprocess.Popen([sys.executable, "-c", code, str(folder / "model"), str(folder / "blind"), str(page)])
    _, status, usage = os.wait4(child.pid, 0)
    if status:
        raise SystemExit("the report was not built")
    return time.perf_counter() - started, usage.ru_utime + usage.ru_stime


FILTERS: tuple[tuple[str, dict[str, str]], ...] = (
    ("task", {"task": "STG"}),
    ("source", {"task": "", "source": "CholecT50"}),
    ("wrong", {"source": "", "state": "wrong"}),
    ("lowest first", {"state": "", "sort": "lowest"}),
    ("rare word", {"sort": "", "q": "timeout"}),
    ("common word", {"q": "seconds"}),
    ("two words", {"q": "hook liver"}),
    ("none left", {"q": "zzzz"}),
    ("all again", {"q": ""}),
)


def in_browser(page: Path) -> dict[str, Any]:
    """First paint, rows ready, and the median and the worst of five runs of each filter, in ms."""
    from playwright.sync_api import sync_playwright

    found: dict[str, Any] = {}
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": 1400, "height": 900})
        tab.goto(page.as_uri() + "#samples")
        tab.wait_for_selector("html[data-ready]")
        tab.wait_for_timeout(1000)
        paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
        found["first paint"] = tab.evaluate(paint)
        found["rows ready"] = tab.evaluate("performance.getEntriesByName('rows ready')[0].startTime")
        for name, change in FILTERS:
            run = """change => { const times = []; for (let i = 0; i < 5; i++) { const at = performance.now();
                window.medvidbench.change(change); document.getElementById('list').getBoundingClientRect();
                times.push(performance.now() - at); } return times.sort((a, b) => a - b); }"""
            times = tab.evaluate(run, change)
            found[f"filter: {name}"] = times[2], times[4]
        browser.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=Path, help="leave the page there")
    keep = parser.parse_args().keep
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows, page = prepare(folder), folder / "report.html"
        wall, cpu = built(folder, page)
        print(f"{rows:,} rows; {TARGETS}")
        print(f"  built in {wall:.1f} s ({cpu:.1f} s of CPU), {page.stat().st_size / 1e6:.2f} MB without frames")
        if not Path(CHROMIUM).exists():
            raise SystemExit("no chromium here: the browser's part is left out")
        for what, ms in in_browser(page).items():
            text = f"{ms:7.1f} ms" if isinstance(ms, float | int) else f"{ms[0]:7.1f} ms, at worst {ms[1]:.1f} ms"
            print(f"  {what:24} {text}")
        if keep:
            shutil.copy(page, keep)


if __name__ == "__main__":
    main()
