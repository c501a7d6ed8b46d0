"""A server process that speaks the OpenAI protocol, with faults on order: `python openai_server.py --port 0 ...`.

For tests and benchmarks. It answers /v1/chat/completions (text and image_url data URIs), /v1/models, /v1/files and
/v1/batches, and prints `port N` when it listens. What goes wrong is decided for each attempt of each request body by
the seed alone, so that a series of faults is the same in any order of arrival:

    --faults 429:0.1,500:0.05,half:0.02       shares of attempts; FAULT:SHARE[:FIRST] goes wrong in the first FIRST
                                              attempts of a body only
    half      the headers and half of the body          json     200 with a cut-off JSON text, lengths consistent
    hang      nothing, ever                             html     200 with a web page
    drop      the connection is closed, no byte sent    empty    no choices
    refusal   message.refusal is set                    null     content is null
    filter    finish_reason content_filter              length   finish_reason length
    NNN       that status (429 with Retry-After when --retry-after is given)

Every request that was read whole leaves one JSON line in --log before it is answered: path, SHA-256 of the body, the
fault, and the tokens that the server bills for it.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import hashlib
import importlib.util
import json
import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from openai_batches import Batches  # beside this file

Reply = Callable[[dict[str, Any]], str]
UNBILLED = ("400", "401", "403", "404", "422", "429", "500", "503")
REASONS = {200: "OK", 400: "Bad Request", 401: "Unauthorized", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class Options:
    """What the command line says."""

    faults: list[tuple[str, float, int]]
    latency: float = 0.0
    retry_after: str = ""
    seed: int = 0
    api_key: str = ""
    most_at_once: int = 0
    models: tuple[str, ...] = ("test-model",)
    log: TextIO | None = None


class Service:
    """What the server knows and counts; connections share it."""

    def __init__(self, options: Options, reply: Reply) -> None:
        self.options, self.reply = options, reply
        self.attempts: Counter[str] = Counter()
        self.running = 0
        self.batches = Batches(self._complete)

    def fault(self, digest: str) -> str:
        """What goes wrong with this attempt of this body; "" for nothing."""
        attempt = self.attempts[digest] = self.attempts[digest] + 1
        draw = random.Random(f"{self.options.seed}/{digest}/{attempt}").random()
        for name, share, first in self.options.faults:
            if attempt <= first or not first:
                if draw < share:
                    return name
                draw -= share
        return ""

    def note(self, **facts: Any) -> None:
        """One line in the log, on its way to the disk before the answer is sent."""
        if self.options.log:
            self.options.log.write(json.dumps({"time": time.time(), **facts}) + "\n")
            self.options.log.flush()

    def _complete(self, request: dict[str, Any]) -> dict[str, Any]:
        return completion(request, self.reply, "")


def completion(request: dict[str, Any], reply: Reply, fault: str) -> dict[str, Any]:
    """The reply envelope; tokens: a quarter of the characters, 100 a picture, capped by the request's max_tokens."""
    message: dict[str, Any] = {"role": "assistant", "content": reply(request)}
    finish = {"filter": "content_filter", "length": "length"}.get(fault, "stop")
    if fault == "null":
        message["content"] = None
    elif fault == "refusal":
        message |= {"content": None, "refusal": "I'm sorry, I can't help with that."}
    prompt = sum(100 if p.get("type") == "image_url" else len(p.get("text", "")) // 4 + 1 for p in parts(request))
    most = request.get("max_tokens") or request.get("max_completion_tokens") or 10**9
    written = min(most, len(message["content"] or "x") // 4 + 1)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": f"{request['model']}-2026",
        "choices": [] if fault == "empty" else [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": prompt, "completion_tokens": written, "total_tokens": prompt + written},
    }


def parts(request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every content part of every message."""
    for message in request["messages"]:
        content = message["content"]
        yield from [{"type": "text", "text": content}] if isinstance(content, str) else content


def last_text(request: dict[str, Any]) -> str:
    """All text of the last user message."""
    return "\n".join(p["text"] for p in parts({"messages": request["messages"][-1:]}) if p["type"] == "text")


def pictures(request: dict[str, Any]) -> list[bytes]:
    """The bytes of every picture sent as a data URI."""
    urls = [p["image_url"]["url"] for p in parts(request) if p["type"] == "image_url"]
    return [base64.b64decode(url.partition("base64,")[2]) for url in urls]


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time; no chunked requests."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.buffer = bytearray()
        self.need = -1
        self.head: tuple[str, str, dict[str, str]] = ("", "", {})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while True:
            if self.need < 0:
                end = self.buffer.find(b"\r\n\r\n")
                if end < 0:
                    return
                self.head = read_head(bytes(self.buffer[:end]).decode("latin-1"))
                self.need = int(self.head[2].get("content-length", "0"))
                del self.buffer[: end + 4]
            if len(self.buffer) < self.need:
                return
            body = bytes(self.buffer[: self.need])
            del self.buffer[: self.need]
            self.need = -1
            self.handle(*self.head, body)

    def handle(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        service, options = self.service, self.service.options
        digest = hashlib.sha256(body).hexdigest()
        if options.api_key and headers.get("authorization") != f"Bearer {options.api_key}":
            service.note(path=path, body=digest, fault="401", billed=[0, 0])
            self.send(401, problem(f"Incorrect API key provided: {headers.get('authorization', '')}"))
        elif path.endswith("/chat/completions"):
            self.chat(path, digest, body)
        elif path.rstrip("/").endswith("/models"):
            rows = [{"id": name, "object": "model", "created": 0, "owned_by": "test"} for name in options.models]
            self.send(200, {"object": "list", "data": rows})
        else:
            service.note(path=path, method=method, body=digest, fault="", billed=[0, 0])
            status, answer = service.batches.handle(method, path, headers, body)
            self.send(status, answer)

    def chat(self, path: str, digest: str, body: bytes) -> None:
        service, options = self.service, self.service.options
        crowded = options.most_at_once and service.running >= options.most_at_once
        fault = "429" if crowded else service.fault(digest)
        request = json.loads(body)
        answer = problem(f"fault {fault}", fault)
        billed = [0, 0]
        if not fault.isdigit():
            answer = completion(request, service.reply, fault)
            billed = [answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]]
        service.note(path=path, body=digest, fault=fault, billed=billed, running=service.running + 1)
        if fault == "hang":
            return
        service.running += 1
        asyncio.get_running_loop().call_later(options.latency, self.finish, fault, answer)

    def finish(self, fault: str, answer: dict[str, Any]) -> None:
        self.service.running -= 1
        if fault == "drop":
            self.transport.close()
        elif fault == "half":
            self.send(200, answer, share=0.5)
        elif fault == "json":
            text = json.dumps(answer)
            self.send(200, text[: len(text) // 2].encode())
        elif fault == "html":
            self.send(200, b"<html><body>Bad gateway</body></html>")
        else:
            self.send(int(fault) if fault.isdigit() else 200, answer)

    def send(self, status: int, answer: dict[str, Any] | bytes, share: float = 1.0) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        after = self.service.options.retry_after
        extra = f"Retry-After: {after}\r\n" if status == 429 and after else ""
        head = f"HTTP/1.1 {status} {REASONS.get(status, 'Status')}\r\nContent-Type: application/json\r\n{extra}"
        sent = content[: int(len(content) * share)]
        self.transport.write(f"{head}Content-Length: {len(content)}\r\n\r\n".encode() + sent)
        if share < 1:
            self.transport.close()


def read_head(text: str) -> tuple[str, str, dict[str, str]]:
    """Method, path, and headers by lower-case name."""
    first, *rest = text.split("\r\n")
    method, path, _ = first.split(" ")
    pairs = (line.partition(":") for line in rest)
    return method, path, {name.lower(): value.strip() for name, _, value in pairs}


def problem(message: str, code: str = "") -> dict[str, Any]:
    """An error body as the API writes it."""
    return {"error": {"message": message, "type": "server_error", "code": code}}


def reply_of(mode: str) -> Reply:
    """ "echo", "json", or the function `reply(request)` of a Python file, which gets the request as sent."""
    if mode == "echo":
        return last_text
    if mode == "json":
        return lambda request: json.dumps({"answer": last_text(request), "pictures": len(pictures(request))})
    spec = importlib.util.spec_from_file_location("reply_mode", mode)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    function: Reply = module.reply
    return function


def read_faults(text: str) -> list[tuple[str, float, int]]:
    """ "429:0.1,half:0.5:2" as (fault, share, first attempts or 0 for all)."""
    items = [item.split(":") for item in text.split(",") if item]
    return [(name, float(share), int(first[0]) if first else 0) for name, share, *first in items]


async def serve(port: int, service: Service) -> None:
    """Listens until killed; prints the port when ready."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(service), "127.0.0.1", port, backlog=1024)
    print(f"port {server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


@dataclass(frozen=True)
class Running:
    """A server that was started by a test."""

    url: str
    log: Path
    process: subprocess.Popen[str]

    def requests(self, path: str = "/chat/completions") -> list[dict[str, Any]]:
        """The lines of its log for one path, oldest first."""
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [row for row in map(json.loads, lines) if re.search(path, row["path"])]


@contextmanager
def running_server(folder: Path, **options: Any) -> Iterator[Running]:
    """The server as a process of its own, options as on the command line (`latency_ms=200`, `faults="429:0.1"`)."""
    log = folder / "server.jsonl"
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    command = [sys.executable, str(Path(__file__).resolve()), "--log", str(log), *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout
        port = process.stdout.readline().split()[1]
        yield Running(f"http://127.0.0.1:{port}/v1", log, process)
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--faults", default="", type=str)
    parser.add_argument("--latency-ms", type=float, default=0.0)
    parser.add_argument("--retry-after", default="")
    parser.add_argument("--reply", default="echo", help="echo, json, or a Python file with reply(request) -> str")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--api-key", default="", help="turn away requests without it (401)")
    parser.add_argument("--most-at-once", type=int, default=0, help="429 for requests beyond so many at once")
    parser.add_argument("--models", default="test-model")
    parser.add_argument("--log", default="")
    given = parser.parse_args()
    log = Path(given.log).open("a", encoding="utf-8") if given.log else None  # noqa: SIM115
    options = Options(
        read_faults(given.faults),
        given.latency_ms / 1000,
        given.retry_after,
        given.seed,
        given.api_key,
        given.most_at_once,
        tuple(given.models.split(",")),
        log,
    )
    asyncio.run(serve(given.port, Service(options, reply_of(given.reply))))


if __name__ == "__main__":
    main()
