"""What a caption model on the test server says: the annotations of its prompt in its own words. For `--reply FILE`."""

from __future__ import annotations

import re
from typing import Any

EVENT = re.compile(r"^\d+\. (\d+\.\d-\d+\.\d seconds) \([^)]*\): <data>(.*)</data>$", re.MULTILINE)
DATA = re.compile(r"<data>(.*?)</data>")
WORDS = {
    "model-a": "The view shows this part of the work: {facts}.",
    "model-b": "In these moments the team works as follows, {facts}, without haste.",
}


def reply(body: dict[str, Any]) -> str:
    """A line for each event, or one paragraph on what the intervals name."""
    text = _prompt(body)
    wording = WORDS[body["model"]]
    events = EVENT.findall(text)
    if events:
        return "\n".join(f"{when}: {wording.format(facts=_facts(named))}" for when, named in events)
    intervals = text.partition("Annotated intervals of the clip:")[2]
    return wording.format(facts=_facts("; ".join(list(dict.fromkeys(DATA.findall(intervals)))[:4])))


def _prompt(body: dict[str, Any]) -> str:
    content = body["messages"][-1]["content"]
    parts = [content] if isinstance(content, str) else [part.get("text", "") for part in content]
    return "\n".join(parts)


def _facts(named: str) -> str:
    plain = re.sub(r"\([^)]*\)|instrument, verb, target:|phase:|[;|,]", " ", named)
    return " ".join(plain.split()) or "steady work on the tissue"
