"""`eval` against real models: a server process with the OpenAI protocol, and a Qwen2.5-VL with random weights."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "models"))

from openai_server import running_server

from medvidbench.benchmark import Benchmark
from medvidbench.commands.evaluate import evaluate
from medvidbench.evaluation.evaluate import EvalOptions
from medvidbench.evaluation.results import read_results

ALL = {"TAG", "STG", "DVC", "VS", "RC", "NAP", "SA", "CVS"}


def command(model: str, data: Path, out: Path, *options: str) -> list[str]:
    asked = ["eval", "--model", model, "--data", str(data), "--out", str(out), "--workers", "1"]
    return [sys.executable, "-m", "medvidbench", *asked, *options]


def run(*parts: str) -> str:
    done = subprocess.run(parts, capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"}, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def test_a_server_is_asked_all_eight_tasks_with_a_time_before_each_frame(eight_tasks: Path, tmp_path: Path) -> None:
    # the server answers with what it was told: how many pictures, and the text
    spy = tmp_path / "spy.py"
    spy.write_text(SPY.format(folder=str(tmp_path / "bodies")), encoding="utf-8")
    (tmp_path / "bodies").mkdir()
    with running_server(tmp_path, models="spy", reply=spy) as server:
        told = run(*command(f"openai:spy@{server.url}", eight_tasks, tmp_path / "run", "--limit", "30"))
        sent = len(server.requests())
        run(*command(f"openai:spy@{server.url}", eight_tasks, tmp_path / "run", "--limit", "30"))
        assert len(server.requests()) == sent > 20  # two rows that ask the same are one call
    assert "time axis proven" in told
    results = read_results(tmp_path / "run")
    assert results.run["time_axis"]["passed"] is True
    known = {s.question: s for s in Benchmark.open(eight_tasks).samples(split="test")}
    tasks = set()
    for file in (tmp_path / "bodies").iterdir():
        body = json.loads(file.read_text(encoding="utf-8"))
        sample, times, pictures = read_body(body, known)
        tasks.add(sample.task)
        # each frame's own time, at most half a sampling step from what was planned
        assert times == pytest.approx(sample.frame_times, abs=0.5 / sample.fps)
        assert len(pictures) == len(sample.frame_times)
        assert body["temperature"] == 0
    assert tasks == ALL


SPY = """
import hashlib, json
from pathlib import Path

def reply(body):
    text = json.dumps(body)
    Path({folder!r}, hashlib.sha256(text.encode()).hexdigest()).write_text(text)
    return "1.0-3.0 seconds."
"""


def read_body(body: dict, known: dict):
    """The sample that a request is about, the seconds before its pictures, and the pictures, read by own code."""
    from PIL import Image

    parts = body["messages"][-1]["content"]
    text = "".join(part.get("text", "") for part in parts)
    sample = next(s for question, s in known.items() if question in text)
    times, pictures = [], []
    for before, part in pairwise(parts):
        if part["type"] == "image_url":
            times.append(float(re.findall(r"<(\d+(?:\.\d+)?) seconds>\s*$", before["text"])[0]))
            data = part["image_url"]["url"].partition("base64,")[2]
            pictures.append(Image.open(io.BytesIO(base64.b64decode(data))).size)
    return sample, times, pictures


def test_every_way_to_fail_is_a_reason_and_never_a_number(eight_tasks: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    faults = "429:0.1:2,500:0.1:2,half:0.1:2,json:0.05:2,drop:0.05:2,refusal:0.15,empty:0.15,null:0.1"
    with running_server(tmp_path, models="m", faults=faults, seed=5, retry_after="0") as server:
        run(*command(f"openai:m@{server.url}", eight_tasks, tmp_path / "run", "--timeout", "3"))
    rows = pq.read_table(tmp_path / "run" / "results.rows.parquet").to_pylist()
    answers = {a["sample_id"]: a for a in map(json.loads, (tmp_path / "run" / "answers.jsonl").open(encoding="utf-8"))}
    failed = {sample_id for sample_id, a in answers.items() if a["text"] is None}
    assert len(failed) > 5
    assert all(answers[sample_id]["error"] for sample_id in failed)
    of_failed = [row for row in rows if row["sample_id"] in failed]
    assert len(of_failed) >= len(failed)
    for row in of_failed:
        assert row["status"] == "unscored"
        assert row["reason"]
        assert not [n for n in row["numbers"] or () if n["value"] is not None]


def test_a_run_killed_again_and_again_repeats_no_call_and_ends_the_same(eight_tasks: Path, tmp_path: Path) -> None:
    with running_server(tmp_path, models="m", latency_ms=250, reply="echo") as server:
        parts = command(f"openai:m@{server.url}", eight_tasks, tmp_path / "run", "--concurrency", "2")
        killed = 0
        for seconds in (2.5, 3.5, 4.5):
            silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            process = subprocess.Popen(parts, start_new_session=True, **silent)
            time.sleep(seconds)
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                killed += 1
            process.wait()
        run(*parts)
        served = Counter(row["body"] for row in server.requests())
        run(*command(f"openai:m@{server.url}", eight_tasks, tmp_path / "calm", "--concurrency", "2"))
        calm = [row["body"] for row in server.requests()][served.total() :]
    assert killed
    # two rows that ask the same of the same frames (two reference captions) are one call
    assert len(calm) == len(set(calm)) < len(Benchmark.open(eight_tasks).samples(split="test"))
    assert served.keys() == set(calm)
    # a kill costs at most the calls in flight, whose replies were never received
    assert served.total() <= len(calm) + 2 * killed
    for name in ("answers.jsonl", "results.rows.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()
    ours, undisturbed = ((tmp_path / name / "results.json").read_text(encoding="utf-8") for name in ("run", "calm"))
    assert ours.replace(str(tmp_path / "run"), "X") == undisturbed.replace(str(tmp_path / "calm"), "X")


def test_a_qwen_with_random_weights_answers_all_eight_tasks(eight_tasks: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="the extra [hf] is not installed")
    from medvidbench.models.tiny import build_tiny_qwen

    model = build_tiny_qwen(tmp_path / "tiny")
    options = ("--limit", "30", "--max-tokens", "8", "--frames", "6", "--pixels", "12544")
    told = run(*command(f"hf:{model}", eight_tasks, tmp_path / "run", *options))
    assert "time axis proven" in told
    results = read_results(tmp_path / "run")
    assert results.run["time_axis"]["passed"] is True
    assert results.run["settings"]["max_new_tokens"] == 8
    answers = [json.loads(line) for line in (tmp_path / "run" / "answers.jsonl").open(encoding="utf-8")]
    known = {s.sample_id: s.task for s in Benchmark.open(eight_tasks).samples(split="test")}
    assert {known[a["sample_id"]] for a in answers if a["text"] is not None} == ALL
    blind = run(*command(f"blind:question-only=hf:{model}", eight_tasks, tmp_path / "blind", *options))
    assert "blind:question-only=hf:" in blind


def test_a_limit_holds_for_blind_rules_too(eight_tasks: Path, tmp_path: Path) -> None:
    evaluate("blind:constant", eight_tasks, tmp_path / "run", EvalOptions(protocol="strict", limit=9))
    assert len((tmp_path / "run" / "answers.jsonl").read_text().splitlines()) == 9
