"""Where a model is served, and under which name its key lies in the environment.

A key is read from the environment when it is used and held by nothing that is printed, stored or compared. A key is
only ever sent to the host it belongs to: `OPENAI_API_KEY` to OpenAI, `GEMINI_API_KEY` to Google, and
`MEDVIDBENCH_API_KEY` to an address the user spelled out.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from medvidbench.errors import MedVidBenchError

OPENAI_URL = "https://api.openai.com/v1"
GOOGLE_URL = "https://generativelanguage.googleapis.com/v1beta/openai"
OWN_KEY = "MEDVIDBENCH_API_KEY"
KEYS_BY_HOST = {"api.openai.com": "OPENAI_API_KEY", "generativelanguage.googleapis.com": "GEMINI_API_KEY"}
# what a key may look like when a server quotes one that isn't ours, or half of ours
KEY_SHAPES = re.compile(r"(?i:bearer)\s+[\w.~+/-]{6,}=*|\bsk-[\w*-]{6,}|\bAIza[\w-]{10,}")
HIDDEN = "[key]"
SHORTEST_SECRET = 12


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An OpenAI-compatible server.

    Attributes:
        base_url: up to and with the version ("http://localhost:8000/v1").
        key_variable: environment variable that holds the key; "" for a server that takes none.
        key_required: whether a missing key is an error before the first call.
    """

    base_url: str
    key_variable: str = ""
    key_required: bool = False

    @property
    def api_key(self) -> str:
        """The key from the environment, "" when there is none.

        Raises:
            MedVidBenchError: there is none and the server needs one.
        """
        key = os.environ.get(self.key_variable, "") if self.key_variable else ""
        if not key and self.key_required:
            seen = f"{self.base_url} needs a key, and the environment variable {self.key_variable} is not set."
            raise MedVidBenchError(seen, remedy=f"export {self.key_variable}=...")
        return key

    def redact(self, text: str) -> str:
        """The text without this endpoint's key and without anything that looks like a key."""
        key = self._secret
        return KEY_SHAPES.sub(HIDDEN, text.replace(key, HIDDEN) if key else text)

    def redact_bytes(self, content: bytes) -> bytes:
        """A reply's body without this endpoint's key, for servers that repeat what they were sent."""
        key = self._secret
        return content.replace(key.encode(), HIDDEN.encode()) if key else content

    @property
    def _secret(self) -> str:
        """The key if it is one: local servers are given words like EMPTY, and replies may hold those."""
        key = os.environ.get(self.key_variable, "") if self.key_variable else ""
        return key if len(key) >= SHORTEST_SECRET else ""


def parse_model(text: str) -> tuple[str, Endpoint]:
    """The model's name and its server, from `gpt-4.1`, `gemini-2.5-flash` or `openai:MODEL[@BASE_URL]`.

    Raises:
        MedVidBenchError: neither a known name nor the spelled form, or an address that holds a password.
    """
    spelled = re.fullmatch(r"openai:(?P<model>.+?)(?:@(?P<url>https?://.+))?", text)
    model = spelled["model"] if spelled else text
    if spelled and spelled["url"]:
        return model, endpoint_at(spelled["url"])
    if model.startswith("gemini-"):
        return model, endpoint_at(GOOGLE_URL)
    if spelled or re.match(r"(gpt-|chatgpt-|o\d)", model):
        return model, endpoint_at(OPENAI_URL)
    raise MedVidBenchError(
        f"The model {text!r} has no server.",
        "a GPT or Gemini model by name, or openai:MODEL@BASE_URL",
        f"openai:{text}@http://localhost:8000/v1",
    )


def endpoint_at(url: str) -> Endpoint:
    """The endpoint at an address; OpenAI and Google need their key, other hosts get `MEDVIDBENCH_API_KEY` if set.

    Raises:
        MedVidBenchError: not an http(s) address, or one that holds a user name, a password or a query.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise MedVidBenchError(f"{url!r} is no server address.", "http://HOST[:PORT]/v1 or https://...")
    if parts.username or parts.password:
        seen = f"The address of {parts.hostname} holds a user name or password, which would end up in logs."
        raise MedVidBenchError(seen, remedy=f"leave it out and export {OWN_KEY}=...")
    if parts.query or parts.fragment:
        seen = f"The address of {parts.hostname} ends in a query, which no call could keep and every log would show."
        raise MedVidBenchError(seen, "an address up to its version, e.g. https://HOST/v1", f"export {OWN_KEY}=...")
    variable = KEYS_BY_HOST.get(parts.hostname)
    return Endpoint(url.rstrip("/"), variable or OWN_KEY, key_required=variable is not None)
