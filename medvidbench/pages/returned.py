"""What people send back from a page that they filled in: who it is by, and that it belongs to the page."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from medvidbench.errors import MedVidBenchError

T = TypeVar("T")
MAX_BYTES = 64 << 20
MAX_NAME = 100


@dataclass(frozen=True)
class ReturnForm:
    """One kind of file that a page saves.

    Attributes:
        format, version: as the file names itself.
        person: what its author is called, which is also the field of the name: "reviewer", "clinician".
        holds: what is in it, for messages: "review answers".
        accepted: the file that would have been accepted, for messages.
    """

    format: str
    version: int
    person: str
    holds: str
    accepted: str

    def read(self, file: Path, sheet: str) -> tuple[str, dict[Any, Any], Mapping[str, Any]]:
        """The author's name, the answers by item, and the whole content, of one file.

        Args:
            sheet: digest of the page that was sent out.

        Raises:
            MedVidBenchError: the file can't be read, is no such file, belongs to another page, or has no name in it.
        """
        content = self._content(file)
        if content.get("format") != self.format:
            raise MedVidBenchError(f"{file} holds no {self.holds}.", self.accepted)
        if content.get("version") != self.version:
            raise MedVidBenchError(f"{file} has the version {content.get('version')!r}.", str(self.version))
        if content.get("sheet") != sheet:
            seen = f"{file} belongs to the sheet {str(content.get('sheet'))[:12]!r}."
            raise MedVidBenchError(seen, f"the sheet {sheet[:12]!r}", "Name the HTML file that was sent out.")
        name = content.get(self.person)
        if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
            raise MedVidBenchError(f"{file} has the {self.person} {name!r:.120}.", f"a name of 1 to {MAX_NAME} letters")
        answers = content.get("answers")
        if not isinstance(answers, dict):
            raise MedVidBenchError(f"{file} has no answers.", self.accepted)
        return name.strip(), answers, content

    def read_all(self, files: Sequence[Path], read: Callable[[Path], tuple[str, list[T]]]) -> list[T]:
        """What `read` gives for each file, one after the other.

        Args:
            read: gives a file's author and what it holds.

        Raises:
            MedVidBenchError: two files are by one person; or as `read`.
        """
        found: list[T] = []
        named: dict[str, Path] = {}
        for file in files:
            name, own = read(file)
            other = named.setdefault(name.casefold(), file)
            if other is not file:
                seen = f"{file} and {other} are both by {name!r}."
                raise MedVidBenchError(
                    seen, f"one file a {self.person}", "Leave the older one out, or correct the name."
                )
            found += own
        return found

    def _content(self, file: Path) -> Mapping[str, Any]:
        try:
            if file.stat().st_size > MAX_BYTES:
                raise MedVidBenchError(f"{file} has more than {MAX_BYTES >> 20} MiB.", self.accepted)
            content = json.loads(file.read_text(encoding="utf-8-sig"))
        except (OSError, ValueError, RecursionError) as error:
            raise MedVidBenchError(f"{file} can't be read: {error}", self.accepted) from error
        if not isinstance(content, dict):
            raise MedVidBenchError(f"{file} holds no {self.holds}.", self.accepted)
        return content
