"""Rows of a JSON file one by one: a list of objects or an object of objects of any size, in little memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from medvidbench.errors import MedVidBenchError

ACCEPTED = "a JSON list of published rows, or a merged file: a JSON object of rows"
CHUNK = 1 << 20
_SPACE = " \t\r\n"
_ENDS = {"[": "]", "{": "}"}


def json_rows(file: Path) -> Iterator[dict[str, Any]]:
    """The objects in a JSON list, or the values of a JSON object whose values are objects, in file order.

    Raises:
        MedVidBenchError: not there, not UTF-8, not JSON, cut off, or something else than such rows.
    """
    try:
        with file.open(encoding="utf-8-sig") as stream:
            yield from _Scanner(stream, file).rows()
    except (OSError, UnicodeDecodeError, RecursionError) as error:
        raise MedVidBenchError(f"{file} can't be read: {error}", ACCEPTED) from error


class _Scanner:
    """A window on a text stream; grows while a value doesn't end in it, so that the work stays linear."""

    def __init__(self, stream: TextIO, file: Path) -> None:
        self.stream, self.file = stream, file
        self.window, self.place, self.ended = "", 0, False
        self.decoder = json.JSONDecoder()

    def rows(self) -> Iterator[dict[str, Any]]:
        opening = self.next_sign()
        if opening not in _ENDS:
            raise MedVidBenchError(f"{self.file} is neither a JSON list nor a JSON object.", ACCEPTED)
        self.place += 1
        first = True
        while (sign := self.next_sign()) != _ENDS[opening]:
            if not first:
                self.expect(sign, ",")
            first = False
            if opening == "{":
                self.value()
                self.expect(self.next_sign(), ":")
            row = self.value()
            if not isinstance(row, dict):
                raise MedVidBenchError(f"{self.file} is JSON, but no list or object of rows.", ACCEPTED)
            yield row
        self.place += 1
        if self.next_sign():
            raise MedVidBenchError(f"{self.file} goes on behind the end of its rows.", ACCEPTED)

    def next_sign(self) -> str:
        """The next character that is no white space, "" at the end; the place stays on it."""
        while True:
            while self.place < len(self.window):
                if self.window[self.place] not in _SPACE:
                    return self.window[self.place]
                self.place += 1
            if not self.grow():
                return ""

    def expect(self, sign: str, wanted: str) -> None:
        if sign != wanted:
            seen = f"{self.file} is not valid JSON: {wanted!r} is missing before {sign!r}." if sign else self.cut_off()
            raise MedVidBenchError(seen, ACCEPTED)
        self.place += 1

    def value(self) -> Any:
        sign = self.next_sign()
        if sign not in ("{", '"', ""):
            # a number may go on behind the window, and no row is one
            raise MedVidBenchError(f"{self.file} is JSON, but no list or object of rows.", ACCEPTED)
        while True:
            try:
                found, self.place = self.decoder.raw_decode(self.window, self.place)
            except ValueError as error:
                if not self.grow():
                    raise MedVidBenchError(f"{self.cut_off()} {error}", ACCEPTED) from error
            else:
                return found

    def cut_off(self) -> str:
        return f"{self.file} is not valid JSON, or ends within a row."

    def grow(self) -> bool:
        """More text in the window, and what was read out of it; False at the end of the file."""
        rest = self.window[self.place :]
        more = self.stream.read(max(CHUNK, len(rest)))
        self.window, self.place = rest + more, 0
        return bool(more)
