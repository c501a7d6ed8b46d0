"""How many tokens a call will be billed for, before it is sent: an estimate, and an upper bound.

Text: characters / 4 as the estimate (the providers' own rule of thumb for English). The bound is the number of UTF-8
bytes, since a byte-level tokenizer makes at most one token of a byte. Pictures: the rule of the model's family.

* tiles (GPT-4o, GPT-4.1, GPT-5): fit into 2048 x 2048, then the shorter side to 768, then 512-pixel tiles:
  base + tile * tiles.
* patches (GPT-4.1-mini, -nano, GPT-5-mini, -nano; with size 28 also Qwen2.5-VL): ceil(w / size) * ceil(h / size), at
  most `most`, times `factor`.
* crops (Gemini 2.x): 258 up to 384 x 384 pixels, else 258 for each crop of min(w, h) / 1.5 pixels, kept in 256..768.

A model without a rule counts as Qwen2.5-VL. These are the providers' published rules; what the server bills is what
counts in the ledger.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from medvidbench.models.messages import Call, ImagePart, TextPart

CHARACTERS_PER_TOKEN = 4
TOKENS_PER_MESSAGE = 4
QWEN_RULE: Mapping[str, Any] = {"kind": "patches", "size": 28, "most": 16384, "factor": 1.0}
USUAL_SIZE = (640, 480)
LARGEST_SIZE = (4096, 4096)


def estimated_input(call: Call, rule: Mapping[str, Any] = QWEN_RULE) -> int:
    """Input tokens to expect; pictures of unknown size count as 640 x 480."""
    total = sum(math.ceil(len(text) / CHARACTERS_PER_TOKEN) for text in _texts(call))
    return total + TOKENS_PER_MESSAGE * len(call.messages) + _pictures(call, rule, USUAL_SIZE)


def most_input(call: Call, rule: Mapping[str, Any] = QWEN_RULE) -> int:
    """Input tokens that can't be passed; pictures of unknown size count as the largest."""
    total = sum(len(text.encode("utf-8", "surrogatepass")) for text in _texts(call))
    return total + 2 * TOKENS_PER_MESSAGE * len(call.messages) + _pictures(call, rule, LARGEST_SIZE)


def most_output(call: Call, default: int | None = None) -> int | None:
    """The call's own cap on output tokens over all choices; `default` where it sets none."""
    cap = call.params.get("max_completion_tokens") or call.params.get("max_tokens") or default
    return None if cap is None else int(cap) * int(call.params.get("n") or 1)


def image_tokens(rule: Mapping[str, Any], width: int, height: int) -> int:
    """Tokens of one picture by the model's rule.

    >>> image_tokens({"kind": "tiles", "base": 85, "tile": 170}, 1024, 1024)
    765
    """
    if rule["kind"] == "tiles":
        shrink = min(1.0, 2048 / max(width, height))
        width, height = round(width * shrink), round(height * shrink)
        shrink = min(1.0, 768 / min(width, height))
        return int(rule["base"] + rule["tile"] * _grid(round(width * shrink), round(height * shrink), 512))
    if rule["kind"] == "crops":
        side = min(768, max(256, int(min(width, height) / 1.5)))
        return 258 if max(width, height) <= 384 else 258 * _grid(width, height, side)
    patches = min(_grid(width, height, int(rule["size"])), int(rule["most"]))
    return math.ceil(patches * float(rule["factor"]))


def _grid(width: int, height: int, side: int) -> int:
    return math.ceil(width / side) * math.ceil(height / side)


def _pictures(call: Call, rule: Mapping[str, Any], unknown: tuple[int, int]) -> int:
    parts = (part for message in call.messages for part in message.parts if isinstance(part, ImagePart))
    return sum(image_tokens(rule, part.width or unknown[0], part.height or unknown[1]) for part in parts)


def _texts(call: Call) -> list[str]:
    """Every text of the prompt, and what else the model reads (schema, tools)."""
    texts = [part.text for message in call.messages for part in message.parts if isinstance(part, TextPart)]
    read = {name: call.params[name] for name in ("response_format", "tools") if name in call.params}
    return [*texts, json.dumps(read)] if read else texts
