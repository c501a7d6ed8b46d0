"""A model for the test server that lists claims; what it answers is told by the caption's words."""

from __future__ import annotations

import json
import re
from typing import Any


def reply(request: dict[str, Any]) -> str:
    user = request["messages"][-1]["content"]
    fence = re.search(r"marker ([0-9a-f]{16})-REFERENCE", user)[1]
    caption = user.split(f"<<<{fence}-CAPTION\n")[1].split(f"\n{fence}-CAPTION>>>")[0]
    again = "(Request " in user
    if "garbage" in caption or ("mumble" in caption and not again):
        return "The caption looks fine to me."
    claim = {"status": "entailed", "category": "anatomy", "event": "none", "reference": "duct", "prediction": "duct"}
    claims = [claim]
    if "bile duct" in caption:
        claims.append(claim | {"status": "unsafe", "event": "critical structure cut", "prediction": "bile duct"})
    if "nonsense event" in caption:
        claims.append(claim | {"status": "unsafe", "event": "a bad day"})
    return "Here they are:\n" + json.dumps({"claims": claims})
