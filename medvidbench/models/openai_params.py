"""Sampling parameters as a model behind a chat-completions server takes them.

OpenAI's reasoning models (the o-series, GPT-5 and later) refuse `max_tokens` and any temperature but their own. They
and Gemini from 2.5 on think before they answer, and their thoughts count against the cap on output: with the cap of an
answer alone they often end before its first word. They get room for thoughts on top, which results record.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

REASONING = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9](?!.*chat))")
THINKING = re.compile(r"(?:^|/)gemini-(?:2\.5|[3-9])")
ROOM_FOR_THOUGHTS = 4096
"""Tokens; a model that needs more gives a reply without a text, which is no answer and not scored."""


def room_for_thoughts(model: str) -> int:
    """Tokens on top of the answer's own.

    >>> room_for_thoughts("gpt-4.1"), room_for_thoughts("gpt-5-mini"), room_for_thoughts("models/gemini-2.5-flash")
    (0, 4096, 4096)
    """
    return ROOM_FOR_THOUGHTS if REASONING.search(model) or THINKING.search(model) else 0


def sampling_params(
    model: str,
    max_new_tokens: int,
    temperature: float,
    answer_format: str = "text",
    own: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The parameters of a request.

    Args:
        answer_format: "json" constrains the answer to one JSON object.
        own: in place of these or on top of them; None as a value leaves one out.

    >>> sampling_params("gpt-4.1", 256, 0.0)
    {'max_tokens': 256, 'temperature': 0.0}
    >>> sampling_params("o3", 256, 0.0)
    {'max_completion_tokens': 4352}
    """
    most = max_new_tokens + room_for_thoughts(model)
    params: dict[str, Any] = {"max_tokens": most, "temperature": temperature}
    if REASONING.search(model):
        params = {"max_completion_tokens": most}
    if answer_format == "json":
        params["response_format"] = {"type": "json_object"}
    params |= own or {}
    return {name: value for name, value in params.items() if value is not None}
