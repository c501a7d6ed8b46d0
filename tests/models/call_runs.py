"""What the tests of the call engine share: calls, a caller on a test server, counts on the server's side."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openai_server import Running

from medvidbench.models.calls import CallCache, Caller, CallSettings, PriceTable, parse_model
from medvidbench.models.messages import Call, Message, TextPart
from medvidbench.models.openai_wire import request_body
from medvidbench.models.prices import Price

QUICK: dict[str, Any] = {"concurrency": 16, "timeout": 5.0, "attempts": 8, "first_wait": 0.01, "longest_wait": 0.05}
# dollars per million tokens: 1 and 10, so that a call of 25 input and 20 output tokens costs 0.000225
PRICES = PriceTable({"test-model": Price(1.0, 10.0)})


def text_call(text: str, tag: str = "", **params: Any) -> Call:
    """A call with one user text; max_tokens 20 unless given."""
    return Call(tag or text, "test-model", (Message("user", (TextPart(text),)),), {"max_tokens": 20} | params)


def text_calls(count: int) -> Iterator[Call]:
    """Calls "question 0" to "question N-1"."""
    return (text_call(f"question {i}") for i in range(count))


@contextmanager
def caller_on(server: Running | str, folder: Path, **settings: Any) -> Iterator[Caller]:
    """A caller with quick retries, and its cache in `folder`."""
    url = server if isinstance(server, str) else server.url
    _, endpoint = parse_model(f"openai:test-model@{url}")
    with CallCache(folder) as cache:
        yield Caller(endpoint, cache, CallSettings(**(QUICK | settings)), PRICES)


def sent_bodies(server: Running) -> Counter[str]:
    """Requests that the server read, by the hash of their body."""
    return Counter(row["body"] for row in server.requests())


def body_hash(call: Call) -> str:
    """The hash under which the server logs a call."""
    import hashlib

    text = json.dumps(request_body(call), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def billed_dollars(server: Running) -> float:
    """What the server bills for all it did, also where its answer never arrived."""
    return sum(row["billed"][0] * 1e-6 + row["billed"][1] * 1e-5 for row in server.requests())
