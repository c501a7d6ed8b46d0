"""The OpenAI chat-completions protocol: a call as a request body, a reply's body as text, errors by what to do next.

The body is kept as raw bytes; nothing of the client library's parsing is used, so that a cached reply and a fresh one
are read by the same code.
"""

from __future__ import annotations

import asyncio
import base64
import json
import math
from collections import deque
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time
from typing import Any, Literal, TypeAlias, cast

from medvidbench.models.endpoints import Endpoint
from medvidbench.models.messages import Call, ImagePart, Part, TextPart

FaultKind: TypeAlias = Literal[
    "limited", "server", "gateway", "time-out", "unreachable", "broken", "damaged", "turned down", "picture", "fatal"
]
RETRIED: frozenset[FaultKind] = frozenset(
    ("limited", "server", "gateway", "time-out", "unreachable", "broken", "damaged")
)
MAYBE_BILLED: frozenset[FaultKind] = frozenset(("gateway", "time-out", "broken", "damaged"))
"""Faults after which the model may have done its work, and the server its bill."""
CONNECT_SECONDS = 10.0
# the client looks at every connection of its pool for each request: one pool of 64 took 40 % of the CPU time
CONNECTIONS_PER_POOL = 8
REFUSING = ("refusal", "content_filter", "safety", "prohibited_content", "recitation", "blocklist")
# chat.completions.with_raw_response sets this header; the method itself walks every message to transform it, which
# costs more than the rest of the call
MARK = "\x00picture"
"""Stands for a picture while a body is encoded."""
RAW = {"X-Stainless-Raw-Response": "true"}


class CallError(Exception):
    """An attempt that brought no usable body.

    Attributes:
        wait: the server's Retry-After, seconds; 0 when it gave none.
    """

    def __init__(self, kind: FaultKind, detail: str, status: int = 0, wait: float = 0.0) -> None:
        self.kind, self.detail, self.status, self.wait = kind, detail, status, wait
        super().__init__(detail)


@dataclass(frozen=True, slots=True)
class Completion:
    """What a whole reply says; `text` is None exactly when `error` is set. `billed` is False without a usage block."""

    text: str | None
    error: str
    model_version: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    billed: bool


def request_body(call: Call) -> dict[str, Any]:
    """The request as the API takes it; pictures are read now, as data URIs.

    Raises:
        MedVidBenchError: a picture is gone or was changed.
    """
    turns = [{"role": m.role, "content": _content(m.parts)} for m in call.messages]
    return {"model": call.model, "messages": turns, **call.params}


def _content(parts: tuple[Part, ...]) -> str | list[dict[str, Any]]:
    if len(parts) == 1 and isinstance(parts[0], TextPart):
        return parts[0].text  # plain text is what every server takes
    return [_image(part) if isinstance(part, ImagePart) else {"type": "text", "text": part.text} for part in parts]


def _image(part: ImagePart) -> dict[str, Any]:
    data = base64.b64encode(part.read()).decode("ascii")
    return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{data}"}}


def read_completion(body: bytes) -> Completion:
    """What a reply's body says. A refusal, a filtered or an empty reply is a whole, paid reply with an error.

    Raises:
        CallError: "damaged" when it is no chat completion.
    """
    try:
        envelope = json.loads(body)
    except ValueError as error:
        raise CallError("damaged", f"the reply is no JSON: {error}", 200) from error
    choices = envelope.get("choices") if isinstance(envelope, dict) else None
    if not isinstance(choices, list) or not all(isinstance(choice, dict) for choice in choices[:1]):
        raise CallError("damaged", f"the reply is no chat completion: {body[:120].decode('utf-8', 'replace')}", 200)
    finish = str(choices[0].get("finish_reason") or "") if choices else ""
    text, error_text = _text(choices[0], finish) if choices else (None, "no choices in the reply")
    read, written, billed = _usage(envelope.get("usage"))
    return Completion(text, error_text, str(envelope.get("model") or ""), finish, read, written, billed)


def _text(choice: dict[str, Any], finish: str) -> tuple[str | None, str]:
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    content, refusal = message.get("content"), message.get("refusal")
    if isinstance(content, list):  # some servers answer in parts
        content = "".join(str(p.get("text") or "") for p in content if isinstance(p, dict))
    if refusal:
        return None, f"refused: {refusal}"
    if finish.lower() in REFUSING:
        return None, f"refused: finish_reason {finish}"
    if not isinstance(content, str):
        return None, f"no text in the reply (finish_reason {finish or 'missing'})"
    return content, ""


def _usage(usage: Any) -> tuple[int, int, bool]:
    if not isinstance(usage, dict):
        return 0, 0, False
    read, written, total = (
        int(value) if isinstance(value, int) else 0
        for value in map(usage.get, ("prompt_tokens", "completion_tokens", "total_tokens"))
    )
    # Gemini bills thinking as output, and counts it in the total alone
    return read, max(written, total - read), bool(read or written or total)


