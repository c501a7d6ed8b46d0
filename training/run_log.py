"""The log of a run: one JSON object a step, each step once, however often the run was stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LOG = "log.jsonl"


class RunLog:
    """`RUN/log.jsonl`.

    Args:
        run: the run's folder.
        step: of the checkpoint that the run goes on from. Later lines are steps that are done again, and are cut off.
    """

    def __init__(self, run: Path, step: int) -> None:
        self.path = run / LOG
        kept = [line for line in read_log(run) if line["step"] <= step]
        part = run / f".{LOG}.part"
        part.write_text("".join(map(_line, kept)), encoding="utf-8")
        part.replace(self.path)

    def write(self, content: Mapping[str, Any]) -> None:
        """Appends a step."""
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(_line(content))


def read_log(run: Path) -> list[dict[str, Any]]:
    """The steps of a run; [] where there are none. A line that a stopped writer left unfinished ends the log."""
    found: list[dict[str, Any]] = []
    try:
        text = (run / LOG).read_text(encoding="utf-8")
    except FileNotFoundError:
        return []
    for line in text.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def _line(content: Mapping[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False) + "\n"
