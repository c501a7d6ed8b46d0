"""A form's body streamed to the disk: never whole in memory, never under a name that the client chose.

The text fields have to stand before the file, so that nothing of a file is kept for somebody without a token.
Content-Length is believed only where it says too much.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

FILE = "predictions"
FIELD_BYTES, PARTS, OVERHEAD = 2_000, 12, 64 << 10
"""Bytes of a text field, parts of a form, and what a body may have beside its file."""


class UploadError(Exception):
    """An upload that isn't taken.

    Args:
        status: HTTP status.
        said: for the submitter, one text a fault.
        wait: seconds after which to try again; 0 says nothing of it.
    """

    def __init__(self, status: int, *said: str, wait: int = 0) -> None:
        super().__init__(*said)
        self.status, self.said, self.wait = status, said, wait


@dataclass(frozen=True)
class Received:
    """A file on the disk and what stood beside it."""

    fields: Mapping[str, str]
    sha256: str
    bytes: int


@dataclass
class _Form:
    """What the parser has found so far; a chunk's share of the file waits in `pending` until it may be kept."""

    fields: dict[str, str] = field(default_factory=dict)
    pending: list[bytes] = field(default_factory=list)
    in_file: bool = False
    has_file: bool = False
    complete: bool = False
    _parts: int = 0
    _header: bytes = b""
    _disposition: bytes = b""
    _value: bytes = b""
    _text: bytearray = field(default_factory=bytearray)
    _name: str = ""

    def parser(self, boundary: bytes) -> MultipartParser:
        calls = {
            "on_part_begin": self._begin,
            "on_header_field": self._header_name,
            "on_header_value": self._header_value,
            "on_header_end": self._header_end,
            "on_headers_finished": self._headers_finished,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_end": self._complete,
        }
        return MultipartParser(boundary, calls)  # type: ignore[arg-type]

    def _begin(self) -> None:
        self._parts += 1
        if self._parts > PARTS:
            raise UploadError(400, f"the form has over {PARTS} parts")
        self._header = self._disposition = self._value = b""
        self._text.clear()

    def _header_name(self, data: bytes, start: int, end: int) -> None:
        self._header += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header_end(self) -> None:
        if self._header.lower() == b"content-disposition":
            self._disposition = self._value
        self._header = self._value = b""

    def _headers_finished(self) -> None:
        _, options = parse_options_header(self._disposition)
        self._name = _text(options.get(b"name", b""), "a field's name")
        self.in_file = self._name == FILE
        if self._name in self.fields or (self.in_file and self.has_file):
            raise UploadError(400, f"the field {self._name[:40]!r} stands twice")
        if self.has_file:
            raise UploadError(400, "a field stands behind the file: the file has to come last")
        self.has_file = self.in_file

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self.in_file:
            self.pending.append(data[start:end])
        elif len(self._text) + end - start > FIELD_BYTES:
            raise UploadError(400, f"the field {self._name[:40]!r} has over {FIELD_BYTES:,} bytes")
        else:
            self._text += data[start:end]

    def _end(self) -> None:
        if not self.in_file:
            self.fields[self._name] = _text(bytes(self._text), f"the field {self._name[:40]!r}")
        self.in_file = False

    def _complete(self) -> None:
        self.complete = True


def _text(content: bytes, what: str) -> str:
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise UploadError(400, f"{what} is not UTF-8") from None
    if any(ord(c) < 32 or ord(c) == 127 for c in text):
        raise UploadError(400, f"{what} holds control characters")
    return text


async def receive(
    chunks: AsyncIterator[bytes],
    content_type: str,
    target: Path,
    most: int,
    admit: Callable[[Mapping[str, str]], Awaitable[None]],
) -> Received:
    """Reads a multipart form and keeps its file as `target`, on the disk when this returns.

    Args:
        most: bytes that the file may have.
        admit: called with the fields when the file begins; raises to refuse it.

    Raises:
        UploadError: no such form, too large, or refused by `admit`. Then, as after any other error, `target` is gone.
    """
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not boundary:
        raise UploadError(415, "the upload is no form with a file (multipart/form-data)")
    form, digest, size, body = _Form(), hashlib.sha256(), 0, 0
    handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        parser, admitted = form.parser(boundary), False
        async for chunk in chunks:
            body += len(chunk)
            _parse(parser, chunk)
            if form.has_file and not admitted:
                await admit(form.fields)
                admitted = True
            for piece in form.pending:
                size += len(piece)
                digest.update(piece)
                _write(handle, piece, size > most)
            form.pending.clear()
            if body > most + OVERHEAD:
                raise UploadError(413, f"the form has over {most:,} bytes")
        _check_whole(form, size)
        await asyncio.to_thread(os.fsync, handle)
    except BaseException:  # a client that hangs up cancels this; what it left must not stay
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    return Received(form.fields, digest.hexdigest(), size)


def _parse(parser: MultipartParser, chunk: bytes) -> None:
    try:
        parser.write(chunk)
    except MultipartParseError as error:
        raise UploadError(400, f"the form can't be read: {error}") from None


def _write(handle: int, piece: bytes, too_large: bool) -> None:
    if too_large:
        raise UploadError(413, "the file is too large")
    view = memoryview(piece)
    while view:
        view = view[os.write(handle, view) :]


def _check_whole(form: _Form, size: int) -> None:
    if not form.complete:
        raise UploadError(400, "the upload was cut off")
    if not form.has_file or size == 0:
        raise UploadError(422, "no file, or an empty one")
