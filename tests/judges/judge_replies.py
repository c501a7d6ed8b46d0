"""A judge model for the test server: `reply(request)`; how it answers is told by the pair's source, in the prompt."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

NAMES = ("terminology", "instrument_anatomy", "specificity", "clinical_context", "action_state")
CODES = ("R2", "R3", "R8", "R5", "R4")


def scores_of(reference: str, prediction: str) -> list[int]:
    """Five scores that any test can work out from the two texts."""
    digest = hashlib.sha256(f"{reference}|{prediction}".encode()).digest()
    return [1 + byte % 5 for byte in digest[:5]]


def reply(request: dict[str, Any]) -> str:
    user = request["messages"][-1]["content"]
    source = re.search(r"Source: ([^\n]*)\.", user)[1]
    fence = re.search(r"marker ([0-9a-f]{16})-REFERENCE", user)[1]
    reference = user.split(f"<<<{fence}-REFERENCE\n")[1].split(f"\n{fence}-REFERENCE>>>")[0]
    prediction = user.split(f"<<<{fence}-CAPTION\n")[1].split(f"\n{fence}-CAPTION>>>")[0]
    scores = scores_of(reference, prediction)
    if "seed" in request:  # a repeat: one level up or down on the first dimension
        scores[0] = 1 + (scores[0] + request["seed"]) % 5
    again = "(Request " in user
    if source == "garbage" or (source == "garbage once" and not again):
        return "As a language model I find this caption quite good, 4 out of 5 stars overall!"
    if source == "off the scale":
        return json.dumps({name: {"rationale": "x", "score": 77} for name in NAMES})
    if source == "four of five":
        return json.dumps({name: {"rationale": "x", "score": 3} for name in NAMES[:4]})
    if source == "cut":
        return _json(scores)[:-12]
    if source == "echo":
        return f"The caption says: {prediction}"
    if source == "text":
        return "\n".join(f"**{code}** = [{score}] - because" for code, score in zip(CODES, scores, strict=True))
    return _json(scores)


def _json(scores: list[int]) -> str:
    pairs = zip(NAMES, scores, strict=True)
    return json.dumps({name: {"rationale": f"{name} decided.", "score": score} for name, score in pairs})
