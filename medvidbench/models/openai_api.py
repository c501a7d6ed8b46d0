"""`openai:MODEL[@BASE_URL]`, GPT and Gemini by name: any server of the chat-completions protocol, frames as pictures.

Each frame goes in as a JPEG data URI directly after a text part that says when it was taken ("<12.0 seconds>"). That is
what every such server takes alike (OpenAI, Gemini, vLLM, SGLang, llama.cpp, `transformers serve`), and what can be
proven from the request's body alone: the model reads the times as text.

Video parts (`video_url`, an mp4 or a list of JPEGs) are left out on purpose, as no request body proves what becomes of
their times: vLLM, SGLang and Gemini take frames anew from an mp4, at rates that only the server knows; for a list of
JPEGs vLLM is told the times in `media_io_kwargs` only since 2026 (pull requests 37301 and 40133), takes no notice
before, and Qwen2.5-VL takes a mean rate from them, whatever holes there are; OpenAI takes no video part.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from medvidbench.errors import MedVidBenchError
from medvidbench.models.base import VideoModel
from medvidbench.models.call_settings import CallSettings
from medvidbench.models.dry_run import Estimate, estimate
from medvidbench.models.endpoints import parse_model
from medvidbench.models.frame_runs import stamp_texts
from medvidbench.models.messages import Call, ImagePart, Message, Part, Reply, TextPart
from medvidbench.models.openai_params import room_for_thoughts, sampling_params
from medvidbench.models.openai_wire import request_body
from medvidbench.models.prices import PriceTable
from medvidbench.models.settings import PATCH, EvalSettings
from medvidbench.models.shrinking import GAP, JpegBudget, JpegFrames
from medvidbench.models.time_contract import TEXT, Announced, VideoQuestion
from medvidbench.models.tokens import QWEN_RULE, estimated_input

ADAPTER_VERSION = 1
"""Raised when the same question would be rendered to another request."""
STAMP = re.compile(r"<(-?\d+(?:\.\d+)?) seconds>")


@dataclass(frozen=True, eq=False)
class OpenAIPrompt:
    """One question as a request.

    Attributes:
        digests: SHA-256 of each frame's file, in the order of the frames.
        length: input tokens to expect, by the model family's rule.
    """

    question: VideoQuestion
    call: Call
    digests: tuple[str, ...]
    length: int

    @property
    def body(self) -> dict[str, Any]:
        """The request's JSON as it would be sent, read back from its text."""
        read: dict[str, Any] = json.loads(json.dumps(request_body(self.call)))
        return read

    @property
    def text(self) -> str:
        """For people: roles, texts and a line for each picture."""
        return "\n".join(line for message in self.call.messages for line in _lines(message))


