"""What is sent to a vision-language model and what comes back, whatever the server: one call, one reply.

Captions, evaluation and judges all speak these types; `medvidbench.models.calls` sends them. Pictures are named by the
SHA-256 of their bytes, so that a call has one key wherever its pictures lie.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from medvidbench.errors import MedVidBenchError

Role: TypeAlias = Literal["system", "user", "assistant"]
SCHEMA_VERSION = 1
"""Part of every call's key: raised when the same call would be rendered to other bytes."""


@dataclass(frozen=True, slots=True)
class TextPart:
    """A piece of text."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """One picture, read when it is sent.

    Attributes:
        digest: SHA-256 of the encoded bytes, hex.
        path: file that holds them, or "" when `data` does.
        data: the encoded bytes, or b"" when they are in the file.
        media_type: "image/jpeg" or "image/png".
        time: when the frame was taken, seconds from the start of the clip; None for a picture without a time.
        width, height: pixels, for the token estimate.
    """

    digest: str
    path: str = ""
    data: bytes = field(default=b"", repr=False)
    media_type: str = "image/jpeg"
    time: float | None = None
    width: int = 0
    height: int = 0

    def read(self) -> bytes:
        """The encoded bytes; those of a file are checked against the digest.

        Raises:
            MedVidBenchError: the file is gone or was changed.
        """
        if self.data:
            return self.data
        try:
            content = Path(self.path).read_bytes()
        except OSError as error:
            raise MedVidBenchError(f"The picture {self.path} can't be read: {error.strerror}.") from error
        if hashlib.sha256(content).hexdigest() != self.digest:
            raise MedVidBenchError(f"The picture {self.path or self.digest} was changed after its prompt was made.")
        return content


Part: TypeAlias = TextPart | ImagePart


@dataclass(frozen=True, slots=True)
class Message:
    """One turn."""

    role: Role
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """One request to one model.

    Attributes:
        tag: the caller's name for it (a sample id, ...); comes back in the reply, takes no part in the key.
        model: as the server names it, e.g. "gpt-4.1".
        params: sampling parameters as the chat-completions API names them (temperature, max_tokens, seed,
            response_format, ...); JSON values only.
    """

    tag: str
    model: str
    messages: tuple[Message, ...]
    params: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """SHA-256 over model, parameters, rendered text and the digest (and time) of each picture, in order.

        The address of the server is no part of it, nor is any secret; see `medvidbench.models.cache` for why.
        """
        turns = [[m.role, [_part_key(part) for part in m.parts]] for m in self.messages]
        text = json.dumps([SCHEMA_VERSION, self.model, dict(self.params), turns], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _part_key(part: Part) -> list[Any]:
    if isinstance(part, TextPart):
        return ["text", part.text]
    return ["image", part.media_type, part.digest]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call. `text` is None exactly when `error` is set: a failed call has no text.

    Attributes:
        error: why there is no text: kind and detail ("time-out after 60 s", "refused: ...", "budget: ...").
        model_version: as the server named it in its reply.
        finish_reason: as the server gave it ("stop", "length", "content_filter", ...).
        input_tokens, output_tokens: as billed by the server; 0 when it didn't say.
        cost: dollars by the price table; None when the model has no price.
        cached: whether the reply came from the cache and cost nothing now.
        attempts: requests sent for it in this run.
    """

    tag: str
    key: str
    text: str | None
    error: str = ""
    model_version: str = ""
    finish_reason: str = ""
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None
    cached: bool = False
    attempts: int = 0