def encoded(body: dict[str, Any]) -> bytes:
    """A request body as JSON. Pictures are laid in as they are: base64 needs no look at each letter for escapes, which
    for 170 kB of pictures costs as much as the rest of sending them."""
    urls: list[str] = []

    def plain(part: Any) -> Any:
        if isinstance(part, dict) and part.get("type") == "image_url":
            urls.append(part["image_url"]["url"])
            return {**part, "image_url": {**part["image_url"], "url": MARK}}
        return part

    messages = [
        {**turn, "content": [plain(part) for part in turn["content"]]} if isinstance(turn["content"], list) else turn
        for turn in body["messages"]
    ]
    text = json.dumps({**body, "messages": messages}, ensure_ascii=False, separators=(",", ":"))
    pieces = text.split(json.dumps(MARK))
    if len(pieces) != len(urls) + 1:  # the text of a message holds the mark
        return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
    laid = [part for piece, url in zip(pieces, urls, strict=False) for part in (piece, '"', url, '"')]
    return "".join([*laid, pieces[-1]]).encode()


class Wire:
    """Sends request bodies to one endpoint.

    Args:
        timeout: seconds for one attempt, from connecting to the last byte.
        concurrency: the most bodies that will be on their way at once.

    Raises:
        MedVidBenchError: the endpoint's key is missing.
    """

    def __init__(self, endpoint: Endpoint, timeout: float, concurrency: int) -> None:
        from openai import AsyncOpenAI, Timeout

        self._endpoint, self._timeout = endpoint, timeout
        limits = Timeout(timeout + 1, connect=min(CONNECT_SECONDS, timeout))
        key = endpoint.api_key or "none"
        self._clients = [
            AsyncOpenAI(base_url=endpoint.base_url, api_key=key, max_retries=0, timeout=limits)
            for _ in range(math.ceil(concurrency / CONNECTIONS_PER_POOL))
        ]
        self._free = deque(self._clients * CONNECTIONS_PER_POOL)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients:
            await client.close()

    async def send(self, body: dict[str, Any]) -> bytes:
        """The reply's raw bytes, without the key if the server repeats it.

        Raises:
            CallError: anything but a whole body with status 200.
        """
        import openai

        client = self._free.pop()
        post = client.post("/chat/completions", content=encoded(body), cast_to=object, options={"headers": RAW})
        try:
            response = cast(Any, await asyncio.wait_for(post, self._timeout))
        except (openai.APITimeoutError, asyncio.TimeoutError) as error:
            if type(error.__cause__).__name__ == "ConnectTimeout":
                raise CallError("unreachable", "no connection in time") from error
            raise CallError("time-out", f"no reply within {self._timeout:g} s") from error
        except openai.APIStatusError as error:
            raise self._status_fault(error) from error
        except openai.APIConnectionError as error:
            raise self._connection_fault(error) from error
        finally:
            self._free.append(client)
        return self._endpoint.redact_bytes(response.content)

    def _connection_fault(self, error: Exception) -> CallError:
        cause = error.__cause__ or error
        detail = self._endpoint.redact(f"{type(cause).__name__}: {cause}")
        kind: FaultKind = "unreachable" if type(cause).__name__ == "ConnectError" else "broken"
        return CallError(kind, detail)

    def _status_fault(self, error: Any) -> CallError:
        status = int(error.status_code)
        detail = _cut(self._endpoint.redact(f"status {status}: {error.message}"))  # half a key would not be found
        return CallError(fault_kind(status, str(error.code or "")), detail, status, retry_after(error.response.headers))


def fault_kind(status: int, code: str) -> FaultKind:
    """What an error status (and the API's error code) means for the call and the run."""
    if status in (401, 402, 403, 404) or code == "insufficient_quota":
        return "fatal"
    if status in (429, 503, 529):
        return "limited"
    if status in (502, 504):
        return "gateway"
    return "server" if status >= 500 or status in (408, 409, 425) else "turned down"


def retry_after(headers: Any) -> float:
    """Seconds that a server asks to wait, from `retry-after-ms` or `retry-after` (seconds or a date); 0 without."""
    try:
        if milliseconds := headers.get("retry-after-ms"):
            return max(0.0, float(milliseconds) / 1000)
        value = headers.get("retry-after") or "0"
        seconds = (
            float(value) if value.replace(".", "").isdigit() else parsedate_to_datetime(value).timestamp() - time()
        )
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, seconds)


def _cut(text: str, most: int = 300) -> str:
    return text if len(text) <= most else text[: most - 3] + "..."