class OpenAIVideoModel(VideoModel):
    """A model behind a server.

    Args:
        spec: `openai:MODEL[@BASE_URL]`, or a GPT or Gemini model by name.
        cache_folder: of the calls' cache; None for one that is only rendered, never asked.
        sending: concurrency, retries, limits.
        prices: the package's table unless given.
        settings: pixels, temperature, tokens and format of the answer.
        params: more parameters of the request, or others in place of ours; None as a value leaves one out.

    Raises:
        MedVidBenchError: a name without a known server.
    """

    def __init__(
        self,
        spec: str,
        cache_folder: Path | None = None,
        sending: CallSettings | None = None,
        prices: PriceTable | None = None,
        settings: EvalSettings | None = None,
        *,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self.model, self.endpoint = parse_model(spec)
        self.host = urlsplit(self.endpoint.base_url).hostname or ""
        # the address may hold what is nobody's business, and a name ends up in results
        self.name = f"openai:{self.model}@{self.host}" if "@" in spec else spec
        self.settings = settings or EvalSettings()
        self.cache_folder, self.sending = cache_folder, sending or CallSettings()
        self.prices = prices or PriceTable.load()
        self.params = dict(params or {})

    @property
    def shrink(self) -> JpegBudget:
        """Resizes and encodes; what comes out goes into the request as it is."""
        return JpegBudget(self.settings.min_pixels, self.settings.max_pixels, PATCH)

    @cached_property
    def caller(self) -> Any:
        """The engine of calls, a `Caller`; its cache is opened with it.

        Raises:
            MedVidBenchError: no folder for the cache was given, or it can't be used.
        """
        from medvidbench.models.calls import CallCache, Caller

        if self.cache_folder is None:
            raise MedVidBenchError(f"{self.name} has no cache folder, so no call can be sent.", "cache_folder=...")
        return Caller(self.endpoint, CallCache(self.cache_folder), self.sending, self.prices)

    def prepare(self, question: VideoQuestion) -> OpenAIPrompt:
        """The request for a question; the time text of a frame is the part before its picture.

        Raises:
            MedVidBenchError: a frame is too flat, or a text holds half a character, which no JSON body can.
        """
        _check_text(question)
        frames = question.frames if question.frames is not None and len(question.frames) else None
        shown = None if frames is None else self.shrink(frames)
        pictures = _pictures(shown) if shown is not None else []
        parts: list[Part] = []
        for stamp, picture in zip(self._stamps(shown, question.fps), pictures, strict=True):
            parts += [TextPart(stamp), picture]
        parts.append(TextPart(question.text))
        system = (Message("system", (TextPart(question.system),)),) if question.system else ()
        messages = (*system, Message("user", tuple(parts)))
        params = sampling_params(
            self.model, question.max_new_tokens, question.temperature, self.settings.answer_format, self.params
        )
        call = Call(question.sample_id, self.model, messages, params)
        price = self.prices.of(self.model)
        length = estimated_input(call, price.image if price else QWEN_RULE)
        return OpenAIPrompt(question, call, tuple(picture.digest for picture in pictures), length)

    def _stamps(self, shown: JpegFrames | None, fps: float | None) -> list[str]:
        return [] if shown is None else stamp_texts(shown.t_seconds.tolist(), fps)

    def describe_times(self, prepared: OpenAIPrompt) -> list[Announced]:
        """The times that stand in the request's body; see `read_times`."""
        return read_times(prepared.body, prepared.digests)

    def channel(self, prepared: OpenAIPrompt) -> str:
        """Always as text between the frames."""
        return TEXT

    def answer_videos(self, questions: Iterable[VideoQuestion]) -> Iterator[Reply]:
        """See `VideoModel.answer_videos`. Questions are taken up to 2 x concurrency ahead of their replies.

        Raises:
            MedVidBenchError: as `Caller.run`, what makes going on pointless.
        """
        failed: list[Reply] = []
        with closing(self.caller.run(self._calls(questions, failed))) as replies:
            for reply in replies:
                while failed:
                    yield failed.pop(0)
                yield unfinished_is_no_answer(reply)
        yield from failed

    def _calls(self, questions: Iterable[VideoQuestion], failed: list[Reply]) -> Iterator[Call]:
        for question in questions:
            try:
                yield self.prepare(question).call
            except MedVidBenchError as error:
                failed.append(Reply(question.sample_id, "", None, f"not rendered: {error}"))

    def estimate(self, questions: Iterable[VideoQuestion]) -> Estimate:
        """Calls, tokens and dollars; nothing is sent or written, what the cache holds is not counted again."""
        calls = (self.prepare(question).call for question in questions)
        if self.cache_folder is not None and self.cache_folder.is_dir():
            return estimate(calls, self.caller)
        from medvidbench.models.calls import CallCache, Caller

        with TemporaryDirectory() as folder, CallCache(Path(folder)) as empty:
            return estimate(calls, Caller(self.endpoint, empty, self.sending, self.prices))

    def record(self) -> dict[str, Any]:
        """Everything that decides an answer. Of the address only the host, as a path may hold a token."""
        s, shrink = self.settings, self.shrink
        return {
            "adapter": type(self).__name__,
            "adapter_version": ADAPTER_VERSION,
            "model": self.model,
            "host": self.host,
            "media": "one picture a frame, after the text of its time",
            "resizing": f"PIL bicubic, reducing gap {GAP:g}",
            "encoding": f"JPEG, quality {shrink.quality}, 4:4:4",
            "min_pixels": shrink.min_pixels,
            "max_pixels": shrink.max_pixels,
            "multiple": shrink.multiple,
            "params": sampling_params(self.model, s.max_new_tokens, s.temperature, s.answer_format, self.params),
            "tokens_for_thoughts": room_for_thoughts(self.model),
        }

    def close(self) -> None:
        """Closes the cache."""
        if "caller" in self.__dict__:
            self.caller.cache.close()
            del self.__dict__["caller"]


def _check_text(question: VideoQuestion) -> None:
    try:
        (question.system + question.text).encode("utf-8")
    except UnicodeEncodeError as error:
        seen = f"The question {question.sample_id} holds half a character at position {error.start}."
        raise MedVidBenchError(seen, "text that UTF-8 can write") from error


def _pictures(shown: JpegFrames) -> list[ImagePart]:
    height, width = shown.shape
    return [
        ImagePart(digest, data=jpeg, time=float(time), width=width, height=height)
        for digest, jpeg, time in zip(shown.digests, shown.jpegs, shown.t_seconds, strict=True)
    ]


def read_times(body: Mapping[str, Any], digests: Sequence[str]) -> list[Announced]:
    """The moments that a request announces, one for each picture.

    A time counts only as the whole of the text part directly before a picture: what a question says about seconds, in
    whatever form, is never taken for one.

    Args:
        digests: SHA-256 of the frames' files, in order: the n-th picture must be the n-th frame.

    Raises:
        MedVidBenchError: a picture has no time text, or isn't the frame whose turn it is.
    """
    units: list[Announced] = []
    for message in body["messages"]:
        parts = message["content"] if isinstance(message["content"], list) else []
        for before, part in zip([{}, *parts], parts, strict=False):
            if part["type"] != "image_url":
                continue
            place = len(units)
            stamp = STAMP.fullmatch(before["text"]) if before.get("type") == "text" else None
            if stamp is None:
                raise MedVidBenchError(f"Picture {place + 1} of the request has no time text before it.")
            content = base64.b64decode(part["image_url"]["url"].partition("base64,")[2])
            if place >= len(digests) or hashlib.sha256(content).hexdigest() != digests[place]:
                raise MedVidBenchError(f"Picture {place + 1} of the request isn't frame {place + 1}.")
            units.append(Announced(float(stamp[1]), float(stamp[1]), (place,)))
    return units


def unfinished_is_no_answer(reply: Reply) -> Reply:
    """A reply whose tokens ran out before its first word has no text: the model thought and never answered."""
    if reply.text is None or reply.text.strip() or reply.finish_reason.lower() not in ("length", "max_tokens"):
        return reply
    return replace(reply, text=None, error=f"no text in the reply (finish_reason {reply.finish_reason})")


def _lines(message: Message) -> list[str]:
    shown = [
        part.text if isinstance(part, TextPart) else f"[picture {part.width}x{part.height}]" for part in message.parts
    ]
    return [f"[{message.role}]", *shown]
