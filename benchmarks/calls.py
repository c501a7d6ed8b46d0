"""The call engine against a local server process: wall time over the ideal, CPU time a call, and a cached rerun.

    python benchmarks/calls.py [--calls 5000] [--concurrency 64] [--latency-ms 200] [--pictures 4] [--bare]

Ideal: calls * latency / concurrency. The clock starts before the client library is imported and the connections are
made. Client and server share the machine's cores, so both sides' CPU seconds are told. `--bare` also
sends the text calls through the client library alone (no cache, ledger, budget or retry), which is what a busy machine
allows at best.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "models"))

from openai_server import Running, running_server

from medvidbench.models.calls import CallCache, Caller, CallSettings, parse_model
from medvidbench.models.messages import Call, ImagePart, Message, TextPart
from medvidbench.models.openai_wire import request_body

PROMPT = "Describe what the operator does in these frames, with instruments, structures and actions. " * 12


def picture_files(folder: Path, count: int = 64) -> list[ImagePart]:
    """Noisy 224 x 160 JPEG files, about 10 kB each."""
    from PIL import Image

    rng = random.Random(0)
    parts = []
    for i in range(count):
        small = Image.frombytes("RGB", (56, 40), rng.randbytes(56 * 40 * 3))
        stream = io.BytesIO()
        small.resize((224, 160)).save(stream, "JPEG", quality=85)
        path = folder / f"{i}.jpg"
        path.write_bytes(stream.getvalue())
        digest = hashlib.sha256(stream.getvalue()).hexdigest()
        parts.append(ImagePart(digest, str(path), width=224, height=160))
    return parts


def caption_calls(count: int, pictures: list[ImagePart], per_call: int) -> Iterator[Call]:
    """Calls with a 1 kB prompt and some of the pictures."""
    for i in range(count):
        shown = [pictures[(i + k * 7) % len(pictures)] for k in range(per_call)]
        parts = (TextPart(f"Clip {i}. {PROMPT}"), *shown)
        yield Call(str(i), "test-model", (Message("user", parts),), {"max_tokens": 200, "temperature": 0})


def cpu_seconds(server: Running) -> float:
    """User and system time of the server process so far."""
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def timed(server: Running, folder: Path, calls: Iterator[Call], concurrency: int) -> tuple[float, float, int, int]:
    """Wall and own CPU seconds, replies with a text, requests sent."""
    start, cpu = time.perf_counter(), time.process_time()
    _, endpoint = parse_model(f"openai:test-model@{server.url}")
    with CallCache(folder) as cache:
        caller = Caller(endpoint, cache, CallSettings(concurrency=concurrency))
        texts = sum(reply.text is not None for reply in caller.run(calls))
        sent = caller.stats.sent
    return time.perf_counter() - start, time.process_time() - cpu, texts, sent


async def send_bare(url: str, bodies: Iterator[dict[str, Any]], concurrency: int) -> None:
    """The client library alone, with so many workers."""
    from openai import AsyncOpenAI

    async def work(client: AsyncOpenAI) -> None:
        for body in bodies:
            await client.chat.completions.create(**body)

    async with AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as client:
        await asyncio.gather(*(work(client) for _ in range(concurrency)))


def measure_bare(given: argparse.Namespace) -> None:
    """The text calls without the engine."""
    ideal = given.calls * given.latency_ms / 1000 / given.concurrency
    with tempfile.TemporaryDirectory() as name, running_server(Path(name), latency_ms=given.latency_ms) as server:
        start, cpu = time.perf_counter(), time.process_time()
        bodies = (request_body(call) for call in caption_calls(given.calls, [], 0))
        asyncio.run(send_bare(server.url, bodies, given.concurrency))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(
        f"{'bare client':<18} {wall:7.2f} s   ideal {ideal:6.2f} s   ratio {wall / ideal:5.3f}   "
        f"CPU s: client {cpu:5.2f}"
    )


def measure(given: argparse.Namespace, pictures_per_call: int) -> None:
    """One mode: a first run and a cached rerun."""
    ideal = given.calls * given.latency_ms / 1000 / given.concurrency
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reply_file = folder / "reply.py"
        reply_file.write_text(f"def reply(request):\n    return {'The grasper retracts the gallbladder. ' * 8!r}\n")
        pictures = picture_files(folder)
        with running_server(folder, latency_ms=given.latency_ms, reply=reply_file) as server:
            calls = caption_calls(given.calls, pictures, pictures_per_call)
            wall, cpu, texts, sent = timed(server, folder / "cache", calls, given.concurrency)
            server_cpu = cpu_seconds(server)
            assert (texts, sent, len(server.requests())) == (given.calls,) * 3
            calls = caption_calls(given.calls, pictures, pictures_per_call)
            again, _, texts, sent = timed(server, folder / "cache", calls, given.concurrency)
            assert (texts, sent, len(server.requests())) == (given.calls, 0, given.calls)
    what = f"{pictures_per_call} pictures a call" if pictures_per_call else "text only"
    print(
        f"{what:<18} {wall:7.2f} s   ideal {ideal:6.2f} s   ratio {wall / ideal:5.3f}   "
        f"CPU s: client {cpu:5.2f}, server {server_cpu:5.2f}   rerun {again:5.2f} s, 0 calls"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--concurrency", type=int, default=64)
    parser.add_argument("--latency-ms", type=float, default=200.0)
    parser.add_argument("--pictures", type=int, default=4, help="of the second mode; 0 leaves it out")
    parser.add_argument("--bare", action="store_true", help="the client library alone as well")
    given = parser.parse_args()
    if given.bare:
        measure_bare(given)
    measure(given, 0)
    if given.pictures:
        measure(given, given.pictures)


if __name__ == "__main__":
    main()
