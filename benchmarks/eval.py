"""What `eval` costs beside the model: calls against a local server, and a local model with and without prefetch.

    python benchmarks/eval.py            # both; --server or --local for one

Server: 2,000 questions with 16 frames each, 200 ms a call, concurrency 64: the ideal is 2000 * 0.2 / 64 = 6.25 s. The
server shares the cores. Shown for the first run, which decodes, resizes and encodes 32,000 frames, and for a second
model on the same frames, which reads them from the cache: the harness's own part.

Local: a Qwen2.5-VL with random weights, the share of the wall time that the model computes, with frames decoded ahead
in worker processes and one after the other. Recordings are simulated (SYNTHETIC).
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "models"))

QUESTIONS, FRAMES, LATENCY, CONCURRENCY = 2000, 16, 0.2, 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--local", action="store_true")
    parser.add_argument("--questions", type=int, default=QUESTIONS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.server or not given.local:
            server(Path(folder), given.questions)
        if given.local or not given.server:
            local(Path(folder))


def frame_benchmark(folder: Path, questions: int) -> Path:
    """Questions on frame files of 320 x 240, 16 a question, each question with frames of its own."""
    import numpy as np
    from PIL import Image

    from medvidbench.benchmark import write_benchmark
    from medvidbench.records import Sample, Span, Spans, make_sample_id

    raw = folder / "raw"
    raw.mkdir()
    rng = np.random.default_rng(0)
    base = np.kron(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    for k in range(512):
        Image.fromarray(np.roll(base, 3 * k, axis=1)).save(raw / f"{k:05d}.jpg", quality=90)
    samples = []
    for n in range(questions):
        paths = tuple(f"{(7 * n + k) % 512:05d}.jpg" for k in range(FRAMES))
        text = f"When does action {n} happen?"
        sample_id = make_sample_id("CholecT50", f"V{n // 50}", n, n + 16, 1.0, "tal", text)
        truth = Spans((Span(1.0, 3.0),))
        samples.append(
            Sample(
                sample_id, f"V&&{n}&&{n + 16}&&1.0", "CholecT50", f"V{n // 50}", f"V{n // 50}", "test", "TAG", "tal",
                float(n), float(n + 16), "input_video_frame", 1.0, 16.0, 320, 240, paths,
                tuple(map(float, range(FRAMES))), text, "action", (), None, "1.0-3.0 seconds.", truth, "annotations",
            )
        )  # fmt: skip
    source = {
        "key": "cholect50", "name": "CholecT50", "root": str(raw), "digest": "", "recordings": questions // 50,
        "synthetic": True, "licence": "none", "licence_url": "", "citation": "", "homepage": "",
    }  # fmt: skip
    fields = {
        "medvidbench": "0", "seed": 0, "synthetic": True, "sources": [source], "groups": {"train": [], "test": []},
        "notes": [], "findings": 0,
    }  # fmt: skip
    write_benchmark(folder / "bench", samples, [], fields, lambda manifest: "benchmark of a benchmark\n")
    return folder / "bench"


def server(folder: Path, questions: int) -> None:
    from openai_server import running_server

    from medvidbench.evaluation.evaluate import EvalOptions, evaluate
    from medvidbench.models.call_settings import CallSettings
    from medvidbench.models.registry import ModelOptions, video_model

    bench = frame_benchmark(folder, questions)
    ideal = questions * LATENCY / CONCURRENCY
    options = EvalOptions(protocol="strict", frame_cache=folder / "cache")
    print(f"{questions} questions, {FRAMES} frames each, {LATENCY:g} s, {CONCURRENCY} at once: ideal {ideal:.2f} s")
    short = folder / "short.py"
    short.write_text("def reply(body):\n    return '1.0-3.0 seconds.'\n", encoding="utf-8")
    with running_server(folder, models="a,b", latency_ms=LATENCY * 1000, reply=short) as running:
        for name, what in (
            ("a", "first model: decodes, resizes, encodes"),
            ("b", "second model: frames from the cache"),
        ):
            sending = CallSettings(concurrency=CONCURRENCY)
            how = ModelOptions(cache=folder / f"calls-{name}", sending=sending)
            with video_model(f"openai:{name}@{running.url}", options.settings, how) as model:
                cpu = time.process_time()
                done = evaluate(model, bench, folder / f"run-{name}", options)
            seconds = done.progress.seconds
            used = time.process_time() - cpu
            print(f"{what:40s} {seconds:6.2f} s = {seconds / ideal:.3f} of ideal, {used:.1f} CPU s in the main process")
        seconds, used = bare(running.url, bench, folder)
        text = "the same bodies by the bare client library"
        print(f"{text:40s} {seconds:6.2f} s = {seconds / ideal:.3f} of ideal, {used:.1f} CPU s")
        before = time.monotonic()
        how = ModelOptions(cache=folder / "calls-b", sending=CallSettings(concurrency=CONCURRENCY))
        with video_model(f"openai:b@{running.url}", options.settings, how) as model:
            evaluate(model, bench, folder / "run-b", options)
        print(f"rerun: {time.monotonic() - before:.2f} s, 0 calls")


def bare(url: str, bench: Path, folder: Path) -> tuple[float, float]:
    """Wall and CPU seconds of the client library alone, sending the same bodies, made beforehand."""
    import asyncio

    from openai import AsyncOpenAI

    from medvidbench.evaluation.asking import Asker
    from medvidbench.evaluation.clips import load_clip
    from medvidbench.evaluation.evaluate import EvalOptions, chosen_data, shown_in
    from medvidbench.models.registry import ModelOptions, video_model

    options = EvalOptions(protocol="strict", frame_cache=folder / "cache")
    truth, opened = chosen_data(bench, options)
    shown, asker = shown_in(opened, options), Asker(options.settings)
    model = video_model(f"openai:a@{url}", options.settings, ModelOptions(cache=folder / "calls-bare"))
    questions = (asker.question(s, load_clip(job_of(s, shown, options.settings, model))) for s in truth.samples)
    bodies = [model.prepare(question).body for question in questions]

    async def send() -> None:
        client = AsyncOpenAI(base_url=url, api_key="none", max_retries=0)
        gate = asyncio.Semaphore(CONCURRENCY)

        async def one(body: Any) -> None:
            async with gate:
                await client.chat.completions.create(**body)

        await asyncio.gather(*map(one, bodies))

    start, cpu = time.monotonic(), time.process_time()
    asyncio.run(send())
    return time.monotonic() - start, time.process_time() - cpu


class Timed:
    """A local model that notes how long it computes."""

    def __init__(self, model: Any) -> None:
        self.model, self.busy = model, 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def answer_videos(self, questions: Iterable[Any]) -> Iterator[Any]:
        for question in questions:
            start = time.monotonic()
            reply = next(self.model.answer_videos([question]))
            self.busy += time.monotonic() - start
            yield reply


def local(folder: Path) -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    import torch

    torch.set_num_threads(1)
    from medvidbench.curation.build import build
    from medvidbench.curation.settings import BuildSettings
    from medvidbench.curation.validate import ValidationSettings
    from medvidbench.evaluation.answers import AnswerFile
    from medvidbench.evaluation.asking import Asker
    from medvidbench.evaluation.clips import load_clip
    from medvidbench.evaluation.evaluate import EvalOptions, chosen_data, shown_in
    from medvidbench.evaluation.runner import run_shard
    from medvidbench.models.registry import video_model
    from medvidbench.models.settings import EvalSettings
    from medvidbench.models.tiny import build_tiny_qwen
    from medvidbench.synthetic.layouts import write_layout

    write_layout("nurvid", folder / "nurvid", recordings=24, seconds=60, seed=1)
    quick = BuildSettings(tasks=("TAG", "NAP"), test_share=1.0, validation=ValidationSettings(method="ngram"))
    build([("nurvid", folder / "nurvid")], folder / "videos", quick)
    checkpoint = build_tiny_qwen(folder / "tiny", layers=2, width=256)
    settings = EvalSettings(max_new_tokens=20)
    options = EvalOptions(settings=settings, workers=1, limit=160)
    truth, bench = chosen_data(folder / "videos", options)
    model = video_model(f"hf:{checkpoint}", settings)
    shown = replace(shown_in(bench, options), store=None)
    asker = Asker(settings)
    next(
        model.answer_videos(
            [asker.question(truth.samples[0], load_clip(job_of(truth.samples[0], shown, settings, model)))]
        )
    )
    timed = Timed(model)
    with AnswerFile(folder / "ahead", 0, 1) as answers:
        progress = run_shard(truth.samples, timed, asker, shown, answers, model.shrink)
    ahead = timed.busy / progress.seconds
    start = time.monotonic()
    timed = Timed(model)
    ordered = sorted(truth.samples, key=lambda s: (s.recording_id, s.clip_offset))
    serial = (asker.question(s, load_clip(job_of(s, shown, settings, model))) for s in ordered)
    for _ in timed.answer_videos(serial):
        pass
    wall = time.monotonic() - start
    print(
        f"local model, {len(truth.samples)} questions: computing for {ahead:.2f} of the time with frames decoded ahead"
    )
    waited = f"{progress.seconds:.1f} s, waited {progress.waiting:.1f} s"
    print(f"  ({waited}), {timed.busy / wall:.2f} one after the other ({wall:.1f} s)")


def job_of(sample: Any, shown: Any, settings: Any, model: Any) -> Any:
    from medvidbench.evaluation.clips import clip_job

    return clip_job(sample, shown.place(sample), shown.store, settings, model.shrink)


if __name__ == "__main__":
    main()
